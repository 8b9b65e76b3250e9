"""Triggers of automations, in automations that run."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
import json
from pathlib import Path
from types import ModuleType
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.trigger import async_get_all_descriptions
from homeassistant.setup import async_setup_component
from homeassistant.util.yaml import load_yaml_dict
import pytest
from pytest_homeassistant_custom_component.common import (
    async_fire_time_changed,
    async_mock_service,
)

from custom_components import hikvision_nvr
from custom_components.hikvision_nvr import condition, trigger
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
PROTECTED = "binary_sensor.recorder_offsite_protection"
LOW = "binary_sensor.recorder_storage_low"
STALLED = "binary_sensor.recorder_uploads_stalled"

type Automate = Callable[..., Awaitable[list[ServiceCall]]]


@pytest.fixture
def automate(home: HomeAssistant) -> Automate:
    """Make an automation that calls a service, and return the calls."""

    async def make(**trigger: Any) -> list[ServiceCall]:
        calls = async_mock_service(home, "test", "automation")
        assert await async_setup_component(
            home,
            "automation",
            {
                "automation": {
                    "triggers": trigger,
                    "actions": {
                        "action": "test.automation",
                        "data": {
                            "entity": "{{ trigger.entity_id }}",
                            "picture": "{{ trigger.to_state.attributes.snapshot_url }}",
                            "type": "{{ trigger.to_state.attributes.event_type }}",
                        },
                    },
                }
            },
        )
        await home.async_block_till_done()
        return calls

    return make


def waiting(since: datetime | None, **changes: Any) -> RecorderStatus:
    """A status in which captures wait since then, and nothing is put aside."""
    return replace(
        STATUS,
        backlog=Backlog(files=0 if since is None else 3, bytes=9, oldest=since),
        uploads=UploadFigures(),
        **changes,
    )


async def test_each_trigger_is_described_for_the_editor(home: HomeAssistant) -> None:
    assert await async_setup_component(home, "hikvision_nvr", {})
    assert await async_setup_component(home, "automation", {})
    await home.async_block_till_done()
    described = await async_get_all_descriptions(home)
    ours = {
        key: value
        for key, value in described.items()
        if key.startswith("hikvision_nvr.")
    }
    assert set(ours) == {
        "hikvision_nvr.detection",
        "hikvision_nvr.offsite_protected",
        "hikvision_nvr.storage_low",
        "hikvision_nvr.upload_stalled",
    }
    assert all(value and value["target"] for value in ours.values())


@pytest.mark.parametrize(
    ("kind", "platform"), [("triggers", trigger), ("conditions", condition)]
)
def test_each_has_texts_and_an_icon(kind: str, platform: ModuleType) -> None:
    folder = Path(hikvision_nvr.__file__).parent
    texts = json.loads((folder / "translations/en.json").read_text())[kind]
    icons = json.loads((folder / "icons.json").read_text())[kind]
    described = load_yaml_dict(str(folder / f"{kind}.yaml"))
    known = getattr(platform, kind.upper())
    assert set(known) == set(described) == set(texts) == set(icons)
    for name, text in texts.items():
        assert text["name"]
        assert text["description"]
        assert set(text["fields"]) == set(described[name]["fields"])
        assert all(
            one["name"] and one["description"] for one in text["fields"].values()
        )
        assert icons[name][kind.removesuffix("s")].startswith("mdi:")


async def test_a_detection_triggers_once(
    home: HomeAssistant, engine: FakeEngine, automate: Automate
) -> None:
    calls = await automate(
        trigger="hikvision_nvr.detection", target={"entity_id": [FRONT, GARDEN]}
    )
    # The first one ever, one more in the same moment, and one of the other camera.
    await engine.tell(home, a_detection(), a_detection(type=DetectionType.FACE))
    await engine.tell(home, a_detection("camera-garden", type=DetectionType.VEHICLE))
    assert [(call.data["entity"], call.data["type"]) for call in calls] == [
        (FRONT, "motion"),
        (FRONT, "face"),
        (GARDEN, "vehicle"),
    ]
    assert all("/snapshot/" in call.data["picture"] for call in calls)


async def test_a_picture_that_comes_later_does_not_trigger_again(
    home: HomeAssistant, engine: FakeEngine, automate: Automate
) -> None:
    calls = await automate(
        trigger="hikvision_nvr.detection", target={"entity_id": FRONT}
    )
    await engine.tell(home, a_detection(id="d1", file_name=None, capture_id=None))
    engine.listener.on_detection_picture(a_detection(id="d1"))
    await home.async_block_till_done()
    assert len(calls) == 1


async def test_only_wanted_types_trigger(
    home: HomeAssistant, engine: FakeEngine, automate: Automate
) -> None:
    calls = await automate(
        trigger="hikvision_nvr.detection",
        target={"entity_id": FRONT},
        options={"event_type": ["vehicle", "face"]},
    )
    for kind in DetectionType:
        await engine.tell(home, a_detection(type=kind))
    assert {call.data["type"] for call in calls} == {"vehicle", "face"}
    assert len(calls) == 2


@pytest.mark.parametrize("types", [[], ["burglar"]])
async def test_an_unknown_type_is_refused(
    home: HomeAssistant,
    engine: FakeEngine,
    automate: Automate,
    types: list[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    calls = await automate(
        trigger="hikvision_nvr.detection",
        target={"entity_id": FRONT},
        options={"event_type": types},
    )
    await engine.tell(home, a_detection())
    assert calls == []
    assert "failed to setup" in caplog.text


async def test_a_whole_camera_can_be_chosen_whatever_else_it_has(
    home: HomeAssistant, engine: FakeEngine, automate: Automate
) -> None:
    registry = er.async_get(home)
    entity = registry.async_get(FRONT)
    assert entity is not None
    assert entity.device_id is not None
    stranger = registry.async_get_or_create(
        "event",
        "other",
        "1",
        device_id=entity.device_id,
        translation_key="detection",
    )
    calls = await automate(
        trigger="hikvision_nvr.detection", target={"device_id": entity.device_id}
    )
    home.states.async_set(stranger.entity_id, "2026-11-22T12:00:00.000+00:00")
    home.states.async_set(stranger.entity_id, "2026-11-22T12:00:01.000+00:00")
    await home.async_block_till_done()
    assert calls == []
    await engine.tell(home, a_detection())
    assert [call.data["entity"] for call in calls] == [FRONT]


async def test_storage_that_gets_low(
    home: HomeAssistant, engine: FakeEngine, automate: Automate
) -> None:
    calls = await automate(
        trigger="hikvision_nvr.storage_low", target={"entity_id": LOW}
    )
    await engine.tell(home, STATUS)
    assert home.states.get(LOW).state == "off"
    assert calls == []
    await engine.tell(home, replace(STATUS, storage_pressure=StoragePressure.OTHERS))
    assert home.states.get(LOW).state == "on"
    await engine.tell(home, replace(STATUS, storage_pressure=StoragePressure.FULL))
    assert [call.data["entity"] for call in calls] == [LOW]


@pytest.fixture
def noon(freezer: FrozenDateTimeFactory) -> FrozenDateTimeFactory:
    """It is noon."""
    freezer.move_to(NOON)
    return freezer


async def pass_time(
    home: HomeAssistant, clock: FrozenDateTimeFactory, time: timedelta
) -> None:
    clock.tick(time)
    async_fire_time_changed(home)
    await home.async_block_till_done()


async def test_uploads_that_stall(
    home: HomeAssistant,
    noon: FrozenDateTimeFactory,
    engine: FakeEngine,
    automate: Automate,
) -> None:
    calls = await automate(
        trigger="hikvision_nvr.upload_stalled", target={"entity_id": STALLED}
    )
    # What waited while the recorder was off has had no chance yet.
    await engine.tell(home, waiting(NOON - timedelta(days=1), last_upload=None))
    assert home.states.get(STALLED).state == "off"
    await pass_time(home, noon, timedelta(minutes=29))
    assert home.states.get(STALLED).state == "off"
    # One that got through is enough.
    uploaded = NOON + timedelta(minutes=29)
    await engine.tell(home, waiting(NOON - timedelta(days=1), last_upload=uploaded))
    await pass_time(home, noon, timedelta(minutes=29))
    assert calls == []
    # Nothing is reported any more: time alone tells it.
    await pass_time(home, noon, timedelta(minutes=2))
    assert home.states.get(STALLED).state == "on"
    assert [call.data["entity"] for call in calls] == [STALLED]
    await engine.tell(home, waiting(None))
    assert home.states.get(STALLED).state == "off"


async def test_everything_offsite_again(
    home: HomeAssistant,
    noon: FrozenDateTimeFactory,
    engine: FakeEngine,
    automate: Automate,
) -> None:
    calls = await automate(
        trigger="hikvision_nvr.offsite_protected",
        target={"entity_id": PROTECTED},
        options={"for": "00:01:00"},
    )
    await engine.tell(home, waiting(NOON - timedelta(seconds=20)))
    # What has just arrived is no reason to worry.
    assert home.states.get(PROTECTED).state == "on"
    await pass_time(home, noon, timedelta(minutes=6))
    assert home.states.get(PROTECTED).state == "off"
    await engine.tell(home, waiting(None))
    assert home.states.get(PROTECTED).state == "on"
    assert calls == []
    await pass_time(home, noon, timedelta(seconds=61))
    assert [call.data["entity"] for call in calls] == [PROTECTED]

    put_aside = replace(waiting(None), uploads=UploadFigures(quarantined=1))
    await engine.tell(home, put_aside)
    assert home.states.get(PROTECTED).state == "off"


async def test_other_binary_sensors_do_not_trigger(
    home: HomeAssistant, engine: FakeEngine, automate: Automate
) -> None:
    await engine.tell(home, STATUS)
    calls = await automate(
        trigger="hikvision_nvr.upload_stalled",
        target={"entity_id": [LOW, "binary_sensor.stranger"]},
    )
    home.states.async_set("binary_sensor.stranger", "off")
    home.states.async_set("binary_sensor.stranger", "on")
    await engine.tell(home, replace(STATUS, storage_pressure=StoragePressure.FULL))
    assert home.states.get(LOW).state == "on"
    assert calls == []
