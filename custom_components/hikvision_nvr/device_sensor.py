"""Sensors of a camera's device: its storage, its clock, and whether it answers."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import override

from homeassistant.components.binary_sensor import (
    BinarySensorDeviceClass,
    BinarySensorEntity,
)
from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import EntityCategory, UnitOfTime

from .coordinator import RecorderCoordinator
from .device_entity import DeviceEntity
from .model import DeviceStatus


@dataclass(frozen=True, kw_only=True)
class DeviceSensorDescription(SensorEntityDescription):
    """A sensor of a device and where its value is in the status."""

    value_fn: Callable[[DeviceStatus], float | str | None]


SENSORS = (
    DeviceSensorDescription(
        key="device_storage",
        translation_key="device_storage",
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda status: status.storage,
    ),
    DeviceSensorDescription(
        key="device_clock_offset",
        translation_key="device_clock_offset",
        device_class=SensorDeviceClass.DURATION,
        entity_category=EntityCategory.DIAGNOSTIC,
        native_unit_of_measurement=UnitOfTime.SECONDS,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=0,
        value_fn=lambda status: status.clock_offset,
    ),
)


def device_sensors(
    coordinator: RecorderCoordinator, camera: ConfigSubentry, status: DeviceStatus
) -> Iterator[SensorEntity]:
    """Yield the sensors of what a device tells."""
    for description in SENSORS:
        if description.value_fn(status) is not None:
            yield DeviceSensor(coordinator, camera, description)


class DeviceSensor(DeviceEntity, SensorEntity):
    """A sensor of a camera's device."""

    entity_description: DeviceSensorDescription

    def __init__(
        self,
        coordinator: RecorderCoordinator,
        camera: ConfigSubentry,
        description: DeviceSensorDescription,
    ) -> None:
        """Initialize a sensor of a camera's device."""
        super().__init__(coordinator, camera, description.key)
        self.entity_description = description

    @property
    @override
    def native_value(self) -> float | str | None:
        """Return the value."""
        return self.entity_description.value_fn(self.status)


class DeviceConnected(DeviceEntity, BinarySensorEntity):
    """Whether the device answers and lets the recorder in."""

    _attr_device_class = BinarySensorDeviceClass.CONNECTIVITY
    _attr_entity_category = EntityCategory.DIAGNOSTIC
    _attr_translation_key = "device_connected"

    def __init__(
        self, coordinator: RecorderCoordinator, camera: ConfigSubentry
    ) -> None:
        """Initialize the sensor of a camera."""
        super().__init__(coordinator, camera, "device_connected")

    @property
    @override
    def available(self) -> bool:
        """Return False before the first answer or failure."""
        return self.status.reachable is not None

    @property
    @override
    def is_on(self) -> bool:
        """Return whether it can be used."""
        return self.status.reachable is True and self.status.error is None

    @property
    @override
    def extra_state_attributes(self) -> dict[str, str | bool | None]:
        """Return what is wrong, and whether its events are heard."""
        return {"error": self.status.error, "event_stream": self.status.stream}
