"""What the catalogue knows of recordings: segments, gaps, holds and detections."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta, tzinfo
import sqlite3
import uuid

from ..model import CaptureKind, DetectionType, GapReason
from .catalogue import Catalogue
from .mp4 import TIMESCALE, Fragment
from .rows import from_us, plate_key, to_us
from .segment import SavedSegment, Segment, SegmentInfo, unpack_places

BEFORE_DETECTION_US = 10_000_000
AFTER_DETECTION_US = 30_000_000
"""Footage from so long before a detection until so long after belongs to it."""
SHORTEST_GAP_US = 2_000_000
"""Less between two segments is no gap that is worth telling."""
_NO_PICTURE = 9
LONGEST_SEGMENT_US = 600_000_000
"""No segment is longer, which bounds where one that reaches into a time begins."""

SEGMENT_COLUMNS = (
    "id, camera, start_us, run, sequence, end_us, bytes, ticks, init_bytes, video,"
    " audio, complete"
)
"""What ``to_segment`` reads, in its order."""

type Gap = tuple[datetime, datetime, GapReason]


class SegmentCatalogue:
    """Questions about recordings, and notes on what became of them."""

    def __init__(self, catalogue: Catalogue) -> None:
        """Ask this catalogue."""
        self._catalogue = catalogue

    async def save(self, saved: Sequence[SavedSegment]) -> None:
        """Note what is on the disk. Raises CatalogueError."""

        def work(connection: sqlite3.Connection) -> None:
            for one in saved:
                insert_segment(connection, one)

        await self._catalogue.write(work)

    async def between(
        self, camera: str, start: datetime, end: datetime, *, limit: int = -1
    ) -> list[Segment]:
        """Return the segments that have footage of this time, oldest first."""
        start_us, end_us = to_us(start), to_us(end)

        def work(connection: sqlite3.Connection) -> list[Segment]:
            rows = connection.execute(
                f"SELECT {SEGMENT_COLUMNS} FROM segments WHERE camera = ?"
                " AND start_us > ? AND start_us < ? AND end_us > ? ORDER BY start_us"
                " LIMIT ?",
                (camera, start_us - LONGEST_SEGMENT_US, end_us, start_us, limit),
            )
            return [to_segment(row) for row in rows]

        return await self._catalogue.read(work)

    async def with_fragments(
        self, camera: str, start: datetime, end: datetime
    ) -> list[tuple[Segment, list[Fragment]]]:
        """Return the segments of this time with the places of their fragments."""
        start_us, end_us = to_us(start), to_us(end)

        def work(
            connection: sqlite3.Connection,
        ) -> list[tuple[Segment, list[Fragment]]]:
            rows = connection.execute(
                f"SELECT {SEGMENT_COLUMNS}, places FROM segments"
                " JOIN fragments ON segment_id = id WHERE camera = ?"
                " AND start_us > ? AND start_us < ? AND end_us > ? ORDER BY start_us",
                (camera, start_us - LONGEST_SEGMENT_US, end_us, start_us),
            )
            return [(to_segment(row), unpack_places(row["places"])) for row in rows]

        return await self._catalogue.read(work)

    async def get(self, segment_id: int) -> Segment | None:
        """Return one segment, or None."""

        def work(connection: sqlite3.Connection) -> Segment | None:
            row = connection.execute(
                f"SELECT {SEGMENT_COLUMNS} FROM segments WHERE id = ?", (segment_id,)
            ).fetchone()
            return None if row is None else to_segment(row)

        return await self._catalogue.read(work)

    async def days(self, camera: str, time_zone: tzinfo) -> list[date]:
        """Return the days with footage of a camera, newest first.

        One look into the index for each day: how many segments a day has does not
        matter.
        """

        def work(connection: sqlite3.Connection) -> list[date]:
            days: list[date] = []
            before = 1 << 62
            while True:
                (start_us,) = connection.execute(
                    "SELECT max(start_us) FROM segments"
                    " WHERE camera = ? AND start_us < ?",
                    (camera, before),
                ).fetchone()
                if start_us is None:
                    return days
                day = from_us(start_us).astimezone(time_zone).date()
                days.append(day)
                before = to_us(datetime.combine(day, time.min, time_zone))

        return await self._catalogue.read(work)

    async def last_end(self, camera: str) -> datetime | None:
        """Return until when there is footage of a camera, None without any."""

        def work(connection: sqlite3.Connection) -> datetime | None:
            row = connection.execute(
                "SELECT end_us FROM segments WHERE camera = ?"
                " ORDER BY start_us DESC LIMIT 1",
                (camera,),
            ).fetchone()
            return None if row is None else from_us(row["end_us"])

        return await self._catalogue.read(work)

    async def totals(self) -> dict[str, tuple[int, int]]:
        """Return bytes and seconds of footage of each camera."""

        def work(connection: sqlite3.Connection) -> dict[str, tuple[int, int]]:
            return {
                row["camera"]: (row["bytes"], row["us"] // 1_000_000)
                for row in connection.execute("SELECT * FROM recorded")
            }

        return await self._catalogue.read(work)

    async def rate(self, now: datetime) -> float | None:
        """Return the bytes a second that were recorded in the last day, or None."""
        since = to_us(now - timedelta(days=1))

        def work(connection: sqlite3.Connection) -> float | None:
            size, first = connection.execute(
                "SELECT sum(bytes), min(start_us) FROM segments"
                " INDEXED BY segments_oldest WHERE start_us >= ?",
                (since,),
            ).fetchone()
            if first is None:
                return None
            seconds = (to_us(now) - first) / 1_000_000
            return size / seconds if seconds >= 60 else None

        return await self._catalogue.read(work)

    async def forget(self, segment_ids: Iterable[int]) -> None:
        """Remove the rows of segments whose files are gone."""
        rows = [(segment_id,) for segment_id in segment_ids]
        await self._catalogue.write(
            lambda connection: connection.executemany(
                "DELETE FROM segments WHERE id = ?", rows
            )
        )

    async def add_gap(
        self, camera: str, start: datetime, end: datetime, reason: GapReason
    ) -> None:
        """Note that footage is missing."""
        values = (camera, to_us(start), to_us(end), reason.value)
        await self._catalogue.write(
            lambda connection: connection.execute(
                "INSERT OR REPLACE INTO gaps VALUES (?, ?, ?, ?, 0)", values
            )
        )

    async def gaps(
        self, camera: str, start: datetime, end: datetime, *, filled: bool = False
    ) -> list[Gap]:
        """Return where footage is missing in this time, oldest first.

        With ``filled`` those that were, until footage was fetched from elsewhere.
        """

        def work(connection: sqlite3.Connection) -> list[Gap]:
            rows = connection.execute(
                "SELECT * FROM gaps WHERE camera = ? AND start_us < ? AND end_us > ?"
                " AND filled = ? ORDER BY start_us",
                (camera, to_us(end), to_us(start), filled),
            )
            return [_gap(row) for row in rows]

        return await self._catalogue.read(work)

    async def mark_filled(self, camera: str, start: datetime, end: datetime) -> None:
        """Note that there is footage of this time now; what is left stays a gap."""
        start_us, end_us = to_us(start), to_us(end)

        def work(connection: sqlite3.Connection) -> None:
            for gap in connection.execute(
                "SELECT * FROM gaps WHERE camera = ? AND start_us < ? AND end_us > ?"
                " AND filled = 0",
                (camera, end_us, start_us),
            ).fetchall():
                connection.execute(
                    "DELETE FROM gaps WHERE camera = ? AND start_us = ?",
                    (camera, gap["start_us"]),
                )
                first, last = gap["start_us"], gap["end_us"]
                begin = start_us if start_us - first >= SHORTEST_GAP_US else first
                until = end_us if last - end_us >= SHORTEST_GAP_US else last
                pieces = [(first, begin, 0), (begin, until, 1), (until, last, 0)]
                connection.executemany(
                    "INSERT OR REPLACE INTO gaps VALUES (?, ?, ?, ?, ?)",
                    [
                        (camera, one, other, gap["reason"], filled)
                        for one, other, filled in pieces
                        if other > one
                    ],
                )

        await self._catalogue.write(work)

    async def uncovered(
        self, camera: str, start: datetime, end: datetime
    ) -> list[tuple[datetime, datetime]]:
        """Return the times without footage, oldest first, none shorter than a gap."""
        found: list[tuple[datetime, datetime]] = []
        for segment in [*await self.between(camera, start, end), None]:
            begin = end if segment is None else segment.start
            if begin - start >= timedelta(microseconds=SHORTEST_GAP_US):
                found.append((start, begin))
            if segment is not None:
                start = max(start, segment.end)
        return found

    async def last_gap(self, camera: str) -> Gap | None:
        """Return the newest gap of a camera, or None."""

        def work(connection: sqlite3.Connection) -> Gap | None:
            row = connection.execute(
                "SELECT * FROM gaps WHERE camera = ? AND filled = 0"
                " ORDER BY start_us DESC LIMIT 1",
                (camera,),
            ).fetchone()
            return None if row is None else _gap(row)

        return await self._catalogue.read(work)

    async def hold(self, camera: str, start: datetime, end: datetime) -> str:
        """Keep the footage of this time from being deleted; returns the hold's id."""
        hold_id = uuid.uuid4().hex
        values = (hold_id, camera, to_us(start), to_us(end))
        await self._catalogue.write(
            lambda connection: connection.execute(
                "INSERT INTO holds VALUES (?, ?, ?, ?)", values
            )
        )
        return hold_id

    async def unhold(self, hold_id: str) -> None:
        """End one hold."""
        await self._catalogue.write(
            lambda connection: connection.execute(
                "DELETE FROM holds WHERE id = ?", (hold_id,)
            )
        )

    async def release(self, camera: str, start: datetime, end: datetime) -> int:
        """End all holds that lie within this time; returns how many."""
        values = (camera, to_us(start), to_us(end))

        def work(connection: sqlite3.Connection) -> int:
            return connection.execute(
                "DELETE FROM holds WHERE camera = ? AND start_us >= ? AND end_us <= ?",
                values,
            ).rowcount

        return await self._catalogue.write(work)

    async def paused(self) -> set[str]:
        """Return the cameras whose recording is switched off."""

        def work(connection: sqlite3.Connection) -> set[str]:
            return {
                camera
                for (camera,) in connection.execute("SELECT * FROM paused_recordings")
            }

        return await self._catalogue.read(work)

    async def set_paused(self, camera: str, paused: bool) -> None:
        """Remember that a camera's recording is switched off, or on again."""
        statement = (
            "INSERT OR IGNORE INTO paused_recordings VALUES (?)"
            if paused
            else "DELETE FROM paused_recordings WHERE camera = ?"
        )
        await self._catalogue.write(
            lambda connection: connection.execute(statement, (camera,))
        )


