"""The words that the rooms of the recorder share: cameras, detections, captures, settings.

Everything here is an immutable value. Times are aware ``datetime`` objects in UTC
unless a name says otherwise, sizes are bytes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from enum import StrEnum
from pathlib import Path


class DetectionType(StrEnum):
    """What a camera saw, in words that do not depend on its brand."""

    MOTION = "motion"
    LINE_CROSSING = "line_crossing"
    INTRUSION = "intrusion"
    REGION_ENTRANCE = "region_entrance"
    REGION_EXIT = "region_exit"
    FACE = "face"
    VEHICLE = "vehicle"
    PIR = "pir"
    AUDIO = "audio"
    ALARM_INPUT = "alarm_input"
    TAMPER = "tamper"
    VIDEO_LOSS = "video_loss"
    OTHER = "other"


MOTION_TYPES = frozenset(DetectionType) - {
    DetectionType.ALARM_INPUT,
    DetectionType.AUDIO,
    DetectionType.TAMPER,
    DetectionType.VIDEO_LOSS,
}
"""Detections in which something moved in front of the camera."""


class Brand(StrEnum):
    """Whose file names a camera uses."""

    AUTO = "auto"
    HIKVISION = "hikvision"
    OTHER = "other"


class CaptureKind(StrEnum):
    """What a stored file is."""

    SNAPSHOT = "snapshot"
    CLIP = "clip"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """A camera that delivers to the recorder.

    ``id`` never changes. ``folder`` is its folder in the store and the first part of
    its S3 keys; it stays as it was chosen when the camera was added, so that renaming
    a camera moves no file. ``password_hash`` is what ``receiver.passwords`` made.
    """

    id: str
    name: str
    folder: str
    brand: Brand
    username: str
    password_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What the name of an uploaded file says about it.

    ``type`` is None for a picture taken on a schedule, which is no detection.
    ``raw_type`` is the camera's own word for the type, if its name has one.
    """

    kind: CaptureKind
    type: DetectionType | None
    raw_type: str | None
    channel: str | None
    event_time: datetime
    plate: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """Something a camera saw: one incident, however many files it sent.

    ``event_time`` is when the camera says it happened, ``arrived`` when the last byte
    of its first file was here. ``file_name`` and ``capture_id`` name that first file.
    """

    id: str
    camera_id: str
    type: DetectionType
    raw_type: str | None
    channel: str | None
    plate: str | None
    event_time: datetime
    arrived: datetime
    file_name: str
    capture_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """A stored snapshot or clip.

    ``camera`` is the camera's folder. The file is ``<root>/<camera>/<day>/<name>``,
    ``day`` being the day of the event in Home Assistant's time zone. ``object_key``
    and ``uploaded`` are set once S3 has confirmed it.
    """

    id: str
    camera: str
    day: date
    name: str
    size: int
    sha256: str
    md5: str
    kind: CaptureKind
    type: DetectionType | None
    raw_type: str | None
    channel: str | None
    event_time: datetime
    arrived: datetime
    detection_id: str | None
    object_key: str | None = None
    uploaded: datetime | None = None

    @property
    def relative_path(self) -> str:
        """The path below the storage root, with forward slashes; also the S3 key."""
        return f"{self.camera}/{self.day.isoformat()}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """Captures that are not offsite yet. ``oldest`` is the arrival of the oldest."""

    files: int
    bytes: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderStatus:
    """The state of the recorder as its sensors show it.

    The offsite fields are None where no S3 is set up; ``offsite_connected`` also
    until the first attempt.
    """

    storage_used: int
    storage_free: int
    backlog: Backlog | None
    last_upload: datetime | None
    offsite_connected: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Settings:
    """Where the bucket is and how to open it. ``endpoint_url`` None means AWS."""

    endpoint_url: str | None
    region: str
    bucket: str
    prefix: str
    access_key_id: str
    secret_access_key: str

    def __repr__(self) -> str:
        """Leave the keys out, so that no log or traceback shows them."""
        return f"S3Settings({self.endpoint_url or 'AWS'}, {self.bucket}/{self.prefix})"


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateSettings:
    """The receiver's certificate and key (PEM files).

    With ``generate`` they are made by the receiver for ``host_names`` when missing.
    """

    certificate: Path
    private_key: Path
    generate: bool
    host_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverSettings:
    """Where the FTPS receiver listens. Passive ports are first to last, inclusive."""

    host: str
    port: int
    passive_ports: tuple[int, int]
    certificate: CertificateSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """All that the engine needs to run.

    ``storage_root`` holds the captures, ``state_folder`` the catalogue: the latter
    stays on a local disk, because SQLite's locks cannot be trusted on a network share.
    """

    storage_root: Path
    state_folder: Path
    time_zone: tzinfo
    receiver: ReceiverSettings
    s3: S3Settings | None
    cameras: tuple[Camera, ...]


type Describe = Callable[[str, str, datetime], Sighting]
"""Reads a file's name: (camera folder, file name, arrival) → sighting."""
