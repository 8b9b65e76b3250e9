"""Switches: whether a camera is recorded, and what its device does."""

from typing import Any, override

from homeassistant.components.switch import SwitchEntity
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import RecorderEntry
from .device_entity import async_add_when_known
from .device_switch import device_switches
from .entity import CameraStatusEntity
from .model import RecordingMode
from .recording_settings import recording_mode
from .translated import translated_errors

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: RecorderEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the switch of each camera that is recorded, and those of devices."""
    coordinator = entry.runtime_data
    async_add_when_known(entry, async_add_entities, device_switches)
    for camera_id, camera in coordinator.cameras.items():
        if recording_mode(camera.data) is not RecordingMode.OFF:
            async_add_entities(
                [RecordingSwitch(coordinator, camera, "recording")],
                config_subentry_id=camera_id,
            )


class RecordingSwitch(CameraStatusEntity, SwitchEntity):
    """Turns a camera's recording off and on again, in whatever mode it is.

    The engine remembers it, so that nothing is recorded at the next start before
    Home Assistant has restored its states.
    """

    _attr_translation_key = "recording"

    @property
    @override
    def available(self) -> bool:
        """Return False until the engine has reported for the first time."""
        return super().available and self.camera_id in self.coordinator.data.recordings

    @property
    @override
    def is_on(self) -> bool | None:
        """Return whether the camera may be recorded."""
        return self.coordinator.data.recordings[self.camera_id].enabled

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        """Let the camera be recorded."""
        await self._async_set_enabled(True)

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        """Stop the recording."""
        await self._async_set_enabled(False)

    async def _async_set_enabled(self, enabled: bool) -> None:
        """Tell the engine."""
        engine = self.coordinator.engine
        with translated_errors():
            await engine.run(engine.recording.set_enabled(self.camera_id, enabled))
