"""Uniview: no name that a camera uploaded is publicly known.

The one form is that of pictures taken in the web page of a recorder, as the manual of
a brand made by Uniview (Ksenia) has it: address, camera number and time. Hikvision has
the same, so it is read only where Uniview was chosen. What a camera's own naming rule
makes is read by ``generic`` or by a template.
"""

import re

from ...model import Brand
from .form import FLAGS, IPV4, STAMP, Certainty, Form

FORMS = (
    # 192.168.1.13_1_20240115093001250
    Form(
        brand=Brand.UNIVIEW,
        pattern=re.compile(
            rf"{IPV4}_(?P<channel>[A-Za-z0-9]{{1,32}})_{STAMP}"
            r"(?:_(?P<event>[A-Za-z0-9_\-]+))?",
            FLAGS,
        ),
        certainty=Certainty.ONLY_IF_CHOSEN,
    ),
)
