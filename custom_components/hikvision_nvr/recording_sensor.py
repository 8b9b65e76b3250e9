"""Sensors of recording: what it does, how much there is, and what is missing."""

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
from homeassistant.const import (
    EntityCategory,
    UnitOfDataRate,
    UnitOfInformation,
    UnitOfTime,
)

from .coordinator import RecorderCoordinator
from .entity import CameraStatusEntity
from .model import RecordingState, RecordingStatus


@dataclass(frozen=True, kw_only=True)
class RecordingSensorDescription(SensorEntityDescription):
    """A sensor of a camera's recording and where its value is in the status."""

    value_fn: Callable[[RecordingStatus], str | float | datetime | None]
    attributes_fn: Callable[[RecordingStatus], dict[str, Any]] | None = None


def _last_gap(status: RecordingStatus) -> dict[str, Any]:
    """Return where footage was last missing, and why."""
    if status.last_gap is None:
        return {}
    begin, end, reason = status.last_gap
    return {
        "begin": begin.isoformat(),
        "end": end.isoformat(),
        "reason": reason.value,
    }


RECORDING_SENSORS: tuple[RecordingSensorDescription, ...] = (
    RecordingSensorDescription(
        key="recording_state",
        translation_key="recording_state",
        device_class=SensorDeviceClass.ENUM,
        options=[state.value for state in RecordingState],
        value_fn=lambda status: status.state.value,
        attributes_fn=lambda status: {"error": status.error},
    ),
    RecordingSensorDescription(
        key="recorded",
        translation_key="recorded",
        device_class=SensorDeviceClass.DURATION,
        entity_category=EntityCategory.DIAGNOSTIC,
        native_unit_of_measurement=UnitOfTime.SECONDS,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=1,
        suggested_unit_of_measurement=UnitOfTime.HOURS,
        value_fn=lambda status: status.recorded,
    ),
    RecordingSensorDescription(
        key="recording_bitrate",
        translation_key="recording_bitrate",
        device_class=SensorDeviceClass.DATA_RATE,
        entity_category=EntityCategory.DIAGNOSTIC,
        native_unit_of_measurement=UnitOfDataRate.BITS_PER_SECOND,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=1,
        suggested_unit_of_measurement=UnitOfDataRate.MEGABITS_PER_SECOND,
        value_fn=lambda status: status.bitrate,
    ),
    RecordingSensorDescription(
        key="recording_size",
        translation_key="recording_size",
        device_class=SensorDeviceClass.DATA_SIZE,
        entity_category=EntityCategory.DIAGNOSTIC,
        native_unit_of_measurement=UnitOfInformation.BYTES,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=1,
        suggested_unit_of_measurement=UnitOfInformation.GIGABYTES,
        value_fn=lambda status: status.bytes,
    ),
    RecordingSensorDescription(
        key="dropped_groups",
        translation_key="dropped_groups",
        entity_category=EntityCategory.DIAGNOSTIC,
        state_class=SensorStateClass.TOTAL_INCREASING,
        value_fn=lambda status: status.dropped,
    ),
    RecordingSensorDescription(
        key="last_gap",
        translation_key="last_gap",
        device_class=SensorDeviceClass.TIMESTAMP,
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda status: status.last_gap[1] if status.last_gap else None,
        attributes_fn=_last_gap,
    ),
)


class RecordingSensor(CameraStatusEntity, SensorEntity):
    """A sensor of a camera's recording."""

    entity_description: RecordingSensorDescription

    def __init__(
        self,
        coordinator: RecorderCoordinator,
        camera: ConfigSubentry,
        description: RecordingSensorDescription,
    ) -> None:
        """Initialize a sensor of a camera that is recorded."""
        super().__init__(coordinator, camera, description.key)
        self.entity_description = description

    @property
    @override
    def available(self) -> bool:
        """Return False until the engine has reported for the first time."""
        return super().available and self.camera_id in self.coordinator.data.recordings

    @property
    @override
    def native_value(self) -> str | float | datetime | None:
        """Return the value."""
        return self.entity_description.value_fn(
            self.coordinator.data.recordings[self.camera_id]
        )

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Any] | None:
        """Return the details of the value, where it has any."""
        if self.entity_description.attributes_fn is None:
            return None
        return self.entity_description.attributes_fn(
            self.coordinator.data.recordings[self.camera_id]
        )
