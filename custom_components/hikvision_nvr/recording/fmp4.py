"""Writes segments: fragmented MP4 (ISO/IEC 14496-12, 8.8) with video as received."""

from collections.abc import Sequence
from dataclasses import dataclass
import struct
from typing import Any

from ..store.mp4 import (
    AUDIO_TRACK,
    TIMESCALE,
    VIDEO_TRACK,
    box,
    full_box,
    identity_box,
)
from .parameter_sets import VideoDescription

_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_KEY_FLAGS = 0x02000000
"""The sample depends on no other one."""
_OTHER_FLAGS = 0x01010000
"""It depends on others and is no sync sample."""
_DEFAULT_BASE_IS_MOOF = 0x020000


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioDescription:
    """What a player must know of an audio stream.

    ``name`` is the codec as browsers call it, ``entry`` the whole sample entry.
    """

    name: str
    rate: int
    entry: bytes


@dataclass(slots=True)
class VideoSamples:
    """The frames of a fragment: durations and compositions are ticks."""

    data: list[bytes]
    durations: list[int]
    compositions: list[int]
    keys: list[bool]


@dataclass(slots=True)
class AudioSamples:
    """The audio of a fragment: durations in the audio's own rate."""

    data: list[bytes]
    durations: list[int]


def init_segment(
    video: VideoDescription, audio: AudioDescription | None, identity: dict[str, Any]
) -> bytes:
    """Return what a segment's file begins with."""
    tracks = [_video_track(video)]
    extends = [_track_extends(VIDEO_TRACK)]
    if audio is not None:
        tracks.append(_audio_track(audio))
        extends.append(_track_extends(AUDIO_TRACK))
    movie = box(
        b"moov",
        _movie_header(),
        *tracks,
        box(b"mvex", *extends),
        identity_box(identity),
    )
    return box(b"ftyp", b"iso6", bytes(4), b"iso6", b"iso5", b"mp41") + movie


def fragment(
    number: int,
    video: VideoSamples,
    video_start: int,
    audio: AudioSamples | None,
    audio_start: int,
) -> list[bytes]:
    """Return a fragment in pieces, so that no frame is copied once more.

    The starts are the decode times in the segment, each in its track's own ticks.
    """
    audio = audio if audio is not None and audio.data else None
    video_size = sum(map(len, video.data))
    audio_size = 0 if audio is None else sum(map(len, audio.data))
    composed = any(video.compositions)
    video_fields = 4 if composed else 3
    # Sizes are known before the offsets are: header, tfhd, tfdt and trun.
    traf_video = 8 + 16 + 20 + 20 + 4 * video_fields * len(video.data)
    traf_audio = 0 if audio is None else 8 + 16 + 20 + 20 + 8 * len(audio.data)
    data_at = 8 + 16 + traf_video + traf_audio + 8
    rows: list[int] = []
    for index, data in enumerate(video.data):
        rows += (
            video.durations[index],
            len(data),
            _KEY_FLAGS if video.keys[index] else _OTHER_FLAGS,
        )
        if composed:
            rows.append(video.compositions[index] & 0xFFFFFFFF)
    flags = 0x701 | (0x800 if composed else 0)
    parts = [
        _track_fragment(VIDEO_TRACK, video_start, flags, len(video.data), data_at, rows)
    ]
    if audio is not None:
        rows = [
            value
            for data, duration in zip(audio.data, audio.durations, strict=True)
            for value in (duration, len(data))
        ]
        parts.append(
            _track_fragment(
                AUDIO_TRACK,
                audio_start,
                0x301,
                len(audio.data),
                data_at + video_size,
                rows,
            )
        )
    header = box(b"moof", full_box(b"mfhd", 0, 0, struct.pack(">I", number)), *parts)
    header += struct.pack(">I4s", 8 + video_size + audio_size, b"mdat")
    return [header, *video.data, *(() if audio is None else audio.data)]


def aac_entry(rate: int, channels: int, configuration: bytes) -> bytes:
    """Return the sample entry of AAC (ISO/IEC 14496-14, 5.6)."""
    decoder = _descriptor(
        4, bytes((0x40, 0x15)) + bytes(11) + _descriptor(5, configuration)
    )
    content = struct.pack(">HB", 0, 0) + decoder + _descriptor(6, b"\x02")
    return _audio_entry(
        b"mp4a", rate, channels, full_box(b"esds", 0, 0, _descriptor(3, content))
    )


