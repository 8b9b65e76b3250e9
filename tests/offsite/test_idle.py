"""While nothing waits, S3 is asked for nothing."""

import asyncio
from collections.abc import Awaitable, Callable

from aiobotocore.httpsession import AIOHTTPSession
import pytest

from custom_components.hikvision_nvr.model import S3Settings
from custom_components.hikvision_nvr.offsite import Offsite, manifest_keeper
from custom_components.hikvision_nvr.offsite.http import Connections

from .conftest import BERLIN, LocalStore, describe
from .proxy import S3Proxy

DAYS = 7


class Clock:
    """The loop's clock, which can be put forward: all timers are due then.

    It waits for requests that are under way, which would time out otherwise.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self._time = loop.time
        self._ahead = 0.0
        self._under_way = 0
        monkeypatch.setattr(loop, "time", self._now)
        for sender, method in ((AIOHTTPSession, "send"), (Connections, "request")):
            monkeypatch.setattr(sender, method, self._counted(getattr(sender, method)))

    def _now(self) -> float:
        return self._time() + self._ahead

    def _counted[**P, T](
        self, send: Callable[P, Awaitable[T]]
    ) -> Callable[P, Awaitable[T]]:
        async def counted(*args: P.args, **kwargs: P.kwargs) -> T:
            self._under_way += 1
            try:
                return await send(*args, **kwargs)
            finally:
                self._under_way -= 1

        return counted

    async def idle(self, seconds: float) -> None:
        """Return once no request was under way for so long, by the wall's clock."""
        since = self._time()
        while self._time() - since < seconds:
            await asyncio.sleep(0.001)
            if self._under_way:
                since = self._time()

    async def pass_hours(self, hours: int) -> None:
        """Put the clock forward hour by hour and let everyone do what is due."""
        for _ in range(hours):
            self._ahead += 3600
            # A look into the catalogue takes a turn of its thread.
            await self.idle(0.01)


async def test_a_week_without_captures_costs_no_request(
    settings: S3Settings,
    local: LocalStore,
    proxy: S3Proxy,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks = 0
    days_with_unlisted = local.store.manifests.days_with_unlisted

    async def counted(*args: object) -> object:
        nonlocal looks
        looks += 1
        return await days_with_unlisted(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(local.store.manifests, "days_with_unlisted", counted)
    clock = Clock(asyncio.get_running_loop(), monkeypatch)
    offsite = Offsite(settings, local.store, BERLIN, describe)
    await offsite.start()
    await local.keep()
    await local.drained()
    async with asyncio.timeout(20):
        while offsite.capabilities is None:
            await asyncio.sleep(0.01)
    assert await offsite.write_manifests() in {0, 1}
    await clock.idle(0.5)
    await clock.pass_hours(1)
    await clock.idle(0.5)
    asked = len(proxy.requests)
    assert asked > 5
    looks = 0
    await clock.pass_hours(DAYS * 24)
    assert len(proxy.requests) == asked
    assert looks >= DAYS * 24 * 3600 / (manifest_keeper.CHECK_SECONDS + 3600)

    # And it goes on at once when there is something to do.
    await local.keep(b"another", "b.jpg")
    await local.drained()
    assert len(proxy.requests) > asked
    await offsite.stop()
