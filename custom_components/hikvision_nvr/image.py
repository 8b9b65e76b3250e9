"""Images: the last snapshot of each camera."""

from typing import override

from homeassistant.components.image import ImageEntity
from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import RecorderCoordinator, RecorderEntry, is_picture
from .entity import CameraEntity
from .files import async_read_capture, mime_type
from .model import Capture

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: RecorderEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the image of each camera."""
    coordinator = entry.runtime_data
    for camera_id, camera in coordinator.cameras.items():
        async_add_entities(
            [LastSnapshot(coordinator, camera)], config_subentry_id=camera_id
        )


class LastSnapshot(CameraEntity, ImageEntity):
    """The snapshot that came last, also one that the camera took on a schedule."""

    _attr_translation_key = "last_snapshot"

    def __init__(
        self, coordinator: RecorderCoordinator, camera: ConfigSubentry
    ) -> None:
        """Initialize the image of a camera."""
        CameraEntity.__init__(self, coordinator, camera, "last_snapshot")
        ImageEntity.__init__(self, coordinator.hass)
        self._capture: Capture | None = None

    @override
    async def async_added_to_hass(self) -> None:
        """Show the newest snapshot of the store, then each new one."""
        await super().async_added_to_hass()
        if capture := await self.coordinator.async_last_snapshot(self._folder):
            self._show(capture)
        self.async_on_remove(
            self.coordinator.async_listen_captures(self._folder, self._async_captured)
        )

    @override
    async def async_image(self) -> bytes | None:
        """Return the snapshot, None when its file is gone."""
        if self._capture is None:
            return None
        return await async_read_capture(self.coordinator, self._capture)

    @callback
    def _async_captured(self, capture: Capture) -> None:
        """Show a new snapshot."""
        if is_picture(capture):
            self._show(capture)
            self.async_write_ha_state()

    @callback
    def _show(self, capture: Capture) -> None:
        """Make this the snapshot to show."""
        self._capture = capture
        self._attr_image_last_updated = capture.arrived
        self._attr_content_type = mime_type(capture.name) or self._attr_content_type
