"""Many days are archived a call: chosen, estimated, resumed, from the disk if possible."""

import asyncio
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

from aiohttp import web
import pytest

from custom_components.hikvision_nvr.errors import ArchiveError
from custom_components.hikvision_nvr.jobs import JobRun
from custom_components.hikvision_nvr.offsite.archive import Archiver
from custom_components.hikvision_nvr.offsite.archive_job import ArchiveJob, DayChoice
from custom_components.hikvision_nvr.offsite.bucket import Bucket
from custom_components.hikvision_nvr.offsite.multipart import PART_SIZE
from custom_components.hikvision_nvr.offsite.transfer import send

from .conftest import BERLIN, LocalStore, Remote
from .proxy import S3Proxy
from .test_archive import index, members, noise

type Run = Callable[..., Any]


@pytest.fixture
def run(bucket: Bucket, local: LocalStore) -> Run:
    async def archive(
        choice: DayChoice, job: JobRun | None = None, **options: Any
    ) -> dict[str, Any]:
        archiver = Archiver(bucket, local.store, BERLIN)
        return await ArchiveJob(bucket, local.store, archiver).run(
            choice,
            job=job or JobRun({}),
            **{
                "storage_class": "STANDARD",
                "limit": 31,
                "dry_run": False,
                **options,
            },
        )

    return archive


def fill(remote: Remote, camera: str, first: date, days: int, files: int = 1) -> None:
    for number in range(days):
        for file in range(files):
            day = first + timedelta(days=number)
            remote.put(f"{camera}/{day}/{file}.jpg", noise(number * 100 + file, 1000))


async def uploaded(
    bucket: Bucket, local: LocalStore, content: bytes, name: str
) -> None:
    event = datetime(2026, 11, 20, 12, tzinfo=BERLIN)
    await local.keep(content, name, camera="CAM", event_time=event)
    upload = await local.store.uploads.pick()
    assert upload is not None
    await local.store.uploads.succeeded(upload, await send(bucket, upload))


async def test_range_of_days_of_one_camera(run: Run, remote: Remote) -> None:
    fill(remote, "CAM", date(2026, 11, 1), 5, files=2)
    fill(remote, "OTHER", date(2026, 11, 1), 5)
    result = await run(
        DayChoice(camera="CAM", first=date(2026, 11, 2), last=date(2026, 11, 4))
    )
    assert [day["date"] for day in result["days"]] == [
        "2026-11-02",
        "2026-11-03",
        "2026-11-04",
    ]
    assert (result["archived"], result["deleted"], result["remaining"]) == (3, 6, 0)
    assert remote.listed("CAM/2026") == [
        f"CAM/2026-11-0{day}/{file}.jpg" for day in (1, 5) for file in (0, 1)
    ]
    assert len(remote.listed("OTHER/2026")) == 5


@pytest.mark.parametrize("pattern", ["*2021-12-*", "2021-12-*", "cam*/2021-12-*"])
async def test_pattern_of_the_toolkit(run: Run, remote: Remote, pattern: str) -> None:
    fill(remote, "CAM1", date(2021, 11, 30), 3)
    fill(remote, "CAM2", date(2021, 12, 31), 2)
    result = await run(DayChoice(pattern=pattern))
    assert [(day["camera"], day["date"]) for day in result["days"]] == [
        ("CAM1", "2021-12-01"),
        ("CAM1", "2021-12-02"),
        ("CAM2", "2021-12-31"),
    ]
    assert remote.listed("CAM1/2021") == ["CAM1/2021-11-30/0.jpg"]


async def test_over_the_limit_the_oldest_are_archived_and_the_rest_is_named(
    run: Run, remote: Remote
) -> None:
    fill(remote, "B", date(2021, 1, 2), 3)
    fill(remote, "A", date(2021, 1, 1), 3)
    result = await run(DayChoice(pattern="*"), limit=4)
    assert [(day["camera"], day["date"][-2:]) for day in result["days"]] == [
        ("A", "01"),
        ("A", "02"),
        ("B", "02"),
        ("A", "03"),
    ]
    assert result["remaining"] == 2
    assert result["remaining_days"] == ["B/2021-01-03", "B/2021-01-04"]
    again = await run(DayChoice(pattern="*"), limit=4)
    assert (again["archived"], again["remaining"]) == (2, 0)


async def test_day_that_cannot_be_archived_is_skipped_with_its_reason(
    run: Run, remote: Remote
) -> None:
    today = datetime.now(BERLIN).date()
    fill(remote, "CAM", today - timedelta(days=1), 2)
    remote.put("CAM/2021-01-01/")
    result = await run(DayChoice(camera="CAM", last=today))
    assert result["archived"] == 1
    assert [(day["date"], day["reason"]) for day in result["skipped"]] == [
        ("2021-01-01", "CAM has no captures on 2021-01-01 in the bucket"),
        (str(today), f"{today} is not over yet"),
    ]
    assert remote.listed(f"CAM/{today}/") == [f"CAM/{today}/0.jpg"]


