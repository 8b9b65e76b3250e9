"""Films: footage of some time laid out as one MP4 file, before a byte of it is read."""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import accumulate
import logging
import os
from pathlib import Path

from ..store.mp4 import (
    AUDIO_TRACK,
    TIMESCALE,
    VIDEO_TRACK,
    DamagedError,
    Fragment,
    read_samples,
    sample_entries,
)
from ..store.segment import Segment
from .flat_mp4 import Track, head
from .playlist import GAP_US, Footage, chosen

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FileRange:
    """Bytes of a segment's file."""

    path: Path
    offset: int
    size: int


@dataclass(slots=True)
class Film:
    """One file to be: footage without a change of its codecs."""

    video: Track
    audio: Track | None
    start_us: int
    end_us: int
    ranges: list[FileRange] = field(default_factory=list)
    size: int = 0
    gaps: int = 0


def plan_films(
    path_of: Callable[[Segment], Path],
    footage: list[Footage],
    start: datetime,
    end: datetime,
) -> Iterator[Film]:
    """Plan files out of footage (blocking); a change of codecs begins another."""
    film: Film | None = None
    for segment, fragments in footage:
        path = path_of(segment)
        wanted = chosen(segment, fragments, start, end)
        pieces = fragments[wanted.start : wanted.stop]
        if not pieces:
            continue
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                init = os.pread(descriptor, segment.init_size, 0)
                entries = sample_entries(init)
                if film is None or not _continues(film, entries):
                    if film is not None:
                        yield film
                    film = _new_film(segment, entries, pieces[0])
                elif segment.info.start_us - film.end_us > GAP_US:
                    film.gaps += 1
                _add(film, segment, path, descriptor, pieces)
            finally:
                os.close(descriptor)
        except (OSError, DamagedError) as err:
            _LOGGER.warning("%s is left out of the export: %s", path, err)
    if film is not None and film.ranges:
        yield film


class FilmFile:
    """A film as the bytes of a file, which are read where they are asked for."""

    def __init__(self, film: Film) -> None:
        """Lay out the file (blocking for some milliseconds)."""
        self._head = head(film.video, film.audio, film.size)
        self._ranges = film.ranges
        self._begins = list(
            accumulate((one.size for one in film.ranges), initial=len(self._head))
        )
        self.size = self._begins[-1]

    def read(self, offset: int, size: int) -> bytes:
        """Return bytes of the file (blocking), fewer at its end.

        Raises OSError, also when a segment is shorter than it was.
        """
        data = self._head[offset : offset + size]
        while len(data) < size and offset + len(data) < self.size:
            at = offset + len(data)
            number = bisect_right(self._begins, at) - 1
            one = self._ranges[number]
            within = at - self._begins[number]
            wanted = min(size - len(data), one.size - within)
            with one.path.open("rb", buffering=0) as file:
                piece = os.pread(file.fileno(), wanted, one.offset + within)
            if len(piece) < wanted:
                raise OSError(f"{one.path} is shorter than it was")
            data += piece
        return data


def _continues(film: Film, entries: dict[int, bytes]) -> bool:
    """Tell whether a segment can follow in the same file."""
    audio = None if film.audio is None else film.audio.entry
    return (film.video.entry, audio) == (
        entries.get(VIDEO_TRACK),
        entries.get(AUDIO_TRACK),
    )


def _new_film(segment: Segment, entries: dict[int, bytes], first: Fragment) -> Film:
    audio = entries.get(AUDIO_TRACK)
    return Film(
        Track(entries[VIDEO_TRACK], TIMESCALE),
        # A sample entry of audio has its rate as a 16.16 number at the end.
        None if audio is None else Track(audio, int.from_bytes(audio[32:34])),
        segment.info.start_us + first.start * 1_000_000 // TIMESCALE,
        segment.end_us,
    )


def _add(
    film: Film,
    segment: Segment,
    path: Path,
    descriptor: int,
    pieces: list[Fragment],
) -> None:
    """Add the frames of a segment to the file to be."""
    begun, base = film.video.ticks, pieces[0].start
    for piece in pieces:
        video = read_samples(descriptor, piece.offset, VIDEO_TRACK)
        if not video:
            raise DamagedError("A fragment has no picture")
        size = sum(sample.size for sample in video)
        film.video.add(video, begun + video[0].start - base, film.size)
        if film.audio is not None:
            audio = read_samples(descriptor, piece.offset, AUDIO_TRACK)
            if audio:
                rate = film.audio.timescale
                start = audio[0].start + (begun - base) * rate // TIMESCALE
                film.audio.add(audio, start, film.size + size)
                size += sum(sample.size for sample in audio)
        film.ranges.append(FileRange(path, video[0].offset, size))
        film.size += size
    length = film.video.ticks - begun
    film.end_us = segment.info.start_us + (base + length) * 1_000_000 // TIMESCALE
