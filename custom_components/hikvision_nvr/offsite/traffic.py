"""Lets recordings wait for captures, which must never wait for them."""

import asyncio
from typing import Self

from .bandwidth import Bandwidth


class Traffic:
    """Counts the captures that are being sent; use it with ``with``."""

    def __init__(self) -> None:
        """Begin with none."""
        self._count = 0
        self._quiet = asyncio.Event()
        self._quiet.set()

    def __enter__(self) -> Self:
        """A capture is being sent."""
        self._count += 1
        self._quiet.clear()
        return self

    def __exit__(self, *_: object) -> None:
        """It is over."""
        self._count -= 1
        if not self._count:
            self._quiet.set()

    async def quiet(self) -> None:
        """Return when no capture is being sent."""
        await self._quiet.wait()


class Yielding(Bandwidth):
    """A bandwidth of which nothing is left while captures are sent.

    Even a body that is half sent stops, after at most one piece of 128 KiB.
    """

    def __init__(self, traffic: Traffic, *arguments: object) -> None:
        """Yield to ``traffic``; the other arguments are those of a bandwidth."""
        super().__init__(*arguments)  # type: ignore[arg-type]
        self._traffic = traffic

    async def take(self, size: int) -> None:
        """Return when ``size`` bytes may be sent and no capture is."""
        await self._traffic.quiet()
        await super().take(size)
