"""Finishing what must not be left half done when a task is cancelled."""

import asyncio
from collections.abc import Coroutine
from typing import Any


async def finished[T](work: Coroutine[Any, Any, T], *, within: float) -> T:
    """Run ``work`` to its end even if the caller is cancelled meanwhile.

    The cancellation goes on once the work is done, or after ``within`` seconds.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task}, timeout=within)
        if not task.done():
            task.cancel()
        elif not task.cancelled():
            # Its own failure matters less than the cancellation; read it, so that
            # asyncio does not complain that nobody did.
            task.exception()
        raise
