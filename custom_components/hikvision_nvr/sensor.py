"""Sensors of the recorder: room on the disk, and what is on its way to S3."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import override

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.const import EntityCategory, UnitOfInformation
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .const import CONF_S3
from .coordinator import RecorderEntry
from .entity import RecorderEntity
from .model import RecorderStatus

PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class RecorderSensorDescription(SensorEntityDescription):
    """A sensor of the recorder and where its value is in the status."""

    value_fn: Callable[[RecorderStatus], int | datetime | None]


STORAGE_SENSORS: tuple[RecorderSensorDescription, ...] = (
    RecorderSensorDescription(
        key="storage_used",
        translation_key="storage_used",
        device_class=SensorDeviceClass.DATA_SIZE,
        entity_category=EntityCategory.DIAGNOSTIC,
        native_unit_of_measurement=UnitOfInformation.BYTES,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=2,
        suggested_unit_of_measurement=UnitOfInformation.GIGABYTES,
        value_fn=lambda status: status.storage_used,
    ),
    RecorderSensorDescription(
        key="storage_free",
        translation_key="storage_free",
        device_class=SensorDeviceClass.DATA_SIZE,
        entity_category=EntityCategory.DIAGNOSTIC,
        native_unit_of_measurement=UnitOfInformation.BYTES,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=1,
        suggested_unit_of_measurement=UnitOfInformation.GIGABYTES,
        value_fn=lambda status: status.storage_free,
    ),
)

OFFSITE_SENSORS: tuple[RecorderSensorDescription, ...] = (
    RecorderSensorDescription(
        key="upload_backlog_files",
        translation_key="upload_backlog_files",
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=lambda status: status.backlog.files if status.backlog else None,
    ),
    RecorderSensorDescription(
        key="upload_backlog_bytes",
        translation_key="upload_backlog_bytes",
        device_class=SensorDeviceClass.DATA_SIZE,
        entity_category=EntityCategory.DIAGNOSTIC,
        native_unit_of_measurement=UnitOfInformation.BYTES,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=1,
        suggested_unit_of_measurement=UnitOfInformation.MEGABYTES,
        value_fn=lambda status: status.backlog.bytes if status.backlog else None,
    ),
    RecorderSensorDescription(
        key="oldest_waiting_upload",
        translation_key="oldest_waiting_upload",
        device_class=SensorDeviceClass.TIMESTAMP,
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda status: status.backlog.oldest if status.backlog else None,
    ),
    RecorderSensorDescription(
        key="last_upload",
        translation_key="last_upload",
        device_class=SensorDeviceClass.TIMESTAMP,
        value_fn=lambda status: status.last_upload,
    ),
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: RecorderEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the recorder's sensors; those of S3 only where it is set up."""
    descriptions = STORAGE_SENSORS
    if entry.data.get(CONF_S3):
        descriptions += OFFSITE_SENSORS
    async_add_entities(
        RecorderSensor(entry.runtime_data, description) for description in descriptions
    )


class RecorderSensor(RecorderEntity, SensorEntity):
    """A sensor of the recorder."""

    entity_description: RecorderSensorDescription

    @property
    @override
    def native_value(self) -> int | datetime | None:
        """Return the value."""
        return self.entity_description.value_fn(self.coordinator.data)
