"""Takes a stretch of a device's own recording into the store, with the times it has.

A replay is a stream like any other, but its frames were taken earlier: the first one at
the time that was asked for, the others as the stream's clock says. When it arrives
means nothing.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
import logging
import time

from ..errors import RecorderError, StreamEndedError, StreamError, StreamStalledError
from ..model import GapReason
from ..store.mp4 import TIMESCALE
from ..store.recordings import Recordings
from .clock import Clocks
from .pipeline import Pipeline
from .source import AudioFormat, SourceFactory, VideoFormat

_LOGGER = logging.getLogger(__name__)

_LOOK = 0.5
"""Seconds between two looks at how far it is."""
_STALLED = 20.0
"""Seconds without a frame after which a replay is given up."""
_MOST_QUEUED = 4 << 20
"""Bytes that may wait for the disk; a replay can wait, other than a camera."""
_JUMP = 10 * TIMESCALE
_JOIN = 15.0
"""Seconds that a source has to end; the device allows one session at a time."""


class Replay:
    """One stretch that is fetched."""

    def __init__(
        self,
        recordings: Recordings,
        source: SourceFactory,
        camera: str,
        start: datetime,
        end: datetime,
    ) -> None:
        """Fetch footage of ``camera`` (its folder) from ``start`` until ``end``."""
        self._recordings = recordings
        self._make_source = source
        self._camera = camera
        self._start_us = round(start.timestamp() * 1_000_000)
        self._length = round((end - start).total_seconds() * TIMESCALE)
        self._ended = asyncio.Event()
        self._error: RecorderError | None = None
        self._loop = asyncio.get_running_loop()
        self._first: int | None = None
        self._last = 0
        self._over = False
        self._frame_at = time.monotonic()
        self.written_until: int | None = None
        """Until when footage was handed over (microseconds since 1970 UTC)."""
        base = self._start_us / 1_000_000
        self._pipeline = Pipeline(
            camera,
            recordings.writer,
            Clocks(wall=lambda: base, monotonic=lambda: 0.0),
            self,
            wanted=lambda: True,
            pre_roll=0,
            stagger=0,
        )

    @property
    def seconds(self) -> float:
        """How much footage has come, in seconds."""
        return 0.0 if self._first is None else (self._last - self._first) / TIMESCALE

    async def run(
        self, url: str, audio: bool, on_progress: Callable[[], None]
    ) -> StreamError | None:
        """Fetch it; returns why it ended early, None when all of it is here.

        ``on_progress`` is called now and then and may raise to end it. What came until
        then is kept. Raises StorageError when the disk cannot take it.
        """
        self._frame_at = time.monotonic()
        source = self._make_source(url, audio, self)
        source.start()
        try:
            while not self._ended.is_set():
                on_progress()
                if time.monotonic() - self._frame_at > _STALLED:
                    self._error = StreamStalledError(
                        "The device has sent nothing for too long"
                    )
                    break
                try:
                    async with asyncio.timeout(_LOOK):
                        await self._ended.wait()
                except TimeoutError:
                    continue
        finally:
            self._over = True
            source.stop()
            if not await asyncio.to_thread(source.join, _JOIN):
                _LOGGER.warning("%s: a replay's thread is stuck", self._camera)
            self._pipeline.finish()
            await self._recordings.settle()
        on_progress()
        if self._error is not None and not isinstance(self._error, StreamError):
            raise self._error
        return self._error

    # The source calls these in its thread.

    def opened(self, video: VideoFormat, audio: AudioFormat | None) -> None:
        """The stream has begun."""
        self._pipeline.opened(video, audio)

    def video(
        self, units: Sequence[bytes], decode: int, present: int, arrived: float
    ) -> None:
        """Take a frame, unless it is of after the end: not all firmware ends there."""
        self._frame_at = time.monotonic()
        if self._over:
            return
        if self._first is None:
            self._first = self._last = decode
        step = decode - self._last
        if step < -_JUMP:
            self._end(StreamEndedError("The device has begun again"))
            return
        # The frame's own duration is not known yet: that of the one before it.
        if decode - self._first + max(step, 0) > self._length:
            self._end(None)
            return
        while (
            self._recordings.writer.queued(self._camera) > _MOST_QUEUED
            and not self._over
        ):
            time.sleep(0.02)
        self._last = max(self._last, decode)
        # Relative to the first frame, so that nothing of when it came is left.
        self._pipeline.video(units, decode, present, (decode - self._first) / TIMESCALE)

    def audio(self, data: bytes, present: int) -> None:
        """Take audio."""
        if not self._over:
            self._pipeline.audio(data, present)

    def closed(self, error: StreamError) -> None:
        """The stream has ended by itself."""
        self._end(error)

    # The pipeline calls these.

    def on_part(self, size: int, *, written: bool) -> None:
        """Nothing is measured."""

    def on_begin(self, wall_us: int, reason: GapReason) -> None:
        """Footage that is fetched leaves the gaps that there are."""

    def on_written_until(self, wall_us: int) -> None:
        """Footage was handed over."""
        self.written_until = wall_us

    def on_dropped(self) -> None:
        """The disk is too slow for others as well: what is dropped stays a gap."""

    def on_error(self, error: RecorderError) -> None:
        """The disk cannot be written."""
        self._end(error)

    def on_closed(self, error: StreamError) -> None:
        """The pipeline is not told of the stream's end."""

    def _end(self, error: RecorderError | None) -> None:
        if self._over:
            return
        self._over = True
        self._error = error
        try:
            self._loop.call_soon_threadsafe(self._ended.set)
        except RuntimeError:
            _LOGGER.debug("A replay outlived the engine")
