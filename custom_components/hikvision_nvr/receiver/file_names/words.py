"""The words for detections in the names of files, and what they mean."""

from collections.abc import Mapping
import re

from ...model import DetectionType

DETECTION_WORDS: dict[str, DetectionType] = {
    "MOTION": DetectionType.MOTION,
    "MOTION_DETECTION": DetectionType.MOTION,
    "MDALARM": DetectionType.MOTION,
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
    "LICENSE_DETECTION": DetectionType.VEHICLE,
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

SCHEDULED_WORDS = frozenset({"TIMING"})
"""What a name says of a picture taken on a schedule, in upper case."""

COMMON_WORDS: Mapping[str, DetectionType | None] = DETECTION_WORDS | dict.fromkeys(
    SCHEDULED_WORDS
)
"""Every word that is read whatever the brand; None is no detection."""


def alternatives(words: Mapping[str, object] | frozenset[str]) -> str:
    """Return a pattern of these words, the longest first: MOTION begins others."""
    return "|".join(map(re.escape, sorted(words, key=lambda word: (-len(word), word))))


def meaning(
    word: str, words: Mapping[str, DetectionType | None]
) -> DetectionType | None:
    """Return the type that a word stands for; OTHER where nobody knows it."""
    return words.get(word.upper().replace("-", "_"), DetectionType.OTHER)
