"""The event entity: once for each detection, with what an automation needs."""

from homeassistant.const import Platform
from homeassistant.core import HomeAssistant, State
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    mock_restore_cache_with_extra_data,
    snapshot_platform,
)
from syrupy.assertion import SnapshotAssertion

from custom_components.hikvision_nvr.model import DetectionType

from .recorder import FakeEngine, a_capture, a_detection

FRONT = "event.front_door_detection"
GARDEN = "event.garden_detection"


@pytest.mark.parametrize("platforms", [[Platform.EVENT]])
async def test_entities(
    home: HomeAssistant,
    engine: FakeEngine,
    entry: MockConfigEntry,
    entity_registry: er.EntityRegistry,
    snapshot: SnapshotAssertion,
) -> None:
    await snapshot_platform(home, entity_registry, snapshot, entry.entry_id)


async def test_a_detection_fires_with_everything_known_about_it(
    home: HomeAssistant, engine: FakeEngine
) -> None:
    assert home.states.get(FRONT).state == "unknown"

    await engine.tell(
        home,
        a_detection(
            type=DetectionType.VEHICLE,
            raw_type="ANPR",
            plate="KA123",
            file_name="a.jpg",
            capture_id="c1",
        ),
    )

    attributes = dict(home.states.get(FRONT).attributes)
    assert attributes.pop("event_types")
    assert attributes == {
        "event_type": "vehicle",
        "raw_type": "ANPR",
        "channel": "01",
        "plate": "KA123",
        "region": None,
        "event_time": "2026-11-22T12:00:00+00:00",
        "file": "a.jpg",
        "capture_id": "c1",
        "media_id": "media-source://hikvision_nvr/entry-Recorder/capture/c1",
        "device_class": "motion",
        "friendly_name": "Front door Detection",
    }
    assert home.states.get(GARDEN).state == "unknown"


@pytest.mark.parametrize("detection_type", list(DetectionType))
async def test_each_type_fires(
    home: HomeAssistant, engine: FakeEngine, detection_type: DetectionType
) -> None:
    await engine.tell(home, a_detection(type=detection_type))
    assert home.states.get(FRONT).attributes["event_type"] == detection_type.value


async def test_a_capture_alone_fires_nothing(
    home: HomeAssistant, engine: FakeEngine
) -> None:
    await engine.tell(home, a_capture())
    assert home.states.get(FRONT).state == "unknown"


async def test_the_last_event_survives_a_restart(
    home: HomeAssistant, entry: MockConfigEntry, engines: list[FakeEngine]
) -> None:
    mock_restore_cache_with_extra_data(
        home,
        [
            (
                State(FRONT, "2026-11-22T10:00:00.000+00:00"),
                {
                    "last_event_type": "face",
                    "last_event_attributes": {"file": "old.jpg"},
                },
            )
        ],
    )
    assert await home.config_entries.async_setup(entry.entry_id)
    await home.async_block_till_done()
    state = home.states.get(FRONT)
    assert state.state == "2026-11-22T10:00:00.000+00:00"
    assert state.attributes["file"] == "old.jpg"
