"""The event entity: once for each detection, with what an automation needs."""

import asyncio
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.recorder import get_instance
from homeassistant.components.recorder.history import get_significant_states
from homeassistant.const import Platform
from homeassistant.core import Event, HomeAssistant, State
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
    mock_restore_cache_with_extra_data,
    snapshot_platform,
)
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator
from syrupy.assertion import SnapshotAssertion

from custom_components.hikvision_nvr.model import DetectionType

from .recorder import JPEG, FakeEngine, a_capture, a_detection

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
            id="d1",
            type=DetectionType.VEHICLE,
            raw_type="ANPR",
            plate="KA123",
            file_name="a.jpg",
            capture_id="c1",
        ),
    )

    attributes = dict(home.states.get(FRONT).attributes)
    assert attributes.pop("event_types")
    assert attributes.pop("snapshot_url").startswith("/api/hikvision_nvr/snapshot/")
    assert attributes == {
        "event_type": "vehicle",
        "detection_id": "d1",
        "camera": "Front door",
        "camera_entity_id": "camera.front_door",
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


# The picture, for a phone


async def told_on_the_bus(
    home: HomeAssistant, engine: FakeEngine, **detection: Any
) -> Event:
    events = async_capture_events(home, "hikvision_nvr_detection")
    await engine.tell(home, a_detection(**detection))
    (event,) = events
    return event


async def test_the_bus_event_has_what_a_notification_needs(
    home: HomeAssistant,
    engine: FakeEngine,
    hass_client_no_auth: ClientSessionGenerator,
    device_registry: dr.DeviceRegistry,
    entity_registry: er.EntityRegistry,
) -> None:
    entity_registry.async_update_entity(
        "camera.front_door", new_entity_id="camera.entrance"
    )
    capture = a_capture(id="c1", name="a.jpg")
    engine.keep(capture)
    data = dict((await told_on_the_bus(home, engine, id="d1", capture_id="c1")).data)

    device = device_registry.async_get(data.pop("device_id"))
    assert device is not None
    assert device.name == "Front door"
    url = data.pop("snapshot_url")
    assert home.states.get(FRONT).attributes["snapshot_url"] == url
    assert data == {
        "entry_id": "entry-Recorder",
        "entity_id": "camera.entrance",
        "camera": "Front door",
        "camera_folder": "Front door",
        "detection_id": "d1",
        "type": "motion",
        "raw_type": "MOTION_DETECTION",
        "channel": "01",
        "plate": None,
        "region": None,
        "event_time": "2026-11-22T12:00:00+00:00",
        "arrived": "2026-11-22T12:00:01+00:00",
        "file": "192.0.2.11_01_20261122120000000_MOTION_DETECTION.jpg",
        "capture_id": "c1",
        "media_id": "media-source://hikvision_nvr/entry-Recorder/capture/c1",
    }

    # A phone has no session, only the address.
    phone = await hass_client_no_auth()
    answer = await phone.get(url)
    assert answer.status == HTTPStatus.OK
    assert answer.content_type == "image/jpeg"
    assert await answer.read() == JPEG
    # It opens this picture and nothing else.
    engine.keep(a_capture(id="c2", name="b.jpg"))
    for other in (url.replace("c1", "c2"), url.partition("?")[0]):
        answer = await phone.get(other)
        assert answer.status == HTTPStatus.UNAUTHORIZED


async def test_the_address_of_a_picture_is_good_for_a_day(
    home: HomeAssistant,
    engine: FakeEngine,
    hass_client_no_auth: ClientSessionGenerator,
    freezer: FrozenDateTimeFactory,
) -> None:
    engine.keep(a_capture(id="c1", name="a.jpg"))
    url = (await told_on_the_bus(home, engine, capture_id="c1")).data["snapshot_url"]
    phone = await hass_client_no_auth()
    freezer.tick(timedelta(hours=23))
    assert (await phone.get(url)).status == HTTPStatus.OK
    freezer.tick(timedelta(hours=2))
    assert (await phone.get(url)).status == HTTPStatus.UNAUTHORIZED


async def test_a_phone_that_is_faster_than_the_disk_waits_for_the_picture(
    home: HomeAssistant,
    engine: FakeEngine,
    hass_client_no_auth: ClientSessionGenerator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = (await told_on_the_bus(home, engine, capture_id="c1")).data["snapshot_url"]
    phone = await hass_client_no_auth()
    asked = asyncio.Event()
    get = engine.store.captures.get

    async def tell_that_it_asks(capture_id: str) -> Any:
        found = await get(capture_id)
        asked.set()
        return found

    monkeypatch.setattr(engine.store.captures, "get", tell_that_it_asks)
    waiting = asyncio.ensure_future(phone.get(url))
    await asked.wait()
    await engine.tell(home, a_capture())
    assert not waiting.done()

    capture = a_capture(id="c1", name="a.jpg")
    engine.keep(capture)
    await engine.tell(home, capture)
    answer = await waiting
    assert answer.status == HTTPStatus.OK
    assert await answer.read() == JPEG


async def test_a_picture_that_never_comes_is_not_found(
    home: HomeAssistant,
    entry: MockConfigEntry,
    engine: FakeEngine,
    hass_client_no_auth: ClientSessionGenerator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("custom_components.hikvision_nvr.snapshot.PATIENCE", 0.01)
    url = (await told_on_the_bus(home, engine)).data["snapshot_url"]
    phone = await hass_client_no_auth()
    assert (await phone.get(url)).status == HTTPStatus.NOT_FOUND
    assert await home.config_entries.async_unload(entry.entry_id)
    assert (await phone.get(url)).status == HTTPStatus.NOT_FOUND


@pytest.mark.parametrize(
    ("file_name", "capture_id"), [(None, None), ("clip.mp4", "c1"), ("odd.bin", "c1")]
)
async def test_what_is_no_picture_has_no_address(
    home: HomeAssistant,
    engine: FakeEngine,
    file_name: str | None,
    capture_id: str | None,
) -> None:
    event = await told_on_the_bus(
        home, engine, file_name=file_name, capture_id=capture_id
    )
    assert event.data["snapshot_url"] is None
    assert home.states.get(FRONT).attributes["snapshot_url"] is None


async def test_a_picture_that_comes_later_is_told_without_firing_again(
    home: HomeAssistant, engine: FakeEngine
) -> None:
    pictures = async_capture_events(home, "hikvision_nvr_detection_picture")
    first = a_detection(id="d1", file_name=None, capture_id=None)
    await engine.tell(home, first)
    fired = home.states.get(FRONT).state

    engine.listener.on_detection_picture(
        a_detection(id="d1", file_name="a.jpg", capture_id="c1", plate="KA123")
    )
    await home.async_block_till_done()
    state = home.states.get(FRONT)
    assert state.state == fired
    assert state.attributes["plate"] == "KA123"
    assert state.attributes["snapshot_url"] == pictures[0].data["snapshot_url"]
    assert state.attributes["media_id"] == pictures[0].data["media_id"]


@pytest.mark.usefixtures("recorder_mock")
async def test_the_address_is_not_kept_in_the_history(
    recorder_mock: Any, home: HomeAssistant, engine: FakeEngine
) -> None:
    since = dt_util.utcnow()
    await engine.tell(home, a_detection(capture_id="c1"))
    await async_wait_recording_done(home)
    history = await get_instance(home).async_add_executor_job(
        lambda: get_significant_states(home, since, entity_ids=[FRONT])
    )
    kept = history[FRONT][-1]
    assert kept.attributes["capture_id"] == "c1"
    assert "snapshot_url" not in kept.attributes