async def test_one_day_that_cannot_be_archived_is_an_error(
    run: Run, remote: Remote
) -> None:
    day = date(2021, 1, 1)
    with pytest.raises(ArchiveError, match="no captures"):
        await run(DayChoice(camera="CAM", first=day, last=day))


async def test_dry_run_says_what_it_would_be_and_cost(
    run: Run, remote: Remote, proxy: S3Proxy
) -> None:
    fill(remote, "CAM", date(2021, 1, 1), 3, files=4)
    before = remote.listed()
    result = await run(
        DayChoice(camera="CAM", last=date(2021, 1, 31)),
        dry_run=True,
        limit=2,
        storage_class="DEEP_ARCHIVE",
    )
    assert remote.listed() == before
    assert {method for method, _ in proxy.requests} == {"GET"}
    assert (result["objects"], result["bytes"]) == (8, 8000)
    assert result["bytes_downloaded"] == 8000
    assert result["requests"] > 8
    assert (result["minimum_days"], result["must_be_restored"]) == (180, True)
    assert result["monthly_cost"] <= result["monthly_cost_before"]
    assert result["requests_cost"] > 0
    assert result["remaining_days"] == ["CAM/2021-01-03"]
    assert len(result["days"]) == 2


async def test_archive_is_built_from_the_disk_without_a_download(
    run: Run, bucket: Bucket, local: LocalStore, remote: Remote, proxy: S3Proxy
) -> None:
    content = {
        "small.jpg": noise(1, 1000),
        "large.mp4": noise(2, 3_000_000),
        "parts.mp4": noise(3, PART_SIZE + 1000),
    }
    for name, data in content.items():
        await uploaded(bucket, local, data, name)
    remote.put("CAM/2026-11-20/others.jpg", b"from the bucket")
    proxy.requests.clear()
    result = await run(DayChoice(camera="CAM", last=date(2026, 11, 20)))
    (day,) = result["days"]
    assert (day["members"], day["from_disk"], day["deleted"]) == (4, 3, 4)
    downloads = [
        path
        for method, path in proxy.requests
        if method == "GET" and "list-type" not in path
    ]
    assert len(downloads) == 1
    assert "others.jpg" in downloads[0]
    packed = members(remote, day["key"])
    assert packed == {
        f"CAM/2026-11-20/{name}": data
        for name, data in {**content, "others.jpg": b"from the bucket"}.items()
    }
    # What the archive has is still on the disk.
    assert len(await local.store.captures.local_on("CAM", date(2026, 11, 20))) == 3


@pytest.mark.parametrize("size", [1000, 3_000_000])
async def test_file_on_the_disk_that_changed_is_downloaded_instead(
    run: Run, bucket: Bucket, local: LocalStore, remote: Remote, size: int
) -> None:
    await uploaded(bucket, local, noise(1, size), "a.jpg")
    (capture,) = await local.store.captures.local_on("CAM", date(2026, 11, 20))
    local.store.path(capture).write_bytes(noise(2, size))
    result = await run(DayChoice(camera="CAM", last=date(2026, 11, 20)))
    (day,) = result["days"]
    assert (day["members"], day["from_disk"]) == (1, 0)
    assert members(remote, day["key"]) == {"CAM/2026-11-20/a.jpg": noise(1, size)}


async def test_object_that_others_replaced_is_not_taken_from_the_disk(
    run: Run, bucket: Bucket, local: LocalStore, remote: Remote
) -> None:
    await uploaded(bucket, local, noise(1, 1000), "a.jpg")
    remote.put("CAM/2026-11-20/a.jpg", noise(2, 1000))
    result = await run(DayChoice(camera="CAM", last=date(2026, 11, 20)))
    assert result["days"][0]["from_disk"] == 0
    assert members(remote, result["days"][0]["key"]) == {
        "CAM/2026-11-20/a.jpg": noise(2, 1000)
    }


