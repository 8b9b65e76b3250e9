"""The time in a name: the camera's wall clock, without a zone."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo

_EARLIEST = datetime(2010, 1, 1, tzinfo=UTC)
_AHEAD = timedelta(days=1)
"""A clock that is set wrong is at its epoch or far ahead; neither tells the time."""


def name_time(
    found: Mapping[str, str], arrived: datetime, time_zone: tzinfo
) -> datetime | None:
    """Return the time that the parts of a name make, in UTC; None where they make none.

    An hour that a change of clocks repeats is the one nearer to the arrival.
    """
    try:
        year = int(found["year"])
        wall = datetime(  # noqa: DTZ001
            year + 2000 if len(found["year"]) == 2 else year,
            int(found["month"]),
            int(found["day"]),
            int(found["hour"]),
            int(found["minute"]),
            int(found.get("second") or 0),
        )
        wall += timedelta(
            milliseconds=int(found.get("ms") or 0) + 10 * int(found.get("centi") or 0)
        )
        moments = [
            wall.replace(tzinfo=time_zone, fold=fold).astimezone(UTC) for fold in (0, 1)
        ]
    except KeyError, ValueError, OverflowError:
        return None
    return min(moments, key=lambda moment: abs(moment - arrived))


def believable(moment: datetime, arrived: datetime) -> bool:
    """Whether something can have happened then that arrives now."""
    return moment >= _EARLIEST and moment - arrived <= _AHEAD
