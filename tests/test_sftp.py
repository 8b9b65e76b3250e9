"""SFTP as the owner meets it: a switch, a port, keys to compare, and a warning."""

import asyncio
from collections.abc import Callable
from pathlib import Path
import socket
from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
import paramiko
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.hikvision_nvr.diagnostics import (
    async_get_config_entry_diagnostics,
)
from custom_components.hikvision_nvr.receiver.passwords import hash_password

from . import test_camera_flow as camera_flow, test_config_flow as recorder_flow
from .ports import free_port
from .recorder import JPEG, FakeEngine, camera_subentry, recorder_entry
from .test_config_flow import entered
from .test_repairs import shown

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
pytestmark = pytest.mark.usefixtures("socket_enabled")

NAME = "10.55.48.12_01_20261122120000101_MOTION_DETECTION.jpg"


async def test_it_is_off_unless_it_is_turned_on(
    home: HomeAssistant, tmp_path: Path, engines: list[FakeEngine]
) -> None:
    port = free_port()
    for number, switch in enumerate(({}, {"sftp": True})):
        values = entered(
            tmp_path / str(number),
            passive_ports=f"5{number}000-5{number}049",
            name=f"House {number}",
            **switch,
        )
        values["advanced"]["sftp_port"] = port
        flow = await recorder_flow.submit(home, await recorder_flow.start(home), values)
        await recorder_flow.submit(home, flow, {"next_step_id": "local"})
        await home.async_block_till_done()
    off, on = (engine.settings.receiver.sftp for engine in engines)
    assert off is None
    assert on is not None
    assert on.port == port
    # Beside the certificate, on the local disk.
    assert on.host_keys == engines[1].settings.state_folder


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"sftp_port": 51007}, {"passive_ports": "passive_ports_contain_sftp_port"}),
        ({"sftp_port": 2150}, {"base": "sftp_port_is_port"}),
        (
            {"sftp_port": 2990, "implicit_port": 2990},
            {"base": "sftp_port_is_port"},
        ),
        ({"sftp_port": 2121}, {"base": "sftp_port_of_other_recorder"}),
        ({"sftp_port": 2333}, {"base": "sftp_port_of_other_recorder"}),
    ],
)
async def test_a_port_that_is_taken_is_refused_and_can_be_corrected(
    home: HomeAssistant, tmp_path: Path, wrong: dict[str, int], error: dict[str, str]
) -> None:
    other = recorder_entry(tmp_path / "other", sftp=True, sftp_port=2333)
    other.add_to_hass(home)
    values = entered(tmp_path / "own", ftps_port=2150, sftp=True)
    # The other recorder has the usual range.
    values["passive_ports"] = "51000-51049"
    spoilt = values | {"advanced": {"listen_address": "127.0.0.1", **wrong}}
    flow = await recorder_flow.submit(home, await recorder_flow.start(home), spoilt)
    assert flow["errors"] == error

    values["advanced"]["sftp_port"] = free_port()
    flow = await recorder_flow.submit(home, flow, values)
    assert flow["type"] is FlowResultType.MENU


async def test_a_port_in_use_is_refused_only_while_it_is_on(
    home: HomeAssistant, tmp_path: Path
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", free_port()))
        other.listen()
        values = entered(tmp_path, sftp=True)
        values["advanced"]["sftp_port"] = other.getsockname()[1]
        flow = await recorder_flow.submit(home, await recorder_flow.start(home), values)
        assert flow["errors"] == {"base": "sftp_port_in_use"}
        flow = await recorder_flow.submit(home, flow, values | {"sftp": False})
        assert flow["type"] is FlowResultType.MENU


async def test_a_port_of_the_administrator_is_refused(
    home: HomeAssistant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = entered(tmp_path, sftp=True)
    values["advanced"]["sftp_port"] = 22

    def refuse(_self: socket.socket, address: Any) -> None:
        if address[1] == 22:
            raise PermissionError

    monkeypatch.setattr(
        "custom_components.hikvision_nvr.checks.socket.socket.bind",
        refuse,
        raising=False,
    )
    flow = await recorder_flow.submit(home, await recorder_flow.start(home), values)
    assert flow["errors"] == {"base": "sftp_port_not_permitted"}


async def test_a_cameras_key_and_algorithms_reach_the_receiver(
    home: HomeAssistant,
    entry: MockConfigEntry,
    engine: FakeEngine,
    reload_done: Callable[[], FakeEngine],
) -> None:
    yard = camera_flow.YARD | {
        "advanced": {"public_key": f" {KEY} yard\n", "old_algorithms": True}
    }
    flow = await camera_flow.submit(home, await camera_flow.start(home, entry), yard)
    await camera_flow.submit(home, flow, camera_flow.ACCOUNT)
    await home.async_block_till_done()
    *others, camera = reload_done().settings.cameras
    assert camera.public_key == f"{KEY} yard"
    assert camera.old_algorithms
    # Whoever may use old algorithms may use them from one address only.
    assert camera.address == "192.0.2.20"
    assert {(other.public_key, other.old_algorithms) for other in others} == {
        (None, False)
    }


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"advanced": {"public_key": "ssh-ed25519"}}, {"base": "invalid_public_key"}),
        (
            {"host": "yard.local", "advanced": {"old_algorithms": True}},
            {"host": "host_not_an_address"},
        ),
    ],
)
async def test_a_camera_that_cannot_be_is_refused(
    home: HomeAssistant,
    entry: MockConfigEntry,
    wrong: dict[str, Any],
    error: dict[str, str],
) -> None:
    flow = await camera_flow.submit(
        home, await camera_flow.start(home, entry), camera_flow.YARD | wrong
    )
    assert flow["errors"] == error
    flow = await camera_flow.submit(home, flow, camera_flow.YARD)
    assert flow["step_id"] == "delivery"


