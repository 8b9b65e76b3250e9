"""Conditions of automations, as automations ask them."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.condition import async_get_all_descriptions
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import async_mock_service

from custom_components.hikvision_nvr.model import (
    Backlog,
    DetectionType,
    RecorderStatus,
    StoragePressure,
    UploadFigures,
)

from .recorder import NOON, STATUS, FakeEngine, a_detection

FRONT = "event.front_door_detection"
GARDEN = "event.garden_detection"

type Ask = Callable[[], Awaitable[bool]]
type Condition = Callable[..., Awaitable[Ask]]


@pytest.fixture
def condition(home: HomeAssistant) -> Condition:
    """Make an automation with a condition; asking tells whether it ran."""

    async def make(**condition: Any) -> Ask:
        calls = async_mock_service(home, "test", "automation")
        assert await async_setup_component(
            home,
            "automation",
            {
                "automation": {
                    "triggers": {"trigger": "event", "event_type": "ask"},
                    "conditions": condition,
                    "actions": {"action": "test.automation"},
                }
            },
        )
        await home.async_block_till_done()

        async def ask() -> bool:
            calls.clear()
            home.bus.async_fire("ask")
            await home.async_block_till_done()
            return bool(calls)

        return ask

    return make


async def test_each_condition_is_described_for_the_editor(home: HomeAssistant) -> None:
    assert await async_setup_component(home, "hikvision_nvr", {})
    assert await async_setup_component(home, "automation", {})
    await home.async_block_till_done()
    described = await async_get_all_descriptions(home)
    ours = {key for key, value in described.items() if value and "hikvision" in key}
    assert ours == {
        "hikvision_nvr.detection",
        "hikvision_nvr.offsite_protected",
        "hikvision_nvr.storage_low",
        "hikvision_nvr.upload_stalled",
    }


async def test_something_was_detected_lately(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    engine: FakeEngine,
    condition: Condition,
) -> None:
    ask = await condition(
        condition="hikvision_nvr.detection",
        target={"entity_id": [FRONT, GARDEN]},
        options={"within": "00:05:00", "event_type": ["vehicle"]},
    )
    assert not await ask()
    await engine.tell(home, a_detection())
    assert not await ask()
    await engine.tell(home, a_detection(type=DetectionType.VEHICLE))
    assert await ask()
    freezer.tick(timedelta(minutes=4, seconds=59))
    assert await ask()
    freezer.tick(timedelta(seconds=2))
    assert not await ask()


async def test_all_cameras_have_detected_something(
    home: HomeAssistant, engine: FakeEngine, condition: Condition
) -> None:
    ask = await condition(
        condition="hikvision_nvr.detection",
        target={"entity_id": [FRONT, GARDEN, "event.of_another_integration"]},
        options={"within": {"minutes": 1}, "behavior": "all"},
    )
    await engine.tell(home, a_detection(), a_detection("camera-garden"))
    assert await ask()


PROTECTED = "binary_sensor.recorder_offsite_protection"
LOW = "binary_sensor.recorder_storage_low"
STALLED = "binary_sensor.recorder_uploads_stalled"
WELL = replace(
    STATUS,
    backlog=Backlog(files=0, bytes=0, oldest=None),
    uploads=UploadFigures(),
)
BEHIND = replace(
    WELL,
    backlog=Backlog(files=3, bytes=9, oldest=NOON - timedelta(hours=1)),
    last_upload=NOON - timedelta(hours=2),
)


@pytest.mark.parametrize(
    ("name", "entity_id", "holds", "does_not"),
    [
        ("offsite_protected", PROTECTED, WELL, BEHIND),
        ("upload_stalled", STALLED, BEHIND, WELL),
        (
            "storage_low",
            LOW,
            replace(WELL, storage_pressure=StoragePressure.FULL),
            WELL,
        ),
    ],
)
async def test_how_the_recorder_is(
    home: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    engine: FakeEngine,
    condition: Condition,
    name: str,
    entity_id: str,
    holds: RecorderStatus,
    does_not: RecorderStatus,
) -> None:
    freezer.move_to(NOON)
    engine.listener.started = NOON - timedelta(hours=3)
    ask = await condition(
        condition=f"hikvision_nvr.{name}", target={"entity_id": entity_id}
    )
    # Nothing is known yet.
    assert not await ask()
    await engine.tell(home, does_not)
    assert not await ask()
    await engine.tell(home, holds)
    assert await ask()


async def test_no_other_sensor_is_asked(
    home: HomeAssistant, engine: FakeEngine, condition: Condition
) -> None:
    ask = await condition(
        condition="hikvision_nvr.upload_stalled",
        target={"entity_id": [LOW, "binary_sensor.stranger"]},
    )
    home.states.async_set("binary_sensor.stranger", "on")
    await engine.tell(home, replace(WELL, storage_pressure=StoragePressure.FULL))
    assert home.states.get(LOW).state == "on"
    assert not await ask()
