"""Packs files into a ``.tar.gz`` in which every file can be reached by itself.

POSIX.1-2001 pax tar, compressed as several gzip members (RFC 1952, section 2.2): each
file's header, bytes and padding are one member, and a last member holds the two zero
blocks that end a tar. Any tar reads it, and one file comes out of a byte range.

Nothing is deflated: pictures and clips are compressed already, and deflating them costs
10 times the processor time to save 1.5 %. Stored blocks (RFC 1951, section 3.2.4) are
written here, around the bytes as they are: zlib would copy each of them three times.
"""

from collections.abc import Iterator
import struct
import tarfile
from typing import Final
import zlib

type Packed = list[bytes | memoryview]
"""Bytes that follow each other; some are views of what was packed."""

_GZIP_HEAD: Final = b"\x1f\x8b\x08\x00\0\0\0\0\x04\xff"
"""Deflate, no fields, no time, fastest, written on an unknown system."""
_MOST_STORED: Final = 0xFFFF
_LAST: Final = 1
_MODE: Final = 0o644
_END_BLOCKS: Final = bytes(2 * tarfile.BLOCKSIZE)


class MemberPacker:
    """Packs one file whose size is known before its bytes are (blocking)."""

    def __init__(self, name: str, size: int, mtime: int) -> None:
        """Begin the member; ``mtime`` is in seconds since 1970."""
        info = tarfile.TarInfo(name)
        info.size = size
        info.mtime = mtime
        info.mode = _MODE
        self._header = info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
        self._padding = bytes(-size % tarfile.BLOCKSIZE)
        self._gzip = _StoredGzip()

    def begin(self) -> Packed:
        """Return the packed header."""
        return [_GZIP_HEAD, *self._gzip.stored(self._header)]

    def add(self, data: bytes) -> Packed:
        """Return the next bytes of the file, packed."""
        return [*self._gzip.stored(data)]

    def end(self) -> Packed:
        """Return the padding and the end of the gzip member."""
        return [*self._gzip.stored(self._padding), self._gzip.end()]


def pack(name: str, content: bytes, mtime: int) -> Packed:
    """Return a whole file as one gzip member (blocking)."""
    member = MemberPacker(name, len(content), mtime)
    return [*member.begin(), *member.add(content), *member.end()]


def archive_end() -> Packed:
    """Return the gzip member that ends the tar."""
    gzip = _StoredGzip()
    return [_GZIP_HEAD, *gzip.stored(_END_BLOCKS), gzip.end()]


class _StoredGzip:
    """Writes a gzip member of stored blocks."""

    def __init__(self) -> None:
        self._crc = 0
        self._size = 0

    def stored(self, data: bytes) -> Iterator[bytes | memoryview]:
        self._crc = zlib.crc32(data, self._crc)
        self._size += len(data)
        view = memoryview(data)
        for start in range(0, len(view), _MOST_STORED):
            block = view[start : start + _MOST_STORED]
            yield _block_head(0, len(block))
            yield block

    def end(self) -> bytes:
        """Return an empty last block, and what proves the member."""
        proof = struct.pack("<II", self._crc, self._size & 0xFFFF_FFFF)
        return _block_head(_LAST, 0) + proof


def _block_head(last: int, size: int) -> bytes:
    return struct.pack("<BHH", last, size, size ^ 0xFFFF)
