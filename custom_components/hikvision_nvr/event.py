"""Events: what a camera saw, as it happens."""

from typing import Any, override

from homeassistant.components.event import EventDeviceClass, EventEntity
from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import RecorderCoordinator, RecorderEntry
from .detection_data import (
    ATTR_SNAPSHOT_URL,
    async_camera_entity_id,
    async_snapshot_url,
    shared_data,
)
from .entity import CameraEntity
from .model import Detection, DetectionType

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: RecorderEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the event entity of each camera."""
    coordinator = entry.runtime_data
    for camera_id, camera in coordinator.cameras.items():
        async_add_entities(
            [DetectionEvent(coordinator, camera)], config_subentry_id=camera_id
        )


class DetectionEvent(CameraEntity, EventEntity):
    """Fires once for each detection, however many files the camera sends for it."""

    _attr_device_class = EventDeviceClass.MOTION
    _attr_event_types = [detection_type.value for detection_type in DetectionType]
    _attr_translation_key = "detection"
    # The database is kept, backed up and copied: an address that opens a picture
    # without a login does not belong there.
    _unrecorded_attributes = frozenset({ATTR_SNAPSHOT_URL})

    def __init__(
        self, coordinator: RecorderCoordinator, camera: ConfigSubentry
    ) -> None:
        """Initialize the event entity of a camera."""
        super().__init__(coordinator, camera, "detection")
        self._shown: str | None = None

    @override
    async def async_added_to_hass(self) -> None:
        """Listen to the camera's detections."""
        await super().async_added_to_hass()
        self.async_on_remove(
            self.coordinator.async_listen_detections(
                self.camera_id, self._async_detected
            )
        )
        self.async_on_remove(
            self.coordinator.async_listen_pictures(self.camera_id, self._async_pictured)
        )

    @callback
    def _async_detected(self, detection: Detection) -> None:
        """Fire, with what an automation needs to show the picture."""
        self._shown = detection.id
        shared, changing = self._data(detection)
        self._attr_extra_state_attributes = changing
        self._trigger_event(detection.type.value, shared)
        self.async_write_ha_state()

    @callback
    def _async_pictured(self, detection: Detection) -> None:
        """Show the picture of what has fired already; it does not fire again."""
        if detection.id != self._shown:
            return
        shared, changing = self._data(detection)
        self._attr_extra_state_attributes = {**shared, **changing}
        self.async_write_ha_state()

    def _data(self, detection: Detection) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return what is kept over a restart, and what is not: the address ends then."""
        hass, entry_id = self.hass, self.coordinator.config_entry.entry_id
        shared = shared_data(
            entry_id, self.coordinator.cameras[self.camera_id], detection
        )
        return shared, {
            "camera_entity_id": async_camera_entity_id(hass, self.camera_id),
            ATTR_SNAPSHOT_URL: async_snapshot_url(hass, entry_id, detection),
        }
