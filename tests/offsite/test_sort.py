"""Sorting moves what others left, by the right day, and loses nothing."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
import uuid

from aiohttp import web
import pytest

from custom_components.hikvision_nvr.errors import OffsiteError, OffsiteUnreachableError
from custom_components.hikvision_nvr.jobs import JobRun
from custom_components.hikvision_nvr.offsite.bucket import Bucket
from custom_components.hikvision_nvr.offsite.client import open_bucket
from custom_components.hikvision_nvr.offsite.discovery import discover
from custom_components.hikvision_nvr.offsite.multipart import PART_SIZE
from custom_components.hikvision_nvr.offsite.sort import Sorter

from .conftest import (
    BERLIN,
    LocalStore,
    Remote,
    captures,
    client_of,
    describe,
    settings_for,
)
from .proxy import S3Proxy

NAMED = "20261120T{hour:02}0000Z"
NO_GRACE = timedelta(0)


def is_copy(request: web.Request) -> bool:
    """Whether a file is copied, and not what finds out what the service can do."""
    return "x-amz-copy-source" in request.headers and "probe" not in request.path


type MakeSorter = Callable[[Bucket], Sorter]


@pytest.fixture
def sorter(local: LocalStore) -> MakeSorter:
    return lambda bucket: Sorter(bucket, local.store, describe, BERLIN, grace=NO_GRACE)


async def test_1200_files_are_sorted_and_no_other_object_is_touched(
    sorter: MakeSorter, unconditional: tuple[Bucket, Remote], rclone_folder: Path
) -> None:
    bucket, remote = unconditional
    names = [f"{NAMED.format(hour=10)}-{number:04}.jpg" for number in range(1200)]
    others = [
        "test.io",
        "CAM/archive/2026-11-01.tar.gz",
        "CAM/2026-11-19/old.jpg",
        "_hikvision_nvr/x.jpg",
        "CAM/notes.txt",
    ]
    for key in [f"CAM/{name}" for name in names] + others:
        path = rclone_folder / remote.name / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(key.encode())
    result = await sorter(bucket).sort()
    assert (result.scanned, result.moved, result.skipped) == (1201, 1200, 1)
    assert result.by_camera == {"CAM": 1200}
    assert result.errors == ()
    sorted_keys = [f"CAM/2026-11-20/{name}" for name in names]
    assert remote.listed() == sorted([*sorted_keys, *others])
    again = await sorter(bucket).sort()
    assert again.moved == 0


async def test_markers_and_root_objects_stay(
    sorter: MakeSorter, bucket: Bucket, remote: Remote
) -> None:
    others = [
        "CAM/",
        "CAM/2026-11-20/",
        "CAM/archive/",
        "_hikvision_nvr/x.jpg",
        "x.jpg",
    ]
    for key in others:
        remote.put(key)
    result = await sorter(bucket).sort()
    assert (result.scanned, result.moved) == (0, 0)
    assert remote.listed() == sorted(others)


async def test_capitals_in_the_extension_do_not_matter(
    sorter: MakeSorter, bucket: Bucket, remote: Remote
) -> None:
    remote.put(f"CAM/{NAMED.format(hour=10)}.JPG")
    remote.put(f"CAM/{NAMED.format(hour=10)}.Mp4")
    result = await sorter(bucket).sort("CAM")
    assert result.moved == 2
    assert remote.listed("CAM/2026-11-20/") == [
        f"CAM/2026-11-20/{NAMED.format(hour=10)}.JPG",
        f"CAM/2026-11-20/{NAMED.format(hour=10)}.Mp4",
    ]


@pytest.mark.parametrize(
    ("name", "metadata", "day"),
    [
        # 22:59:59 UTC is still the 20th in Berlin, 23:00:00 UTC is the 21st.
        ("20261120T225959Z.jpg", {}, date(2026, 11, 20)),
        ("20261120T230000Z.jpg", {}, date(2026, 11, 21)),
        ("noname.jpg", {"mtime": "1708815599.25"}, date(2024, 2, 24)),
        ("noname.jpg", {"mtime": "1708815600"}, date(2024, 2, 25)),
        ("20261120T225959Z.jpg", {"mtime": "1708815599"}, date(2026, 11, 20)),
        ("noname.jpg", {"mtime": "yesterday"}, None),
        ("noname.jpg", {}, None),
    ],
)
async def test_day_is_that_of_the_name_then_of_s3fs_then_of_the_upload(
    sorter: MakeSorter,
    bucket: Bucket,
    remote: Remote,
    name: str,
    metadata: dict[str, str],
    day: date | None,
) -> None:
    remote.put(f"CAM/{name}", Metadata=metadata)
    uploaded = remote.head(f"CAM/{name}")["LastModified"]
    await sorter(bucket).sort()
    expected = day or uploaded.astimezone(BERLIN).date()
    assert remote.listed() == [f"CAM/{expected}/{name}"]
    assert remote.head(f"CAM/{expected}/{name}")["Metadata"] == metadata


async def test_other_content_of_the_same_name_is_never_overwritten(
    sorter: MakeSorter, bucket: Bucket, remote: Remote
) -> None:
    name = NAMED.format(hour=10)
    remote.put(f"CAM/2026-11-20/{name}.jpg", b"first")
    remote.put(f"CAM/2026-11-20/{name}~1.jpg", b"second")
    remote.put(f"CAM/{name}.jpg", b"third")
    result = await sorter(bucket).sort()
    assert (result.moved, result.renamed, result.duplicates) == (1, 1, 0)
    assert remote.read(f"CAM/2026-11-20/{name}.jpg") == b"first"
    assert remote.read(f"CAM/2026-11-20/{name}~1.jpg") == b"second"
    assert remote.read(f"CAM/2026-11-20/{name}~2.jpg") == b"third"
    assert len(remote.listed()) == 3


async def test_same_content_of_the_same_name_is_a_duplicate(
    sorter: MakeSorter, bucket: Bucket, remote: Remote
) -> None:
    name = NAMED.format(hour=10)
    remote.put(f"CAM/2026-11-20/{name}.jpg", b"same")
    remote.put(f"CAM/{name}.jpg", b"same")
    result = await sorter(bucket).sort()
    assert (result.moved, result.duplicates) == (0, 1)
    assert remote.listed() == [f"CAM/2026-11-20/{name}.jpg"]


async def test_sorting_where_conditions_are_ignored_overwrites_nothing(
    sorter: MakeSorter,
    unconditional: tuple[Bucket, Remote],
) -> None:
    bucket, remote = unconditional
    name = NAMED.format(hour=10)
    remote.put(f"CAM/2026-11-20/{name}.jpg", b"first")
    remote.put(f"CAM/{name}.jpg", b"second")
    remote.put(f"CAM/{name}-b c+ü.jpg", b"third")
    result = await sorter(bucket).sort()
    assert (result.moved, result.renamed, result.errors) == (2, 1, ())
    assert remote.read(f"CAM/2026-11-20/{name}.jpg") == b"first"
    assert remote.read(f"CAM/2026-11-20/{name}~1.jpg") == b"second"
    assert remote.read(f"CAM/2026-11-20/{name}-b c+ü.jpg") == b"third"
    assert len(remote.listed()) == 3


async def test_name_taken_between_look_and_copy_is_not_overwritten(
    sorter: MakeSorter, bucket: Bucket, remote: Remote, proxy: S3Proxy
) -> None:
    name = NAMED.format(hour=10)
    remote.put(f"CAM/{name}.jpg", b"ours")
    target = f"CAM/2026-11-20/{name}.jpg"

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if request.method == "PUT" and request.path.endswith(target):
            remote.put(target, b"theirs")
            body = "<Error><Code>PreconditionFailed</Code></Error>"
            return web.Response(status=412, text=body)
        return None

    proxy.fault = fault
    result = await sorter(bucket).sort()
    assert result.renamed == 1
    assert remote.read(target) == b"theirs"
    assert remote.read(f"CAM/2026-11-20/{name}~1.jpg") == b"ours"


async def test_copy_asks_not_to_overwrite_and_for_the_listed_source(
    sorter: MakeSorter, bucket: Bucket, remote: Remote, proxy: S3Proxy
) -> None:
    remote.put(f"CAM/{NAMED.format(hour=10)}.jpg", b"ours")
    seen: list[tuple[str | None, str | None]] = []

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if "probe-copy-target" in request.path and "x-amz-copy-source" in (
            request.headers
        ):
            return web.Response(
                status=412, text="<Error><Code>PreconditionFailed</Code></Error>"
            )
        if is_copy(request):
            headers = request.headers
            seen.append(
                (
                    headers.get("If-None-Match"),
                    headers.get("x-amz-copy-source-if-match"),
                )
            )
        return None

    proxy.fault = fault
    etag = remote.head(f"CAM/{NAMED.format(hour=10)}.jpg")["ETag"]
    await sorter(bucket).sort()
    assert seen == [("*", etag)]


async def test_name_that_the_recorder_will_upload_to_is_left_to_it(
    sorter: MakeSorter, bucket: Bucket, local: LocalStore, remote: Remote
) -> None:
    """Where a copy may overwrite, the upload that comes next must find its name free."""
    name = f"{NAMED.format(hour=10)}.jpg"
    remote.put(f"CAM/{name}", b"theirs")
    await local.keep(
        b"ours",
        name,
        camera="CAM",
        event_time=datetime(2026, 11, 20, 10, tzinfo=UTC),
    )
    result = await sorter(bucket).sort()
    assert (result.moved, result.renamed) == (1, 1)
    stem = NAMED.format(hour=10)
    assert captures(remote) == [f"CAM/2026-11-20/{stem}~1.jpg"]


async def test_service_that_cannot_copy_is_read_and_written(
    sorter: MakeSorter, bucket: Bucket, remote: Remote, proxy: S3Proxy
) -> None:
    content = {"small.jpg": b"small", "large.mp4": bytes(PART_SIZE + 10)}
    for name, data in content.items():
        remote.put(f"CAM/{name}", data, Metadata={"mtime": "1708815599"})

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if is_copy(request):
            return web.Response(
                status=501, text="<Error><Code>NotImplemented</Code></Error>"
            )
        return None

    proxy.fault = fault
    result = await sorter(bucket).sort()
    assert (result.moved, result.errors) == (2, ())
    for name, data in content.items():
        assert remote.read(f"CAM/2024-02-24/{name}") == data
        assert remote.head(f"CAM/2024-02-24/{name}")["Metadata"] == {
            "mtime": "1708815599"
        }
    assert len(captures(remote)) == 2


async def test_restart_goes_on_behind_the_last_page(
    sorter: MakeSorter, bucket: Bucket, remote: Remote
) -> None:
    for camera in ("A", "B", "C"):
        remote.put(f"{camera}/{NAMED.format(hour=10)}.jpg")
    saved = {
        "tally": {
            "scanned": 7,
            "skipped": 2,
            "bytes": 50,
            "outcomes": {"moved": 4, "duplicate": 1},
            "by_camera": {"A": 5},
            "failed": 0,
            "hidden": 0,
            "errors": [],
        },
        "camera": "B",
        "after": f"B/{NAMED.format(hour=9)}.jpg",
    }
    result = await sorter(bucket).sort(job=JobRun({}, saved))
    assert (result.scanned, result.moved, result.duplicates) == (9, 6, 1)
    assert result.by_camera == {"A": 5, "B": 1, "C": 1}
    assert captures(remote)[0] == f"A/{NAMED.format(hour=10)}.jpg"


async def test_cancelled_sort_says_so_and_has_deleted_only_what_is_copied(
    sorter: MakeSorter, bucket: Bucket, remote: Remote
) -> None:
    for number in range(40):
        remote.put(f"CAM/{NAMED.format(hour=10)}-{number:02}.jpg", str(number).encode())
    job = JobRun({})
    done = job.done

    def cancel(items: int = 1, size: int = 0) -> None:
        done(items, size)
        job.cancelled = job.items_done >= 5

    job.done = cancel  # type: ignore[method-assign]
    result = await sorter(bucket).sort(job=job)
    assert not result.complete
    assert 5 <= result.moved < 40
    assert sorted(
        int(key.rpartition("-")[2].removesuffix(".jpg")) for key in captures(remote)
    ) == list(range(40))


async def test_source_that_changes_meanwhile_stays(
    sorter: MakeSorter, bucket: Bucket, remote: Remote, proxy: S3Proxy
) -> None:
    key = f"CAM/{NAMED.format(hour=10)}.jpg"
    remote.put(key, b"before")

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if not is_copy(request):
            return None
        answer = await proxy.forward(request)
        remote.put(key, b"after")
        return answer

    proxy.fault = fault
    result = await sorter(bucket).sort()
    assert result.moved == 0
    assert result.failed == 1
    assert "changed" in result.errors[0]
    assert remote.read(key) == b"after"


async def test_copy_that_differs_keeps_the_source(
    sorter: MakeSorter, bucket: Bucket, remote: Remote, proxy: S3Proxy
) -> None:
    key = f"CAM/{NAMED.format(hour=10)}.jpg"
    remote.put(key, b"picture")

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if "x-amz-copy-source" not in request.headers:
            return None
        remote.put(f"CAM/2026-11-20/{NAMED.format(hour=10)}.jpg", b"pictura")
        return web.Response(text="<CopyObjectResult><ETag>x</ETag></CopyObjectResult>")

    proxy.fault = fault
    result = await sorter(bucket).sort()
    assert (result.moved, result.failed) == (0, 1)
    assert remote.read(key) == b"picture"


async def test_copy_with_an_etag_of_its_own_is_known_by_its_size(
    sorter: MakeSorter, bucket: Bucket, remote: Remote, proxy: S3Proxy
) -> None:
    """KMS gives every copy another ETag, and parts another kind of it."""
    for name in ("kms.jpg", "parts.jpg"):
        remote.put(f"CAM/{NAMED.format(hour=10)}{name}", name.encode())

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if "x-amz-copy-source" in request.headers:
            await proxy.forward(request)
            return web.Response(
                text="<CopyObjectResult><ETag>other</ETag></CopyObjectResult>"
            )
        if request.method != "HEAD" or not (
            answer := await proxy.forward(request)
        ).headers.get("ETag"):
            return None
        headers = {**answer.headers, "ETag": f'"{"1" * 32}"'}
        if "kms" in request.path:
            headers["x-amz-server-side-encryption"] = "aws:kms"
        else:
            headers["ETag"] = f'"{"1" * 32}-2"'
        return web.Response(headers=headers)

    proxy.fault = fault
    result = await sorter(bucket).sort()
    assert (result.moved, result.errors) == (2, ())
    assert len(remote.listed("CAM/2026-11-20/")) == len(remote.listed()) == 2


async def test_copy_that_fails_is_reported_and_the_others_are_moved(
    sorter: MakeSorter, bucket: Bucket, remote: Remote, proxy: S3Proxy
) -> None:
    for hour in (9, 10, 11):
        remote.put(f"CAM/{NAMED.format(hour=hour)}.jpg")

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if "T100000" in request.path and request.method == "PUT":
            body = "<Error><Code>AccessDenied</Code></Error>"
            return web.Response(status=403, text=body)
        return None

    proxy.fault = fault
    result = await sorter(bucket).sort()
    assert (result.moved, result.failed) == (2, 1)
    assert result.errors == (f"CAM/{NAMED.format(hour=10)}.jpg: AccessDenied",)
    assert remote.read(f"CAM/{NAMED.format(hour=10)}.jpg")


async def test_deletion_that_is_refused_is_no_move(
    sorter: MakeSorter, bucket: Bucket, remote: Remote, proxy: S3Proxy
) -> None:
    key = f"CAM/{NAMED.format(hour=10)}.jpg"
    remote.put(key)

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if request.method == "POST" and "delete" in request.query:
            return web.Response(
                text="<DeleteResult><Error>"
                f"<Key>{key}</Key><Code>AccessDenied</Code>"
                "</Error></DeleteResult>"
            )
        return None

    proxy.fault = fault
    result = await sorter(bucket).sort()
    assert (result.moved, result.failed) == (0, 1)
    proxy.fault = None
    again = await sorter(bucket).sort()
    assert (again.moved, again.duplicates) == (0, 1)
    assert len(captures(remote)) == 1


@pytest.mark.parametrize("status", [400, 501])
async def test_service_without_batch_deletion_deletes_singly(
    sorter: MakeSorter, bucket: Bucket, remote: Remote, proxy: S3Proxy, status: int
) -> None:
    for hour in (9, 10):
        remote.put(f"CAM/{NAMED.format(hour=hour)}.jpg")

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if request.method == "POST":
            body = "<Error><Code>NotImplemented</Code></Error>"
            return web.Response(status=status, text=body)
        return None

    proxy.fault = fault
    result = await sorter(bucket).sort()
    assert (result.moved, result.failed) == (2, 0)
    assert len(remote.listed("CAM/2026-11-20/")) == len(remote.listed()) == 2


async def test_dry_run_says_what_would_be_done_and_does_nothing(
    sorter: MakeSorter, bucket: Bucket, remote: Remote, proxy: S3Proxy
) -> None:
    remote.put(f"CAM/{NAMED.format(hour=10)}.jpg")
    before = remote.listed()
    result = await sorter(bucket).sort(dry_run=True)
    assert (result.dry_run, result.moved) == (True, 1)
    assert remote.listed() == before
    assert {method for method, _ in proxy.requests} == {"GET"}


async def test_young_files_are_left_to_those_who_write_them(
    local: LocalStore, bucket: Bucket, remote: Remote
) -> None:
    remote.put(f"CAM/{NAMED.format(hour=10)}.jpg")
    result = await Sorter(bucket, local.store, describe, BERLIN).sort()
    assert (result.moved, result.skipped) == (0, 1)
    assert remote.listed() == [f"CAM/{NAMED.format(hour=10)}.jpg"]


async def test_only_the_chosen_camera_and_pattern(
    sorter: MakeSorter, bucket: Bucket, remote: Remote
) -> None:
    for key in ("A/x.jpg", "A/x.png", "B/x.jpg"):
        remote.put(key)
    result = await sorter(bucket).sort("A", patterns=["*.PNG"])
    assert result.moved == 1
    today = datetime.now(UTC).astimezone(BERLIN).date()
    assert remote.listed() == sorted(["A/x.jpg", "B/x.jpg", f"A/{today}/x.png"])


async def test_sorting_below_a_prefix_stays_below_it(
    sorter: MakeSorter, bucket_below: Bucket, remote: Remote
) -> None:
    name = f"{NAMED.format(hour=10)}.jpg"
    remote.put(f"CAM/{name}")
    remote.put(f"site/a/CAM/{name}")
    await sorter(bucket_below).sort()
    assert remote.listed() == [f"CAM/{name}", f"site/a/CAM/2026-11-20/{name}"]


async def test_reserved_folder_cannot_be_sorted(
    sorter: MakeSorter, bucket: Bucket
) -> None:
    with pytest.raises(OffsiteError):
        await sorter(bucket).sort("_hikvision_nvr")


async def test_service_that_is_down_is_an_error(
    sorter: MakeSorter, bucket: Bucket, proxy: S3Proxy
) -> None:
    proxy.down = True
    with pytest.raises(OffsiteUnreachableError):
        await sorter(bucket).sort()


async def test_result_is_plain_json(sorter: MakeSorter, bucket: Bucket) -> None:
    assert (await sorter(bucket).sort()).as_dict() == {
        "dry_run": False,
        "scanned": 0,
        "moved": 0,
        "bytes": 0,
        "duplicates": 0,
        "renamed": 0,
        "skipped": 0,
        "failed": 0,
        "hidden": 0,
        "by_camera": {},
        "errors": [],
        "complete": True,
    }


@pytest.mark.parametrize("asked", [False, True])
async def test_in_a_bucket_with_object_lock_a_source_is_hidden_and_told(
    sorter: MakeSorter, proxy: S3Proxy, moto: str, asked: bool
) -> None:
    """The copy is in its day; the locked version of the source stays behind it."""
    remote = Remote(client_of(moto), f"bucket-{uuid.uuid4().hex}")
    remote.client.create_bucket(Bucket=remote.name, ObjectLockEnabledForBucket=True)
    name = f"{NAMED.format(hour=10)}.jpg"
    remote.put(
        f"CAM/{name}",
        b"evidence",
        ObjectLockMode="COMPLIANCE",
        ObjectLockRetainUntilDate=datetime.now(UTC) + timedelta(days=30),
    )
    async with open_bucket(settings_for(proxy.url, remote.name)) as bucket:
        if asked:
            bucket.capabilities = await discover(bucket)
        job = JobRun({})
        result = await sorter(bucket).sort(job=job)
        again = await sorter(bucket).sort()
    assert (result.moved, result.hidden, result.failed) == (1, 1, 0)
    assert job.checkpoint["tally"]["hidden"] == 1
    assert remote.read(f"CAM/2026-11-20/{name}") == b"evidence"
    answer = remote.client.list_object_versions(
        Bucket=remote.name, Prefix=f"CAM/{name}"
    )
    (old,) = answer["Versions"]
    (marker,) = answer["DeleteMarkers"]
    assert (old["IsLatest"], marker["IsLatest"]) == (False, True)
    # It is out of sight: nothing is sorted twice.
    assert (again.scanned, again.hidden) == (0, 0)


async def test_without_versions_nothing_is_hidden(
    sorter: MakeSorter, bucket: Bucket, remote: Remote
) -> None:
    remote.put(f"CAM/{NAMED.format(hour=10)}.jpg")
    result = await sorter(bucket).sort()
    assert (result.moved, result.hidden) == (1, 0)
