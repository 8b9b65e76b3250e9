"""The engine: the recorder's rooms on an event loop of their own, in one thread.

TLS, disk and S3 work in bursts that would be felt by every automation if they ran on
Home Assistant's loop. Here they are behind three doors: ``start``, ``stop`` and
``run``. The engine needs no Home Assistant.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
import contextlib
import logging
import threading
from typing import TYPE_CHECKING, Any, Protocol

from .camera_activity import CameraActivity
from .device import Backups, Intents
from .device_footage import KIND_FILL_GAPS, DeviceFootage
from .devices import Devices
from .errors import NotRunningError, RecorderError
from .intake import Intake
from .jobs import JobRunner
from .local_jobs import LocalJobs
from .model import (
    Capture,
    Detection,
    EngineSettings,
    JobEnd,
    RecorderStatus,
    S3Settings,
)
from .receiver import Receiver
from .recording import KIND_EXPORT, Exporter, Recording
from .room_stop import stop_room
from .status import StatusReporter
from .store import Store

if TYPE_CHECKING:
    from .offsite import Offsite

_LOGGER = logging.getLogger(__name__)


class _StoppedError(Exception):
    """The engine stopped while a job ran."""


class EngineListener(Protocol):
    """Hears from the engine. Everything is called in the engine's thread."""

    def on_detection(self, detection: Detection) -> None:
        """Something was detected; its file is here but not yet on the disk."""

    def on_detection_goes_on(self, detection: Detection) -> None:
        """What was detected is not over, as the camera's device says."""

    def on_detection_picture(self, detection: Detection) -> None:
        """A detection that was told without a file has got its first."""

    def on_capture(self, capture: Capture) -> None:
        """A capture is safe on the disk."""

    def on_status(self, status: RecorderStatus) -> None:
        """The recorder's state has changed. At most once a second."""

    def on_job_end(self, end: JobEnd) -> None:
        """A job has ended."""


