"""Events: what a camera saw, as it happens."""

from typing import override

from homeassistant.components.event import EventDeviceClass, EventEntity
from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import RecorderCoordinator, RecorderEntry
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
        self._attr_extra_state_attributes = {}
        self._trigger_event(
            detection.type.value,
            {
                "raw_type": detection.raw_type,
                "channel": detection.channel,
                "plate": detection.plate,
                "region": detection.region,
                "event_time": detection.event_time.isoformat(),
                "file": detection.file_name,
                "capture_id": detection.capture_id,
                "media_id": self.coordinator.media_id(detection.capture_id),
            },
        )
        self.async_write_ha_state()

    @callback
    def _async_pictured(self, detection: Detection) -> None:
        """Show the picture of what has fired already; it does not fire again."""
        if detection.id != self._shown:
            return
        self._attr_extra_state_attributes = {
            "plate": detection.plate,
            "file": detection.file_name,
            "capture_id": detection.capture_id,
            "media_id": self.coordinator.media_id(detection.capture_id),
        }
        self.async_write_ha_state()
