"""Recordings as the other rooms use them."""

import asyncio
from collections.abc import Callable
import contextlib
from datetime import datetime, timedelta
import logging
from pathlib import Path
import time

from ..errors import CatalogueError
from .catalogue import Catalogue
from .file_threads import FileThreads
from .mp4 import Fragment
from .notes import Notes
from .retention import Retention
from .root import StorageRoot
from .segment import SavedSegment, Segment
from .segment_recovery import Found, find_segments, recover_segment
from .segment_uploads import SegmentUploads
from .segment_writer import SegmentWriter
from .segments import SegmentCatalogue

_LOGGER = logging.getLogger(__name__)
_STOP_TIME = 5.0
"""Seconds that the disk has to take the last fragments."""
_RETRY = 5.0
_RECOVERY_MARGIN = 2 * 24 * 3600.0
"""Seconds: how wrong the clock may have been when a crash left files behind."""


class Recordings:
    """Keeps segments, knows them, and makes room for new ones."""

    def __init__(
        self,
        root: StorageRoot,
        catalogue: Catalogue,
        threads: FileThreads,
        retention: Retention,
        *,
        sync_interval: float,
        reserve: int,
    ) -> None:
        """Keep the segments below ``root``."""
        self._root = root
        self._catalogue = catalogue
        self._threads = threads
        self._sync_interval = sync_interval
        self._reserve = reserve
        self._saved: asyncio.Queue[list[SavedSegment]] = asyncio.Queue()
        self._saving: asyncio.Task[None] | None = None
        self._found = Found([], [])
        self._writer: SegmentWriter | None = None
        self._on_saved: Callable[[list[SavedSegment]], None] | None = None
        self.retention = retention
        self.segments = SegmentCatalogue(catalogue)
        self.uploads = SegmentUploads(catalogue, root)
        self.notes = Notes(catalogue)

    @property
    def writer(self) -> SegmentWriter:
        """What writes segments; there is one between ``start`` and ``stop``."""
        assert self._writer is not None
        return self._writer

    async def find(self, recovered: float | None) -> None:
        """Find what an earlier run left, before anything new is written.

        ``recovered`` is when that was last done (seconds since 1970), None for a
        catalogue that knows nothing.
        """
        since = 0.0 if recovered is None else recovered - _RECOVERY_MARGIN
        self._found = await find_segments(
            self._root.path,
            changed_since=since,
            catalogue=self._catalogue,
            threads=self._threads,
        )

    async def recover(self) -> float:
        """Put right what was found; return when that was begun (seconds since 1970).

        It may be cancelled: the next start goes on with it. Raises CatalogueError.
        """
        begun = time.time()
        added = 0
        while self._found.unknown:
            path = self._found.unknown[0]
            added += await recover_segment(
                self._root.path, path, self._catalogue, self._threads
            )
            del self._found.unknown[0]
        if self._found.vanished:
            await self.segments.forget(self._found.vanished)
            self._found.vanished.clear()
        if added:
            _LOGGER.info("Checked %d segments that an earlier run left", added)
        return begun

    async def start(self, on_saved: Callable[[list[SavedSegment]], None]) -> None:
        """Begin to write. ``on_saved`` hears what is safe, on this loop."""
        loop = asyncio.get_running_loop()
        self._on_saved = on_saved

        def queue(saved: list[SavedSegment]) -> None:
            # The loop may be gone when a disk was too slow for the stop to wait.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._saved.put_nowait, saved)

        self._writer = SegmentWriter(
            self._root,
            sync_interval=self._sync_interval,
            reserve=self._reserve,
            on_saved=queue,
            on_space=self.retention.wake,
        )
        self._writer.start()
        self._saving = asyncio.create_task(self._save())

    async def stop(self) -> None:
        """Write what there is and let go of the files. Idempotent."""
        writer, saving = self._writer, self._saving
        if writer is None or saving is None:
            return
        self._writer = self._saving = None
        loop = asyncio.get_running_loop()
        if not await loop.run_in_executor(None, writer.stop, _STOP_TIME):
            _LOGGER.warning("The disk is too slow: the last seconds may be lost")
        # What the writer said last is in the loop's queue by now.
        await asyncio.sleep(0)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STOP_TIME):
                await self._saved.join()
        saving.cancel()
        await asyncio.wait([saving])

    async def settle(self) -> None:
        """Wait until the catalogue knows of all that was finished before this."""
        loop = asyncio.get_running_loop()
        written = asyncio.Event()

        def tell() -> None:
            loop.call_soon_threadsafe(written.set)

        self.writer.settle(tell)
        await written.wait()
        await self._saved.join()

    async def footage(
        self, camera: str, start: datetime, end: datetime, *, watch: bool = False
    ) -> list[tuple[Segment, list[Fragment]]]:
        """Return the segments of a time whose files are there, with their fragments.

        With ``watch`` they are not deleted for a while, because somebody looks at them.
        """
        if watch:
            self.retention.footage.spare(camera, start, end + timedelta(minutes=1))
        found = await self.segments.with_fragments(camera, start, end)

        def existing() -> list[tuple[Segment, list[Fragment]]]:
            return [one for one in found if self.path(one[0]).is_file()]

        return await self._threads.run(existing)

    def path(self, segment: Segment) -> Path:
        """Return where a segment's file is."""
        return self._root.path / segment.info.relative_path

    async def _save(self) -> None:
        failed = False
        while True:
            saved = await self._saved.get()
            try:
                while True:
                    try:
                        await self.segments.save(saved)
                    except CatalogueError as err:
                        if not failed:
                            _LOGGER.error("Recordings cannot be noted: %s", err)
                        failed = True
                        await asyncio.sleep(_RETRY)
                    else:
                        failed = False
                        break
                self.uploads.arrived()
                if self._on_saved is not None:
                    self._on_saved(saved)
            finally:
                self._saved.task_done()
