"""Each defect of hikvision-aws-toolkit 1.0 (D1 to D23), and that it is not ours.

The bucket is as the toolkit and s3fs leave it; what is asked for is what its actions
do. What several defects have in common is proven once, in detail, in the other files.
"""

import asyncio
from collections.abc import Callable
from datetime import date, datetime, timedelta
import gzip
from pathlib import Path
import re
import resource
import tarfile
from typing import Any

from aiohttp import web
import pytest

from custom_components.hikvision_nvr.errors import ArchiveError, OffsiteError
from custom_components.hikvision_nvr.http import CaptureView
from custom_components.hikvision_nvr.jobs import JobRun, JobRunner
from custom_components.hikvision_nvr.model import JobEnd, JobState, S3Settings
from custom_components.hikvision_nvr.offsite import Offsite
from custom_components.hikvision_nvr.offsite.archive import Archiver
from custom_components.hikvision_nvr.offsite.archive_job import ArchiveJob, DayChoice
from custom_components.hikvision_nvr.offsite.archive_sink import PART_SIZE
from custom_components.hikvision_nvr.offsite.bucket import Bucket
from custom_components.hikvision_nvr.offsite.cameras import (
    list_cameras,
    read_camera_folder,
)
from custom_components.hikvision_nvr.offsite.purge import Purger, PurgeScope
from custom_components.hikvision_nvr.offsite.sort import Sorter
from custom_components.hikvision_nvr.offsite.uploader import Uploader

from .conftest import BERLIN, LocalStore, Remote, captures, describe
from .proxy import S3Proxy
from .test_archive import KEY, members, noise, source
from .test_archive_days import Run, fill, run
from .test_restore import toolkit_archive

__all__ = ["run"]

DAY = date(2026, 11, 20)
NAME = "20261120T100000Z.jpg"


@pytest.fixture
def archiver(bucket: Bucket, local: LocalStore) -> Archiver:
    return Archiver(bucket, local.store, BERLIN)


@pytest.fixture
def sorter(bucket: Bucket, local: LocalStore) -> Sorter:
    return Sorter(bucket, local.store, describe, BERLIN, grace=timedelta(0))


async def test_d1_archiving_a_day_twice_keeps_the_first_archive(
    archiver: Archiver, remote: Remote
) -> None:
    for name in "abcde":
        remote.put(source(f"{name}.jpg"), name.encode())
    await archiver.archive("CAM", DAY, storage_class="STANDARD")
    remote.put(source("late.jpg"), b"late")
    late = await archiver.archive("CAM", DAY, storage_class="STANDARD")
    assert len(members(remote, KEY)) == 5
    assert members(remote, late.key) == {source("late.jpg"): b"late"}


async def test_d2_source_that_cannot_be_downloaded_is_not_deleted(
    archiver: Archiver, remote: Remote, proxy: S3Proxy
) -> None:
    for name in "abcdef":
        remote.put(source(f"{name}.jpg"), name.encode())

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if request.method == "GET" and request.path.endswith("c.jpg"):
            return web.Response(status=500)
        return None

    proxy.fault = fault
    result = await archiver.archive("CAM", DAY, storage_class="STANDARD")
    assert (result.members, result.deleted, result.left) == (5, 5, 1)
    assert remote.read(source("c.jpg")) == b"c"
    assert "c.jpg" in result.errors[0]


async def test_d3_sources_go_after_the_archive_is_verified_and_refusals_are_told(
    archiver: Archiver, remote: Remote, proxy: S3Proxy
) -> None:
    remote.put(source("a.jpg"), b"a")
    remote.put(source("b.jpg"), b"b")

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if request.method == "POST" and "delete" in request.query:
            return web.Response(
                text=f"<DeleteResult><Error><Key>{source('a.jpg')}</Key>"
                "<Code>AccessDenied</Code></Error></DeleteResult>"
            )
        return None

    proxy.fault = fault
    result = await archiver.archive("CAM", DAY, storage_class="STANDARD")
    assert result.errors == (f"{source('a.jpg')}: AccessDenied",)
    order = [
        "verify" if method == "HEAD" else "delete"
        for method, path in proxy.requests
        if (method == "HEAD" and path.endswith(KEY)) or "delete" in path
    ]
    assert order.index("verify") < order.index("delete")


