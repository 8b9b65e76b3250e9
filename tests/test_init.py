"""Starting, stopping and removing a recorder."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntryState
from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
)

from custom_components.hikvision_nvr import async_remove_config_entry_device, errors
from custom_components.hikvision_nvr.model import (
    Brand,
    Camera,
    CertificateSettings,
    EngineSettings,
    ReceiverSettings,
    RecorderStatus,
    RecordingSettings,
    S3Settings,
)

from .recorder import (
    S3,
    STATUS,
    FakeEngine,
    a_capture,
    a_detection,
    camera_subentry,
    recorder_entry,
)

RTSP_URL = "rtsp://viewer:s3cret%2Fpass@192.0.2.{}:554/Streaming/Channels/101"


async def test_the_engine_gets_what_the_owner_entered(
    home: HomeAssistant, entry: MockConfigEntry, engine: FakeEngine, tmp_path: Path
) -> None:
    state = Path(home.config.path(".storage", "hikvision_nvr", entry.entry_id))
    settings = engine.settings
    host_names = settings.receiver.certificate.host_names
    assert settings == EngineSettings(
        storage_root=tmp_path / "storage",
        state_folder=state,
        time_zone=settings.time_zone,
        receiver=ReceiverSettings(
            host="127.0.0.1",
            port=2121,
            passive_ports=(50000, 50049),
            certificate=CertificateSettings(
                certificate=state / "certificate.pem",
                private_key=state / "private_key.pem",
                generate=True,
                host_names=host_names,
            ),
        ),
        s3=S3Settings(**S3),
        cameras=(
            Camera(
                id="camera-front-door",
                name="Front door",
                folder="Front door",
                brand=Brand.AUTO,
                username="front-door",
                password_hash="scrypt$hash-of-front-door",
                recording=RecordingSettings(url=RTSP_URL.format(11)),
            ),
            Camera(
                id="camera-garden",
                name="Garden",
                folder="Garden",
                brand=Brand.AUTO,
                username="garden",
                password_hash="scrypt$hash-of-garden",
                recording=RecordingSettings(url=RTSP_URL.format(12)),
            ),
        ),
    )
    assert host_names[0] == "127.0.0.1"
    assert {"localhost", "10.10.10.10"} <= set(host_names)
    assert len(host_names) == len(set(host_names))


async def test_the_internal_url_is_named_in_the_certificate(
    home: HomeAssistant, tmp_path: Path, engines: list[FakeEngine]
) -> None:
    home.config.internal_url = "http://nvr.example:8123"
    entry = recorder_entry(tmp_path, listen_address="")
    entry.add_to_hass(home)
    assert await home.config_entries.async_setup(entry.entry_id)
    names = engines[0].settings.receiver.certificate.host_names
    assert names[0] == "nvr.example"
    assert "" not in names


async def test_days_begin_where_the_house_is(
    home: HomeAssistant,
    entry: MockConfigEntry,
    engine: FakeEngine,
    reload_done: Callable[[], FakeEngine],
) -> None:
    await home.config.async_update(time_zone="Asia/Tokyo")
    await home.async_block_till_done()
    assert str(reload_done().settings.time_zone) == "Asia/Tokyo"

    engine = reload_done()
    await home.config.async_update(location_name="Elsewhere")
    await home.async_block_till_done()
    assert reload_done() is engine
    await home.config.async_update(time_zone="UTC")
    await home.async_block_till_done()


@pytest.mark.parametrize(
    ("failure", "state", "reason"),
    [
        (
            errors.PortInUseError("taken", port="2121"),
            ConfigEntryState.SETUP_RETRY,
            "Another program uses port 2121",
        ),
        (
            errors.StorageMissingError("gone", path="/nvr"),
            ConfigEntryState.SETUP_RETRY,
            "/nvr is not the storage",
        ),
        (
            errors.StorageInUseError("used", path="/nvr"),
            ConfigEntryState.SETUP_RETRY,
            "Another recorder uses /nvr",
        ),
        (
            errors.StorageNotWritableError("no", path="/nvr", error="read-only"),
            ConfigEntryState.SETUP_RETRY,
            "/nvr cannot be written: read-only",
        ),
        (
            errors.ReceiverError("cannot listen on port 21"),
            ConfigEntryState.SETUP_RETRY,
            "The recorder cannot do this: cannot listen on port 21",
        ),
        (
            errors.CertificateError("key mismatch"),
            ConfigEntryState.SETUP_ERROR,
            "The receiver's certificate cannot be used: key mismatch",
        ),
        (
            errors.CatalogueError("newer version"),
            ConfigEntryState.SETUP_ERROR,
            "The catalogue of captures cannot be opened: newer version",
        ),
        (RuntimeError("bug"), ConfigEntryState.SETUP_ERROR, None),
    ],
)
async def test_why_a_recorder_cannot_start_is_said(
    home: HomeAssistant,
    entry: MockConfigEntry,
    engines: list[FakeEngine],
    monkeypatch: pytest.MonkeyPatch,
    failure: Exception,
    state: ConfigEntryState,
    reason: str | None,
) -> None:
    monkeypatch.setattr(FakeEngine, "failure", failure)
    assert not await home.config_entries.async_setup(entry.entry_id)
    assert entry.state is state
    assert entry.reason is None or entry.reason.startswith(reason)
    assert (entry.reason is None) == (reason is None)


async def test_the_engine_stops_when_the_entities_cannot_be_added(
    home: HomeAssistant,
    entry: MockConfigEntry,
    engines: list[FakeEngine],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        home.config_entries,
        "async_forward_entry_setups",
        AsyncMock(side_effect=RuntimeError),
    )
    assert not await home.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert not engines[0].running


async def test_the_engine_stops_with_home_assistant(
    home: HomeAssistant, engine: FakeEngine
) -> None:
    home.bus.async_fire(EVENT_HOMEASSISTANT_STOP)
    await home.async_block_till_done()
    assert not engine.running


async def test_unload_and_removal_of_a_camera(
    home: HomeAssistant,
    entry: MockConfigEntry,
    engine: FakeEngine,
    entity_registry: er.EntityRegistry,
    reload_done: Callable[[], FakeEngine],
) -> None:
    home.config_entries.async_remove_subentry(entry, "camera-garden")
    await home.async_block_till_done()
    assert [camera.name for camera in reload_done().settings.cameras] == ["Front door"]
    assert entity_registry.async_get("camera.garden") is None

    assert await home.config_entries.async_unload(entry.entry_id)
    assert entry.state is ConfigEntryState.NOT_LOADED


async def test_cameras_are_devices_below_the_recorder(
    home: HomeAssistant,
    entry: MockConfigEntry,
    engine: FakeEngine,
    device_registry: dr.DeviceRegistry,
) -> None:
    recorder = device_registry.async_get_device_by_identifier(
        ("hikvision_nvr", entry.entry_id), entry.entry_id
    )
    camera = device_registry.async_get_device_by_identifier(
        ("hikvision_nvr", "camera-garden"), entry.entry_id
    )
    assert recorder.name == "Recorder"
    assert recorder.entry_type is dr.DeviceEntryType.SERVICE
    assert camera.name == "Garden"
    assert camera.via_device_id == recorder.id

    assert not await async_remove_config_entry_device(home, entry, recorder)
    assert not await async_remove_config_entry_device(home, entry, camera)
    stale = device_registry.async_get_or_create(
        config_entry_id=entry.entry_id, identifiers={("hikvision_nvr", "gone")}
    )
    assert await async_remove_config_entry_device(home, entry, stale)


async def test_what_arrives_before_the_entities_are_there_is_not_lost(
    home: HomeAssistant,
    entry: MockConfigEntry,
    engines: list[FakeEngine],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    detections = async_capture_events(home, "hikvision_nvr_detection")
    start = FakeEngine.start

    def start_and_deliver(engine: FakeEngine) -> None:
        start(engine)
        engine.listener.on_detection(a_detection(file_name="early.jpg"))
        engine.listener.on_capture(a_capture())

    monkeypatch.setattr(FakeEngine, "start", start_and_deliver)
    assert await home.config_entries.async_setup(entry.entry_id)
    await home.async_block_till_done()

    event = home.states.get("event.front_door_detection")
    assert event.attributes["file"] == "early.jpg"
    assert home.states.get("binary_sensor.front_door_motion").state == "on"
    assert home.states.get("image.front_door_last_snapshot").state != "unknown"
    assert len(detections) == 1


async def test_the_bus_event_tells_everything(
    home: HomeAssistant,
    entry: MockConfigEntry,
    engine: FakeEngine,
    device_registry: dr.DeviceRegistry,
) -> None:
    detections = async_capture_events(home, "hikvision_nvr_detection")
    detection = a_detection(plate="KA123", file_name="a.jpg", capture_id="c1")
    await engine.tell(home, detection)
    (event,) = detections
    device = device_registry.async_get_device_by_identifier(
        ("hikvision_nvr", "camera-front-door"), entry.entry_id
    )
    data = dict(event.data)
    assert data.pop("snapshot_url").startswith("/api/hikvision_nvr/snapshot/")
    assert data == {
        "entry_id": "entry-Recorder",
        "entity_id": "camera.front_door",
        "detection_id": detection.id,
        "device_id": device.id,
        "camera": "Front door",
        "camera_folder": "Front door",
        "type": "motion",
        "raw_type": "MOTION_DETECTION",
        "channel": "01",
        "plate": "KA123",
        "region": None,
        "event_time": "2026-11-22T12:00:00+00:00",
        "arrived": "2026-11-22T12:00:01+00:00",
        "file": "a.jpg",
        "capture_id": "c1",
        "media_id": "media-source://hikvision_nvr/entry-Recorder/capture/c1",
    }


def reauth_flows(home: HomeAssistant) -> int:
    return len(
        home.config_entries.flow.async_progress_by_handler(
            "hikvision_nvr", match_context={"source": SOURCE_REAUTH}
        )
    )


async def test_new_keys_are_asked_for_once_when_s3_refuses_them(
    home: HomeAssistant, engine: FakeEngine
) -> None:
    refused = errors.OffsiteAuthError.key
    await engine.tell(home, STATUS, lost(errors.OffsiteUnreachableError.key))
    assert reauth_flows(home) == 0
    await engine.tell(home, lost(refused), lost(refused, uploads_today=13))
    assert reauth_flows(home) == 1
    (flow,) = home.config_entries.flow.async_progress_by_handler("hikvision_nvr")
    home.config_entries.flow.async_abort(flow["flow_id"])
    await engine.tell(home, lost(refused, uploads_today=14))
    assert reauth_flows(home) == 0
    # Each time they are lost anew.
    await engine.tell(home, STATUS, lost(refused))
    assert reauth_flows(home) == 1


async def test_keys_that_are_refused_from_the_start_are_asked_for(
    home: HomeAssistant, engine: FakeEngine
) -> None:
    await engine.tell(home, lost(errors.OffsiteAuthError.key))
    assert reauth_flows(home) == 1


@pytest.mark.parametrize(
    "reason",
    [
        kind.key
        for kind in errors.OffsiteError.__subclasses__()
        if kind is not errors.OffsiteAuthError
    ],
)
async def test_any_other_loss_is_no_matter_of_keys(
    home: HomeAssistant, engine: FakeEngine, reason: str
) -> None:
    await engine.tell(home, lost(reason))
    assert reauth_flows(home) == 0


def lost(reason: str, **changes: Any) -> RecorderStatus:
    return replace(STATUS, offsite_connected=False, offsite_error=reason, **changes)


async def test_two_recorders_run_side_by_side(
    home: HomeAssistant,
    entry: MockConfigEntry,
    engine: FakeEngine,
    engines: list[FakeEngine],
    tmp_path: Path,
) -> None:
    other = recorder_entry(
        tmp_path / "other", title="Other", cameras=[camera_subentry("Garage")]
    )
    other.add_to_hass(home)
    assert await home.config_entries.async_setup(other.entry_id)
    await engines[1].tell(home, a_detection("camera-garage"))
    assert home.states.get("event.garage_detection").state != "unknown"
    assert home.states.get("event.front_door_detection").state == "unknown"

    assert await home.config_entries.async_unload(entry.entry_id)
    assert not engine.running
    assert engines[1].running
