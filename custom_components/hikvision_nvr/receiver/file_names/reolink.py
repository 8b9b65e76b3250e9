"""Reolink: the camera's name, a channel of two digits, and the time.

From examples in public code and threads. The name does not say why the file was sent;
cameras send on motion unless they are told to do otherwise.
"""

import re

from ...model import Brand, DetectionType
from .form import CLOCK, DATE, FLAGS, Certainty, Form

FORMS = (
    # garage-01_00_20260323182654
    Form(
        brand=Brand.REOLINK,
        pattern=re.compile(rf"[^/]+_(?P<channel>\d{{2}})_{DATE}{CLOCK}", FLAGS),
        certainty=Certainty.LIKELY,
        unnamed=DetectionType.MOTION,
    ),
)
