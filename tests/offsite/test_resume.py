"""A clip goes on where it was interrupted, and no parts are left behind."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from email.utils import format_datetime
from hashlib import sha256
from typing import Any

from aiohttp import web
import pytest
from yarl import URL

from custom_components.hikvision_nvr.offsite import janitor, transfer
from custom_components.hikvision_nvr.offsite.bucket import Bucket
from custom_components.hikvision_nvr.offsite.janitor import abort_strays
from custom_components.hikvision_nvr.offsite.uploader import Uploader
from custom_components.hikvision_nvr.store import Upload

from .conftest import LocalStore, Remote, captures
from .proxy import S3Proxy

PART_SIZE = 5 << 20
"""The smallest that S3 takes."""
AT_ONCE = timedelta(minutes=-1)
"""Also what was begun in the second of the answer is older than that."""
CLIP = b"".join(bytes([number]) * PART_SIZE for number in range(3)) + b"the end"


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "PART_SIZE", PART_SIZE)


def parts_sent(proxy: S3Proxy) -> list[str]:
    return [
        query["partNumber"]
        for path in proxy.puts()
        if "partNumber" in (query := URL(path).query)
    ]


async def interrupted(
    local: LocalStore, proxy: S3Proxy, start_uploader: Callable[[], Uploader]
) -> None:
    """Leave a clip with its first two parts in S3, and what it takes to go on."""
    await local.keep(CLIP, "a.mp4")

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if request.query.get("partNumber") == "3":
            proxy.down = True
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        return None

    proxy.fault = fault
    uploader = start_uploader()
    await local.until(lambda: uploader.connected is False)
    await uploader.stop()
    assert parts_sent(proxy)[:2] == ["1", "2"]
    proxy.fault, proxy.down = None, False
    proxy.requests.clear()


async def test_only_the_missing_parts_are_sent_after_a_restart(
    local: LocalStore,
    remote: Remote,
    proxy: S3Proxy,
    start_uploader: Callable[[], Uploader],
) -> None:
    await interrupted(local, proxy, start_uploader)
    assert remote.unfinished_uploads() == ["front/2026-11-21/a.mp4"]
    # What the next start does first.
    await local.store.uploads.restore()
    start_uploader()
    await local.drained()
    assert parts_sent(proxy) == ["3", "4"]
    (key,) = captures(remote)
    assert sha256(remote.read(key)).hexdigest() == sha256(CLIP).hexdigest()
    assert remote.unfinished_uploads() == []
    assert await local.store.uploads.begun_ids() == set()


async def test_an_upload_that_is_gone_is_begun_anew(
    local: LocalStore,
    remote: Remote,
    proxy: S3Proxy,
    start_uploader: Callable[[], Uploader],
) -> None:
    await interrupted(local, proxy, start_uploader)
    (upload_id,) = await local.store.uploads.begun_ids()
    remote.client.abort_multipart_upload(
        Bucket=remote.name, Key="front/2026-11-21/a.mp4", UploadId=upload_id
    )
    start_uploader()
    await local.drained()
    assert parts_sent(proxy) == ["1", "2", "3", "4"]
    (key,) = captures(remote)
    assert remote.read(key) == CLIP


async def test_a_key_that_may_not_list_parts_begins_anew_and_leaves_none(
    local: LocalStore,
    remote: Remote,
    proxy: S3Proxy,
    start_uploader: Callable[[], Uploader],
) -> None:
    await interrupted(local, proxy, start_uploader)

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if request.method == "GET" and "uploadId" in request.query:
            body = "<Error><Code>AccessDenied</Code></Error>"
            return web.Response(status=403, text=body)
        return None

    proxy.fault = fault
    start_uploader()
    await local.drained()
    assert parts_sent(proxy) == ["1", "2", "3", "4"]
    assert len(captures(remote)) == 1
    assert remote.unfinished_uploads() == []


async def test_parts_of_a_file_that_was_damaged_meanwhile_are_aborted(
    local: LocalStore,
    remote: Remote,
    proxy: S3Proxy,
    start_uploader: Callable[[], Uploader],
) -> None:
    await interrupted(local, proxy, start_uploader)
    upload = await picked_again(local)
    with upload.path.open("r+b") as file:
        file.write(b"damage")
    start_uploader()
    await local.drained()
    assert await local.store.uploads.quarantined() == 1
    assert captures(remote) == []
    assert remote.unfinished_uploads() == []
    assert await local.store.uploads.begun_ids() == set()


async def picked_again(local: LocalStore) -> Upload:
    upload = await local.store.uploads.pick()
    assert upload is not None
    await local.store.uploads.release(upload)
    return upload


async def test_a_key_that_was_taken_meanwhile_gets_a_suffix_and_leaves_no_parts(
    local: LocalStore,
    remote: Remote,
    proxy: S3Proxy,
    start_uploader: Callable[[], Uploader],
) -> None:
    await interrupted(local, proxy, start_uploader)
    remote.put("front/2026-11-21/a.mp4", b"somebody else's")
    start_uploader()
    await local.drained()
    assert remote.read("front/2026-11-21/a.mp4") == b"somebody else's"
    (ours,) = [key for key in captures(remote) if "~" in key]
    assert remote.read(ours) == CLIP
    assert remote.unfinished_uploads() == []


def begin(remote: Remote, key: str) -> str:
    answer: dict[str, Any] = remote.client.create_multipart_upload(
        Bucket=remote.name, Key=key
    )
    upload_id: str = answer["UploadId"]
    return upload_id


@pytest.fixture
def unfinished(remote: Remote) -> dict[str, str]:
    """Return uploads in parts that somebody has begun, by their keys."""
    return {
        key: begin(remote, key)
        for key in (
            "front/2026-11-21/a.mp4",
            "front/archive/2026-11-21.tar.gz",
            "backup.tar",
            "other/house/front/a.mp4",
        )
    }


async def test_strays_of_ours_are_aborted_and_nobody_elses(
    bucket: Bucket, local: LocalStore, remote: Remote, unfinished: dict[str, str]
) -> None:
    left = await abort_strays(bucket, local.store.uploads, older_than=AT_ONCE)
    assert left == 0
    assert remote.unfinished_uploads() == ["backup.tar", "other/house/front/a.mp4"]


async def test_what_is_to_be_gone_on_with_is_left(
    bucket: Bucket,
    local: LocalStore,
    remote: Remote,
    proxy: S3Proxy,
    start_uploader: Callable[[], Uploader],
) -> None:
    await interrupted(local, proxy, start_uploader)
    begin(remote, "front/2026-11-21/b.mp4")
    left = await abort_strays(bucket, local.store.uploads, older_than=AT_ONCE)
    assert left == 0
    assert remote.unfinished_uploads() == ["front/2026-11-21/a.mp4"]


async def test_what_is_young_is_left_for_later(
    unconditional: tuple[Bucket, Remote], local: LocalStore
) -> None:
    bucket, remote = unconditional
    begin(remote, "front/2026-11-21/a.mp4")
    assert await abort_strays(bucket, local.store.uploads) == 1
    assert remote.unfinished_uploads() == ["front/2026-11-21/a.mp4"]
    assert await abort_strays(bucket, local.store.uploads, older_than=AT_ONCE) == 0
    assert remote.unfinished_uploads() == []


class TwoDaysAhead(datetime):
    """The clock of a machine that has lost its time."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> TwoDaysAhead:
        return cls.fromtimestamp(datetime.now(UTC).timestamp() + 2 * 86400, tz)