async def test_d4_more_than_a_thousand_files_dates_and_cameras(
    unconditional: tuple[Bucket, Remote], rclone_folder: Path, local: LocalStore
) -> None:
    bucket, remote = unconditional
    folder = rclone_folder / remote.name
    for number in range(1200):
        for path in (
            folder / "CAM" / f"20261120T100000Z-{number}.jpg",
            folder / "OLD" / str(date(2020, 1, 1) + timedelta(number)) / "a.jpg",
        ):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x")
    for number in range(1010):
        (folder / f"EXT-{number:04}" / "2026-11-20").mkdir(parents=True)
        (folder / f"EXT-{number:04}" / "2026-11-20" / "a.jpg").write_bytes(b"x")
    sorter = Sorter(bucket, local.store, describe, BERLIN, grace=timedelta(0))
    assert (await sorter.sort("CAM")).moved == 1200
    assert len(await bucket.cameras()) == 1012
    assert len((await read_camera_folder(bucket, "OLD")).days) == 1200


async def test_d5_cameras_are_listed_without_an_object_in_the_root(
    bucket: Bucket, remote: Remote
) -> None:
    remote.put("CAM1/2026-11-20/a.jpg")
    remote.put("CAM2/a.jpg")
    assert [one.camera for one in await list_cameras(bucket)] == ["CAM1", "CAM2"]
    remote.put("test.io")
    assert [one.camera for one in await list_cameras(bucket)] == ["CAM1", "CAM2"]


async def test_d6_day_is_that_of_the_event_in_the_houses_time_zone(
    sorter: Sorter, remote: Remote
) -> None:
    remote.put("CAM/20240224T225959Z.jpg")
    remote.put("CAM/20240224T230000Z.jpg")
    remote.put("CAM/noname.jpg", Metadata={"mtime": "1708815599.25"})
    await sorter.sort()
    assert captures(remote) == [
        "CAM/2024-02-24/20240224T225959Z.jpg",
        "CAM/2024-02-24/noname.jpg",
        "CAM/2024-02-25/20240224T230000Z.jpg",
    ]


async def test_d7_sorting_never_replaces_a_file(sorter: Sorter, remote: Remote) -> None:
    remote.put(f"CAM/2026-11-20/{NAME}", b"first")
    remote.put(f"CAM/{NAME}", b"second")
    await sorter.sort()
    assert remote.read(f"CAM/2026-11-20/{NAME}") == b"first"
    assert remote.read("CAM/2026-11-20/20261120T100000Z~1.jpg") == b"second"
    remote.put(f"CAM/{NAME}", b"first")
    assert (await sorter.sort()).duplicates == 1
    assert len(captures(remote)) == 2


async def test_d8_sorting_is_concurrent_and_needs_about_one_request_a_file(
    sorter: Sorter, remote: Remote, proxy: S3Proxy
) -> None:
    for number in range(100):
        remote.put(f"CAM/20261120T10{number % 60:02}00Z-{number}.jpg")
    together = most = 0

    async def fault(request: web.Request) -> web.StreamResponse | None:
        nonlocal together, most
        if "x-amz-copy-source" not in request.headers:
            return None
        together += 1
        most = max(most, together)
        answer = await proxy.forward(request)
        together -= 1
        return answer

    proxy.fault = fault
    assert (await sorter.sort()).moved == 100
    assert most > 4
    # The toolkit needs four.
    assert len(proxy.requests) < 130


async def test_d9_files_that_may_still_be_written_are_left_alone(
    bucket: Bucket, local: LocalStore, remote: Remote
) -> None:
    remote.put(f"CAM/{NAME}", b"first half")
    sorter = Sorter(bucket, local.store, describe, BERLIN)
    assert (await sorter.sort()).skipped == 1
    assert captures(remote) == [f"CAM/{NAME}"]


async def test_d10_over_the_limit_the_oldest_days_are_archived(
    run: Run, remote: Remote
) -> None:
    fill(remote, "CAM", date(2021, 12, 1), 31)
    remote.put("CAM/2021-11-30/a.jpg")
    result = await run(DayChoice(camera="CAM", pattern="*2021-1*"))
    assert (result["archived"], result["remaining"]) == (31, 1)
    assert result["remaining_days"] == ["CAM/2021-12-31"]


async def test_d11_case_of_the_extension_does_not_matter(
    sorter: Sorter, remote: Remote
) -> None:
    remote.put("CAM/20261120T100000Z.JPG")
    remote.put("CAM/20261120T100000Z.Mp4")
    assert (await sorter.sort(patterns=["*.jpg", "*.mp4"])).moved == 2


async def test_d12_large_archives_keep_tag_and_class(
    archiver: Archiver, remote: Remote
) -> None:
    remote.put(source("a.mp4"), noise(1, PART_SIZE + 1000))
    await archiver.archive("CAM", DAY, storage_class="GLACIER_IR")
    assert remote.head(KEY)["ETag"].endswith('-2"')
    assert remote.head(KEY)["StorageClass"] == "GLACIER_IR"
    assert remote.tags(KEY) == {"archived": "yes"}


