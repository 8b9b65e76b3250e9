"""Binary sensors: motion at a camera, and whether the recorder is well."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import override

from homeassistant.components.binary_sensor import (
    BinarySensorDeviceClass,
    BinarySensorEntity,
    BinarySensorEntityDescription,
)
from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import EntityCategory
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.event import async_call_later, async_track_time_interval
from homeassistant.util import dt as dt_util

from .const import CONF_EVENT_STREAM, CONF_HTTP_PORT, CONF_MOTION_HOLD, CONF_S3
from .coordinator import RecorderCoordinator, RecorderEntry
from .device_sensor import DeviceConnected
from .entity import CameraEntity, RecorderEntity
from .health import is_offsite_protected, is_storage_low, is_upload_stalled
from .model import MOTION_TYPES, Capture, CaptureKind, Detection, RecorderStatus

PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class RecorderBinarySensorDescription(BinarySensorEntityDescription):
    """A binary sensor of the recorder and where its value is in the status."""

    value_fn: Callable[[RecorderStatus], bool | None]


OFFSITE_CONNECTED = RecorderBinarySensorDescription(
    key="offsite_connected",
    translation_key="offsite_connected",
    device_class=BinarySensorDeviceClass.CONNECTIVITY,
    entity_category=EntityCategory.DIAGNOSTIC,
    value_fn=lambda status: status.offsite_connected,
)


@dataclass(frozen=True, kw_only=True)
class HealthDescription(BinarySensorEntityDescription):
    """A judgement of the status: (status, start of the recorder, now)."""

    value_fn: Callable[[RecorderStatus, datetime, datetime], bool | None]


STORAGE_LOW = HealthDescription(
    key="storage_low",
    translation_key="storage_low",
    device_class=BinarySensorDeviceClass.PROBLEM,
    entity_category=EntityCategory.DIAGNOSTIC,
    value_fn=lambda status, _started, _now: is_storage_low(status),
)

OFFSITE_HEALTH: tuple[HealthDescription, ...] = (
    HealthDescription(
        key="offsite_protected",
        translation_key="offsite_protected",
        value_fn=lambda status, _started, now: is_offsite_protected(status, now),
    ),
    HealthDescription(
        key="upload_stalled",
        translation_key="upload_stalled",
        device_class=BinarySensorDeviceClass.PROBLEM,
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=is_upload_stalled,
    ),
)

HEALTH_INTERVAL = timedelta(minutes=1)
"""Something may go wrong by waiting alone, without any new status."""


async def async_setup_entry(
    hass: HomeAssistant,
    entry: RecorderEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the binary sensors of the recorder and of each camera."""
    coordinator = entry.runtime_data
    async_add_entities([HealthBinarySensor(coordinator, STORAGE_LOW)])
    if entry.data.get(CONF_S3):
        async_add_entities([RecorderBinarySensor(coordinator, OFFSITE_CONNECTED)])
        async_add_entities(
            HealthBinarySensor(coordinator, description)
            for description in OFFSITE_HEALTH
        )
    for camera_id, camera in coordinator.cameras.items():
        async_add_entities(
            [MotionBinarySensor(coordinator, camera)], config_subentry_id=camera_id
        )
        if CONF_HTTP_PORT in camera.data:
            async_add_entities(
                [DeviceConnected(coordinator, camera)], config_subentry_id=camera_id
            )


class RecorderBinarySensor(RecorderEntity, BinarySensorEntity):
    """A binary sensor of the recorder."""

    entity_description: RecorderBinarySensorDescription

    @property
    @override
    def is_on(self) -> bool | None:
        """Return the value, None before the first attempt to reach S3."""
        return self.entity_description.value_fn(self.coordinator.data)


class HealthBinarySensor(RecorderEntity, BinarySensorEntity):
    """Whether something of the recorder is well, or not."""

    entity_description: HealthDescription

    @override
    async def async_added_to_hass(self) -> None:
        """Look again now and then."""
        await super().async_added_to_hass()
        self.async_on_remove(
            async_track_time_interval(self.hass, self._async_look, HEALTH_INTERVAL)
        )

    @property
    @override
    def is_on(self) -> bool | None:
        """Return the judgement of this moment."""
        return self.entity_description.value_fn(
            self.coordinator.data, self.coordinator.started, dt_util.utcnow()
        )

    @callback
    def _async_look(self, _now: datetime) -> None:
        """Show the judgement of this moment."""
        self.async_write_ha_state()


class MotionBinarySensor(CameraEntity, BinarySensorEntity):
    """On while something moves: cameras report the start of motion, not its end.

    So it goes off when nothing came for the camera's hold time. A restart begins
    with off: what moved before is over, or the camera reports it again.
    """

    _attr_device_class = BinarySensorDeviceClass.MOTION
    _attr_is_on = False

    def __init__(
        self, coordinator: RecorderCoordinator, camera: ConfigSubentry
    ) -> None:
        """Initialize the motion sensor of a camera."""
        super().__init__(coordinator, camera, "motion")
        self._hold: int = camera.data[CONF_MOTION_HOLD]
        self._cancel_off: CALLBACK_TYPE | None = None
        self._hears_device: bool = camera.data.get(CONF_EVENT_STREAM, False)

    @override
    async def async_added_to_hass(self) -> None:
        """Listen to the camera's detections and captures."""
        await super().async_added_to_hass()
        self.async_on_remove(
            self.coordinator.async_listen_detections(
                self.camera_id, self._async_detected
            )
        )
        self.async_on_remove(
            self.coordinator.async_listen_goes_on(self.camera_id, self._async_detected)
        )
        self.async_on_remove(
            self.coordinator.async_listen_captures(self._folder, self._async_captured)
        )
        if self._hears_device:
            self.async_on_remove(
                self.coordinator.async_add_listener(self.async_write_ha_state)
            )

    @property
    @override
    def available(self) -> bool:
        """Return False while off would be a guess: the device is not heard."""
        return (
            not self._hears_device
            or self._attr_is_on is True
            or self.coordinator.device_status(self.camera_id).stream is True
        )

    @override
    async def async_will_remove_from_hass(self) -> None:
        """Leave no timer behind."""
        self._async_cancel_off()

    @callback
    def _async_detected(self, detection: Detection) -> None:
        """Turn on, or stay on for longer."""
        if detection.type not in MOTION_TYPES:
            return
        self._async_hold()
        self._attr_is_on = True
        self.async_write_ha_state()

    @callback
    def _async_captured(self, capture: Capture) -> None:
        """Stay on for longer: motion that goes on is more pictures, no new detection.

        A clip comes when it is over, which says nothing about now.
        """
        if (
            self.is_on
            and capture.kind is CaptureKind.SNAPSHOT
            and capture.type in MOTION_TYPES
        ):
            self._async_hold()

    @callback
    def _async_hold(self) -> None:
        """Turn off after the hold time, counted from now."""
        self._async_cancel_off()
        self._cancel_off = async_call_later(self.hass, self._hold, self._async_turn_off)

    @callback
    def _async_turn_off(self, _now: datetime) -> None:
        """Turn off: nothing came for the hold time."""
        self._cancel_off = None
        self._attr_is_on = False
        self.async_write_ha_state()

    @callback
    def _async_cancel_off(self) -> None:
        """Forget the end of the hold time."""
        if self._cancel_off:
            self._cancel_off()
            self._cancel_off = None
