"""While nothing waits, S3 is asked for nothing."""

import asyncio

import pytest

from custom_components.hikvision_nvr.model import S3Settings
from custom_components.hikvision_nvr.offsite import Offsite, manifest_keeper

from .conftest import BERLIN, LocalStore, describe
from .proxy import S3Proxy

DAYS = 7


class Clock:
    """The loop's clock, which can be put forward: all timers are due then."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._time = loop.time
        self._ahead = 0.0

    def __call__(self) -> float:
        return self._time() + self._ahead

    async def pass_hours(self, hours: int) -> None:
        """Put the clock forward hour by hour and let everyone do what is due."""
        for _ in range(hours):
            self._ahead += 3600
            await asyncio.sleep(0)
            # A look into the catalogue takes a turn of its thread.
            await asyncio.sleep(0.005)


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
    loop = asyncio.get_running_loop()
    clock = Clock(loop)
    monkeypatch.setattr(loop, "time", clock)
    offsite = Offsite(settings, local.store, BERLIN, describe)
    await offsite.start()
    await local.keep()
    await local.drained()
    async with asyncio.timeout(20):
        while offsite.capabilities is None:
            await asyncio.sleep(0.01)
    assert await offsite.write_manifests() in {0, 1}
    await clock.pass_hours(1)
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
