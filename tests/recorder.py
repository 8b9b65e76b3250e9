"""A recorder for tests: entries, cameras, and an engine that only remembers."""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, tzinfo
import io
import itertools
from pathlib import Path
from types import MappingProxyType
from typing import Any

from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import HomeAssistant
from PIL import Image
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.hikvision_nvr.device import DeviceRecording
from custom_components.hikvision_nvr.device_footage import OpenReplay
from custom_components.hikvision_nvr.engine import EngineListener
from custom_components.hikvision_nvr.errors import (
    DeviceRecordingsError,
    NotRunningError,
    RecorderError,
)
from custom_components.hikvision_nvr.model import (
    Backlog,
    Ban,
    BucketTotal,
    CameraStatus,
    Capture,
    CaptureKind,
    Detection,
    DetectionType,
    DeviceLogin,
    EngineSettings,
    JobEnd,
    JobState,
    JobStatus,
    ManifestHead,
    ReceiverStatus,
    RecorderStatus,
    UploadFigures,
)
from custom_components.hikvision_nvr.recording.source import KeyFrame
from custom_components.hikvision_nvr.store.mp4 import Fragment
from custom_components.hikvision_nvr.store.root import MARKER
from custom_components.hikvision_nvr.store.segment import Segment

NOON = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


def _jpeg() -> bytes:
    picture = io.BytesIO()
    Image.new("RGB", (16, 16), "navy").save(picture, "JPEG")
    return picture.getvalue()


JPEG = _jpeg()

S3 = {
    "endpoint_url": "https://s3.example.com",
    "region": "us-east-1",
    "bucket": "evidence",
    "prefix": "home",
    "access_key_id": "AKIAOWNER",
    "secret_access_key": "the-secret-key",
}

STATUS = RecorderStatus(
    storage_used=2_500_000_000,
    storage_free=80_000_000_000,
    backlog=Backlog(files=3, bytes=600_000, oldest=NOON - timedelta(minutes=5)),
    last_upload=NOON - timedelta(minutes=1),
    offsite_connected=True,
    uploads_today=12,
    receiver=ReceiverStatus(
        connected_cameras=1,
        rejected_logins=7,
        bans=(Ban(address="192.0.2.66", until=NOON + timedelta(minutes=30)),),
    ),
    cameras={
        "camera-front-door": CameraStatus(
            last_seen=NOON - timedelta(seconds=2),
            last_test=NOON - timedelta(days=1),
            clock_offset=-1.6,
        ),
        "camera-garden": CameraStatus(),
    },
    uploads=UploadFigures(
        rate=250_000,
        today=40,
        last_day=2_000,
        last_delay=1.3,
        usual_delay=4.5,
        failures=2,
        quarantined=1,
    ),
    bucket=(
        BucketTotal(
            camera="Front door",
            storage_class="GLACIER",
            objects=30,
            bytes=12_000_000_000,
        ),
        BucketTotal(
            camera="Front door",
            storage_class="STANDARD",
            objects=4_000,
            bytes=800_000_000,
        ),
        BucketTotal(
            camera="Shed", storage_class="STANDARD", objects=500, bytes=100_000_000
        ),
    ),
    manifests=(
        ManifestHead(
            camera="Front door",
            number=7,
            day=date(2026, 11, 21),
            sha256="5e" * 32,
            written=NOON - timedelta(hours=11),
        ),
    ),
    job=JobStatus(
        id="job-1",
        kind="archive",
        state=JobState.RUNNING,
        items_done=250,
        items_total=1000,
        bytes_done=50_000_000,
        bytes_total=200_000_000,
        percent=25,
        seconds_left=90,
        waiting=1,
    ),
)


def recorder_entry(
    storage: Path,
    *,
    title: str = "Recorder",
    cameras: list[ConfigSubentry] | None = None,
    s3: dict[str, str] | None = S3,
    **data: Any,
) -> MockConfigEntry:
    """Return a recorder as the config flow would have made it."""
    return MockConfigEntry(
        domain="hikvision_nvr",
        title=title,
        entry_id=f"entry-{title}",
        data={
            "storage_folder": str(storage),
            "ftps_port": 2121,
            "passive_ports": "50000-50049",
            "certificate": "generate",
            "listen_address": "127.0.0.1",
            # Where tests look for cameras, they say so.
            "discovery_interval": 0,
            **({"s3": s3} if s3 else {}),
            **data,
        },
        subentries_data=[
            {
                "data": dict(camera.data),
                "subentry_id": camera.subentry_id,
                "subentry_type": camera.subentry_type,
                "title": camera.title,
                "unique_id": camera.unique_id,
            }
            for camera in cameras or []
        ],
    )


def camera_subentry(title: str, **data: Any) -> ConfigSubentry:
    """Return a camera as the subentry flow would have made it."""
    slug = title.lower().replace(" ", "-")
    return ConfigSubentry(
        data=MappingProxyType(
            {
                "folder": title,
                "host": "192.0.2.11",
                "rtsp_port": 554,
                "rtsp_username": "viewer",
                "rtsp_password": "s3cret/pass",
                "channel": 1,
                "brand": "auto",
                "upload_username": slug,
                "upload_password_hash": f"scrypt$hash-of-{slug}",
                "motion_hold": 10,
                **data,
            }
        ),
        subentry_id=f"camera-{slug}",
        subentry_type="camera",
        title=title,
        unique_id=title,
    )


