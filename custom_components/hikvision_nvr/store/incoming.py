"""An upload on its way in: bytes in a private temporary file until it is whole.

The life of an upload, each step on the disk before the next:

1. The bytes go to ``<root>/.incoming/<id>.part``, hashed as they come.
2. The file is synced, then renamed to ``<root>/<camera>/<day>/<name>``, and the
   folders are synced.
3. One transaction adds the capture and its place in the upload queue.
4. Only then may the camera be told that the transfer is complete.

A crash before 2 leaves a temporary file, deleted at the next start: the camera was
told nothing. A crash between 2 and 3 leaves a file that recovery adds.
"""

import asyncio
import bisect
from collections.abc import Callable
import contextlib
from dataclasses import dataclass
from datetime import date
import errno
from functools import partial
import hashlib
import logging
import os
from pathlib import Path, PurePosixPath
import threading
import time

from ..errors import StorageError, StorageFullError, StorageNotWritableError
from .content import Content, inspect, read_from
from .file_threads import FileThreads, Next
from .names import numbered
from .root import INCOMING, sync_folder

_FLUSH_SIZE = 1 << 20
"""Up to this many bytes are kept in memory, so that a snapshot costs one thread hop."""

_PLENTY = 1 << 30
"""Bytes above the reserve that others cannot fill within a second."""

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_READ_SIZE = 1 << 20

