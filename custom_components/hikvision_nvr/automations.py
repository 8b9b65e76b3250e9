"""What triggers and conditions share."""

from homeassistant.components.event import ATTR_EVENT_TYPE
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
import voluptuous as vol

from .const import DOMAIN
from .model import DetectionType

__all__ = ["ATTR_EVENT_TYPE", "async_ours", "event_types"]

event_types = vol.All(vol.Length(min=1), [vol.In([one.value for one in DetectionType])])
"""Validates a list of types of detections."""


@callback
def async_ours(hass: HomeAssistant, entities: set[str], key: str) -> set[str]:
    """Return those entities that are ours and have this translation key.

    Who chooses an area or a label means only these, whatever else is there.
    """
    registry = er.async_get(hass)
    return {
        entity_id
        for entity_id in entities
        if (entity := registry.async_get(entity_id)) is not None
        and entity.platform == DOMAIN
        and entity.translation_key == key
    }
