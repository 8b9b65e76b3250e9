"""Takes in what cameras deliver and tell: who must know, and the file kept safe.

Each way a file or an event can come ends here, so that a detection and a capture mean
the same whatever brought them.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
import logging
from typing import Any

from .camera_activity import CameraActivity
from .detections import Detections, Incident
from .errors import StorageError
from .model import (
    Brand,
    Camera,
    Capture,
    CaptureKind,
    Detection,
    DetectionType,
    DeviceEvent,
    Sighting,
)
from .receiver.file_names import is_connection_test, read_file_name
from .store import Store, is_temporary_name, upload_name
from .store.incoming import IncomingFile

_LOGGER = logging.getLogger(__name__)

_WORDS: Mapping[DetectionType, str] = {
    DetectionType.MOTION: "MOTION_DETECTION",
    DetectionType.LINE_CROSSING: "LINE_DETECTION",
    DetectionType.INTRUSION: "FIELD_DETECTION",
    DetectionType.REGION_ENTRANCE: "REGION_ENTRANCE",
    DetectionType.REGION_EXIT: "REGION_EXITING",
    DetectionType.FACE: "FACE_DETECTION",
    DetectionType.VEHICLE: "VEHICLE_DETECTION",
    DetectionType.PIR: "PIR_ALARM",
    DetectionType.AUDIO: "AUDIO_EXCEPTION",
    DetectionType.ALARM_INPUT: "ALARM_INPUT",
    DetectionType.TAMPER: "SHELTER_ALARM",
    DetectionType.VIDEO_LOSS: "VIDEO_LOSS",
}
"""How a fetched picture is named, so that its name says the same as a camera's."""


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
        on_goes_on: Callable[[Detection], None] = lambda _detection: None,
        on_picture: Callable[[Detection], None] = lambda _detection: None,
    ) -> None:
        """Keep captures in ``store``; cameras tell the time of ``time_zone``."""
        self._store = store
        self._cameras = {camera.folder: camera for camera in cameras}
        self._activity = activity
        self._time_zone = time_zone
        self._detections = Detections(on_detection, on_goes_on, on_picture)
        self._expected: defaultdict[str, set[asyncio.Future[None]]] = defaultdict(set)
        self._on_capture = on_capture
        self._keeping: set[asyncio.Task[Capture]] = set()
        self._noting: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Learn from what the cameras delivered before: their clocks, who is silent."""
        for camera in self._cameras.values():
            arrived = await self._store.captures.last_arrival(camera.folder)
            if arrived is not None:
                self._activity.seen(camera, arrived)
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
        for waiting in self._expected[camera.folder]:
            if not waiting.done():
                waiting.set_result(None)
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

    def hear(self, camera: Camera, event: DeviceEvent) -> tuple[Incident, bool]:
        """Take what a camera's device tells as it happens.

        Returns the incident that it belongs to, and whether that is new.
        """
        arrived = datetime.now(UTC)
        happened = arrived
        if event.late and event.told is not None:
            offset = self._activity.clock(camera).corrected(event.told)
            happened = min(event.told if offset is None else offset, arrived)
        incident, new = self._detections.hear(
            camera,
            Sighting(
                kind=CaptureKind.OTHER,
                type=event.type,
                raw_type=event.raw_type,
                channel=f"{event.channel:02}",
                event_time=happened.astimezone(UTC),
                plate=event.plate,
            ),
            event.type,
            arrived=arrived,
            region=event.region,
        )
        self._note(camera, incident)
        return incident, new

    async def take_picture(
        self,
        camera: Camera,
        content: bytes,
        taken: datetime,
        incident: Incident | None = None,
    ) -> Capture:
        """Keep a picture that was fetched from a camera, of an incident or of none.

        Raises StorageError.
        """
        detection = None if incident is None else incident.detection
        local = taken.astimezone(self._time_zone)
        stamp = f"{local:%Y%m%d%H%M%S}{local.microsecond // 1000:03}"
        # Its name says what it is to whoever finds it without the catalogue.
        word = "TIMING"
        if detection is not None:
            word = _WORDS.get(detection.type, "OTHER_DETECTION")
        name = f"{stamp}_{word}.jpg"
        incoming = self._store.receive()
        try:
            await incoming.write(content)
        except BaseException:
            await incoming.discard()
            raise
        capture = await self._keep(
            self._store.keep(
                incoming,
                camera=camera.folder,
                name=name,
                sighting=Sighting(
                    kind=CaptureKind.SNAPSHOT,
                    type=None if detection is None else detection.type,
                    raw_type=None if detection is None else detection.raw_type,
                    channel=f"{camera.channel:02}",
                    event_time=taken,
                    plate=None if detection is None else detection.plate,
                    brand=Brand.HIKVISION,
                ),
                arrived=datetime.now(UTC),
                detection_id=None if detection is None else detection.id,
                held=False,
            )
        )
        if incident is not None:
            self._detections.add_picture(incident, capture.name, capture.id)
        return capture

    def admit(self, camera: Camera) -> None:
        """Understand the files of a camera that is being set up, while this runs."""
        self._cameras.setdefault(camera.folder, camera)

    @contextmanager
    def expect(self, camera: Camera) -> Iterator[asyncio.Future[None]]:
        """Give a future that is done when a camera has delivered anything whole."""
        delivered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = self._expected[camera.folder]
        waiting.add(delivered)
        try:
            yield delivered
        finally:
            waiting.discard(delivered)

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
        while waiting := self._keeping | self._noting:
            await asyncio.wait(waiting)

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
        # Begun at once, not in the loop's next turn: the camera waits.
        task = asyncio.Task(work, eager_start=True)
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

    def _note(self, camera: Camera, incident: Incident) -> None:
        """Let the catalogue know of a detection, also if it never gets a picture.

        A device tells of it again each second: only what is new is worth a write.
        """
        detection = incident.detection
        what = (detection.plate, detection.region)
        if incident.noted == what:
            return
        incident.noted = what

        async def note() -> None:
            try:
                await self._store.note_detection(camera.folder, detection)
            except StorageError as err:
                _LOGGER.warning("A detection of %s is not noted: %s", camera.name, err)

        task = asyncio.create_task(note())
        self._noting.add(task)
        task.add_done_callback(self._noting.discard)


def _nothing_yet(arrived: datetime) -> Sighting:
    """Return what a temporary name says: that the final one is still to come."""
    return Sighting(
        kind=CaptureKind.OTHER,
        type=None,
        raw_type=None,
        channel=None,
        event_time=arrived,
    )