_numbers = itertools.count(1)


def a_detection(camera_id: str = "camera-front-door", **changes: Any) -> Detection:
    """Return a detection of motion."""
    number = next(_numbers)
    detection = Detection(
        id=f"detection-{number}",
        camera_id=camera_id,
        type=DetectionType.MOTION,
        raw_type="MOTION_DETECTION",
        channel="01",
        plate=None,
        event_time=NOON,
        arrived=NOON + timedelta(seconds=1),
        file_name="192.0.2.11_01_20261122120000000_MOTION_DETECTION.jpg",
        capture_id=f"capture-{number}",
    )
    return replace(detection, **changes)


def a_capture(folder: str = "Front door", **changes: Any) -> Capture:
    """Return a snapshot of motion."""
    number = next(_numbers)
    capture = Capture(
        id=f"capture-{number}",
        camera=folder,
        day=date(2026, 11, 22),
        name=f"snapshot-{number}.jpg",
        size=len(JPEG),
        sha256="",
        kind=CaptureKind.SNAPSHOT,
        type=DetectionType.MOTION,
        raw_type="MOTION_DETECTION",
        channel="01",
        event_time=NOON,
        arrived=NOON + timedelta(seconds=number),
        detection_id=None,
    )
    return replace(capture, **changes)


class FakeCaptures:
    """The catalogue, as far as Home Assistant's side asks it."""

    def __init__(self) -> None:
        self.known: list[Capture] = []

    async def get(self, capture_id: str) -> Capture | None:
        return next((one for one in self.known if one.id == capture_id), None)

    async def latest_snapshot(self, folder: str) -> Capture | None:
        snapshots = [
            one
            for one in self.known
            if one.camera == folder
            and one.kind is CaptureKind.SNAPSHOT
            and one.complete is not False
        ]
        return snapshots[-1] if snapshots else None

    async def archived_days(self, folder: str) -> list[date]:
        return []


class FakeSegments:
    """The catalogue of recordings, as far as Home Assistant's side asks it."""

    def __init__(self) -> None:
        self.known: list[Segment] = []
        self.holds: list[tuple[str, datetime, datetime]] = []

    async def days(self, folder: str, time_zone: tzinfo) -> list[date]:
        days = {
            one.start.astimezone(time_zone).date()
            for one in self.known
            if one.info.camera == folder
        }
        return sorted(days, reverse=True)

    async def last_end(self, folder: str) -> datetime | None:
        ends = [one.end for one in self.known if one.info.camera == folder]
        return max(ends, default=None)

    async def between(
        self, folder: str, start: datetime, end: datetime, *, limit: int = -1
    ) -> list[Segment]:
        found = [
            one
            for one in self.known
            if one.info.camera == folder and one.start < end and one.end > start
        ]
        return found[: None if limit < 0 else limit]

    async def get(self, segment_id: int) -> Segment | None:
        return next((one for one in self.known if one.id == segment_id), None)

    async def hold(self, folder: str, start: datetime, end: datetime) -> str:
        self.holds.append((folder, start, end))
        return f"hold-{len(self.holds)}"

    async def release(self, folder: str, start: datetime, end: datetime) -> int:
        kept = [
            one
            for one in self.holds
            if one[0] != folder or one[1] < start or one[2] > end
        ]
        released = len(self.holds) - len(kept)
        self.holds = kept
        return released


class FakeRecordings:
    """Recordings whose files are in a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.segments = FakeSegments()
        self.fragments: dict[int, list[Fragment]] = {}

    def path(self, segment: Segment) -> Path:
        return self.root / segment.info.relative_path

    async def footage(
        self, folder: str, start: datetime, end: datetime, *, watch: bool = False
    ) -> list[tuple[Segment, list[Fragment]]]:
        found = await self.segments.between(folder, start, end)
        return [(one, self.fragments[one.id]) for one in found]


class FakeRecording:
    """Remembers what was switched, and has the key frames that the test gives it."""

    def __init__(self) -> None:
        self.switched: list[tuple[str, bool]] = []
        self.error: RecorderError | None = None
        self.key_frames: dict[str, KeyFrame] = {}

    def key_frame(self, camera_id: str) -> KeyFrame | None:
        return self.key_frames.get(camera_id)

    async def set_enabled(self, camera_id: str, enabled: bool) -> None:
        if self.error:
            raise self.error
        self.switched.append((camera_id, enabled))


class FakeStore:
    """Files in a folder and a list of captures."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.captures = FakeCaptures()
        self.recordings = FakeRecordings(root)

    def path(self, capture: Capture) -> Path:
        return self.root / capture.relative_path


class FakeResult:
    """What a job in the bucket has done."""

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values

    def as_dict(self) -> dict[str, Any]:
        return self._values


