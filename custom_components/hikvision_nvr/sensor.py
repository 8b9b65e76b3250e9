"""Sensors: the recorder's disk, receiver and way to S3, and what cameras do."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, override

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import EntityCategory, UnitOfInformation, UnitOfTime
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .const import CONF_S3
from .coordinator import RecorderCoordinator, RecorderEntry
from .entity import CameraEntity, RecorderEntity
from .model import CameraStatus, RecorderStatus

PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class RecorderSensorDescription(SensorEntityDescription):
    """A sensor of the recorder and where its value is in the status."""

    value_fn: Callable[[RecorderStatus], int | datetime | None]
    attributes_fn: Callable[[RecorderStatus], dict[str, Any]] | None = None


@dataclass(frozen=True, kw_only=True)
class CameraSensorDescription(SensorEntityDescription):
    """A sensor of a camera and where its value is in the camera's status."""

    value_fn: Callable[[CameraStatus], float | datetime | None]


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

RECEIVER_SENSORS: tuple[RecorderSensorDescription, ...] = (
    RecorderSensorDescription(
        key="uploads_today",
        translation_key="uploads_today",
        state_class=SensorStateClass.TOTAL_INCREASING,
        value_fn=lambda status: status.uploads_today,
    ),
    RecorderSensorDescription(
        key="connected_cameras",
        translation_key="connected_cameras",
        entity_category=EntityCategory.DIAGNOSTIC,
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=lambda status: status.receiver.connected_cameras,
    ),
    RecorderSensorDescription(
        key="rejected_logins",
        translation_key="rejected_logins",
        entity_category=EntityCategory.DIAGNOSTIC,
        state_class=SensorStateClass.TOTAL_INCREASING,
        value_fn=lambda status: status.receiver.rejected_logins,
    ),
    RecorderSensorDescription(
        key="banned_addresses",
        translation_key="banned_addresses",
        entity_category=EntityCategory.DIAGNOSTIC,
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=lambda status: len(status.receiver.bans),
        attributes_fn=lambda status: {
            "addresses": [
                {"address": ban.address, "until": ban.until.isoformat()}
                for ban in status.receiver.bans
            ]
        },
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


CAMERA_SENSORS: tuple[CameraSensorDescription, ...] = (
    CameraSensorDescription(
        key="last_seen",
        translation_key="last_seen",
        device_class=SensorDeviceClass.TIMESTAMP,
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda status: status.last_seen,
    ),
    CameraSensorDescription(
        key="last_test",
        translation_key="last_test",
        device_class=SensorDeviceClass.TIMESTAMP,
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda status: status.last_test,
    ),
    CameraSensorDescription(
        key="clock_offset",
        translation_key="clock_offset",
        device_class=SensorDeviceClass.DURATION,
        entity_category=EntityCategory.DIAGNOSTIC,
        native_unit_of_measurement=UnitOfTime.SECONDS,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=0,
        value_fn=lambda status: status.clock_offset,
    ),
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: RecorderEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the sensors; those of S3 only where it is set up."""
    coordinator = entry.runtime_data
    descriptions = STORAGE_SENSORS + RECEIVER_SENSORS
    if entry.data.get(CONF_S3):
        descriptions += OFFSITE_SENSORS
    async_add_entities(
        RecorderSensor(coordinator, description) for description in descriptions
    )
    for camera_id, camera in coordinator.cameras.items():
        async_add_entities(
            [
                CameraSensor(coordinator, camera, description)
                for description in CAMERA_SENSORS
            ],
            config_subentry_id=camera_id,
        )


class RecorderSensor(RecorderEntity, SensorEntity):
    """A sensor of the recorder."""

    entity_description: RecorderSensorDescription

    @property
    @override
    def native_value(self) -> int | datetime | None:
        """Return the value."""
        return self.entity_description.value_fn(self.coordinator.data)

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Any] | None:
        """Return the details of the value, where it has any."""
        if self.entity_description.attributes_fn is None:
            return None
        return self.entity_description.attributes_fn(self.coordinator.data)


class CameraSensor(CameraEntity, SensorEntity):
    """A sensor of a camera, which shows a part of the recorder's status."""

    entity_description: CameraSensorDescription

    def __init__(
        self,
        coordinator: RecorderCoordinator,
        camera: ConfigSubentry,
        description: CameraSensorDescription,
    ) -> None:
        """Initialize a sensor of a camera."""
        super().__init__(coordinator, camera, description.key)
        self.entity_description = description

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

    @property
    @override
    def native_value(self) -> float | datetime | None:
        """Return the value."""
        return self.entity_description.value_fn(
            self.coordinator.data.cameras[self._camera_id]
        )
