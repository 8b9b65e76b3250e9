"""Motion with its hold time, and the connection to S3."""

from dataclasses import replace
from datetime import timedelta

from freezegun.api import FrozenDateTimeFactory
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
    snapshot_platform,
)
from syrupy.assertion import SnapshotAssertion

from custom_components.hikvision_nvr.model import (
    MOTION_TYPES,
    CaptureKind,
    DetectionType,
)

from .recorder import STATUS, FakeEngine, a_capture, a_detection

MOTION = "binary_sensor.front_door_motion"
CONNECTION = "binary_sensor.recorder_offsite_connection"


async def after(
    home: HomeAssistant, freezer: FrozenDateTimeFactory, seconds: float
) -> str:
    """Return whether there is motion so much later."""
    freezer.tick(timedelta(seconds=seconds))
    async_fire_time_changed(home)
    await home.async_block_till_done()
    return home.states.get(MOTION).state


@pytest.mark.parametrize("platforms", [[Platform.BINARY_SENSOR]])
async def test_entities(
    home: HomeAssistant,
    engine: FakeEngine,
    entry: MockConfigEntry,
    entity_registry: er.EntityRegistry,
    snapshot: SnapshotAssertion,
) -> None:
    await engine.tell(home, STATUS)
    await snapshot_platform(home, entity_registry, snapshot, entry.entry_id)


async def test_motion_ends_when_nothing_came_for_the_hold_time(
    home: HomeAssistant, engine: FakeEngine, freezer: FrozenDateTimeFactory
) -> None:
    assert home.states.get(MOTION).state == "off"
    await engine.tell(home, a_detection())
    assert home.states.get(MOTION).state == "on"
    assert home.states.get("binary_sensor.garden_motion").state == "off"
    assert await after(home, freezer, 9) == "on"

    await engine.tell(home, a_detection())
    assert await after(home, freezer, 9) == "on"
    assert await after(home, freezer, 2) == "off"


async def test_pictures_that_keep_coming_keep_motion_on(
    home: HomeAssistant, engine: FakeEngine, freezer: FrozenDateTimeFactory
) -> None:
    await engine.tell(home, a_detection(), a_capture())
    for _ in range(3):
        assert await after(home, freezer, 8) == "on"
        await engine.tell(home, a_capture())
    assert await after(home, freezer, 11) == "off"

    await engine.tell(home, a_capture())
    assert home.states.get(MOTION).state == "off"


@pytest.mark.parametrize(
    "capture",
    [
        a_capture(kind=CaptureKind.CLIP),
        a_capture(type=None),
        a_capture(type=DetectionType.TAMPER),
        a_capture("Garden"),
    ],
)
async def test_what_says_nothing_about_now_does_not_prolong_motion(
    home: HomeAssistant, engine: FakeEngine, freezer: FrozenDateTimeFactory, capture
) -> None:
    await engine.tell(home, a_detection())
    await after(home, freezer, 8)
    await engine.tell(home, capture)
    assert await after(home, freezer, 3) == "off"


@pytest.mark.parametrize("detection_type", list(DetectionType))
async def test_only_what_moves_is_motion(
    home: HomeAssistant, engine: FakeEngine, detection_type: DetectionType
) -> None:
    await engine.tell(home, a_detection(type=detection_type))
    expected = "on" if detection_type in MOTION_TYPES else "off"
    assert home.states.get(MOTION).state == expected


async def test_a_reload_ends_motion_and_its_timer(
    home: HomeAssistant,
    entry: MockConfigEntry,
    engine: FakeEngine,
    freezer: FrozenDateTimeFactory,
) -> None:
    await engine.tell(home, a_detection())
    assert await home.config_entries.async_reload(entry.entry_id)
    await home.async_block_till_done()
    assert home.states.get(MOTION).state == "off"


async def test_the_connection_to_s3(home: HomeAssistant, engine: FakeEngine) -> None:
    assert home.states.get(CONNECTION).state == "unavailable"
    await engine.tell(home, replace(STATUS, offsite_connected=None))
    assert home.states.get(CONNECTION).state == "unknown"
    await engine.tell(home, STATUS)
    assert home.states.get(CONNECTION).state == "on"
    engine.offsite = None
    await engine.tell(home, replace(STATUS, offsite_connected=False))
    assert home.states.get(CONNECTION).state == "off"
