"""A day is packed while it is still being listed, and nothing is lost by that."""

import asyncio
from collections.abc import Callable

from aiohttp import web
import pytest

from custom_components.hikvision_nvr.errors import OffsiteError
from custom_components.hikvision_nvr.offsite import archive_sink, day_listing
from custom_components.hikvision_nvr.offsite.archive import Archiver
from custom_components.hikvision_nvr.offsite.bucket import Bucket

from .conftest import BERLIN, LocalStore, Remote
from .proxy import S3Proxy
from .test_archive import DAY, KEY, members, noise, source


@pytest.fixture
def archiver(bucket: Bucket, local: LocalStore) -> Archiver:
    return Archiver(bucket, local.store, BERLIN)


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(day_listing, "FIRST_PAGE", 2)


def fill(remote: Remote, files: int, size: int = 1000) -> dict[str, bytes]:
    content = {source(f"{seed:03}.jpg"): noise(seed, size) for seed in range(files)}
    for key, data in content.items():
        remote.put(key, data)
    return content


def asks_for_next_page(request: web.Request) -> bool:
    return "continuation-token" in request.query


def hold_listing_until(
    proxy: S3Proxy, happened: Callable[[web.Request], bool]
) -> asyncio.Event:
    """Answer the second page only after a request; return what tells of it."""
    seen = asyncio.Event()

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if happened(request):
            seen.set()
        if asks_for_next_page(request):
            async with asyncio.timeout(20):
                await seen.wait()
        return None

    proxy.fault = fault
    return seen


async def test_first_captures_are_read_before_the_last_are_listed(
    archiver: Archiver, remote: Remote, proxy: S3Proxy
) -> None:
    content = fill(remote, 15)
    read = hold_listing_until(
        proxy,
        lambda request: request.path.endswith("001.jpg") and request.method == "GET",
    )
    result = await archiver.archive("CAM", DAY, storage_class="STANDARD")
    assert read.is_set()
    assert (result.members, result.deleted, result.left) == (15, 15, 0)
    assert members(remote, KEY) == content
    assert list(members(remote, KEY)) == sorted(content)
    assert remote.listed("CAM/2026") == []


async def test_pages_grow(archiver: Archiver, remote: Remote, proxy: S3Proxy) -> None:
    fill(remote, 15)
    await archiver.archive("CAM", DAY)
    sizes = [
        part.partition("=")[2]
        for _, path in proxy.requests
        for part in path.split("&")
        if part.startswith("max-keys=")
    ]
    assert sizes == ["2", "8", "32"]


async def test_listing_that_fails_in_the_middle_deletes_nothing(
    archiver: Archiver, remote: Remote, proxy: S3Proxy
) -> None:
    content = fill(remote, 15)
    read = asyncio.Event()

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if request.path.endswith("000.jpg"):
            read.set()
        if not asks_for_next_page(request):
            return None
        async with asyncio.timeout(20):
            await read.wait()
        return web.Response(status=403, text="<Error><Code>AccessDenied</Code></Error>")

    proxy.fault = fault
    with pytest.raises(OffsiteError):
        await archiver.archive("CAM", DAY)
    assert read.is_set()
    assert remote.listed() == sorted(content)
    assert remote.unfinished_uploads() == []


async def test_more_than_the_parts_can_hold_is_begun_again_with_larger_ones(
    archiver: Archiver,
    remote: Remote,
    proxy: S3Proxy,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(day_listing, "FIRST_PAGE", 1)
    monkeypatch.setattr(archive_sink, "PART_SIZE", 5 << 20)
    monkeypatch.setattr(archive_sink, "MOST_PARTS", 3)
    content = fill(remote, 5, 5_500_000)
    sent = hold_listing_until(
        proxy, lambda request: request.query.get("partNumber") == "1"
    )
    result = await archiver.archive("CAM", DAY, storage_class="STANDARD")
    assert sent.is_set()
    assert (result.members, result.deleted, result.left) == (5, 5, 0)
    assert remote.head(KEY)["ETag"].endswith('-3"')
    begun = [path for method, path in proxy.requests if path.endswith("?uploads")]
    assert len(begun) == 2
    assert members(remote, KEY) == content
    assert remote.unfinished_uploads() == []


async def test_captures_of_an_earlier_archive_are_settled_over_many_pages(
    archiver: Archiver, remote: Remote
) -> None:
    content = fill(remote, 15)
    await archiver.archive("CAM", DAY, storage_class="STANDARD")
    fill(remote, 15)
    remote.put(source("late.jpg"), b"late")
    result = await archiver.archive("CAM", DAY, storage_class="STANDARD")
    assert (result.settled, result.members, result.deleted) == (15, 1, 16)
    assert members(remote, KEY) == content
    assert members(remote, result.key) == {source("late.jpg"): b"late"}
