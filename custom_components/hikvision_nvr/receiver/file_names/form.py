"""What a brand's table of names is made of: one form of names an entry."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
import re

from ...model import Brand, DetectionType
from .words import COMMON_WORDS

FLAGS = re.IGNORECASE | re.ASCII

# Named groups that a form may have: event, channel, plate, and for the time year (of
# four digits or two), month, day, hour, minute, second, ms and centi.
DATE = r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})"
CLOCK = r"(?P<hour>\d{2})(?P<minute>\d{2})(?P<second>\d{2})"
# Milliseconds are a number, not a fraction: cameras leave out leading zeros.
STAMP = rf"{DATE}{CLOCK}(?P<ms>\d{{0,3}})"
IPV4 = r"\d{1,3}(?:\.\d{1,3}){3}"
MAC = r"[0-9A-F]{2}(?:[-:]?[0-9A-F]{2}){5}"

_LONGEST_PART = 255
"""No file system that cameras use takes a longer name."""

_MOST_PARTS = 12
_NUMBERED = re.compile(r"~\d{1,6}$", re.ASCII)


class Certainty(IntEnum):
    """How sure it is that a name of a form comes from the form's brand."""

    SURE = 1
    LIKELY = 2
    ONLY_IF_CHOSEN = 3
    """Others have such names too: read only where the owner says it is the brand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A form of names.

    ``pattern`` fits the whole name without its extension or, with ``folders``, the
    whole path. ``words`` says what its event means, ``unnamed`` the type of a file
    whose name has none. ``brand`` is None for names that are nobody's in particular.
    """

    brand: Brand | None
    pattern: re.Pattern[str]
    certainty: Certainty = Certainty.SURE
    folders: bool = False
    words: Mapping[str, DetectionType | None] | None = None
    unnamed: DetectionType | None = DetectionType.OTHER

    def match(self, path: UploadPath) -> dict[str, str] | None:
        """Return the groups that have text, or None where the form does not fit."""
        match = self.pattern.fullmatch(path.whole if self.folders else path.stem)
        if match is None:
            return None
        return {group: text for group, text in match.groupdict().items() if text}

    @property
    def vocabulary(self) -> Mapping[str, DetectionType | None]:
        """The meaning of the events of this form."""
        return COMMON_WORDS if self.words is None else self.words


@dataclass(frozen=True, slots=True)
class UploadPath:
    """The path that a camera uploaded to, cut to what forms are tried on.

    ``suffix`` is the extension with its dot, ``stem`` the name without it.
    """

    folders: str
    stem: str
    suffix: str

    @property
    def whole(self) -> str:
        """Folders and name, without the extension."""
        return f"{self.folders}/{self.stem}" if self.folders else self.stem

    @classmethod
    def of(cls, path: str) -> UploadPath:
        """Take a path apart. TVT and ACTi write backslashes between folders.

        The patterns never see more than a few kilobytes, whatever a client sends.
        """
        tail = path[-_LONGEST_PART * _MOST_PARTS :].replace("\\", "/")
        parts = [part for part in tail.split("/") if part][-_MOST_PARTS:]
        leaf = parts.pop() if parts else ""
        stem, dot, extension = leaf.rpartition(".")
        suffix = f".{extension}"
        if not dot or not stem:
            stem, suffix = leaf, ""
        # The store numbers names that are there already; recovery reads those.
        stem = _NUMBERED.sub("", stem[-_LONGEST_PART:])
        folders = "/".join(part[-_LONGEST_PART:] for part in parts)
        return cls(folders, stem, suffix.casefold())
