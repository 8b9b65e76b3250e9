"""The files that are uploaded: named and shaped as a camera's, different each, known.

A file's bytes follow from its name alone, so that whoever knows the name can check
what a server has stored. Names say another type or another time than the one before
from the same camera: each is a detection of its own.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
import random
import struct

SNAPSHOT_SIZE = 200 * 1024
_BLOCK = 1 << 20
_TYPES = (
    "MOTION_DETECTION",
    "LINE_CROSSING_DETECTION",
    "FIELD_DETECTION",
    "REGION_ENTRANCE",
    "REGION_EXITING",
    "FACE_DETECTION",
    "VEHICLE_DETECTION",
    "PIR_ALARM",
    "AUDIO_EXCEPTION",
    "IO",
    "SHELTER_ALARM",
    "VIDEO_LOSS",
)
_APART = timedelta(seconds=30)
"""More than the files of one incident can be apart."""
_NAME_FIELD = 100

_NOISE = random.Random(20261122).randbytes(_BLOCK)
_SCAN = _NOISE[:SNAPSHOT_SIZE].replace(b"\xff", b"\x00")


def snapshot_name(camera: int, number: int, start: datetime) -> str:
    """Return what a Hikvision camera would call its ``number``-th snapshot."""
    turn, kind = divmod(number, len(_TYPES))
    time = start + turn * _APART + timedelta(milliseconds=number % 1000)
    stamp = f"{time:%Y%m%d%H%M%S}{time.microsecond // 1000:03}"
    return f"10.0.0.{camera + 1}_01_{stamp}_{_TYPES[kind]}.jpg"


def snapshot(name: str) -> bytes:
    """Return a JPEG with everything that a reader of headers looks for."""
    head = b"".join(
        (
            b"\xff\xd8",
            _segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0"),
            _segment(0xFE, name.encode().ljust(_NAME_FIELD)),
            _segment(0xC0, struct.pack(">BHHB", 8, 1080, 1920, 1) + b"\1\x11\0"),
            _segment(0xDA, b"\1\1\0\0\x3f\0"),
        )
    )
    return b"".join((head, _SCAN[: SNAPSHOT_SIZE - len(head) - 2], b"\xff\xd9"))


def clip_name(camera: int, start: datetime) -> str:
    """Return what a Hikvision camera would call a clip."""
    return f"10.0.0.{camera + 1}_01_{start:%Y%m%d%H%M%S}000_MOTION_DETECTION.mp4"


def clip(megabytes: int) -> Iterator[bytes]:
    """Yield the bytes of an MP4 file of so many MiB, a MiB at a time."""
    boxes = struct.pack(">I4s4sI8s", 24, b"ftyp", b"isom", 512, b"isommp42")
    boxes += struct.pack(">I4s", 8, b"moov")
    boxes += struct.pack(">I4s", megabytes * _BLOCK - len(boxes), b"mdat")
    yield boxes + _NOISE[len(boxes) :]
    for number in range(1, megabytes):
        yield struct.pack(">Q", number) + _NOISE[8:]


def _segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content
