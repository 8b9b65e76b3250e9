"""Whether S3 can be used now, and the gate that uploads wait at: a circuit breaker."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
import logging
import time
from typing import Final

from ..errors import OffsiteError
from . import pace

_LOGGER = logging.getLogger(__package__)

STEADY_SECONDS: Final = 60.0
"""A connection that held for so long begins with short pauses again."""

type Trial = Callable[[], Awaitable[OffsiteError | None]]
"""One cautious attempt to use S3: returns why it failed, None when it worked."""


class Connection:
    """Opens for everyone after one trial worked, closes when S3 cannot be used.

    It begins closed. While it is closed, one trial at a time is made, with a growing
    pause between them.
    """

    def __init__(self, trial: Trial, on_change: Callable[[], None]) -> None:
        """Use ``trial`` to find out; ``on_change`` is called when it did."""
        self._trial = trial
        self._on_change = on_change
        self._usable = asyncio.Event()
        self._lost = asyncio.Event()
        self._lost.set()
        self._now = asyncio.Event()
        self._failures = 0
        self._usable_since = 0.0
        self.connected: bool | None = None
        self.error: OffsiteError | None = None

    async def usable(self) -> None:
        """Return once S3 can be used."""
        await self._usable.wait()

    def try_now(self) -> None:
        """Make the next trial at once, if one is waited for."""
        self._now.set()

    def lost(self, error: OffsiteError) -> None:
        """Say that S3 cannot be used; uploads pause until a trial works again."""
        if self._usable.is_set():
            self._usable.clear()
            self._lost.set()
            if time.monotonic() - self._usable_since > STEADY_SECONDS:
                self._failures = 0
        before, self.error = self.error, error
        if self.connected is not False:
            _LOGGER.warning("Uploads to S3 pause, nothing is lost: %s", error)
            self.connected = False
            self._on_change()
        elif before is None or before.key != error.key:
            _LOGGER.info("Uploads to S3 still pause: %s", error)
            self._on_change()

    async def keep_trying(self) -> None:
        """Make trials while the connection is lost, for ever."""
        while True:
            await self._lost.wait()
            if self._failures:
                await self._pause(pace.probe_seconds(self._failures - 1))
            self._failures += 1
            error = await self._trial()
            if error is None:
                self._restored()
            else:
                self.lost(error)

    async def _pause(self, seconds: float) -> None:
        self._now.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._now.wait()

    def _restored(self) -> None:
        self._usable_since = time.monotonic()
        self._lost.clear()
        self._usable.set()
        if self.connected is False:
            _LOGGER.info("S3 can be used again, uploads go on")
        self.error = None
        if self.connected is not True:
            self.connected = True
            self._on_change()