async def test_old_algorithms_are_a_matter_while_they_are_on(
    home: HomeAssistant, tmp_path: Path, engines: list[FakeEngine]
) -> None:
    camera = camera_subentry("Garden", host="192.0.2.12", old_algorithms=True)
    entry = recorder_entry(tmp_path, cameras=[camera], sftp=True)
    entry.add_to_hass(home)
    assert await home.config_entries.async_setup(entry.entry_id)
    assert shown(home) == {
        "old_ssh_algorithms_camera-garden": "Garden may use old SSH algorithms"
    }
    # Without SFTP nobody can use them.
    home.config_entries.async_update_entry(entry, data=entry.data | {"sftp": False})
    await home.async_block_till_done()
    assert shown(home) == {}


@pytest.mark.parametrize("platforms", [[Platform.SENSOR, Platform.EVENT]])
async def test_a_recorder_receives_by_sftp_and_shows_its_keys(
    home: HomeAssistant,
    tmp_path: Path,
    platforms: list[Platform],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("custom_components.hikvision_nvr.PLATFORMS", platforms)
    password_hash = await home.async_add_executor_job(hash_password, "Tell-Nobody1")
    camera = camera_subentry("Front door", upload_password_hash=password_hash)
    entry = recorder_entry(
        tmp_path / "storage",
        s3=None,
        ftps_port=free_port(),
        listen_address="127.0.0.1",
        sftp=True,
        sftp_port=free_port(),
        cameras=[camera],
    )
    entry.add_to_hass(home)
    assert await home.config_entries.async_setup(entry.entry_id)
    await home.async_block_till_done()

    def deliver() -> str:
        transport = paramiko.Transport(("127.0.0.1", entry.data["sftp_port"]))
        transport.get_security_options().key_types = ["ssh-ed25519"]
        transport.connect(username="front-door", password="Tell-Nobody1")
        client = paramiko.SFTPClient.from_transport(transport)
        assert client is not None
        with client.open(NAME, "wb") as file:
            file.write(JPEG)
        fingerprint = str(transport.get_remote_server_key().fingerprint)
        transport.close()
        return fingerprint

    fingerprint = await home.async_add_executor_job(deliver)
    await home.async_block_till_done()
    event = home.states.get("event.front_door_detection")
    assert event.attributes["file"] == NAME

    async with asyncio.timeout(10):
        # The engine reports at most once a second.
        while home.states.get("sensor.recorder_sftp_host_key").state == "unknown":
            await asyncio.sleep(0.05)
    sensor = home.states.get("sensor.recorder_sftp_host_key")
    assert sensor.state == fingerprint
    ed25519, rsa = sensor.attributes["fingerprints"]
    assert ed25519 == fingerprint
    told = await async_get_config_entry_diagnostics(home, entry)
    assert list(told["status"]["receiver"]["host_keys"]) == [ed25519, rsa]

    flow = await camera_flow.start(home, entry)
    flow = await camera_flow.submit(home, flow, camera_flow.YARD)
    protocol = flow["description_placeholders"]["protocol"]
    assert protocol.startswith(camera_flow.FTPS)
    assert f"**SFTP** with port **{entry.data['sftp_port']}**" in protocol
    assert f"`{ed25519}`, `{rsa}`" in protocol

    # Its own port is no reason to refuse a change.
    change = await entry.start_reconfigure_flow(home)
    change = await recorder_flow.submit(
        home,
        change,
        {
            "name": "Recorder",
            "storage_folder": entry.data["storage_folder"],
            "ftps_port": entry.data["ftps_port"],
            "passive_ports": entry.data["passive_ports"],
            "certificate": "generate",
            "sftp": True,
            "advanced": {
                "listen_address": "127.0.0.1",
                "sftp_port": entry.data["sftp_port"],
            },
        },
    )
    assert change["type"] is FlowResultType.MENU
    assert await home.config_entries.async_unload(entry.entry_id)


async def test_a_damaged_host_key_is_told_and_not_replaced(
    home: HomeAssistant, tmp_path: Path
) -> None:
    entry = recorder_entry(
        tmp_path / "storage", s3=None, ftps_port=free_port(), sftp=True
    )
    entry.add_to_hass(home)
    state = Path(home.config.path(".storage", "hikvision_nvr", entry.entry_id))
    key = state / "ssh_host_rsa_key"
    state.mkdir(parents=True)
    key.write_text("damaged")
    assert not await home.config_entries.async_setup(entry.entry_id)
    # Trying again would not help.
    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert str(key) in str(entry.reason)
    assert key.read_text() == "damaged"
