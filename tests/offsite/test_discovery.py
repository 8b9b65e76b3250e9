"""What a service can do is found out, remembered, and never fails an upload."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
import uuid

from aiohttp import web
import pytest

from custom_components.hikvision_nvr.model import LockMode, S3Settings
from custom_components.hikvision_nvr.offsite import Offsite, probe_bucket, transfer
from custom_components.hikvision_nvr.offsite.bucket import Bucket
from custom_components.hikvision_nvr.offsite.capabilities import Capabilities
from custom_components.hikvision_nvr.offsite.client import open_bucket
from custom_components.hikvision_nvr.offsite.discovery import discover

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


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let 6 MiB be two parts."""
    monkeypatch.setattr(transfer, "PART_SIZE", 5 << 20)


async def test_a_service_with_everything(bucket: Bucket, remote: Remote) -> None:
    found = await discover(bucket)
    assert found.conditional_put
    assert found.conditional_complete
    assert found.tagging
    assert found.multi_delete
    assert found.delete
    assert found.copy
    assert found.object_lock is False
    assert "GLACIER" in found.storage_classes
    assert remote.listed() == []
    assert remote.unfinished_uploads() == []


async def test_a_service_without_conditions(
    unconditional: tuple[Bucket, Remote],
) -> None:
    bucket, remote = unconditional
    found = await discover(bucket)
    assert not found.conditional_put
    assert not found.conditional_complete
    assert not found.conditional_copy
    assert not found.restore
    assert found.copy
    assert found.object_lock is False
    assert remote.listed() == []


def test_what_was_found_out_survives_as_text() -> None:
    found = Capabilities(
        conditional_put=True,
        conditional_complete=False,
        conditional_copy=False,
        copy=True,
        tagging=True,
        checksum=False,
        delete=False,
        multi_delete=True,
        restore=False,
        versioning=None,
        object_lock=True,
        storage_classes=("STANDARD", "GLACIER"),
        checked=datetime(2026, 11, 21, tzinfo=UTC),
    )
    assert Capabilities.from_json(found.to_json()) == found
    with pytest.raises(ValueError, match="cannot be read"):
        Capabilities.from_json('{"from": "another release"}')


@asynccontextmanager
async def running(settings: S3Settings, local: LocalStore) -> AsyncIterator[Offsite]:
    offsite = Offsite(settings, local.store, BERLIN, describe)
    await offsite.start()
    try:
        yield offsite
    finally:
        await offsite.stop()


async def known(offsite: Offsite) -> Capabilities:
    async with asyncio.timeout(20):
        while offsite.capabilities is None:
            await asyncio.sleep(0.01)
    return offsite.capabilities


async def test_it_is_asked_once_and_remembered_over_a_restart(
    settings: S3Settings, local: LocalStore, proxy: S3Proxy
) -> None:
    async with running(settings, local) as offsite:
        first = await known(offsite)
    proxy.requests.clear()
    async with running(settings, local) as offsite:
        await local.until(lambda: offsite.connected is True)
        assert await known(offsite) == first
        await local.keep()
        await local.drained()
    assert [path for method, path in proxy.requests if "/probe" in path] == []


def only_adding() -> Any:
    """Return what a key may not do that can only add, and not even ask for parts."""

    async def fault(request: web.Request) -> web.StreamResponse | None:
        body = "<Error><Code>AccessDenied</Code></Error>"
        forbidden = request.method == "DELETE" or "delete" in request.query
        if forbidden or "uploads" in request.query or "object-lock" in request.query:
            return web.Response(status=403, text=body)
        return None

    return fault


async def test_a_key_that_may_only_add_sets_up_and_uploads(
    settings: S3Settings, local: LocalStore, remote: Remote, proxy: S3Proxy
) -> None:
    proxy.fault = only_adding()
    found = await probe_bucket(settings)
    assert not found.delete
    assert found.conditional_put
    assert found.object_lock is None
    left = remote.listed()
    await probe_bucket(settings)
    # What cannot be deleted does not become more.
    assert remote.listed() == left
    capture = await local.keep()
    async with running(settings, local):
        await local.drained()
    assert captures(remote) == [capture.relative_path]


@pytest.fixture
def locked(moto: str) -> Remote:
    """Make a bucket with Object Lock."""
    remote = Remote(client_of(moto), f"bucket-{uuid.uuid4().hex}")
    remote.client.create_bucket(Bucket=remote.name, ObjectLockEnabledForBucket=True)
    return remote


