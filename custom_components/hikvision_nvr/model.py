"""The words that the rooms of the recorder share: cameras, detections, captures, settings.

Everything here is an immutable value. Times are aware ``datetime`` objects in UTC
unless a name says otherwise, sizes are bytes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from pathlib import Path
from typing import Any


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
    EXPORT = "export"
    OTHER = "other"


class VideoCodec(StrEnum):
    """The video codecs that can be recorded."""

    H264 = "h264"
    H265 = "h265"


class AudioCodec(StrEnum):
    """The audio codecs that can be recorded. PCMA and PCMU are those of G.711."""

    AAC = "aac"
    PCMA = "pcma"
    PCMU = "pcmu"


class RecordingMode(StrEnum):
    """When a camera's stream is recorded."""

    OFF = "off"
    CONTINUOUS = "continuous"
    DETECTIONS = "detections"
    SCHEDULE = "schedule"


class StreamReader(StrEnum):
    """What reads a camera's stream: our own reader, FFmpeg, or whichever can."""

    AUTO = "auto"
    OWN = "own"
    FFMPEG = "ffmpeg"


class OffsiteRecordings(StrEnum):
    """Which recordings of a camera go to S3."""

    OFF = "off"
    DETECTIONS = "detections"
    ALL = "all"


class RecordingState(StrEnum):
    """What the recording of a camera does now.

    ``STANDBY`` waits for a detection, or for the time of the schedule.
    """

    OFF = "off"
    CONNECTING = "connecting"
    STANDBY = "standby"
    RECORDING = "recording"
    FAILED = "failed"


