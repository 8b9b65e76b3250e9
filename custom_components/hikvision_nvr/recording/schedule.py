"""When a camera is recorded that is recorded by schedule."""

from datetime import datetime, timedelta

from ..model import Schedule


def began(schedule: Schedule, local: datetime) -> datetime | None:
    """Return when the time to record began that it is now; None outside of it.

    ``local`` is in Home Assistant's time zone.
    """
    # A time that goes on past midnight began yesterday.
    for days in (0, 1):
        day = local.date() - timedelta(days=days)
        if day.weekday() not in schedule.weekdays:
            continue
        begin = datetime.combine(day, schedule.begin, local.tzinfo)
        end = datetime.combine(day, schedule.end, local.tzinfo)
        if schedule.end <= schedule.begin:
            end = datetime.combine(day + timedelta(days=1), schedule.end, local.tzinfo)
        if begin <= local < end:
            return begin
    return None
