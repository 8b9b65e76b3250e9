"""A source that is a list: frames at times that the test chooses, and its clocks."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
import threading

from custom_components.hikvision_nvr.errors import StorageError, StreamError
from custom_components.hikvision_nvr.model import GapReason, VideoCodec
from custom_components.hikvision_nvr.recording.clock import Clocks
from custom_components.hikvision_nvr.recording.nal import split_byte_stream
from custom_components.hikvision_nvr.recording.pipeline import Pipeline
from custom_components.hikvision_nvr.recording.source import VideoFormat
from custom_components.hikvision_nvr.store.root import StorageRoot
from custom_components.hikvision_nvr.store.segment import SavedSegment
from custom_components.hikvision_nvr.store.segment_writer import SegmentWriter

DELIMITER = b"\x00\x00\x00\x01\x09"
TICKS = 3600
"""Of a frame, at 25 frames a second."""
WALL = 1_795_000_000.0
"""21 November 2026."""


class FakeClocks:
    """Clocks that go as the test says."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.offset = WALL - 1000.0

    @property
    def clocks(self) -> Clocks:
        return Clocks(wall=lambda: self.now + self.offset, monotonic=lambda: self.now)


@dataclass
class Told:
    """What a pipeline tells."""

    begins: list[tuple[int, GapReason]] = field(default_factory=list)
    written: list[bool] = field(default_factory=list)
    until: int = 0
    dropped: int = 0
    errors: list[object] = field(default_factory=list)
    closed: list[StreamError] = field(default_factory=list)

    def on_part(self, size: int, *, written: bool) -> None:
        self.written.append(written)

    def on_begin(self, wall_us: int, reason: GapReason) -> None:
        self.begins.append((wall_us, reason))

    def on_written_until(self, wall_us: int) -> None:
        self.until = wall_us

    def on_dropped(self) -> None:
        self.dropped += 1

    def on_error(self, error: object) -> None:
        self.errors.append(error)

    def on_closed(self, error: StreamError) -> None:
        self.closed.append(error)


class Feeder:
    """Feeds a pipeline with the frames of a clip, over and over."""

    def __init__(self, clip: Path, root: Path, *, sync_interval: float = 60) -> None:
        self.told = Told()
        self.clock = FakeClocks()
        self.saved: list[SavedSegment] = []
        self.wanted = True
        self.space = threading.Event()
        self._units = [
            split_byte_stream(DELIMITER + rest)
            for rest in clip.read_bytes().split(DELIMITER)[1:]
        ]
        self._next = 0
        self.ticks = 0
        root.mkdir(exist_ok=True)
        self.root = StorageRoot(root)
        self.root.open(None)
        self.writer = SegmentWriter(
            self.root,
            sync_interval=sync_interval,
            reserve=0,
            on_saved=self.saved.extend,
            on_space=self.space.set,
        )
        self.writer.start()
        self.pipeline = self.new_pipeline()

    def new_pipeline(self, pre_roll: float = 0) -> Pipeline:
        pipeline = Pipeline(
            "front",
            self.writer,
            self.clock.clocks,
            self.told,
            wanted=lambda: self.wanted,
            pre_roll=pre_roll,
            stagger=0,
        )
        pipeline.opened(VideoFormat(codec=VideoCodec.H264, parameter_sets=()), None)
        return pipeline

    def change_clip(self, clip: Path) -> None:
        self._units = [
            split_byte_stream(DELIMITER + rest)
            for rest in clip.read_bytes().split(DELIMITER)[1:]
        ]
        self._next = 0

    def feed(self, seconds: float, *, jump: int = 0) -> None:
        """Feed frames for so long, after a step of the stream's clock in ticks."""
        self.ticks += jump
        for _ in range(round(seconds * 25)):
            units = self._units[self._next]
            self._next = (self._next + 1) % len(self._units)
            self.pipeline.video(units, self.ticks, self.ticks, self.clock.now)
            self.ticks += TICKS
            self.clock.now += TICKS / 90_000

    def settle(self) -> None:
        """Wait until the writer has done what it was asked for."""
        done = threading.Event()
        self.writer._jobs.put(done.set)
        assert done.wait(10)

    def end(self) -> list[SavedSegment]:
        """Finish and return what was saved of each segment last."""
        self.pipeline.finish()
        assert self.writer.stop(10)
        self.root.close()
        last = {one.info.start_us: one for one in self.saved}
        return [last[start] for start in sorted(last)]


@contextmanager
def feeding(clip: Path, root: Path) -> Iterator[Feeder]:
    """Return a feeder that leaves no thread behind."""
    feeder = Feeder(clip, root)
    try:
        yield feeder
    finally:
        feeder.pipeline.finish()
        feeder.writer.stop(10)
        feeder.root.close()


class DiskError(StorageError):
    """Stands for any fault of a disk."""
