"""A recorder that is reloaded again and again leaves nothing behind.

HIKVISION_NVR_FULL=1 reloads a hundred times.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from datetime import date
import ftplib
import gc
import logging
import os
from pathlib import Path
import sys
import threading

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import EVENT_HOMEASSISTANT_FINAL_WRITE
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.hikvision_nvr.coordinator import RecorderCoordinator
from custom_components.hikvision_nvr.engine import Engine
from custom_components.hikvision_nvr.store import Store

from .test_delivery import NAME, listens, recorder, upload  # noqa: F401

pytestmark = pytest.mark.usefixtures("socket_enabled")

RELOADS = 100 if os.environ.get("HIKVISION_NVR_FULL") else 15
WARM = 3
"""So many come before anything is compared: caches fill, libraries load."""
SOME = Counter(timers=3, tasks=3, threads=3)
OBJECTS = 5_000
"""Of Python's. One recorder is some ten times as many."""
GROWTH = 96 << 20
"""Bytes. New threads get new arenas of the C library's, which keeps what they free:
only what is beyond that would tell of a leak below Python."""


def descriptors() -> Counter[str]:
    """Return what this process has open, by kind: sockets, pipes, names of files."""
    found: Counter[str] = Counter()
    for number in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{number}")
        except FileNotFoundError:
            continue  # The listing's own.
        found[target.partition(":")[0]] += 1
    return found


def resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def ours() -> Counter[str]:
    """Return how many there are of what a recorder is made of."""
    gc.collect()
    kinds = (Engine, RecorderCoordinator, Store)
    return Counter(
        type(one).__name__ for one in gc.get_objects() if isinstance(one, kinds)
    )


def left_over(home: HomeAssistant) -> dict[str, object]:
    """Return all that must be the same after each reload."""
    return {
        "threads": sorted(
            thread.name
            for thread in threading.enumerate()
            if "hikvision" in thread.name
        ),
        "descriptors": descriptors(),
        "listeners": {
            event: count
            for event, count in home.bus.async_listeners().items()
            # Home Assistant's own: there while something waits to be written.
            if event != EVENT_HOMEASSISTANT_FINAL_WRITE
        },
        "states": len(home.states.async_all()),
        "services": sorted(home.services.async_services_for_domain("hikvision_nvr")),
        "objects": ours(),
    }


def under_way(home: HomeAssistant) -> Counter[str]:
    """Return how much there is of what comes and goes."""
    planned = home.loop._scheduled  # type: ignore[attr-defined]
    return Counter(
        timers=sum(not handle.cancelled() for handle in planned),
        tasks=len(asyncio.all_tasks(home.loop)),
        threads=threading.active_count(),
    )


@pytest.fixture
def silence() -> Iterator[None]:
    """Let nothing be logged: pytest would keep it until the end of the test."""
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


async def test_reloads_leave_nothing_behind(
    home: HomeAssistant,
    recorder: MockConfigEntry,  # noqa: F811
    silence: None,
) -> None:
    port = recorder.data["ftps_port"]
    before: dict[str, object] = {}
    coming: list[Counter[str]] = []
    memory: list[int] = []
    objects: list[int] = []
    for number in range(RELOADS):
        (reply,) = await home.async_add_executor_job(
            upload, port, f"{number}-{NAME.format(number)}"
        )
        assert reply.startswith("226")
        await home.async_block_till_done()
        assert await home.config_entries.async_reload(recorder.entry_id)
        await home.async_block_till_done()
        assert recorder.state is ConfigEntryState.LOADED
        if number == WARM:
            before = left_over(home)
        if number >= WARM:
            coming.append(under_way(home))
            memory.append(resident())
            gc.collect()
            objects.append(sys.getallocatedblocks())
    assert left_over(home) == before
    # One that was left by each reload would be many more.
    assert all(one <= coming[0] + SOME for one in coming)
    assert objects[-1] - objects[0] < OBJECTS
    assert memory[-1] - memory[0] < GROWTH

    assert await home.config_entries.async_unload(recorder.entry_id)
    await home.async_block_till_done()
    assert not listens(port)
    assert [one.name for one in threading.enumerate() if "hikvision" in one.name] == []
    # The coordinator is the entry's until its next start; it holds what has ended.
    assert ours()["Engine"] <= 1


async def test_reload_in_the_middle_of_uploads_loses_nothing(
    home: HomeAssistant,
    recorder: MockConfigEntry,  # noqa: F811
    tmp_path: Path,
) -> None:
    """What was confirmed is there; what was not, the camera sends again."""
    port = recorder.data["ftps_port"]
    stopping = threading.Event()
    confirmed: list[str] = []

    def deliver(camera: int) -> None:
        number = 0
        while not stopping.is_set():
            name = f"{camera}{number:03}-{NAME.format(number % 1000)}"
            try:
                replies = upload(port, name)
            except OSError, EOFError, ftplib.error_temp:
                continue  # It is down just now: a camera tries again.
            assert replies[0].startswith("226")
            confirmed.append(name)
            number += 1

    work = [home.loop.run_in_executor(None, deliver, camera) for camera in range(3)]
    try:
        for _ in range(4):
            had = len(confirmed)
            async with asyncio.timeout(30):
                while len(confirmed) < had + 5:
                    await asyncio.sleep(0.02)
            assert await home.config_entries.async_reload(recorder.entry_id)
    finally:
        stopping.set()
        await asyncio.gather(*work)
    await home.async_block_till_done()

    folder = tmp_path / "storage" / "Front door" / "2026-11-22"
    kept = {path.name for path in folder.iterdir()}
    assert set(confirmed) <= kept
    engine = recorder.runtime_data.engine
    known = await engine.run(
        engine.store.captures.on_day("Front door", date(2026, 11, 22), limit=10_000)
    )
    assert {capture.name for capture in known} == kept