class Engine:
    """Owns the engine's thread and loop, and the rooms that run there."""

    def __init__(self, settings: EngineSettings, listener: EngineListener) -> None:
        """Prepare an engine; ``start`` runs it."""
        self._settings = settings
        self._listener = listener
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._started = threading.Event()
        self._failure: BaseException | None = None
        self._jobs: set[asyncio.Task[Any]] = set()
        self.store = Store(
            settings.storage_root,
            settings.state_folder / "catalogue.sqlite",
            time_zone=settings.time_zone,
            offsite=settings.s3 is not None,
            reserve=settings.storage_reserve,
            cameras=settings.cameras,
            retention=settings.retention,
            sync_interval=settings.sync_interval,
        )
        self.activity = CameraActivity(settings.cameras, self.store.changed)
        self.recording = Recording(
            self.store.recordings,
            settings.cameras,
            time_zone=settings.time_zone,
            on_change=self.store.changed,
        )
        self.intake = Intake(
            self.store,
            settings.cameras,
            self.activity,
            time_zone=settings.time_zone,
            on_detection=self._on_detection,
            on_capture=listener.on_capture,
            on_goes_on=listener.on_detection_goes_on,
            on_picture=listener.on_detection_picture,
        )
        self.receiver = Receiver(
            settings.receiver,
            settings.cameras,
            self.store,
            self.intake,
            self.store.changed,
        )
        self.devices = Devices(
            settings.cameras,
            self.intake,
            self.receiver,
            self.activity,
            Backups(settings.state_folder / "devices"),
            Intents(settings.state_folder / "intents"),
            self.store.changed,
        )
        self.device_footage = DeviceFootage(
            settings.cameras, self.store, self.recording
        )
        self.offsite: Offsite | None = None
        self.jobs = JobRunner(self.store, listener.on_job_end)

    def start(self) -> None:
        """Start the thread and wait until the receiver listens (blocking).

        Raises RecorderError when a room cannot start; nothing runs then.
        """
        self._thread = threading.Thread(
            target=self._main, name="hikvision_nvr-engine", daemon=True
        )
        self._thread.start()
        self._started.wait()
        if self._failure is not None:
            self._thread.join()
            self._thread = None
            raise self._failure

    def stop(self) -> None:
        """Stop, keep what has arrived, and join every thread (blocking)."""
        thread = self._thread
        if thread is None:
            return
        self._started.wait()
        loop, stopping = self._loop, self._stopping
        if loop is not None and stopping is not None:
            # It may end by itself at this moment.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(stopping.set)
        thread.join()
        self._thread = None

    async def run[T](self, work: Coroutine[Any, Any, T]) -> T:
        """Run ``work`` on the engine's loop and return its result.

        For callers on other loops. Raises what ``work`` raises, and
        NotRunningError when the engine is not running or stops meanwhile.
        """
        loop = self._loop
        if loop is None or self._stopping is None or self._stopping.is_set():
            work.close()
            raise NotRunningError("The recorder is not running")
        try:
            return await asyncio.wrap_future(
                asyncio.run_coroutine_threadsafe(self._job(work), loop)
            )
        except _StoppedError as err:
            raise NotRunningError("The recorder was stopped") from err

    async def lift_ban(self, address: str) -> None:
        """Let an address connect again; for ``run``."""
        self.receiver.lift_ban(address)

    def _main(self) -> None:
        try:
            if self._settings.s3 is not None:
                self.offsite = self._make_offsite(self._settings.s3)
            asyncio.run(self._serve())
        except BaseException as err:
            if self._started.is_set():
                _LOGGER.exception("The recorder's engine has failed")
            self._failure = err
        finally:
            self._loop = None
            self._started.set()

    def _make_offsite(self, s3: S3Settings) -> Offsite:
        # The S3 client takes some 30 MB, which a recorder without S3 need not have.
        from .offsite import Offsite

        return Offsite(s3, self.store, self._settings.time_zone, self.intake.describe)

    def _local_jobs(self) -> LocalJobs:
        return LocalJobs(
            self.store,
            self._settings.storage_root,
            self.intake.describe,
            self._settings.time_zone,
            None if self.offsite is None else self.offsite.proven,
        )

    def _on_detection(self, detection: Detection) -> None:
        self.recording.detected(detection)
        self._listener.on_detection(detection)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        async with contextlib.AsyncExitStack() as stack:
            await self.store.open()
            stack.push_async_callback(stop_room, self.store.close)
            if self.offsite is not None:
                # A capture makes room only if the bucket has it when it is asked.
                self.store.recordings.retention.captures.proof = self.offsite.proven
                await self.store.recordings.uploads.choose(
                    {
                        camera.folder: camera.recording.offsite
                        for camera in self._settings.cameras
                    }
                )
                await self.offsite.start()
                stack.push_async_callback(stop_room, self.offsite.stop)
                self.jobs.add_kinds(self.offsite.job_kinds())
            self.jobs.add_kinds(self._local_jobs().kinds())
            await self.intake.start()
            await stack.enter_async_context(
                _background(self.store.recordings.retention.run(self.store.changed))
            )
            await self.recording.start()
            stack.push_async_callback(stop_room, self.recording.stop)
            exporter = Exporter(self.store)
            stack.callback(exporter.close)
            stack.push_async_callback(stop_room, self.device_footage.close)
            self.jobs.add_kinds(
                {KIND_EXPORT: exporter.run, KIND_FILL_GAPS: self.device_footage.fill}
            )
            await self.jobs.start()
            stack.push_async_callback(stop_room, self.jobs.stop)
            reporter = StatusReporter(
                self.store,
                self.offsite,
                self.receiver,
                self.activity,
                self.jobs,
                self.devices.statuses,
                self.recording.statuses,
                self._listener.on_status,
            )
            await stack.enter_async_context(_background(reporter.run()))
            await stack.enter_async_context(_background(self._recover()))
            # Left in the opposite order: no new upload, none under way, no job.
            stack.push_async_callback(stop_room, self._end_jobs)
            stack.push_async_callback(stop_room, self.intake.drain)
            await self.receiver.start()
            stack.push_async_callback(stop_room, self.receiver.stop)
            stack.push_async_callback(stop_room, self.devices.stop)
            await self.devices.start()
            self._started.set()
            await self._stopping.wait()

    async def _job[T](self, work: Coroutine[Any, Any, T]) -> T:
        task = asyncio.current_task()
        assert task is not None
        self._jobs.add(task)
        try:
            return await work
        except asyncio.CancelledError:
            assert self._stopping is not None
            if self._stopping.is_set():
                raise _StoppedError from None
            raise
        finally:
            self._jobs.discard(task)

    async def _end_jobs(self) -> None:
        for job in self._jobs:
            job.cancel()
        if self._jobs:
            await asyncio.wait(self._jobs)

    async def _recover(self) -> None:
        try:
            await self.store.recover(self.intake.describe)
        except RecorderError as err:
            _LOGGER.error("Files on the disk could not be added: %s", err)


@contextlib.asynccontextmanager
async def _background(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)

    async def stop() -> None:
        task.cancel()
        await asyncio.wait([task])

    try:
        yield
    finally:
        await stop_room(stop)