class FakeOffsite:
    """Remembers what it was asked for, and answers or fails as told."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self.answer: dict[str, Any] = {"files": 1}
        self.error: RecorderError | None = None

    async def _answer(self, job: str, *args: Any, **kwargs: Any) -> FakeResult:
        self.asked.append((job, args, kwargs))
        if self.error:
            raise self.error
        return FakeResult(self.answer)

    async def upload_now(self) -> None:
        await self._answer("upload_now")

    async def list_cameras(self) -> tuple[FakeResult, ...]:
        return (await self._answer("list_cameras"),)

    async def list_files(self, *args: Any, **kwargs: Any) -> FakeResult:
        return await self._answer("list_files", *args, **kwargs)

    async def retry(self) -> int:
        await self._answer("retry")
        return 2


class FakeJobs:
    """Remembers what it was asked for, and answers or fails as told."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.once: list[bool] = []
        self.cancelled: list[str | None] = []
        self.waited: list[str] = []
        self.answer: dict[str, Any] = {"files": 1}
        self.error: RecorderError | None = None
        self.open = ["job-1"]

    async def submit(
        self, kind: str, arguments: dict[str, Any], *, once: bool = False
    ) -> str:
        self.asked.append((kind, arguments))
        self.once.append(once)
        return f"job-{len(self.asked)}"

    async def result(self, job_id: str) -> dict[str, Any]:
        self.waited.append(job_id)
        if self.error:
            raise self.error
        return self.answer

    async def cancel(self, job_id: str | None = None) -> list[str]:
        self.cancelled.append(job_id)
        return [one for one in self.open if job_id in (None, one)]


class FakeDeviceFootage:
    """What devices have recorded, as the test says."""

    def __init__(self, settings: EngineSettings) -> None:
        self._devices = {
            camera.folder: camera.device
            for camera in settings.cameras
            if camera.device is not None
        }
        self.known: list[DeviceRecording] = []
        self.url = ""
        self.opened: list[tuple[str, datetime, datetime]] = []
        self.closed: list[str] = []
        self.error: RecorderError | None = None

    def has_device(self, folder: str) -> bool:
        return folder in self._devices

    def device_of(self, folder: str) -> DeviceLogin:
        if folder not in self._devices:
            raise DeviceRecordingsError("no device", camera=folder)
        return self._devices[folder]

    async def find(
        self, folder: str, start: datetime, end: datetime
    ) -> list[DeviceRecording]:
        if self.error:
            raise self.error
        return [one for one in self.known if one.start < end and one.end > start]

    async def open_replay(
        self, folder: str, start: datetime, end: datetime
    ) -> OpenReplay:
        if self.error:
            raise self.error
        self.opened.append((folder, start, end))
        return OpenReplay(self.url, f"token-{len(self.opened)}")

    async def close_replay(self, folder: str, token: str) -> None:
        self.closed.append(token)


class FakeEngine:
    """An engine that runs nothing; the test speaks for it."""

    failure: Exception | None = None
    """What the next start raises."""

    kept: tuple[Capture, ...] = ()
    """What the store of the next engine knows already."""

    def __init__(
        self,
        settings: EngineSettings,
        listener: EngineListener,
        made: list[FakeEngine],
    ) -> None:
        made.append(self)
        self.settings = settings
        self.listener = listener
        self.running = False
        self.store = FakeStore(settings.storage_root)
        self.store.captures.known.extend(self.kept)
        self.offsite = FakeOffsite() if settings.s3 else None
        self.jobs = FakeJobs()
        self.recording = FakeRecording()
        self.device_footage = FakeDeviceFootage(settings)
        self.lifted: list[str] = []

    def start(self) -> None:
        _assert_off_loop()
        if self.failure:
            raise self.failure
        # As a store that opens does: from then on the folder is known by its marker.
        self.store.root.mkdir(parents=True, exist_ok=True)
        (self.store.root / MARKER).touch()
        self.running = True

    def stop(self) -> None:
        _assert_off_loop()
        self.running = False

    async def run[T](self, work: Coroutine[Any, Any, T]) -> T:
        if not self.running:
            work.close()
            raise NotRunningError("The recorder is not running")
        return await work

    async def lift_ban(self, address: str) -> None:
        self.lifted.append(address)

    def keep(self, capture: Capture, content: bytes = JPEG) -> None:
        """Store a capture without telling anybody."""
        path = self.store.path(capture)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        self.store.captures.known.append(capture)

    async def tell(
        self,
        hass: HomeAssistant,
        *reports: Detection | Capture | RecorderStatus | JobEnd,
    ) -> None:
        """Report as the engine does, from a thread of its own."""

        def report() -> None:
            for one in reports:
                match one:
                    case Detection():
                        self.listener.on_detection(one)
                    case Capture():
                        self.listener.on_capture(one)
                    case RecorderStatus():
                        self.listener.on_status(one)
                    case JobEnd():
                        self.listener.on_job_end(one)

        await hass.async_add_executor_job(report)
        await hass.async_block_till_done()


def _assert_off_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise AssertionError("This would block Home Assistant's loop")
