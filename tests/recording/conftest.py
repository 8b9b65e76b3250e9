"""Real RTSP servers, and a store that records from them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
import socket
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import pytest

from custom_components.hikvision_nvr.model import (
    Brand,
    Camera,
    RecordingMode,
    RecordingSettings,
    RecordingState,
    RecordingStatus,
)
from custom_components.hikvision_nvr.recording import Recording
from custom_components.hikvision_nvr.store import Store
from custom_components.hikvision_nvr.store.mp4 import Fragment
from custom_components.hikvision_nvr.store.segment import Segment
from tests.simulators.byte_stream import make_byte_stream
from tests.simulators.stream import RtspServer, StreamSettings, gstreamer_python

BERLIN = ZoneInfo("Europe/Berlin")
PATIENCE = 20.0


@pytest.fixture(autouse=True)
def _sockets(socket_enabled: None) -> None:
    """Let cameras be reached on loopback."""


@pytest.fixture(scope="session")
def gstreamer() -> str:
    """A Python with GStreamer's bindings."""
    python = gstreamer_python()
    if python is None:
        pytest.skip("GStreamer's RTSP server is not installed")
    return python


class MakeClip(Protocol):
    """Makes a clip, or finds it where it was made before."""

    def __call__(self, **wanted: Any) -> Path: ...


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> MakeClip:
    """Return what makes clips."""
    folder = tmp_path_factory.mktemp("clips")

    def make(**wanted: Any) -> Path:
        path = folder / f"{abs(hash(tuple(sorted(wanted.items()))))}.stream"
        return path if path.exists() else make_byte_stream(path, **wanted)

    return make


class RtspCamera:
    """A camera that can be turned off, frozen and changed, at one address."""

    def __init__(self, python: str, folder: Path, clip: Path, **more: Any) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self._python = python
        self._log = folder / f"rtsp-{port}.log"
        self.settings = StreamSettings(
            host="127.0.0.1",
            port=port,
            username="admin",
            # Awkward on purpose: each of these means something in a URL.
            password="Pa:ss@1/#",
            channel=1,
            clip=clip,
            frames_per_second=25,
            **more,
        )
        self.server: RtspServer | None = None

    def start(self, **changes: Any) -> None:
        self.settings = replace(self.settings, **changes)
        self.server = RtspServer(self._python, self.settings, self._log)

    def stop(self) -> None:
        if self.server is not None:
            self.server.stop()
            self.server = None

    @property
    def url(self) -> str:
        return self.settings.url


@pytest.fixture
def rtsp(
    gstreamer: str, tmp_path: Path, clips: MakeClip
) -> Iterator[Callable[..., RtspCamera]]:
    """Return what makes cameras with a stream."""
    made: list[RtspCamera] = []

    def make(clip: dict[str, Any] | None = None, **more: Any) -> RtspCamera:
        wanted = {"codec": more.get("codec", "h264"), **(clip or {})}
        camera = RtspCamera(gstreamer, tmp_path, clips(**wanted), **more)
        camera.start()
        made.append(camera)
        return camera

    yield make
    for camera in made:
        camera.stop()


def a_camera(url: str = "", **recording: Any) -> Camera:
    """Return a camera that is recorded around the clock, or as told."""
    settings = {"mode": RecordingMode.CONTINUOUS, "url": url, **recording}
    return Camera(
        id="camera-1",
        name="Front door",
        folder="front",
        brand=Brand.AUTO,
        username="front",
        password_hash="",
        recording=RecordingSettings(**settings),
    )


class Recorded:
    """A store and the recording into it."""

    def __init__(self, store: Store, recording: Recording, camera: Camera) -> None:
        self.store = store
        self.recording = recording
        self.camera = camera
        self.changed = asyncio.Event()
        self.seen: list[RecordingStatus] = []

    def note(self) -> None:
        self.seen.append(self.status)
        self.changed.set()

    @property
    def status(self) -> RecordingStatus:
        return self.recording.statuses()[self.camera.id]

    async def until(
        self, wanted: Callable[[RecordingStatus], bool], seconds: float = PATIENCE
    ) -> RecordingStatus:
        """Wait until the status is as wanted."""
        async with asyncio.timeout(seconds):
            while not wanted(self.status):
                self.changed.clear()
                await self.changed.wait()
        return self.status

    async def until_state(
        self, state: RecordingState, seconds: float = PATIENCE
    ) -> RecordingStatus:
        return await self.until(lambda status: status.state is state, seconds)

    async def until_footage(
        self,
        wanted: Callable[[list[tuple[Segment, list[Fragment]]]], bool],
        seconds: float = PATIENCE,
    ) -> list[tuple[Segment, list[Fragment]]]:
        """Wait until the catalogue knows what is wanted."""
        async with asyncio.timeout(seconds):
            while not wanted(found := await self.footage()):
                await asyncio.sleep(0.1)
        return found

    async def footage(self) -> list[tuple[Segment, list[Fragment]]]:
        now = datetime.now(UTC)
        day = timedelta(days=2)
        return await self.store.recordings.footage(
            self.camera.folder, now - day, now + day
        )


def nothing_known(*_: object) -> Any:
    raise AssertionError("There is no capture to describe")


@pytest.fixture
def record(tmp_path: Path) -> Callable[..., Any]:
    """Return what records a camera, until the end of its block."""

    @asynccontextmanager
    async def run(
        camera: Camera,
        *,
        root: Path | None = None,
        reserve: int = 0,
        sync_interval: float = 0.5,
        **more: Any,
    ) -> AsyncIterator[Recorded]:
        store = Store(
            root or tmp_path / "media",
            tmp_path / "state" / "catalogue.sqlite",
            time_zone=BERLIN,
            offsite=False,
            reserve=reserve,
            cameras=[camera],
            sync_interval=sync_interval,
        )
        await store.open()
        await store.recover(nothing_known)
        recording = Recording(
            store.recordings,
            [camera],
            time_zone=BERLIN,
            on_change=lambda: recorded.note(),
            **more,
        )
        recorded = Recorded(store, recording, camera)
        try:
            await recording.start()
            yield recorded
        finally:
            await recording.stop()
            await store.close()

    return run
