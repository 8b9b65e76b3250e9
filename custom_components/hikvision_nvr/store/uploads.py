"""The upload queue: captures on their way to S3, in the catalogue.

A row is ``pending`` until a worker picks it, ``uploading`` while one works on it, and
gone once S3 has confirmed the object. ``quarantined`` is a capture whose file is
missing or no longer what arrived: uploading it would replace evidence by damage.
A clip's parts stay in S3 while its upload is interrupted; where, is noted here.
"""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
import sqlite3

from ..model import Backlog, Capture, CaptureKind
from .bucket_totals import CAPTURE_CLASS
from .catalogue import Catalogue
from .due import IS_DUE, not_due_us
from .rows import from_us, to_capture, to_us


class Lane(StrEnum):
    """What is handed out first."""

    SNAPSHOTS = "snapshots"
    """The newest snapshot, and never anything larger."""
    NEWEST = "newest"
    """The newest snapshot, then the newest clip."""
    OLDEST = "oldest"
    """What has waited longest, so that nothing starves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """An upload in parts that was begun: its parts are in S3, its object is not."""

    key: str
    upload_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A capture on its way to S3. ``attempts`` counts the tries that failed.

    ``begun`` is where an earlier attempt has left its parts.
    """

    capture: Capture
    path: Path
    attempts: int
    begun: Begun | None = None


