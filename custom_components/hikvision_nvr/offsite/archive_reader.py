"""Reads a whole archive, also one that hikvision-aws-toolkit has made.

The object is streamed and never held as a whole. Its gzip members (RFC 1952) are
unpacked in a thread, which notes where each begins: that makes the index of an archive
that has none.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
import queue
import tarfile
import threading
from typing import IO, Final, Protocol, cast
import zlib

from .archive_index import Member
from .bucket import Bucket

_CHUNK_SIZE: Final = 1 << 20
_CHUNKS_AHEAD: Final = 4
_GZIP_WINDOW: Final = 31
_FEED_SECONDS: Final = 0.1


class DamagedArchiveError(Exception):
    """An archive cannot be read to its end."""


class Receiver(Protocol):
    """Takes the bytes of a member, in the reading thread."""

    def write(self, data: bytes) -> None:
        """Take the next bytes."""

    def close(self) -> None:
        """Take note that these were all."""


type Visit = Callable[[str, int, int], Receiver | None]
"""Asked for each member (name, size, time): who takes its bytes, None for nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadArchive:
    """What was found. ``indexable`` if each file can be reached by itself."""

    members: tuple[Member, ...]
    size: int
    indexable: bool


async def read_archive(
    bucket: Bucket, key: str, visit: Visit | None = None
) -> ReadArchive:
    """Read an archive to its end.

    Raises DamagedArchiveError, what ``visit`` and its receivers raise, and what
    botocore raises.
    """
    answer = await bucket.client.get_object(Bucket=bucket.name, Key=key)
    feed = _Feed()
    reading = asyncio.create_task(asyncio.to_thread(_read, feed, visit))
    try:
        async for chunk in answer["Body"].iter_chunks(_CHUNK_SIZE):
            await asyncio.to_thread(feed.offer, chunk)
            if reading.done():
                break
        feed.end()
        return await reading
    except BaseException:
        feed.give_up()
        await asyncio.wait([reading])
        raise
    finally:
        answer["Body"].close()


class _GaveUpError(Exception):
    pass


class _Feed:
    """Hands chunks from the loop to the thread, a few at a time."""

    def __init__(self) -> None:
        self._chunks: queue.Queue[bytes] = queue.Queue(_CHUNKS_AHEAD)
        self._ended = threading.Event()
        self._given_up = threading.Event()

    def offer(self, chunk: bytes) -> None:
        """Hand a chunk over once there is room, or nobody reads any more (blocking)."""
        while not self._given_up.is_set():
            try:
                self._chunks.put(chunk, timeout=_FEED_SECONDS)
            except queue.Full:
                continue
            return

    def end(self) -> None:
        self._ended.set()

    def give_up(self) -> None:
        self._given_up.set()

    def take(self) -> bytes:
        """Return the next chunk, nothing at the end (blocking)."""
        while True:
            if self._given_up.is_set():
                raise _GaveUpError
            ended = self._ended.is_set()
            try:
                return self._chunks.get(timeout=_FEED_SECONDS)
            except queue.Empty:
                if ended:
                    return b""


class _GzipMembers:
    """A file of what is in the gzip members; notes where each of them begins."""

    def __init__(self, feed: _Feed) -> None:
        self._feed = feed
        self._raw = b""
        self._out = bytearray()
        self._packer: zlib._Decompress | None = None
        self._taken = 0
        self._unpacked = 0
        self.starts: dict[int, int] = {}
        """Of each gzip member: its place unpacked → its place in the object."""

    @property
    def size(self) -> int:
        return self._taken

    def read(self, size: int) -> bytes:
        while len(self._out) < size:
            if not self._raw:
                self._raw = self._feed.take()
                if not self._raw:
                    break
            self._unpack()
        data = bytes(self._out[:size])
        del self._out[:size]
        return data

    def _unpack(self) -> None:
        if self._packer is None:
            self.starts.setdefault(self._unpacked, self._taken)
            self._packer = zlib.decompressobj(_GZIP_WINDOW)
        unpacked = self._packer.decompress(self._raw, _CHUNK_SIZE)
        rest = self._packer.unconsumed_tail or self._packer.unused_data
        self._taken += len(self._raw) - len(rest)
        self._raw = rest
        self._unpacked += len(unpacked)
        self._out += unpacked
        if self._packer.eof:
            self._packer = None

    def require_end(self) -> None:
        if self._packer is not None:
            raise DamagedArchiveError("it is cut off")


def _read(feed: _Feed, visit: Visit | None) -> ReadArchive:
    try:
        return _read_all(feed, visit)
    finally:
        feed.give_up()


def _read_all(feed: _Feed, visit: Visit | None) -> ReadArchive:
    unpacked = _GzipMembers(feed)
    found: list[tuple[int, Member]] = []
    try:
        # A concatenated tar, and one without end blocks, are read to the end.
        with tarfile.open(
            fileobj=cast(IO[bytes], unpacked), mode="r|", ignore_zeros=True
        ) as archive:
            for entry in archive:
                file = archive.extractfile(entry) if entry.isreg() else None
                if file is not None:
                    found.append((entry.offset, _hashed(entry, file, visit)))
        while unpacked.read(_CHUNK_SIZE):
            pass
        unpacked.require_end()
    except (tarfile.TarError, zlib.error, EOFError) as error:
        raise DamagedArchiveError(str(error)) from error
    return _located(found, unpacked)


def _hashed(entry: tarfile.TarInfo, file: IO[bytes], visit: Visit | None) -> Member:
    taker = visit(entry.name, entry.size, int(entry.mtime)) if visit else None
    digest = sha256()
    size = 0
    while data := file.read(_CHUNK_SIZE):
        digest.update(data)
        size += len(data)
        if taker is not None:
            taker.write(data)
    if size != entry.size:
        raise DamagedArchiveError(f"{entry.name} is cut off")
    if taker is not None:
        taker.close()
    return Member(
        name=entry.name,
        offset=0,
        length=0,
        size=size,
        sha256=digest.hexdigest(),
        mtime=int(entry.mtime),
        etag="",
    )


def _located(found: list[tuple[int, Member]], unpacked: _GzipMembers) -> ReadArchive:
    """Say where in the object each file is, if each begins a gzip member."""
    begins = sorted(unpacked.starts.values())
    after = dict(zip(begins, [*begins[1:], unpacked.size], strict=True))
    places = [unpacked.starts.get(offset) for offset, _ in found]
    indexable = None not in places
    members = []
    for place, (_, member) in zip(places, found, strict=True):
        length = 0 if place is None else after[place] - place
        members.append(
            Member(
                name=member.name,
                offset=place or 0,
                length=length,
                size=member.size,
                sha256=member.sha256,
                mtime=member.mtime,
                etag="",
            )
        )
    return ReadArchive(members=tuple(members), size=unpacked.size, indexable=indexable)
