"""Captures over HTTP: for those who are logged in, and only what is safe to show."""

from http import HTTPStatus

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from .recorder import JPEG, FakeEngine, a_capture

URL = "/api/hikvision_nvr/capture/entry-Recorder/{}"


@pytest.mark.parametrize(
    ("name", "mime"),
    [("a.jpg", "image/jpeg"), ("A.JPEG", "image/jpeg"), ("a.MP4", "video/mp4")],
)
async def test_a_capture_is_served_as_what_it_is(
    home: HomeAssistant,
    engine: FakeEngine,
    hass_client: ClientSessionGenerator,
    name: str,
    mime: str,
) -> None:
    capture = a_capture(name=name)
    engine.keep(capture)
    client = await hass_client()

    answer = await client.get(URL.format(capture.id))
    assert answer.status == HTTPStatus.OK
    assert answer.content_type == mime
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert await answer.read() == JPEG

    part = await client.get(URL.format(capture.id), headers={"Range": "bytes=2-4"})
    assert part.status == HTTPStatus.PARTIAL_CONTENT
    assert await part.read() == JPEG[2:5]


async def test_strangers_get_nothing(
    home: HomeAssistant, engine: FakeEngine, hass_client_no_auth: ClientSessionGenerator
) -> None:
    capture = a_capture()
    engine.keep(capture)
    client = await hass_client_no_auth()
    answer = await client.get(URL.format(capture.id))
    assert answer.status == HTTPStatus.UNAUTHORIZED
    assert JPEG not in await answer.read()


async def test_what_is_not_there_is_not_found(
    home: HomeAssistant,
    entry: MockConfigEntry,
    engine: FakeEngine,
    hass_client: ClientSessionGenerator,
) -> None:
    page, gone, there = a_capture(name="a.html"), a_capture(), a_capture()
    engine.keep(page, b"<script>")
    engine.keep(gone)
    engine.store.path(gone).unlink()
    engine.keep(there)
    other = MockConfigEntry(domain="other", entry_id="other-entry")
    other.add_to_hass(home)
    other.mock_state(home, ConfigEntryState.LOADED)
    client = await hass_client()

    async def status(url: str) -> int:
        return (await client.get(url)).status

    assert await status(URL.format(there.id)) == HTTPStatus.OK
    for capture_id in (page.id, gone.id, "unknown"):
        assert await status(URL.format(capture_id)) == HTTPStatus.NOT_FOUND
    for entry_id in ("other-entry", "nobody"):
        url = f"/api/hikvision_nvr/capture/{entry_id}/{there.id}"
        assert await status(url) == HTTPStatus.NOT_FOUND

    assert await home.config_entries.async_unload(entry.entry_id)
    assert await status(URL.format(there.id)) == HTTPStatus.NOT_FOUND
