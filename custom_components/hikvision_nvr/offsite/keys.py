"""The layout of the bucket: which key means what.

Compatible with buckets that hikvision-aws-toolkit 1.0 filled, below the prefix::

    CAM/<file>                        unsorted
    CAM/YYYY-MM-DD/<file>             capture
    CAM/archive/YYYY-MM-DD.tar.gz     archive; a later part is YYYY-MM-DD.2.tar.gz
    CAM/archive/YYYY-MM-DD.index.json.gz   index of that archive
    CAM/recordings/YYYY-MM-DD/HH/<file>   recording, in UTC; no job touches these

Keys that end in ``/`` are markers, keys without a camera are other people's, and
folders that start with ``_`` are reserved: ours is ``_hikvision_nvr/``.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import PurePosixPath
import re
from typing import Final

from ..errors import OffsiteError

RESERVED_FOLDER: Final = "_hikvision_nvr"
ARCHIVE_FOLDER: Final = "archive"

_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_ARCHIVE: Final = re.compile(
    r"(?P<day>\d{4}-\d{2}-\d{2})(?:\.(?P<part>[1-9]\d*))?"
    r"\.(?P<kind>tar\.gz|index\.json\.gz)"
)


class ObjectKind(StrEnum):
    """What an object in a camera's folder is."""

    UNSORTED = "unsorted"
    CAPTURE = "capture"
    ARCHIVE = "archive"
    INDEX = "index"
    MARKER = "marker"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a key says: ``day`` is None for what is unsorted and for markers."""

    kind: ObjectKind
    camera: str
    name: str
    day: date | None = None
    part: int = 1


@dataclass(frozen=True, slots=True)
class Layout:
    """Makes and reads the keys below one prefix."""

    prefix: str

    @classmethod
    def below(cls, prefix: str) -> Layout:
        """Make the layout for a prefix as the owner typed it."""
        return cls(normalise_prefix(prefix))

    def capture_key(self, relative_path: str) -> str:
        """Return the key of a capture; its path is ``CAM/YYYY-MM-DD/file``."""
        return self.prefix + relative_path

    def recording_key(self, relative_path: str) -> str:
        """Return the key of a segment; its path is ``CAM/recordings/DAY/HOUR/file``."""
        return self.prefix + relative_path

    def camera_folder(self, camera: str) -> str:
        """Return the prefix of everything of a camera."""
        return f"{self.prefix}{camera}/"

    def day_folder(self, camera: str, day: date) -> str:
        """Return the prefix of a day's captures."""
        return f"{self.prefix}{camera}/{day.isoformat()}/"

    def archive_folder(self, camera: str) -> str:
        """Return the prefix of a camera's archives."""
        return f"{self.prefix}{camera}/{ARCHIVE_FOLDER}/"

    def archive_key(self, camera: str, day: date, part: int = 1) -> str:
        """Return the key of a day's archive; part 1 has the toolkit's name."""
        return f"{self.archive_folder(camera)}{_numbered(day, part)}.tar.gz"

    def index_key(self, camera: str, day: date, part: int = 1) -> str:
        """Return the key of the index beside an archive."""
        return f"{self.archive_folder(camera)}{_numbered(day, part)}.index.json.gz"

    def reserved_key(self, name: str) -> str:
        """Return the key of an object of our own that is no capture."""
        return f"{self.prefix}{RESERVED_FOLDER}/{name}"

    def camera_of(self, folder: str) -> str | None:
        """Return the camera whose folder this is, None for a reserved one."""
        camera = folder.removeprefix(self.prefix).rstrip("/")
        return camera if is_camera_name(camera) else None

    def parse(self, key: str) -> Place | None:
        """Say what an object is; None when it is not ours to touch."""
        if not key.startswith(self.prefix):
            return None
        camera, _, rest = key.removeprefix(self.prefix).partition("/")
        if not is_camera_name(camera) or not key.removeprefix(self.prefix + camera):
            return None
        if not rest or rest.endswith("/"):
            return Place(kind=ObjectKind.MARKER, camera=camera, name=rest)
        folder, slash, name = rest.rpartition("/")
        if not slash:
            return Place(kind=ObjectKind.UNSORTED, camera=camera, name=name)
        if folder == ARCHIVE_FOLDER:
            return _archive_place(camera, name)
        if (day := parse_day(folder)) is not None:
            return Place(kind=ObjectKind.CAPTURE, camera=camera, name=name, day=day)
        return None


def normalise_prefix(prefix: str) -> str:
    """Return the prefix with single slashes, none in front and one at its end."""
    parts = [part for part in prefix.strip().split("/") if part]
    return "/".join(parts) + "/" if parts else ""


def is_camera_name(name: str) -> bool:
    """Whether a folder of this name may belong to a camera."""
    return (
        bool(name)
        and name != ARCHIVE_FOLDER
        and not name.startswith("_")
        and "/" not in name
    )


def require_camera(name: str) -> str:
    """Return the name; raises OffsiteError if no camera's folder can have it."""
    if not is_camera_name(name):
        raise OffsiteError(f"{name!r} is no camera's folder")
    return name


def parse_day(text: str) -> date | None:
    """Read ``YYYY-MM-DD``, exactly as it is written in keys."""
    if not _DAY.fullmatch(text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def with_suffix(key: str, suffix: str) -> str:
    """Put ``~suffix`` before the extension: a name for other content."""
    folder, slash, name = key.rpartition("/")
    path = PurePosixPath(name)
    return f"{folder}{slash}{path.stem}~{suffix}{path.suffix}"


def _numbered(day: date, part: int) -> str:
    return day.isoformat() if part == 1 else f"{day.isoformat()}.{part}"


def _archive_place(camera: str, name: str) -> Place | None:
    match = _ARCHIVE.fullmatch(name)
    if match is None or (day := parse_day(match["day"])) is None:
        return None
    kind = ObjectKind.ARCHIVE if match["kind"] == "tar.gz" else ObjectKind.INDEX
    part = int(match["part"] or 1)
    return Place(kind=kind, camera=camera, name=name, day=day, part=part)
