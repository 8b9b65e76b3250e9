"""What an owner does with devices inside Home Assistant, for tests of several files."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import entity_registry as er
from pytest_homeassistant_custom_component.common import MockConfigEntry

from tests.simulators.device import SimulatedDevice

from .ports import free_port
from .recorder import recorder_entry

CHOICES = {
    "events": ["motion", "line_crossing"],
    "capture_count": 3,
    "capture_interval": 1000,
    "arm_always": True,
    "set_clock": True,
    "ntp_server": "",
}


@asynccontextmanager
async def running_recorder(
    home: HomeAssistant, storage: Path, *, sftp: bool = False, **data: Any
) -> AsyncIterator[MockConfigEntry]:
    """Give a recorder that really receives, without cameras yet."""
    await home.config.async_set_time_zone("Europe/Berlin")
    entry = recorder_entry(
        storage,
        s3=None,
        ftps_port=free_port(),
        **({"sftp": True, "sftp_port": free_port()} if sftp else {}),
        **data,
    )
    entry.add_to_hass(home)
    assert await home.config_entries.async_setup(entry.entry_id)
    await home.async_block_till_done()
    yield entry
    if entry.state is ConfigEntryState.LOADED:
        assert await home.config_entries.async_unload(entry.entry_id)
    await home.async_block_till_done()


async def until(condition: Callable[[], Any], seconds: float = 15) -> None:
    """Wait for what other threads bring about."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


def login(device: SimulatedDevice, **changes: Any) -> dict[str, Any]:
    return {
        "host": device.host,
        "rtsp_username": device.username,
        "rtsp_password": device.password,
        "advanced": {"https": False, "http_port": device.port, "rtsp_port": 554},
        **changes,
    }


async def begin(home: HomeAssistant, entry: MockConfigEntry) -> dict[str, Any]:
    menu = await home.config_entries.subentries.async_init(
        (entry.entry_id, "camera"), context={"source": "user"}
    )
    return await submit(home, menu, {"next_step_id": "device"})


async def submit(
    home: HomeAssistant, flow: dict[str, Any], values: dict[str, Any] | None
) -> dict[str, Any]:
    return await home.config_entries.subentries.async_configure(flow["flow_id"], values)


async def add(
    home: HomeAssistant,
    entry: MockConfigEntry,
    device: SimulatedDevice,
    *,
    event_stream: bool = True,
    set_up: bool = True,
    **choices: Any,
) -> str:
    """Add a camera as its owner would; returns the subentry's id."""
    known = set(entry.subentries)
    flow = await submit(home, await begin(home, entry), login(device))
    assert flow["step_id"] == "device_camera", flow
    values = {"name": device.name, "event_stream": event_stream}
    if device.profile.protocols:
        values["set_up"] = set_up
    flow = await submit(home, flow, values)
    if set_up and device.profile.protocols:
        fields = {str(key) for key in flow["data_schema"].schema}
        plain = {"accept_plain": True} if "accept_plain" in fields else {}
        flow = await submit(home, flow, CHOICES | plain | choices)
        assert flow["step_id"] == "preview", flow
        flow = await submit(home, flow, {})
    assert flow["type"] is FlowResultType.CREATE_ENTRY, flow
    await home.async_block_till_done()
    (camera_id,) = set(entry.subentries) - known
    await reachable(home, entry, camera_id)
    return camera_id


async def fail_to_add(
    home: HomeAssistant, entry: MockConfigEntry, device: SimulatedDevice
) -> dict[str, Any]:
    """Set a new camera up, which its device makes fail; returns the open dialog."""
    flow = await submit(home, await begin(home, entry), login(device))
    flow = await submit(
        home, flow, {"name": "Gate", "event_stream": False, "set_up": True}
    )
    flow = await submit(home, await submit(home, flow, CHOICES), {})
    assert flow["step_id"] == "provision_failed"
    return flow


async def reachable(
    home: HomeAssistant, entry: MockConfigEntry, camera_id: str
) -> None:
    """Wait until the recorder has asked the device."""

    def settled() -> bool:
        status = entry.runtime_data.device_status(camera_id)
        return status.can_deliver is not None and status.stream is not False

    await until(settled)
    await home.async_block_till_done()


def entity(home: HomeAssistant, camera_id: str, platform: str, key: str) -> str:
    found = er.async_get(home).async_get_entity_id(
        platform, "hikvision_nvr", f"{camera_id}_{key}"
    )
    assert found, f"{platform} {key}"
    return found


def state(home: HomeAssistant, camera_id: str, platform: str, key: str) -> str:
    return home.states.get(entity(home, camera_id, platform, key)).state


async def press(
    home: HomeAssistant, camera_id: str, platform: str, service: str, key: str
) -> None:
    await home.services.async_call(
        platform,
        service,
        {"entity_id": entity(home, camera_id, platform, key)},
        blocking=True,
    )


def progress(home: HomeAssistant) -> list[dict[str, Any]]:
    return home.config_entries.flow.async_progress_by_handler("hikvision_nvr")
