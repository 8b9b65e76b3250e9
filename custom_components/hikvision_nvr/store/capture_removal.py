"""Lets captures make room: the oldest that the bucket is proven to have at this moment.

The catalogue's word that a capture was uploaded is a memory: since then the bucket may
have been emptied, made anew, or tidied by a rule of its own. A file goes only when the
bucket has just been asked. While it does not answer, no capture goes.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import date
import logging
import sqlite3
import time

from ..errors import RecorderError
from ..model import Capture
from .catalogue import Catalogue
from .rows import to_capture

_LOGGER = logging.getLogger(__name__)

_ANSWER_WITHIN = 30.0
"""Seconds for the answer about some captures of a day: room is needed now."""
_SILENCE = 300.0
"""Seconds for which a bucket that did not answer is not asked again."""
_ROUND = 3600.0
"""Seconds after which captures that could not be proven are asked about again."""

type Proof = Callable[[Sequence[Capture]], Awaitable[set[str]]]
"""Returns the ids of those captures, all of one day and camera, whose bytes are proven
to be offsite now. Raises RecorderError where that cannot be found out."""


class CaptureRemoval:
    """Walks through the uploaded captures, oldest first, and deletes what is proven."""

    def __init__(
        self,
        catalogue: Catalogue,
        drop: Callable[[Sequence[Capture]], Awaitable[list[Capture]]],
    ) -> None:
        """``drop`` deletes captures of one day and camera and returns what is gone."""
        self._catalogue = catalogue
        self._drop = drop
        self._after = (0, 0)
        self._asked: dict[str, tuple[int, int]] = {}
        self._again_at = 0.0
        self._round_ends: float | None = None
        self.proof: Proof | None = None
        """What asks the bucket; None where there is none, and no capture goes then."""

    async def oldest(self, limit: int) -> list[Capture]:
        """Return captures that may be offsite, those that came first before others.

        Without those that could not be proven in the last hour.
        """
        now = time.monotonic()
        if self.proof is None or now < self._again_at:
            return []
        if self._round_ends is not None and now >= self._round_ends:
            self._after, self._round_ends = (0, 0), None
        arrived_us, row = self._after

        def work(connection: sqlite3.Connection) -> list[sqlite3.Row]:
            return connection.execute(
                "SELECT rowid AS place, * FROM captures"
                " WHERE local = 1 AND uploaded_us IS NOT NULL AND kind <> 'export'"
                " AND arrived_us >= ? AND (arrived_us, rowid) > (?, ?)"
                " AND (object_key IS NOT NULL OR archive_key IS NOT NULL)"
                " AND NOT EXISTS (SELECT 1 FROM uploads WHERE capture_id = captures.id)"
                " AND NOT EXISTS (SELECT 1 FROM holds"
                " WHERE holds.camera = captures.camera"
                " AND captures.event_us BETWEEN holds.start_us AND holds.end_us)"
                f" ORDER BY arrived_us LIMIT {limit:d}",
                (arrived_us, arrived_us, row),
            ).fetchall()

        rows = await self._catalogue.read(work)
        if not rows and self._round_ends is None:
            # The next pass begins at the oldest again: what came while a clock was ahead
            # would hide all that comes after it.
            self._after = (0, 0)
        self._asked = {row["id"]: (row["arrived_us"], row["place"]) for row in rows}
        return list(map(to_capture, rows))

    async def remove(self, captures: Sequence[Capture]) -> list[Capture]:
        """Delete those of ``oldest`` that are proven to be offsite; return them.

        What is not stays, and is not returned by ``oldest`` for an hour. Raises
        StorageError.
        """
        days: dict[tuple[str, date], list[Capture]] = {}
        for capture in captures:
            days.setdefault((capture.camera, capture.day), []).append(capture)
        gone: list[Capture] = []
        doubtful = 0
        for of_day in days.values():
            proven = await self._proven(of_day)
            if proven is None:
                # Silence is no answer: these are asked about again.
                return gone
            # Also if it is nothing: where the disk has gone meanwhile this raises, and
            # files that could not be compared are not in doubt.
            gone += await self._drop(proven)
            doubtful += len(of_day) - len(proven)
        self._after = max(self._after, *(self._asked[one.id] for one in captures))
        if doubtful and self._round_ends is None:
            self._round_ends = time.monotonic() + _ROUND
            _LOGGER.warning(
                "Captures that were uploaded are not in the bucket as they were sent, "
                "and stay on the disk. The action verify names them, and uploads them "
                "again with repair"
            )
        return gone

    async def _proven(self, captures: list[Capture]) -> list[Capture] | None:
        """Return those that the bucket has; None when it does not answer."""
        assert self.proof is not None
        try:
            async with asyncio.timeout(_ANSWER_WITHIN):
                proven = await self.proof(captures)
        except (RecorderError, TimeoutError) as err:
            self._again_at = time.monotonic() + _SILENCE
            _LOGGER.info("No capture makes room, the bucket does not answer: %s", err)
            return None
        return [one for one in captures if one.id in proven]