class GapReason(StrEnum):
    """Why footage is missing."""

    STOPPED = "stopped"
    STREAM = "stream"
    STORAGE = "storage"
    CLOCK = "clock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Times of the week, in Home Assistant's time zone.

    ``weekdays`` has 0 for Monday. A time that ends before it begins goes on past
    midnight; one that ends when it begins is the whole day.
    """

    weekdays: frozenset[int]
    begin: time
    end: time


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingSettings:
    """How a camera's stream is recorded.

    ``url`` is that of the main stream, credentials included. ``days`` and
    ``max_bytes`` limit what is kept of this camera, None where only the recorder's
    limits count. ``basic`` allows our own reader to send the password as it is.
    """

    mode: RecordingMode = RecordingMode.OFF
    url: str = field(default="", repr=False)
    audio: bool = True
    reader: StreamReader = StreamReader.AUTO
    basic: bool = False
    pre_roll: timedelta = timedelta(seconds=5)
    post_roll: timedelta = timedelta(seconds=15)
    schedule: Schedule | None = None
    days: int | None = None
    max_bytes: int | None = None
    offsite: OffsiteRecordings = OffsiteRecordings.OFF


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionSettings:
    """How long recordings stay on the disk; None where only its size is the limit.

    ``detection_days`` is for footage of detections, where it is kept longer.
    """

    days: int | None = None
    detection_days: int | None = None
    max_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingStatus:
    """What is known of a camera's recording.

    ``error`` is the key of the error for which it fails. ``bitrate`` is in bits a
    second, ``recorded`` in seconds. ``dropped`` counts key-frame groups that a slow
    disk had no time for, since the start. ``last_gap`` is when footage was last
    missing: from, until and why. ``reader`` is what reads the stream, None before the
    first time; ``reader_reason`` the key of the error for which it is FFmpeg.
    """

    state: RecordingState = RecordingState.OFF
    enabled: bool = True
    error: str | None = None
    bitrate: int | None = None
    recorded: int = 0
    bytes: int = 0
    dropped: int = 0
    last_gap: tuple[datetime, datetime, GapReason] | None = None
    reader: StreamReader | None = None
    reader_reason: str | None = None


class StoragePressure(StrEnum):
    """Why the disk has too little room, where the owner must know."""

    OTHERS = "others"
    FULL = "full"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceLogin:
    """Where a device's own web service is and how to log in.

    ``fingerprint`` is the SHA-256 of its certificate as hexadecimal text. With HTTPS
    no other certificate is accepted; without one, HTTP is used.
    """

    host: str
    port: int
    username: str
    password: str = field(repr=False)
    fingerprint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """A camera that delivers to the recorder.

    ``id`` never changes. ``folder`` is its folder in the store and the first part of
    its S3 keys; it stays as it was chosen when the camera was added, so that renaming
    a camera moves no file. ``password_hash`` is what ``receiver.passwords`` made.
    ``address`` is the only address (IPv4 or IPv6) that may use the account, None for
    any that the receiver lets in; a camera that may connect in clear always has one.
    ``public_key`` is the key with which it may log in by SFTP, as in OpenSSH's .pub
    files, besides its password. With ``old_algorithms`` it may agree by SFTP on what
    is not secure any more; such a camera always has an address too.
    ``device`` is the web service that knows the camera as ``channel``, None for a
    camera that only delivers. With ``event_stream`` its events are heard from there.
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
    public_key: str | None = None
    old_algorithms: bool = False
    device: DeviceLogin | None = None
    channel: int = 1
    event_stream: bool = False
    recording: RecordingSettings = RecordingSettings()


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
    of its first file was here, or the first word of it. ``file_name`` and
    ``capture_id`` name its first file, None as long as none has come. ``region`` is
    the line or field that was crossed, by the number that the device gives it.
    """

    id: str
    camera_id: str
    type: DetectionType
    raw_type: str | None
    channel: str | None
    plate: str | None
    event_time: datetime
    arrived: datetime
    file_name: str | None
    capture_id: str | None
    region: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """A stored snapshot or clip.

    ``camera`` is the camera's folder. The file is ``<root>/<camera>/<day>/<name>``,
    ``day`` being the day of the event in Home Assistant's time zone. ``complete`` is
    False for a file that was cut off, None where nobody can tell; ``width`` and
    ``height`` are pixels. ``name_time`` is the event's time by the camera's own clock.
    ``object_key`` and ``uploaded`` are set once S3 has confirmed it; ``archive_key``
    once it is in an archive, and then not the former. Without ``local`` its file was
    purged from the disk. ``storage_class`` is that of its object. ``plate`` is the
    number plate that its name tells.
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
    archive_key: str | None = None
    local: bool = True
    plate: str | None = None
    storage_class: str = "STANDARD"

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
class BucketTotal:
    """How much of a camera is in the bucket in one storage class.

    ``camera`` is its folder. Only what the recorder itself brought there is counted.
    """

    camera: str
    storage_class: str
    objects: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadFigures:
    """How uploads go.

    ``rate`` is in bytes a second over the last minute. ``last_delay`` and
    ``usual_delay`` are seconds from the arrival of a capture to its confirmation by
    S3: of the last one, and what 95 of 100 stayed below in 24 hours; None before any.
    ``failures`` are attempts that failed since the start, ``quarantined`` the captures
    of which there is nothing left to send.
    """

    rate: float = 0.0
    today: int = 0
    last_day: int = 0
    last_delay: float | None = None
    usual_delay: float | None = None
    failures: int = 0
    quarantined: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestHead:
    """The end of a camera's chain of manifests: what proves all that came before.

    ``sha256`` is the hash of the newest manifest, as hexadecimal text.
    """

    camera: str
    number: int
    day: date
    sha256: str
    written: datetime


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
class DeviceEvent:
    """Something that a device tells about one of its channels.

    ``active`` is False at its end. ``told`` is the time by the device's clock, None
    where it has none. ``late`` marks what is told again after a lost connection.
    """

    type: DetectionType
    raw_type: str
    channel: int
    active: bool
    told: datetime | None
    plate: str | None = None
    region: str | None = None
    late: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceStatus:
    """What is known of a camera's device.

    ``reachable`` is None until the first answer or failure; ``error`` is the key of
    what is wrong now. ``stream`` tells whether its events are heard, None where they
    are not asked for. ``clock_offset`` is what must be added to its clock (seconds).
    ``storage`` is its worst disk or card in the device's own word. The switches are
    None where the device does not have them; ``upload_linkage`` says for each
    detection type that the device knows whether it uploads pictures of it.
    """

    reachable: bool | None = None
    error: str | None = None
    firmware: str | None = None
    stream: bool | None = None
    clock_offset: float | None = None
    storage: str | None = None
    motion_detection: bool | None = None
    upload_linkage: Mapping[DetectionType, bool] = field(default_factory=dict)
    can_deliver: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ban:
    """An address that may not connect until a time."""

    address: str
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverStatus:
    """The state of the receiver. ``rejected_logins`` counts since its start.

    ``host_keys`` are the fingerprints of its keys for SFTP, none where that is off.
    """

    connected_cameras: int = 0
    rejected_logins: int = 0
    bans: tuple[Ban, ...] = ()
    host_keys: tuple[str, ...] = ()