class UploadQueue:
    """Hands out what waits, newest event first, snapshots before clips."""

    def __init__(self, catalogue: Catalogue, root: Path) -> None:
        """Use this catalogue for the files below ``root``."""
        self._catalogue = catalogue
        self._root = root
        self._new = asyncio.Event()
        self.arrivals = 0
        """How often something was enqueued: tells whether one has missed any."""

    async def restore(self) -> None:
        """Queue what an earlier run left: interrupted, or stored without S3."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(
                "UPDATE uploads SET state = 'pending' WHERE state = 'uploading'"
            )
            # Rows that are there already are looked for, not tried: of a long queue
            # that costs a third.
            connection.execute(
                f"INSERT INTO uploads {_UPLOAD_COLUMNS}"
                f" SELECT {_UPLOAD_VALUES} FROM captures"
                f" WHERE uploaded_us IS NULL AND kind <> '{CaptureKind.EXPORT}'"
                " AND NOT EXISTS"
                " (SELECT 1 FROM uploads WHERE capture_id = captures.id)"
            )

        await self._catalogue.write(work)
        self.enqueued()

    def enqueued(self) -> None:
        """Wake those who wait: a capture was added."""
        self.arrivals += 1
        self._new.set()
        self._new = asyncio.Event()

    async def wait_for_new(self, seen: int) -> None:
        """Return when something was enqueued since ``arrivals`` was ``seen``."""
        while self.arrivals == seen:
            await self._new.wait()

    async def pick(self, lane: Lane = Lane.NEWEST) -> Upload | None:
        """Take the next upload that is due, or None."""
        return await self._catalogue.write(partial(self._pick, lane))

    async def succeeded(
        self, upload: Upload, object_key: str, then: Lane | None = None
    ) -> Upload | None:
        """Note that S3 has confirmed the object: the capture is offsite.

        With ``then`` the next upload of that lane is taken in the same transaction.
        """

        def work(connection: sqlite3.Connection) -> Upload | None:
            connection.execute(
                "UPDATE captures SET object_key = ?, uploaded_us = ?,"
                f" storage_class = '{CAPTURE_CLASS}' WHERE id = ?",
                (object_key, to_us(datetime.now(UTC)), upload.capture.id),
            )
            connection.execute(
                "DELETE FROM uploads WHERE capture_id = ?", (upload.capture.id,)
            )
            return None if then is None else self._pick(then, connection)

        return await self._catalogue.write(work)

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

    async def begun(self, upload: Upload, begun: Begun) -> None:
        """Note where an upload's parts are, so that the next attempt goes on there."""
        await self._update(
            upload, "part_key = ?, part_upload = ?", begun.key, begun.upload_id
        )

    async def ended(self, upload: Upload) -> None:
        """Note that an upload has no parts in S3 any more."""
        await self._update(upload, "part_key = NULL, part_upload = NULL")

    async def begun_ids(self) -> set[str]:
        """Return the ids of all uploads in parts that are to be continued."""

        def work(connection: sqlite3.Connection) -> set[str]:
            return {
                upload_id
                for (upload_id,) in connection.execute(
                    "SELECT part_upload FROM uploads WHERE part_upload IS NOT NULL"
                )
            }

        return await self._catalogue.read(work)

    async def retry_quarantined(self) -> int:
        """Let everything that was quarantined be tried again; return how many."""

        def work(connection: sqlite3.Connection) -> int:
            return connection.execute(
                "UPDATE uploads SET state = 'pending', attempts = 0, due_us = 0"
                " WHERE state = 'quarantined'"
            ).rowcount

        count = await self._catalogue.write(work)
        self.enqueued()
        return count

    async def hurry(self) -> int:
        """Let everything be due now that waits for its next try; return how many.

        What was never tried and is not due yet waits for its final name.
        """

        def work(connection: sqlite3.Connection) -> int:
            return connection.execute(
                "UPDATE uploads SET due_us = 0"
                " WHERE state = 'pending' AND due_us > ? AND attempts > 0",
                (to_us(datetime.now(UTC)),),
            ).rowcount

        count = await self._catalogue.write(work)
        self.enqueued()
        return count

    async def quarantined(self) -> int:
        """Return how many captures cannot be uploaded as they are."""

        def work(connection: sqlite3.Connection) -> int:
            (count,) = connection.execute(
                "SELECT count(*) FROM uploads WHERE state = 'quarantined'"
            ).fetchone()
            return int(count)

        return await self._catalogue.read(work)

    async def next_due(self, *, snapshots: bool = False) -> datetime | None:
        """Return when the next pending upload is due; None when none waits.

        With ``snapshots`` only those count.
        """
        # By its plain name, a minimum is looked for among all that is due.
        which = (
            "SELECT min(+due_us) FROM uploads WHERE state = 'pending' AND priority = 0"
            if snapshots
            else "SELECT min(due_us) FROM uploads"
            " WHERE state = 'pending' AND due_us >= 0"
        )

        def work(connection: sqlite3.Connection) -> datetime | None:
            (us,) = connection.execute(which).fetchone()
            if us is None:
                return None
            soonest, farthest = not_due_us()
            return from_us(us if us <= farthest else soonest)

        return await self._catalogue.read(work)

    async def backlog(self) -> Backlog:
        """Return what is not offsite yet, without what is quarantined."""

        def work(connection: sqlite3.Connection) -> Backlog:
            files, size = connection.execute(
                "SELECT coalesce(sum(files), 0), coalesce(sum(bytes), 0)"
                " FROM upload_totals WHERE state <> 'quarantined'"
            ).fetchone()
            oldest = [
                us
                for state in ("pending", "uploading")
                for (us,) in connection.execute(
                    "SELECT min(arrived_us) FROM uploads WHERE state = ?", (state,)
                )
                if us is not None
            ]
            return Backlog(
                files=files,
                bytes=size,
                oldest=from_us(min(oldest)) if oldest else None,
            )

        return await self._catalogue.read(work)

    def _pick(self, lane: Lane, connection: sqlite3.Connection) -> Upload | None:
        picked = connection.execute(
            "SELECT * FROM (SELECT capture_id, attempts, part_key, part_upload"
            f" FROM uploads WHERE state = 'pending' AND {IS_DUE} {_ORDERS[lane]}"
            " LIMIT 1) JOIN captures ON id = capture_id",
            not_due_us(),
        ).fetchone()
        if picked is None:
            return None
        connection.execute(
            "UPDATE uploads SET state = 'uploading' WHERE capture_id = ?",
            (picked["capture_id"],),
        )
        capture = to_capture(picked)
        begun = picked["part_upload"] and Begun(
            key=picked["part_key"], upload_id=picked["part_upload"]
        )
        return Upload(
            capture=capture,
            path=self._root / capture.relative_path,
            attempts=picked["attempts"],
            begun=begun or None,
        )

    async def _update(
        self, upload: Upload, assignment: str, *values: str | int
    ) -> None:
        def work(connection: sqlite3.Connection) -> None:
            connection.execute(
                f"UPDATE uploads SET {assignment} WHERE capture_id = ?",
                (*values, upload.capture.id),
            )

        await self._catalogue.write(work)


_ORDERS = {
    Lane.SNAPSHOTS: "AND priority = 0 ORDER BY event_us DESC",
    Lane.NEWEST: "ORDER BY priority, event_us DESC",
    Lane.OLDEST: "ORDER BY arrived_us",
}
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
    connection.execute("DELETE FROM uploads WHERE capture_id = ?", (capture_id,))
    connection.execute(
        f"INSERT INTO uploads {_UPLOAD_COLUMNS}"
        f" SELECT {_UPLOAD_VALUES} FROM captures WHERE id = ?",
        (capture_id,),
    )
    if due is not None:
        connection.execute(
            "UPDATE uploads SET due_us = ? WHERE capture_id = ?",
            (to_us(due), capture_id),
        )
