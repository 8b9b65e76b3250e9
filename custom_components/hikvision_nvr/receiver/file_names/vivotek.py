"""Vivotek and the brands it makes: names as its manuals print them.

The manual of the FD6111V (page 54) has those with a prefix, that of the ND8422P
(page 76) those with a MAC address; how the latter writes date and time, it does not say.
"""

import re

from ...model import Brand
from .form import CLOCK, DATE, FLAGS, MAC, Certainty, Form

FORMS = (
    # <prefix>_20050107180653_1_pre: before, at and after the event
    Form(
        brand=Brand.VIVOTEK,
        pattern=re.compile(rf"[^/]*_{DATE}{CLOCK}_\d{{1,4}}_(?:pre|trg|pos)", FLAGS),
    ),
    # 0002D1730202_20210109_140506_1
    Form(
        brand=Brand.VIVOTEK,
        pattern=re.compile(
            rf"{MAC}_(?P<year>\d{{4}})[-.]?(?P<month>\d{{2}})[-.]?(?P<day>\d{{2}})"
            r"_(?P<hour>\d{2})[-.]?(?P<minute>\d{2})[-.]?(?P<second>\d{2})"
            r"_(?P<channel>\d{1,3})(?:_\d{1,6})?",
            FLAGS,
        ),
        certainty=Certainty.LIKELY,
    ),
    # <prefix>_20050107175903: sent every so often, whatever happens
    Form(
        brand=Brand.VIVOTEK,
        pattern=re.compile(rf"[^/]*_{DATE}{CLOCK}", FLAGS),
        certainty=Certainty.ONLY_IF_CHOSEN,
        unnamed=None,
    ),
)