def insert_segment(connection: sqlite3.Connection, saved: SavedSegment) -> None:
    """Add a segment or bring its row up to date."""
    info = saved.info
    end_us = info.start_us + saved.ticks * 1_000_000 // TIMESCALE
    (segment_id,) = connection.execute(
        "INSERT INTO segments (camera, start_us, run, sequence, end_us, bytes, ticks,"
        " init_bytes, video, audio, complete, detected)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, EXISTS (SELECT 1 FROM detections"
        " WHERE camera = ? AND event_us BETWEEN ? AND ?))"
        " ON CONFLICT (camera, start_us, run) DO UPDATE SET end_us = excluded.end_us,"
        " bytes = excluded.bytes, ticks = excluded.ticks,"
        " complete = excluded.complete, detected = max(detected, excluded.detected)"
        " RETURNING id",
        (
            info.camera,
            info.start_us,
            info.run,
            info.sequence,
            end_us,
            saved.size,
            saved.ticks,
            saved.init_size,
            info.video,
            info.audio,
            saved.complete,
            info.camera,
            info.start_us - AFTER_DETECTION_US,
            end_us + BEFORE_DETECTION_US,
        ),
    ).fetchone()
    connection.execute(
        "INSERT OR REPLACE INTO fragments VALUES (?, ?)", (segment_id, saved.places)
    )


