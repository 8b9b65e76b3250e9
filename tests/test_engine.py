"""The engine runs alone: it starts, takes uploads, stops, and leaves nothing behind."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
import ftplib
import gc
import io
import os
from pathlib import Path
import socket
import ssl
import threading
import time
import warnings

import pytest

from custom_components.hikvision_nvr import room_stop
from custom_components.hikvision_nvr.devices import Devices
from custom_components.hikvision_nvr.engine import Engine
from custom_components.hikvision_nvr.errors import (
    CertificateError,
    NotRunningError,
    OffsiteUnreachableError,
    PortInUseError,
    StorageInUseError,
    StorageMissingError,
    StorageNotWritableError,
)
from custom_components.hikvision_nvr.model import (
    Brand,
    Camera,
    Capture,
    Detection,
    EngineSettings,
    JobEnd,
    RecorderStatus,
    S3Settings,
)
from custom_components.hikvision_nvr.receiver.passwords import hash_password

from .engine import HOST, engine_settings
from .media import record

JPEG = b"\xff\xd8" + bytes(100_000) + b"\xff\xd9"
NAME = "10.55.48.12_01_20251119124208101_MOTION_DETECTION.jpg"


@pytest.fixture(autouse=True)
def _sockets(socket_enabled: None) -> None:
    """Let the engine listen on loopback."""


class Listener:
    """Remembers what the engine said, and in which thread."""

    def __init__(self) -> None:
        self.detections: list[Detection] = []
        self.captures: list[Capture] = []
        self.statuses: list[RecorderStatus] = []
        self.threads: set[str] = set()
        self.captured = threading.Event()
        self.reported = threading.Event()
        self.lost = threading.Event()

    def on_detection(self, detection: Detection) -> None:
        self.threads.add(threading.current_thread().name)
        self.detections.append(detection)

    def on_capture(self, capture: Capture) -> None:
        self.threads.add(threading.current_thread().name)
        self.captures.append(capture)
        self.captured.set()

    def on_status(self, status: RecorderStatus) -> None:
        self.threads.add(threading.current_thread().name)
        self.statuses.append(status)
        self.reported.set()
        if status.offsite_connected is False:
            self.lost.set()

    def on_detection_goes_on(self, detection: Detection) -> None:
        """Nothing to do: only devices tell this."""

    def on_detection_picture(self, detection: Detection) -> None:
        """Nothing to do: only devices tell of detections without a file."""

    def on_job_end(self, end: JobEnd) -> None:
        self.threads.add(threading.current_thread().name)


def settings(
    folder: Path,
    *,
    port: int = 0,
    s3: S3Settings | None = None,
    own_certificate: bool = False,
) -> EngineSettings:
    front = Camera(
        id="camera-1",
        name="Front door",
        folder="front",
        brand=Brand.AUTO,
        username="front",
        password_hash=hash_password("Secret-12"),
    )
    return engine_settings(
        folder,
        front,
        port=port,
        s3=s3,
        own_certificate=own_certificate,
        time_zone="Europe/Berlin",
    )


@contextmanager
def running(given: EngineSettings, listener: Listener) -> Iterator[Engine]:
    engine = Engine(given, listener)
    engine.start()
    try:
        yield engine
    finally:
        engine.stop()


def upload(port: int, name: str = NAME, content: bytes = JPEG) -> str:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    client = ftplib.FTP_TLS(context=context, timeout=20)
    client.connect(HOST, port)
    client.login("front", "Secret-12")
    client.prot_p()
    reply = client.storbinary(f"STOR {name}", io.BytesIO(content))
    client.quit()
    return reply


def open_files() -> set[tuple[int, int]]:
    """Return what this process has open, but for what it opens to look."""
    found = set()
    for descriptor in os.listdir("/dev/fd"):
        with suppress(OSError):
            found.add((int(descriptor), os.fstat(int(descriptor)).st_ino))
    return found


def test_upload_is_told_from_the_engines_thread(tmp_path: Path) -> None:
    listener = Listener()
    with running(settings(tmp_path), listener) as engine:
        assert upload(engine.receiver.port).startswith("226")
        assert listener.captured.wait(5)
        assert listener.reported.wait(5)
    assert [detection.camera_id for detection in listener.detections] == ["camera-1"]
    assert [capture.name for capture in listener.captures] == [NAME]
    assert listener.threads == {"hikvision_nvr-engine"}
    assert listener.statuses[0].backlog is None
    assert listener.statuses[0].storage_free > 0


def test_why_s3_cannot_be_used_is_told(tmp_path: Path) -> None:
    nowhere = S3Settings(
        endpoint_url=f"http://{HOST}:9",
        region="us-east-1",
        bucket="evidence",
        prefix="",
        access_key_id="key",
        secret_access_key="secret",
    )
    listener = Listener()
    with running(settings(tmp_path, s3=nowhere), listener) as engine:
        assert listener.lost.wait(20)
        # Only this bucket can say which captures may make room.
        assert engine.offsite is not None
        room = engine.store.recordings.retention.captures
        assert room.proof == engine.offsite.proven
    *_, last = listener.statuses
    assert (last.offsite_connected, last.offsite_error) == (
        False,
        OffsiteUnreachableError.key,
    )


def test_stop_leaves_no_thread_port_or_file(tmp_path: Path) -> None:
    threads, files = set(threading.enumerate()), open_files()
    listener = Listener()
    with running(settings(tmp_path), listener) as engine:
        port = engine.receiver.port
        idle = socket.create_connection((HOST, port), timeout=20)
        idle.recv(100)
        upload(port)
    assert idle.recv(100) == b""
    idle.close()
    assert set(threading.enumerate()) == threads
    assert open_files() == files
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((HOST, port), timeout=5)


def test_part_that_does_not_stop_holds_up_nothing_else(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def stop_never(_devices: Devices) -> None:
        await asyncio.Event().wait()

    given = settings(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(room_stop, "STOP_SECONDS", 0.2)
        patched.setattr(Devices, "stop", stop_never)
        with running(given, Listener()):
            pass
    assert "does not stop and is left behind" in caplog.text
    # Where it hangs.
    assert "stop_never" in caplog.text
    with running(given, Listener()) as engine:
        assert upload(engine.receiver.port).startswith("226")


def test_connection_that_comes_with_the_stop_is_closed(tmp_path: Path) -> None:
    for _ in range(20):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ResourceWarning)
            with (
                running(settings(tmp_path), Listener()) as engine,
                socket.socket() as caller,
            ):
                caller.connect((HOST, engine.receiver.port))
            gc.collect()
        assert [str(warning.message) for warning in caught] == []


def test_restart_goes_on_where_it_was(tmp_path: Path) -> None:
    given, listener = settings(tmp_path), Listener()
    for number in range(3):
        with running(given, listener) as engine:
            upload(engine.receiver.port, NAME.replace("101_", f"10{number}_"))
    assert len(listener.captures) == 3
    assert len({capture.id for capture in listener.captures}) == 3


def test_storage_used_is_all_that_cameras_left_on_the_disk(tmp_path: Path) -> None:
    given, listener = settings(tmp_path), Listener()
    record(given.storage_root, 0.5)
    footage = sum(
        path.stat().st_size
        for path in given.storage_root.glob("front/recordings/**/*.mp4")
    )
    assert footage
    with running(given, listener) as engine:
        upload(engine.receiver.port)
        used = 0
        while used < footage + len(JPEG):
            assert listener.reported.wait(20), used
            listener.reported.clear()
            used = listener.statuses[-1].storage_used
        assert used == footage + len(JPEG)


def test_reports_stop_while_the_disk_is_gone_and_go_on_with_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    given, listener = settings(tmp_path), Listener()
    trouble = "The recorder's state cannot be read"
    with running(given, listener) as engine:

        async def change() -> None:
            engine.store.changed()

        assert listener.reported.wait(20)
        given.storage_root.rename(tmp_path / "unplugged")
        for _ in range(2):
            asyncio.run(engine.run(change()))
            end = time.monotonic() + 20
            while trouble not in caplog.text:
                assert time.monotonic() < end
                time.sleep(0.02)
        (tmp_path / "unplugged").rename(given.storage_root)
        listener.reported.clear()
        upload(engine.receiver.port)
        assert listener.reported.wait(20)
    # Once, and in one line, however often it was looked.
    (told,) = (one for one in caplog.records if trouble in one.message)
    assert told.exc_info is None


def test_silence_is_counted_on_after_a_restart(tmp_path: Path) -> None:
    given, listener = settings(tmp_path), Listener()
    with running(given, listener) as engine:
        upload(engine.receiver.port)
    assert listener.captured.wait(10)
    listener = Listener()
    arrived = datetime.now(UTC)
    with running(given, listener):
        assert listener.reported.wait(10)
    seen = listener.statuses[0].cameras["camera-1"].last_seen
    assert seen is not None
    assert seen < arrived


def test_stop_twice_and_stop_before_start(tmp_path: Path) -> None:
    engine = Engine(settings(tmp_path), Listener())
    engine.stop()
    engine.start()
    engine.stop()
    engine.stop()


def test_port_in_use_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    threads = set(threading.enumerate())
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortInUseError) as caught:
            Engine(settings(tmp_path, port=port), Listener()).start()
    assert caught.value.placeholders == {"port": str(port)}
    assert set(threading.enumerate()) == threads
    # The storage was let go: another start can have it.
    with running(settings(tmp_path), Listener()):
        pass


def test_storage_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "media").write_text("in the way")
    with pytest.raises(StorageNotWritableError):
        Engine(settings(tmp_path), Listener()).start()


def test_certificate_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "certificate.pem").write_text("no certificate")
    (tmp_path / "key.pem").write_text("no key")
    with pytest.raises(CertificateError):
        Engine(settings(tmp_path, own_certificate=True), Listener()).start()
    # The storage was let go: another start can have it.
    with running(settings(tmp_path), Listener()):
        pass


def test_disk_that_is_not_mounted_is_said(tmp_path: Path) -> None:
    with running(settings(tmp_path), Listener()):
        pass
    (tmp_path / "media").rename(tmp_path / "unplugged")
    with pytest.raises(StorageMissingError):
        Engine(settings(tmp_path), Listener()).start()
    assert not (tmp_path / "media").exists()


def test_storage_in_use_is_said(tmp_path: Path) -> None:
    with running(settings(tmp_path), Listener()), pytest.raises(StorageInUseError):
        other = settings(tmp_path / "other")
        object.__setattr__(other, "storage_root", tmp_path / "media")
        Engine(other, Listener()).start()


async def test_work_is_run_on_the_engines_loop(tmp_path: Path) -> None:
    engine = Engine(settings(tmp_path), Listener())
    await asyncio.to_thread(engine.start)

    async def where() -> str:
        return threading.current_thread().name

    async def fail() -> None:
        raise LookupError("as it is")

    assert await engine.run(where()) == "hikvision_nvr-engine"
    with pytest.raises(LookupError, match="as it is"):
        await engine.run(fail())
    await asyncio.to_thread(engine.stop)
    with pytest.raises(NotRunningError):
        await engine.run(where())


async def test_job_that_runs_at_the_stop_ends(tmp_path: Path) -> None:
    engine = Engine(settings(tmp_path), Listener())
    await asyncio.to_thread(engine.start)
    begun = threading.Event()

    async def endless() -> None:
        begun.set()
        await asyncio.Event().wait()

    job = asyncio.create_task(engine.run(endless()))
    await asyncio.to_thread(begun.wait, 5)
    await asyncio.to_thread(engine.stop)
    with pytest.raises(NotRunningError):
        await job


async def test_caller_that_is_cancelled_cancels_its_work(tmp_path: Path) -> None:
    engine = Engine(settings(tmp_path), Listener())
    await asyncio.to_thread(engine.start)
    begun, ended = threading.Event(), threading.Event()

    async def endless() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    job = asyncio.create_task(engine.run(endless()))
    await asyncio.to_thread(begun.wait, 5)
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    assert await asyncio.to_thread(ended.wait, 5)
    await asyncio.to_thread(engine.stop)
