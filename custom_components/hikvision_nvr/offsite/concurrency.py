"""Doing the same to many things, a few at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable


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