@pytest.mark.parametrize("size", [7, 6 << 20])
async def test_captures_are_locked_where_the_bucket_can(
    proxy: S3Proxy, locked: Remote, local: LocalStore, size: int
) -> None:
    settings = replace(
        settings_for(proxy.url, locked.name),
        lock_days=30,
        lock_mode=LockMode.COMPLIANCE,
    )
    assert (await probe_bucket(settings)).object_lock is True
    locks: list[tuple[str, datetime]] = []

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if "/front/" in request.path and "x-amz-object-lock-mode" in request.headers:
            until = request.headers["x-amz-object-lock-retain-until-date"]
            locks.append(
                (
                    request.headers["x-amz-object-lock-mode"],
                    datetime.fromisoformat(until),
                )
            )
        return None

    proxy.fault = fault
    capture = await local.keep(bytes(size))
    async with running(settings, local) as offsite:
        await local.drained()
        assert not offsite.lock_missing
    ((mode, until),) = locks
    assert mode == "COMPLIANCE"
    assert abs(until - datetime.now(UTC) - timedelta(days=30)) < timedelta(minutes=5)
    if size == 7:
        # moto forgets the lock of what comes in parts.
        head = locked.head(capture.relative_path)
        assert head["ObjectLockMode"] == "COMPLIANCE"


async def test_a_bucket_without_lock_gets_captures_all_the_same_and_it_is_told(
    settings: S3Settings, local: LocalStore, remote: Remote
) -> None:
    capture = await local.keep()
    async with running(replace(settings, lock_days=30), local) as offsite:
        await local.drained()
        await known(offsite)
        another = await local.keep(b"another", "b.jpg")
        await local.drained()
        assert offsite.lock_missing
    assert captures(remote) == [capture.relative_path, another.relative_path]


@pytest.mark.parametrize("size", [7, 17 << 20])
async def test_a_lock_that_was_refused_is_not_tried_with_each_upload(
    proxy: S3Proxy,
    locked: Remote,
    local: LocalStore,
    size: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A key that may not lock, in a bucket that has locks: each is sent once."""
    sent: list[tuple[str, bool]] = []

    async def fault(request: web.Request) -> web.StreamResponse | None:
        begins = request.method == "POST" and "uploads" in request.query
        if "/front/" not in request.path or not (request.method == "PUT" or begins):
            return None
        if "partNumber" in request.query:
            return None
        asks = "x-amz-object-lock-mode" in request.headers
        sent.append((request.path.rpartition("/")[2], asks))
        if not asks:
            return None
        text = "<Error><Code>AccessDenied</Code></Error>"
        return web.Response(status=403, text=text)

    proxy.fault = fault

    async def arrive(name: str) -> None:
        await local.keep(name.encode().ljust(size), name)
        upload = await local.store.uploads.pick()
        assert upload is not None
        key = await transfer.send(bucket, upload)
        await local.store.uploads.succeeded(upload, key)

    settings = replace(settings_for(proxy.url, locked.name), lock_days=30)
    async with open_bucket(settings) as bucket:
        bucket.capabilities = await discover(bucket)
        assert bucket.capabilities.object_lock is True
        for name in ("a.jpg", "b.jpg", "c.jpg"):
            await arrive(name)
            assert bucket.lock_missing
        assert sent == [
            ("a.jpg", True),
            ("a.jpg", False),
            ("b.jpg", False),
            ("c.jpg", False),
        ]
        # The owner may allow it: it is tried again after a while, and then is in use.
        proxy.fault = None
        monkeypatch.setattr(bucket, "_lock_again_at", 0.0)
        given: list[bool] = []

        async def taken(request: web.Request) -> web.StreamResponse | None:
            if request.method != "HEAD" and request.path.endswith("d.jpg"):
                given.append("x-amz-object-lock-mode" in request.headers)
            return None

        proxy.fault = taken
        await arrive("d.jpg")
        assert given[0] is True
        assert not bucket.lock_missing
    assert len(captures(locked)) == 4


@pytest.mark.parametrize("size", [7, 6 << 20])
async def test_the_service_is_given_checksums_if_it_keeps_them(
    settings: S3Settings, local: LocalStore, proxy: S3Proxy, size: int
) -> None:
    await local.keep(bytes(size))
    upload = await local.store.uploads.pick()
    assert upload is not None
    given: list[str | None] = []

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if request.method == "PUT" and "/front/" in request.path:
            expected = base64.b64encode(sha256(await request.read()).digest()).decode()
            given.append(request.headers.get("x-amz-checksum-sha256"))
            assert given[-1] == expected
        return None

    async with open_bucket(replace(settings, checksum=True)) as bucket:
        found = await discover(bucket)
        proxy.fault = fault
        bucket.capabilities = replace(found, checksum=True)
        await transfer.send(bucket, upload)
        assert len(given) == (1 if size == 7 else 2)
        # Where a wrong one is not refused it proves nothing, so none is sent.
        proxy.fault = None
        bucket.capabilities = replace(found, checksum=False)
        assert bucket.checksum_of(bytes(32)) == {}
        assert bucket.checksum_of_parts == {}
