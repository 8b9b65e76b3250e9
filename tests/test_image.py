"""The last snapshot of a camera."""

from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    snapshot_platform,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator
from syrupy.assertion import SnapshotAssertion
from syrupy.filters import props

from custom_components.hikvision_nvr.model import CaptureKind

from .recorder import JPEG, FakeEngine, a_capture

FRONT = "image.front_door_last_snapshot"


@pytest.mark.parametrize("platforms", [[Platform.IMAGE]])
async def test_entities(
    home: HomeAssistant,
    engine: FakeEngine,
    entry: MockConfigEntry,
    entity_registry: er.EntityRegistry,
    snapshot: SnapshotAssertion,
) -> None:
    tokens = props("access_token", "entity_picture")
    await snapshot_platform(
        home, entity_registry, snapshot.with_defaults(exclude=tokens), entry.entry_id
    )


async def served(
    home: HomeAssistant, hass_client: ClientSessionGenerator
) -> tuple[int, str, bytes]:
    client = await hass_client()
    answer = await client.get(home.states.get(FRONT).attributes["entity_picture"])
    return answer.status, answer.content_type, await answer.read()


async def test_each_new_snapshot_is_shown(
    home: HomeAssistant, engine: FakeEngine, hass_client: ClientSessionGenerator
) -> None:
    assert home.states.get(FRONT).state == "unknown"
    for content in (JPEG, b"\xff\xd8another\xff\xd9"):
        capture = a_capture(name=f"{len(content)}.JPG")
        engine.keep(capture, content)
        await engine.tell(home, capture)
        assert home.states.get(FRONT).state == capture.arrived.isoformat()
        assert await served(home, hass_client) == (200, "image/jpeg", content)
    assert home.states.get("image.garden_last_snapshot").state == "unknown"


async def test_a_scheduled_picture_is_shown_a_clip_or_a_cut_off_picture_is_not(
    home: HomeAssistant, engine: FakeEngine
) -> None:
    scheduled = a_capture(type=None, raw_type="TIMING")
    clip = a_capture(kind=CaptureKind.CLIP, name="a.mp4")
    cut_off = a_capture(complete=False)
    await engine.tell(home, scheduled, clip, cut_off)
    assert home.states.get(FRONT).state == scheduled.arrived.isoformat()


async def test_the_newest_snapshot_of_the_store_is_shown_after_a_start(
    home: HomeAssistant,
    entry: MockConfigEntry,
    engines: list[FakeEngine],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    capture = a_capture()
    cut_off = a_capture(complete=False)
    monkeypatch.setattr(FakeEngine, "kept", (capture, cut_off))
    assert await home.config_entries.async_setup(entry.entry_id)
    await home.async_block_till_done()
    assert home.states.get(FRONT).state == capture.arrived.isoformat()


async def test_a_purged_file_is_no_picture(
    home: HomeAssistant, engine: FakeEngine, hass_client: ClientSessionGenerator
) -> None:
    await engine.tell(home, a_capture())
    status, _, _ = await served(home, hass_client)
    assert status == 500


async def test_before_the_first_snapshot_there_is_no_picture(
    home: HomeAssistant, engine: FakeEngine, hass_client: ClientSessionGenerator
) -> None:
    status, _, _ = await served(home, hass_client)
    assert status == 500
