"""Doing the same to many things, a few at a time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, Self


class OneThread:
    """A thread of its own for work that takes blocks of memory; use it with ``with``.

    Each thread has a heap that keeps what was freed in it (glibc malloc, arenas): the
    same work on a pool of threads holds several times the memory.
    """

    def __init__(self, name: str) -> None:
        """Start nothing yet: the first work does."""
        self._pool = ThreadPoolExecutor(1, name)

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the thread once its work is done, without waiting for it."""
        self._pool.shutdown(wait=False)

    async def run[T](self, work: Callable[[], T]) -> T:
        """Run ``work`` in the thread."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)


async def both[A, B](
    first: Coroutine[Any, Any, A], second: Coroutine[Any, Any, B]
) -> tuple[A, B]:
    """Await two things at once.

    An exception of one cancels the other and is raised as it is.
    """
    one, other = asyncio.create_task(first), asyncio.create_task(second)
    try:
        return await asyncio.gather(one, other)
    finally:
        one.cancel()
        other.cancel()
        await asyncio.gather(one, other, return_exceptions=True)


@asynccontextmanager
async def meanwhile(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Do something beside the block, as long as that takes.

    What it raises is not the block's failure: asyncio logs it.
    """
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def for_each[T](
    items: Iterable[T], work: Callable[[T], Awaitable[None]], *, at_once: int
) -> None:
    """Await ``work(item)`` for all items, at most ``at_once`` at a time.

    The first exception cancels the rest and is raised as it is.
    """
    waiting = iter(items)

    async def worker() -> None:
        for item in waiting:
            await work(item)

    tasks = [asyncio.create_task(worker()) for _ in range(at_once)]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
