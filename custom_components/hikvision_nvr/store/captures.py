"""What the catalogue knows of stored captures."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
import json
import sqlite3

from ..model import Capture, CaptureKind, DetectionType
from .catalogue import Catalogue
from .rows import from_us, to_capture, to_us

_HOUR_US = 3_600_000_000
_SOMEWHERE = "(local = 1 OR object_key IS NOT NULL OR archive_key IS NOT NULL)"


@dataclass(frozen=True, slots=True, kw_only=True)
class DayFilter:
    """Which captures of a day are wanted; only those on the disk unless told otherwise.

    With ``somewhere`` also those that only the bucket has, with ``archived`` those that
    are in an archive. ``start`` and ``end`` are times of events.
    ``typed`` says that there must be the type ``type``: None are scheduled pictures.
    """

    somewhere: bool = False
    archived: bool = False
    start: datetime | None = None
    end: datetime | None = None
    typed: bool = False
    type: DetectionType | None = None

    @property
    def condition(self) -> str:
        """The condition in SQL, with a mark for each of ``values``."""
        parts = [_SOMEWHERE if self.somewhere else "local = 1"]
        if self.archived:
            parts = ["archive_key IS NOT NULL"]
        if self.start is not None:
            parts.append("event_us >= ?")
        if self.end is not None:
            parts.append("event_us < ?")
        if self.typed:
            parts.append("type IS ?")
        return " AND ".join(parts)

    @property
    def values(self) -> tuple[str | int | None, ...]:
        """The values of ``condition``."""
        times = tuple(to_us(one) for one in (self.start, self.end) if one is not None)
        return (*times, *((self.type,) if self.typed else ()))


@dataclass(frozen=True, slots=True)
class ArchivedDay:
    """A day with archives: their bytes together, and the storage class of the last."""

    day: date
    size: int
    storage_class: str


class CaptureCatalogue:
    """Questions about captures, and notes on what became of them in the bucket."""

    def __init__(self, catalogue: Catalogue) -> None:
        """Ask this catalogue."""
        self._catalogue = catalogue

    async def get(self, capture_id: str) -> Capture | None:
        """Return one capture, or None."""
        rows = await self._select("id = ?", (capture_id,))
        return rows[0] if rows else None

    async def get_many(self, capture_ids: Collection[str]) -> dict[str, Capture]:
        """Return those captures that are known, by their ids."""

        def work(connection: sqlite3.Connection) -> dict[str, Capture]:
            found = (
                connection.execute(
                    "SELECT * FROM captures WHERE id = ?", (capture_id,)
                ).fetchone()
                for capture_id in capture_ids
            )
            return {row["id"]: to_capture(row) for row in found if row is not None}

        return await self._catalogue.read(work)

    async def at(self, camera: str, day: date, name: str) -> Capture | None:
        """Return the capture with this path, or None."""
        rows = await self._select(
            "camera = ? AND day = ? AND name = ?", (camera, day.isoformat(), name)
        )
        return rows[0] if rows else None

    async def unnamed_with_content(self, camera: str, sha256: str) -> list[Capture]:
        """Return captures with this content whose names do not say what they are.

        Of those there are few, also in a large catalogue.
        """
        return await self._select(
            "camera = ? AND kind = ? AND sha256 = ?",
            (camera, CaptureKind.OTHER, sha256),
        )

    async def of_objects(self, object_keys: Collection[str]) -> dict[str, Capture]:
        """Return the captures that were uploaded to these keys, by their key.

        The keys go into one question: give some hundreds at a time.
        """
        rows = await self._select(
            "object_key IN (SELECT value FROM json_each(?))",
            (json.dumps(list(object_keys)),),
        )
        return {row.object_key: row for row in rows if row.object_key is not None}

    async def latest_snapshot(self, camera: str) -> Capture | None:
        """Return the camera's newest whole snapshot by event time, or None."""
        rows = await self._select(
            "camera = ? AND kind = ? AND complete IS NOT 0 AND local = 1"
            " ORDER BY event_us DESC LIMIT 1",
            (camera, CaptureKind.SNAPSHOT),
        )
        return rows[0] if rows else None

    async def days(
        self, camera: str, *, everywhere: bool = False
    ) -> list[tuple[date, int]]:
        """Return the camera's days and how many captures each has, newest first.

        Those on the disk, or with ``everywhere`` also those that only the bucket has:
        then the count is the larger of both, for most are in both places.
        """
        count = "max(local, offsite)" if everywhere else "local"

        def work(connection: sqlite3.Connection) -> list[tuple[date, int]]:
            return [
                (date.fromisoformat(day), number)
                for day, number in connection.execute(
                    f"SELECT day, {count} FROM days"
                    f" WHERE camera = ? AND {count} > 0 ORDER BY day DESC",
                    (camera,),
                )
            ]

        return await self._catalogue.read(work)

    async def on_day(
        self,
        camera: str,
        day: date,
        wanted: DayFilter = DayFilter(),
        *,
        limit: int = 200,
        offset: int = 0,
        oldest_first: bool = False,
    ) -> list[Capture]:
        """Return those captures of a day that are wanted, newest first or oldest."""
        order = "ASC" if oldest_first else "DESC"
        return await self._select(
            f"camera = ? AND day = ? AND {wanted.condition}"
            f" ORDER BY event_us {order}, name {order} LIMIT ? OFFSET ?",
            (camera, day.isoformat(), *wanted.values, limit, offset),
        )

    async def parts_of_day(
        self, camera: str, day: date, midnight: datetime, wanted: DayFilter
    ) -> list[tuple[int, DetectionType | None, int]]:
        """Return how many captures there are of each hour and type of a day.

        Hours are counted from midnight on.
        """
        midnight_us = to_us(midnight)

        def work(
            connection: sqlite3.Connection,
        ) -> list[tuple[int, DetectionType | None, int]]:
            return [
                (max(0, hour), None if kind is None else DetectionType(kind), count)
                for hour, kind, count in connection.execute(
                    f"SELECT (event_us - ?) / {_HOUR_US} AS hour, type, count(*)"
                    f" FROM captures WHERE camera = ? AND day = ?"
                    f" AND {wanted.condition} GROUP BY hour, type",
                    (midnight_us, camera, day.isoformat(), *wanted.values),
                )
            ]

        return await self._catalogue.read(work)

    async def archived_days(self, camera: str) -> list[ArchivedDay]:
        """Return the days of which there are archives, newest first."""

        def work(connection: sqlite3.Connection) -> list[ArchivedDay]:
            return [
                ArchivedDay(date.fromisoformat(day), size, storage_class)
                for day, size, storage_class, _ in connection.execute(
                    # Of several parts the last one tells the class.
                    "SELECT day, sum(size), storage_class, max(key) FROM archives"
                    " WHERE camera = ? GROUP BY day ORDER BY day DESC",
                    (camera,),
                )
            ]

        return await self._catalogue.read(work)

    async def local_days(
        self, before: date, camera: str | None = None
    ) -> list[tuple[date, str]]:
        """Return the days before one with captures on the disk, and their cameras."""

        def work(connection: sqlite3.Connection) -> list[tuple[date, str]]:
            return [
                (date.fromisoformat(day), folder)
                for day, folder in connection.execute(
                    "SELECT day, camera FROM days"
                    " WHERE day < ? AND local > 0 AND (?2 IS NULL OR camera = ?2)"
                    " ORDER BY day, camera",
                    (before.isoformat(), camera),
                )
            ]

        return await self._catalogue.read(work)

    async def local_on(self, camera: str, day: date) -> list[Capture]:
        """Return the captures of a day that are on the disk, by name."""
        return await self._select(
            "camera = ? AND day = ? AND local = 1 ORDER BY name",
            (camera, day.isoformat()),
        )

    async def held_on(self, camera: str, day: date) -> set[str]:
        """Return the ids of those captures of a day whose time is protected."""

        def work(connection: sqlite3.Connection) -> set[str]:
            return {
                capture_id
                for (capture_id,) in connection.execute(
                    "SELECT captures.id FROM holds JOIN captures USING (camera)"
                    " WHERE camera = ? AND day = ? AND local = 1"
                    " AND event_us BETWEEN start_us AND end_us",
                    (camera, day.isoformat()),
                )
            }

        return await self._catalogue.read(work)

    async def all_on(self, camera: str, day: date) -> list[Capture]:
        """Return all captures of a day, also those that only the bucket has."""
        return await self._select(
            "camera = ? AND day = ? ORDER BY name", (camera, day.isoformat())
        )

    async def offsite_days(self, camera: str) -> list[date]:
        """Return the days of which the bucket has captures, by the catalogue."""

        def work(connection: sqlite3.Connection) -> list[date]:
            return [
                date.fromisoformat(day)
                for (day,) in connection.execute(
                    "SELECT day FROM days WHERE camera = ? AND offsite > 0"
                    " ORDER BY day",
                    (camera,),
                )
            ]

        return await self._catalogue.read(work)

    async def cameras(self) -> list[str]:
        """Return the folders of all cameras that have captures, sorted."""

        def work(connection: sqlite3.Connection) -> list[str]:
            return [
                camera
                for (camera,) in connection.execute(
                    "SELECT DISTINCT camera FROM days WHERE captures > 0"
                    " ORDER BY camera"
                )
            ]

        return await self._catalogue.read(work)

    async def names_on(self, camera: str, day: date) -> set[str]:
        """Return the names of all captures of a day."""

        def work(connection: sqlite3.Connection) -> set[str]:
            return {
                name
                for (name,) in connection.execute(
                    "SELECT name FROM captures WHERE camera = ? AND day = ?",
                    (camera, day.isoformat()),
                )
            }

        return await self._catalogue.read(work)

    async def waiting_on(self, camera: str, day: date) -> int:
        """Return how many captures of a day are on their way offsite."""

        def work(connection: sqlite3.Connection) -> int:
            (count,) = connection.execute(
                "SELECT count(*) FROM captures JOIN uploads ON capture_id = id"
                " WHERE camera = ? AND day = ? AND state <> 'quarantined'",
                (camera, day.isoformat()),
            ).fetchone()
            return int(count)

        return await self._catalogue.read(work)

    async def total_size(self) -> int:
        """Return the bytes of all captures."""

        def work(connection: sqlite3.Connection) -> int:
            (total,) = connection.execute(
                "SELECT coalesce(sum(local_bytes), 0) FROM days"
            ).fetchone()
            return int(total)

        return await self._catalogue.read(work)

    async def count_since(self, moment: datetime) -> int:
        """Return how many captures have arrived since then."""

        def work(connection: sqlite3.Connection) -> int:
            (count,) = connection.execute(
                "SELECT count(*) FROM captures WHERE arrived_us >= ?", (to_us(moment),)
            ).fetchone()
            return int(count)

        return await self._catalogue.read(work)

    async def clock_samples(
        self, camera: str, *, limit: int = 200
    ) -> list[tuple[datetime, datetime]]:
        """Return name times and arrivals of a camera's last snapshots, oldest first."""

        def work(connection: sqlite3.Connection) -> list[tuple[datetime, datetime]]:
            rows = connection.execute(
                "SELECT name_us, arrived_us FROM captures"
                " WHERE camera = ? AND kind = ? AND name_us IS NOT NULL"
                " ORDER BY arrived_us DESC LIMIT ?",
                (camera, CaptureKind.SNAPSHOT, limit),
            ).fetchall()
            return [(from_us(name), from_us(arrived)) for name, arrived in rows[::-1]]

        return await self._catalogue.read(work)

    async def last_arrival(self, camera: str) -> datetime | None:
        """Return when the newest of a camera's captures arrived."""

        def work(connection: sqlite3.Connection) -> datetime | None:
            # By its event, for which there is an index.
            newest = (
                connection.execute(
                    "SELECT arrived_us FROM captures WHERE camera = ? AND kind = ?"
                    " ORDER BY event_us DESC LIMIT 1",
                    (camera, kind),
                ).fetchone()
                for kind in CaptureKind
            )
            arrivals = [from_us(row["arrived_us"]) for row in newest if row is not None]
            return max(arrivals, default=None)

        return await self._catalogue.read(work)

    async def last_upload(self) -> datetime | None:
        """Return when a capture was last confirmed by S3."""

        def work(connection: sqlite3.Connection) -> datetime | None:
            (us,) = connection.execute(
                "SELECT max(uploaded_us) FROM captures WHERE uploaded_us IS NOT NULL"
            ).fetchone()
            return None if us is None else from_us(us)

        return await self._catalogue.read(work)

    async def archived(self, object_keys: Collection[str], archive_key: str) -> None:
        """Note that these objects are now inside an archive."""
        rows = [(archive_key, key) for key in object_keys]
        await self._catalogue.write(
            lambda connection: connection.executemany(
                "UPDATE captures SET object_key = NULL, archive_key = ?"
                " WHERE object_key = ?",
                rows,
            )
        )

    async def purged(self, object_keys: Collection[str]) -> None:
        """Note that these objects were deleted from the bucket, archives among them."""
        keys = [(key,) for key in object_keys]

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany(
                "UPDATE captures SET object_key = NULL WHERE object_key = ?", keys
            )
            # What was only in a purged archive is nowhere offsite any more.
            connection.executemany(
                "UPDATE captures SET archive_key = NULL WHERE archive_key = ?1"
                " AND (camera, day) IN (SELECT camera, day FROM archives WHERE key = ?1)",
                keys,
            )
            connection.executemany("DELETE FROM archives WHERE key = ?", keys)

        await self._catalogue.write(work)

    async def _select(
        self, where: str, values: tuple[str | int | None, ...]
    ) -> list[Capture]:
        def work(connection: sqlite3.Connection) -> list[Capture]:
            rows = connection.execute(f"SELECT * FROM captures WHERE {where}", values)
            return [to_capture(row) for row in rows]

        return await self._catalogue.read(work)
