"""What the catalogue knows of the bucket as a whole."""

from datetime import date
import sqlite3

from ..model import BucketTotal
from .catalogue import Catalogue


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
