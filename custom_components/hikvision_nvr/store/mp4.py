"""Fragmented MP4 as the store needs it: finding what is whole in a segment's file.

Boxes are those of ISO/IEC 14496-12. Each segment holds a box of our own that says what
it is, so that the catalogue can be built anew from the files alone.
"""

from dataclasses import dataclass
import json
import os
import struct
from typing import Any, NamedTuple

TIMESCALE = 90_000
"""Ticks a second of a segment's video, as in RTP (RFC 3551)."""
VIDEO_TRACK = 1
AUDIO_TRACK = 2

_IDENTITY_UUID = bytes.fromhex("6f0c2d3a7b5e4c8f9a1d48494b4e5652")
_LARGEST_INIT = 1 << 20
_LARGEST_MOOF = 8 << 20

_TFHD_BASE_DATA_OFFSET = 0x1
_TFHD_DESCRIPTION = 0x2
_TFHD_DURATION = 0x8
_TFHD_SIZE = 0x10
_TFHD_FLAGS = 0x20
_TRUN_DATA_OFFSET = 0x1
_TRUN_FIRST_FLAGS = 0x4
_TRUN_DURATION = 0x100
_TRUN_SIZE = 0x200
_TRUN_FLAGS = 0x400
_TRUN_COMPOSITION = 0x800

_NON_SYNC = 0x10000

_MOST_SAMPLES = 1 << 16
"""In a fragment, which is some seconds: more is damage, and would fill the memory."""
_DAMAGE = (struct.error, LookupError, ValueError)
"""What reading raises where a box is missing, or ends before its content."""


class DamagedError(Exception):
    """A file is no segment of ours, or not even its beginning is whole."""


def box(kind: bytes, *content: bytes) -> bytes:
    """Return a box."""
    body = b"".join(content)
    return struct.pack(">I4s", len(body) + 8, kind) + body


def full_box(kind: bytes, version: int, flags: int, *content: bytes) -> bytes:
    """Return a box with a version and flags."""
    return box(kind, struct.pack(">I", version << 24 | flags), *content)


def identity_box(identity: dict[str, Any]) -> bytes:
    """Return the box that says what a segment is."""
    return box(b"uuid", _IDENTITY_UUID, json.dumps(identity).encode())


class Fragment(NamedTuple):
    """Where a fragment is in its file, and when it begins in the segment (ticks)."""

    offset: int
    start: int
    key: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentContent:
    """What is whole in a segment's file. ``ticks`` is its length, ``size`` in bytes."""

    identity: dict[str, Any]
    init: bytes
    fragments: tuple[Fragment, ...]
    ticks: int
    size: int


@dataclass(frozen=True, slots=True)
class Sample:
    """A frame of a track: where it is in the file, and its time in the track's ticks."""

    offset: int
    size: int
    start: int
    duration: int
    composition: int
    key: bool


@dataclass(frozen=True, slots=True)
class _Box:
    kind: bytes
    start: int
    end: int


def read_content(descriptor: int) -> SegmentContent:
    """Return what is whole in a segment's file (blocking).

    Raises DamagedError when its beginning is not, and OSError.
    """
    total = os.fstat(descriptor).st_size
    head = os.pread(descriptor, min(_LARGEST_INIT, total), 0)
    init_size = _init_size(head)
    init = head[:init_size]
    fragments: list[Fragment] = []
    position, ticks = init_size, 0
    while True:
        header = os.pread(descriptor, 8, position)
        if len(header) < 8:
            break
        size, kind = struct.unpack(">I4s", header)
        if kind != b"moof" or not 8 < size <= _LARGEST_MOOF:
            break
        moof = os.pread(descriptor, size + 8, position)
        if len(moof) < size + 8:
            break
        data_size, data_kind = struct.unpack_from(">I4s", moof, size)
        end = position + size + data_size
        if data_kind != b"mdat" or data_size < 8 or end > total:
            break
        try:
            samples = _samples(moof[:size], position, VIDEO_TRACK)
        except _DAMAGE:
            break
        if not samples:
            break
        fragments.append(Fragment(position, samples[0].start, samples[0].key))
        ticks = samples[-1].start + samples[-1].duration
        position = end
    return SegmentContent(
        identity=_identity(init),
        init=init,
        fragments=tuple(fragments),
        ticks=ticks,
        size=position,
    )


def read_samples(descriptor: int, offset: int, track: int) -> list[Sample]:
    """Return the samples that a track has in the fragment at ``offset`` (blocking).

    Raises DamagedError and OSError.
    """
    header = os.pread(descriptor, 8, offset)
    try:
        size, kind = struct.unpack(">I4s", header)
        if kind != b"moof" or size > _LARGEST_MOOF:
            raise DamagedError(f"There is no fragment at {offset}")
        return _samples(os.pread(descriptor, size, offset), offset, track)
    except _DAMAGE as err:
        raise DamagedError(f"The fragment at {offset} is damaged") from err


