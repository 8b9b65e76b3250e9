"""The logbook: what cameras saw, in words."""

from collections.abc import Callable

from homeassistant.components.logbook import (
    LOGBOOK_ENTRY_ENTITY_ID,
    LOGBOOK_ENTRY_MESSAGE,
    LOGBOOK_ENTRY_NAME,
)
from homeassistant.const import ATTR_ENTITY_ID
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers.translation import async_get_cached_translations

from .const import DOMAIN, EVENT_DETECTION

type Describe = Callable[[Event], dict[str, str | None]]


@callback
def async_describe_events(
    hass: HomeAssistant, async_describe_event: Callable[[str, str, Describe], None]
) -> None:
    """Describe the events that are ours."""

    def texts(category: str) -> dict[str, str]:
        return async_get_cached_translations(
            hass, hass.config.language, category, DOMAIN
        )

    @callback
    def describe_detection(event: Event) -> dict[str, str | None]:
        """Say what the camera saw. The database may have events of older versions."""
        data = event.data
        kind = str(data.get("type"))
        entity = f"component.{DOMAIN}.entity.event.detection.state_attributes"
        known = texts("entity").get(f"{entity}.event_type.state.{kind}", kind)
        key = "logbook_plate" if data.get("plate") else "logbook_detection"
        message = texts("common").get(f"component.{DOMAIN}.common.{key}", "{type}")
        return {
            LOGBOOK_ENTRY_NAME: data.get("camera"),
            LOGBOOK_ENTRY_MESSAGE: message.format(type=known, plate=data.get("plate")),
            LOGBOOK_ENTRY_ENTITY_ID: data.get(ATTR_ENTITY_ID),
        }

    async_describe_event(DOMAIN, EVENT_DETECTION, describe_detection)
