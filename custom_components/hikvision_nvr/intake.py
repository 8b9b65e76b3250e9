"""Takes complete uploads in: what happened, who must know, and the file kept safe.

Each way a file can come (FTPS now) ends here, so that a detection and a capture mean
the same whatever brought them.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
import logging
from typing import Any

from .camera_activity import CameraActivity
from .detections import Detections
from .errors import StorageError
from .model import Brand, Camera, Capture, CaptureKind, Detection, Sighting
from .receiver.file_names import is_connection_test, read_file_name
from .store import Store, is_temporary_name, upload_name
from .store.incoming import IncomingFile

_LOGGER = logging.getLogger(__name__)


class Intake:
    """Turns finished uploads into detections and captures."""

    def __init__(
        self,
        store: Store,
        cameras: Iterable[Camera],
        activity: CameraActivity,
        *,
        time_zone: tzinfo,
        on_detection: Callable[[Detection], None],
        on_capture: Callable[[Capture], None],
    ) -> None:
        """Keep captures in ``store``; cameras tell the time of ``time_zone``."""
        self._store = store
        self._cameras = {camera.folder: camera for camera in cameras}
        self._activity = activity
        self._time_zone = time_zone
        self._detections = Detections(on_detection)
        self._on_capture = on_capture
        self._keeping: set[asyncio.Task[Capture]] = set()

    async def start(self) -> None:
        """Learn the cameras' clocks from what they delivered before."""
        for camera in self._cameras.values():
            for name_time, arrived in await self._store.captures.clock_samples(
                camera.folder
            ):
                self._activity.clock(camera).observe(name_time, arrived)

    def describe(self, camera_folder: str, path: str, arrived: datetime) -> Sighting:
        """Return what the path of an uploaded file says."""
        camera = self._cameras.get(camera_folder)
        return read_file_name(
            path,
            brand=Brand.AUTO if camera is None else camera.brand,
            template=None if camera is None else camera.name_template,
            arrived=arrived,
            time_zone=self._time_zone,
        )

    def seen(self, camera: Camera) -> None:
        """Note that a camera has logged in."""
        self._activity.seen(camera)

    async def take(
        self, camera: Camera, path: str, incoming: IncomingFile
    ) -> Capture | None:
        """Take an upload whose last byte has arrived; when this returns, it is safe.

        The detection is told at once, before the disk has it: a notification must
        not wait for a slow disk. A caller that is cancelled does not undo it. None
        for a connection test. Raises StorageError when the file cannot be kept.
        """
        arrived = datetime.now(UTC)
        if is_connection_test(path, incoming.size):
            await incoming.discard()
            self._activity.tested(camera)
            _LOGGER.info("%s: connection test", camera.name)
            return None
        self._activity.seen(camera)
        name = upload_name(path)
        held = is_temporary_name(name)
        if held:
            sighting, detection = _nothing_yet(arrived), None
        else:
            sighting, detection = self._observe(camera, path, incoming.id, arrived)
        return await self._keep(
            self._store.keep(
                incoming,
                camera=camera.folder,
                name=name,
                sighting=sighting,
                arrived=arrived,
                detection_id=None if detection is None else detection.id,
                held=held,
            )
        )

    async def rename(self, camera: Camera, capture_id: str, path: str) -> None:
        """Give a file its final name that came under a temporary one.

        Any other file keeps the name it arrived under. Raises StorageError.
        """
        capture = await self._store.captures.get(capture_id)
        if capture is None or not is_temporary_name(capture.name):
            return
        name = upload_name(path)
        if is_temporary_name(name):
            return
        sighting, detection = self._observe(camera, path, capture_id, capture.arrived)
        await self._keep(
            self._store.rename(
                capture,
                name=name,
                sighting=sighting,
                detection_id=None if detection is None else detection.id,
            )
        )

    async def drain(self) -> None:
        """Wait until every upload that was taken is safe or has failed."""
        while self._keeping:
            await asyncio.wait(self._keeping)

    def _observe(
        self, camera: Camera, path: str, capture_id: str, arrived: datetime
    ) -> tuple[Sighting, Detection | None]:
        sighting = self.describe(camera.folder, path, arrived)
        if sighting.name_time is not None:
            clock = self._activity.clock(camera)
            if sighting.kind is CaptureKind.SNAPSHOT:
                # A clip is named after its beginning and comes after its end.
                clock.observe(sighting.name_time, arrived)
            corrected = clock.corrected(sighting.name_time)
            if corrected is not None:
                sighting = replace(sighting, event_time=corrected)
        detection = self._detections.observe(
            camera,
            sighting,
            arrived=arrived,
            file_name=upload_name(path),
            capture_id=capture_id,
        )
        return sighting, detection

    async def _keep(self, work: Coroutine[Any, Any, Capture]) -> Capture:
        task = asyncio.create_task(work)
        self._keeping.add(task)
        task.add_done_callback(self._kept)
        return await asyncio.shield(task)

    def _kept(self, task: asyncio.Task[Capture]) -> None:
        self._keeping.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            self._on_capture(task.result())
        elif not isinstance(error, StorageError):
            _LOGGER.error("An upload could not be kept", exc_info=error)


def _nothing_yet(arrived: datetime) -> Sighting:
    """Return what a temporary name says: that the final one is still to come."""
    return Sighting(
        kind=CaptureKind.OTHER,
        type=None,
        raw_type=None,
        channel=None,
        event_time=arrived,
    )