async def test_d13_archive_is_written_once_in_its_class(
    archiver: Archiver, remote: Remote, proxy: S3Proxy
) -> None:
    remote.put(source("a.jpg"), b"a")
    classes: list[str | None] = []

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if request.method == "PUT" and request.path.endswith("tar.gz"):
            assert "x-amz-copy-source" not in request.headers
            classes.append(request.headers.get("x-amz-storage-class"))
        return None

    proxy.fault = fault
    await archiver.archive("CAM", DAY, storage_class="GLACIER")
    assert classes == ["GLACIER"]


@pytest.mark.parametrize("end", ["failure", "cancel"])
async def test_d14_no_multipart_upload_is_left_behind(
    archiver: Archiver, remote: Remote, proxy: S3Proxy, end: str
) -> None:
    remote.put(source("a.mp4"), noise(1, PART_SIZE + 1000))
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if request.query.get("partNumber") != "2":
            return None
        reached.set()
        if end == "cancel":
            await go_on.wait()
        return web.Response(status=403, text="<Error><Code>No</Code></Error>")

    proxy.fault = fault
    job = asyncio.create_task(archiver.archive("CAM", DAY))
    await reached.wait()
    if end == "cancel":
        job.cancel()
    with pytest.raises((OffsiteError, asyncio.CancelledError)):
        await job
    go_on.set()
    assert remote.unfinished_uploads() == []
    assert remote.listed() == [source("a.mp4")]


async def test_d15_memory_does_not_grow_with_the_day(
    unconditional: tuple[Bucket, Remote], rclone_folder: Path, local: LocalStore
) -> None:
    """The figure is in benchmarks/archive.py; this is a day larger than its bound."""
    bucket, remote = unconditional
    folder = rclone_folder / remote.name / "CAM" / "2026-11-20"
    folder.mkdir(parents=True)
    for number in range(40):
        (folder / f"{number:03}.mp4").write_bytes(noise(number, 4_000_000))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    archiver = Archiver(bucket, local.store, BERLIN)
    result = await archiver.archive("CAM", DAY, storage_class="STANDARD")
    assert result.bytes_in == 160_000_000
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10
    assert grown < result.bytes_in / 2


async def test_d16_archive_is_not_deflated_and_ends_as_a_tar_does(
    archiver: Archiver, remote: Remote
) -> None:
    remote.put(source("a.jpg"), noise(1, 1_000_000))
    result = await archiver.archive("CAM", DAY, storage_class="STANDARD")
    assert 1.0 < result.bytes_out / result.bytes_in < 1.01
    unpacked = gzip.decompress(remote.read(KEY))
    assert unpacked.endswith(bytes(2 * tarfile.BLOCKSIZE))


async def test_d17_day_that_is_not_over_is_not_archived(
    archiver: Archiver, remote: Remote
) -> None:
    today = datetime.now(BERLIN).date()
    remote.put(f"CAM/{today}/a.jpg")
    with pytest.raises(ArchiveError, match="not over"):
        await archiver.archive("CAM", today)
    assert remote.listed() == [f"CAM/{today}/a.jpg"]


async def test_d18_what_is_too_old_can_be_deleted(
    bucket: Bucket, local: LocalStore, remote: Remote
) -> None:
    remote.put("CAM/2020-01-01/a.jpg")
    remote.put("CAM/2026-11-20/b.jpg")
    purger = Purger(bucket, local.store, BERLIN)
    await purger.purge(date(2021, 1, 1), dry_run=False)
    assert remote.listed() == ["CAM/2026-11-20/b.jpg"]


def test_d19_pictures_are_served_to_who_is_logged_in() -> None:
    """That they are served by id, with ranges, is in tests/test_http.py."""
    assert CaptureView.requires_auth


async def test_d20_camera_is_served_while_the_bucket_is_away(
    bucket: Bucket, local: LocalStore, remote: Remote, proxy: S3Proxy
) -> None:
    proxy.down = True
    capture = await local.keep()
    assert local.store.path(capture).is_file()
    assert await local.waiting() == 1


async def test_d21_failed_upload_leaves_the_file_on_the_disk(
    start_uploader: Callable[[], Uploader],
    local: LocalStore,
    remote: Remote,
    proxy: S3Proxy,
) -> None:
    refused = asyncio.Event()
    broken = True

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if broken and request.method == "PUT" and "a.jpg" in request.path:
            refused.set()
            return web.Response(status=500)
        return None

    proxy.fault = fault
    capture = await local.keep(b"evidence")
    start_uploader()
    await refused.wait()
    assert local.store.path(capture).read_bytes() == b"evidence"
    broken = False
    await local.drained()
    assert remote.read(capture.relative_path) == b"evidence"
    assert local.store.path(capture).read_bytes() == b"evidence"


