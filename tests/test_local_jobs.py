"""Jobs on the disk without a bucket: what stands in the way stays, and is told."""

from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
import os
from pathlib import Path
import time
from typing import Any

import pytest

from custom_components.hikvision_nvr import local_jobs
from custom_components.hikvision_nvr.errors import StorageMissingError
from custom_components.hikvision_nvr.jobs import JobRun
from custom_components.hikvision_nvr.local_jobs import LocalJobs
from custom_components.hikvision_nvr.model import Capture
from custom_components.hikvision_nvr.store import Store

from .store.conftest import BERLIN, describe, keep

DAY = date(2026, 11, 20)
SORT = {"camera": None, "patterns": ["*.jpg"], "grace": 60, "dry_run": False}
PURGE = {
    "before": "2026-11-21",
    "camera": None,
    "pattern": "*",
    "dry_run": False,
    "max_delete": 100,
    "include_not_offsite": True,
}


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = Store(
        tmp_path / "media",
        tmp_path / "catalogue.sqlite",
        time_zone=BERLIN,
        offsite=False,
    )
    await store.open()
    yield store
    await store.close()


@pytest.fixture
def jobs(store: Store, tmp_path: Path) -> LocalJobs:
    return LocalJobs(store, tmp_path / "media", describe, BERLIN, None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "vsftpd"
    folder.mkdir()
    return folder


def put(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    then = time.time() - 3600
    os.utime(path, (then, then))
    return path


async def noon(store: Store, day: date, name: str, camera: str = "CAM") -> Capture:
    event = datetime(day.year, day.month, day.day, 12, tzinfo=BERLIN)
    return await keep(
        store, name.encode(), name, camera=camera, event_time=event, arrived=event
    )


class Impatient(JobRun):
    """A job that is cancelled after some items."""

    def __init__(self, arguments: dict[str, Any], items: int) -> None:
        super().__init__(arguments)
        self._most = items

    def done(self, items: int = 1, size: int = 0) -> None:
        super().done(items, size)
        self.cancelled = self.items_done >= self._most


# Sorting a folder that others fill


async def test_a_file_that_is_still_written_stays_where_it_is(
    jobs: LocalJobs, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(folder / "CAM" / "a.jpg", b"first half")
    read = local_jobs.hash_file

    def read_while_it_grows(meant: Path) -> str:
        found = read(meant)
        meant.write_bytes(b"first half, second half")
        return found

    monkeypatch.setattr(local_jobs, "hash_file", read_while_it_grows)
    result = await jobs.sort_folder(JobRun({**SORT, "folder": str(folder)}))
    assert (result["moved"], result["failed"]) == (0, 1)
    assert result["errors"] == ["CAM/a.jpg: changed meanwhile, kept"]
    assert path.read_bytes() == b"first half, second half"


async def test_a_file_without_a_place_stays_and_the_others_are_sorted(
    jobs: LocalJobs, folder: Path
) -> None:
    blocked = put(folder / "CAM" / "a.jpg", b"a")
    # Where its day's folder would be.
    put(folder / "CAM" / "2026-11-22", b"a file of somebody's")
    put(folder / "OTHER" / "a.jpg", b"b")
    result = await jobs.sort_folder(JobRun({**SORT, "folder": str(folder)}))
    assert (result["moved"], result["failed"]) == (1, 1)
    assert result["errors"][0].startswith("CAM/a.jpg: ")
    assert blocked.read_bytes() == b"a"
    assert (folder / "OTHER" / "2026-11-22" / "a.jpg").read_bytes() == b"b"


async def test_sorting_stops_between_two_files(jobs: LocalJobs, folder: Path) -> None:
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        put(folder / "CAM" / name, name.encode())
    result = await jobs.sort_folder(Impatient({**SORT, "folder": str(folder)}, 2))
    assert (result["moved"], result["complete"]) == (2, False)
    assert (folder / "CAM" / "c.jpg").exists()


# Purging the disk


async def test_purging_stops_between_two_days_and_counts_what_went(
    jobs: LocalJobs, store: Store
) -> None:
    kept = [
        await noon(store, DAY - timedelta(days=days), f"{days}.jpg")
        for days in (2, 1, 0)
    ]
    job = Impatient(PURGE, 2)
    result = await jobs.purge.purge_local(job)
    assert (result["deleted"], result["complete"]) == (2, False)
    assert [store.path(one).exists() for one in kept] == [False, False, True]
    # After a restart the limit counts what went before it.
    again = JobRun({**PURGE, "max_delete": 2}, dict(job.checkpoint))
    result = await jobs.purge.purge_local(again)
    assert (result["deleted"], result["remaining"]) == (2, 1)
    assert store.path(kept[2]).exists()


async def test_a_day_behind_a_link_is_not_ours_to_delete(
    jobs: LocalJobs, store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    one = await noon(store, DAY, "a.jpg")
    other = await noon(store, DAY, "b.jpg", camera="OTHER")
    elsewhere = tmp_path / "elsewhere"
    store.path(one).parent.rename(elsewhere)
    store.path(one).parent.symlink_to(elsewhere)
    result = await jobs.purge.purge_local(JobRun(PURGE))
    assert (result["deleted"], result["failed"]) == (1, 1)
    assert (elsewhere / "a.jpg").read_bytes() == b"a.jpg"
    assert not store.path(other).exists()
    # It stays known as well.
    assert [one.name for one in await store.captures.local_on("CAM", DAY)] == ["a.jpg"]
    assert "cannot be deleted, such as CAM/2026-11-20/a.jpg" in caplog.text


async def test_while_the_disk_is_unplugged_nothing_counts_as_deleted(
    jobs: LocalJobs, store: Store, tmp_path: Path
) -> None:
    kept = await noon(store, DAY, "a.jpg")
    root = tmp_path / "media"
    root.rename(tmp_path / "unplugged")
    root.mkdir()
    with pytest.raises(StorageMissingError):
        await jobs.purge.purge_local(JobRun(PURGE))
    root.rmdir()
    (tmp_path / "unplugged").rename(root)
    assert await store.captures.get(kept.id) == kept
    result = await jobs.purge.purge_local(JobRun(PURGE))
    assert result["deleted"] == 1
    assert not store.path(kept).exists()
