"""What all entities of a recorder and of its cameras share."""

from collections.abc import Mapping
from typing import Any, override

from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import CONF_HOST
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.device_registry import DeviceInfo
from homeassistant.helpers.entity import Entity, EntityDescription
from homeassistant.helpers.update_coordinator import CoordinatorEntity
from yarl import URL

from .const import (
    CONF_BRAND,
    CONF_FINGERPRINT,
    CONF_FOLDER,
    CONF_HTTP_PORT,
    CONF_MODEL,
    CONF_SERIAL,
    DOMAIN,
)
from .coordinator import RecorderCoordinator
from .model import Brand

MAKERS = {
    Brand.HIKVISION: "Hikvision",
    Brand.DAHUA: "Dahua",
    Brand.REOLINK: "Reolink",
    Brand.UNIVIEW: "Uniview",
    Brand.TVT: "TVT",
    Brand.AXIS: "Axis",
    Brand.VIVOTEK: "Vivotek",
}
"""Who made a camera, where its file names say so."""


def web_page(camera: Mapping[str, Any]) -> str | None:
    """Return the address of the camera's own web page, None where it is not known."""
    if CONF_HTTP_PORT not in camera:
        return None
    return str(
        URL.build(
            scheme="https" if camera.get(CONF_FINGERPRINT) else "http",
            host=camera[CONF_HOST],
            port=camera[CONF_HTTP_PORT],
        )
    )


class RecorderEntity(CoordinatorEntity[RecorderCoordinator]):
    """An entity of the recorder itself, which shows a part of its status."""

    _attr_has_entity_name = True

    def __init__(
        self, coordinator: RecorderCoordinator, description: EntityDescription
    ) -> None:
        """Initialize on the recorder's device."""
        super().__init__(coordinator)
        entry = coordinator.config_entry
        self.entity_description = description
        self._attr_unique_id = f"{entry.entry_id}_{description.key}"
        self._attr_device_info = DeviceInfo(identifiers={(DOMAIN, entry.entry_id)})

    @property
    @override
    def available(self) -> bool:
        """Return False until the engine has reported for the first time."""
        return super().available and self.coordinator.data is not None


class CameraEntity(Entity):
    """An entity of a camera: updated by what the camera delivers, never polled."""

    _attr_has_entity_name = True
    _attr_should_poll = False

    def __init__(
        self, coordinator: RecorderCoordinator, camera: ConfigSubentry, key: str
    ) -> None:
        """Initialize on the camera's device, which is below the recorder's."""
        entry_id = coordinator.config_entry.entry_id
        self.coordinator = coordinator
        self.camera_id = camera.subentry_id
        self._folder: str = camera.data[CONF_FOLDER]
        self._attr_unique_id = f"{camera.subentry_id}_{key}"
        self._attr_device_info = DeviceInfo(
            identifiers={(DOMAIN, camera.subentry_id)},
            name=camera.title,
            manufacturer=MAKERS.get(camera.data[CONF_BRAND]),
            model=camera.data.get(CONF_MODEL) or None,
            serial_number=camera.data.get(CONF_SERIAL) or None,
            configuration_url=web_page(camera.data),
            connections=coordinator.connections(camera),
            via_device_id=dr.async_get_device_id_by_identifier(
                coordinator.hass, (DOMAIN, entry_id), config_entry_id=entry_id
            ),
        )


class CameraStatusEntity(CameraEntity):
    """An entity of a camera that shows a part of the recorder's status."""

    @override
    async def async_added_to_hass(self) -> None:
        """Follow the recorder's status."""
        await super().async_added_to_hass()
        self.async_on_remove(
            self.coordinator.async_add_listener(self.async_write_ha_state)
        )

    @property
    @override
    def available(self) -> bool:
        """Return False until the engine has reported for the first time."""
        return self.coordinator.data is not None
