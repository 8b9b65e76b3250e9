"""Diagnostics: what helps to find a fault, without what opens a door."""

from collections.abc import Mapping
from dataclasses import asdict
import re
from typing import Any

from homeassistant.components.diagnostics import async_redact_data
from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import HomeAssistant
from homeassistant.helpers.device_registry import DeviceEntry
from yarl import URL

from .const import (
    CONF_ACCESS_KEY_ID,
    CONF_ENDPOINT_URL,
    CONF_MAC,
    CONF_RTSP_PASSWORD,
    CONF_RTSP_USERNAME,
    CONF_S3,
    CONF_SECRET_ACCESS_KEY,
    CONF_SERIAL,
    CONF_STREAM_PATH,
    CONF_UPLOAD_PASSWORD_HASH,
    CONF_UPLOAD_USERNAME,
    DOMAIN,
)
from .coordinator import RecorderEntry
from .model import RecorderStatus

TO_REDACT = {
    CONF_ACCESS_KEY_ID,
    CONF_MAC,
    CONF_RTSP_PASSWORD,
    CONF_RTSP_USERNAME,
    CONF_SECRET_ACCESS_KEY,
    CONF_SERIAL,
    # Some brands want user name and password as a part of it.
    CONF_STREAM_PATH,
    CONF_UPLOAD_PASSWORD_HASH,
    CONF_UPLOAD_USERNAME,
}


_LOGIN = re.compile(r"(?<=://)[^/\s@]+@")
"""A user name or password in an address (RFC 3986, 3.2.1)."""


async def async_get_config_entry_diagnostics(
    hass: HomeAssistant, entry: RecorderEntry
) -> dict[str, Any]:
    """Return the recorder's settings and state."""
    status = entry.runtime_data.data
    return _clean(
        {
            "recorder": _without_query(entry.data),
            "options": dict(entry.options),
            "cameras": [_camera(one) for one in entry.runtime_data.cameras.values()],
            "status": asdict(status) if status else None,
        }
    )


async def async_get_device_diagnostics(
    hass: HomeAssistant, entry: RecorderEntry, device: DeviceEntry
) -> dict[str, Any]:
    """Return a camera's settings and state, or those of the recorder for its own."""
    recorder = entry.runtime_data
    ids = {about for domain, about in device.identifiers if domain == DOMAIN}
    camera = next((one for key, one in recorder.cameras.items() if key in ids), None)
    if camera is None:
        return await async_get_config_entry_diagnostics(hass, entry)
    status = recorder.data
    return _clean(
        {
            "camera": _camera(camera),
            "status": _status(status, camera.subentry_id) if status else None,
        }
    )


def _status(status: RecorderStatus, camera_id: str) -> dict[str, Any]:
    """Return what the status says of a camera."""
    known = {
        "deliveries": status.cameras.get(camera_id),
        "device": status.devices.get(camera_id),
        "recording": status.recordings.get(camera_id),
    }
    return {key: one and asdict(one) for key, one in known.items()}


def _camera(camera: ConfigSubentry) -> dict[str, Any]:
    return {"name": camera.title, **camera.data}


def _without_query(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the data with an S3 address that has no query in it."""
    if not (s3 := data.get(CONF_S3)) or not s3.get(CONF_ENDPOINT_URL):
        return dict(data)
    url = URL(s3[CONF_ENDPOINT_URL]).with_user(None).with_query(None)
    return {**data, CONF_S3: {**s3, CONF_ENDPOINT_URL: str(url)}}


def _clean(told: dict[str, Any]) -> dict[str, Any]:
    """Return it without secrets, neither as values of their own nor in addresses."""
    cleaned: dict[str, Any] = _without_logins(async_redact_data(told, TO_REDACT))
    return cleaned


def _without_logins(value: Any) -> Any:
    """Take user names and passwords out of every address, wherever it stands."""
    match value:
        case str():
            return _LOGIN.sub("", value)
        case Mapping():
            return {key: _without_logins(one) for key, one in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_without_logins(one) for one in value]
    return value