def insert_detection(
    connection: sqlite3.Connection,
    detection_id: str,
    camera: str,
    detection_type: DetectionType,
    event_time: datetime,
    *,
    plate: str | None = None,
    region: str | None = None,
    capture: tuple[str, int] | None = None,
) -> None:
    """Note a detection, what is new about it, and which footage belongs to it.

    ``capture`` is the id of one of its captures and its ``picture_rank``.
    """
    event_us = to_us(event_time)
    capture_id, rank = capture or (None, _NO_PICTURE)
    connection.execute(
        "INSERT INTO detections VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET plate = coalesce(plate, excluded.plate),"
        " plate_key = coalesce(plate_key, excluded.plate_key),"
        " region = coalesce(region, excluded.region),"
        " capture_id = iif(excluded.picture_rank < picture_rank,"
        " excluded.capture_id, capture_id),"
        " picture_rank = min(picture_rank, excluded.picture_rank)"
        " WHERE excluded.picture_rank < picture_rank"
        " OR (plate IS NULL AND excluded.plate IS NOT NULL)"
        " OR (region IS NULL AND excluded.region IS NOT NULL)",
        (
            detection_id,
            camera,
            detection_type.value,
            event_us,
            plate,
            region,
            capture_id,
            rank,
            None if plate is None else plate_key(plate),
        ),
    )
    connection.execute(
        "UPDATE segments SET detected = 1 WHERE camera = ? AND detected = 0"
        " AND start_us BETWEEN ? AND ? AND end_us >= ?",
        (
            camera,
            event_us - BEFORE_DETECTION_US - LONGEST_SEGMENT_US,
            event_us + AFTER_DETECTION_US,
            event_us - BEFORE_DETECTION_US,
        ),
    )


def picture_rank(kind: CaptureKind, complete: bool | None) -> int:
    """Return how well a capture shows a detection; the lowest is shown."""
    if kind is CaptureKind.SNAPSHOT:
        return 0 if complete is not False else 2
    return 1 if kind is CaptureKind.CLIP else 3


def to_segment(row: sqlite3.Row) -> Segment:
    """Return the segment of a row, whose first columns are those of a segment.

    By their places: a day has more than a thousand, and finding a column by its name
    takes longer than all the rest.
    """
    (
        segment_id,
        camera,
        start_us,
        run,
        sequence,
        end_us,
        size,
        ticks,
        init_size,
        video,
        audio,
        complete,
    ) = row[:12]
    return Segment(
        id=segment_id,
        info=SegmentInfo(
            camera=camera,
            run=run,
            sequence=sequence,
            start_us=start_us,
            video=video,
            audio=audio,
        ),
        end_us=end_us,
        size=size,
        ticks=ticks,
        init_size=init_size,
        complete=bool(complete),
    )


def _gap(row: sqlite3.Row) -> Gap:
    return from_us(row["start_us"]), from_us(row["end_us"]), GapReason(row["reason"])
