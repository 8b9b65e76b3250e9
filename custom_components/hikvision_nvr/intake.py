"""Takes complete uploads in: what happened, who must know, and the file kept safe.

Each way a file can come (FTPS now) ends here, so that a detection and a capture mean
the same whatever brought them.
"""

import asyncio
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, tzinfo
import logging

from .detections import Detections
from .errors import StorageError
from .model import Brand, Camera, Capture, Detection, Sighting
from .receiver.file_names import read_file_name
from .store import Store, upload_name
from .store.incoming import IncomingFile

_LOGGER = logging.getLogger(__name__)


class Intake:
    """Turns finished uploads into detections and captures."""

    def __init__(
        self,
        store: Store,
        cameras: Iterable[Camera],
        *,
        time_zone: tzinfo,
        on_detection: Callable[[Detection], None],
        on_capture: Callable[[Capture], None],
    ) -> None:
        """Keep captures in ``store``; cameras tell the time of ``time_zone``."""
        self._store = store
        self._brands = {camera.folder: camera.brand for camera in cameras}
        self._time_zone = time_zone
        self._detections = Detections(on_detection)
        self._on_capture = on_capture
        self._keeping: set[asyncio.Task[Capture]] = set()

    def describe(self, camera_folder: str, path: str, arrived: datetime) -> Sighting:
        """Return what the path of an uploaded file says."""
        return read_file_name(
            path,
            brand=self._brands.get(camera_folder, Brand.AUTO),
            arrived=arrived,
            time_zone=self._time_zone,
        )

    async def take(self, camera: Camera, path: str, incoming: IncomingFile) -> Capture:
        """Take an upload whose last byte has arrived; when this returns, it is safe.

        The detection is told at once, before the disk has it: a notification must
        not wait for a slow disk. A caller that is cancelled does not undo it.
        Raises StorageError when the file cannot be kept.
        """
        arrived = datetime.now(UTC)
        name = upload_name(path)
        sighting = self.describe(camera.folder, path, arrived)
        detection = self._detections.observe(
            camera, sighting, arrived=arrived, file_name=name, capture_id=incoming.id
        )
        task = asyncio.create_task(
            self._store.keep(
                incoming,
                camera=camera.folder,
                name=name,
                sighting=sighting,
                arrived=arrived,
                detection_id=None if detection is None else detection.id,
            )
        )
        self._keeping.add(task)
        task.add_done_callback(self._kept)
        return await asyncio.shield(task)

    async def drain(self) -> None:
        """Wait until every upload that was taken is safe or has failed."""
        while self._keeping:
            await asyncio.wait(self._keeping)

    def _kept(self, task: asyncio.Task[Capture]) -> None:
        self._keeping.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            self._on_capture(task.result())
        elif not isinstance(error, StorageError):
            _LOGGER.error("An upload could not be kept", exc_info=error)
