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


def _chosen(folder: Path) -> int:
    """Return how many uploads workers have taken, as the catalogue has it."""
    with closing(sqlite3.connect(folder / "state" / "catalogue.sqlite")) as connection:
        (count,) = connection.execute(
            "SELECT count(*) FROM uploads WHERE state = 'uploading'"
        ).fetchone()
        return int(count)


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
        async with asyncio.timeout(20):
            while await asyncio.to_thread(_chosen, tmp_path) < 2:
                await asyncio.sleep(0.01)
    await keep_hours(local, [12])
    held.go_on.set()
    await local.drained()
    assert names(proxy.puts()) == order


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
    async with asyncio.timeout(20):
        while await asyncio.to_thread(_chosen, tmp_path) > 1:
            await asyncio.sleep(0.01)
    # Another worker can send it now.
    free = await local.store.uploads.pick()
    assert free is not None
    assert free.capture.name == "11.jpg"
    await local.store.uploads.release(free)
    held.go_on.set()
    await local.drained()
    assert len(captures(remote)) == 8
