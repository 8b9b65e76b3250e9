"""Axis: names are rules of the owner; this is the one that new rules begin with.

``image%y-%m-%d_%H-%M-%S-%f_#s`` stands in public code that sets up cameras by VAPIX.
No uploaded name is publicly known; that %f has two digits, hundredths of a second, is
from Axis's help. A rule of one's own is read by ``generic`` or by a template.
"""

import re

from ...model import Brand
from .form import FLAGS, Certainty, Form

_TIME = (
    r"-(?P<month>\d{2})-(?P<day>\d{2})"
    r"_(?P<hour>\d{2})-(?P<minute>\d{2})-(?P<second>\d{2})"
    r"(?:-(?:(?P<centi>\d{2})|(?P<ms>\d{3})))?(?:_\d{1,10})?"
)

FORMS = (
    # image26-02-09_12-34-56-78_0
    Form(
        brand=Brand.AXIS,
        pattern=re.compile(rf"image(?P<year>\d{{2}}){_TIME}", FLAGS),
    ),
    Form(
        brand=Brand.AXIS,
        pattern=re.compile(rf"(?:[^/]*[^/\d])?(?P<year>\d{{2}}|\d{{4}}){_TIME}", FLAGS),
        certainty=Certainty.ONLY_IF_CHOSEN,
    ),
)
