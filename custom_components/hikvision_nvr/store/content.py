"""Judges from a file's own structure whether it is complete, without decoding it.

Cameras break off uploads and servers cannot see it: the end of the data looks the same.
A JPEG ends with its end marker (ITU-T T.81, annex B), an MP4 with the last byte of its
last box (ISO/IEC 14496-12, 4.2). What is read is bounded whatever the file says.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

type ReadAt = Callable[[int, int], bytes]
"""Returns up to so many bytes from an offset, as ``os.pread`` does of a descriptor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a file is by its first bytes, whatever its name says.

    ``complete`` is None where the file does not tell. ``media`` is None for anything
    but JPEG and MP4. Sizes are in pixels, None where the file has no sensible ones.
    """

    complete: bool | None
    width: int | None = None
    height: int | None = None
    media: Literal["jpeg", "mp4"] | None = None


_UNKNOWN = Content(complete=None)
_BROKEN = Content(complete=False)

_LARGEST_SIDE = 32_768
_SMALLEST = 8
"""Fewer bytes are not even the first box of a video, let alone a picture."""

_JPEG_SUFFIXES = frozenset({".jpg", ".jpeg"})
_MP4_SUFFIXES = frozenset({".mp4", ".mov", ".m4v"})
# Pictures of other formats that go by the name of JPEG: PNG, WebP, BMP, GIF.
_OTHER_PICTURES = (b"\x89PNG", b"RIFF", b"BM", b"GIF8")


def inspect(read_at: ReadAt, size: int, suffix: str) -> Content:
    """Return what a file of ``size`` bytes is and whether it is all there.

    ``suffix`` is the extension of its name with the dot: a file that is called a
    picture and does not even begin like one is broken rather than unknown. Raises what
    ``read_at`` raises; nothing in a file makes it raise.
    """
    suffix = suffix.casefold()
    if size < _SMALLEST:
        named = suffix in _JPEG_SUFFIXES or suffix in _MP4_SUFFIXES
        return _BROKEN if named else _UNKNOWN
    reader = _Reader(read_at, size)
    magic = reader.read(0, 12)
    if magic.startswith(b"\xff\xd8\xff"):
        return _jpeg(reader)
    if _is_mp4(magic, size):
        return _mp4(reader)
    if suffix in _JPEG_SUFFIXES and not (
        magic.startswith(_OTHER_PICTURES) or magic[4:8] == b"ftyp"
    ):
        return _BROKEN
    return _UNKNOWN


def read_from(data: bytes) -> ReadAt:
    """Return a ``read_at`` for a file that is in memory as a whole."""
    return lambda size, offset: data[offset : offset + size]


class _TooMuchError(Exception):
    """The file asks for more reading than a file that is as it should be."""


class _UnreadableError(Exception):
    """The file has something else where a marker or a box must begin."""


class _Reader:
    """Reads pieces of a file, ``_MOST_BYTES`` in all."""

    _MOST_BYTES = 256 * 1024

    def __init__(self, read_at: ReadAt, size: int) -> None:
        self._read_at = read_at
        self._left = self._MOST_BYTES
        self.size = size

    def read(self, offset: int, length: int) -> bytes:
        """Return up to ``length`` bytes; fewer where the file ends."""
        length = min(length, self.size - offset)
        if length <= 0:
            return b""
        if length > self._left:
            raise _TooMuchError
        self._left -= length
        data = b""
        # One call may return less than there is.
        while len(data) < length:
            piece = self._read_at(length - len(data), offset + len(data))
            if not piece:
                break
            data += piece
        return data


def _dimensions(width: int, height: int) -> tuple[int | None, int | None]:
    if 0 < width <= _LARGEST_SIDE and 0 < height <= _LARGEST_SIDE:
        return width, height
    return None, None


# --- JPEG --------------------------------------------------------------------------

_TAIL = 64 * 1024
_MOST_SEGMENTS = 512
_START_OF_SCAN = 0xDA
_END_OF_IMAGE = 0xD9
_STAND_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})
# SOF0 … SOF15 without DHT (C4), JPG (C8) and DAC (CC), which lie between.
_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def _jpeg(reader: _Reader) -> Content:
    width = height = None
    scan: int | None = None
    readable = True
    try:
        for marker, offset, header in _segments(reader):
            if marker in _FRAME_HEADERS and width is None and len(header) >= 5:
                width, height = _dimensions(
                    int.from_bytes(header[3:5]), int.from_bytes(header[1:3])
                )
            elif marker == _START_OF_SCAN:
                scan = offset
    except _TooMuchError, _UnreadableError:
        readable = False
    if scan is None and readable:
        # It ends among its headers. An end marker there is that of a thumbnail.
        complete: bool | None = False
    else:
        complete = _has_end(reader, scan or 0)
        if complete and not readable:
            complete = None
    return Content(complete=complete, width=width, height=height, media="jpeg")


def _segments(reader: _Reader) -> Iterator[tuple[int, int, bytes]]:
    """Yield markers up to the first scan: marker, offset of its content, its start.

    Ends without a scan where the file ends. Thumbnails lie inside of segments, so
    their markers are not met.
    """
    offset = 2
    for _ in range(_MOST_SEGMENTS):
        start = reader.read(offset, 12)
        # Any number of FF may stand before a marker (B.1.1.2).
        while len(start) > 1 and start[:2] == b"\xff\xff":
            fill = len(start) - len(start.lstrip(b"\xff")) - 1
            offset += max(fill, 1)
            start = reader.read(offset, 12)
        if len(start) < 4:
            return
        marker = start[1]
        if start[0] != 0xFF or marker == 0x00:
            raise _UnreadableError
        if marker == _END_OF_IMAGE:
            return
        if marker in _STAND_ALONE:
            offset += 2
            continue
        length = int.from_bytes(start[2:4])
        if length < 2:
            raise _UnreadableError
        if offset + 2 + length > reader.size:
            return
        yield marker, offset + 2 + length, start[4:]
        if marker == _START_OF_SCAN:
            return
        offset += 2 + length
    raise _UnreadableError


def _has_end(reader: _Reader, scan: int) -> bool | None:
    """Whether an end marker follows the scan's start, near the end of the file.

    In a scan every FF of the data is followed by 00 (B.1.1.5), so what looks like the
    marker is it. Vendors put data of their own behind it, and file systems zeros.
    """
    end = reader.size
    while end > scan:
        start = max(scan, end - _TAIL)
        try:
            block = reader.read(start, end - start)
        except _TooMuchError:
            return None
        if b"\xff\xd9" in block:
            return True
        # The first byte may be the second one of a marker: it is in the next block, too.
        if block[1:].strip(b"\0") or len(block) < end - start or start == scan:
            return False
        end = start + 1
    return False


# --- MP4 ---------------------------------------------------------------------------

_MP4_FIRST = frozenset(
    {b"ftyp", b"styp", b"moov", b"moof", b"mdat", b"free", b"skip", b"wide", b"pnot"}
)
# Pictures in the same container: ISO/IEC 23008-12, annex B.4, and AVIF.
_PICTURE_BRANDS = frozenset({b"heic", b"heix", b"mif1", b"msf1", b"avif", b"avis"})
_MOST_BOXES = 900
_MOST_INNER_BOXES = 100
_TRACK_HEADERS = {0: 84, 1: 96}
"""Bytes of a track header's content for each version; the picture size ends it (8.3.2)."""


