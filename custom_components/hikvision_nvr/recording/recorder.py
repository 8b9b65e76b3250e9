"""Records one camera: opens its stream, opens it again, and knows what it does."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
import logging

from ..errors import (
    CatalogueError,
    ClockWrongError,
    RecorderError,
    StreamError,
    StreamStalledError,
    StreamUnauthorizedError,
)
from ..model import (
    Camera,
    GapReason,
    RecordingMode,
    RecordingState,
    RecordingStatus,
)
from ..store.recordings import Recordings
from ..store.rows import from_us
from ..store.segments import Gap
from .clock import Clocks
from .pipeline import Pipeline
from .schedule import began
from .source import KeyFrame, Source, SourceFactory

_LOGGER = logging.getLogger(__name__)

_LOOK = 5.0
"""Seconds between two looks at whether frames still come."""
_STALLED = 20.0
_OPENING = 40.0
"""Seconds without a frame, later and at first, after which a stream is given up."""
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 30.0
_REFUSED_PAUSE = 900.0
"""Seconds: cameras lock an account after some wrong passwords. New ones, which begin
the recording anew, do not wait."""
_SHORTEST_GAP = timedelta(seconds=2)
_SHORTEST_POST_ROLL = 3.0
"""Seconds: more than a fragment takes, so that none is closed before it is asked."""
_LATE = timedelta(minutes=2)
"""A detection that is told later than this has nothing left to record."""
_EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)
_FUTURE = timedelta(hours=1)
_CLOCK_PATIENCE = 600.0
"""Seconds after the start in which a clock that is behind the footage may be set."""
_MOST_STUCK = 3
"""Threads of a camera that may wait for their socket's timeout at once."""


