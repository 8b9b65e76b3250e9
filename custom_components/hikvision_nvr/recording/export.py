"""Exports: footage of some time as one MP4 file that any player opens."""

from pathlib import Path
from typing import Any, Protocol

from ..errors import FootageNotFoundError, StorageError
from ..model import Capture, CaptureKind, Sighting
from ..store import Store
from ..store.file_threads import FileThreads
from ..store.rows import from_us
from .film import Film, plan_films
from .flat_mp4 import head

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
            path = self._store.recordings.path
            films = await self._threads.run(
                lambda: list(plan_films(path, footage, start, end))
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

    async def _make(
        self, run: ExportRun, film: Film, camera: str, *, upload: bool
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


def _stamp(us: int) -> str:
    return f"{from_us(us):%Y%m%dT%H%M%SZ}"
