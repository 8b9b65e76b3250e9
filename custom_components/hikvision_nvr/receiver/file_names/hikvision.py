"""Hikvision: names that cameras, recorders and intercoms were seen to send.

Without a word on its source a form comes from examples in public code and threads.
"""

import re

from ...model import Brand
from .form import FLAGS, IPV4, STAMP, Certainty, Form
from .words import COMMON_WORDS, alternatives

# IPv6 with a dash for each colon, and two of them in front or for the zeros left out
_IPV6 = r"(?=[0-9a-f\-]*--|(?:[0-9a-f]{1,4}-){7})[0-9a-f\-]{2,47}"
_CHANNEL = r"(?P<channel>[A-Za-z0-9]{1,32})"
_EVENT = r"(?P<event>[A-Za-z0-9_\-]+?)"
# A number after the event, or where it would be, only counts files.
_COUNT = r"(?:_\d{1,4})?"
_KNOWN_EVENT = (
    rf"(?P<event>{alternatives(COMMON_WORDS)}|[A-Za-z][A-Za-z_]*_DETECTION){_COUNT}"
)
_OWN_WORDS = frozenset(word for word in COMMON_WORDS if "_" in word or word == "TIMING")
_PLATE = r"(?P<plate>[^_/]{1,16})"


def _form(
    pattern: str, certainty: Certainty = Certainty.SURE, *, folders: bool = False
) -> Form:
    return Form(
        brand=Brand.HIKVISION,
        pattern=re.compile(pattern, FLAGS),
        certainty=certainty,
        folders=folders,
    )


FORMS = (
    # 10.55.48.12_01_20250519124208101_MOTION_DETECTION, with or without an event,
    # and with what a server or the picture name prefix puts in front of it.
    _form(rf"(?:[^/]*_)?{IPV4}_{_CHANNEL}_{STAMP}(?:_{_EVENT})?{_COUNT}"),
    # --fe80--1-2_01_20250519124208101_MOTION_DETECTION; the form is known, not a name
    _form(rf"(?:[^/]*_)?{_IPV6}_{_CHANNEL}_{STAMP}(?:_{_EVENT})?{_COUNT}"),
    # <time>_<event>_<address> of video intercoms; the form is known, not a name
    _form(rf"{STAMP}_{_EVENT}_{IPV4}"),
    # 20241230152519495_N74DYX_VEHICLE_DETECTION of plate readers
    _form(rf"{STAMP}_{_PLATE}_(?P<event>VEHICLE_DETECTION){_COUNT}"),
    # 3/Approach_20241230152519495_N74DYX_PLATE of plate readers with naming rules; the
    # form is known, not a name
    _form(
        r"(?:(?:.*/)?(?P<channel>\d{1,3})/|(?:.*/)?)"
        rf"[^/]*_{STAMP}_{_PLATE}_(?P<event>PLATE){_COUNT}",
        folders=True,
    ),
    # gg_733804851_20190319124752348_MOTION_DETECTION: the serial number takes the
    # place of address and channel where a picture name prefix is set.
    _form(
        rf"(?:[^/]*_)?(?=[A-Z]{{0,4}}\d)[A-Z0-9]{{6,32}}_{STAMP}_{_KNOWN_EVENT}",
        Certainty.LIKELY,
    ),
    # 20230528185610943_TIMING
    _form(rf"{STAMP}_{_KNOWN_EVENT}", Certainty.LIKELY),
    # current_TIMING, the same name again and again
    _form(
        rf"(?:[^/]*?[_\-])?(?P<event>{alternatives(_OWN_WORDS)}){_COUNT}",
        Certainty.LIKELY,
    ),
    _form(rf"(?:[^/]*_)?{STAMP}_{_EVENT}{_COUNT}", Certainty.ONLY_IF_CHOSEN),
    _form(rf"(?:[^/]*_)?{STAMP}", Certainty.ONLY_IF_CHOSEN),
)
"""The most specific first."""
