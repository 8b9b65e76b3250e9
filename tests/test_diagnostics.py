"""Diagnostics tell what is set up, and no secret."""

import json
from pathlib import Path

from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.diagnostics import (
    get_diagnostics_for_config_entry,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator
from syrupy.assertion import SnapshotAssertion
from syrupy.filters import props

from .recorder import S3, STATUS, FakeEngine, recorder_entry


async def test_everything_but_secrets(
    home: HomeAssistant,
    entry: MockConfigEntry,
    engine: FakeEngine,
    hass_client: ClientSessionGenerator,
    snapshot: SnapshotAssertion,
) -> None:
    home.config_entries.async_update_entry(
        entry,
        data={
            **entry.data,
            "s3": S3 | {"endpoint_url": "https://owner:pass@s3.example.com/x?key=y"},
        },
    )
    await home.async_block_till_done()
    running = entry.runtime_data.engine
    await running.tell(home, STATUS)

    told = await get_diagnostics_for_config_entry(home, hass_client, entry)

    status = told.pop("status")
    assert status["backlog"]["files"] == 3
    assert status["last_upload"] == "2026-11-22T11:59:00+00:00"
    assert status["uploads_today"] == 12
    assert status["receiver"] == {
        "connected_cameras": 1,
        "rejected_logins": 7,
        "bans": [{"address": "192.0.2.66", "until": "2026-11-22T12:30:00+00:00"}],
        "host_keys": [],
    }
    assert status["cameras"] == {
        "camera-front-door": {
            "last_seen": "2026-11-22T11:59:58+00:00",
            "last_test": "2026-11-21T12:00:00+00:00",
            "clock_offset": -1.6,
        },
        "camera-garden": {"last_seen": None, "last_test": None, "clock_offset": None},
    }
    assert told == snapshot(exclude=props("storage_folder"))
    text = json.dumps([told, status])
    for secret in (
        "the-secret-key",
        "AKIAOWNER",
        "s3cret",
        "viewer",
        "scrypt$",
        "owner:pass",
        "key=y",
    ):
        assert secret not in text


async def test_before_the_first_report_and_without_s3(
    home: HomeAssistant,
    tmp_path: Path,
    engines: list[FakeEngine],
    hass_client: ClientSessionGenerator,
) -> None:
    entry = recorder_entry(tmp_path, s3=None)
    entry.add_to_hass(home)
    assert await home.config_entries.async_setup(entry.entry_id)
    told = await get_diagnostics_for_config_entry(home, hass_client, entry)
    assert told["status"] is None
    assert "s3" not in told["recorder"]
