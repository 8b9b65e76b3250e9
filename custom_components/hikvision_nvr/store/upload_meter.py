"""Measures how uploads go: how many, how fast, how long after a capture's arrival.

Each look reads from the catalogue only what was uploaded since the one before, so that
it costs the same after years and under load. Delays are kept as a histogram a minute,
so that a day of them takes little memory and leaves it a minute at a time.
"""

from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, tzinfo
import math
import sqlite3
from typing import Final

from ..model import UploadFigures
from .catalogue import Catalogue
from .rows import to_us

PAGE: Final = 4000
"""Rows a query: so many take a few milliseconds."""
RATE_SECONDS: Final = 60
USUAL: Final = 0.95

_SECOND: Final = 1_000_000
_MINUTE: Final = 60 * _SECOND
_DAY: Final = 24 * 60 * _MINUTE
_SHORTEST: Final = 0.01
_STEP: Final = 1.05
"""Width of a histogram's bar: delays are told to 5 %."""


@dataclass(slots=True)
class _Minute:
    start: int
    delays: Counter[int] = field(default_factory=Counter)


class UploadMeter:
    """Follows the uploads that the catalogue has noted."""

    def __init__(self, catalogue: Catalogue, time_zone: tzinfo) -> None:
        """Ask this catalogue. Days begin in ``time_zone``."""
        self._catalogue = catalogue
        self._time_zone = time_zone
        self._last = (0, 0)
        self._midnight = 0
        self._today = 0
        self._last_delay: float | None = None
        self._seconds: deque[tuple[int, int]] = deque()
        self._minutes: deque[_Minute] = deque()
        self._delays: Counter[int] = Counter()

    async def figures(self) -> UploadFigures:
        """Return how uploads went until now; only the caller knows of failures."""
        now = to_us(datetime.now(UTC))
        if now < self._last[0]:
            # The clock was set back: what was measured is still to come.
            self._forget()
        self._begin(now)
        while rows := await self._read_until(now):
            for rowid, uploaded, arrived, size in rows:
                self._add(uploaded, max(0, uploaded - arrived) / _SECOND, size)
                self._last = (uploaded, rowid)
            if len(rows) < PAGE:
                break
        self._expire(now)
        return UploadFigures(
            rate=round(sum(size for _, size in self._seconds) / RATE_SECONDS),
            today=self._today,
            last_day=self._delays.total(),
            last_delay=self._last_delay,
            usual_delay=self._quantile(USUAL),
        )

    def _forget(self) -> None:
        self._last = (0, 0)
        self._midnight = self._today = 0
        self._last_delay = None
        self._seconds.clear()
        self._minutes.clear()
        self._delays.clear()

    def _begin(self, now: int) -> None:
        """Notice a new day, and where to begin at the first look."""
        today = datetime.now(self._time_zone).date()
        midnight = to_us(datetime.combine(today, time.min, self._time_zone))
        if midnight != self._midnight:
            self._midnight = midnight
            self._today = 0
        if self._last[0] == 0:
            self._last = (min(midnight, now - _DAY), 0)

    def _add(self, uploaded: int, delay: float, size: int) -> None:
        self._today += uploaded >= self._midnight
        self._last_delay = round(delay, 2)
        second = uploaded // _SECOND
        if self._seconds and self._seconds[-1][0] == second:
            size += self._seconds.pop()[1]
        self._seconds.append((second, size))
        start = uploaded - uploaded % _MINUTE
        if not self._minutes or self._minutes[-1].start != start:
            self._minutes.append(_Minute(start))
        bar = _bar(delay)
        self._minutes[-1].delays[bar] += 1
        self._delays[bar] += 1

    def _expire(self, now: int) -> None:
        while self._seconds and self._seconds[0][0] < now // _SECOND - RATE_SECONDS:
            self._seconds.popleft()
        while self._minutes and self._minutes[0].start < now - _DAY:
            self._delays -= self._minutes.popleft().delays

    def _quantile(self, part: float) -> float | None:
        wanted = self._delays.total() * part
        passed = 0
        for bar, count in sorted(self._delays.items()):
            passed += count
            if passed >= wanted:
                return round(_SHORTEST * _STEP ** (bar + 1), 2)
        return None

    async def _read_until(self, now: int) -> list[tuple[int, int, int, int]]:
        last = self._last

        def work(connection: sqlite3.Connection) -> list[tuple[int, int, int, int]]:
            return [
                tuple(row)
                for row in connection.execute(
                    "SELECT rowid, uploaded_us, arrived_us, size FROM captures"
                    " WHERE uploaded_us <= ? AND (uploaded_us, rowid) > (?, ?)"
                    # Both are the same for what was found in the bucket.
                    " AND uploaded_us <> arrived_us"
                    " ORDER BY uploaded_us, rowid LIMIT ?",
                    (now, *last, PAGE),
                )
            ]

        return await self._catalogue.read(work)


def _bar(delay: float) -> int:
    return int(math.log(max(delay, _SHORTEST) / _SHORTEST, _STEP))
