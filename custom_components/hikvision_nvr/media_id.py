"""What the identifiers of the media source name, and how they are written.

Each is a frozen value whose ``str()`` is its identifier; ``parse`` reads it back. An
identifier is the recorder, a word for the kind and the fields in their order, between
slashes; fields at the end that have their default are left out.
"""

from collections.abc import Callable
from dataclasses import MISSING, Field, dataclass, fields
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, ClassVar, Final, override

from .const import DOMAIN
from .model import DetectionType


class Section(StrEnum):
    """What there is of a camera."""

    EVENTS = "events"
    RECORDINGS = "recordings"
    ARCHIVES = "archives"
    DEVICE = "device"


class Order(StrEnum):
    """What comes first."""

    NEWEST = "newest"
    OLDEST = "oldest"
    USUAL = "usual"
    """As the owner has chosen it in the recorder's options."""


class Scheduled(StrEnum):
    """What stands for the type of a picture that is no detection."""

    SCHEDULED = "scheduled"


type CaptureType = DetectionType | Scheduled


def _capture_type(text: str) -> CaptureType:
    return Scheduled(text) if text in Scheduled else DetectionType(text)


@dataclass(frozen=True, slots=True)
class MediaId:
    """Anything in the media source of a recorder."""

    word: ClassVar[str] = ""

    entry_id: str

    @override
    def __str__(self) -> str:
        """Return the identifier."""
        names = list(fields(self))[1:]
        while names and names[-1].default == getattr(self, names[-1].name):
            names.pop()
        texts = [_write(getattr(self, one.name)) for one in names]
        entry_id = _write(self.entry_id)
        if not texts and not self.word:
            return entry_id
        return "/".join([entry_id, self.word, *texts])

    @property
    def media_id(self) -> str:
        """Return the id that media players and automations use."""
        return f"media-source://{DOMAIN}/{self}"


@dataclass(frozen=True, slots=True)
class RecorderId(MediaId):
    """A recorder: its cameras are below it."""


@dataclass(frozen=True, slots=True)
class CameraId(MediaId):
    """A camera: what there is of it is below it."""

    word: ClassVar[str] = "camera"

    folder: str


@dataclass(frozen=True, slots=True)
class SectionId(MediaId):
    """One of the things that there are of a camera: its days are below it."""

    word: ClassVar[str] = "section"

    folder: str
    section: Section
    order: Order = Order.USUAL
    offset: int = 0


@dataclass(frozen=True, slots=True)
class DayId(MediaId):
    """A camera's day, one part of it, or the captures of one type on it.

    ``hour`` is counted from midnight on, which makes 23 to 25 of a day.
    """

    word: ClassVar[str] = "day"

    folder: str
    section: Section
    day: date
    order: Order = Order.USUAL
    offset: int = 0
    hour: int | None = None
    type: CaptureType | None = None

    @property
    def is_part(self) -> bool:
        """Whether it is a part of a day, which is not split any further."""
        return self.hour is not None or self.type is not None


@dataclass(frozen=True, slots=True)
class RestoreId(MediaId):
    """What tells how to bring an archived day back."""

    word: ClassVar[str] = "restore"

    folder: str
    day: date


@dataclass(frozen=True, slots=True)
class CaptureId(MediaId):
    """A snapshot or clip."""

    word: ClassVar[str] = "capture"

    capture_id: str


@dataclass(frozen=True, slots=True)
class FootageId(MediaId):
    """Footage of a camera, from a time to another: aware, to the microsecond.

    ``section`` tells whether the recorder has it or the camera's device.
    """

    word: ClassVar[str] = "footage"

    folder: str
    start: datetime
    end: datetime
    section: Section = Section.RECORDINGS


def _offset(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"Not a number: {text!r}")
    return int(text)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"Not a time with a zone: {text!r}")
    return moment.astimezone(UTC)


def _or_none[T](read: Callable[[str], T]) -> Callable[[str], T | None]:
    return lambda text: None if text == _NONE else read(text)


_NONE: Final = "-"
_READERS: Final[dict[Any, Callable[[str], Any]]] = {
    str: lambda text: text.replace("%2F", "/").replace("%25", "%"),
    int: _offset,
    date: date.fromisoformat,
    datetime: _moment,
    Section: Section,
    Order: Order,
    int | None: _or_none(_offset),
    CaptureType | None: _or_none(_capture_type),
}
"""How each type of a field is read; ``_write`` is its opposite."""

_KINDS: Final[dict[str, type[MediaId]]] = {
    kind.word: kind
    for kind in (
        RecorderId,
        CameraId,
        SectionId,
        DayId,
        RestoreId,
        CaptureId,
        FootageId,
    )
}
"""Every kind of identifier, by its word."""


def parse(identifier: str) -> MediaId:
    """Return what an identifier names. Raises ValueError when it names nothing."""
    entry_id, *rest = identifier.split("/")
    word, texts = (rest[0], rest[1:]) if rest else ("", [])
    kind = _KINDS.get(word)
    if not entry_id or kind is None or (rest and not word):
        raise _not_one(identifier)
    known = list(fields(kind))[1:]
    needed = sum(one.default is MISSING for one in known)
    if not needed <= len(texts) <= len(known):
        raise _not_one(identifier)
    try:
        values = [_read(one, text) for one, text in zip(known, texts, strict=False)]
    except ValueError as err:
        raise _not_one(identifier) from err
    return kind(_READERS[str](entry_id), *values)


def _read(field: Field[Any], text: str) -> Any:
    return _READERS[field.type](text)


def _write(value: object) -> str:
    if value is None:
        return _NONE
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y%m%dT%H%M%S.%f}Z"
    return str(value).replace("%", "%25").replace("/", "%2F")


def _not_one(identifier: str) -> ValueError:
    return ValueError(f"Not an identifier of a recorder's media: {identifier!r}")
