"""Names of no brand in particular: wherever a date and a time stand, they are read."""

from collections.abc import Iterator
import re

from .form import CLOCK, DATE, FLAGS, IPV4, Form, UploadPath
from .words import COMMON_WORDS, alternatives

FORMS = (
    # 192.168.0.67_20210207230537_20210224_220227_0, seen in the tests of Hik.Web: the
    # first time is the same in all names.
    Form(
        brand=None,
        pattern=re.compile(rf"{IPV4}_\d{{14}}_{DATE}_{CLOCK}(?:_\d{{1,4}})?", FLAGS),
    ),
    # 2024Y06M01D14H/22M37S23 or E122M37S23 of Yi cameras: minute, second and length,
    # from threads of yi-hack
    Form(
        brand=None,
        pattern=re.compile(
            r"(?:.*/)?(?P<year>\d{4})Y(?P<month>\d{2})M(?P<day>\d{2})D(?P<hour>\d{2})H"
            r"/(?:E\d)?(?P<minute>\d{2})M(?P<second>\d{2})S\d{2}",
            FLAGS,
        ),
        folders=True,
    ),
)

# 20230528185610943, 2009_10_12@195037, 20180807-135928, 2021-01-09 14.05.06
_TIME = re.compile(
    r"(?<!\d)(?P<year>(?:19|20)\d{2})(?P<gap>[-_.]?)(?P<month>\d{2})(?P=gap)"
    r"(?P<day>\d{2})[-_ T.@]{0,3}"
    r"(?P<hour>\d{2})[-_.:]?(?P<minute>\d{2})[-_.:]?(?P<second>\d{2})(?P<ms>\d{0,3})"
    r"(?!\d)",
    FLAGS,
)
_FOLDER_DATE = re.compile(
    r"(?:^|/)(?P<year>(?:19|20)\d{2})(?P<gap>[-_./]?)(?P<month>\d{2})(?P=gap)"
    r"(?P<day>\d{2})(?=/|$)",
    FLAGS,
)
# Six digits together may as well count files.
_CLOCK = re.compile(
    r"(?<!\d)(?P<hour>\d{2})(?P<gap>[-_.:])(?P<minute>\d{2})(?P=gap)(?P<second>\d{2})"
    r"(?!\d)",
    FLAGS,
)
_WORD = re.compile(
    rf"(?:^|[_\- ])(?P<event>{alternatives(COMMON_WORDS)})(?:[_\- ]|$)", FLAGS
)


def times(path: UploadPath) -> Iterator[dict[str, str]]:
    """Yield what may be a time in the name, or in the folders and the name."""
    for match in _TIME.finditer(path.stem):
        yield match.groupdict()
    dates = list(_FOLDER_DATE.finditer(path.folders))
    clock = _CLOCK.search(path.stem)
    if dates and clock is not None:
        yield dates[-1].groupdict() | clock.groupdict()


def event(path: UploadPath) -> str | None:
    """Return the first word in the name that means something."""
    match = _WORD.search(path.stem)
    return None if match is None else match["event"]
