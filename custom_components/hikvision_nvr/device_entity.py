"""What the entities of a camera's device share."""

from collections.abc import Callable, Iterable
from typing import override

from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import callback
from homeassistant.helpers.entity import Entity
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .const import CONF_HTTP_PORT
from .coordinator import RecorderCoordinator, RecorderEntry
from .entity import CameraStatusEntity
from .model import DeviceStatus


class DeviceEntity(CameraStatusEntity):
    """An entity that shows or changes something on the device itself."""

    @property
    def status(self) -> DeviceStatus:
        """What is known of the device."""
        return self.coordinator.device_status(self.camera_id)

    @property
    @override
    def available(self) -> bool:
        """Return False while the device cannot be asked."""
        return self.status.reachable is True and self.status.error is None


type MakeEntities = Callable[
    [RecorderCoordinator, ConfigSubentry, DeviceStatus], Iterable[Entity]
]


@callback
def async_add_when_known(
    entry: RecorderEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
    make: MakeEntities,
) -> None:
    """Add entities for what a device turns out to have, each once."""
    coordinator = entry.runtime_data
    added: set[str] = set()

    @callback
    def look() -> None:
        for camera_id, camera in coordinator.cameras.items():
            if CONF_HTTP_PORT not in camera.data:
                continue
            status = coordinator.device_status(camera_id)
            new = [
                entity
                for entity in make(coordinator, camera, status)
                if entity.unique_id and entity.unique_id not in added
            ]
            added.update(entity.unique_id for entity in new if entity.unique_id)
            if new:
                async_add_entities(new, config_subentry_id=camera_id)

    look()
    entry.async_on_unload(coordinator.async_add_listener(look))
