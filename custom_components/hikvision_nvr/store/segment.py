"""Segments: what they are called, where they lie, and what the catalogue keeps of them.

A segment is ``<root>/<camera>/recordings/<YYYY-MM-DD>/<HH>/<start>_<run>_<number>.mp4``,
all times in UTC: an hour that comes twice in autumn is two folders.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
import re
import struct
from typing import Any, Self

from .mp4 import Fragment
from .rows import from_us, to_us

RECORDINGS = "recordings"
"""The folder of recordings in each camera's folder."""

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_HOUR = re.compile(r"[01]\d|2[0-3]", re.ASCII)
_NAME = re.compile(r"(\d{8}T\d{6}\.\d{3})Z_([0-9a-f]{8})_(\d{1,9})\.mp4", re.ASCII)
_PLACE = struct.Struct("<II")
_SECOND_US = 1_000_000
_MINUTE_US = 60 * _SECOND_US
_HOUR_US = 60 * _MINUTE_US


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentInfo:
    """What a segment is. ``run`` names the stretch without interruption it is part of.

    ``start_us`` is microseconds since 1970 UTC, ``video`` and ``audio`` name the
    codecs as browsers do.
    """

    camera: str
    run: str
    sequence: int
    start_us: int
    video: str
    audio: str | None

    @property
    def relative_path(self) -> str:
        """The path below the storage root, with forward slashes."""
        return segment_path(self.camera, self.start_us, self.run, self.sequence)

    def identity(self) -> dict[str, Any]:
        """Return what the segment's file says of itself."""
        return {
            "camera": self.camera,
            "run": self.run,
            "sequence": self.sequence,
            "start_us": self.start_us,
            "video": self.video,
            "audio": self.audio,
        }

    @classmethod
    def of(cls, identity: dict[str, Any]) -> Self:
        """Read what a file says of itself. Raises ValueError."""
        camera, run = identity.get("camera"), identity.get("run")
        sequence, start_us = identity.get("sequence"), identity.get("start_us")
        video, audio = identity.get("video"), identity.get("audio")
        if (
            not isinstance(camera, str)
            or not isinstance(run, str)
            or not isinstance(sequence, int)
            or not isinstance(start_us, int)
            or not isinstance(video, str)
            or not (audio is None or isinstance(audio, str))
        ):
            raise ValueError("The segment says nothing that makes sense")
        return cls(
            camera=camera,
            run=run,
            sequence=sequence,
            start_us=start_us,
            video=video,
            audio=audio,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A segment in the catalogue. ``size`` are the bytes on the disk for sure.

    ``end_us`` is microseconds since 1970 UTC, ``ticks`` the length on the stream's
    clock. ``complete`` is False while it is still written.
    """

    id: int
    info: SegmentInfo
    end_us: int
    size: int
    ticks: int
    init_size: int
    complete: bool

    @property
    def start(self) -> datetime:
        """When it begins."""
        return from_us(self.info.start_us)

    @property
    def end(self) -> datetime:
        """When it ends."""
        return from_us(self.end_us)

    @property
    def tracks(self) -> tuple[str, bool]:
        """What must be the same for two segments to be played as one."""
        return self.info.video.partition(".")[0], self.info.audio is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedSegment:
    """What is on the disk of a segment, for its row. ``places`` is the packed index."""

    info: SegmentInfo
    size: int
    ticks: int
    init_size: int
    places: bytes
    complete: bool


def segment_path(camera: str, start_us: int, run: str, sequence: int) -> str:
    """Return a segment's path below the storage root."""
    hour, rest = divmod(start_us, _HOUR_US)
    minute, rest = divmod(rest, _MINUTE_US)
    second, rest = divmod(rest, _SECOND_US)
    folder, beginning = _hour_names(hour)
    return (
        f"{camera}/{RECORDINGS}/{folder}/"
        f"{beginning}{minute:02}{second:02}.{rest // 1000:03}Z_{run}_{sequence}.mp4"
    )


@lru_cache(maxsize=64)
def _hour_names(hour: int) -> tuple[str, str]:
    """Return the folder of an hour since 1970, and how its files' names begin.

    Kept, because a start of the recorder names two days of segments of all cameras,
    and to write dates is nearly all that a name costs.
    """
    start = from_us(hour * _HOUR_US)
    return f"{start:%Y-%m-%d}/{start:%H}", f"{start:%Y%m%dT%H}"


def is_day_folder(name: str) -> bool:
    """Tell whether a folder holds a day of recordings."""
    return _DAY.fullmatch(name) is not None


def is_hour_folder(name: str) -> bool:
    """Tell whether a folder holds an hour of recordings."""
    return _HOUR.fullmatch(name) is not None


def is_segment_name(name: str) -> bool:
    """Tell whether a file has a name that only segments have."""
    return _NAME.fullmatch(name) is not None


def hour_start_us(day: str, hour: str) -> int:
    """Return when the hour of a folder begins. Raises ValueError."""
    return to_us(datetime.fromisoformat(f"{day}T{hour}:00:00").replace(tzinfo=UTC))


def pack_place(fragment: Fragment) -> bytes:
    """Return a fragment as the catalogue keeps it."""
    return _PLACE.pack(fragment.offset, fragment.start << 1 | fragment.key)


def unpack_places(places: bytes) -> list[Fragment]:
    """Return the fragments that the catalogue keeps of a segment."""
    return [
        Fragment(offset, start >> 1, bool(start & 1))
        for offset, start in _PLACE.iter_unpack(places)
    ]
