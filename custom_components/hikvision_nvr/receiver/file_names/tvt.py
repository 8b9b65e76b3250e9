"""TVT and the brands it makes: the event, then the time in parts.

From documentation only: the manual of GeoVision's GV-TMEB5800 (page 59), a camera with
TVT's firmware, which has the rule of the names and this table of words.
"""

import re

from ...model import Brand, DetectionType
from .form import FLAGS, MAC, Form

_WORDS: dict[str, DetectionType | None] = {
    "MOTION": DetectionType.MOTION,
    "SENSOR": DetectionType.ALARM_INPUT,
    "TRIPWIRE": DetectionType.LINE_CROSSING,
    "PERIMETER": DetectionType.INTRUSION,
    "OSC": DetectionType.OTHER,
    "AVD": DetectionType.TAMPER,
    "CDD": DetectionType.OTHER,
    "VFD": DetectionType.FACE,
    # Written so in the manual.
    "VEHICE": DetectionType.VEHICLE,
    "VEHICLE": DetectionType.VEHICLE,
    "AOIENTRY": DetectionType.REGION_ENTRANCE,
    "AOILEAVE": DetectionType.REGION_EXIT,
    "PASSLINECOUNT": DetectionType.LINE_CROSSING,
    "TRAFFIC": DetectionType.INTRUSION,
    # News of the camera itself: nothing was seen.
    "IP": None,
    "SDFULL": None,
    "SDERROR": None,
}

_TIME = (
    r"(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})"
    r"-(?P<hour>\d{2})-(?P<minute>\d{2})-(?P<second>\d{2})-(?P<ms>\d{3})"
)


def _form(pattern: str, *, folders: bool = False) -> Form:
    return Form(
        brand=Brand.TVT,
        pattern=re.compile(pattern, FLAGS),
        folders=folders,
        words=_WORDS,
    )


FORMS = (
    # VFD_2021-01-09-14-05-06-123_001
    _form(rf"(?P<event>[A-Z]{{2,16}})_{_TIME}(?:_\d{{1,6}})?"),
    # 00-18-ae-a8-da-2a/VFD/2021-01-09/14/<any name>
    _form(
        rf"(?:.*/)?{MAC}/(?P<event>[A-Z]{{2,16}})/\d{{4}}-\d{{2}}-\d{{2}}/\d{{2}}/[^/]*",
        folders=True,
    ),
)
