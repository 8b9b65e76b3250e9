"""The threads that work on files, so that no event loop waits for a disk."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
import queue
import threading
from typing import Any

_NAME = "hikvision_nvr-files"

type Next[T] = Callable[[T, asyncio.Future[T]], bool]
"""Takes a result and its future; True when it sees to it that the future is settled."""


class FileThreads:
    """Runs work in a few threads.

    What an executor does besides (futures for other threads, their locks) costs more
    than the work on a small file. And work that was asked for is always done here, also
    when nobody waits for it any more: half of it would leave files behind.
    """

    def __init__(self, count: int) -> None:
        """Use up to ``count`` threads, started when they are needed."""
        self._count = count
        self._threads: list[threading.Thread] = []
        self._closed = False
        self._work: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()

    def run[T](
        self, work: Callable[[], T], then: Next[T] | None = None
    ) -> asyncio.Future[T]:
        """Return a future for what ``work`` returns or raises.

        ``then`` may hand the result on, in the thread: each turn through the loop costs
        as much as the work on a small file. Raises RuntimeError after ``close``.
        """
        if self._closed:
            raise RuntimeError("The file threads have ended")
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._work.put(_Work(work, future, then))
        if len(self._threads) < self._count:
            thread = threading.Thread(target=self._run, name=_NAME, daemon=True)
            self._threads.append(thread)
            thread.start()
        return future

    def close(self) -> None:
        """Do what was asked for and end (blocking)."""
        self._closed = True
        for _ in self._threads:
            self._work.put(None)
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            work.run()


class _Work:
    __slots__ = ("_error", "_future", "_next", "_result", "_work")

    def __init__(
        self,
        work: Callable[[], Any],
        future: asyncio.Future[Any],
        then: Next[Any] | None,
    ) -> None:
        self._work = work
        self._future = future
        self._next = then
        self._result: Any = None
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            self._result = self._work()
            if self._next is not None and self._next(self._result, self._future):
                return
        except BaseException as err:  # noqa: BLE001 - who waits gets it
            self._error = err
        # The loop may be gone when nobody waits any more.
        with suppress(RuntimeError):
            self._future.get_loop().call_soon_threadsafe(self._settle)

    def _settle(self) -> None:
        if self._future.done():
            return
        if self._error is not None:
            self._future.set_exception(self._error)
        else:
            self._future.set_result(self._result)
