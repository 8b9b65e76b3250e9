"""What automations are told of a detection: all that a notification needs."""

from datetime import timedelta
from pathlib import PurePath
from typing import Any

from homeassistant.components.camera import DOMAIN as CAMERA_DOMAIN
from homeassistant.components.http.auth import async_sign_path
from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import ATTR_DEVICE_ID, ATTR_ENTITY_ID
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr, entity_registry as er

from .const import CONF_FOLDER, DOMAIN
from .media_id import CaptureId
from .model import Detection

ATTR_SNAPSHOT_URL = "snapshot_url"
SNAPSHOT_URL = f"/api/{DOMAIN}/snapshot/{{entry_id}}/{{capture_id}}"
SNAPSHOT_VALIDITY = timedelta(hours=24)
"""A phone may be off for a night. Whoever has an address sees that one picture."""

_PICTURES = frozenset({".jpeg", ".jpg"})


@callback
def async_bus_data(
    hass: HomeAssistant, entry_id: str, camera: ConfigSubentry, detection: Detection
) -> dict[str, Any]:
    """Return the data of the event on Home Assistant's bus."""
    device = dr.async_get(hass).async_get_device_by_identifier(
        (DOMAIN, camera.subentry_id), entry_id
    )
    return {
        "entry_id": entry_id,
        ATTR_DEVICE_ID: device.id if device else None,
        ATTR_ENTITY_ID: async_camera_entity_id(hass, camera.subentry_id),
        "camera_folder": camera.data[CONF_FOLDER],
        "type": detection.type.value,
        "arrived": detection.arrived.isoformat(),
        ATTR_SNAPSHOT_URL: async_snapshot_url(hass, entry_id, detection),
        **shared_data(entry_id, camera, detection),
    }


def shared_data(
    entry_id: str, camera: ConfigSubentry, detection: Detection
) -> dict[str, Any]:
    """Return what the event on the bus and the event entity have in common."""
    capture_id = detection.capture_id
    return {
        "detection_id": detection.id,
        "camera": camera.title,
        "raw_type": detection.raw_type,
        "channel": detection.channel,
        "plate": detection.plate,
        "region": detection.region,
        "event_time": detection.event_time.isoformat(),
        "file": detection.file_name,
        "capture_id": capture_id,
        "media_id": capture_id and CaptureId(entry_id, capture_id).media_id,
    }


@callback
def async_camera_entity_id(hass: HomeAssistant, camera_id: str) -> str | None:
    """Return the camera's entity, whatever its owner has renamed it to."""
    return er.async_get(hass).async_get_entity_id(
        CAMERA_DOMAIN, DOMAIN, f"{camera_id}_camera"
    )


@callback
def async_snapshot_url(
    hass: HomeAssistant, entry_id: str, detection: Detection
) -> str | None:
    """Return the address of the picture, which needs no login; None without one.

    It belongs to Home Assistant's own account for content, which may do nothing else:
    nobody's session ends with it, and it ends with Home Assistant's next start.
    """
    if (
        detection.capture_id is None
        or detection.file_name is None
        or PurePath(detection.file_name).suffix.lower() not in _PICTURES
    ):
        return None
    path = SNAPSHOT_URL.format(entry_id=entry_id, capture_id=detection.capture_id)
    return async_sign_path(hass, path, SNAPSHOT_VALIDITY, use_content_user=True)
