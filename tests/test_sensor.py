"""The recorder's sensors."""

from dataclasses import replace
from pathlib import Path

from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    snapshot_platform,
)
from syrupy.assertion import SnapshotAssertion

from custom_components.hikvision_nvr.model import Backlog

from .recorder import STATUS, FakeEngine, recorder_entry


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
        "sensor.recorder_storage_free",
        "sensor.recorder_storage_used",
    ]
