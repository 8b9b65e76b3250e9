"""Diagnostics tell what is set up, and no secret."""

from dataclasses import replace
import json
from pathlib import Path
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.diagnostics import (
    get_diagnostics_for_config_entry,
    get_diagnostics_for_device,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator
from syrupy.assertion import SnapshotAssertion
from syrupy.filters import props

from custom_components.hikvision_nvr.model import RecordingState, RecordingStatus

from .recorder import S3, STATUS, FakeEngine, camera_subentry, recorder_entry


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


async def test_a_camera_alone(
    home: HomeAssistant,
    tmp_path: Path,
    engines: list[FakeEngine],
    hass_client: ClientSessionGenerator,
    device_registry: dr.DeviceRegistry,
) -> None:
    door = "camera-front-door"
    entry = recorder_entry(
        tmp_path,
        cameras=[
            camera_subentry(
                "Front door",
                stream_path="/user=admin_password=tlJwpbo6",
                upload_note="ftp://admin:hidden@192.0.2.11/x and rtsp://me@host/",
            ),
            camera_subentry("Garden"),
        ],
    )
    entry.add_to_hass(home)
    assert await home.config_entries.async_setup(entry.entry_id)

    async def told(about: str) -> dict[str, Any]:
        device = device_registry.async_get_device_by_identifier(
            ("hikvision_nvr", about), entry.entry_id
        )
        assert device is not None
        found: dict[str, Any] = await get_diagnostics_for_device(
            home, hass_client, entry, device
        )
        return found

    assert (await told(door))["status"] is None
    recording = RecordingStatus(state=RecordingState.RECORDING, bitrate=4_000_000)
    await engines[0].tell(home, replace(STATUS, recordings={door: recording}))
    camera = await told(door)
    assert camera["camera"]["name"] == "Front door"
    assert camera["camera"]["upload_note"] == ("ftp://192.0.2.11/x and rtsp://host/")
    assert camera["status"]["deliveries"]["clock_offset"] == -1.6
    assert camera["status"]["recording"]["bitrate"] == 4_000_000
    assert camera["status"]["device"] is None
    text = json.dumps(camera)
    assert "Garden" not in text
    for secret in ("s3cret", "viewer", "scrypt$", "tlJwpbo6", "hidden", "me@"):
        assert secret not in text

    # The recorder's own device tells what its entry does.
    recorder = await told(entry.entry_id)
    assert len(recorder["cameras"]) == 2
    assert "the-secret-key" not in json.dumps(recorder)
