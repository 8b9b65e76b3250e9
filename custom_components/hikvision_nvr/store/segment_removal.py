"""Deletes segments of recordings: chooses what may go, and lets files go before rows.

Whoever makes room and whoever purges asks here, so that what must stay does so for
both: footage that is held, that somebody looks at, or that is still written.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
import os
from pathlib import PurePosixPath
import sqlite3
import time

from .catalogue import Catalogue
from .file_threads import FileThreads
from .folders import remove_file
from .incoming import storage_error
from .root import StorageRoot
from .rows import to_us
from .segment import segment_path
from .segments import SegmentCatalogue

_WATCHED = 2 * 3600.0
"""Seconds for which footage is spared that somebody looks at."""
_COLUMNS = "id, camera, start_us, end_us, run, sequence, bytes"
_HELD = (
    "EXISTS (SELECT 1 FROM holds WHERE holds.camera = segments.camera"
    " AND holds.start_us < segments.end_us AND holds.end_us > segments.start_us)"
)

_OFFSITE_DUE = "EXISTS (SELECT 1 FROM segment_uploads WHERE segment_id = segments.id)"

type Position = tuple[int, int, int]
"""Where a walk through the segments is: start, size and id of the last one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OldSegment:
    """A whole segment; ``path`` is below the storage root, ``size`` in bytes."""

    id: int
    camera: str
    path: str
    start_us: int
    size: int
    held: bool = False
    watched: bool = False
    offsite_due: bool = False

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.rpartition("/")[2]

    @property
    def position(self) -> Position:
        """Where a walk goes on after this one."""
        return self.start_us, self.size, self.id


@dataclass(slots=True)
class Removed:
    """Which segments went, and why others did not, by their paths."""

    gone: list[OldSegment] = field(default_factory=list)
    errors: dict[str, OSError] = field(default_factory=dict)


class SegmentRemoval:
    """Knows which segments may go, and deletes them."""

    def __init__(
        self, root: StorageRoot, catalogue: Catalogue, threads: FileThreads
    ) -> None:
        """Delete below ``root`` what ``catalogue`` knows."""
        self._root = root
        self._catalogue = catalogue
        self._segments = SegmentCatalogue(catalogue)
        self._threads = threads
        self._spared: dict[tuple[str, int, int], float] = {}

    def spare(self, camera: str, start: datetime, end: datetime) -> None:
        """Spare footage for a while: somebody looks at it."""
        now = time.monotonic()
        self._spared = {key: end for key, end in self._spared.items() if end > now}
        self._spared[camera, to_us(start), to_us(end)] = now + _WATCHED

    async def oldest(
        self,
        *,
        limit: int,
        camera: str | None = None,
        detected: bool | None = None,
        before_us: int = 1 << 62,
        offsite_due: bool = False,
    ) -> list[OldSegment]:
        """Return segments that may be deleted, oldest first.

        ``detected`` says whether detections fall into their time, ``before_us`` before
        when they began. With ``offsite_due`` also those that S3 is still to get.
        """
        conditions = ["complete = 1", "start_us < ?", f"NOT {_HELD}"]
        if not offsite_due:
            conditions.append(f"NOT {_OFFSITE_DUE}")
        values: list[int | str] = [before_us]
        if camera is not None:
            conditions.append("camera = ?")
            values.append(camera)
        if detected is not None:
            conditions.append(f"detected = {detected:d}")

        def work(connection: sqlite3.Connection) -> list[OldSegment]:
            cameras: list[str | None] = [None]
            if camera is None and detected is False:
                # The index is by camera: a few looks instead of a long search.
                cameras = [
                    name
                    for (name,) in connection.execute("SELECT camera FROM recorded")
                ]
            rows: list[sqlite3.Row] = []
            for one in cameras:
                extra = [] if one is None else ["camera = ?"]
                rows += connection.execute(
                    f"SELECT {_COLUMNS}, 0 AS held, 0 AS offsite_due FROM segments"
                    f" WHERE {' AND '.join([*conditions, *extra])}"
                    f" ORDER BY start_us LIMIT {limit:d}",
                    (*values, *([] if one is None else [one])),
                )
            rows.sort(key=lambda row: row["start_us"])
            free = (old for old in map(self._old, rows) if not old.watched)
            return list(islice(free, limit))

        return await self._catalogue.read(work)

    async def before(
        self,
        end_us: int,
        *,
        camera: str | None = None,
        after: Position | None = None,
        limit: int,
    ) -> list[OldSegment]:
        """Return whole segments that end until then, oldest first.

        Also those that must stay; ``after`` is where the walk through them is.
        """
        conditions = ["complete = 1", "start_us >= ?", "start_us < ?", "end_us <= ?"]
        start_us, size, last = after or (0, 0, 0)
        values: list[int | str] = [start_us, end_us, end_us]
        conditions.append("(start_us, bytes, id) > (?, ?, ?)")
        values += [start_us, size, last]
        if camera is not None:
            conditions.append("camera = ?")
            values.append(camera)

        def work(connection: sqlite3.Connection) -> list[OldSegment]:
            rows = connection.execute(
                f"SELECT {_COLUMNS}, {_HELD} AS held, {_OFFSITE_DUE} AS offsite_due"
                " FROM segments"
                f" WHERE {' AND '.join(conditions)}"
                f" ORDER BY start_us, bytes, id LIMIT {limit:d}",
                values,
            )
            return [self._old(row) for row in rows]

        return await self._catalogue.read(work)

    async def count_before(
        self, end_us: int, *, camera: str | None = None
    ) -> tuple[int, int]:
        """Return how many segments begin before then, and how many bytes they are."""

        def work(connection: sqlite3.Connection) -> tuple[int, int]:
            count, size = connection.execute(
                "SELECT count(*), coalesce(sum(bytes), 0) FROM segments"
                " WHERE start_us < ?1 AND (?2 IS NULL OR camera = ?2)",
                (end_us, camera),
            ).fetchone()
            return int(count), int(size)

        return await self._catalogue.read(work)

    async def remove(self, segments: Sequence[OldSegment]) -> Removed:
        """Delete files, then their rows: what has a row is on the disk.

        One that cannot be deleted stays with its row. Raises StorageError when the
        storage is not there.
        """

        def unlink() -> Removed:
            removed = Removed()
            root = self._root.enter()
            try:
                for one in segments:
                    try:
                        remove_file(root, PurePosixPath(one.path))
                    except OSError as err:
                        removed.errors[one.path] = err
                    else:
                        removed.gone.append(one)
            finally:
                os.close(root)
            return removed

        try:
            removed = await self._threads.run(unlink)
        except OSError as err:
            raise storage_error(self._root.path, err) from err
        await self._segments.forget([one.id for one in removed.gone])
        return removed

    def _old(self, row: sqlite3.Row) -> OldSegment:
        camera, start_us = row["camera"], row["start_us"]
        return OldSegment(
            id=row["id"],
            camera=camera,
            path=segment_path(camera, start_us, row["run"], row["sequence"]),
            start_us=start_us,
            size=row["bytes"],
            held=bool(row["held"]),
            offsite_due=bool(row["offsite_due"]),
            watched=self._is_watched(camera, start_us, row["end_us"]),
        )

    def _is_watched(self, camera: str, start_us: int, end_us: int) -> bool:
        now = time.monotonic()
        return any(
            one == camera and begin < end_us and end > start_us and until > now
            for (one, begin, end), until in tuple(self._spared.items())
        )