async def test_cut_off_while_deleting_the_next_call_finishes_without_a_second_archive(
    run: Run, remote: Remote, proxy: S3Proxy
) -> None:
    fill(remote, "CAM", date(2021, 1, 1), 1, files=5)
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if request.method == "POST" and "delete" in request.query:
            reached.set()
            await go_on.wait()
            return web.Response(status=500)
        return None

    proxy.fault = fault
    choice = DayChoice(camera="CAM", first=date(2021, 1, 1), last=date(2021, 1, 1))
    first = asyncio.create_task(run(choice))
    await reached.wait()
    first.cancel()
    await asyncio.wait([first])
    go_on.set()
    proxy.fault = None
    assert len(remote.listed("CAM/2021-01-01/")) == 5
    remote.put("CAM/2021-01-01/late.jpg", b"late")
    result = await run(choice)
    (day,) = result["days"]
    assert (day["settled"], day["members"], day["deleted"]) == (5, 1, 6)
    assert remote.listed("CAM/2021") == []
    assert [key for key in remote.listed("CAM/archive/") if key.endswith("tar.gz")] == [
        "CAM/archive/2021-01-01.2.tar.gz",
        "CAM/archive/2021-01-01.tar.gz",
    ]
    assert list(members(remote, "CAM/archive/2021-01-01.2.tar.gz")) == [
        "CAM/2021-01-01/late.jpg"
    ]


async def test_nothing_but_settled_files_makes_no_further_archive(
    run: Run, remote: Remote
) -> None:
    fill(remote, "CAM", date(2021, 1, 1), 1, files=2)
    await run(DayChoice(camera="CAM", last=date(2021, 1, 1)))
    archives = remote.listed("CAM/archive/")
    fill(remote, "CAM", date(2021, 1, 1), 1, files=2)
    result = await run(DayChoice(camera="CAM", last=date(2021, 1, 1)))
    assert result["days"][0]["settled"] == 2
    assert remote.listed("CAM/archive/") == archives
    assert remote.listed("CAM/2021") == []


@pytest.mark.parametrize("wrong", ["archive", "index"])
async def test_archive_that_its_index_does_not_prove_settles_nothing(
    run: Run, remote: Remote, wrong: str
) -> None:
    fill(remote, "CAM", date(2021, 1, 1), 1, files=2)
    await run(DayChoice(camera="CAM", last=date(2021, 1, 1)))
    archive = "CAM/archive/2021-01-01.tar.gz"
    key = archive if wrong == "archive" else archive.replace("tar.gz", "index.json.gz")
    size = remote.head(key)["ContentLength"]
    remote.put(key, noise(9, size))
    fill(remote, "CAM", date(2021, 1, 1), 1, files=2)
    result = await run(DayChoice(camera="CAM", last=date(2021, 1, 1)))
    (day,) = result["days"]
    assert (day["settled"], day["members"]) == (0, 2)
    assert day["key"] == "CAM/archive/2021-01-01.2.tar.gz"
    assert len(index(remote, day["index_key"])["members"]) == 2


async def test_restart_goes_on_with_the_days_that_are_left(
    run: Run, remote: Remote
) -> None:
    fill(remote, "CAM", date(2021, 1, 1), 4)
    saved: dict[str, Any] = {}

    async def save(checkpoint: Any) -> None:
        saved.clear()
        saved.update(checkpoint)

    job = JobRun({}, save=save)
    done = job.done

    def cut_off(items: int = 1, size: int = 0) -> None:
        done(items, size)
        if job.items_done == 3:
            raise KeyboardInterrupt

    job.done = cut_off  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        await run(DayChoice(camera="CAM", pattern="*"), job)
    assert len(saved["archived"]) == 2
    # A day that came meanwhile is not part of what was asked for.
    fill(remote, "CAM", date(2020, 1, 1), 1)
    result = await run(DayChoice(camera="CAM", pattern="*"), JobRun({}, saved))
    assert [day["date"][-2:] for day in result["days"]] == ["01", "02", "03", "04"]
    assert remote.listed("CAM/202") == ["CAM/2020-01-01/0.jpg"]


async def test_cancelled_within_a_day_nothing_of_that_day_is_touched(
    run: Run, remote: Remote
) -> None:
    fill(remote, "CAM", date(2021, 1, 1), 3, files=5)
    job = JobRun({})
    done = job.done

    def cancel(items: int = 1, size: int = 0) -> None:
        done(items, size)
        job.cancelled = job.items_done == 7

    job.done = cancel  # type: ignore[method-assign]
    result = await run(DayChoice(camera="CAM", pattern="*"), job)
    assert (result["archived"], result["remaining"], result["complete"]) == (
        1,
        2,
        False,
    )
    assert len(remote.listed("CAM/2021-01-02/")) == 5
    assert remote.unfinished_uploads() == []
    assert len(remote.listed("CAM/archive/")) == 2


async def test_progress_is_in_files_and_bytes(run: Run, remote: Remote) -> None:
    fill(remote, "CAM", date(2021, 1, 1), 2, files=3)
    totals = set()
    job = JobRun({}, on_progress=lambda: totals.add((job.items_total, job.bytes_total)))
    await run(DayChoice(camera="CAM", pattern="*"), job)
    assert (job.items_done, job.items_total) == (6, 6)
    assert (job.bytes_done, job.bytes_total) == (6000, 6000)
    # What is not yet counted is not told as if it were all.
    assert totals <= {(None, None), (6, 6000)}
