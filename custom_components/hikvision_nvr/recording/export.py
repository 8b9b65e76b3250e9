"""Exports: footage of some time as one MP4 file that any player opens."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
import logging
import os
from pathlib import Path
from typing import Any, Protocol

from ..errors import FootageNotFoundError, StorageError
from ..model import Capture, CaptureKind, Sighting
from ..store import Store
from ..store.file_threads import FileThreads
from ..store.mp4 import (
    AUDIO_TRACK,
    TIMESCALE,
    VIDEO_TRACK,
    DamagedError,
    Fragment,
    read_samples,
    sample_entries,
)
from ..store.rows import from_us
from ..store.segment import Segment
from .flat_mp4 import Track, head
from .playlist import GAP_US, Footage, chosen

_LOGGER = logging.getLogger(__name__)

KIND_EXPORT = "export"

_BLOCK = 1 << 20


class ExportRun(Protocol):
    """What an export needs of the job that it is."""

    arguments: Any
    checkpoint: dict[str, Any]

    def check(self) -> None:
        """Raise when the job shall not go on."""

    def expect(self, items: int, size: int | None = None) -> None:
        """Say how much there is to do."""

    def done(self, items: int = 1, size: int = 0) -> None:
        """Say how much of it is done."""

    async def save(self, **values: Any) -> None:
        """Remember something over a restart."""


@dataclass(frozen=True, slots=True)
class _Range:
    """Bytes of a segment's file."""

    path: Path
    offset: int
    size: int


@dataclass(slots=True)
class _Film:
    """One file to be: footage without a change of its codecs."""

    video: Track
    audio: Track | None
    start_us: int
    end_us: int
    ranges: list[_Range] = field(default_factory=list)
    size: int = 0
    gaps: int = 0


class Exporter:
    """Makes exports as jobs, which survive a restart and tell how far they are."""

    def __init__(self, store: Store) -> None:
        """Export out of this store, into it."""
        self._store = store
        # Its own thread: reading an hour of video must not hold up uploads.
        self._threads = FileThreads(1)

    def close(self) -> None:
        """End the thread (blocking)."""
        self._threads.close()

    async def run(self, run: ExportRun) -> dict[str, Any]:
        """Do the work of a job. Its arguments are camera, start_us, end_us, upload.

        Raises FootageNotFoundError and StorageError.
        """
        camera: str = run.arguments["camera"]
        start = from_us(run.arguments["start_us"])
        end = from_us(run.arguments["end_us"])
        segments = self._store.recordings.segments
        if "hold" not in run.checkpoint:
            # Retention must not delete what is just being read.
            await run.save(hold=await segments.hold(camera, start, end))
        try:
            footage = await self._store.recordings.footage(camera, start, end)
            films = await self._threads.run(
                lambda: list(self._plan(footage, start, end))
            )
            if not films:
                raise FootageNotFoundError(
                    f"There is no footage of {camera} from {start} to {end}",
                    camera=camera,
                )
            run.expect(len(films), sum(film.size for film in films))
            captures = [
                await self._make(run, film, camera, upload=run.arguments["upload"])
                for film in films
            ]
        finally:
            await segments.unhold(run.checkpoint["hold"])
        return {
            "files": [
                {
                    "capture_id": capture.id,
                    "path": str(self._store.path(capture)),
                    "size": capture.size,
                    "start": from_us(film.start_us).isoformat(),
                    "end": from_us(film.end_us).isoformat(),
                    "gaps": film.gaps,
                }
                for capture, film in zip(captures, films, strict=True)
            ]
        }

    def _plan(
        self, footage: list[Footage], start: datetime, end: datetime
    ) -> Iterator[_Film]:
        film: _Film | None = None
        for segment, fragments in footage:
            path = self._store.recordings.path(segment)
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

    async def _make(
        self, run: ExportRun, film: _Film, camera: str, *, upload: bool
    ) -> Capture:
        start = from_us(film.start_us)
        incoming = self._store.receive()
        try:
            await incoming.write(head(film.video, film.audio, film.size))
            for one in film.ranges:
                for offset in range(one.offset, one.offset + one.size, _BLOCK):
                    run.check()
                    size = min(_BLOCK, one.offset + one.size - offset)
                    data = await self._read(one.path, offset, size)
                    await incoming.write(data)
                    run.done(0, size)
        except BaseException:
            await incoming.discard()
            raise
        name = f"{camera}_{_stamp(film.start_us)}_{_stamp(film.end_us)}.mp4"
        capture = await self._store.keep(
            incoming,
            camera=camera,
            name=name,
            sighting=Sighting(
                kind=CaptureKind.EXPORT,
                type=None,
                raw_type=None,
                channel=None,
                event_time=start,
            ),
            arrived=from_us(film.end_us),
            detection_id=None,
            upload=upload,
        )
        run.done()
        return capture

    async def _read(self, path: Path, offset: int, size: int) -> bytes:
        def work() -> bytes:
            with path.open("rb", buffering=0) as file:
                file.seek(offset)
                data = file.read(size)
            if data is None or len(data) < size:
                raise StorageError(f"{path} is shorter than it was")
            return data

        try:
            return await self._threads.run(work)
        except OSError as err:
            raise StorageError(f"{path} cannot be read: {err}") from err


def _continues(film: _Film, entries: dict[int, bytes]) -> bool:
    """Tell whether a segment can follow in the same file."""
    audio = None if film.audio is None else film.audio.entry
    return (film.video.entry, audio) == (
        entries.get(VIDEO_TRACK),
        entries.get(AUDIO_TRACK),
    )


def _new_film(segment: Segment, entries: dict[int, bytes], first: Fragment) -> _Film:
    audio = entries.get(AUDIO_TRACK)
    return _Film(
        Track(entries[VIDEO_TRACK], TIMESCALE),
        # A sample entry of audio has its rate as a 16.16 number at the end.
        None if audio is None else Track(audio, int.from_bytes(audio[32:34])),
        segment.info.start_us + first.start * 1_000_000 // TIMESCALE,
        segment.end_us,
    )


def _add(
    film: _Film,
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
        film.ranges.append(_Range(path, video[0].offset, size))
        film.size += size
    length = film.video.ticks - begun
    film.end_us = segment.info.start_us + (base + length) * 1_000_000 // TIMESCALE


def _stamp(us: int) -> str:
    return f"{from_us(us):%Y%m%dT%H%M%SZ}"
