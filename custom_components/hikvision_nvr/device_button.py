"""Buttons of a camera's device."""

from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any, override

from homeassistant.components.button import (
    ButtonDeviceClass,
    ButtonEntity,
    ButtonEntityDescription,
)
from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import EntityCategory

from .coordinator import RecorderCoordinator
from .device_entity import DeviceEntity
from .model import DeviceStatus
from .provision import async_provision_again
from .translated import translated_errors


@dataclass(frozen=True, kw_only=True)
class DeviceButtonDescription(ButtonEntityDescription):
    """A button and what it does with a camera's device."""

    press_fn: Callable[[RecorderCoordinator, str], Coroutine[Any, Any, Any]]


async def _snapshot(coordinator: RecorderCoordinator, camera_id: str) -> None:
    engine = coordinator.engine
    await engine.run(engine.devices.of(camera_id).snapshot(camera_id))


async def _reboot(coordinator: RecorderCoordinator, camera_id: str) -> None:
    engine = coordinator.engine
    await engine.run(engine.devices.of(camera_id).reboot())


BUTTONS = (
    DeviceButtonDescription(
        key="snapshot", translation_key="snapshot", press_fn=_snapshot
    ),
    DeviceButtonDescription(
        key="reboot",
        device_class=ButtonDeviceClass.RESTART,
        entity_category=EntityCategory.CONFIG,
        press_fn=_reboot,
    ),
)
PROVISION_BUTTON = DeviceButtonDescription(
    key="provision",
    translation_key="provision",
    entity_category=EntityCategory.CONFIG,
    press_fn=async_provision_again,
)


def device_buttons(
    coordinator: RecorderCoordinator, camera: ConfigSubentry, status: DeviceStatus
) -> Iterator[ButtonEntity]:
    """Yield the buttons of what a device can do."""
    for description in BUTTONS:
        yield DeviceButton(coordinator, camera, description)
    if status.can_deliver:
        yield DeviceButton(coordinator, camera, PROVISION_BUTTON)


class DeviceButton(DeviceEntity, ButtonEntity):
    """A button that makes a camera's device do something."""

    entity_description: DeviceButtonDescription

    def __init__(
        self,
        coordinator: RecorderCoordinator,
        camera: ConfigSubentry,
        description: DeviceButtonDescription,
    ) -> None:
        """Initialize a button of a camera."""
        super().__init__(coordinator, camera, description.key)
        self.entity_description = description

    @override
    async def async_press(self) -> None:
        """Do it. Raises HomeAssistantError."""
        with translated_errors():
            await self.entity_description.press_fn(self.coordinator, self.camera_id)
