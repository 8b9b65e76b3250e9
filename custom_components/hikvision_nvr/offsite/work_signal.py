"""Lets idle workers sleep until there may be something to upload."""

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ..store import UploadQueue

_SHORTEST_SECONDS: Final = 0.05
"""Between two looks at a queue that has something due that another worker takes."""


class WorkSignal:
    """One waiter on the queue for all workers that take the same.

    A worker reads ``now`` before it looks into the queue and passes that to ``after``
    when there was nothing, so that nothing enqueued in between is missed.
    """

    def __init__(self, queue: UploadQueue, *, snapshots: bool = False) -> None:
        """Wait on this queue; with ``snapshots`` for nothing else."""
        self._queue = queue
        self._snapshots = snapshots
        self._arrivals = -1
        self._waiting = asyncio.Lock()
        self._retry = asyncio.Event()
        self.now = 0

    def retry_set(self) -> None:
        """Say that a retry was planned: it may be due before what is waited for."""
        self._retry.set()

    async def after(self, seen: int) -> None:
        """Return when something may have become due since ``now`` was ``seen``."""
        async with self._waiting:
            if self.now == seen:
                await self._something()
                self.now += 1

    async def _something(self) -> None:
        while True:
            self._retry.clear()
            due = await self._queue.next_due(snapshots=self._snapshots)
            pause = None
            if due is not None:
                pause = max(
                    _SHORTEST_SECONDS, (due - datetime.now(UTC)).total_seconds()
                )
            news = asyncio.create_task(self._queue.wait_for_new(self._arrivals))
            retry = asyncio.create_task(self._retry.wait())
            try:
                await asyncio.wait(
                    {news, retry}, timeout=pause, return_when=asyncio.FIRST_COMPLETED
                )
                if news.done() or not retry.done():
                    self._arrivals = self._queue.arrivals
                    return
            finally:
                for task in (news, retry):
                    task.cancel()
                await asyncio.gather(news, retry, return_exceptions=True)
