"""An upload arrives once, whole and under a name of its own."""

import asyncio
from hashlib import sha256

from aiohttp import web
from botocore.exceptions import ClientError
import pytest
from yarl import URL

from custom_components.hikvision_nvr.errors import OffsiteError
from custom_components.hikvision_nvr.offsite import bucket as bucket_module
from custom_components.hikvision_nvr.offsite.bucket import (
    Bucket,
    StoredDifferentlyError,
)
from custom_components.hikvision_nvr.offsite.multipart import PART_SIZE
from custom_components.hikvision_nvr.offsite.transfer import (
    UnsendableError,
    prepare,
    send,
)
from custom_components.hikvision_nvr.store import Upload

from .conftest import EVENT, LocalStore, Remote, captures
from .proxy import S3Proxy

KEY = "front/2026-11-21/a.jpg"
LARGE = bytes(range(256)) * (PART_SIZE // 256) + b"and some more"


async def picked(
    local: LocalStore, content: bytes = b"picture", name: str = "a.jpg"
) -> Upload:
    await local.keep(content, name)
    upload = await local.store.uploads.pick()
    assert upload is not None
    return upload


def parts_sent(proxy: S3Proxy) -> list[str]:
    return [URL(path).query["partNumber"] for path in proxy.puts()]


async def test_upload_has_key_hash_and_metadata(
    bucket: Bucket, local: LocalStore, remote: Remote
) -> None:
    upload = await picked(local)
    assert await send(bucket, upload) == KEY
    head = remote.head(KEY)
    assert remote.read(KEY) == b"picture"
    assert head["ContentType"] == "image/jpeg"
    assert head["Metadata"] == {
        "sha256": sha256(b"picture").hexdigest(),
        "event-time": EVENT.isoformat(),
        "mtime": str(int(EVENT.timestamp())),
        "camera": "front",
        "event-type": "motion",
        "channel": "01",
    }
    assert captures(remote) == [KEY]


async def test_camera_name_of_any_script_is_accepted(
    bucket_below: Bucket, local: LocalStore, remote: Remote
) -> None:
    await local.keep(camera="Hintertür 門", name="a b+%.jpg")
    upload = await local.store.uploads.pick()
    assert upload is not None
    key = await send(bucket_below, upload)
    assert key == "site/a/Hintertür 門/2026-11-21/a b+%.jpg"
    assert remote.read(key) == b"picture"


async def test_same_content_there_is_success_without_a_second_object(
    bucket: Bucket, local: LocalStore, remote: Remote
) -> None:
    upload = await picked(local)
    remote.put(KEY, b"picture")
    before = remote.head(KEY)["LastModified"]
    assert await send(bucket, upload) == KEY
    assert captures(remote) == [KEY]
    assert remote.head(KEY)["LastModified"] == before


async def test_other_content_there_is_kept_and_ours_gets_a_suffix(
    bucket: Bucket, local: LocalStore, remote: Remote
) -> None:
    upload = await picked(local)
    remote.put(KEY, b"evidence")
    suffixed = f"front/2026-11-21/a~{sha256(b'picture').hexdigest()[:8]}.jpg"
    assert await send(bucket, upload) == suffixed
    assert remote.read(KEY) == b"evidence"
    assert remote.read(suffixed) == b"picture"
    # And it finds itself again, without a third object.
    assert await send(bucket, upload) == suffixed
    assert captures(remote) == sorted([KEY, suffixed])


async def test_nothing_is_overwritten_where_conditions_are_ignored(
    unconditional: tuple[Bucket, Remote], local: LocalStore
) -> None:
    bucket, remote = unconditional
    upload = await picked(local)
    assert await bucket.refuses_overwrite() is False
    remote.put(KEY, b"evidence")
    key = await send(bucket, upload)
    assert "~" in key
    assert remote.read(KEY) == b"evidence"
    assert remote.read(key) == b"picture"
    assert await send(bucket, upload) == key


async def test_key_that_was_free_too_long_ago_is_asked_for_again(
    unconditional: tuple[Bucket, Remote],
    local: LocalStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bucket, remote = unconditional
    upload = await picked(local)
    prepared = await prepare(bucket, upload, asyncio.to_thread)
    assert prepared is not None
    assert prepared.free is not None
    remote.put(KEY, b"evidence")
    monkeypatch.setattr(bucket_module, "_FREE_SECONDS", 0.0)
    key = await send(bucket, upload, prepared=prepared)
    assert "~" in key
    assert remote.read(KEY) == b"evidence"
    assert remote.read(key) == b"picture"
    # A key that is seen taken never counts as free.
    prepared = await prepare(bucket, upload, asyncio.to_thread)
    assert prepared is not None
    assert prepared.free is None
    assert await send(bucket, upload, prepared=prepared) == key


async def test_large_clip_arrives_where_conditions_are_ignored(
    unconditional: tuple[Bucket, Remote], local: LocalStore
) -> None:
    bucket, remote = unconditional
    upload = await picked(local, LARGE, "a.mp4")
    key = await send(bucket, upload)
    assert remote.read(key) == LARGE
    assert await send(bucket, upload) == key


async def test_service_with_conditions_is_recognised(
    bucket: Bucket, remote: Remote, proxy: S3Proxy
) -> None:
    assert await bucket.refuses_overwrite() is True
    assert remote.listed() == []
    asked = len(proxy.requests)
    assert await bucket.refuses_overwrite() is True
    assert len(proxy.requests) == asked


async def test_large_clip_arrives_in_parts(
    bucket: Bucket, local: LocalStore, remote: Remote
) -> None:
    upload = await picked(local, LARGE, "a.mp4")
    key = await send(bucket, upload)
    head = remote.head(key)
    assert sha256(remote.read(key)).hexdigest() == sha256(LARGE).hexdigest()
    assert head["ETag"].endswith('-2"')
    assert head["Metadata"]["sha256"] == sha256(LARGE).hexdigest()
    assert head["ContentType"] == "video/mp4"
    assert await send(bucket, upload) == key
    assert captures(remote) == [key]
    assert remote.unfinished_uploads() == []


async def test_failed_upload_leaves_no_parts(
    bucket: Bucket, local: LocalStore, remote: Remote, proxy: S3Proxy
) -> None:
    upload = await picked(local, LARGE, "a.mp4")

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if request.query.get("partNumber") == "2":
            return web.Response(status=403, text="<Error><Code>Nope</Code></Error>")
        return None

    proxy.fault = fault
    with pytest.raises(ClientError):
        await send(bucket, upload)
    assert parts_sent(proxy) == ["1", "2"]
    assert remote.unfinished_uploads() == []
    assert captures(remote) == []


@pytest.mark.parametrize("held", ["uploads", "partNumber=2"])
async def test_cancelled_upload_leaves_no_parts(
    bucket: Bucket, local: LocalStore, remote: Remote, proxy: S3Proxy, held: str
) -> None:
    upload = await picked(local, LARGE, "a.mp4")
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if request.method in {"PUT", "POST"} and held in request.query_string:
            # The server has begun the upload; its answer is not here yet.
            answer = await proxy.forward(request)
            reached.set()
            await go_on.wait()
            return answer
        return None

    proxy.fault = fault
    sending = asyncio.create_task(send(bucket, upload))
    await reached.wait()
    sending.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert remote.unfinished_uploads() == []


async def test_lost_answer_to_the_completion_is_no_error(
    bucket: Bucket, local: LocalStore, remote: Remote, proxy: S3Proxy
) -> None:
    upload = await picked(local, LARGE, "a.mp4")

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if request.method == "POST" and "uploadId" in request.query:
            await proxy.forward(request)
            return web.Response(status=403, text="<Error><Code>Lost</Code></Error>")
        return None

    proxy.fault = fault
    key = await send(bucket, upload)
    assert sha256(remote.read(key)).hexdigest() == sha256(LARGE).hexdigest()


async def test_lost_answer_to_a_put_makes_no_second_object(
    bucket: Bucket, local: LocalStore, remote: Remote, proxy: S3Proxy
) -> None:
    upload = await picked(local)
    await bucket.refuses_overwrite()
    lost = 0

    async def fault(request: web.Request) -> web.StreamResponse | None:
        nonlocal lost
        if request.method == "PUT" and not lost:
            lost += 1
            await proxy.forward(request)
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        return None

    proxy.fault = fault
    assert await send(bucket, upload) == KEY
    assert lost == 1
    assert captures(remote) == [KEY]


@pytest.mark.parametrize("content", [b"pictur", b"PICTURE"])
async def test_file_that_is_not_what_was_stored_is_not_sent(
    bucket: Bucket, local: LocalStore, remote: Remote, content: bytes
) -> None:
    upload = await picked(local)
    upload.path.write_bytes(content)
    with pytest.raises(UnsendableError):
        await send(bucket, upload)
    assert captures(remote) == []


async def test_clip_that_is_not_what_was_stored_is_not_sent(
    bucket: Bucket, local: LocalStore, remote: Remote
) -> None:
    upload = await picked(local, LARGE, "a.mp4")
    with upload.path.open("r+b") as file:
        file.seek(PART_SIZE)
        file.write(b"AND")
    with pytest.raises(UnsendableError):
        await send(bucket, upload)
    assert captures(remote) == []
    assert remote.unfinished_uploads() == []


async def test_missing_file_that_is_in_the_bucket_is_success(
    bucket: Bucket, local: LocalStore, remote: Remote
) -> None:
    upload = await picked(local)
    await send(bucket, upload)
    upload.path.unlink()
    assert await send(bucket, upload) == KEY


async def test_missing_file_with_other_content_in_the_bucket_is_unsendable(
    bucket: Bucket, local: LocalStore, remote: Remote
) -> None:
    upload = await picked(local)
    upload.path.unlink()
    remote.put(KEY, b"evidenc")
    with pytest.raises(UnsendableError):
        await send(bucket, upload)
    assert remote.read(KEY) == b"evidenc"


async def test_missing_file_is_not_given_up_when_the_bucket_is_missing_too(
    bucket: Bucket, local: LocalStore, remote: Remote
) -> None:
    upload = await picked(local)
    upload.path.unlink()
    remote.client.delete_bucket(Bucket=remote.name)
    with pytest.raises(ClientError, match="NoSuchBucket"):
        await send(bucket, upload)


async def test_wrong_etag_is_no_success(
    bucket: Bucket, local: LocalStore, remote: Remote, proxy: S3Proxy
) -> None:
    upload = await picked(local)
    await bucket.refuses_overwrite()

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if request.method == "PUT":
            await proxy.forward(request)
            return web.Response(headers={"ETag": f'"{"0" * 32}"'})
        return None

    proxy.fault = fault
    with pytest.raises(StoredDifferentlyError):
        await send(bucket, upload)


async def test_damage_on_the_way_is_refused_by_a_service_that_checks_md5(
    unconditional: tuple[Bucket, Remote], local: LocalStore
) -> None:
    bucket, _ = unconditional
    with pytest.raises(ClientError, match="BadDigest"):
        await bucket.put_new("front/a.jpg", b"picture", body_md5=bytes(16))
    assert await bucket.head("front/a.jpg") is None


async def test_both_names_taken_by_other_content_keeps_trying(
    bucket: Bucket, local: LocalStore, remote: Remote
) -> None:
    upload = await picked(local)
    remote.put(KEY, b"evidence")
    suffixed = f"front/2026-11-21/a~{sha256(b'picture').hexdigest()[:8]}.jpg"
    remote.put(suffixed, b"more evidence")
    with pytest.raises(OffsiteError, match="other content"):
        await send(bucket, upload)
    assert remote.read(KEY) == b"evidence"
    assert remote.read(suffixed) == b"more evidence"
