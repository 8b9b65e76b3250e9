"""What a worker has ready beside the upload that it sends never makes others wait."""

import asyncio
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
import sqlite3

from aiohttp import web
import pytest

from custom_components.hikvision_nvr.offsite import transfer, uploader as module
from custom_components.hikvision_nvr.offsite.bucket import Bucket
from custom_components.hikvision_nvr.offsite.uploader import Uploader
from custom_components.hikvision_nvr.store import Lane

from .conftest import EVENT, LocalStore, Remote, captures
from .proxy import S3Proxy
from .test_uploader import keep_hours, names


class Held:
    """Holds the PUT of one capture."""

    def __init__(self, proxy: S3Proxy, name: str) -> None:
        self.reached = asyncio.Event()
        self.go_on = asyncio.Event()
        self._name = name
        proxy.fault = self._fault

    async def _fault(self, request: web.Request) -> web.StreamResponse | None:
        if request.method == "PUT" and request.path.endswith(self._name):
            self.reached.set()
            await self.go_on.wait()
        return None


def _chosen(folder: Path) -> set[str]:
    """Return the uploads that workers have taken, as the catalogue has them."""
    with closing(sqlite3.connect(folder / "state" / "catalogue.sqlite")) as connection:
        rows = connection.execute(
            "SELECT name FROM uploads JOIN captures ON id = capture_id"
            " WHERE state = 'uploading'"
        )
        return {name.removesuffix(".jpg") for (name,) in rows}


async def _until_chosen(folder: Path, wanted: set[str]) -> None:
    async with asyncio.timeout(20):
        while await asyncio.to_thread(_chosen, folder) != wanted:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("seconds", "order"),
    [
        # On a fast line the next one was chosen before.
        (60.0, ["10", "09", "08", "07", "12", "06"]),
        (0.0, ["10", "09", "08", "12", "07", "06"]),
    ],
)
async def test_on_a_slow_line_new_evidence_waits_for_no_choice_made_before(
    local: LocalStore,
    proxy: S3Proxy,
    bucket: Bucket,
    start_uploader: Callable[[], Uploader],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    seconds: float,
    order: list[str],
) -> None:
    monkeypatch.setattr(module, "lanes", lambda _workers: [Lane.NEWEST])
    monkeypatch.setattr(module, "_AHEAD_SECONDS", seconds)
    monkeypatch.setattr(module, "_AHEAD", 1)
    await bucket.refuses_overwrite()
    proxy.requests.clear()
    await keep_hours(local, [6, 7, 8, 9, 10])
    held = Held(proxy, "08.jpg")
    start_uploader()
    await held.reached.wait()
    if seconds:
        await _until_chosen(tmp_path, {"08", "07"})
    await keep_hours(local, [12])
    held.go_on.set()
    await local.drained()
    assert names(proxy.puts()) == order


@pytest.mark.parametrize(("size", "ready"), [(1024, 1), (64 * 1024, 3)])
async def test_more_is_ready_where_that_is_of_use(
    local: LocalStore,
    proxy: S3Proxy,
    start_uploader: Callable[[], Uploader],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    size: int,
    ready: int,
) -> None:
    monkeypatch.setattr(module, "lanes", lambda _workers: [Lane.NEWEST])
    monkeypatch.setattr(module, "_AHEAD_SECONDS", 60.0)
    monkeypatch.setattr(module, "_AHEAD", 3)

    async def keep(hour: int) -> None:
        event = EVENT.replace(hour=hour)
        await local.keep(bytes([hour]) * size, f"{hour:02}.jpg", event_time=event)

    for hour in range(12):
        await keep(hour)
    held = Held(proxy, "05.jpg")
    start_uploader()
    await held.reached.wait()
    await _until_chosen(tmp_path, {f"{5 - number:02}" for number in range(1 + ready)})
    await keep(20)
    held.go_on.set()
    await local.drained()
    order = list(reversed(range(12)))
    # Behind the one that is held, and what was ready then.
    order.insert(order.index(5) + 1 + ready, 20)
    assert names(proxy.puts()) == [f"{hour:02}" for hour in order]


async def test_nothing_waits_behind_a_large_file(
    local: LocalStore,
    remote: Remote,
    proxy: S3Proxy,
    start_uploader: Callable[[], Uploader],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "lanes", lambda _workers: [Lane.NEWEST])
    monkeypatch.setattr(module, "_AHEAD_SECONDS", 60.0)
    monkeypatch.setattr(transfer, "_SMALL", 1000)
    await keep_hours(local, [9, 10, 11, 13, 14, 15, 16])
    await local.keep(b"large" * 1000, "12.jpg", event_time=EVENT.replace(hour=12))
    held = Held(proxy, "12.jpg")
    start_uploader()
    await held.reached.wait()
    await _until_chosen(tmp_path, {"12"})
    # Another worker can send it now.
    free = await local.store.uploads.pick()
    assert free is not None
    assert free.capture.name == "11.jpg"
    await local.store.uploads.release(free)
    held.go_on.set()
    await local.drained()
    assert len(captures(remote)) == 8
