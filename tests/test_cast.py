"""Playing on a cast device: it has no login, so the address that it gets must do."""

from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path
from typing import Any, override

from homeassistant.components import media_source
from homeassistant.components.media_player import (
    DOMAIN as MEDIA_PLAYER,
    MediaPlayerEntity,
    MediaPlayerEntityFeature,
    async_process_play_media_url,
)
from homeassistant.const import ATTR_ENTITY_ID, Platform
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    setup_test_component_platform,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.hikvision_nvr.media_id import CaptureId, FootageId
from custom_components.hikvision_nvr.store import Store

from .media import FOOTAGE, clip, keep, picture, real_store
from .recorder import NOON, FakeEngine, camera_subentry, recorder_entry

ELSEWHERE = "https://www.example.com"
"""Where the page comes from that a cast device plays by."""


class CastDevice(MediaPlayerEntity):
    """Takes what it is told to play as Home Assistant's own cast devices do."""

    _attr_name = "Living room"
    _attr_unique_id = "living-room"
    _attr_supported_features = MediaPlayerEntityFeature.PLAY_MEDIA

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    @override
    async def async_play_media(
        self, media_type: str, media_id: str, **kwargs: Any
    ) -> None:
        found = await media_source.async_resolve_media(
            self.hass, media_id, self.entity_id
        )
        url = async_process_play_media_url(self.hass, found.url)
        self.told.append((found.mime_type, url))


@pytest.fixture
def platforms() -> list[Platform]:
    """None: media are asked for, not entities."""
    return []


@pytest.fixture
def entry(home: HomeAssistant, tmp_path: Path) -> MockConfigEntry:
    """A recorder of one camera."""
    entry = recorder_entry(tmp_path / "storage", cameras=[camera_subentry("front")])
    entry.add_to_hass(home)
    return entry


@pytest.fixture
async def store(engine: FakeEngine, tmp_path: Path) -> AsyncIterator[Store]:
    """The recorder's store, with a minute of footage."""
    async with real_store(engine, tmp_path, footage=(1.0,)) as store:
        yield store


@pytest.fixture
async def device(home: HomeAssistant) -> CastDevice:
    """A cast device in the living room."""
    device = CastDevice()
    setup_test_component_platform(home, MEDIA_PLAYER, [device])
    assert await async_setup_component(home, "media_source", {})
    assert await async_setup_component(
        home, MEDIA_PLAYER, {MEDIA_PLAYER: {"platform": "test"}}
    )
    await home.async_block_till_done()
    return device


async def play(home: HomeAssistant, device: CastDevice, media_id: str) -> Any:
    """Let it play something, and return what it was told: a type and an address."""
    await home.services.async_call(
        MEDIA_PLAYER,
        "play_media",
        {
            ATTR_ENTITY_ID: device.entity_id,
            "media": {"media_content_id": media_id, "media_content_type": ""},
        },
        blocking=True,
    )
    return device.told[-1]


async def test_a_cast_device_gets_pictures_and_clips(
    home: HomeAssistant,
    store: Store,
    device: CastDevice,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    stranger = await hass_client_no_auth()
    home.config.internal_url = str(stranger.make_url("")).rstrip("/")
    for name, content, mime in (
        ("a.jpg", picture(), "image/jpeg"),
        ("b.mp4", clip().read_bytes(), "video/mp4"),
    ):
        kept = await keep(store, name, NOON, content)
        told, url = await play(
            home, device, CaptureId("entry-Recorder", kept.id).media_id
        )
        assert told == mime
        assert url.startswith(home.config.internal_url)
        # As the device does: by the whole address, and with nothing else.
        answer = await stranger.session.get(url)
        assert answer.status == HTTPStatus.OK
        assert answer.content_type == mime
        assert answer.headers["Accept-Ranges"] == "bytes"
        assert await answer.read() == content
        part = await stranger.session.get(url, headers={"Range": "bytes=10-19"})
        assert part.status == HTTPStatus.PARTIAL_CONTENT
        assert part.headers["Content-Range"] == f"bytes 10-19/{len(content)}"
        assert await part.read() == content[10:20]
        # That address is good for this one file.
        other = url.replace(kept.id, "another")
        assert (await stranger.session.get(other)).status == HTTPStatus.UNAUTHORIZED


async def test_a_cast_device_gets_footage(
    home: HomeAssistant,
    store: Store,
    device: CastDevice,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    stranger = await hass_client_no_auth()
    home.config.internal_url = str(stranger.make_url("")).rstrip("/")
    segment, *_ = await store.recordings.segments.between(
        "front", FOOTAGE, FOOTAGE.replace(year=FOOTAGE.year + 1)
    )
    wanted = FootageId("entry-Recorder", "front", segment.start, segment.end)
    told, url = await play(home, device, wanted.media_id)
    assert told == "application/x-mpegURL"
    assert url.startswith(home.config.internal_url)
    # Its page is not Home Assistant's, so its browser asks whether it may.
    asks = {"Origin": ELSEWHERE}
    playlist = await stranger.session.get(url, headers=asks)
    assert playlist.status == HTTPStatus.OK
    assert playlist.content_type == "application/vnd.apple.mpegurl"
    assert playlist.headers["Access-Control-Allow-Origin"] in ("*", ELSEWHERE)
    names = {
        line
        for line in (await playlist.text()).splitlines()
        if not line.startswith("#")
    }
    assert names == {f"{segment.id}.mp4"}
    base = url.partition("?")[0].rpartition("/")[0]
    for name in names:
        part = await stranger.session.get(
            f"{base}/{name}", headers={**asks, "Range": "bytes=0-999"}
        )
        assert part.status == HTTPStatus.PARTIAL_CONTENT
        assert part.content_type == "video/mp4"
        assert part.headers["Access-Control-Allow-Origin"] in ("*", ELSEWHERE)
        assert (await part.read())[4:8] == b"ftyp"