_LOGGER = logging.getLogger(__package__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedFile:
    """A file in its final place. ``again`` is set when the same bytes were there."""

    name: str
    size: int
    sha256: str
    again: bool
    content: Content


class Placement:
    """Gives files their final names: never an existing one, unless it is the same."""

    def __init__(self, root: Path) -> None:
        """Place files below this storage root."""
        self.root = root
        self._lock = threading.Lock()
        self._synced: set[Path] = set()
        self._room = 0
        self._room_known = 0.0

    def place(
        self, part: Path, camera: str, day: date, name: str, size: int, sha256: str
    ) -> tuple[str, bool]:
        """Rename ``part`` to its place (blocking).

        Returns the name it got and whether the same content had it already, in which
        case ``part`` is gone.
        """
        folder = self.root / camera / day.isoformat()
        number = 0
        while True:
            candidate = numbered(name, number)
            path = folder / candidate
            with self._lock:
                if not os.path.lexists(path):
                    # Under the lock: a purge may have removed the folder as empty.
                    self._move(part, path)
                    break
            if path.stat().st_size == size and hash_file(path) == sha256:
                part.unlink()
                return candidate, True
            number += 1
        sync_folder(folder)
        return candidate, False

    def check_space(self, descriptor: int, needed: int, reserve: int) -> None:
        """Check that a file may grow and leave ``reserve`` bytes free (blocking).

        While there is plenty of room the disk is asked once a second. Raises OSError.
        """
        now = time.monotonic()
        self._room -= needed
        if self._room - reserve < _PLENTY or now - self._room_known > 1:
            disk = os.fstatvfs(descriptor)
            self._room = disk.f_bavail * disk.f_frsize - needed
            self._room_known = now
        if self._room < reserve:
            raise OSError(errno.ENOSPC, "The reserve of free space is reached")

    def remove_if_empty(self, camera: str, day: date) -> None:
        """Remove a day's folder that nothing is left in (blocking)."""
        with self._lock, contextlib.suppress(OSError):
            (self.root / camera / day.isoformat()).rmdir()

    def move_aside(self, camera: str, day: date, name: str, wanted: str) -> str:
        """Give a placed file the next free name after ``wanted`` (blocking)."""
        folder = self.root / camera / day.isoformat()
        number = 1
        with self._lock:
            while os.path.lexists(folder / numbered(wanted, number)):
                number += 1
            moved = numbered(wanted, number)
            (folder / name).rename(folder / moved)
        sync_folder(folder)
        return moved

    def _move(self, part: Path, path: Path) -> None:
        if path.parent in self._synced:
            try:
                part.rename(path)
            except FileNotFoundError:
                self._synced.discard(path.parent)
            else:
                return
        # Where the disk was unplugged there is no part, and no folder may be made.
        part.lstat()
        self._make(path.parent)
        part.rename(path)

    def _make(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for parent in (folder.parent, self.root):
            sync_folder(parent)
        if len(self._synced) > 1000:
            self._synced.clear()
        self._synced.add(folder)


class Spans:
    """Knows which parts of a file are here, however they came."""

    most = 1000
    """Parts that may be apart from each other: a client must not fill the memory."""

    def __init__(self, size: int) -> None:
        """Begin with the first ``size`` bytes."""
        self._spans = [(0, size)]

    @property
    def has_gaps(self) -> bool:
        """Whether bytes before the end are missing."""
        return len(self._spans) > 1

    def add(self, start: int, end: int) -> None:
        """Note a part. Raises StorageError when too many are apart."""
        first = bisect.bisect_left(self._spans, start, key=lambda span: span[1])
        last = bisect.bisect_right(self._spans, end, key=lambda span: span[0])
        if first < last:
            start = min(start, self._spans[first][0])
            end = max(end, self._spans[last - 1][1])
        self._spans[first:last] = [(start, end)]
        if len(self._spans) > self.most:
            raise StorageError("The parts of a file came too far apart")


class IncomingFile:
    """Takes the bytes of one upload. Each one ends with ``place`` or ``discard``."""

    def __init__(
        self,
        capture_id: str,
        placement: Placement,
        threads: FileThreads,
        reserve: int,
        *,
        on_full: Callable[[], None],
    ) -> None:
        """Write below the placement's root, with these threads.

        At least ``reserve`` bytes stay free; a thread calls ``on_full`` where there is
        no more.
        """
        self.id = capture_id
        self.size = 0
        self._placement = placement
        self._threads = threads
        self._reserve = reserve
        self._on_full = on_full
        self._part = placement.root / INCOMING / f"{capture_id}.part"
        self._descriptor: int | None = None
        self._sha256 = hashlib.sha256()
        self._buffer: list[bytes] = []
        self._buffered = 0
        self._flushing: asyncio.Future[None] | None = None
        # Set when bytes come in another order: which are here, and no running hash.
        self._spans: Spans | None = None

    @property
    def has_gaps(self) -> bool:
        """Whether bytes before the end are missing."""
        return self._spans is not None and self._spans.has_gaps

    async def write(self, data: bytes) -> None:
        """Take the next bytes. Raises StorageError when they cannot be written."""
        if self._spans is not None:
            await self.write_at(self.size, data)
            return
        self._buffer.append(data)
        self._buffered += len(data)
        self.size += len(data)
        if self._buffered >= _FLUSH_SIZE:
            # One flush runs while the next block is received, never two.
            await self._flushed()
            blocks, self._buffer, self._buffered = self._buffer, [], 0
            self._flushing = self._run(lambda: self._flush(blocks))

    async def write_at(self, offset: int, data: bytes) -> None:
        """Take bytes for any place, again if they were here.

        Raises StorageError when they cannot be written.
        """
        if self._spans is None:
            if offset == self.size:
                await self.write(data)
                return
            self._spans = Spans(self.size)
        self._spans.add(offset, offset + len(data))
        self.size = max(self.size, offset + len(data))
        await self._flushed()
        blocks, self._buffer, self._buffered = self._buffer, [], 0
        self._flushing = self._run(lambda: self._put(blocks, offset, data))
        await self._flushed()

    async def begin_with(self, path: Path, size: int) -> None:
        """Take the first ``size`` bytes of another file. Raises StorageError."""
        self.size = size
        await self._run(lambda: self._copy(path, size))

    async def place(
        self,
        camera: str,
        day: date,
        name: str,
        then: Next[PlacedFile] | None = None,
    ) -> PlacedFile:
        """Sync the file and move it to its final place.

        ``then`` may hand the placed file on at once; what that raises comes from here.
        Raises StorageError when placing fails; the temporary file is gone then.
        """
        try:
            await self._flushed()
            # Not cancelled half-way: what has its final name is a file to keep.
            return await asyncio.shield(
                self._run(lambda: self._place(camera, day, name), then)
            )
        except StorageError:
            await self.discard()
            raise

    async def discard(self) -> None:
        """Forget the upload and delete its temporary file.

        One that cannot be deleted now, as its disk is read-only, goes at the next start.
        """
        if self._flushing is not None:
            # The thread must be done with the descriptor before it is closed.
            await asyncio.wait([self._flushing])
            self._flushing.exception()
            self._flushing = None
        try:
            await self._run(self._delete)
        except StorageError as err:
            _LOGGER.debug("%s is left: %s", self._part, err)

    async def _flushed(self) -> None:
        if self._flushing is not None:
            await asyncio.shield(self._flushing)
            self._flushing = None

    def _run[T](
        self, work: Callable[[], T], then: Next[T] | None = None
    ) -> asyncio.Future[T]:
        def guarded() -> T:
            try:
                return work()
            except OSError as err:
                error = storage_error(self._placement.root, err)
                if isinstance(error, StorageFullError):
                    self._on_full()
                raise error from err

        return self._threads.run(guarded, then)

    def _open(self) -> int:
        if self._descriptor is None:
            self._descriptor = os.open(
                self._part,
                os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC,
                0o600,
            )
        return self._descriptor

    def _append(self, blocks: list[bytes]) -> bytes:
        """Write and hash blocks, and return them as one.

        As one, because each call that lets other threads run may wait for its turn
        afterwards.
        """
        descriptor = self._open()
        data = blocks[0] if len(blocks) == 1 else b"".join(blocks)
        if data:
            self._placement.check_space(descriptor, len(data), self._reserve)
            self._sha256.update(data)
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        return data

    def _flush(self, blocks: list[bytes]) -> None:
        self._append(blocks)

    def _put(self, blocks: list[bytes], offset: int, data: bytes) -> None:
        self._append(blocks)
        descriptor = self._open()
        self._placement.check_space(descriptor, len(data), self._reserve)
        rest = memoryview(data)
        while rest:
            written = os.pwrite(descriptor, rest, offset)
            rest, offset = rest[written:], offset + written

    def _copy(self, path: Path, size: int) -> None:
        with path.open("rb") as file:
            while size:
                block = file.read(min(size, _READ_SIZE))
                if not block:
                    raise OSError(errno.EIO, "The file is shorter than it was")
                self._append([block])
                size -= len(block)

    def _place(self, camera: str, day: date, name: str) -> PlacedFile:
        data, self._buffer = self._append(self._buffer), []
        assert self._descriptor is not None
        is_whole = len(data) == self.size
        content = inspect(
            read_from(data) if is_whole else partial(os.pread, self._descriptor),
            self.size,
            PurePosixPath(name).suffix,
        )
        os.fsync(self._descriptor)
        self._close()
        sha256 = (
            self._sha256.hexdigest() if self._spans is None else hash_file(self._part)
        )
        placed, again = self._placement.place(
            self._part, camera, day, name, self.size, sha256
        )
        return PlacedFile(
            name=placed,
            size=self.size,
            sha256=sha256,
            again=again,
            content=content,
        )

    def _delete(self) -> None:
        self._buffer = []
        self._close()
        self._part.unlink(missing_ok=True)

    def _close(self) -> None:
        # Forgotten first: one that cannot be closed without an error is closed all the
        # same, and its number is another file's by then.
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def hash_file(path: Path) -> str:
    """Return a file's SHA-256 as hexadecimal text (blocking)."""
    sha256 = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while block := file.read(_READ_SIZE):
            sha256.update(block)
    return sha256.hexdigest()


def storage_error(root: Path, error: OSError) -> StorageError:
    """Return the error that tells the owner what an OSError in the store means."""
    reason = error.strerror or str(error)
    if error.errno in _FULL:
        return StorageFullError(
            f"The disk of {root} is full: {reason}", path=str(root), error=reason
        )
    return StorageNotWritableError(
        f"The storage folder {root} cannot be written: {reason}",
        path=str(root),
        error=reason,
    )
