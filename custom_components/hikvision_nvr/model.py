"""The words that the rooms of the recorder share: cameras, detections, captures, settings.

Everything here is an immutable value. Times are aware ``datetime`` objects in UTC
unless a name says otherwise, sizes are bytes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
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
    DAHUA = "dahua"
    REOLINK = "reolink"
    UNIVIEW = "uniview"
    TVT = "tvt"
    AXIS = "axis"
    VIVOTEK = "vivotek"
    TEMPLATE = "template"
    OTHER = "other"


class Security(StrEnum):
    """How a camera must connect to deliver."""

    FTPS = "ftps"
    PLAIN = "plain"


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
    ``address`` is the only address (IPv4 or IPv6) that may use the account, None for
    any that the receiver lets in; a camera that may connect in clear always has one.
    """

    id: str
    name: str
    folder: str
    brand: Brand
    username: str
    password_hash: str
    security: Security = Security.FTPS
    address: str | None = None
    active_mode: bool = False
    burst_window: timedelta = timedelta(seconds=10)
    name_template: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What the name of an uploaded file says about it.

    ``type`` is None for a picture taken on a schedule, which is no detection.
    ``raw_type`` is the camera's own word for the type, if its name has one.
    ``brand`` is whose form of names it was; None where it was nobody's in particular.
    ``name_time`` is the time in the name, right or wrong: measured against the
    arrival, it tells how far off the camera's clock is.
    """

    kind: CaptureKind
    type: DetectionType | None
    raw_type: str | None
    channel: str | None
    event_time: datetime
    plate: str | None = None
    brand: Brand | None = None
    name_time: datetime | None = None


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
    ``day`` being the day of the event in Home Assistant's time zone. ``complete`` is
    False for a file that was cut off, None where nobody can tell; ``width`` and
    ``height`` are pixels. ``name_time`` is the event's time by the camera's own clock.
    ``object_key`` and ``uploaded`` are set once S3 has confirmed it.
    """

    id: str
    camera: str
    day: date
    name: str
    size: int
    sha256: str
    kind: CaptureKind
    type: DetectionType | None
    raw_type: str | None
    channel: str | None
    event_time: datetime
    arrived: datetime
    detection_id: str | None
    complete: bool | None = None
    width: int | None = None
    height: int | None = None
    name_time: datetime | None = None
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
class CameraStatus:
    """What is known of a camera's deliveries.

    ``last_seen`` is its last login or file, ``last_test`` its last connection test,
    ``clock_offset`` what must be added to its clock to tell the time (seconds; None
    until enough files have come).
    """

    last_seen: datetime | None = None
    last_test: datetime | None = None
    clock_offset: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ban:
    """An address that may not connect until a time."""

    address: str
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverStatus:
    """The state of the receiver. ``rejected_logins`` counts since its start."""

    connected_cameras: int = 0
    rejected_logins: int = 0
    bans: tuple[Ban, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderStatus:
    """The state of the recorder as its sensors show it.

    The offsite fields are None where no S3 is set up; ``offsite_connected`` also
    until the first attempt. ``offsite_error`` is the key of the error for which S3
    cannot be used now. ``cameras`` has each camera by its id.
    """

    storage_used: int
    storage_free: int
    backlog: Backlog | None
    last_upload: datetime | None
    offsite_connected: bool | None
    offsite_error: str | None = None
    uploads_today: int = 0
    receiver: ReceiverStatus = ReceiverStatus()
    cameras: Mapping[str, CameraStatus] = field(default_factory=dict)


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


PRIVATE_NETWORKS = (
    "10.0.0.0/8",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "::1/128",
    "fc00::/7",
    "fe80::/10",
)
"""Where cameras are (RFC 1918, RFC 3927, RFC 4193, RFC 4291)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one address, one camera and all together may do. Times are seconds."""

    login_time: float = 60
    """From the connection to the login."""
    idle_time: float = 300
    """Without a command or a transfer."""
    accept_time: float = 30
    """From the command to its data connection."""
    stall_time: float = 60
    """Without a byte in a transfer, and the span over which the rate is measured."""
    minimum_rate: int = 500
    """Bytes a second, over ``stall_time``."""
    connections: int = 500
    connections_per_address: int = 50
    connections_per_camera: int = 50
    file_size: int = 8 << 30
    """Bytes."""
    failed_logins: int = 3
    """In a session."""
    refusal_time: float = 1
    """From PASS to its refusal, whatever the reason is."""
    ban_score: int = 12
    """Points at which an address is banned: a wrong password is 2, a session that
    comes to nothing is 1."""
    observation_time: float = 900
    """How long points count."""
    ban_time: float = 1800


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverSettings:
    """Where the FTPS receiver listens and whom it lets in.

    Passive ports are first to last, inclusive. ``implicit_port`` is a second port on
    which TLS begins at once. ``external_address`` is what cameras behind a router are
    told to connect to.
    """

    host: str
    port: int
    passive_ports: tuple[int, int]
    certificate: CertificateSettings
    implicit_port: int | None = None
    external_address: str | None = None
    allowed_networks: tuple[str, ...] = PRIVATE_NETWORKS
    limits: Limits = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """All that the engine needs to run.

    ``storage_root`` holds the captures, ``state_folder`` the catalogue: the latter
    stays on a local disk, because SQLite's locks cannot be trusted on a network share.
    No upload may leave less than ``storage_reserve`` bytes free.
    """

    storage_root: Path
    state_folder: Path
    time_zone: tzinfo
    storage_reserve: int = 256 << 20
    receiver: ReceiverSettings
    s3: S3Settings | None
    cameras: tuple[Camera, ...]


type Describe = Callable[[str, str, datetime], Sighting]
"""Reads a file's name: (camera folder, file name, arrival) → sighting."""
