"""The recorder's sensors."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.recorder import get_instance
from homeassistant.components.recorder.statistics import (
    get_metadata,
    statistics_during_period,
)
from homeassistant.components.recorder.tasks import StatisticsTask
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
    snapshot_platform,
)
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)
from syrupy.assertion import SnapshotAssertion

from custom_components.hikvision_nvr.model import (
    Backlog,
    CameraStatus,
    ReceiverStatus,
    UploadFigures,
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


async def test_how_uploads_go(home: HomeAssistant, engine: FakeEngine) -> None:
    def shown() -> dict[str, str]:
        return {
            name: home.states.get(f"sensor.recorder_{name}").state
            for name in (
                "upload_rate",
                "time_to_offsite",
                "usual_time_to_offsite",
                "offsite_today",
                "failed_upload_attempts",
                "quarantined_uploads",
            )
        }

    await engine.tell(home, STATUS)
    assert shown() == {
        "upload_rate": "250.0",
        "time_to_offsite": "1.3",
        "usual_time_to_offsite": "4.5",
        "offsite_today": "40",
        "failed_upload_attempts": "2",
        "quarantined_uploads": "1",
    }
    await engine.tell(home, replace(STATUS, uploads=UploadFigures()))
    assert shown()["upload_rate"] == "0.0"
    assert shown()["time_to_offsite"] == "unknown"


async def test_what_is_in_the_bucket(home: HomeAssistant, engine: FakeEngine) -> None:
    await engine.tell(home, STATUS)
    for entity_id, state, by_class in (
        ("recorder_objects_in_the_bucket", "4530", {"GLACIER": 30, "STANDARD": 4500}),
        (
            "recorder_size_in_the_bucket",
            "12.9",
            {"GLACIER": 12_000_000_000, "STANDARD": 900_000_000},
        ),
        ("front_door_objects_in_the_bucket", "4030", {"GLACIER": 30, "STANDARD": 4000}),
        (
            "front_door_size_in_the_bucket",
            "12.8",
            {"GLACIER": 12_000_000_000, "STANDARD": 800_000_000},
        ),
        ("garden_objects_in_the_bucket", "0", {}),
        ("garden_size_in_the_bucket", "0.0", {}),
    ):
        shown = home.states.get(f"sensor.{entity_id}")
        assert shown.state == state
        classes = {
            name: value for name, value in shown.attributes.items() if name.isupper()
        }
        assert classes == by_class


async def test_what_a_month_costs_follows_the_price_table(
    home: HomeAssistant, engine: FakeEngine, entry: MockConfigEntry
) -> None:
    def shown() -> tuple[float, str, float, float]:
        cost = home.states.get("sensor.recorder_monthly_cost_of_the_bucket")
        return (
            float(cost.state),
            cost.attributes["unit_of_measurement"],
            cost.attributes["storage"],
            cost.attributes["uploads"],
        )

    await engine.tell(home, STATUS)
    # 12 GB in GLACIER and 0.9 GB in STANDARD at AWS's prices, 60,000 uploads a month.
    assert shown() == (0.3595, "USD", 0.0595, 0.3)

    flow = await home.config_entries.options.async_init(entry.entry_id)
    flow = await home.config_entries.options.async_configure(
        flow["flow_id"], {"next_step_id": "prices"}
    )
    free = {
        "price_standard": 1.0737418240,
        "price_standard_ia": 0,
        "price_glacier_ir": 0,
        "price_glacier": 0,
        "price_deep_archive": 0,
        "price_uploads": 0,
    }
    wrong = await home.config_entries.options.async_configure(
        flow["flow_id"], {"currency": "Euro", **free}
    )
    assert wrong["errors"] == {"currency": "invalid_currency"}
    done = await home.config_entries.options.async_configure(
        flow["flow_id"], {"currency": " eur ", **free}
    )
    assert done["type"] is FlowResultType.CREATE_ENTRY
    await home.async_block_till_done()
    await entry.runtime_data.engine.tell(home, STATUS)
    # 0.9 * 10^9 bytes at one euro for 10^9, and 8 KiB of it for each archive's name.
    assert shown() == (0.9002, "EUR", 0.9002, 0.0)


async def test_manifests_say_how_their_chains_end(
    home: HomeAssistant, engine: FakeEngine
) -> None:
    await engine.tell(home, STATUS)
    shown = home.states.get("sensor.recorder_last_manifest")
    assert shown.state == "2026-11-22T01:00:00+00:00"
    assert shown.attributes["chains"] == [
        {
            "camera": "Front door",
            "number": 7,
            "day": "2026-11-21",
            "sha256": "5e" * 32,
        }
    ]
    await engine.tell(home, replace(STATUS, manifests=()))
    assert home.states.get("sensor.recorder_last_manifest").state == "unknown"


async def test_without_s3_no_prices_are_asked_for(
    home: HomeAssistant, tmp_path: Path, engines: list[FakeEngine]
) -> None:
    entry = recorder_entry(tmp_path, s3=None)
    entry.add_to_hass(home)
    menu = await home.config_entries.options.async_init(entry.entry_id)
    assert "prices" not in menu["menu_options"]


async def test_without_s3_there_is_nothing_to_say_about_uploads(
    home: HomeAssistant, tmp_path: Path, engines: list[FakeEngine]
) -> None:
    entry = recorder_entry(tmp_path, s3=None)
    entry.add_to_hass(home)
    assert await home.config_entries.async_setup(entry.entry_id)
    await home.async_block_till_done()
    assert sorted(home.states.async_entity_ids()) == [
        "binary_sensor.recorder_storage_low",
        "button.recorder_cancel_jobs",
        "sensor.recorder_banned_addresses",
        "sensor.recorder_connected_cameras",
        "sensor.recorder_job",
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


async def test_storage_and_backlog_have_long_term_statistics(
    recorder_mock: Any,
    home: HomeAssistant,
    engine: FakeEngine,
    freezer: FrozenDateTimeFactory,
) -> None:
    # An hour to come: what is over was looked at when the recorder started.
    hour = dt_util.utcnow().replace(minute=0, second=0, microsecond=0)
    start = hour + timedelta(hours=1)
    freezer.move_to(start + timedelta(seconds=1))
    await engine.tell(home, STATUS)
    await async_wait_recording_done(home)
    # What the recorder does by itself every five minutes.
    get_instance(home).queue_task(StatisticsTask(start, False))
    await async_wait_recording_done(home)
    expected = {
        "sensor.recorder_storage_used": (2.5, "GB"),
        "sensor.recorder_storage_free": (80.0, "GB"),
        "sensor.recorder_upload_backlog": (3, "files"),
        "sensor.recorder_upload_backlog_size": (0.6, "MB"),
    }
    known = await get_instance(home).async_add_executor_job(get_metadata, home)
    assert set(expected) <= set(known)
    means = await get_instance(home).async_add_executor_job(
        lambda: statistics_during_period(
            home, start, None, set(expected), "5minute", None, {"mean"}
        )
    )
    assert {
        entity_id: (
            round(means[entity_id][0]["mean"], 3),
            known[entity_id][1]["unit_of_measurement"],
        )
        for entity_id in expected
    } == expected
