"""The words of ISAPI for what a device detects, and what they mean."""

from collections.abc import Mapping

from ..model import DetectionType

EVENT_TYPES: Mapping[str, DetectionType] = {
    "vmd": DetectionType.MOTION,
    "motiondetection": DetectionType.MOTION,
    "linedetection": DetectionType.LINE_CROSSING,
    "fielddetection": DetectionType.INTRUSION,
    "regionentrance": DetectionType.REGION_ENTRANCE,
    "regionexiting": DetectionType.REGION_EXIT,
    "facedetection": DetectionType.FACE,
    "facesnap": DetectionType.FACE,
    "vehicledetection": DetectionType.VEHICLE,
    "anpr": DetectionType.VEHICLE,
    "pir": DetectionType.PIR,
    "audioexception": DetectionType.AUDIO,
    "audiodetection": DetectionType.AUDIO,
    "io": DetectionType.ALARM_INPUT,
    "shelteralarm": DetectionType.TAMPER,
    "tamperdetection": DetectionType.TAMPER,
    "tamper": DetectionType.TAMPER,
    "videoloss": DetectionType.VIDEO_LOSS,
}
"""In lower case: firmware writes VMD and vmd."""


def detection_type(event_type: str) -> DetectionType:
    """Return what an event is; OTHER where nobody knows it."""
    return EVENT_TYPES.get(event_type.lower(), DetectionType.OTHER)