def flac_entry(rate: int, channels: int, stream_info: bytes) -> bytes:
    """Return the sample entry of FLAC ("Encapsulation of FLAC in ISO Base Media")."""
    block = struct.pack(">I", 0x80000000 | len(stream_info)) + stream_info
    return _audio_entry(b"fLaC", rate, channels, full_box(b"dfLa", 0, 0, block))


def _audio_entry(kind: bytes, rate: int, channels: int, configuration: bytes) -> bytes:
    return box(
        kind,
        bytes(6),
        struct.pack(">HQHHII", 1, 0, channels, 16, 0, rate << 16),
        configuration,
    )


def _descriptor(tag: int, content: bytes) -> bytes:
    return bytes((tag, len(content))) + content


def _movie_header() -> bytes:
    return full_box(
        b"mvhd",
        0,
        0,
        struct.pack(">IIIIIHHQ", 0, 0, TIMESCALE, 0, 0x10000, 0x100, 0, 0),
        _MATRIX,
        bytes(24),
        struct.pack(">I", AUDIO_TRACK + 1),
    )


def _track_header(track: int, volume: int, width: int, height: int) -> bytes:
    return full_box(
        b"tkhd",
        0,
        3,
        struct.pack(">IIIIIQHHHH", 0, 0, track, 0, 0, 0, 0, 0, volume, 0),
        _MATRIX,
        struct.pack(">II", width << 16, height << 16),
    )


def _track(
    header: bytes, timescale: int, handler: bytes, media_header: bytes, entry: bytes
) -> bytes:
    tables = [full_box(kind, 0, 0, bytes(4)) for kind in (b"stts", b"stsc", b"stco")]
    return box(
        b"trak",
        header,
        box(
            b"mdia",
            full_box(
                b"mdhd", 0, 0, struct.pack(">IIIIHH", 0, 0, timescale, 0, 0x55C4, 0)
            ),
            full_box(b"hdlr", 0, 0, bytes(4), handler, bytes(12), b"\x00"),
            box(
                b"minf",
                media_header,
                box(b"dinf", full_box(b"dref", 0, 0, bytes((0, 0, 0, 1)), _here())),
                box(
                    b"stbl",
                    full_box(b"stsd", 0, 0, bytes((0, 0, 0, 1)), entry),
                    *tables,
                    full_box(b"stsz", 0, 0, bytes(8)),
                ),
            ),
        ),
    )


def _here() -> bytes:
    """Return what says that the data is in this file."""
    return full_box(b"url ", 0, 1)


def _video_track(video: VideoDescription) -> bytes:
    entry = box(
        video.entry,
        bytes(6),
        struct.pack(">H", 1),
        bytes(16),
        struct.pack(">HHIIIH", video.width, video.height, 0x480000, 0x480000, 0, 1),
        bytes(32),
        struct.pack(">Hh", 24, -1),
        video.configuration,
    )
    return _track(
        _track_header(VIDEO_TRACK, 0, video.width, video.height),
        TIMESCALE,
        b"vide",
        full_box(b"vmhd", 0, 1, bytes(8)),
        entry,
    )


def _audio_track(audio: AudioDescription) -> bytes:
    return _track(
        _track_header(AUDIO_TRACK, 0x100, 0, 0),
        audio.rate,
        b"soun",
        full_box(b"smhd", 0, 0, bytes(4)),
        audio.entry,
    )


def _track_extends(track: int) -> bytes:
    return full_box(b"trex", 0, 0, struct.pack(">IIIII", track, 1, 0, 0, 0))


def _track_fragment(
    track: int, start: int, flags: int, count: int, data_at: int, rows: Sequence[int]
) -> bytes:
    return box(
        b"traf",
        full_box(b"tfhd", 0, _DEFAULT_BASE_IS_MOOF, struct.pack(">I", track)),
        full_box(b"tfdt", 1, 0, struct.pack(">Q", start)),
        full_box(
            b"trun",
            # Version 1: a composition may be before its decode time.
            1,
            flags,
            struct.pack(f">II{len(rows)}I", count, data_at, *rows),
        ),
    )