def sample_entries(init: bytes) -> dict[int, bytes]:
    """Return the sample entry (box in ``stsd``) of each track in an init segment.

    Raises DamagedError.
    """
    entries: dict[int, bytes] = {}
    try:
        (moov,) = _children(init, 0, len(init), b"moov")
        for trak in _children(init, moov.start + 8, moov.end, b"trak"):
            (tkhd,) = _children(init, trak.start + 8, trak.end, b"tkhd")
            version = init[tkhd.start + 8]
            (track,) = struct.unpack_from(
                ">I", init, tkhd.start + (28 if version else 20)
            )
            place = trak
            for kind in (b"mdia", b"minf", b"stbl", b"stsd"):
                (place,) = _children(init, place.start + 8, place.end, kind)
            entries[track] = init[place.start + 16 : place.end]
    except _DAMAGE as err:
        raise DamagedError("The beginning of the segment is damaged") from err
    return entries


def _boxes(data: bytes, start: int, end: int) -> list[_Box]:
    found: list[_Box] = []
    while start + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, start)
        if size < 8 or start + size > end:
            raise ValueError("A box does not end where it should")
        found.append(_Box(kind, start, start + size))
        start += size
    return found


def _children(data: bytes, start: int, end: int, kind: bytes) -> list[_Box]:
    return [one for one in _boxes(data, start, end) if one.kind == kind]


def _init_size(head: bytes) -> int:
    position, kinds = 0, []
    while position + 8 <= len(head):
        size, kind = struct.unpack_from(">I4s", head, position)
        if kind == b"moof":
            break
        if size < 8 or position + size > len(head):
            break
        kinds.append(kind)
        position += size
        if kind == b"moov":
            break
    if kinds != [b"ftyp", b"moov"]:
        raise DamagedError("The beginning of the segment is not whole")
    return position


def _identity(init: bytes) -> dict[str, Any]:
    try:
        (moov,) = _children(init, 0, len(init), b"moov")
        for one in _children(init, moov.start + 8, moov.end, b"uuid"):
            if init[one.start + 8 : one.start + 24] == _IDENTITY_UUID:
                identity = json.loads(init[one.start + 24 : one.end])
                if isinstance(identity, dict):
                    return identity
    except _DAMAGE as err:
        raise DamagedError("The segment does not say what it is") from err
    raise DamagedError("The segment does not say what it is")


def _samples(moof: bytes, position: int, wanted: int) -> list[Sample]:
    samples: list[Sample] = []
    for traf in _children(moof, 8, len(moof), b"traf"):
        inside = {one.kind: one for one in _boxes(moof, traf.start + 8, traf.end)}
        tfhd, tfdt, trun = inside[b"tfhd"], inside[b"tfdt"], inside[b"trun"]
        flags, track = struct.unpack_from(">II", moof, tfhd.start + 8)
        if track != wanted:
            continue
        at = tfhd.start + 16
        at += 8 if flags & _TFHD_BASE_DATA_OFFSET else 0
        at += 4 if flags & _TFHD_DESCRIPTION else 0
        defaults = [0, 0, 0]
        for index, flag in enumerate((_TFHD_DURATION, _TFHD_SIZE, _TFHD_FLAGS)):
            if flags & flag:
                (defaults[index],) = struct.unpack_from(">I", moof, at)
                at += 4
        version = moof[tfdt.start + 8]
        (start,) = struct.unpack_from(">Q" if version else ">I", moof, tfdt.start + 12)
        samples += _run(moof, trun, position, start, defaults)
    return samples


def _run(
    moof: bytes, trun: _Box, position: int, start: int, defaults: list[int]
) -> list[Sample]:
    word, count = struct.unpack_from(">II", moof, trun.start + 8)
    flags, at = word & 0xFFFFFF, trun.start + 16
    offset = position
    if flags & _TRUN_DATA_OFFSET:
        (relative,) = struct.unpack_from(">i", moof, at)
        offset, at = position + relative, at + 4
    first_flags = None
    if flags & _TRUN_FIRST_FLAGS:
        (first_flags,) = struct.unpack_from(">I", moof, at)
        at += 4
    fields = [
        bool(flags & flag)
        for flag in (_TRUN_DURATION, _TRUN_SIZE, _TRUN_FLAGS, _TRUN_COMPOSITION)
    ]
    form = struct.Struct(f">{sum(fields)}I")
    if count > _MOST_SAMPLES or at + count * form.size > trun.end:
        raise ValueError("More samples than a fragment has")
    samples: list[Sample] = []
    for number in range(count):
        values = iter(form.unpack_from(moof, at))
        at += form.size
        duration, size, sample_flags, composition = (
            next(values) if present else default
            for present, default in zip(fields, (*defaults, 0), strict=True)
        )
        if number == 0 and first_flags is not None:
            sample_flags = first_flags
        if composition >= 1 << 31:
            composition -= 1 << 32
        samples.append(
            Sample(
                offset, size, start, duration, composition, not sample_flags & _NON_SYNC
            )
        )
        offset += size
        start += duration
    return samples
