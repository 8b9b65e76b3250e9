"""A limit on how fast uploads go, which may depend on the time of day."""

import asyncio
from collections.abc import Callable
from datetime import datetime, tzinfo
from typing import Final

from ..model import UploadLimit

_BURST_SECONDS: Final = 0.25
"""What may be sent at once after a pause, as a share of a second."""
_LONGEST_WAIT: Final = 5.0
"""Seconds after which the time of day is looked at again."""


class Bandwidth:
    """Lets so many bytes a second pass, all uploads together."""

    def __init__(
        self,
        limits: tuple[UploadLimit, ...],
        time_zone: tzinfo,
        now: Callable[[tzinfo], datetime] = datetime.now,
    ) -> None:
        """Without ``limits`` nothing is held up. The day is that of ``time_zone``."""
        self._limits = tuple(sorted(limits, key=lambda limit: limit.since))
        self._time_zone = time_zone
        self._now = now
        self._next = 0.0
        self._turn = asyncio.Lock()

    async def take(self, size: int) -> None:
        """Return when ``size`` bytes may be sent. First come, first served."""
        if not self._limits:
            return
        loop = asyncio.get_running_loop()
        async with self._turn:
            while (rate := self.rate()) is not None:
                now = loop.time()
                if self._next <= now:
                    earliest = now - _BURST_SECONDS
                    self._next = max(self._next, earliest) + size / rate
                    return
                await asyncio.sleep(min(self._next - now, _LONGEST_WAIT))

    def rate(self) -> int | None:
        """Return the bytes a second that may be sent at this time of day."""
        if not self._limits:
            return None
        now = self._now(self._time_zone).time()
        # Before the first one of a day, the last one of the day before holds.
        current = self._limits[-1]
        for limit in self._limits:
            if limit.since <= now:
                current = limit
        return current.bytes_per_second
