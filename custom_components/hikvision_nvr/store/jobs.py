"""The jobs that were asked for, in the catalogue, so that a restart forgets none.

A job is ``waiting`` until the runner takes it, ``running`` while it works, and then
``done``, ``failed`` or ``cancelled``. One that a restart interrupts waits again, and
finds in its checkpoint how far it was.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
import json
import sqlite3
from typing import Any
import uuid

from ..model import JobState
from .catalogue import Catalogue
from .rows import from_us, to_us

KEPT = 100
"""So many jobs that have ended are remembered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredJob:
    """A job as the catalogue has it; what it works with is plain JSON values.

    ``error`` is None unless it failed; ``ended`` unless it has ended.
    """

    id: str
    kind: str
    arguments: Mapping[str, Any]
    state: JobState
    created: datetime
    checkpoint: Mapping[str, Any]
    result: Mapping[str, Any] | None
    error: str | None
    ended: datetime | None


class JobTable:
    """The jobs of one recorder."""

    def __init__(self, catalogue: Catalogue) -> None:
        """Keep them in this catalogue."""
        self._catalogue = catalogue

    async def restore(self) -> None:
        """Let what an earlier run was interrupted in wait for its turn again."""
        await self._execute(
            "UPDATE jobs SET state = 'waiting', due_us = 0 WHERE state = 'running'"
        )

    async def add(
        self, kind: str, arguments: Mapping[str, Any], *, once: bool = False
    ) -> str:
        """Add a job and return its id.

        With ``once`` it is not added where the same waits or runs already; the id is
        then that one's.
        """
        text = _json(arguments)

        def work(connection: sqlite3.Connection) -> str:
            if once:
                known = connection.execute(
                    "SELECT id FROM jobs WHERE state IN ('waiting', 'running')"
                    " AND kind = ? AND arguments = ?",
                    (kind, text),
                ).fetchone()
                if known is not None:
                    return str(known["id"])
            job_id = uuid.uuid4().hex
            connection.execute(
                "INSERT INTO jobs (id, kind, arguments, state, created_us)"
                " VALUES (?, ?, ?, 'waiting', ?)",
                (job_id, kind, text, to_us(datetime.now(UTC))),
            )
            return job_id

        return await self._catalogue.write(work)

    async def take(self) -> StoredJob | None:
        """Return the job whose turn it is, now running; None when none is due."""

        def work(connection: sqlite3.Connection) -> StoredJob | None:
            row = connection.execute(
                "SELECT * FROM jobs WHERE state = 'waiting' AND due_us <= ?"
                " ORDER BY created_us, rowid LIMIT 1",
                (to_us(datetime.now(UTC)),),
            ).fetchone()
            if row is None:
                return None
            connection.execute(
                "UPDATE jobs SET state = 'running' WHERE id = ?", (row["id"],)
            )
            return _to_job(row)

        return await self._catalogue.write(work)

    async def next_due(self) -> datetime | None:
        """Return when the next waiting job is due; None when none waits."""

        def work(connection: sqlite3.Connection) -> datetime | None:
            (us,) = connection.execute(
                "SELECT min(due_us) FROM jobs WHERE state = 'waiting'"
            ).fetchone()
            return None if us is None else from_us(us)

        return await self._catalogue.read(work)

    async def save(self, job_id: str, checkpoint: Mapping[str, Any]) -> None:
        """Note how far a job is."""
        await self._execute(
            "UPDATE jobs SET checkpoint = ? WHERE id = ?", _json(checkpoint), job_id
        )

    async def park(
        self, job_id: str, checkpoint: Mapping[str, Any], until: datetime
    ) -> None:
        """Let a job wait until a time, and others work meanwhile."""
        await self._execute(
            "UPDATE jobs SET state = 'waiting', checkpoint = ?, due_us = ?"
            " WHERE id = ?",
            _json(checkpoint),
            to_us(until),
            job_id,
        )

    async def end(
        self,
        job_id: str,
        state: JobState,
        result: Mapping[str, Any] | None,
        error: str | None,
    ) -> None:
        """Note how a job has ended, and forget the oldest ones."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(
                "UPDATE jobs SET state = ?, result = ?, error = ?, ended_us = ?,"
                " checkpoint = '{}' WHERE id = ?",
                (
                    state,
                    None if result is None else _json(result),
                    error,
                    to_us(datetime.now(UTC)),
                    job_id,
                ),
            )
            connection.execute(
                "DELETE FROM jobs WHERE ended_us IS NOT NULL AND id NOT IN"
                " (SELECT id FROM jobs WHERE ended_us IS NOT NULL"
                "  ORDER BY ended_us DESC, rowid DESC LIMIT ?)",
                (KEPT,),
            )

        await self._catalogue.write(work)

    async def cancel(self, job_id: str) -> bool:
        """Cancel a job that still waits; return whether it did."""

        def work(connection: sqlite3.Connection) -> bool:
            changed = connection.execute(
                "UPDATE jobs SET state = 'cancelled', ended_us = ?"
                " WHERE id = ? AND state = 'waiting'",
                (to_us(datetime.now(UTC)), job_id),
            )
            return changed.rowcount == 1

        return await self._catalogue.write(work)

    async def get(self, job_id: str) -> StoredJob | None:
        """Return a job, None when it is not known any more."""
        rows = await self._select("WHERE id = ?", job_id)
        return rows[0] if rows else None

    async def open(self) -> list[StoredJob]:
        """Return what waits or runs, in the order of asking."""
        return await self._select(
            "WHERE state IN ('waiting', 'running') ORDER BY created_us, rowid"
        )

    async def last(self) -> StoredJob | None:
        """Return the job that has ended last, None when none has."""
        rows = await self._select(
            "WHERE ended_us IS NOT NULL ORDER BY ended_us DESC, rowid DESC LIMIT 1"
        )
        return rows[0] if rows else None

    async def _select(self, clause: str, *values: str) -> list[StoredJob]:
        def work(connection: sqlite3.Connection) -> list[StoredJob]:
            rows = connection.execute(f"SELECT * FROM jobs {clause}", values)
            return [_to_job(row) for row in rows]

        return await self._catalogue.read(work)

    async def _execute(self, sql: str, *values: str | int) -> None:
        await self._catalogue.write(lambda connection: connection.execute(sql, values))


def _to_job(row: sqlite3.Row) -> StoredJob:
    return StoredJob(
        id=row["id"],
        kind=row["kind"],
        arguments=json.loads(row["arguments"]),
        state=JobState(row["state"]),
        created=from_us(row["created_us"]),
        checkpoint=json.loads(row["checkpoint"]),
        result=None if row["result"] is None else json.loads(row["result"]),
        error=row["error"],
        ended=None if row["ended_us"] is None else from_us(row["ended_us"]),
    )


def _json(values: Mapping[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False, sort_keys=True)
