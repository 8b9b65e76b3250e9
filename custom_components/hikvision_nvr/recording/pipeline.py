"""From access units to segments: frames become fragments, fragments become files.

Everything here runs in the thread of the camera's source, which costs no hop and no
copy; a lock lets the engine finish what a source that is stuck has left.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
import threading
from typing import Protocol
import uuid

from ..errors import RecorderError, StreamError
from ..model import GapReason
from ..store.mp4 import TIMESCALE
from ..store.segment import SegmentInfo
from ..store.segment_writer import OpenSegment, SegmentWriter
from .audio import AudioTrack, audio_track
from .clock import Clocks, RunClock
from .fmp4 import AudioSamples, VideoSamples, fragment, init_segment
from .nal import UnitSorter, join_with_lengths
from .parameter_sets import ParameterSets, VideoDescription
from .source import AudioFormat, KeyFrame, VideoFormat

SEGMENT = 60
"""Seconds of a segment; it ends with the first key frame after that."""
_LONGEST = 5 * SEGMENT
"""Seconds after which a segment ends even without a key frame."""
_FRAGMENT_TICKS = 2 * TIMESCALE
_FRAGMENT_BYTES = 1 << 20
_LARGEST_FRAME = 16 << 20
_MOST_QUEUED = 16 << 20
"""Bytes of a camera that wait for a slow disk; after that, groups are dropped."""
_MOST_PRE_ROLL = 32 << 20
_JUMP_TICKS = 10 * TIMESCALE
_BACK_TICKS = TIMESCALE
"""Steps of the stream's clock, on and back, after which a new run begins."""
_SLACK = 0.1
_RETRY = 5.0
"""Seconds after which the disk is tried again that could not be written."""


@dataclass(slots=True)
class _Part:
    """A fragment that has no place in a segment yet. Times are the stream's ticks."""

    video: VideoSamples
    audio: AudioSamples
    audio_start: int | None
    start: int
    ticks: int
    size: int
    wall_us: int

    @property
    def key(self) -> bool:
        return self.video.keys[0]


class PipelineListener(Protocol):
    """Hears from a pipeline, in the thread of its source."""

    def on_part(self, size: int, *, written: bool) -> None:
        """A fragment of so many bytes has come, and was or was not written."""

    def on_begin(self, wall_us: int, reason: GapReason) -> None:
        """Footage begins that does not follow what was written before."""

    def on_written_until(self, wall_us: int) -> None:
        """Footage was handed over for writing until then."""

    def on_dropped(self) -> None:
        """A key-frame group was dropped, because the disk is too slow."""

    def on_error(self, error: RecorderError) -> None:
        """The disk cannot be written; it is tried again."""

    def on_closed(self, error: StreamError) -> None:
        """The stream has ended by itself."""


