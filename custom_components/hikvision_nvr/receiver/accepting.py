"""Ends a listener so that no connection is lost between the kernel and its session."""

import asyncio
from typing import Final

_STEPS_TO_SESSION: Final = 5
"""Turns of the loop from an accepted connection to the start of its session."""


async def stop_accepting(server: asyncio.AbstractServer) -> None:
    """Let nobody in any more, and those who are just coming in arrive.

    A connection that asyncio has accepted but not yet attached when its server is
    closed is never closed itself.
    """
    assert isinstance(server, asyncio.Server)
    loop = asyncio.get_running_loop()
    for listener in server.sockets:
        loop.remove_reader(listener.fileno())
    for _ in range(_STEPS_TO_SESSION):
        await asyncio.sleep(0)
