"""Recording: its forms, and what becomes of what the owner entered there."""

from collections.abc import Mapping
from datetime import time, timedelta
from typing import Any

from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import CONF_HOST, UnitOfInformation, UnitOfTime
from homeassistant.data_entry_flow import section
from homeassistant.helpers.selector import (
    BooleanSelector,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TimeSelector,
)
import voluptuous as vol

from .const import (
    CONF_CHANNEL,
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
    CONF_RTSP_PASSWORD,
    CONF_RTSP_PORT,
    CONF_RTSP_USERNAME,
    CONF_SCHEDULE_BEGIN,
    CONF_SCHEDULE_DAYS,
    CONF_SCHEDULE_END,
    CONF_STREAM_PATH,
    CONF_SYNC_INTERVAL,
    DEFAULT_POST_ROLL,
    DEFAULT_PRE_ROLL,
    DEFAULT_SYNC_INTERVAL,
    SECTION_RECORDING,
    WEEKDAYS,
)
from .model import (
    OffsiteRecordings,
    RecordingMode,
    RecordingSettings,
    RetentionSettings,
    Schedule,
    StreamReader,
)
from .recording.rtsp_url import rtsp_url

_GIGABYTE = 10**9
_MIDNIGHT = "00:00:00"
_SYNC_INTERVALS = ("2", "10", "30")
"""Seconds."""


def _number(last: int, unit: str) -> vol.All[Any]:
    """Return a field for a whole number from 0 on."""
    return vol.All(
        NumberSelector(
            NumberSelectorConfig(
                min=0,
                max=last,
                step=1,
                mode=NumberSelectorMode.BOX,
                unit_of_measurement=unit,
            )
        ),
        vol.Coerce(int),
    )


def _choice(
    options: tuple[str, ...], translation_key: str, *, multiple: bool = False
) -> SelectSelector:
    """Return a field to choose from a list."""
    return SelectSelector(
        SelectSelectorConfig(
            options=list(options),
            translation_key=translation_key,
            multiple=multiple,
            mode=SelectSelectorMode.LIST if multiple else SelectSelectorMode.DROPDOWN,
        )
    )


_DAYS = _number(36500, UnitOfTime.DAYS)
_SIZE = _number(1_000_000, UnitOfInformation.GIGABYTES)
_SECONDS = _number(300, UnitOfTime.SECONDS)

_CAMERA_FIELDS = {
    vol.Required(CONF_RECORDING_MODE, default=RecordingMode.OFF.value): _choice(
        tuple(RecordingMode), "recording_mode"
    ),
    vol.Required(CONF_RECORDING_AUDIO, default=True): BooleanSelector(),
    vol.Required(CONF_PRE_ROLL, default=DEFAULT_PRE_ROLL): _SECONDS,
    vol.Required(CONF_POST_ROLL, default=DEFAULT_POST_ROLL): _SECONDS,
    vol.Required(CONF_SCHEDULE_DAYS, default=list(WEEKDAYS)): _choice(
        WEEKDAYS, "weekdays", multiple=True
    ),
    vol.Required(CONF_SCHEDULE_BEGIN, default=_MIDNIGHT): TimeSelector(),
    vol.Required(CONF_SCHEDULE_END, default=_MIDNIGHT): TimeSelector(),
    vol.Required(CONF_RECORDING_DAYS, default=0): _DAYS,
    vol.Required(CONF_RECORDING_SIZE, default=0): _SIZE,
    vol.Required(CONF_RECORDING_OFFSITE, default=OffsiteRecordings.OFF.value): _choice(
        tuple(OffsiteRecordings), "recording_offsite"
    ),
    vol.Required(CONF_RECORDING_READER, default=StreamReader.AUTO.value): _choice(
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
        vol.Required(CONF_SYNC_INTERVAL, default=DEFAULT_SYNC_INTERVAL): _choice(
            _SYNC_INTERVALS, "sync_interval"
        ),
    }
)


def recording_mode(camera: Mapping[str, Any]) -> RecordingMode:
    """Return when a camera is recorded."""
    return RecordingMode(camera.get(CONF_RECORDING_MODE, RecordingMode.OFF))


def recording_settings(camera: ConfigSubentry) -> RecordingSettings:
    """Return how a camera is recorded."""
    data = camera.data
    mode = recording_mode(data)
    return RecordingSettings(
        mode=mode,
        url=rtsp_url(
            data[CONF_HOST],
            data[CONF_RTSP_PORT],
            data.get(CONF_RTSP_USERNAME, ""),
            data.get(CONF_RTSP_PASSWORD, ""),
            data[CONF_CHANNEL],
            path=data.get(CONF_STREAM_PATH, ""),
        ),
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
