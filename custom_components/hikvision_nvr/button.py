"""Buttons: what the owner may want to happen now and not when it is due."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, override

from homeassistant.components.button import ButtonEntity, ButtonEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .const import CONF_S3
from .coordinator import RecorderEntry
from .device_button import device_buttons
from .device_entity import async_add_when_known
from .entity import RecorderEntity
from .errors import OffsiteAuthError
from .schedule import scheduled_sort
from .translated import translated_errors

if TYPE_CHECKING:
    from .engine import Engine

PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class RecorderButtonDescription(ButtonEntityDescription):
    """A button and what it makes the recorder do, on the engine's loop."""

    press_fn: Callable[[Engine], Coroutine[Any, Any, Any]]


async def _upload_now(engine: Engine) -> None:
    assert engine.offsite is not None
    await engine.offsite.upload_now()


JOB_BUTTONS: tuple[RecorderButtonDescription, ...] = (
    RecorderButtonDescription(
        key="cancel_jobs",
        translation_key="cancel_jobs",
        entity_category=EntityCategory.CONFIG,
        press_fn=lambda engine: engine.jobs.cancel(),
    ),
)
OFFSITE_BUTTONS: tuple[RecorderButtonDescription, ...] = (
    RecorderButtonDescription(
        key="upload_now",
        translation_key="upload_now",
        entity_category=EntityCategory.CONFIG,
        press_fn=_upload_now,
    ),
    RecorderButtonDescription(
        key="sort_now",
        translation_key="sort_now",
        entity_category=EntityCategory.CONFIG,
        # The job sensor shows what becomes of it; a press does not wait.
        press_fn=lambda engine: engine.jobs.submit(*scheduled_sort(), once=True),
    ),
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: RecorderEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the buttons of a recorder and of its cameras' devices."""
    descriptions = JOB_BUTTONS
    if entry.data.get(CONF_S3):
        descriptions += OFFSITE_BUTTONS
    async_add_entities(
        RecorderButton(entry.runtime_data, description) for description in descriptions
    )
    async_add_when_known(entry, async_add_entities, device_buttons)


class RecorderButton(RecorderEntity, ButtonEntity):
    """A button that makes the recorder do something."""

    entity_description: RecorderButtonDescription

    @override
    async def async_press(self) -> None:
        """Do it, on the engine's loop. Raises HomeAssistantError."""
        engine = self.coordinator.engine
        with translated_errors():
            try:
                await engine.run(self.entity_description.press_fn(engine))
            except OffsiteAuthError:
                self.coordinator.async_start_reauth()
                raise