class Recorder:
    """The recording of one camera, on the engine's loop."""

    def __init__(
        self,
        camera: Camera,
        recordings: Recordings,
        source: SourceFactory,
        clocks: Clocks,
        *,
        time_zone: tzinfo,
        stagger: int,
        on_change: Callable[[], None],
    ) -> None:
        """Record ``camera``; ``on_change`` hears of each change of ``status``."""
        self._camera = camera
        self._settings = camera.recording
        self._recordings = recordings
        self._make_source = source
        self._clocks = clocks
        self._time_zone = time_zone
        self._stagger = stagger
        self._on_change = on_change
        self._enabled = True
        self._state = RecordingState.OFF
        self._error: RecorderError | None = None
        self._storage_error: RecorderError | None = None
        self._changed = asyncio.Event()
        self._record_until = 0.0
        self._covered: datetime | None = None
        self._wanted_from: datetime | None = None
        self._first = True
        self._dropped = 0
        self._last_gap: Gap | None = None
        self._feed: _Feed | None = None
        self._pipeline: Pipeline | None = None
        self._bitrate: int | None = None
        self._measured = clocks.monotonic()
        self._began = clocks.monotonic()
        self._sources: list[Source] = []

    @property
    def status(self) -> RecordingStatus:
        """What is known; the totals are the store's to tell."""
        error = self._storage_error or self._error
        return RecordingStatus(
            state=self._state,
            enabled=self._enabled,
            error=None if error is None else error.key,
            bitrate=self._bitrate,
            dropped=self._dropped,
            last_gap=self._last_gap,
        )

    def measure(self) -> None:
        """Find out the bit rate since the last call."""
        now = self._clocks.monotonic()
        seconds = now - self._measured
        size = 0 if self._feed is None else self._feed.take_size()
        if self._state is RecordingState.RECORDING and seconds > 0:
            # Two digits tell all there is to tell, and change seldom.
            self._bitrate = int(float(f"{8 * size / seconds:.2g}"))
        else:
            self._bitrate = None
        self._measured = now

    def set_enabled(self, enabled: bool) -> None:
        """Switch the recording on or off."""
        if enabled and not self._enabled:
            # What was not wanted is not missing.
            self._wanted_from = self._now()
        self._enabled = enabled
        self._changed.set()

    def detected(self, event_time: datetime) -> None:
        """Record for some time, because something was detected."""
        if self._now() - event_time > _LATE:
            return
        seconds = max(self._settings.post_roll.total_seconds(), _SHORTEST_POST_ROLL)
        self._record_until = self._clocks.monotonic() + seconds

    @property
    def key_frame(self) -> KeyFrame | None:
        """The last key frame of the stream, None before the first; any thread may ask."""
        return None if self._pipeline is None else self._pipeline.key_frame

    async def look_for_gap(self) -> None:
        """Find out anew where footage was missing last: a gap may be filled."""
        self._last_gap = await self._recordings.segments.last_gap(self._camera.folder)
        self._on_change()

    def saved(self) -> None:
        """The disk has taken something of this camera."""
        if self._storage_error is not None:
            self._storage_error = None
            _LOGGER.info("%s: the disk can be written again", self._camera.name)
            if self._error is None and self._state is RecordingState.FAILED:
                self._set(RecordingState.RECORDING)
            self._on_change()

    async def run(self) -> None:
        """Record until cancelled."""
        folder = self._camera.folder
        segments = self._recordings.segments
        self._covered = await segments.last_end(folder)
        self._last_gap = await segments.last_gap(folder)
        self._enabled = folder not in await segments.paused()
        self._on_change()
        pause = _FIRST_PAUSE
        while True:
            if not self._is_wanted():
                self._set(
                    RecordingState.STANDBY if self._enabled else RecordingState.OFF
                )
                await self._wait(_LOOK)
                continue
            if not self._clock_is_right():
                self._fail(ClockWrongError("The clock of this machine is wrong"))
                await self._wait(_LOOK)
                continue
            self._set(RecordingState.CONNECTING, keep_error=True)
            begun = self._clocks.monotonic()
            error = await self._record()
            if error is None:
                pause = _FIRST_PAUSE
                continue
            self._fail(error)
            if self._clocks.monotonic() - begun > _LONGEST_PAUSE:
                pause = _FIRST_PAUSE
            await self._wait(
                _REFUSED_PAUSE if isinstance(error, StreamUnauthorizedError) else pause
            )
            pause = min(2 * pause, _LONGEST_PAUSE)

    def join(self, until: float) -> None:
        """Wait for the threads of the sources (blocking), at most until then.

        ``until`` is by ``time.monotonic``. One that is stuck ends by itself later.
        """
        for source in self._sources:
            source.join(max(0.0, until - self._clocks.monotonic()))

    async def _record(self) -> StreamError | None:
        """Record one opening of the stream; None when it is not wanted any more."""
        self._sources = [source for source in self._sources if not source.join(0)]
        if len(self._sources) >= _MOST_STUCK:
            return StreamStalledError("The camera has sent nothing for too long")
        feed = self._feed = _Feed(self, asyncio.get_running_loop())
        pipeline = Pipeline(
            self._camera.folder,
            self._recordings.writer,
            self._clocks,
            feed,
            wanted=self._is_recording_wanted,
            pre_roll=(
                self._settings.pre_roll.total_seconds()
                if self._settings.mode is RecordingMode.DETECTIONS
                else 0
            ),
            stagger=self._stagger,
        )
        self._pipeline = pipeline
        source = self._make_source(self._settings.url, self._settings.audio, pipeline)
        self._sources.append(source)
        source.start()
        begun = self._clocks.monotonic()
        try:
            while self._is_wanted():
                if feed.ended.is_set():
                    return feed.error
                now = self._clocks.monotonic()
                if pipeline.last_arrival is None:
                    stalled = now - begun > _OPENING
                else:
                    stalled = now - pipeline.last_arrival > _STALLED
                if stalled:
                    return StreamStalledError(
                        "The camera has sent nothing for too long"
                    )
                await self._wait(_LOOK, feed.ended)
        finally:
            source.stop()
            pipeline.finish()
            self._covered = feed.covered or self._covered
            feed.close()
            self._pipeline = None
        return None

    def _is_wanted(self) -> bool:
        """Tell whether the stream is to be open now."""
        if not self._enabled:
            return False
        if (schedule := self._settings.schedule) is None:
            return True
        local = self._now().astimezone(self._time_zone)
        begun = began(schedule, local)
        if begun is None:
            return False
        if self._wanted_from is None or self._wanted_from < begun:
            self._wanted_from = begun.astimezone(UTC)
        return True

    def _is_recording_wanted(self) -> bool:
        """Tell whether what comes is to be written; called in the source's thread."""
        if self._settings.mode is not RecordingMode.DETECTIONS:
            return True
        return self._clocks.monotonic() < self._record_until

    def _clock_is_right(self) -> bool:
        now = self._now()
        if now < _EARLIEST:
            return False
        early = self._clocks.monotonic() - self._began < _CLOCK_PATIENCE
        return not (early and self._covered and self._covered - now > _FUTURE)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clocks.wall(), UTC)

    async def _wait(self, seconds: float, ended: asyncio.Event | None = None) -> None:
        """Wait until something has changed, or so long."""
        events = [self._changed] if ended is None else [self._changed, ended]
        tasks = [asyncio.ensure_future(event.wait()) for event in events]
        try:
            await asyncio.wait(
                tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            for task in tasks:
                task.cancel()
        self._changed.clear()

    def _set(self, state: RecordingState, *, keep_error: bool = False) -> None:
        error = self._error if keep_error else None
        if (state, error) != (self._state, self._error):
            self._state, self._error = state, error
            self._on_change()

    def _fail(self, error: RecorderError) -> None:
        if self._error is None or self._error.key != error.key:
            _LOGGER.warning("%s is not recorded: %s", self._camera.name, error)
        self._state, self._error = RecordingState.FAILED, error
        self._on_change()

    # The feed calls these on the engine's loop.

    def took(self, *, written: bool) -> None:
        """Fragments come, and are or are not written."""
        if self._error is not None:
            _LOGGER.info("%s is recorded again", self._camera.name)
        if self._storage_error is not None:
            self._set(RecordingState.FAILED)
        else:
            self._set(RecordingState.RECORDING if written else RecordingState.STANDBY)

    def began_at(
        self, wall_us: int, reason: GapReason, covered: datetime | None
    ) -> None:
        """Footage begins that does not follow what was written before.

        ``covered`` is until when there is footage of the same opening of the stream.
        """
        start, before = from_us(wall_us), covered or self._covered
        reason = GapReason.STOPPED if self._first else reason
        self._first = False
        if before is None or self._settings.mode is RecordingMode.DETECTIONS:
            return
        if self._wanted_from is not None:
            before = max(before, self._wanted_from)
        if start - before < _SHORTEST_GAP:
            return
        self._last_gap = (before, start, reason)
        gap = self._recordings.segments.add_gap(
            self._camera.folder, before, start, reason
        )
        task = asyncio.ensure_future(gap)
        task.add_done_callback(_report)
        self._on_change()

    def dropped(self) -> None:
        """A key-frame group was dropped."""
        if not self._dropped:
            _LOGGER.warning(
                "%s: the disk is too slow, footage is lost", self._camera.name
            )
        self._dropped += 1
        self._on_change()

    def storage(self, error: RecorderError) -> None:
        """The disk cannot be written."""
        if self._storage_error is None:
            _LOGGER.error("%s is not recorded: %s", self._camera.name, error)
        self._storage_error = error
        self._set(RecordingState.FAILED)
        self._on_change()


def _report(task: asyncio.Future[None]) -> None:
    if not task.cancelled() and isinstance(err := task.exception(), CatalogueError):
        _LOGGER.warning("A gap cannot be noted: %s", err)


class _Feed:
    """Takes what a pipeline tells from the source's thread to the engine's loop."""

    def __init__(self, recorder: Recorder, loop: asyncio.AbstractEventLoop) -> None:
        self._recorder = recorder
        self._loop = loop
        self._open = True
        self._size = 0
        self._written: bool | None = None
        self._covered_us: int | None = None
        self.ended = asyncio.Event()
        self.error: StreamError | None = None

    @property
    def covered(self) -> datetime | None:
        """Until when footage was handed over for writing, None without any."""
        return None if self._covered_us is None else from_us(self._covered_us)

    def take_size(self) -> int:
        """Return how many bytes have come since the last call."""
        size, self._size = self._size, 0
        return size

    def close(self) -> None:
        """Tell nothing any more that comes late; what was told stays."""
        self._open = False

    def on_part(self, size: int, *, written: bool) -> None:
        """Count a fragment; only what changes wakes the loop."""
        self._size += size
        if written is not self._written:
            self._written = written
            self._call(lambda: self._recorder.took(written=written))

    def on_begin(self, wall_us: int, reason: GapReason) -> None:
        """Footage begins."""
        covered = self.covered
        self._call(lambda: self._recorder.began_at(wall_us, reason, covered))

    def on_written_until(self, wall_us: int) -> None:
        """Footage was handed over."""
        self._covered_us = wall_us

    def on_dropped(self) -> None:
        """A group was dropped."""
        self._call(self._recorder.dropped)

    def on_error(self, error: RecorderError) -> None:
        """The disk cannot be written."""
        self._call(lambda: self._recorder.storage(error))

    def on_closed(self, error: StreamError) -> None:
        """The stream has ended."""
        self.error = error
        self._call(self.ended.set)

    def _call(self, work: Callable[[], None]) -> None:
        def deliver() -> None:
            if self._open:
                work()

        try:
            self._loop.call_soon_threadsafe(deliver)
        except RuntimeError:
            # The engine has stopped, a thread that was stuck has not.
            _LOGGER.debug("A stream outlived the engine")
