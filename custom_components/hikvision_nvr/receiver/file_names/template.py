"""The owner's own form of names: a template such as ``{any}_{date}{time}_{event}``.

A template is text with placeholders in braces; ``{{`` and ``}}`` are braces. It
describes the name without its extension. With slashes it also describes the folders
that the file is in, as many as it has, counted from the file: folders before those
may be anything. Upper and lower case are the same.

    {year}    four digits          {date}     {year}{month}{day}
    {year2}   two digits, 20xx     {time}     {hour}{minute}{second}
    {month} {day} {hour} {minute} {second}    two digits each
    {ms}      one to three digits, a number of milliseconds
    {event}   the camera's word for what it saw: letters, digits, - and _
    {channel} letters and digits   {plate}    anything but _
    {any}     anything, even nothing: as little as fits

No placeholder's text has a slash. Every one but ``{any}`` stands once. Those without a
fixed length cannot touch each other, and few may stand in one name: so there are few
ways to split a name, and the time to read one has a limit.
"""

from collections.abc import Iterator
from functools import lru_cache
import re
from string import Formatter
from typing import Literal

from ...model import Brand, DetectionType
from .form import FLAGS, Form

type Reason = Literal[
    "empty",
    "too_long",
    "braces",
    "unknown_placeholder",
    "repeated",
    "touching",
    "too_free",
    "incomplete_time",
    "says_nothing",
]

_LONGEST = 255

_FIXED = {
    "year": r"(?P<year>\d{4})",
    "year2": r"(?P<year>\d{2})",
    "month": r"(?P<month>\d{2})",
    "day": r"(?P<day>\d{2})",
    "hour": r"(?P<hour>\d{2})",
    "minute": r"(?P<minute>\d{2})",
    "second": r"(?P<second>\d{2})",
}
_SHORT = {"date": ("year", "month", "day"), "time": ("hour", "minute", "second")}
_FREE = {
    "ms": (r"(?P<ms>\d{1,3})", 3),
    "event": (r"(?P<event>[A-Za-z0-9_\-]{1,50}?)", 50),
    "channel": (r"(?P<channel>[A-Za-z0-9]{1,10})", 10),
    "plate": (r"(?P<plate>[^_/]{1,15}?)", 15),
    "any": (r"[^/]{0,100}?", 100),
}
PLACEHOLDERS = (*_FIXED, *_SHORT, *_FREE)

_MOST_SPLITS = 1_000_000
"""So many ways to split one name are tried in well under a second."""

_EXTENSION = re.compile(r"\.(?:jpe?g|mp4|mov|avi|mkv|dav|ts|\{ext\})$", FLAGS)
_DATE = frozenset({"year", "month", "day"})
_CLOCK = frozenset({"hour", "minute"})
_TIME = _DATE | _CLOCK | {"second", "ms"}


class TemplateError(ValueError):
    """A template cannot be used.

    ``reason`` names why, for translation; ``placeholders`` are the values that the
    translated text needs: ``placeholder`` where the reason is about one.
    """

    def __init__(self, reason: Reason, message: str, **placeholders: str) -> None:
        """Keep the reason and what its text shows."""
        super().__init__(message)
        self.reason: Reason = reason
        self.placeholders = placeholders


@lru_cache(maxsize=64)
def compile_template(template: str) -> Form:
    """Return the form of names that a template describes.

    Raises TemplateError when it is none.
    """
    text = _EXTENSION.sub("", template.strip().replace("\\", "/").strip("/"))
    if not text:
        raise TemplateError("empty", "The template is empty")
    if len(text) > _LONGEST:
        raise TemplateError("too_long", f"The template is over {_LONGEST} characters")
    names: list[str] = []
    parts = [_part(part, names) for part in text.split("/")]
    _check_meaning(names)
    # Looking ahead puts the template on the last folders at once, not on each in turn.
    end = rf"(?=[^/]*(?:/[^/]*){{{len(parts) - 1}}}\Z)"
    return Form(
        brand=Brand.TEMPLATE,
        pattern=re.compile(
            rf"(?:.*/)?{end}{'/'.join(parts)}",
            # Names may have line breaks.
            FLAGS | re.DOTALL,
        ),
        folders=True,
        unnamed=DetectionType.MOTION,
    )


def _part(part: str, names: list[str]) -> str:
    """Return the pattern of a folder or file; add its placeholders to ``names``.

    It is atomic: a name that does not fit does not make the folders be split anew.
    """
    pattern = ""
    splits = 1
    free_before = False
    for literal, name in _tokens(part):
        if literal:
            pattern += re.escape(literal)
            free_before = False
        if name is None:
            continue
        for plain in _SHORT.get(name, (name,)):
            field = "year" if plain == "year2" else plain
            if field != "any" and field in names:
                raise TemplateError(
                    "repeated", f"{{{name}}} stands twice", placeholder=name
                )
            names.append(field)
            if plain in _FIXED:
                pattern += _FIXED[plain]
                free_before = False
                continue
            piece, ways = _FREE[plain]
            if free_before:
                raise TemplateError(
                    "touching",
                    f"Nothing tells where {{{name}}} begins",
                    placeholder=name,
                )
            pattern += piece
            splits *= ways
            free_before = True
    if splits > _MOST_SPLITS:
        raise TemplateError("too_free", f"Too much of {part!r} may be anything")
    return f"(?>{pattern}(?=/|\\Z))"


def _tokens(part: str) -> Iterator[tuple[str, str | None]]:
    """Yield each piece of plain text with the placeholder after it."""
    try:
        tokens = list(Formatter().parse(part))
    except ValueError as error:
        raise TemplateError("braces", "A brace has no partner") from error
    for literal, name, spec, conversion in tokens:
        if name is not None:
            whole = name + (f"!{conversion}" if conversion else "")
            whole += f":{spec}" if spec else ""
            if whole not in _FIXED | _SHORT | _FREE:
                raise TemplateError(
                    "unknown_placeholder",
                    f"There is no placeholder {{{whole}}}",
                    placeholder=whole,
                )
        yield literal, name


def _check_meaning(names: list[str]) -> None:
    present = set(names)
    if present & _TIME and not present >= _DATE | _CLOCK:
        raise TemplateError(
            "incomplete_time", "A time needs year, month, day, hour and minute"
        )
    if not present - {"any"}:
        raise TemplateError("says_nothing", "The template reads nothing from a name")