def test_d22_policy_in_the_guide_has_what_the_recorder_needs() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "guide" / "s3.md").read_text()
    needed = {
        "s3:ListBucket",
        "s3:ListBucketMultipartUploads",
        "s3:PutObject",
        "s3:GetObject",
        "s3:DeleteObject",
        "s3:AbortMultipartUpload",
        "s3:ListMultipartUploadParts",
        "s3:RestoreObject",
        "s3:GetObjectTagging",
        "s3:PutObjectTagging",
    }
    assert needed <= set(re.findall(r"s3:\w+", guide))


async def test_d23_failure_is_told_to_who_asked_and_to_who_listens(
    settings: S3Settings, local: LocalStore, proxy: S3Proxy
) -> None:
    ends: list[JobEnd] = []
    offsite = Offsite(settings, local.store, BERLIN, describe)
    jobs = JobRunner(local.store, ends.append)
    jobs.add_kinds(offsite.job_kinds())
    await jobs.start()
    proxy.down = True
    with pytest.raises(OffsiteError):
        await jobs.run(
            "sort",
            {"camera": None, "patterns": ["*"], "grace": 0, "dry_run": False},
        )
    (end,) = ends
    status = jobs.status()
    assert status is not None
    assert (end.state, status.state) == (JobState.FAILED, JobState.FAILED)
    assert end.error == status.error is not None
    await jobs.stop()
    await offsite.stop()


async def test_bucket_of_the_toolkit_is_taken_over(
    bucket: Bucket, local: LocalStore, remote: Remote
) -> None:
    """Markers, root files, s3fs's metadata, unsorted files, archived days, .JPG."""
    yesterday = datetime.now(BERLIN).date() - timedelta(days=1)
    archive = toolkit_archive({"20211201T100000Z.jpg": noise(1, 1000)})
    s3fs = {"mtime": "1708815599", "uid": "1000", "gid": "1000", "mode": "33188"}
    for key in ("CAM1/", "CAM1/2021-12-02/", "CAM2/", "test.file", "test.io"):
        remote.put(key, b"")
    remote.put("CAM1/archive/2021-12-01.tar.gz", archive, StorageClass="GLACIER")
    for number in range(20):
        remote.put(f"CAM1/2021-12-02/{number}.jpg", noise(number, 500))
        remote.put(f"CAM2/20211203T1000{number:02}Z.JPG", noise(number, 500))
    remote.put("CAM2/noname.jpg", b"by s3fs", Metadata=s3fs)
    remote.put(f"CAM2/{yesterday}/new.jpg", b"new")

    found = {one.camera: one for one in await list_cameras(bucket)}
    assert set(found) == {"CAM1", "CAM2"}
    assert (found["CAM1"].archives, found["CAM2"].unsorted) == (1, 21)

    sorter = Sorter(bucket, local.store, describe, BERLIN, grace=timedelta(0))
    assert (await sorter.sort()).moved == 21
    assert len(remote.listed("CAM2/2021-12-03/")) == 20
    assert remote.listed("CAM2/2024-02-24/") == ["CAM2/2024-02-24/noname.jpg"]

    archiver = Archiver(bucket, local.store, BERLIN)
    done: dict[str, Any] = await ArchiveJob(bucket, local.store, archiver).run(
        DayChoice(pattern="*2021-12-*"),
        storage_class="GLACIER_IR",
        limit=31,
        dry_run=False,
        job=JobRun({}),
    )
    assert (done["archived"], done["deleted"]) == (2, 40)
    assert remote.listed("CAM1/2021") == []
    assert len(members(remote, "CAM1/archive/2021-12-02.tar.gz")) == 20

    purger = Purger(bucket, local.store, BERLIN)
    purged = await purger.purge(
        date(2021, 12, 2), scope=PurgeScope.ARCHIVES, dry_run=False
    )
    assert purged.by_class == {"GLACIER": 1}
    assert captures(remote) == sorted(
        [
            "CAM1/",
            *(
                f"{camera}/archive/{day}.{kind}"
                for camera, day in (("CAM1", "2021-12-02"), ("CAM2", "2021-12-03"))
                for kind in ("index.json.gz", "tar.gz")
            ),
            "CAM2/",
            f"CAM2/{yesterday}/new.jpg",
            "CAM2/2024-02-24/noname.jpg",
            "test.file",
            "test.io",
        ]
    )
