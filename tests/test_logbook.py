"""The logbook says what cameras saw, in words."""

from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.hikvision_nvr.model import DetectionType

from .recorder import FakeEngine, a_detection


@pytest.fixture
async def logbook(
    recorder_mock: Any,
    home: HomeAssistant,
    engine: FakeEngine,
    hass_ws_client: WebSocketGenerator,
) -> Any:
    """Read what the logbook has of a camera."""
    assert await async_setup_component(home, "logbook", {})
    await home.async_block_till_done()
    since = dt_util.utcnow()
    client = await hass_ws_client()

    async def read(**about: Any) -> list[dict[str, Any]]:
        await async_wait_recording_done(home)
        await client.send_json_auto_id(
            {"type": "logbook/get_events", "start_time": since.isoformat(), **about}
        )
        answer = await client.receive_json()
        assert answer["success"], answer
        return [one for one in answer["result"] if one.get("domain") == "hikvision_nvr"]

    return read


async def test_a_detection_is_told_in_words_at_its_camera(
    logbook: Any, home: HomeAssistant, engine: FakeEngine, entry: MockConfigEntry
) -> None:
    await engine.tell(
        home,
        a_detection(type=DetectionType.LINE_CROSSING),
        a_detection(type=DetectionType.VEHICLE, plate="KA123"),
        a_detection("camera-garden"),
    )
    told = await logbook(entity_ids=["camera.front_door"])
    assert [(one["name"], one["message"]) for one in told] == [
        ("Front door", "detected: Line crossing"),
        ("Front door", "detected: Vehicle, number plate KA123"),
    ]
    assert {one["entity_id"] for one in told} == {"camera.front_door"}

    device = dr.async_get(home).async_get_device_by_identifier(
        ("hikvision_nvr", "camera-garden"), entry.entry_id
    )
    assert device is not None
    (told,) = await logbook(device_ids=[device.id])
    assert (told["name"], told["message"]) == ("Garden", "detected: Motion")


async def test_an_event_that_an_older_version_has_left(
    logbook: Any, home: HomeAssistant
) -> None:
    home.bus.async_fire(
        "hikvision_nvr_detection", {"camera": "{Shed}", "type": "dragon"}
    )
    (told,) = await logbook()
    assert (told["name"], told["message"]) == ("{Shed}", "detected: dragon")
