"""The queue of recordings that are on their way to S3, in the catalogue.

Which cameras' recordings go there is a row of ``offsite_recordings``; triggers put a
segment into the queue when it is complete, or when something was detected in its time,
and take it out when it is deleted. Nothing else has to remember it.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
import sqlite3

from ..model import OffsiteRecordings
from .catalogue import Catalogue
from .due import IS_DUE, not_due_us
from .root import StorageRoot
from .rows import from_us, to_us
from .segment import Segment
from .segments import SEGMENT_COLUMNS, to_segment


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentUpload:
    """A segment on its way to S3. ``attempts`` counts the tries that failed."""

    segment: Segment
    path: Path
    attempts: int


class SegmentUploads:
    """Hands out what waits: footage of detections first, then the oldest."""

    def __init__(self, catalogue: Catalogue, root: StorageRoot) -> None:
        """Use this catalogue for the segments below ``root``."""
        self._catalogue = catalogue
        self._root = root
        self._news = asyncio.Event()
        self.any_wanted = False
        """Whether recordings of any camera go to S3."""

    async def choose(self, wanted: Mapping[str, OffsiteRecordings]) -> None:
        """Say whose recordings go to S3, by the cameras' folders.

        It counts for footage from now on; what waits of a camera that is not chosen
        any more is not sent. Raises CatalogueError.
        """
        chosen = {
            camera: what
            for camera, what in wanted.items()
            if what is not OffsiteRecordings.OFF
        }

        def work(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM offsite_recordings")
            connection.executemany(
                "INSERT INTO offsite_recordings VALUES (?, ?)",
                [(camera, what.value) for camera, what in chosen.items()],
            )
            connection.execute(
                "DELETE FROM segment_uploads WHERE NOT EXISTS (SELECT 1 FROM"
                " offsite_recordings AS chosen WHERE chosen.camera ="
                " segment_uploads.camera AND (chosen.what = 'all'"
                " OR segment_uploads.detected = 1))"
            )

        await self._catalogue.write(work)
        self.any_wanted = bool(chosen)

    def arrived(self) -> None:
        """Say that segments were saved, which may be in the queue now."""
        self._news.set()

    async def wait(self, seconds: float) -> None:
        """Return when there may be something new, or after so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return
        finally:
            self._news.clear()

    async def pick(self) -> SegmentUpload | None:
        """Return what is to be sent next, None when nothing is due."""

        def work(connection: sqlite3.Connection) -> tuple[Segment, int] | None:
            row = connection.execute(
                f"SELECT {SEGMENT_COLUMNS}, attempts FROM (SELECT segment_id, attempts"
                f" FROM segment_uploads WHERE {IS_DUE}"
                " ORDER BY detected DESC, start_us LIMIT 1)"
                " JOIN segments ON id = segment_id",
                not_due_us(),
            ).fetchone()
            return None if row is None else (to_segment(row), row["attempts"])

        found = await self._catalogue.read(work)
        if found is None:
            return None
        segment, attempts = found
        path = self._root.path / segment.info.relative_path
        return SegmentUpload(segment=segment, path=path, attempts=attempts)

    async def succeeded(self, upload: SegmentUpload) -> None:
        """Note that S3 has it."""

        def work(connection: sqlite3.Connection) -> None:
            values = (upload.segment.id,)
            connection.execute("UPDATE segments SET offsite = 1 WHERE id = ?", values)
            connection.execute(
                "DELETE FROM segment_uploads WHERE segment_id = ?", values
            )

        await self._catalogue.write(work)

    async def failed(self, upload: SegmentUpload, error: str, again: datetime) -> None:
        """Try it again then."""
        values = (error, to_us(again), upload.segment.id)
        await self._catalogue.write(
            lambda connection: connection.execute(
                "UPDATE segment_uploads SET attempts = attempts + 1, error = ?,"
                " due_us = ? WHERE segment_id = ?",
                values,
            )
        )

    async def drop(self, upload: SegmentUpload) -> None:
        """Forget it: its file is gone."""
        await self._catalogue.write(
            lambda connection: connection.execute(
                "DELETE FROM segment_uploads WHERE segment_id = ?",
                (upload.segment.id,),
            )
        )

    async def backlog(self) -> tuple[int, int, datetime | None]:
        """Return how many segments wait, their bytes, and when the oldest begins."""

        def work(connection: sqlite3.Connection) -> tuple[int, int, datetime | None]:
            count, size, oldest = connection.execute(
                "SELECT count(*), coalesce(sum(segments.bytes), 0),"
                " min(queue.start_us) FROM segment_uploads AS queue"
                " JOIN segments ON segments.id = queue.segment_id"
            ).fetchone()
            return count, size, None if oldest is None else from_us(oldest)

        return await self._catalogue.read(work)