class Pipeline:
    """What one source's frames go through. It ends with ``finish``."""

    def __init__(
        self,
        camera: str,
        writer: SegmentWriter,
        clocks: Clocks,
        listener: PipelineListener,
        *,
        wanted: Callable[[], bool],
        pre_roll: float,
        stagger: int,
    ) -> None:
        """Record into the segments of ``camera`` while ``wanted`` says so.

        ``pre_roll`` is how many seconds from before that are recorded, too;
        ``stagger`` the second of a minute in which segments begin.
        """
        self._camera = camera
        self._writer = writer
        self._clocks = clocks
        self._listener = listener
        self._wanted = wanted
        self._pre_roll_us = round(pre_roll * 1_000_000)
        self._stagger = stagger
        self._lock = threading.Lock()
        self._ended = False
        self._sorter: UnitSorter | None = None
        self._sets: ParameterSets | None = None
        self._video: VideoDescription | None = None
        self._audio: AudioTrack | None = None
        self._segment: _Segment | None = None
        self._ring: deque[_Part] = deque()
        self._ring_size = 0
        self._dropping = False
        self._retry_at = 0.0
        self._reason = GapReason.STREAM
        self._following = False
        self._was_wanted = False
        self.last_arrival: float | None = None
        """When a frame came last, by the monotonic clock."""
        self.key_frame: KeyFrame | None = None
        """The last picture that can be shown without those before it."""
        self._begin_run()

    def opened(self, video: VideoFormat, audio: AudioFormat | None) -> None:
        """The stream has begun."""
        with self._lock:
            self._sorter = UnitSorter(video.codec)
            self._sets = ParameterSets(video.codec)
            self._sets.update(video.parameter_sets)
            self._video = self._sets.describe()
            self._audio = None if audio is None else audio_track(audio)

    def video(
        self, units: Sequence[bytes], decode: int, present: int, arrived: float
    ) -> None:
        """Take an access unit."""
        self.last_arrival = arrived
        with self._lock:
            if self._ended or self._sorter is None or self._sets is None:
                return
            keep, sets, key = self._sorter.sort(units)
            if sets and self._sets.update(sets):
                self._cut()
                self._end_segment()
                self._clear_ring()
                self._video = self._sets.describe()
            if not keep or self._video is None:
                return
            data = join_with_lengths(keep)
            if len(data) <= _LARGEST_FRAME:
                if key:
                    self.key_frame = KeyFrame(
                        self._sets.codec, self._sets.units, data, arrived
                    )
                self._take(data, decode, present, arrived, key)

    def audio(self, data: bytes, present: int) -> None:
        """Take audio; what comes before the first frame has none to go with."""
        with self._lock:
            if self._audio is not None and self._last is not None and not self._ended:
                self._audio.add(data, present)

    def closed(self, error: StreamError) -> None:
        """The stream has ended by itself."""
        self.finish()
        self._listener.on_closed(error)

    def finish(self) -> None:
        """Write what there is and take nothing more. Idempotent."""
        with self._lock:
            if not self._ended:
                self._cut()
                self._end_segment()
                self._clear_ring()
                self._ended = True

    def _begin_run(self) -> None:
        """Begin with a new clock; the next frame that counts is a key frame."""
        self._run = uuid.uuid4().hex[:8]
        self._sequence = 0
        self._clock = RunClock(self._clocks)
        self._last: int | None = None
        self._started = False
        self._begin_part()

    def _begin_part(self) -> None:
        self._data: list[bytes] = []
        self._decodes: list[int] = []
        self._compositions: list[int] = []
        self._keys: list[bool] = []
        self._size = 0
        self._earliest = float("inf")

    def _take(
        self, data: bytes, decode: int, present: int, arrived: float, key: bool
    ) -> None:
        if self._last is not None:
            step = decode - self._last
            if not -_BACK_TICKS < step < _JUMP_TICKS:
                self._new_run(GapReason.STREAM)
            elif step <= 0:
                # Dropping the frame would smear all until the next key frame. It is
                # shown when it was to be, but never before it is decoded.
                decode = self._last + 1
                present = max(present, decode)
        if not self._started:
            if not key:
                return
            self._started = True
        if self._data and (
            key
            or self._size >= _FRAGMENT_BYTES
            or decode - self._decodes[0] >= _FRAGMENT_TICKS
        ):
            self._cut(decode)
        self._last = decode
        self._data.append(data)
        self._decodes.append(decode)
        self._compositions.append(present - decode)
        self._keys.append(key)
        self._size += len(data)
        self._earliest = min(self._earliest, arrived - decode / TIMESCALE)

    def _new_run(self, reason: GapReason) -> None:
        self._cut()
        self._end_segment()
        self._clear_ring()
        self._reason = reason
        self._following = False
        self._begin_run()

    def _cut(self, following: int | None = None) -> None:
        """Make a fragment of the frames so far; the next one is at ``following``."""
        if not self._data:
            return
        decodes = self._decodes
        durations = [after - before for before, after in pairwise(decodes)]
        if following is not None:
            durations.append(following - decodes[-1])
        else:
            durations.append(durations[-1] if durations else TIMESCALE // 25)
        ticks = sum(durations)
        data, compositions, keys = self._data, self._compositions, self._keys
        size, earliest = self._size, self._earliest
        self._begin_part()
        if not self._clock.observe(earliest, ticks / TIMESCALE):
            # These frames are the first of the new run.
            self._new_run(GapReason.CLOCK)
            self._clock.observe(earliest, ticks / TIMESCALE)
            self._last, self._started = decodes[-1], True
        samples, audio_start = (
            (AudioSamples([], []), None) if self._audio is None else self._audio.take()
        )
        part = _Part(
            VideoSamples(data, durations, compositions, keys),
            samples,
            audio_start,
            decodes[0],
            ticks,
            size,
            self._clock.wall_us(decodes[0] / TIMESCALE),
        )
        self._dispatch(part)

    def _dispatch(self, part: _Part) -> None:
        """Write a fragment, or keep it for a detection that is still to come."""
        wanted = self._wanted()
        # One that has begun while it was wanted is written to its end.
        write, self._was_wanted = wanted or self._was_wanted, wanted
        if write:
            while self._ring:
                earlier = self._ring.popleft()
                self._write(earlier)
            self._ring_size = 0
            written = self._write(part)
        else:
            self._end_segment()
            self._following = False
            self._keep_in_ring(part)
            written = False
        self._listener.on_part(part.size, written=written)

    def _keep_in_ring(self, part: _Part) -> None:
        ring = self._ring
        if not self._pre_roll_us or (not ring and not part.key):
            return
        ring.append(part)
        self._ring_size += part.size
        oldest = part.wall_us + _us(part.ticks) - self._pre_roll_us
        # The second key frame tells whether all before it can go.
        while True:
            second = next((n for n, one in enumerate(ring) if n and one.key), None)
            if second is None:
                break
            too_large = self._ring_size > _MOST_PRE_ROLL
            if ring[second].wall_us > oldest and not too_large:
                break
            for _ in range(second):
                self._ring_size -= ring.popleft().size
        if self._ring_size > _MOST_PRE_ROLL:
            self._clear_ring()

    def _clear_ring(self) -> None:
        self._ring.clear()
        self._ring_size = 0

    def _write(self, part: _Part) -> bool:
        if self._dropping:
            if not part.key or self._writer.queued(self._camera) > _MOST_QUEUED // 2:
                if part.key:
                    self._listener.on_dropped()
                return False
            self._dropping = False
        elif self._writer.queued(self._camera) > _MOST_QUEUED:
            self._interrupt(GapReason.STORAGE)
            self._dropping = True
            self._listener.on_dropped()
            return False
        if self._segment is not None and self._segment.file.error is not None:
            self._listener.on_error(self._segment.file.error)
            self._interrupt(GapReason.STORAGE)
            self._retry_at = self._clocks.monotonic() + _RETRY
        if self._segment is None:
            if not part.key or self._clocks.monotonic() < self._retry_at:
                return False
        elif self._segment.is_over(part):
            self._end_segment()
        if self._segment is None:
            self._segment = self._begin_segment(part)
        self._segment.append(part, self._writer)
        self._listener.on_written_until(part.wall_us + _us(part.ticks))
        return True

    def _interrupt(self, reason: GapReason) -> None:
        """End the segment, because what follows will not follow at once."""
        self._end_segment()
        self._following = False
        self._reason = reason

    def _begin_segment(self, part: _Part) -> _Segment:
        assert self._video is not None
        if not self._following:
            self._listener.on_begin(part.wall_us, self._reason)
            self._following = True
            self._reason = GapReason.STREAM
        audio = self._audio.description if self._audio and part.audio.data else None
        info = SegmentInfo(
            camera=self._camera,
            run=self._run,
            sequence=self._sequence,
            start_us=part.wall_us,
            video=self._video.name,
            audio=None if audio is None else audio.name,
        )
        self._sequence += 1
        init = init_segment(self._video, audio, info.identity())
        return _Segment(
            OpenSegment(info, init),
            part.start,
            _next_rotation(part.wall_us, self._stagger),
            None if audio is None else audio.rate,
        )

    def _end_segment(self) -> None:
        if self._segment is not None:
            self._writer.finish(self._segment.file)
            self._segment = None


class _Segment:
    """A segment that is written, and the times of its tracks."""

    def __init__(
        self, file: OpenSegment, start: int, ends_us: int, audio_rate: int | None
    ) -> None:
        self.file = file
        self._start = start
        self._ends_us = ends_us
        self._audio_rate = audio_rate
        self._audio_end = 0
        self._number = 0

    def is_over(self, part: _Part) -> bool:
        """Tell whether this fragment belongs into the next segment."""
        if part.start - self._start >= _LONGEST * TIMESCALE:
            return True
        return part.key and part.wall_us >= self._ends_us

    def append(self, part: _Part, writer: SegmentWriter) -> None:
        """Write a fragment."""
        self._number += 1
        start = part.start - self._start
        audio, audio_start = None, 0
        if self._audio_rate is not None and part.audio_start is not None:
            audio = part.audio
            audio_start = self._place_audio(part.audio_start, part.audio)
        writer.append(
            self.file,
            fragment(self._number, part.video, start, audio, audio_start),
            start,
            start + part.ticks,
            part.key,
        )

    def _place_audio(self, present: int, audio: AudioSamples) -> int:
        """Return where audio begins: where the last ended, unless there is a hole."""
        assert self._audio_rate is not None
        start = (present - self._start) * self._audio_rate // TIMESCALE
        if start < self._audio_end + _SLACK * self._audio_rate:
            start = self._audio_end
        self._audio_end = start + sum(audio.durations)
        return start


def _next_rotation(wall_us: int, stagger: int) -> int:
    """Return when a segment that begins now is to end: at its second of a minute.

    One that would be shorter than a quarter of the others takes the next minute, too.
    """
    period, shift = SEGMENT * 1_000_000, stagger * 1_000_000
    ends = ((wall_us - shift) // period + 1) * period + shift
    return ends + period if ends - wall_us < period // 4 else ends


def _us(ticks: int) -> int:
    return ticks * 1_000_000 // TIMESCALE
