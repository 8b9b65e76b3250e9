"""What the catalogue knows of the bucket as a whole."""

from collections.abc import Sequence
from datetime import date
import sqlite3

from ..model import BucketTotal, Capture
from .catalogue import Catalogue
from .rows import insert_capture, to_us

_IN_NO_MANIFEST = 0
"""For captures that this recorder has not received: no manifest ever lists them."""


class BucketCatalogue:
    """Archives in the bucket, and how much there is of each camera."""

    def __init__(self, catalogue: Catalogue) -> None:
        """Ask this catalogue."""
        self._catalogue = catalogue

    async def archive_written(
        self, key: str, *, camera: str, day: date, size: int, storage_class: str
    ) -> None:
        """Note an archive that is in the bucket, with its size in bytes."""

        def work(connection: sqlite3.Connection) -> None:
            # Not REPLACE, which would not fire the trigger of what it deletes.
            connection.execute("DELETE FROM archives WHERE key = ?", (key,))
            connection.execute(
                "INSERT INTO archives VALUES (?, ?, ?, ?, ?)",
                (key, camera, day.isoformat(), size, storage_class),
            )

        await self._catalogue.write(work)

    async def archives(self, camera: str) -> set[str]:
        """Return the keys of a camera's archives."""

        def work(connection: sqlite3.Connection) -> set[str]:
            rows = connection.execute(
                "SELECT key FROM archives WHERE camera = ?", (camera,)
            )
            return {key for (key,) in rows}

        return await self._catalogue.read(work)

    async def archive_gone(self, key: str) -> None:
        """Forget an archive that is not in the bucket any more."""
        await self._catalogue.write(
            lambda connection: connection.execute(
                "DELETE FROM archives WHERE key = ?", (key,)
            )
        )

    async def adopt(self, found: Sequence[Capture]) -> set[str]:
        """Add captures that only the bucket has; return the keys that are known now.

        Each has an object key. The row of a capture that was received here is only
        told its key, if the object has its content; while it waits for its upload, it
        is left to that.
        """

        def work(connection: sqlite3.Connection) -> set[str]:
            adopted: set[str] = set()
            for capture in found:
                assert capture.object_key is not None
                if _is_known(connection, capture.object_key):
                    continue
                if _adopt(connection, capture):
                    adopted.add(capture.object_key)
            return adopted

        return await self._catalogue.write(work)

    async def totals(self) -> tuple[BucketTotal, ...]:
        """Return what is in the bucket, of each camera and storage class."""

        def work(connection: sqlite3.Connection) -> tuple[BucketTotal, ...]:
            return tuple(
                BucketTotal(
                    camera=row["camera"],
                    storage_class=row["storage_class"],
                    objects=row["objects"],
                    bytes=row["bytes"],
                )
                for row in connection.execute(
                    "SELECT * FROM bucket_totals WHERE objects > 0"
                    " ORDER BY camera, storage_class"
                )
            )

        return await self._catalogue.read(work)


def _is_known(connection: sqlite3.Connection, key: str) -> bool:
    rows = connection.execute("SELECT 1 FROM captures WHERE object_key = ?", (key,))
    return rows.fetchone() is not None


def _adopt(connection: sqlite3.Connection, capture: Capture) -> bool:
    try:
        insert_capture(connection, capture)
    except sqlite3.IntegrityError:
        uploaded_us = None if capture.uploaded is None else to_us(capture.uploaded)
        changed = connection.execute(
            "UPDATE captures SET object_key = ?, storage_class = ?,"
            " uploaded_us = coalesce(uploaded_us, ?)"
            " WHERE camera = ? AND day = ? AND name = ? AND sha256 = ? AND size = ?"
            " AND object_key IS NULL AND archive_key IS NULL"
            " AND NOT EXISTS (SELECT 1 FROM uploads WHERE capture_id = captures.id)",
            (
                capture.object_key,
                capture.storage_class,
                uploaded_us,
                capture.camera,
                capture.day.isoformat(),
                capture.name,
                capture.sha256,
                capture.size,
            ),
        )
        return changed.rowcount > 0
    connection.execute(
        "UPDATE captures SET local = 0, manifest = ? WHERE id = ?",
        (_IN_NO_MANIFEST, capture.id),
    )
    return True
