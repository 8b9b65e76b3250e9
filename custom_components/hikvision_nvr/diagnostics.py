"""Diagnostics: what helps to find a fault, without what opens a door."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from homeassistant.components.diagnostics import async_redact_data
from homeassistant.core import HomeAssistant
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
    CONF_UPLOAD_PASSWORD_HASH,
    CONF_UPLOAD_USERNAME,
)
from .coordinator import RecorderEntry

TO_REDACT = {
    CONF_ACCESS_KEY_ID,
    CONF_MAC,
    CONF_RTSP_PASSWORD,
    CONF_RTSP_USERNAME,
    CONF_SECRET_ACCESS_KEY,
    CONF_SERIAL,
    CONF_UPLOAD_PASSWORD_HASH,
    CONF_UPLOAD_USERNAME,
}


async def async_get_config_entry_diagnostics(
    hass: HomeAssistant, entry: RecorderEntry
) -> dict[str, Any]:
    """Return the recorder's settings and state."""
    status = entry.runtime_data.data
    return {
        "recorder": async_redact_data(_without_login(entry.data), TO_REDACT),
        "cameras": [
            {"name": camera.title, **async_redact_data(dict(camera.data), TO_REDACT)}
            for camera in entry.runtime_data.cameras.values()
        ],
        "status": asdict(status) if status else None,
    }


def _without_login(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the data with an S3 address that has no user name or query in it."""
    if not (s3 := data.get(CONF_S3)) or not s3.get(CONF_ENDPOINT_URL):
        return dict(data)
    url = URL(s3[CONF_ENDPOINT_URL]).with_user(None).with_query(None)
    return {**data, CONF_S3: {**s3, CONF_ENDPOINT_URL: str(url)}}
