"""Dahua and the brands it makes (Amcrest, IMOU, EmpireTech).

Date, channel and hour are folders. In brackets after the time stand a letter for what
started the recording and numbers that mean nothing here. All forms come from examples
in public code and threads; what the letters mean, from Dahua's documentation.
"""

import re

from ...model import Brand, DetectionType
from .form import FLAGS, STAMP, Form

_LETTERS: dict[str, DetectionType | None] = {
    "R": None,
    "M": DetectionType.MOTION,
    "A": DetectionType.ALARM_INPUT,
    # A smart rule; which one, the name does not say.
    "I": DetectionType.OTHER,
}

_LETTER = r"\[(?P<event>[A-Z])\](?:\[[^\]/]*\]){0,6}"
_DAY = r"(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})"
_FOLDER_CHANNEL = r"(?:pic_)?(?P<channel>\d{1,3})"
_BEFORE = rf"(?:.*/)?{_DAY}/{_FOLDER_CHANNEL}/(?:[a-z]+\d?/)?"
# A clip's name has its beginning and its end.
_SPAN = (
    r"(?P<hour>\d{2})\.(?P<minute>\d{2})\.(?P<second>\d{2})"
    r"(?:-\d{2}\.\d{2}\.\d{2})?"
)


def _form(pattern: str, *, folders: bool = False) -> Form:
    return Form(
        brand=Brand.DAHUA,
        pattern=re.compile(pattern, FLAGS),
        folders=folders,
        words=_LETTERS,
    )


FORMS = (
    # <serial>/2018-07-25/001/jpg/09/50/04[M][0@0][0]
    _form(
        rf"{_BEFORE}(?P<hour>\d{{2}})/(?P<minute>\d{{2}})/(?P<second>\d{{2}}){_LETTER}",
        folders=True,
    ),
    # 2023-09-04/001/jpg/13/28.47[M][0@0][0]
    _form(
        rf"{_BEFORE}(?P<hour>\d{{2}})/(?P<minute>\d{{2}})\.(?P<second>\d{{2}}){_LETTER}",
        folders=True,
    ),
    # 2019-05-09/001/dav/08/08.00.00-08.05.00[R][0@0][0]
    _form(rf"{_BEFORE}(?:[^/]+/){{0,6}}{_SPAN}{_LETTER}", folders=True),
    # 2019-06-12_001_12.59.55-12.59.55[R][0@0][0]
    _form(rf"{_DAY}_{_FOLDER_CHANNEL}_{_SPAN}{_LETTER}"),
    # 001_20250107164038_[M][0@0][0]
    _form(rf"(?:[^/]*_)?{_FOLDER_CHANNEL}_{STAMP}_?{_LETTER}"),
    # NVR_ch1_main_20230619064223_20230619064228, exported by recorders
    _form(
        rf"[^/]*_ch(?P<channel>\d{{1,3}})_(?:main|sub|extra)\d?_{STAMP}(?:_\d{{14}})?"
    ),
    # The letter is read in folders of any other layout, too.
    _form(rf"[^/]*{_LETTER}"),
)
"""The most specific first."""
