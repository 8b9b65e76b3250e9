"""Stops the engine's rooms, so that none of them can hold up Home Assistant."""

import asyncio
from collections.abc import Awaitable, Callable
import logging
from typing import Final

STOP_SECONDS: Final = 30.0
"""For each room; all of them end what they do much sooner, or were meant to."""

_LOGGER = logging.getLogger(__name__)


async def stop_room(stop: Callable[[], Awaitable[None]]) -> None:
    """Await ``stop``, but not for ever; raises what it raises.

    A room that does not end is left behind, and the log says what it waits for.
    """
    task = asyncio.ensure_future(stop())
    await asyncio.wait({task}, timeout=STOP_SECONDS)
    if task.done():
        task.result()
        return
    others = asyncio.all_tasks() - {task, asyncio.current_task()}
    _LOGGER.error(
        "A part of the recorder does not stop and is left behind. Please report this:\n%s",
        "\n".join(map(asyncio.format_call_graph, (task, *others))),
    )