async def test_a_clock_that_is_ahead_aborts_no_upload_that_runs(
    unconditional: tuple[Bucket, Remote],
    local: LocalStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bucket, remote = unconditional
    begin(remote, "front/2026-11-21/a.mp4")
    monkeypatch.setattr(janitor, "datetime", TwoDaysAhead)
    assert await abort_strays(bucket, local.store.uploads) == 1
    assert remote.unfinished_uploads() == ["front/2026-11-21/a.mp4"]


@pytest.mark.parametrize(
    ("age", "left"), [(timedelta(hours=23), 1), (timedelta(hours=25), 0), (None, 1)]
)
async def test_how_old_a_stray_is_is_told_by_the_service(
    bucket: Bucket,
    local: LocalStore,
    remote: Remote,
    proxy: S3Proxy,
    age: timedelta | None,
    left: int,
) -> None:
    begin(remote, "front/2026-11-21/a.mp4")
    listed = remote.client.list_multipart_uploads(Bucket=remote.name)
    (upload,) = listed["Uploads"]

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if "uploads" not in request.query:
            return None
        answer = await proxy.forward(request)
        told = "" if age is None else format_datetime(upload["Initiated"] + age)
        answer.headers["Date"] = told
        return answer

    proxy.fault = fault
    assert await abort_strays(bucket, local.store.uploads) == left
    assert len(remote.unfinished_uploads()) == left
