"""What the recorder does by itself at its time: sorting, and deleting what is too old."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.event import async_track_time_change
from homeassistant.util import dt as dt_util

from .const import (
    CONF_FOLDER,
    CONF_KEEP_ARCHIVES,
    CONF_KEEP_LOCAL,
    CONF_KEEP_OFFSITE,
    CONF_S3,
    CONF_SORT_HOURLY,
    LOGGER,
)
from .coordinator import RecorderCoordinator
from .errors import RecorderError
from .local_jobs import KIND_PURGE_LOCAL
from .offsite import (
    DEFAULT_MAX_DELETE,
    DEFAULT_PATTERNS,
    GRACE,
    KIND_PURGE,
    KIND_SORT,
    PurgeScope,
)

SORT_MINUTE: Final = 10
"""Of each hour, as the predecessor's timetable had it."""
PURGE_HOUR: Final = 3
PURGE_MINUTE: Final = 40

type Job = tuple[str, dict[str, Any]]


def scheduled_sort() -> Job:
    """Return the job that sorts all that lies unsorted in the bucket."""
    return KIND_SORT, {
        "camera": None,
        "patterns": list(DEFAULT_PATTERNS),
        "grace": GRACE.total_seconds(),
        "dry_run": False,
    }


def scheduled_purges(
    camera: ConfigSubentry, *, offsite: bool, now: datetime
) -> list[Job]:
    """Return the jobs that delete what is older than the owner keeps of a camera.

    A day that is kept is counted in Home Assistant's time zone. What is only on the
    disk is not deleted where there is a bucket for it to go to.
    """
    jobs: list[Job] = []
    if days := _kept(camera.data, CONF_KEEP_LOCAL):
        arguments = _purge(camera, days, now)
        jobs.append(
            (KIND_PURGE_LOCAL, {**arguments, "include_not_offsite": not offsite})
        )
    if not offsite:
        return jobs
    for option, scope in (
        (CONF_KEEP_OFFSITE, PurgeScope.CAPTURES),
        (CONF_KEEP_ARCHIVES, PurgeScope.ARCHIVES),
    ):
        if days := _kept(camera.data, option):
            jobs.append(
                (KIND_PURGE, {**_purge(camera, days, now), "scope": str(scope)})
            )
    return jobs


@callback
def async_start_schedule(
    hass: HomeAssistant, coordinator: RecorderCoordinator
) -> CALLBACK_TYPE:
    """Do things at their times from now on. Returns what ends that."""
    entry = coordinator.config_entry
    ends: list[CALLBACK_TYPE] = []

    async def submit(jobs: list[Job]) -> None:
        for kind, arguments in jobs:
            try:
                await coordinator.engine.run(
                    coordinator.engine.jobs.submit(kind, arguments, once=True)
                )
            except RecorderError as err:
                LOGGER.warning("A scheduled job cannot be added: %s", err)

    async def sort(_now: datetime) -> None:
        await submit([scheduled_sort()])

    async def purge(now: datetime) -> None:
        offsite = bool(entry.data.get(CONF_S3))
        for camera in coordinator.cameras.values():
            await submit(scheduled_purges(camera, offsite=offsite, now=now))

    track = partial(async_track_time_change, hass)
    if entry.data.get(CONF_S3) and entry.options.get(CONF_SORT_HOURLY):
        ends.append(track(sort, minute=SORT_MINUTE, second=0))
    ends.append(track(purge, hour=PURGE_HOUR, minute=PURGE_MINUTE, second=0))

    @callback
    def end() -> None:
        for one in ends:
            one()

    return end


def _kept(data: Mapping[str, Any], option: str) -> int:
    """Return for how many days something is kept, 0 for ever."""
    return int(data.get(option, 0))


def _purge(camera: ConfigSubentry, days: int, now: datetime) -> dict[str, Any]:
    before = dt_util.as_local(now).date() - timedelta(days=days)
    return {
        "before": before.isoformat(),
        "camera": camera.data[CONF_FOLDER],
        "pattern": "*",
        "dry_run": False,
        "max_delete": DEFAULT_MAX_DELETE,
    }
