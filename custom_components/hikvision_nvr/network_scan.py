"""Looks for cameras in the network now and then, and follows those that moved."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from ipaddress import IPv4Address

from homeassistant.components import network
from homeassistant.config_entries import SOURCE_INTEGRATION_DISCOVERY, ConfigSubentry
from homeassistant.const import CONF_HOST
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import discovery_flow
from homeassistant.helpers.device_registry import format_mac
from homeassistant.helpers.event import async_track_time_interval

from .const import (
    CONF_DISCOVERY_INTERVAL,
    CONF_MAC,
    CONF_SERIAL,
    DEFAULT_DISCOVERY_INTERVAL,
    DOMAIN,
    LOGGER,
)
from .coordinator import RecorderCoordinator
from .device import FoundDevice, scan
from .errors import NotRunningError, RecorderError
from .settings import device_login

type Cameras = list[ConfigSubentry]


@callback
def async_start_scans(
    hass: HomeAssistant, coordinator: RecorderCoordinator
) -> CALLBACK_TYPE:
    """Scan now and at each interval. Returns what ends it."""
    entry = coordinator.config_entry
    seconds: int = entry.data.get(CONF_DISCOVERY_INTERVAL, DEFAULT_DISCOVERY_INTERVAL)
    if not seconds:
        return lambda: None

    async def look(_now: datetime | None = None) -> None:
        await async_scan(hass, coordinator)

    entry.async_create_background_task(hass, look(), f"{DOMAIN} discovery")
    return async_track_time_interval(
        hass, look, timedelta(seconds=seconds), cancel_on_shutdown=True
    )


async def async_scan(hass: HomeAssistant, coordinator: RecorderCoordinator) -> None:
    """Look for cameras once, on each interface that Home Assistant uses."""
    interfaces = [
        str(address)
        for address in await network.async_get_enabled_source_ips(hass)
        if isinstance(address, IPv4Address)
    ]
    try:
        found = await coordinator.engine.run(scan(interfaces))
    except NotRunningError:
        return
    except OSError as err:
        LOGGER.debug("Cameras cannot be looked for: %s", err)
        return
    coordinator.found = found
    for device in found:
        await async_found(hass, coordinator, device)


async def async_found(
    hass: HomeAssistant, coordinator: RecorderCoordinator, device: FoundDevice
) -> None:
    """Follow a known device to its address, offer a new one to the owner."""
    known = known_cameras(coordinator.cameras.values(), device.serial, device.mac)
    if known:
        _async_withdraw(hass, device)
        if any(camera.data[CONF_HOST] != device.address for camera in known):
            await async_follow(coordinator, known, device.address)
    elif not device.onvif and device.activated:
        discovery_flow.async_create_flow(
            hass,
            DOMAIN,
            context={"source": SOURCE_INTEGRATION_DISCOVERY},
            data={
                "entry_id": coordinator.config_entry.entry_id,
                "host": device.address,
                "http_port": device.http_port,
                "serial": device.serial,
                "mac": device.mac,
                "model": device.model,
            },
        )


@callback
def _async_withdraw(hass: HomeAssistant, device: FoundDevice) -> None:
    """Do not offer any more what has been added meanwhile."""
    for flow in hass.config_entries.flow.async_progress_by_handler(
        DOMAIN,
        match_context={
            "source": SOURCE_INTEGRATION_DISCOVERY,
            "unique_id": format_mac(device.mac) if device.mac else device.serial,
        },
    ):
        hass.config_entries.flow.async_abort(flow["flow_id"])


def known_cameras(cameras: Iterable[ConfigSubentry], serial: str, mac: str) -> Cameras:
    """Return the cameras of a device that told its serial number or its address."""
    mac = format_mac(mac) if mac else ""
    return [
        camera
        for camera in cameras
        if (serial and camera.data.get(CONF_SERIAL) == serial)
        or (mac and camera.data.get(CONF_MAC) == mac)
    ]


async def async_follow(
    coordinator: RecorderCoordinator, cameras: Cameras, address: str
) -> bool:
    """Ask a device's cameras at another address from now on, if it is there.

    Anybody can say that a serial number has moved. So a device that still answers at
    its old address stays there, and the new one must let the recorder in and be the
    same device.
    """
    camera = cameras[0]
    login = device_login(camera.data)
    status = coordinator.device_status(camera.subentry_id)
    if login is None or status.reachable is not False:
        return False
    engine = coordinator.engine
    try:
        there = await engine.run(engine.devices.look(replace(login, host=address)))
    except RecorderError as err:
        LOGGER.debug("%s is not at %s: %s", camera.title, address, err)
        return False
    if there.info.serial != camera.data.get(CONF_SERIAL):
        return False
    LOGGER.info("%s has moved to %s", camera.title, address)
    for one in cameras:
        coordinator.hass.config_entries.async_update_subentry(
            coordinator.config_entry, one, data={**one.data, CONF_HOST: address}
        )
    return True
