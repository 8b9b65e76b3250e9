"""What the catalogue knows of the manifests: each camera's chain, and what is in none.

The chain itself is in the bucket. Here is which capture is in which of its manifests,
and the hash that each had when it was written, so that a change of both the bucket and
its hashes is noticed as well.
"""

from collections.abc import Collection, Mapping
from datetime import date, datetime
import sqlite3

from ..model import Capture, ManifestHead
from .catalogue import Catalogue
from .rows import from_us, to_capture, to_us


class ManifestCatalogue:
    """Questions about manifests, and notes on those that were written."""

    def __init__(self, catalogue: Catalogue) -> None:
        """Ask this catalogue."""
        self._catalogue = catalogue
        # All heads are asked for after every upload, and change once a day.
        self._heads: tuple[ManifestHead, ...] | None = None
        self._changes = 0

    async def head(self, camera: str) -> ManifestHead | None:
        """Return the newest manifest of a camera, None before the first."""

        def work(connection: sqlite3.Connection) -> ManifestHead | None:
            row = connection.execute(
                "SELECT * FROM manifests WHERE camera = ? ORDER BY number DESC LIMIT 1",
                (camera,),
            ).fetchone()
            return None if row is None else _to_head(row)

        return await self._catalogue.read(work)

    async def heads(self) -> tuple[ManifestHead, ...]:
        """Return the newest manifest of each camera that has one."""

        def work(connection: sqlite3.Connection) -> tuple[ManifestHead, ...]:
            rows = connection.execute(
                "SELECT manifests.* FROM manifests JOIN"
                " (SELECT camera, max(number) AS number FROM manifests GROUP BY camera)"
                " USING (camera, number) ORDER BY camera"
            )
            return tuple(map(_to_head, rows))

        if self._heads is not None:
            return self._heads
        changes = self._changes
        heads = await self._catalogue.read(work)
        if changes == self._changes:
            self._heads = heads
        return heads

    async def hashes(self, camera: str) -> dict[int, str]:
        """Return the SHA-256 of each manifest of a camera, by its number."""

        def work(connection: sqlite3.Connection) -> dict[int, str]:
            return {
                row["number"]: row["sha256"]
                for row in connection.execute(
                    "SELECT number, sha256 FROM manifests WHERE camera = ?", (camera,)
                )
            }

        return await self._catalogue.read(work)

    async def days_with_unlisted(
        self, before: date
    ) -> list[tuple[str, date, datetime]]:
        """Return days before ``before`` with captures offsite that no manifest lists.

        Each with its camera and with when the first of them was uploaded, oldest days
        first.
        """

        def work(connection: sqlite3.Connection) -> list[tuple[str, date, datetime]]:
            rows = connection.execute(
                "SELECT camera, day, min(uploaded_us) FROM captures"
                " WHERE manifest IS NULL AND uploaded_us IS NOT NULL AND day < ?"
                " GROUP BY day, camera",
                (before.isoformat(),),
            )
            return [
                (camera, date.fromisoformat(day), from_us(us))
                for camera, day, us in rows
            ]

        return await self._catalogue.read(work)

    async def unlisted(self, camera: str, day: date, limit: int) -> list[Capture]:
        """Return captures of a day that are offsite and in no manifest."""

        def work(connection: sqlite3.Connection) -> list[Capture]:
            rows = connection.execute(
                "SELECT * FROM captures WHERE camera = ? AND day = ?"
                " AND manifest IS NULL AND uploaded_us IS NOT NULL"
                " ORDER BY event_us, name LIMIT ?",
                (camera, day.isoformat(), limit),
            )
            return list(map(to_capture, rows))

        return await self._catalogue.read(work)

    async def of_day(self, camera: str, day: date) -> dict[str, tuple[str, str | None]]:
        """Return SHA-256 and object key of the captures of a day, by their names."""

        def work(
            connection: sqlite3.Connection,
        ) -> dict[str, tuple[str, str | None]]:
            rows = connection.execute(
                "SELECT name, sha256, object_key FROM captures"
                " WHERE camera = ? AND day = ?",
                (camera, day.isoformat()),
            )
            return {name: (sha256, key) for name, sha256, key in rows}

        return await self._catalogue.read(work)

    async def written(
        self, head: ManifestHead, captures: Mapping[str, str], *, after: int
    ) -> None:
        """Note a manifest that is in the bucket.

        ``captures`` are the SHA-256 of what it lists by name; those that still have it
        are in a manifest now. Nothing happens unless ``after`` is the number of the
        camera's newest manifest so far, 0 before the first.
        """

        def work(connection: sqlite3.Connection) -> None:
            (newest,) = connection.execute(
                "SELECT coalesce(max(number), 0) FROM manifests WHERE camera = ?",
                (head.camera,),
            ).fetchone()
            if newest != after:
                return
            _insert(connection, head, len(captures))
            _list(connection, head, captures)

        await self._catalogue.write(work)
        self._changed()

    async def listed(self, head: ManifestHead, captures: Mapping[str, str]) -> None:
        """Note what a manifest lists that an earlier catalogue had written."""
        await self._catalogue.write(
            lambda connection: _list(connection, head, captures)
        )

    async def taken_over(self, chain: Collection[tuple[ManifestHead, int]]) -> None:
        """Note a whole chain that an earlier catalogue had written, if there is none.

        Each manifest comes with the number of captures that it lists.
        """

        def work(connection: sqlite3.Connection) -> None:
            for head, captures in chain:
                _insert(connection, head, captures)

        await self._catalogue.write(work)
        self._changed()

    def _changed(self) -> None:
        self._changes += 1
        self._heads = None


def _insert(connection: sqlite3.Connection, head: ManifestHead, captures: int) -> None:
    connection.execute(
        "INSERT OR IGNORE INTO manifests VALUES (?, ?, ?, ?, ?, ?)",
        (
            head.camera,
            head.number,
            head.day.isoformat(),
            head.sha256,
            captures,
            to_us(head.written),
        ),
    )


def _list(
    connection: sqlite3.Connection, head: ManifestHead, captures: Mapping[str, str]
) -> None:
    connection.executemany(
        "UPDATE captures SET manifest = ?"
        " WHERE camera = ? AND day = ? AND name = ? AND sha256 = ?"
        " AND manifest IS NULL",
        [
            (head.number, head.camera, head.day.isoformat(), name, sha256)
            for name, sha256 in captures.items()
        ],
    )


def _to_head(row: sqlite3.Row) -> ManifestHead:
    return ManifestHead(
        camera=row["camera"],
        number=row["number"],
        day=date.fromisoformat(row["day"]),
        sha256=row["sha256"],
        written=from_us(row["written_us"]),
    )
