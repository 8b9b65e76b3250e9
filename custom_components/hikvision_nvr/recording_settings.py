"""Recording: its forms, and what becomes of what the owner entered there."""

from collections.abc import Mapping
from datetime import time, timedelta
from typing import Any

from homeassistant.const import UnitOfInformation, UnitOfTime
from homeassistant.data_entry_flow import section
from homeassistant.helpers.selector import (
    BooleanSelector,
    TimeSelector,
)
import voluptuous as vol

from .const import (
    CONF_DETECTION_DAYS,
    CONF_POST_ROLL,
    CONF_PRE_ROLL,
    CONF_RECORDING_AUDIO,
    CONF_RECORDING_BASIC,
    CONF_RECORDING_DAYS,
    CONF_RECORDING_MODE,
    CONF_RECORDING_OFFSITE,
    CONF_RECORDING_READER,
    CONF_RECORDING_SIZE,
    CONF_SCHEDULE_BEGIN,
    CONF_SCHEDULE_DAYS,
    CONF_SCHEDULE_END,
    CONF_SYNC_INTERVAL,
    DEFAULT_POST_ROLL,
    DEFAULT_PRE_ROLL,
    DEFAULT_SYNC_INTERVAL,
    SECTION_RECORDING,
    WEEKDAYS,
)
from .fields import choice, number
from .model import (
    OffsiteRecordings,
    RecordingMode,
    RecordingSettings,
    RetentionSettings,
    Schedule,
    StreamReader,
)

_GIGABYTE = 10**9
_MIDNIGHT = "00:00:00"
_SYNC_INTERVALS = ("2", "10", "30")
"""Seconds."""


_DAYS = number(0, 36500, UnitOfTime.DAYS)
_SIZE = number(0, 1_000_000, UnitOfInformation.GIGABYTES)
_SECONDS = number(0, 300, UnitOfTime.SECONDS)

_CAMERA_FIELDS = {
    vol.Required(CONF_RECORDING_MODE, default=RecordingMode.OFF.value): choice(
        tuple(RecordingMode), "recording_mode"
    ),
    vol.Required(CONF_RECORDING_AUDIO, default=True): BooleanSelector(),
    vol.Required(CONF_PRE_ROLL, default=DEFAULT_PRE_ROLL): _SECONDS,
    vol.Required(CONF_POST_ROLL, default=DEFAULT_POST_ROLL): _SECONDS,
    vol.Required(CONF_SCHEDULE_DAYS, default=list(WEEKDAYS)): choice(
        WEEKDAYS, "weekdays", multiple=True
    ),
    vol.Required(CONF_SCHEDULE_BEGIN, default=_MIDNIGHT): TimeSelector(),
    vol.Required(CONF_SCHEDULE_END, default=_MIDNIGHT): TimeSelector(),
    vol.Required(CONF_RECORDING_DAYS, default=0): _DAYS,
    vol.Required(CONF_RECORDING_SIZE, default=0): _SIZE,
    vol.Required(CONF_RECORDING_OFFSITE, default=OffsiteRecordings.OFF.value): choice(
        tuple(OffsiteRecordings), "recording_offsite"
    ),
    vol.Required(CONF_RECORDING_READER, default=StreamReader.AUTO.value): choice(
        tuple(StreamReader), "recording_reader"
    ),
    vol.Required(CONF_RECORDING_BASIC, default=False): BooleanSelector(),
}
CAMERA_RECORDING_KEYS = tuple(str(key) for key in _CAMERA_FIELDS)

# A default of the section itself would keep the frontend from showing those of its
# fields; without the section a camera stays as it is.
CAMERA_RECORDING_SECTION: dict[vol.Marker, Any] = {
    vol.Optional(SECTION_RECORDING): section(
        vol.Schema(_CAMERA_FIELDS), {"collapsed": True}
    )
}

RECORDINGS_FORM = vol.Schema(
    {
        vol.Required(CONF_RECORDING_DAYS, default=0): _DAYS,
        vol.Required(CONF_DETECTION_DAYS, default=0): _DAYS,
        vol.Required(CONF_RECORDING_SIZE, default=0): _SIZE,
        vol.Required(CONF_SYNC_INTERVAL, default=DEFAULT_SYNC_INTERVAL): choice(
            _SYNC_INTERVALS, "sync_interval"
        ),
    }
)


def recording_mode(camera: Mapping[str, Any]) -> RecordingMode:
    """Return when a camera is recorded."""
    return RecordingMode(camera.get(CONF_RECORDING_MODE, RecordingMode.OFF))


def recording_settings(data: Mapping[str, Any], url: str) -> RecordingSettings:
    """Return how a camera is recorded; ``url`` is where its main stream is."""
    mode = recording_mode(data)
    return RecordingSettings(
        mode=mode,
        url=url,
        audio=data.get(CONF_RECORDING_AUDIO, True),
        reader=StreamReader(data.get(CONF_RECORDING_READER, StreamReader.AUTO)),
        basic=data.get(CONF_RECORDING_BASIC, False),
        pre_roll=timedelta(seconds=data.get(CONF_PRE_ROLL, DEFAULT_PRE_ROLL)),
        post_roll=timedelta(seconds=data.get(CONF_POST_ROLL, DEFAULT_POST_ROLL)),
        schedule=_schedule(data) if mode is RecordingMode.SCHEDULE else None,
        days=data.get(CONF_RECORDING_DAYS) or None,
        max_bytes=data.get(CONF_RECORDING_SIZE, 0) * _GIGABYTE or None,
        offsite=OffsiteRecordings(
            data.get(CONF_RECORDING_OFFSITE, OffsiteRecordings.OFF)
        ),
    )


def retention_settings(options: Mapping[str, Any]) -> RetentionSettings:
    """Return how long a recorder keeps recordings."""
    return RetentionSettings(
        days=options.get(CONF_RECORDING_DAYS) or None,
        detection_days=options.get(CONF_DETECTION_DAYS) or None,
        max_bytes=options.get(CONF_RECORDING_SIZE, 0) * _GIGABYTE or None,
    )


def sync_interval(options: Mapping[str, Any]) -> float:
    """Return after how many seconds recordings are on the disk for sure."""
    return float(options.get(CONF_SYNC_INTERVAL, DEFAULT_SYNC_INTERVAL))


def _schedule(data: Mapping[str, Any]) -> Schedule:
    """Return when a camera is recorded by schedule."""
    return Schedule(
        weekdays=frozenset(
            WEEKDAYS.index(day) for day in data.get(CONF_SCHEDULE_DAYS, WEEKDAYS)
        ),
        begin=time.fromisoformat(data.get(CONF_SCHEDULE_BEGIN, _MIDNIGHT)),
        end=time.fromisoformat(data.get(CONF_SCHEDULE_END, _MIDNIGHT)),
    )
