"""Reads what the name of an uploaded file says: type, channel and time of the event.

The patterns come from names that cameras were seen to send. They are an open set: a
name that fits none is no error, the file is kept all the same. Times are the camera's
wall clock without a zone.
"""

from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import PurePosixPath
import re

from ..model import Brand, CaptureKind, DetectionType, Sighting

_SNAPSHOT_SUFFIXES = frozenset({".jpg", ".jpeg"})
_CLIP_SUFFIXES = frozenset({".mp4", ".avi", ".dav", ".mkv", ".mov", ".ts"})

_SCHEDULED = "TIMING"

DETECTION_WORDS: dict[str, DetectionType] = {
    "MOTION": DetectionType.MOTION,
    "MOTION_DETECTION": DetectionType.MOTION,
    "VMD": DetectionType.MOTION,
    "LINE_CROSSING": DetectionType.LINE_CROSSING,
    "LINE_CROSSING_DETECTION": DetectionType.LINE_CROSSING,
    "LINE_DETECTION": DetectionType.LINE_CROSSING,
    "LINEDETECTION": DetectionType.LINE_CROSSING,
    "FIELD_DETECTION": DetectionType.INTRUSION,
    "FIELDDETECTION": DetectionType.INTRUSION,
    "INTRUSION": DetectionType.INTRUSION,
    "INTRUSION_DETECTION": DetectionType.INTRUSION,
    "REGION_ENTRANCE": DetectionType.REGION_ENTRANCE,
    "REGION_ENTRANCE_DETECTION": DetectionType.REGION_ENTRANCE,
    "REGION_EXITING": DetectionType.REGION_EXIT,
    "REGION_EXITING_DETECTION": DetectionType.REGION_EXIT,
    "FACE": DetectionType.FACE,
    "FACE_DETECTION": DetectionType.FACE,
    "FACE_CAPTURE": DetectionType.FACE,
    "PLATE": DetectionType.VEHICLE,
    "VEHICLE": DetectionType.VEHICLE,
    "VEHICLE_DETECTION": DetectionType.VEHICLE,
    "PIR": DetectionType.PIR,
    "PIR_ALARM": DetectionType.PIR,
    "AUDIO_DETECTION": DetectionType.AUDIO,
    "AUDIO_EXCEPTION": DetectionType.AUDIO,
    "ALARM_INPUT": DetectionType.ALARM_INPUT,
    "IO": DetectionType.ALARM_INPUT,
    "SHELTER_ALARM": DetectionType.TAMPER,
    "TAMPER_DETECTION": DetectionType.TAMPER,
    "VIDEO_LOSS": DetectionType.VIDEO_LOSS,
}
"""The cameras' words for detection types, in upper case."""

_TIME = r"(?P<time>\d{14})(?P<ms>\d{0,3})"
_EVENT = r"(?P<event>[A-Za-z0-9_\-]+)"
_FLAGS = re.IGNORECASE | re.ASCII

_HIKVISION = tuple(
    re.compile(pattern, _FLAGS)
    for pattern in (
        # 10.55.48.12_01_20250519124208101_MOTION_DETECTION
        rf"\d{{1,3}}(?:\.\d{{1,3}}){{3}}_(?P<channel>[A-Za-z0-9]+)_{_TIME}(?:_{_EVENT})?",
        # 20241230152519495_N74DYX_VEHICLE_DETECTION: before the next, for the plate
        rf"{_TIME}_(?P<plate>[A-Za-z0-9]+)_(?P<event>VEHICLE_DETECTION)",
        # 20230528185610943_TIMING
        rf"{_TIME}_{_EVENT}",
    )
)
_ANY_TIME = re.compile(rf"(?<!\d){_TIME}(?!\d)", _FLAGS)
# The longest first: MOTION is a part of MOTION_DETECTION.
_WORDS = "|".join(sorted((_SCHEDULED, *DETECTION_WORDS), key=len, reverse=True))
_ANY_EVENT = re.compile(rf"(?:^|[_\-])(?P<event>{_WORDS})(?:[_\-]|$)", _FLAGS)

_EARLIEST = datetime(2010, 1, 1, tzinfo=UTC)
_AHEAD = timedelta(days=1)
"""A clock that is set wrong is at its epoch or far ahead; neither tells the time."""


def read_file_name(
    path: str, *, brand: Brand, arrived: datetime, time_zone: tzinfo
) -> Sighting:
    """Return what the path that a camera uploaded to says about the file.

    ``time_zone`` is the zone of the camera's clock. Without a believable time in the
    name the event time is ``arrived``.
    """
    leaf = PurePosixPath(path.replace("\\", "/"))
    kind = _kind(leaf.suffix)
    if kind is CaptureKind.OTHER:
        return _sighting(kind, None, arrived)
    if brand is Brand.OTHER:
        return _sighting(kind, DetectionType.MOTION, arrived)
    found = _find(leaf.stem, anywhere=brand is Brand.AUTO)
    event_time = _event_time(found, arrived, time_zone)
    raw_type = found.get("event")
    if raw_type is not None and raw_type.isdecimal():
        raw_type = None
    if raw_type is not None and raw_type.upper() == _SCHEDULED:
        detection_type = None
    else:
        detection_type = DETECTION_WORDS.get(
            (raw_type or "").upper(), DetectionType.OTHER
        )
    return Sighting(
        kind=kind,
        type=detection_type,
        raw_type=raw_type,
        channel=found.get("channel"),
        event_time=event_time,
        plate=found.get("plate"),
    )


def _find(stem: str, *, anywhere: bool) -> dict[str, str]:
    for pattern in _HIKVISION:
        if match := pattern.fullmatch(stem):
            return {key: text for key, text in match.groupdict().items() if text}
    found: dict[str, str] = {}
    if anywhere:
        for pattern in (_ANY_TIME, _ANY_EVENT):
            if match := pattern.search(stem):
                found |= {key: text for key, text in match.groupdict().items() if text}
    return found


def _kind(suffix: str) -> CaptureKind:
    if suffix.casefold() in _SNAPSHOT_SUFFIXES:
        return CaptureKind.SNAPSHOT
    if suffix.casefold() in _CLIP_SUFFIXES:
        return CaptureKind.CLIP
    return CaptureKind.OTHER


def _event_time(
    found: dict[str, str], arrived: datetime, time_zone: tzinfo
) -> datetime:
    try:
        wall = datetime.strptime(found["time"], "%Y%m%d%H%M%S")  # noqa: DTZ007
    except KeyError, ValueError:
        return arrived
    # Milliseconds are a number, not a fraction: cameras leave out leading zeros.
    wall += timedelta(milliseconds=int(found.get("ms") or 0))
    event_time = wall.replace(tzinfo=time_zone).astimezone(UTC)
    believable = _EARLIEST <= event_time <= arrived + _AHEAD
    return event_time if believable else arrived


def _sighting(
    kind: CaptureKind, detection_type: DetectionType | None, event_time: datetime
) -> Sighting:
    return Sighting(
        kind=kind,
        type=detection_type,
        raw_type=None,
        channel=None,
        event_time=event_time,
    )
