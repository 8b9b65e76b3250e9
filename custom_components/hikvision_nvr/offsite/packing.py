"""Packs files into a ``.tar.gz`` in which every file can be reached by itself.

POSIX.1-2001 pax tar, compressed as several gzip members (RFC 1952, section 2.2): each
file's header, bytes and padding are one member, and a last member holds the two zero
blocks that end a tar. Any tar reads it, and one file comes out of a byte range.
"""

import tarfile
from typing import Final
import zlib

_LEVEL: Final = 0
"""Stored: pictures and clips are compressed already, and deflating them costs 10 times
the processor time to save 1.5 %."""

_GZIP_WINDOW: Final = 31
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
        self._gzip = _gzip()

    def begin(self) -> bytes:
        """Return the packed header."""
        return self._gzip.compress(self._header)

    def add(self, data: bytes) -> bytes:
        """Return the next bytes of the file, packed."""
        return self._gzip.compress(data)

    def end(self) -> bytes:
        """Return the padding and the end of the gzip member."""
        return self._gzip.compress(self._padding) + self._gzip.flush()


def pack(name: str, content: bytes, mtime: int) -> bytes:
    """Return a whole file as one gzip member (blocking)."""
    member = MemberPacker(name, len(content), mtime)
    return member.begin() + member.add(content) + member.end()


def archive_end() -> bytes:
    """Return the gzip member that ends the tar."""
    compressor = _gzip()
    return compressor.compress(_END_BLOCKS) + compressor.flush()


def _gzip() -> zlib._Compress:
    return zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)
