"""When connections read: together, a few times a second.

A camera's packets come one by one, and what a read costs has little to do with how much
it brings. Reading five times a second instead of at each packet takes a third of the
processor time; the kernel keeps what comes in between.
"""

import asyncio

TICK = 0.2
"""Seconds between two reads of a connection."""
_SOON = TICK / 4
"""The same where the kernel would otherwise run out of room."""


class Pacer:
    """Lets all connections of a loop go on at the same moments."""

    def __init__(self) -> None:
        """Begin with none."""
        self._waiting: list[asyncio.ReadTransport] = []
        self._timer: asyncio.TimerHandle | None = None

    def pause(self, transport: asyncio.ReadTransport, *, full: bool) -> None:
        """Let a connection wait for the next moment; ``full`` for an earlier one."""
        transport.pause_reading()
        loop = asyncio.get_running_loop()
        if full:
            loop.call_later(_SOON, _resume, transport)
            return
        self._waiting.append(transport)
        if self._timer is None:
            now = loop.time()
            self._timer = loop.call_at(now - now % TICK + TICK, self._go_on)

    def _go_on(self) -> None:
        self._timer = None
        waiting, self._waiting = self._waiting, []
        for transport in waiting:
            _resume(transport)


def _resume(transport: asyncio.ReadTransport) -> None:
    if not transport.is_closing():
        transport.resume_reading()
