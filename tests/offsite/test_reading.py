"""What only the bucket has, looked at in Home Assistant, on a real S3 server."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
import io
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from homeassistant.components.media_player import BrowseError
from homeassistant.components.media_source import (
    Unresolvable,
    async_browse_media,
    async_resolve_media,
)
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from PIL import Image
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.hikvision_nvr.media_id import CaptureId
from custom_components.hikvision_nvr.model import Capture
from custom_components.hikvision_nvr.offsite import reader as reader_module
from custom_components.hikvision_nvr.offsite.archive import Archiver
from custom_components.hikvision_nvr.offsite.bucket import Bucket
from custom_components.hikvision_nvr.offsite.reader import CaptureReader
from custom_components.hikvision_nvr.store import Store
from tests.media import keep, picture, real_store
from tests.recorder import FakeEngine, camera_subentry, recorder_entry

from .conftest import BERLIN, Remote
from .proxy import S3Proxy
from .test_archive import noise

WHEN = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = WHEN.date()
SECOND = timedelta(seconds=1)
ROOT = "media-source://hikvision_nvr/entry-Recorder"


@pytest.fixture
def platforms() -> list[Platform]:
    """None are needed."""
    return []


@pytest.fixture
def entry(home: HomeAssistant, tmp_path: Path) -> MockConfigEntry:
    """A recorder of one camera."""
    entry = recorder_entry(tmp_path / "storage", cameras=[camera_subentry("front")])
    entry.add_to_hass(home)
    return entry


@dataclass
class House:
    """A recorder whose captures go to a bucket, and who looks at them."""

    home: HomeAssistant
    entry: MockConfigEntry
    store: Store
    remote: Remote
    bucket: Bucket
    client: Any

    async def offsite(self, name: str, content: bytes, after: int = 0) -> Capture:
        """Let a capture be uploaded, and its file be deleted after that."""
        capture = await keep(self.store, name, WHEN + after * SECOND, content)
        key = capture.relative_path
        self.remote.put(key, content)
        await self.store._catalogue.write(
            lambda connection: (
                connection.execute(
                    "UPDATE captures SET object_key = ?, uploaded_us = 1 WHERE id = ?",
                    (key, capture.id),
                ),
                connection.execute("DELETE FROM uploads"),
            )
        )
        await self.store.drop([replace(capture, object_key=key)])
        assert not self.store.path(capture).exists()
        known = await self.store.captures.get(capture.id)
        assert known is not None
        return known

    async def archive(self, storage_class: str) -> None:
        """Pack the day."""
        archiver = Archiver(self.bucket, self.store, BERLIN)
        await archiver.archive("front", DAY, storage_class=storage_class)

    async def resolve(self, capture: Capture) -> str:
        media_id = CaptureId("entry-Recorder", capture.id).media_id
        return (await async_resolve_media(self.home, media_id, None)).url

    async def refusal(self, capture: Capture) -> Unresolvable:
        with pytest.raises(Unresolvable) as refused:
            await self.resolve(capture)
        return refused.value

    async def get(self, capture: Capture, wanted: str | None = None) -> Any:
        headers = {} if wanted is None else {"Range": wanted}
        url = f"/api/hikvision_nvr/capture/entry-Recorder/{capture.id}"
        return await self.client.get(url, headers=headers)

    async def thumbnail(self, capture: Capture) -> Any:
        base = self.entry.runtime_data.thumbnail_access.async_url("front")
        return await self.client.get(f"{base}{capture.id}")


@pytest.fixture
async def house(
    home: HomeAssistant,
    entry: MockConfigEntry,
    engine: FakeEngine,
    tmp_path: Path,
    remote: Remote,
    bucket: Bucket,
    hass_client: ClientSessionGenerator,
) -> AsyncIterator[House]:
    """The house."""
    before = home.config.time_zone
    await home.config.async_set_time_zone("UTC")
    assert await async_setup_component(home, "media_source", {})

    async def opened() -> Bucket:
        return bucket

    engine.offsite.reader = CaptureReader(opened)  # type: ignore[union-attr]
    async with real_store(engine, tmp_path, offsite=True) as store:
        yield House(home, entry, store, remote, bucket, await hass_client())
    await home.config.async_set_time_zone(before)


def asked(proxy: S3Proxy) -> list[str]:
    """Note which ranges the server is asked for."""
    ranges: list[str] = []

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if request.method == "GET" and "list-type" not in request.query_string:
            ranges.append(request.headers.get("Range", "whole"))
        return None

    proxy.fault = fault
    return ranges


async def test_a_capture_that_only_the_bucket_has_is_fetched_by_range(
    house: House, proxy: S3Proxy
) -> None:
    film = noise(1, 3_000_000)
    clip = await house.offsite("a.mp4", film)
    assert await house.resolve(clip) == (
        f"/api/hikvision_nvr/capture/entry-Recorder/{clip.id}"
    )
    ranges = asked(proxy)
    whole = await house.get(clip)
    assert whole.status == HTTPStatus.OK
    assert whole.content_type == "video/mp4"
    assert whole.headers["Accept-Ranges"] == "bytes"
    assert await whole.read() == film
    part = await house.get(clip, "bytes=1000000-1000099")
    assert part.status == HTTPStatus.PARTIAL_CONTENT
    assert part.headers["Content-Range"] == "bytes 1000000-1000099/3000000"
    assert await part.read() == film[1_000_000:1_000_100]
    assert await (await house.get(clip, "bytes=-7")).read() == film[-7:]
    # No more was read of it than was asked for.
    assert ranges == ["whole", "bytes=1000000-1000099", "bytes=2999993-2999999"]


async def test_its_thumbnail_is_made_of_the_object_once(
    house: House, proxy: S3Proxy
) -> None:
    snapshot = await house.offsite("a.jpg", picture(1920, 1080))
    clip = await house.offsite("b.mp4", noise(1, 1000), 1)
    ranges = asked(proxy)
    for _ in range(2):
        answer = await house.thumbnail(snapshot)
        assert answer.status == HTTPStatus.OK
        with Image.open(io.BytesIO(await answer.read())) as image:
            assert image.size == (320, 180)
    assert (await house.thumbnail(clip)).status == HTTPStatus.NOT_FOUND
    assert ranges == ["whole"]


async def test_a_capture_in_an_archive_is_one_range_request(
    house: House, proxy: S3Proxy
) -> None:
    contents = [picture(640, 360 + n) for n in range(3)]
    captures = [
        await house.offsite(f"{n}.jpg", content, n)
        for n, content in enumerate(contents)
    ]
    await house.archive("GLACIER_IR")
    ranges = asked(proxy)
    for capture, content in zip(captures, contents, strict=True):
        await house.resolve(capture)
        assert await (await house.get(capture)).read() == content
    part = await house.get(captures[0], "bytes=5-9")
    assert await part.read() == contents[0][5:10]
    # The index once, and each file once.
    assert len(ranges) == 4
    assert ranges[0] == "whole"
    assert all(one.startswith("bytes=") for one in ranges[1:])
    assert (await house.thumbnail(captures[1])).status == HTTPStatus.OK

    level = await async_browse_media(house.home, f"{ROOT}/camera/front")
    assert [one.title for one in level.children or ()] == ["Events", "Archives"]
    level = await async_browse_media(house.home, f"{ROOT}/section/front/archives")
    assert [one.title for one in level.children or ()] == ["2026-11-20 (GLACIER_IR)"]
    (day,) = level.children or ()
    level = await async_browse_media(house.home, day.media_content_id)
    newest, *_, turned = level.children or ()
    assert newest.title == "12:00:02 Motion (archived)"
    assert newest.thumbnail is not None
    assert turned.title == "Oldest first"


async def test_what_is_in_glacier_says_how_to_bring_it_back(house: House) -> None:
    capture = await house.offsite("a.jpg", picture())
    await house.archive("DEEP_ARCHIVE")
    refused = await house.refusal(capture)
    assert refused.translation_key == "media_needs_restore"
    assert "hikvision_nvr.restore with camera front and date 2026-11-20" in str(refused)
    answer = await house.get(capture)
    assert answer.status == HTTPStatus.CONFLICT
    assert (await house.thumbnail(capture)).status == HTTPStatus.NOT_FOUND

    level = await async_browse_media(
        house.home, f"{ROOT}/day/front/archives/2026-11-20"
    )
    restore, item = level.children or ()
    assert restore.title == "Restore…"
    assert item.thumbnail is None
    with pytest.raises(BrowseError, match=r"hikvision_nvr\.restore with camera front"):
        await async_browse_media(house.home, restore.media_content_id)

    # Once the service has it ready, it is shown at once.
    house.remote.client.restore_object(
        Bucket=house.remote.name,
        Key="front/archive/2026-11-20.tar.gz",
        RestoreRequest={"Days": 1, "GlacierJobParameters": {"Tier": "Expedited"}},
    )
    await house.resolve(capture)
    assert await (await house.get(capture)).read() == picture()


async def test_an_object_in_glacier_is_cold_as_well(house: House) -> None:
    capture = await house.offsite("a.jpg", picture())
    house.remote.put(capture.relative_path, picture(), StorageClass="GLACIER")
    assert (await house.refusal(capture)).translation_key == "media_needs_restore"
    assert (await house.get(capture)).status == HTTPStatus.CONFLICT


async def _purge_object(house: House) -> None:
    house.remote.client.delete_object(
        Bucket=house.remote.name, Key="front/2026-11-20/a.jpg"
    )


async def _purge_archive(house: House) -> None:
    await house.archive("STANDARD")
    for key in house.remote.listed("front/archive/"):
        house.remote.client.delete_object(Bucket=house.remote.name, Key=key)


async def _forget(house: House) -> None:
    await house.store.captures.purged(["front/2026-11-20/a.jpg"])


@pytest.mark.parametrize("purge", [_purge_object, _purge_archive, _forget])
async def test_what_was_purged_says_so(
    house: House, purge: Callable[[House], Awaitable[None]]
) -> None:
    capture = await house.offsite("a.jpg", picture())
    await purge(house)
    refused = await house.refusal(capture)
    assert refused.translation_key == "media_gone"
    assert (await house.get(capture)).status == HTTPStatus.NOT_FOUND
    assert (await house.thumbnail(capture)).status == HTTPStatus.NOT_FOUND


async def test_an_object_that_is_not_what_was_sent_is_not_shown(house: House) -> None:
    capture = await house.offsite("a.jpg", picture())
    house.remote.put(capture.relative_path, b"somebody else's")
    assert (await house.get(capture)).status == HTTPStatus.NOT_FOUND


async def test_an_archive_without_an_index_needs_a_restore(house: House) -> None:
    capture = await house.offsite("a.jpg", picture())
    await house.archive("STANDARD")
    house.remote.client.delete_object(
        Bucket=house.remote.name, Key="front/archive/2026-11-20.index.json.gz"
    )
    assert (await house.refusal(capture)).translation_key == "media_needs_restore"
    assert (await house.get(capture)).status == HTTPStatus.CONFLICT


async def test_a_large_file_in_an_archive_needs_a_restore(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    capture = await house.offsite("a.jpg", picture())
    await house.archive("STANDARD")
    monkeypatch.setattr(reader_module, "LARGEST_MEMBER", 100)
    assert (await house.refusal(capture)).translation_key == "media_needs_restore"


async def test_while_s3_is_down_it_says_so(house: House, proxy: S3Proxy) -> None:
    capture = await house.offsite("a.jpg", picture())
    proxy.down = True
    assert (await house.refusal(capture)).translation_key == "offsite_unreachable"
    assert (await house.get(capture)).status == HTTPStatus.SERVICE_UNAVAILABLE
    proxy.down = False
    assert await (await house.get(capture)).read() == picture()


async def test_half_a_file_is_never_taken_for_the_whole(
    house: House, proxy: S3Proxy
) -> None:
    film = noise(2, 2_000_000)
    clip = await house.offsite("a.mp4", film)

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if request.method != "GET":
            return None
        answer = web.StreamResponse(headers={"Content-Length": str(len(film))})
        await answer.prepare(request)
        await answer.write(film[:1_500_000])
        assert request.transport is not None
        request.transport.close()
        return answer

    proxy.fault = fault
    with pytest.raises(aiohttp.ClientError):
        await (await house.get(clip)).read()
