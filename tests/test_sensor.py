"""The recorder's sensors."""

from dataclasses import replace
from pathlib import Path

from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
    snapshot_platform,
)
from syrupy.assertion import SnapshotAssertion

from custom_components.hikvision_nvr.model import (
    Backlog,
    CameraStatus,
    ReceiverStatus,
)

from .recorder import NOON, STATUS, FakeEngine, recorder_entry


@pytest.mark.parametrize("platforms", [[Platform.SENSOR]])
async def test_entities(
    home: HomeAssistant,
    engine: FakeEngine,
    entry: MockConfigEntry,
    entity_registry: er.EntityRegistry,
    snapshot: SnapshotAssertion,
) -> None:
    await engine.tell(home, STATUS)
    await snapshot_platform(home, entity_registry, snapshot, entry.entry_id)


async def test_sensors_follow_the_status(
    home: HomeAssistant, engine: FakeEngine
) -> None:
    def shown() -> dict[str, str]:
        return {
            name: home.states.get(f"sensor.recorder_{name}").state
            for name in (
                "storage_used",
                "storage_free",
                "upload_backlog",
                "upload_backlog_size",
                "oldest_waiting_upload",
                "last_upload",
                "uploads_today",
                "connected_cameras",
                "rejected_logins",
                "banned_addresses",
            )
        }

    assert set(shown().values()) == {"unavailable"}
    await engine.tell(home, STATUS)
    assert shown() == {
        "storage_used": "2.5",
        "storage_free": "80.0",
        "upload_backlog": "3",
        "upload_backlog_size": "0.6",
        "oldest_waiting_upload": "2026-11-22T11:55:00+00:00",
        "last_upload": "2026-11-22T11:59:00+00:00",
        "uploads_today": "12",
        "connected_cameras": "1",
        "rejected_logins": "7",
        "banned_addresses": "1",
    }
    await engine.tell(
        home,
        replace(
            STATUS, backlog=Backlog(files=0, bytes=0, oldest=None), last_upload=None
        ),
    )
    assert shown()["upload_backlog"] == "0"
    assert shown()["oldest_waiting_upload"] == "unknown"
    assert shown()["last_upload"] == "unknown"
    await engine.tell(home, replace(STATUS, backlog=None))
    assert shown()["upload_backlog"] == "unknown"
    assert shown()["upload_backlog_size"] == "unknown"


async def test_without_s3_there_is_nothing_to_say_about_uploads(
    home: HomeAssistant, tmp_path: Path, engines: list[FakeEngine]
) -> None:
    entry = recorder_entry(tmp_path, s3=None)
    entry.add_to_hass(home)
    assert await home.config_entries.async_setup(entry.entry_id)
    await home.async_block_till_done()
    assert sorted(home.states.async_entity_ids()) == [
        "sensor.recorder_banned_addresses",
        "sensor.recorder_connected_cameras",
        "sensor.recorder_rejected_logins",
        "sensor.recorder_storage_free",
        "sensor.recorder_storage_used",
        "sensor.recorder_uploads_today",
    ]


async def test_a_ban_says_who_and_for_how_long(
    home: HomeAssistant, engine: FakeEngine
) -> None:
    banned = "sensor.recorder_banned_addresses"
    await engine.tell(home, STATUS)
    assert home.states.get(banned).attributes["addresses"] == [
        {"address": "192.0.2.66", "until": "2026-11-22T12:30:00+00:00"}
    ]
    await engine.tell(home, replace(STATUS, receiver=ReceiverStatus()))
    assert home.states.get(banned).state == "0"
    assert home.states.get(banned).attributes["addresses"] == []


async def test_what_is_known_of_each_camera(
    home: HomeAssistant, engine: FakeEngine
) -> None:
    def shown(camera: str) -> list[str]:
        return [
            home.states.get(f"sensor.{camera}_{name}").state
            for name in ("last_seen", "last_connection_test", "clock_offset")
        ]

    assert shown("front_door") == ["unavailable"] * 3
    await engine.tell(home, STATUS)
    assert shown("front_door") == [
        "2026-11-22T11:59:58+00:00",
        "2026-11-21T12:00:00+00:00",
        "-1.6",
    ]
    assert shown("garden") == ["unknown"] * 3

    seen = CameraStatus(last_seen=NOON)
    await engine.tell(
        home, replace(STATUS, cameras={**STATUS.cameras, "camera-garden": seen})
    )
    assert shown("garden") == ["2026-11-22T12:00:00+00:00", "unknown", "unknown"]


async def test_a_connection_test_is_no_event_and_no_picture(
    home: HomeAssistant, engine: FakeEngine
) -> None:
    detections = async_capture_events(home, "hikvision_nvr_detection")
    await engine.tell(home, STATUS)
    before = {
        entity_id: home.states.get(entity_id).state
        for entity_id in home.states.async_entity_ids()
    }
    tested = CameraStatus(last_seen=NOON, last_test=NOON)
    await engine.tell(
        home, replace(STATUS, cameras={**STATUS.cameras, "camera-garden": tested})
    )
    assert {
        entity_id
        for entity_id, state in before.items()
        if home.states.get(entity_id).state != state
    } == {"sensor.garden_last_seen", "sensor.garden_last_connection_test"}
    assert detections == []