class JobState(StrEnum):
    """How far a job is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStatus:
    """A job that runs, or the last one that ran.

    Totals are None while they are not known. ``seconds_left`` is estimated from the
    progress so far; ``error`` says in English why the job failed. ``waiting`` is how
    many jobs wait for their turn.
    """

    id: str
    kind: str
    state: JobState
    items_done: int = 0
    items_total: int | None = None
    bytes_done: int = 0
    bytes_total: int | None = None
    percent: int | None = None
    seconds_left: int | None = None
    ended: datetime | None = None
    error: str | None = None
    waiting: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEnd:
    """A job that has ended, with its result: plain JSON values, None if it failed."""

    id: str
    kind: str
    state: JobState
    result: Mapping[str, Any] | None
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderStatus:
    """The state of the recorder as its sensors show it.

    ``storage_used`` is what captures and recordings take. The offsite fields are None where no S3 is set up; ``offsite_connected`` also
    until the first attempt. ``offsite_error`` is the key of the error for which S3
    cannot be used now. With ``offsite_lock_missing`` captures are uploaded without
    the lock that is wanted. ``cameras`` has each camera by its id, ``devices`` those with
    a device of which anything is known. ``recording_days`` is how many days of
    recordings fit on the disk, None while there is nothing to tell it from;
    ``recordings`` has the cameras that are recorded by their ids.
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
    devices: Mapping[str, DeviceStatus] = field(default_factory=dict)
    job: JobStatus | None = None
    uploads: UploadFigures | None = None
    bucket: tuple[BucketTotal, ...] = ()
    manifests: tuple[ManifestHead, ...] = ()
    manifest_conflicts: frozenset[str] = frozenset()
    offsite_lock_missing: bool = False
    storage_pressure: StoragePressure | None = None
    recording_days: float | None = None
    recordings: Mapping[str, RecordingStatus] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadLimit:
    """How fast uploads may go from a time of day on, until the next limit's time.

    ``bytes_per_second`` is for all uploads together, None for as fast as they can.
    """

    since: time
    bytes_per_second: int | None


class LockMode(StrEnum):
    """Who may shorten an object's retention (S3 Object Lock)."""

    GOVERNANCE = "governance"
    COMPLIANCE = "compliance"


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Settings:
    """Where the bucket is, how to open it, and how to upload.

    ``endpoint_url`` None means AWS. ``workers`` uploads go on at a time, within the
    ``limits``. With ``lock_days`` captures cannot be deleted for so many days, where
    the bucket has Object Lock. With ``checksum`` S3 keeps their SHA-256 itself.
    """

    endpoint_url: str | None
    region: str
    bucket: str
    prefix: str
    access_key_id: str
    secret_access_key: str
    workers: int = 4
    limits: tuple[UploadLimit, ...] = ()
    lock_days: int = 0
    lock_mode: LockMode = LockMode.GOVERNANCE
    checksum: bool = False

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
class SftpSettings:
    """Where SFTP is served. ``host_keys`` is the folder of its keys, made there."""

    port: int
    host_keys: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverSettings:
    """Where the receiver listens and whom it lets in.

    ``port`` is that of FTPS, None for no FTPS. Passive ports are first to last,
    inclusive. ``implicit_port`` is a second port on which TLS begins at once.
    ``external_address`` is what cameras behind a router are told to connect to.
    """

    host: str
    port: int | None
    passive_ports: tuple[int, int]
    certificate: CertificateSettings
    implicit_port: int | None = None
    external_address: str | None = None
    sftp: SftpSettings | None = None
    allowed_networks: tuple[str, ...] = PRIVATE_NETWORKS
    limits: Limits = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """All that the engine needs to run.

    ``storage_root`` holds the captures, ``state_folder`` the catalogue: the latter
    stays on a local disk, because SQLite's locks cannot be trusted on a network share.
    No upload may leave less than ``storage_reserve`` bytes free. Recordings reach the
    disk at the latest ``sync_interval`` seconds after the camera sent them.
    """

    storage_root: Path
    state_folder: Path
    time_zone: tzinfo
    storage_reserve: int = 256 << 20
    receiver: ReceiverSettings
    s3: S3Settings | None
    cameras: tuple[Camera, ...]
    retention: RetentionSettings = RetentionSettings()
    sync_interval: float = 10


type Describe = Callable[[str, str, datetime], Sighting]
"""Reads a file's name: (camera folder, file name, arrival) → sighting."""
