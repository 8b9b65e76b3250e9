"""Writes segments to the disk: one thread for all cameras, so that none waits for it.

Fragments are written as they come and reach the disk together, every few seconds. The
catalogue hears of them after that and not before: what it knows survives a power cut.
"""

from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
import itertools
import logging
import os
from pathlib import PurePosixPath
import queue
import threading
import time

from ..errors import StorageError, StorageFullError
from .folders import folder_below
from .incoming import storage_error
from .mp4 import Fragment
from .root import StorageRoot, sync_descriptor
from .segment import SavedSegment, SegmentInfo, pack_place

_LOGGER = logging.getLogger(__name__)
_MOST_BUFFERS = 1024
"""How many ``writev`` takes at once (IOV_MAX)."""
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class OpenSegment:
    """A segment that is written. ``error`` is set once that has failed."""

    def __init__(self, info: SegmentInfo, init: bytes) -> None:
        """Begin a segment with its init segment."""
        self.info = info
        self.init = init
        self.error: StorageError | None = None
        self.descriptor: int | None = None
        self.size = 0
        self.ticks = 0
        self.places = bytearray()
        self.dirty = False
        self.saved: SavedSegment | None = None


class SegmentWriter:
    """The thread that writes. All public methods return at once, ``stop`` excepted."""

    def __init__(
        self,
        root: StorageRoot,
        *,
        sync_interval: float,
        reserve: int,
        on_saved: Callable[[list[SavedSegment]], None],
        on_space: Callable[[], None],
    ) -> None:
        """Write below ``root`` and sync every ``sync_interval`` seconds.

        No segment is begun with less than a quarter of ``reserve`` bytes free.
        ``on_space`` asks for room: at each new segment, and when the disk is full.
        Both callbacks are called in the writer's thread.
        """
        self._root = root
        self._sync_interval = sync_interval
        self._least_free = reserve // 4
        self._on_saved = on_saved
        self._on_space = on_space
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._queued: defaultdict[str, int] = defaultdict(int)
        self._lock = threading.Lock()
        self._open: list[OpenSegment] = []
        self._saved: list[SavedSegment] = []
        self._thread = threading.Thread(
            target=self._run, name="hikvision_nvr-segments", daemon=True
        )

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, timeout: float) -> bool:
        """Finish all segments and end (blocking); False if the disk is too slow."""
        self._jobs.put(None)
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def queued(self, camera: str) -> int:
        """Return the bytes of a camera that are not written yet."""
        return self._queued[camera]

    def append(
        self, segment: OpenSegment, pieces: list[bytes], start: int, end: int, key: bool
    ) -> None:
        """Write a fragment from ``start`` to ``end`` (ticks in the segment)."""
        size = sum(map(len, pieces))
        camera = segment.info.camera
        with self._lock:
            self._queued[camera] += size

        def work() -> None:
            try:
                if segment.error is None:
                    self._write(segment, pieces, size)
                    place = Fragment(segment.size - size, start, key)
                    segment.places += pack_place(place)
                    segment.ticks = end
            finally:
                with self._lock:
                    self._queued[camera] -= size

        self._put(segment, work)

    def finish(self, segment: OpenSegment) -> None:
        """Close a segment; nothing is appended to it any more."""
        self._put(segment, lambda: self._close(segment))

    def settle(self, callback: Callable[[], None]) -> None:
        """Call back, in the writer's thread, when all before this was told."""

        def work() -> None:
            self._tell()
            callback()

        self._jobs.put(work)

    def _put(self, segment: OpenSegment, work: Callable[[], None]) -> None:
        def guarded() -> None:
            try:
                work()
            except (OSError, StorageError) as err:
                self._save_what_is_whole(segment)
                self._failed(segment, err)

        self._jobs.put(guarded)

    def _run(self) -> None:
        due = time.monotonic() + self._sync_interval
        while True:
            try:
                job = self._jobs.get(timeout=max(0.0, due - time.monotonic()))
            except queue.Empty:
                self._sync()
                due = time.monotonic() + self._sync_interval
                continue
            if job is None:
                break
            job()
            if time.monotonic() >= due:
                self._sync()
                due = time.monotonic() + self._sync_interval
        for segment in tuple(self._open):
            try:
                self._close(segment)
            except OSError as err:
                self._failed(segment, err)
        self._tell()

    def _write(self, segment: OpenSegment, pieces: list[bytes], size: int) -> None:
        if segment.descriptor is None:
            self._create(segment)
        assert segment.descriptor is not None
        try:
            for some in itertools.batched(pieces, _MOST_BUFFERS, strict=False):
                _write_all(segment.descriptor, some)
        except OSError:
            # Half a fragment is worse than none: what follows could not be found.
            with suppress(OSError):
                os.ftruncate(segment.descriptor, segment.size)
                os.lseek(segment.descriptor, segment.size, os.SEEK_SET)
            raise
        segment.size += size
        segment.dirty = True

    def _create(self, segment: OpenSegment) -> None:
        self._on_space()
        path = PurePosixPath(segment.info.relative_path)
        root = self._root.enter()
        try:
            disk = os.fstatvfs(root)
            if disk.f_bavail * disk.f_frsize < self._least_free:
                raise StorageFullError(
                    f"The disk of {self._root.path} is full",
                    path=str(self._root.path),
                    error="the reserve of free space is reached",
                )
            try:
                self._create_file(segment, root, path)
            except FileNotFoundError:
                # Its folder was empty a moment ago, and was tidied away.
                self._create_file(segment, root, path)
        finally:
            os.close(root)

    def _create_file(
        self, segment: OpenSegment, root: int, path: PurePosixPath
    ) -> None:
        with folder_below(root, path.parent, make=True) as folder:
            segment.descriptor = os.open(path.name, _CREATE, 0o600, dir_fd=folder)
            self._open.append(segment)
            _write_all(segment.descriptor, (segment.init,))
            segment.size = len(segment.init)
            sync_descriptor(folder)

    def _sync(self) -> None:
        for segment in tuple(self._open):
            if not segment.dirty:
                continue
            assert segment.descriptor is not None
            try:
                os.fdatasync(segment.descriptor)
            except OSError as err:
                # After a failed sync nobody knows what is on the disk (fsyncgate).
                self._failed(segment, err)
            else:
                segment.dirty = False
                self._save(segment, complete=False)
        self._tell()

    def _close(self, segment: OpenSegment) -> None:
        if segment.descriptor is None:
            return
        try:
            os.fdatasync(segment.descriptor)
        finally:
            self._let_go(segment)
        self._save(segment, complete=True)
        if self._jobs.empty():
            self._tell()

    def _save_what_is_whole(self, segment: OpenSegment) -> None:
        """Keep the fragments before the one that could not be written."""
        if segment.descriptor is None or not segment.dirty or not segment.places:
            return
        with suppress(OSError):
            os.fdatasync(segment.descriptor)
            self._save(segment, complete=True)

    def _failed(self, segment: OpenSegment, error: OSError | StorageError) -> None:
        if isinstance(error, OSError):
            error = storage_error(self._root.path, error)
        segment.error = error
        if segment.descriptor is not None:
            # What was synced before stays; the next start looks at the file itself.
            self._let_go(segment)
            if segment.saved is not None:
                self._saved.append(replace(segment.saved, complete=True))
        if isinstance(error, StorageFullError):
            self._on_space()

    def _let_go(self, segment: OpenSegment) -> None:
        assert segment.descriptor is not None
        with suppress(OSError):
            os.close(segment.descriptor)
        segment.descriptor = None
        self._open.remove(segment)

    def _save(self, segment: OpenSegment, *, complete: bool) -> None:
        segment.saved = SavedSegment(
            info=segment.info,
            size=segment.size,
            ticks=segment.ticks,
            init_size=len(segment.init),
            places=bytes(segment.places),
            complete=complete,
        )
        self._saved.append(segment.saved)

    def _tell(self) -> None:
        if self._saved:
            saved, self._saved = self._saved, []
            self._on_saved(saved)


def _write_all(descriptor: int, pieces: tuple[bytes, ...]) -> None:
    total = sum(map(len, pieces))
    written = os.writev(descriptor, pieces)
    if written < total:
        rest = memoryview(b"".join(pieces))[written:]
        while rest:
            rest = rest[os.write(descriptor, rest) :]
