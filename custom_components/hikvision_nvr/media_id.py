"""What the identifiers of the media source name, and how they are written.

Each is a frozen value whose ``str()`` is its identifier; ``parse`` reads it back.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import override

from .const import DOMAIN


@dataclass(frozen=True, slots=True)
class RecorderId:
    """A recorder: its cameras are below it."""

    entry_id: str

    @override
    def __str__(self) -> str:
        """Return the identifier."""
        return self.entry_id


@dataclass(frozen=True, slots=True)
class CameraId:
    """A camera: its days are below it, from the offset-th newest on."""

    entry_id: str
    folder: str
    offset: int = 0

    @override
    def __str__(self) -> str:
        """Return the identifier."""
        return f"{self.entry_id}/camera/{self.folder}{_page(self.offset)}"


@dataclass(frozen=True, slots=True)
class DayId:
    """A camera's day: its captures are below it, from the offset-th newest on."""

    entry_id: str
    folder: str
    day: date
    offset: int = 0

    @override
    def __str__(self) -> str:
        """Return the identifier."""
        day = self.day.isoformat()
        return f"{self.entry_id}/day/{self.folder}/{day}{_page(self.offset)}"


@dataclass(frozen=True, slots=True)
class CaptureId:
    """A snapshot or clip."""

    entry_id: str
    capture_id: str

    @override
    def __str__(self) -> str:
        """Return the identifier."""
        return f"{self.entry_id}/capture/{self.capture_id}"

    @property
    def media_id(self) -> str:
        """Return the id that media players and automations use."""
        return f"media-source://{DOMAIN}/{self}"


@dataclass(frozen=True, slots=True)
class RecordingsId:
    """The recordings of a camera's day: hours are below it."""

    entry_id: str
    folder: str
    day: date

    @override
    def __str__(self) -> str:
        """Return the identifier."""
        return f"{self.entry_id}/recordings/{self.folder}/{self.day.isoformat()}"


@dataclass(frozen=True, slots=True)
class FootageId:
    """Footage of a camera, from a time to another: aware, to the microsecond."""

    entry_id: str
    folder: str
    start: datetime
    end: datetime

    @override
    def __str__(self) -> str:
        """Return the identifier."""
        return (
            f"{self.entry_id}/footage/{self.folder}"
            f"/{_compact(self.start)}/{_compact(self.end)}"
        )

    @property
    def media_id(self) -> str:
        """Return the id that media players and automations use."""
        return f"media-source://{DOMAIN}/{self}"


@dataclass(frozen=True, slots=True)
class DeviceRecordingsId:
    """What the device of a camera has recorded on a day itself."""

    entry_id: str
    folder: str
    day: date

    @override
    def __str__(self) -> str:
        """Return the identifier."""
        return f"{self.entry_id}/device/{self.folder}/{self.day.isoformat()}"


@dataclass(frozen=True, slots=True)
class ReplayId:
    """Footage on the device of a camera, from a time to another: aware."""

    entry_id: str
    folder: str
    start: datetime
    end: datetime

    @override
    def __str__(self) -> str:
        """Return the identifier."""
        return (
            f"{self.entry_id}/replay/{self.folder}"
            f"/{_compact(self.start)}/{_compact(self.end)}"
        )


type MediaId = (
    RecorderId
    | CameraId
    | DayId
    | CaptureId
    | RecordingsId
    | FootageId
    | DeviceRecordingsId
    | ReplayId
)


def parse(identifier: str) -> MediaId:
    """Return what an identifier names. Raises ValueError when it names nothing."""
    match identifier.split("/"):
        case [entry_id] if entry_id:
            return RecorderId(entry_id)
        case [entry_id, "camera", folder, *page]:
            return CameraId(entry_id, folder, _offset(page))
        case [entry_id, "day", folder, day, *page]:
            return DayId(entry_id, folder, date.fromisoformat(day), _offset(page))
        case [entry_id, "capture", capture_id]:
            return CaptureId(entry_id, capture_id)
        case [entry_id, "recordings", folder, day]:
            return RecordingsId(entry_id, folder, date.fromisoformat(day))
        case [entry_id, "footage", folder, start, end]:
            return FootageId(entry_id, folder, _moment(start), _moment(end))
        case [entry_id, "device", folder, day]:
            return DeviceRecordingsId(entry_id, folder, date.fromisoformat(day))
        case [entry_id, "replay", folder, start, end]:
            return ReplayId(entry_id, folder, _moment(start), _moment(end))
    raise ValueError(f"Not an identifier of a recorder's media: {identifier!r}")


def _compact(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%S.%f}Z"


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"Not a time with a zone: {text!r}")
    return moment


def _page(offset: int) -> str:
    return f"/{offset}" if offset else ""


def _offset(page: list[str]) -> int:
    if not page:
        return 0
    (text,) = page
    if (offset := int(text)) < 0:
        raise ValueError(f"Not an offset: {text!r}")
    return offset
