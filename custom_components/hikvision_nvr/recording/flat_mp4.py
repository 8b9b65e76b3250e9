"""One MP4 file out of fragments, its index first, so that it plays while it loads.

The boxes are those of ISO/IEC 14496-12, 8.5 to 8.7. Frames are copied as they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
import struct

from ..store.mp4 import (
    AUDIO_TRACK,
    TIMESCALE,
    VIDEO_TRACK,
    Sample,
    box,
    full_box,
)

_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_SMALL = 1 << 32


@dataclass(slots=True)
class Track:
    """The frames of a track: durations in ``timescale``, a chunk for each fragment.

    ``entry`` is the sample entry. A chunk is its offset in the data and its frames.
    """

    entry: bytes
    timescale: int
    sizes: list[int] = field(default_factory=list)
    durations: list[int] = field(default_factory=list)
    compositions: list[int] = field(default_factory=list)
    keys: list[int] = field(default_factory=list)
    chunks: list[tuple[int, int]] = field(default_factory=list)
    ticks: int = 0

    def add(self, samples: Sequence[Sample], start: int, offset: int) -> None:
        """Add the frames of a fragment, whose first one begins at ``start``.

        ``offset`` is where their bytes begin in the data. A hole before them makes
        the last frame longer, an overlap makes it shorter.
        """
        if self.durations and start != self.ticks:
            last = max(1, self.durations[-1] + start - self.ticks)
            self.ticks += last - self.durations[-1]
            self.durations[-1] = last
        self.chunks.append((offset, len(samples)))
        for sample in samples:
            self.sizes.append(sample.size)
            self.durations.append(sample.duration)
            self.compositions.append(sample.composition)
            if sample.key:
                self.keys.append(len(self.sizes))
            self.ticks += sample.duration


def head(video: Track, audio: Track | None, data_size: int) -> bytes:
    """Return what comes before the data: all boxes, and the header of ``mdat``."""
    header = struct.pack(">I4sQ", 1, b"mdat", data_size + 16)
    kind = box(b"ftyp", b"isom", bytes(4), b"isom", b"iso6", b"mp41")
    # The offsets do not change the size of the index, only their width does.
    size = len(kind) + len(header)
    wide = data_size + size + (64 << 20) >= _SMALL
    size += len(_movie(video, audio, 0, wide=wide))
    return kind + _movie(video, audio, size, wide=wide) + header


def _movie(video: Track, audio: Track | None, data_at: int, *, wide: bool) -> bytes:
    seconds = video.ticks / TIMESCALE
    tracks = [_trak(VIDEO_TRACK, video, seconds, data_at, wide=wide)]
    if audio is not None:
        tracks.append(_trak(AUDIO_TRACK, audio, seconds, data_at, wide=wide))
    header = full_box(
        b"mvhd",
        0,
        0,
        struct.pack(">IIII", 0, 0, 1000, round(seconds * 1000)),
        struct.pack(">IHHQ", 0x10000, 0x100, 0, 0),
        _MATRIX,
        bytes(24),
        struct.pack(">I", AUDIO_TRACK + 1),
    )
    return box(b"moov", header, *tracks)


def _trak(
    number: int, track: Track, seconds: float, data_at: int, *, wide: bool
) -> bytes:
    is_video = number == VIDEO_TRACK
    width, height = struct.unpack_from(">HH", track.entry, 32) if is_video else (0, 0)
    header = full_box(
        b"tkhd",
        0,
        3,
        struct.pack(">IIIII", 0, 0, number, 0, round(seconds * 1000)),
        struct.pack(">QHHHH", 0, 0, 0, 0 if is_video else 0x100, 0),
        _MATRIX,
        struct.pack(">II", width << 16, height << 16),
    )
    media = full_box(
        b"mdhd",
        1,
        0,
        struct.pack(">QQIQHH", 0, 0, track.timescale, track.ticks, 0x55C4, 0),
    )
    handler = full_box(
        b"hdlr", 0, 0, bytes(4), b"vide" if is_video else b"soun", bytes(13)
    )
    media_header = (
        full_box(b"vmhd", 0, 1, bytes(8))
        if is_video
        else full_box(b"smhd", 0, 0, bytes(4))
    )
    data = box(
        b"dinf", full_box(b"dref", 0, 0, bytes((0, 0, 0, 1)), full_box(b"url ", 0, 1))
    )
    tables = _tables(track, data_at, is_video=is_video, wide=wide)
    return box(
        b"trak",
        header,
        box(b"mdia", media, handler, box(b"minf", media_header, data, tables)),
    )


def _tables(track: Track, data_at: int, *, is_video: bool, wide: bool) -> bytes:
    parts = [
        full_box(b"stsd", 0, 0, bytes((0, 0, 0, 1)), track.entry),
        _runs(b"stts", 0, track.durations),
    ]
    if any(track.compositions):
        parts.append(_runs(b"ctts", 1, track.compositions))
    if is_video:
        keys = track.keys
        parts.append(
            full_box(b"stss", 0, 0, struct.pack(f">{len(keys) + 1}I", len(keys), *keys))
        )
    counts: list[tuple[int, int]] = []
    for number, (_, count) in enumerate(track.chunks, start=1):
        if not counts or counts[-1][1] != count:
            counts.append((number, count))
    parts.append(
        full_box(
            b"stsc",
            0,
            0,
            struct.pack(">I", len(counts)),
            *(struct.pack(">III", first, count, 1) for first, count in counts),
        )
    )
    sizes = track.sizes
    parts.append(
        full_box(b"stsz", 0, 0, struct.pack(f">II{len(sizes)}I", 0, len(sizes), *sizes))
    )
    offsets = [data_at + offset for offset, _ in track.chunks]
    parts.append(
        full_box(
            b"co64" if wide else b"stco",
            0,
            0,
            struct.pack(
                f">I{len(offsets)}{'Q' if wide else 'I'}", len(offsets), *offsets
            ),
        )
    )
    return box(b"stbl", *parts)


def _runs(kind: bytes, version: int, values: list[int]) -> bytes:
    runs = [(sum(1 for _ in same), value) for value, same in groupby(values)]
    return full_box(
        kind,
        version,
        0,
        struct.pack(">I", len(runs)),
        *(struct.pack(">Ii", count, value) for count, value in runs),
    )
