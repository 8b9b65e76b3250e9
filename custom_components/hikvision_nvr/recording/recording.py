"""The recording of all cameras, as the engine uses it."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import tzinfo

from ..errors import RecorderError
from ..model import Camera, Detection, RecordingMode, RecordingStatus
from ..store.recordings import Recordings
from ..store.segment import SavedSegment
from .clock import SYSTEM_CLOCKS, Clocks
from .pipeline import SEGMENT
from .readers import Readers
from .recorder import Recorder
from .source import KeyFrame, SourceFactory

_MEASURE = 30.0
"""Seconds between two looks at bit rates and totals."""
_JOIN = 3.0
"""Seconds that streams have to end when the engine stops."""


class Recording:
    """Records the cameras whose mode is not off."""

    def __init__(
        self,
        recordings: Recordings,
        cameras: Iterable[Camera],
        *,
        time_zone: tzinfo,
        on_change: Callable[[], None],
        source: SourceFactory | None = None,
        clocks: Clocks = SYSTEM_CLOCKS,
    ) -> None:
        """Record into ``recordings``; ``on_change`` hears of changes of ``statuses``.

        Without ``source`` each camera is read as its settings say.
        """
        self._recordings = recordings
        self._on_change = on_change
        self._clocks = clocks
        cameras = tuple(cameras)
        wanted = [
            camera for camera in cameras if camera.recording.mode != RecordingMode.OFF
        ]
        self._readers = Readers(recordings.notes, wanted, on_change)
        self._folders = {camera.id: camera.folder for camera in wanted}
        self._by_detection = {
            camera.id
            for camera in wanted
            if camera.recording.mode is RecordingMode.DETECTIONS
        }
        self._recorders = {
            camera.id: Recorder(
                camera,
                recordings,
                source or self._readers.factory(camera.id),
                clocks,
                time_zone=time_zone,
                # Not all at once: the disk has less to do at a time.
                stagger=number * SEGMENT // len(wanted),
                on_change=on_change,
            )
            for number, camera in enumerate(wanted)
        }
        self._is_writing = bool(wanted) or any(
            # Its own recordings can be fetched, also where nothing else is recorded.
            camera.device is not None
            for camera in cameras
        )
        self._totals: dict[str, tuple[int, int]] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to record."""
        if not self._is_writing:
            return
        await self._recordings.start(self._saved)
        if not self._recorders:
            return
        self._totals = await self._recordings.segments.totals()
        await self._readers.start()
        self._tasks = [
            asyncio.create_task(recorder.run()) for recorder in self._recorders.values()
        ]
        self._tasks.append(asyncio.create_task(self._measure()))

    async def stop(self) -> None:
        """Write what there is and end all threads that are not stuck."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        until = self._clocks.monotonic() + _JOIN

        def join() -> None:
            for recorder in self._recorders.values():
                recorder.join(until)

        await asyncio.get_running_loop().run_in_executor(None, join)
        await self._readers.stop(_JOIN)
        await self._recordings.stop()

    def detected(self, detection: Detection) -> None:
        """Record a camera that has detected something."""
        if detection.camera_id in self._by_detection:
            self._recorders[detection.camera_id].detected(detection.event_time)

    async def set_enabled(self, camera_id: str, enabled: bool) -> None:
        """Switch the recording of a camera on or off; it stays so after a restart.

        Raises CatalogueError.
        """
        folder = self._folders[camera_id]
        await self._recordings.segments.set_paused(folder, not enabled)
        self._recorders[camera_id].set_enabled(enabled)

    async def look_for_gap(self, folder: str) -> None:
        """Find out anew where footage was missing last. Raises CatalogueError."""
        for camera_id, recorder in self._recorders.items():
            if self._folders[camera_id] == folder:
                await recorder.look_for_gap()

    def key_frame(self, camera_id: str) -> KeyFrame | None:
        """Return the last key frame of a camera that is recorded, None without one.

        Any thread may ask.
        """
        recorder = self._recorders.get(camera_id)
        return None if recorder is None else recorder.key_frame

    def statuses(self) -> dict[str, RecordingStatus]:
        """Return what is known of each camera that is recorded, by its id."""
        return {
            camera_id: self._status(camera_id, recorder)
            for camera_id, recorder in self._recorders.items()
        }

    def _status(self, camera_id: str, recorder: Recorder) -> RecordingStatus:
        size, recorded = self._totals.get(self._folders[camera_id], (0, 0))
        reader, reason = self._readers.used(camera_id)
        return replace(
            recorder.status,
            bytes=size,
            recorded=recorded,
            reader=reader,
            reader_reason=reason,
        )

    def _saved(self, saved: list[SavedSegment]) -> None:
        folders = {one.info.camera for one in saved}
        for camera_id, recorder in self._recorders.items():
            if self._folders[camera_id] in folders:
                recorder.saved()

    async def _measure(self) -> None:
        while True:
            await asyncio.sleep(_MEASURE)
            for recorder in self._recorders.values():
                recorder.measure()
            try:
                self._totals = await self._recordings.segments.totals()
            except RecorderError:
                continue
            self._on_change()