@dataclass(frozen=True, slots=True)
class _Box:
    """A box: its type, and where its content begins and the box ends."""

    kind: bytes
    content: int
    end: int


def _is_mp4(magic: bytes, size: int) -> bool:
    kind = magic[4:8]
    if kind not in _MP4_FIRST or magic[8:12] in _PICTURE_BRANDS:
        return False
    # A text that happens to have "free" in it would be a box of a gigabyte.
    first = int.from_bytes(magic[:4])
    return kind == b"mdat" or first in {0, 1} or 8 <= first <= max(size, 4096)


def _mp4(reader: _Reader) -> Content:
    movie: _Box | None = None
    data = False
    # A fragment's header is there, its data is not yet (8.8.4).
    waiting = False
    complete: bool | None
    try:
        for box in _boxes(reader, 0, reader.size, _MOST_BOXES):
            if box.kind == b"moov":
                movie = movie or box
            if box.end > reader.size or (box.kind == b"moof" and waiting):
                waiting = True
                break
            if box.kind == b"moof":
                waiting = True
            elif box.kind == b"mdat":
                data, waiting = True, False
        complete = movie is not None and data and not waiting
    except _TooMuchError:
        complete = None
    except _UnreadableError:
        # Whatever follows, what is needed is there; or it will never be.
        complete = None if movie is not None and data and not waiting else False
    width, height = (None, None) if movie is None else _picture_size(reader, movie)
    return Content(complete=complete, width=width, height=height, media="mp4")


def _boxes(reader: _Reader, offset: int, end: int, most: int) -> Iterator[_Box]:
    """Yield the boxes between two offsets; the last may end behind the second."""
    for _ in range(most):
        wanted = max(0, min(16, end - offset))
        header = reader.read(offset, wanted)
        if len(header) == wanted and not header.strip(b"\0"):
            # The end, or zeros that a file system or an encoder put there.
            return
        if len(header) < 8:
            # A header that was cut off: a box that is not all there.
            yield _Box(b"", offset, end + 1)
            return
        length = int.from_bytes(header[:4])
        content = offset + 8
        if length == 1:
            length = int.from_bytes(header[8:16])
            content = offset + 16
            if len(header) < 16:
                yield _Box(b"", content, end + 1)
                return
        elif length == 0:
            length = end - offset
        if length < content - offset or not _is_box_type(header[4:8]):
            raise _UnreadableError
        yield _Box(header[4:8], content, offset + length)
        offset += length
    if offset < end:
        raise _TooMuchError


def _is_box_type(kind: bytes) -> bool:
    # Four printable characters; QuickTime's own have the copyright sign.
    return all(0x20 <= byte < 0x7F or byte == 0xA9 for byte in kind)


def _picture_size(reader: _Reader, movie: _Box) -> tuple[int | None, int | None]:
    """Return the size of the first track that has one, which sound has not."""
    left = _MOST_INNER_BOXES
    try:
        for track in _boxes(reader, movie.content, movie.end, left):
            left -= 1
            if track.kind != b"trak":
                continue
            for box in _boxes(reader, track.content, track.end, left):
                left -= 1
                if box.kind != b"tkhd":
                    continue
                header = reader.read(box.content, max(_TRACK_HEADERS.values()))
                length = _TRACK_HEADERS.get(header[0]) if header else None
                if length is None or len(header) < length:
                    break
                # Fixed point numbers of 16 bits before and 16 after the point.
                width, height = _dimensions(
                    int.from_bytes(header[length - 8 : length - 6]),
                    int.from_bytes(header[length - 4 : length - 2]),
                )
                if width is not None:
                    return width, height
                break
    except _TooMuchError, _UnreadableError:
        pass
    return None, None
