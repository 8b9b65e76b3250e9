"""Switches of a camera's device: motion detection, and uploads for each event."""

from collections.abc import Iterator
from typing import Any, override

from homeassistant.components.switch import SwitchEntity
from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import EntityCategory

from .coordinator import RecorderCoordinator
from .device_entity import DeviceEntity
from .model import DetectionType, DeviceStatus
from .translated import translated_errors

_TRANSLATION_KEYS = {
    DetectionType.MOTION: "upload_motion",
    DetectionType.LINE_CROSSING: "upload_line_crossing",
    DetectionType.INTRUSION: "upload_intrusion",
    DetectionType.REGION_ENTRANCE: "upload_region_entrance",
    DetectionType.REGION_EXIT: "upload_region_exit",
    DetectionType.FACE: "upload_face",
    DetectionType.VEHICLE: "upload_vehicle",
    DetectionType.PIR: "upload_pir",
    DetectionType.AUDIO: "upload_audio",
    DetectionType.ALARM_INPUT: "upload_alarm_input",
    DetectionType.TAMPER: "upload_tamper",
    DetectionType.VIDEO_LOSS: "upload_video_loss",
}


def device_switches(
    coordinator: RecorderCoordinator, camera: ConfigSubentry, status: DeviceStatus
) -> Iterator[SwitchEntity]:
    """Yield the switches of what a device has."""
    if status.motion_detection is not None:
        yield MotionDetectionSwitch(coordinator, camera)
    for kind in status.upload_linkage:
        if kind in _TRANSLATION_KEYS:
            yield UploadLinkageSwitch(coordinator, camera, kind)


class MotionDetectionSwitch(DeviceEntity, SwitchEntity):
    """Whether the device detects motion at all."""

    _attr_entity_category = EntityCategory.CONFIG
    _attr_translation_key = "motion_detection"

    def __init__(
        self, coordinator: RecorderCoordinator, camera: ConfigSubentry
    ) -> None:
        """Initialize the switch of a camera."""
        super().__init__(coordinator, camera, "motion_detection")

    @property
    @override
    def is_on(self) -> bool | None:
        """Return what the device said last."""
        return self.status.motion_detection

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        """Turn it on, on the device. Raises HomeAssistantError."""
        await self._async_set(on=True)

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        """Turn it off, on the device. Raises HomeAssistantError."""
        await self._async_set(on=False)

    async def _async_set(self, *, on: bool) -> None:
        engine = self.coordinator.engine
        with translated_errors():
            device = engine.devices.of(self.camera_id)
            await engine.run(device.set_motion_detection(self.camera_id, on=on))


class UploadLinkageSwitch(DeviceEntity, SwitchEntity):
    """Whether the device uploads pictures of one type of event."""

    _attr_entity_category = EntityCategory.CONFIG
    _attr_entity_registry_enabled_default = False

    def __init__(
        self,
        coordinator: RecorderCoordinator,
        camera: ConfigSubentry,
        kind: DetectionType,
    ) -> None:
        """Initialize the switch of a camera's event."""
        super().__init__(coordinator, camera, f"upload_{kind.value}")
        self._kind = kind
        self._attr_translation_key = _TRANSLATION_KEYS[kind]

    @property
    @override
    def is_on(self) -> bool | None:
        """Return what the device said last."""
        return self.status.upload_linkage.get(self._kind)

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        """Upload pictures of it. Raises HomeAssistantError."""
        await self._async_set(on=True)

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        """Upload none any more. Raises HomeAssistantError."""
        await self._async_set(on=False)

    async def _async_set(self, *, on: bool) -> None:
        engine = self.coordinator.engine
        with translated_errors():
            device = engine.devices.of(self.camera_id)
            await engine.run(device.set_linkage(self.camera_id, self._kind, on=on))
