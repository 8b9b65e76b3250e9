"""The room as the engine uses it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
import threading

from aiohttp import web
import pytest

from custom_components.hikvision_nvr.errors import ArchiveError, OffsiteError
from custom_components.hikvision_nvr.jobs import JobRunner
from custom_components.hikvision_nvr.model import S3Settings
from custom_components.hikvision_nvr.offsite import Offsite

from .conftest import BERLIN, LocalStore, Remote, captures, describe
from .proxy import S3Proxy


@pytest.fixture
async def offsite(settings: S3Settings, local: LocalStore) -> AsyncIterator[Offsite]:
    offsite = Offsite(settings, local.store, BERLIN, describe)
    await offsite.start()
    yield offsite
    await offsite.stop()


@pytest.fixture
async def jobs(offsite: Offsite, local: LocalStore) -> AsyncIterator[JobRunner]:
    jobs = JobRunner(local.store)
    jobs.add_kinds(offsite.job_kinds())
    await jobs.start()
    yield jobs
    await jobs.stop()


SORT = {"camera": None, "patterns": ["*.jpg"], "grace": 0, "dry_run": False}
ARCHIVE = {
    "camera": "CAM",
    "first": "2026-11-19",
    "last": "2026-11-19",
    "pattern": None,
    "storage_class": "GLACIER",
    "limit": 31,
    "dry_run": False,
}
PURGE = {
    "before": "2100-01-01",
    "camera": None,
    "pattern": "*",
    "scope": "captures",
    "dry_run": False,
    "max_delete": 100,
}


async def test_all_jobs_work_on_one_bucket(
    offsite: Offsite, jobs: JobRunner, local: LocalStore, remote: Remote
) -> None:
    capture = await local.keep(camera="CAM")
    await local.drained()
    remote.put("CAM/20261119T100000Z.jpg", b"old")
    assert (await jobs.run("sort", SORT))["moved"] == 1
    (camera,) = await offsite.list_cameras()
    assert camera.days == 2
    archived = await jobs.run("archive", ARCHIVE)
    assert (archived["archived"], archived["deleted"]) == (1, 1)
    purged = await jobs.run("purge", {**PURGE, "scope": "archives"})
    assert purged["deleted"] == 2
    assert captures(remote) == [capture.relative_path]


async def test_two_jobs_do_not_run_at_once(
    offsite: Offsite, jobs: JobRunner, remote: Remote, proxy: S3Proxy
) -> None:
    remote.put("CAM/2026-11-19/a.jpg")
    held, go_on = asyncio.Event(), asyncio.Event()

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if request.method == "GET" and request.path.endswith("a.jpg"):
            held.set()
            await go_on.wait()
        return None

    proxy.fault = fault
    archiving = asyncio.create_task(jobs.run("archive", ARCHIVE))
    await held.wait()
    purging = asyncio.create_task(jobs.run("purge", PURGE))
    # A question is not held up, and gives the purge time to begin.
    assert len(await offsite.list_cameras()) == 1
    assert not purging.done()
    go_on.set()
    assert (await archiving)["deleted"] == 1
    assert (await purging)["matched"] == 0


async def test_job_that_fails_lets_the_next_one_run(
    jobs: JobRunner, remote: Remote
) -> None:
    with pytest.raises(ArchiveError):
        await jobs.run("archive", ARCHIVE)
    assert (await jobs.run("sort", SORT))["scanned"] == 0


async def test_impossible_address_does_not_hinder_the_start(
    settings: S3Settings, local: LocalStore
) -> None:
    wrong = replace(settings, endpoint_url="not an address")
    offsite = Offsite(wrong, local.store, BERLIN, describe)
    await offsite.start()
    await local.until(lambda: offsite.connected is False)
    with pytest.raises(OffsiteError):
        await offsite.list_cameras()
    await offsite.stop()


async def test_stop_leaves_no_task_and_no_thread_of_ours(
    settings: S3Settings, local: LocalStore
) -> None:
    before = asyncio.all_tasks()
    offsite = Offsite(settings, local.store, BERLIN, describe)
    await offsite.start()
    await local.until(lambda: offsite.connected is True)
    await offsite.stop()
    left = asyncio.all_tasks() - before
    # The proxy's side of the closed connections ends by itself.
    assert [task for task in left if "web_protocol" not in repr(task)] == []
    names = {thread.name for thread in threading.enumerate()}
    assert not any("offsite" in name for name in names)


async def test_stop_without_a_start_is_fine(
    settings: S3Settings, local: LocalStore
) -> None:
    await Offsite(settings, local.store, BERLIN, describe).stop()
