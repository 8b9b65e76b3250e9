"""An archive holds what was deleted, is readable by anything, and replaces nothing."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
import gzip
from hashlib import sha256
import io
import json
from pathlib import Path
import random
import shutil
import subprocess
import tarfile
from typing import Any

from aiohttp import web
from botocore.exceptions import ClientError
import pytest

from custom_components.hikvision_nvr.errors import (
    ArchiveError,
    OffsiteError,
    OffsiteUnreachableError,
)
from custom_components.hikvision_nvr.offsite import archive as module, archive_sink
from custom_components.hikvision_nvr.offsite.archive import Archiver, ArchiveResult
from custom_components.hikvision_nvr.offsite.archive_sink import PART_SIZE
from custom_components.hikvision_nvr.offsite.bucket import Bucket
from custom_components.hikvision_nvr.offsite.transfer import send

from .conftest import BERLIN, LocalStore, Remote, missing
from .proxy import S3Proxy

DAY = date(2026, 11, 20)
KEY = "CAM/archive/2026-11-20.tar.gz"
INDEX = "CAM/archive/2026-11-20.index.json.gz"


def source(name: str) -> str:
    return f"CAM/2026-11-20/{name}"


def noise(seed: int, size: int) -> bytes:
    return random.Random(seed).randbytes(size)


@pytest.fixture
def archiver(bucket: Bucket, local: LocalStore) -> Archiver:
    return Archiver(bucket, local.store, BERLIN)


@pytest.fixture
def pictures(remote: Remote) -> dict[str, bytes]:
    names = [f"{number}.jpg" for number in range(12)]
    # Names that need pax headers: not ASCII, and longer than 100 bytes.
    names += ["Hof ü+%門.jpg", f"{'long' * 30}.jpg"]
    content = {name: noise(number, 1000 + number) for number, name in enumerate(names)}
    for name, data in content.items():
        remote.put(source(name), data)
    return content


def members(remote: Remote, key: str) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(remote.read(key)), mode="r:gz") as archive:
        return {
            member.name: file.read()
            for member in archive
            if (file := archive.extractfile(member)) is not None
        }


def index(remote: Remote, key: str = INDEX) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(gzip.decompress(remote.read(key)))
    return parsed


async def test_day_becomes_one_archive_and_its_sources_go(
    archiver: Archiver, remote: Remote, pictures: dict[str, bytes]
) -> None:
    remote.put("CAM/2026-11-20/")
    remote.put("CAM/2026-11-21/other.jpg")
    result = await archiver.archive("CAM", DAY, storage_class="GLACIER_IR")
    head = remote.head(KEY)
    assert result == ArchiveResult(
        camera="CAM",
        date=DAY,
        key=KEY,
        index_key=INDEX,
        members=len(pictures),
        settled=0,
        from_disk=0,
        bytes_in=sum(map(len, pictures.values())),
        bytes_out=head["ContentLength"],
        storage_class="GLACIER_IR",
        tagged=True,
        verified=True,
        deleted=len(pictures),
        left=0,
        errors=(),
    )
    assert remote.listed() == sorted(["CAM/2026-11-21/other.jpg", INDEX, KEY])
    assert remote.tags(KEY) == {"archived": "yes"}
    assert head["StorageClass"] == "GLACIER_IR"
    assert members(remote, KEY) == {
        source(name): data for name, data in pictures.items()
    }


async def test_archive_is_read_by_gnu_tar_and_gzip(
    archiver: Archiver, remote: Remote, pictures: dict[str, bytes], tmp_path: Path
) -> None:
    tar, gzip_program = shutil.which("tar"), shutil.which("gzip")
    assert tar is not None
    assert gzip_program is not None
    await archiver.archive("CAM", DAY, storage_class="STANDARD")
    archive = tmp_path / "a.tar.gz"
    archive.write_bytes(remote.read(KEY))
    for command in (
        [gzip_program, "-t", str(archive)],
        [tar, "-xzf", str(archive), "-C", str(tmp_path)],
    ):
        done = subprocess.run(command, capture_output=True, check=True, text=True)
        assert (done.stdout, done.stderr) == ("", "")
    extracted = {
        path.name: path.read_bytes() for path in (tmp_path / "CAM/2026-11-20").iterdir()
    }
    assert extracted == pictures


async def test_one_picture_comes_out_of_a_byte_range(
    archiver: Archiver, remote: Remote, pictures: dict[str, bytes]
) -> None:
    remote.put(source("clip.mp4"), noise(99, 3_000_000))
    pictures["clip.mp4"] = noise(99, 3_000_000)
    await archiver.archive("CAM", DAY, storage_class="STANDARD")
    parsed = index(remote)
    assert parsed["version"] == 1
    assert parsed["archive"] == KEY
    assert len(parsed["members"]) == len(pictures)
    for member in parsed["members"]:
        last = member["offset"] + member["length"] - 1
        part = remote.read(KEY, Range=f"bytes={member['offset']}-{last}")
        with tarfile.open(
            fileobj=io.BytesIO(gzip.decompress(part)), mode="r:"
        ) as archive:
            (entry,) = archive.getmembers()
            file = archive.extractfile(entry)
            assert file is not None
            data = file.read()
        assert entry.name == member["name"]
        assert entry.mtime == member["mtime"]
        assert data == pictures[entry.name.rpartition("/")[2]]
        assert sha256(data).hexdigest() == member["sha256"]
        assert len(data) == member["size"]


async def test_large_archive_keeps_tag_and_class(
    archiver: Archiver, remote: Remote, proxy: S3Proxy
) -> None:
    sizes = {"a.jpg": 1_500_000, "b.mp4": PART_SIZE + 4_000_000, "c.jpg": 1_500_000}
    for seed, (name, size) in enumerate(sizes.items()):
        remote.put(source(name), noise(seed, size))
    result = await archiver.archive("CAM", DAY)
    head = remote.head(KEY)
    assert head["ETag"].endswith('-2"')
    assert head["StorageClass"] == result.storage_class == "GLACIER"
    # moto refuses tags of what is in GLACIER; the request that made it has them.
    assert result.tagged is True
    created = [path for method, path in proxy.requests if path.endswith("?uploads")]
    assert len(created) == 1
    assert result.deleted == 3
    assert result.bytes_out > PART_SIZE
    assert remote.unfinished_uploads() == []


async def test_parts_are_sent_two_at_a_time_and_stay_in_order(
    archiver: Archiver,
    remote: Remote,
    proxy: S3Proxy,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # More parts than are held in memory.
    monkeypatch.setattr(archive_sink, "PART_SIZE", 5 << 20)
    content = {f"{number}.jpg": noise(number, 1_900_000) for number in range(14)}
    for name, data in content.items():
        remote.put(source(name), data)
    second = asyncio.Event()

    async def fault(request: web.Request) -> web.StreamResponse | None:
        number = request.query.get("partNumber")
        if number == "2":
            second.set()
        if number == "1":
            # It arrives after the second, which does not wait for it.
            async with asyncio.timeout(20):
                await second.wait()
        return None

    proxy.fault = fault
    result = await archiver.archive("CAM", DAY, storage_class="STANDARD")
    assert (result.members, result.deleted) == (14, 14)
    assert remote.head(KEY)["ETag"].endswith('-6"')
    assert members(remote, KEY) == {
        f"CAM/2026-11-20/{name}": data for name, data in content.items()
    }


async def test_large_archive_in_an_instant_class_is_tagged_and_whole(
    archiver: Archiver, remote: Remote
) -> None:
    content = {name: noise(seed, 6_000_000) for seed, name in enumerate("abcd")}
    for name, data in content.items():
        remote.put(source(name), data)
    result = await archiver.archive("CAM", DAY, storage_class="GLACIER_IR")
    assert remote.head(KEY)["ETag"].endswith('-3"')
    assert remote.tags(KEY) == {"archived": "yes"}
    assert result.storage_class == "GLACIER_IR"
    assert members(remote, KEY) == {
        source(name): data for name, data in content.items()
    }


async def test_archive_where_conditions_are_ignored(
    unconditional: tuple[Bucket, Remote], local: LocalStore
) -> None:
    bucket, remote = unconditional
    content = {name: noise(seed, 6_000_000) for seed, name in enumerate("abcd")}
    for name, data in content.items():
        remote.put(source(name), data)
    archiver = Archiver(bucket, local.store, BERLIN)
    result = await archiver.archive("CAM", DAY)
    assert (result.deleted, result.errors) == (4, ())
    assert members(remote, KEY) == {
        source(name): data for name, data in content.items()
    }
    remote.put(source("late"), b"late")
    second = await archiver.archive("CAM", DAY)
    assert second.key == "CAM/archive/2026-11-20.2.tar.gz"
    assert members(remote, second.key) == {source("late"): b"late"}
    assert len(members(remote, KEY)) == 4


async def test_late_file_keeps_the_first_archive(
    archiver: Archiver, remote: Remote, pictures: dict[str, bytes]
) -> None:
    await archiver.archive("CAM", DAY, storage_class="STANDARD")
    first = remote.read(KEY)
    for number, name in ((2, "late.jpg"), (3, "later.jpg")):
        remote.put(source(name), name.encode())
        result = await archiver.archive("CAM", DAY, storage_class="STANDARD")
        assert result.key == f"CAM/archive/2026-11-20.{number}.tar.gz"
        assert members(remote, result.key) == {source(name): name.encode()}
    assert remote.read(KEY) == first
    assert len(index(remote)["members"]) == len(pictures)


async def test_archive_of_the_toolkit_is_not_replaced(
    archiver: Archiver, remote: Remote
) -> None:
    remote.put(KEY, b"made by the toolkit")
    remote.put(source("a.jpg"))
    result = await archiver.archive("CAM", DAY)
    assert result.key == "CAM/archive/2026-11-20.2.tar.gz"
    assert remote.read(KEY) == b"made by the toolkit"


async def test_archive_that_appears_meanwhile_is_not_replaced(
    archiver: Archiver, remote: Remote, proxy: S3Proxy
) -> None:
    remote.put(source("a.jpg"))

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if request.method == "GET" and "a.jpg" in request.path:
            remote.put(KEY, b"made meanwhile")
        return None

    proxy.fault = fault
    with pytest.raises(ArchiveError, match="meanwhile"):
        await archiver.archive("CAM", DAY)
    assert remote.listed() == sorted([source("a.jpg"), KEY])
    assert remote.read(KEY) == b"made meanwhile"


def breaking(proxy: S3Proxy, name: str, size: int) -> None:
    """Let downloads of one object break off after ``size`` bytes."""

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if request.method != "GET" or not request.path.endswith(name):
            return None
        answer = await proxy.forward(request)
        assert isinstance(answer, web.Response)
        assert isinstance(answer.body, bytes)
        broken = web.StreamResponse(headers=answer.headers)
        broken.content_length = len(answer.body)
        await broken.prepare(request)
        await broken.write(answer.body[:size])
        assert request.transport is not None
        request.transport.close()
        return broken

    proxy.fault = fault


@pytest.mark.parametrize("size", [2_000_000, 2_000_000 + PART_SIZE])
async def test_source_that_breaks_off_stays_and_the_others_are_archived(
    archiver: Archiver, remote: Remote, proxy: S3Proxy, size: int
) -> None:
    for seed, name in enumerate(("a.jpg", "b.jpg", "d.jpg")):
        remote.put(source(name), noise(seed, 1000))
    remote.put(source("c.mp4"), noise(9, size))
    breaking(proxy, "c.mp4", size - 1000)
    result = await archiver.archive("CAM", DAY, storage_class="STANDARD")
    assert (result.members, result.deleted, result.left) == (3, 3, 1)
    assert len(result.errors) == 1
    assert "c.mp4" in result.errors[0]
    assert remote.read(source("c.mp4")) == noise(9, size)
    assert sorted(members(remote, KEY)) == [
        source(name) for name in ("a.jpg", "b.jpg", "d.jpg")
    ]
    assert len(index(remote)["members"]) == 3
    assert remote.unfinished_uploads() == []


async def test_source_whose_bytes_differ_stays(
    archiver: Archiver, remote: Remote, proxy: S3Proxy
) -> None:
    remote.put(source("a.jpg"), b"aaaa")
    remote.put(source("b.jpg"), b"bbbb")
    remote.put(source("c.jpg"), b"cccc", Metadata={"sha256": "0" * 64})

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if request.method == "GET" and request.path.endswith("b.jpg"):
            answer = await proxy.forward(request)
            return web.Response(headers=answer.headers, body=b"BBBB")
        return None

    proxy.fault = fault
    result = await archiver.archive("CAM", DAY, storage_class="STANDARD")
    assert result.errors == (
        f"{source('b.jpg')}: its MD5 differs",
        f"{source('c.jpg')}: its SHA-256 differs",
    )
    assert remote.listed("CAM/2026") == [source("b.jpg"), source("c.jpg")]
    assert list(members(remote, KEY)) == [source("a.jpg")]


async def test_source_that_changes_while_it_is_archived_stays(
    archiver: Archiver, remote: Remote, proxy: S3Proxy
) -> None:
    remote.put(source("a.jpg"), b"before")
    remote.put(source("b.jpg"), b"b")

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if request.method == "PUT" and request.path.endswith(KEY):
            remote.put(source("a.jpg"), b"after")
        return None

    proxy.fault = fault
    result = await archiver.archive("CAM", DAY, storage_class="STANDARD")
    assert (result.deleted, result.left) == (1, 1)
    assert remote.read(source("a.jpg")) == b"after"
    assert members(remote, KEY)[source("a.jpg")] == b"before"


async def test_service_that_goes_away_deletes_nothing(
    archiver: Archiver, remote: Remote, proxy: S3Proxy
) -> None:
    for number in range(module.MOST_BROKEN_OFF + 5):
        remote.put(source(f"{number:02}.jpg"), noise(number, 100))
    before = remote.listed()

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if request.method == "GET" and ".jpg" in request.path:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        return None

    proxy.fault = fault
    with pytest.raises(OffsiteUnreachableError):
        await archiver.archive("CAM", DAY)
    assert remote.listed() == before


@pytest.mark.parametrize(
    "spoil",
    [
        lambda headers: {**headers, "ETag": f'"{"0" * 32}"'},
        lambda headers: {**headers, "Content-Length": "7"},
        None,
    ],
    ids=["etag", "size", "gone"],
)
async def test_failing_verification_deletes_nothing(
    archiver: Archiver,
    remote: Remote,
    proxy: S3Proxy,
    pictures: dict[str, bytes],
    spoil: Callable[[dict[str, str]], dict[str, str]] | None,
) -> None:
    async def fault(request: web.Request) -> web.StreamResponse | None:
        if request.method != "HEAD" or not request.path.endswith(KEY):
            return None
        if spoil is None:
            return web.Response(status=404)
        answer = await proxy.forward(request)
        return web.Response(headers=spoil(dict(answer.headers)))

    proxy.fault = fault
    with pytest.raises(ArchiveError, match="nothing was deleted"):
        await archiver.archive("CAM", DAY)
    assert len(remote.listed("CAM/2026-11-20/")) == len(pictures)


async def test_etag_under_kms_is_not_taken_for_an_md5(
    archiver: Archiver, remote: Remote, proxy: S3Proxy
) -> None:
    remote.put(source("a.jpg"), b"a")

    async def fault(request: web.Request) -> web.StreamResponse | None:
        """Answer as a bucket does whose objects KMS encrypts."""
        if request.method not in {"HEAD", "PUT"} or "archive" not in request.path:
            return None
        answer = await proxy.forward(request)
        if "ETag" not in answer.headers:
            return answer
        kms = {"ETag": f'"{"1" * 32}"', "x-amz-server-side-encryption": "aws:kms"}
        return web.Response(status=answer.status, headers={**answer.headers, **kms})

    proxy.fault = fault
    result = await archiver.archive("CAM", DAY, storage_class="STANDARD")
    assert (result.verified, result.deleted) == (True, 1)
    assert members(remote, KEY) == {source("a.jpg"): b"a"}


async def test_failing_completion_leaves_no_parts_and_no_index(
    archiver: Archiver, remote: Remote, proxy: S3Proxy
) -> None:
    remote.put(source("a.mp4"), noise(1, PART_SIZE + 1000))

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if request.method == "POST" and "uploadId" in request.query:
            return web.Response(status=403, text="<Error><Code>No</Code></Error>")
        return None

    proxy.fault = fault
    with pytest.raises(OffsiteError):
        await archiver.archive("CAM", DAY)
    assert remote.listed() == [source("a.mp4")]
    assert remote.unfinished_uploads() == []


async def test_cancelled_archive_leaves_no_parts_and_deletes_nothing(
    archiver: Archiver, remote: Remote, proxy: S3Proxy
) -> None:
    remote.put(source("a.mp4"), noise(1, PART_SIZE + 1000))
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if request.query.get("partNumber") == "2":
            reached.set()
            await go_on.wait()
        return None

    proxy.fault = fault
    job = asyncio.create_task(archiver.archive("CAM", DAY))
    await reached.wait()
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    go_on.set()
    assert remote.listed("CAM/2026") == [source("a.mp4")]
    assert missing(remote, KEY)
    assert missing(remote, INDEX)
    assert remote.unfinished_uploads() == []


@pytest.mark.parametrize(
    ("header", "code", "expected_class", "tagged"),
    [
        ("x-amz-storage-class", "InvalidStorageClass", "STANDARD", True),
        ("x-amz-storage-class", "InvalidArgument", "STANDARD", True),
        ("x-amz-tagging", "NotImplemented", "GLACIER_IR", False),
        ("x-amz-tagging", "AccessDenied", "GLACIER_IR", False),
    ],
)
@pytest.mark.parametrize("size", [1000, PART_SIZE + 1000])
async def test_refused_class_or_tag_is_done_without(
    archiver: Archiver,
    remote: Remote,
    proxy: S3Proxy,
    header: str,
    code: str,
    expected_class: str,
    tagged: bool,
    size: int,
) -> None:
    remote.put(source("a.jpg"), noise(1, size))
    status = {"NotImplemented": 501, "AccessDenied": 403}.get(code, 400)

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if header in request.headers:
            body = f"<Error><Code>{code}</Code></Error>"
            return web.Response(status=status, text=body)
        return None

    proxy.fault = fault
    result = await archiver.archive("CAM", DAY, storage_class="GLACIER_IR")
    assert (result.storage_class, result.tagged) == (expected_class, tagged)
    assert remote.head(KEY).get("StorageClass", "STANDARD") == expected_class
    assert remote.tags(KEY) == ({"archived": "yes"} if tagged else {})
    assert result.deleted == 1


async def test_refused_access_is_an_error_not_another_class(
    archiver: Archiver, remote: Remote, proxy: S3Proxy
) -> None:
    remote.put(source("a.jpg"))

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if request.method == "PUT" and "archive" in request.path:
            body = "<Error><Code>AccessDenied</Code></Error>"
            return web.Response(status=403, text=body)
        return None

    proxy.fault = fault
    with pytest.raises(OffsiteError, match="AccessDenied"):
        await archiver.archive("CAM", DAY)
    assert remote.listed() == [source("a.jpg")]


async def test_day_that_is_not_over_is_refused(
    archiver: Archiver, remote: Remote
) -> None:
    today = datetime.now(BERLIN).date()
    for day in (today, today + timedelta(days=1)):
        remote.put(f"CAM/{day}/a.jpg")
        with pytest.raises(ArchiveError, match="not over"):
            await archiver.archive("CAM", day)
    assert len(remote.listed()) == 2


async def test_day_that_waits_for_uploads_is_refused(
    archiver: Archiver, remote: Remote, local: LocalStore
) -> None:
    event = datetime(2026, 11, 20, 12, tzinfo=BERLIN)
    await local.keep(camera="CAM", event_time=event)
    remote.put(source("other.jpg"))
    with pytest.raises(ArchiveError, match=r"1 captures of CAM .* not offsite"):
        await archiver.archive("CAM", DAY)
    assert remote.listed() == [source("other.jpg")]


async def test_empty_day_is_refused(archiver: Archiver, remote: Remote) -> None:
    remote.put("CAM/2026-11-20/")
    with pytest.raises(ArchiveError, match="no captures"):
        await archiver.archive("CAM", DAY)


async def test_catalogue_knows_where_the_capture_is_now(
    bucket: Bucket, archiver: Archiver, local: LocalStore
) -> None:
    event = datetime(2026, 11, 20, 12, tzinfo=BERLIN)
    kept = await local.keep(camera="CAM", event_time=event)
    upload = await local.store.uploads.pick()
    assert upload is not None
    await local.store.uploads.succeeded(upload, await send(bucket, upload))
    await archiver.archive("CAM", DAY)

    def archive_key(connection: Any) -> str | None:
        row = connection.execute(
            "SELECT archive_key FROM captures WHERE id = ?", (kept.id,)
        ).fetchone()
        return row[0]

    assert await local.store._catalogue.read(archive_key) == KEY


async def test_archive_below_a_prefix_has_the_toolkits_member_names(
    bucket_below: Bucket, remote: Remote, local: LocalStore
) -> None:
    remote.put(f"site/a/{source('a.jpg')}", b"a")
    archiver = Archiver(bucket_below, local.store, BERLIN)
    result = await archiver.archive("CAM", DAY, storage_class="STANDARD")
    assert result.key == f"site/a/{KEY}"
    assert members(remote, result.key) == {source("a.jpg"): b"a"}


async def test_time_of_s3fs_is_the_members_time(
    archiver: Archiver, remote: Remote
) -> None:
    remote.put(source("a.jpg"), Metadata={"mtime": "1708815599.25"})
    await archiver.archive("CAM", DAY, storage_class="STANDARD")
    assert index(remote)["members"][0]["mtime"] == 1708815599


async def test_result_is_plain_json(archiver: Archiver, remote: Remote) -> None:
    remote.put(source("a.jpg"))
    result = await archiver.archive("CAM", DAY)
    assert json.loads(json.dumps(result.as_dict()))["date"] == "2026-11-20"
    assert replace(result, errors=("x",)).as_dict()["errors"] == ["x"]


async def test_refusal_of_the_deletion_is_told(
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
    assert (result.deleted, result.left) == (1, 1)
    assert result.errors == (f"{source('a.jpg')}: AccessDenied",)


async def test_default_class_is_one_that_must_be_restored(
    archiver: Archiver, remote: Remote
) -> None:
    remote.put(source("a.jpg"))
    await archiver.archive("CAM", DAY)
    with pytest.raises(ClientError, match="InvalidObjectState"):
        remote.read(KEY)
