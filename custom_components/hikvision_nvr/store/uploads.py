"""The upload queue: captures on their way to S3, in the catalogue.

A row is ``pending`` until a worker picks it, ``uploading`` while one works on it, and
gone once S3 has confirmed the object. ``quarantined`` is a capture whose file is
missing or no longer what arrived: uploading it would replace evidence by damage.
"""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
import sqlite3

from ..model import Backlog, Capture, CaptureKind
from .catalogue import Catalogue
from .rows import from_us, to_capture, to_us


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A capture on its way to S3. ``attempts`` counts the tries that failed."""

    capture: Capture
    path: Path
    attempts: int


class UploadQueue:
    """Hands out what waits, newest event first, snapshots before clips."""

    def __init__(self, catalogue: Catalogue, root: Path) -> None:
        """Use this catalogue for the files below ``root``."""
        self._catalogue = catalogue
        self._root = root
        self._new = asyncio.Event()

    async def restore(self) -> None:
        """Queue what an earlier run left: interrupted, or stored without S3."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(
                "UPDATE uploads SET state = 'pending' WHERE state = 'uploading'"
            )
            connection.execute(
                f"INSERT OR IGNORE INTO uploads {_UPLOAD_COLUMNS}"
                f" SELECT {_UPLOAD_VALUES} FROM captures WHERE uploaded_us IS NULL"
            )

        await self._catalogue.write(work)
        self._new.set()

    def enqueued(self) -> None:
        """Wake those who wait: a capture was added."""
        self._new.set()

    async def wait_for_new(self) -> None:
        """Return when something was enqueued since the last call."""
        await self._new.wait()
        self._new.clear()

    async def pick(self, *, oldest_first: bool = False) -> Upload | None:
        """Take the next upload that is due, or None."""
        order = "arrived_us" if oldest_first else "priority, event_us DESC"

        def work(connection: sqlite3.Connection) -> Upload | None:
            picked = connection.execute(
                "SELECT capture_id, attempts FROM uploads"
                " WHERE state = 'pending' AND due_us <= ?"
                f" ORDER BY {order} LIMIT 1",
                (to_us(datetime.now(UTC)),),
            ).fetchone()
            if picked is None:
                return None
            connection.execute(
                "UPDATE uploads SET state = 'uploading' WHERE capture_id = ?",
                (picked["capture_id"],),
            )
            capture = to_capture(
                connection.execute(
                    "SELECT * FROM captures WHERE id = ?", (picked["capture_id"],)
                ).fetchone()
            )
            return Upload(
                capture=capture,
                path=self._root / capture.relative_path,
                attempts=picked["attempts"],
            )

        return await self._catalogue.write(work)

    async def succeeded(self, upload: Upload, object_key: str) -> None:
        """Note that S3 has confirmed the object: the capture is offsite."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(
                "UPDATE captures SET object_key = ?, uploaded_us = ? WHERE id = ?",
                (object_key, to_us(datetime.now(UTC)), upload.capture.id),
            )
            connection.execute(
                "DELETE FROM uploads WHERE capture_id = ?", (upload.capture.id,)
            )

        await self._catalogue.write(work)

    async def failed(self, upload: Upload, error: str, retry_at: datetime) -> None:
        """Put an upload back that failed, to be tried again from ``retry_at`` on."""
        await self._update(
            upload,
            "state = 'pending', attempts = attempts + 1, error = ?, due_us = ?",
            error,
            to_us(retry_at),
        )

    async def release(self, upload: Upload) -> None:
        """Put an upload back as if it had not been picked."""
        await self._update(upload, "state = 'pending'")

    async def quarantine(self, upload: Upload, reason: str) -> None:
        """Keep an upload out of the way that cannot succeed, and say why."""
        await self._update(upload, "state = 'quarantined', error = ?", reason)

    async def next_due(self) -> datetime | None:
        """Return when the next pending upload is due; None when none waits."""

        def work(connection: sqlite3.Connection) -> datetime | None:
            (us,) = connection.execute(
                "SELECT min(due_us) FROM uploads WHERE state = 'pending'"
            ).fetchone()
            return None if us is None else from_us(us)

        return await self._catalogue.read(work)

    async def backlog(self) -> Backlog:
        """Return what is not offsite yet, without what is quarantined."""

        def work(connection: sqlite3.Connection) -> Backlog:
            files, size, oldest = connection.execute(
                "SELECT count(*), coalesce(sum(size), 0), min(arrived_us)"
                " FROM uploads WHERE state IN ('pending', 'uploading')"
            ).fetchone()
            return Backlog(
                files=files,
                bytes=size,
                oldest=None if oldest is None else from_us(oldest),
            )

        return await self._catalogue.read(work)

    async def _update(
        self, upload: Upload, assignment: str, *values: str | int
    ) -> None:
        def work(connection: sqlite3.Connection) -> None:
            connection.execute(
                f"UPDATE uploads SET {assignment} WHERE capture_id = ?",
                (*values, upload.capture.id),
            )

        await self._catalogue.write(work)


_UPLOAD_COLUMNS = "(capture_id, state, priority, event_us, arrived_us, size)"
_UPLOAD_VALUES = (
    f"id, 'pending', kind <> '{CaptureKind.SNAPSHOT}', event_us, arrived_us, size"
)


def insert_upload(
    connection: sqlite3.Connection, capture_id: str, *, due: datetime | None = None
) -> None:
    """Queue a capture for upload, in the transaction that adds or changes it.

    It is not uploaded before ``due``.
    """
    connection.execute(
        f"INSERT OR REPLACE INTO uploads {_UPLOAD_COLUMNS}"
        f" SELECT {_UPLOAD_VALUES} FROM captures WHERE id = ?",
        (capture_id,),
    )
    if due is not None:
        connection.execute(
            "UPDATE uploads SET due_us = ? WHERE capture_id = ?",
            (to_us(due), capture_id),
        )
