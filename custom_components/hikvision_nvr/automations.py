"""What triggers and conditions share."""

from collections.abc import Mapping

from homeassistant.components.event import ATTR_EVENT_TYPE
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.automation import DomainSpec
import voluptuous as vol

from .const import DOMAIN
from .model import DetectionType

__all__ = ["ATTR_EVENT_TYPE", "OfOurs", "event_types"]

event_types = vol.All(vol.Length(min=1), [vol.In([one.value for one in DetectionType])])
"""Validates a list of types of detections."""


class OfOurs:
    """A trigger or condition about one kind of our entities.

    Who chooses an area or a label means only these, whatever else is there.
    """

    _hass: HomeAssistant
    _domain_specs: Mapping[str, DomainSpec]
    _key: str
    """The translation key of the entities."""

    @callback
    def entity_filter(self, entities: set[str]) -> set[str]:
        """Return those of the entities that are meant."""
        registry = er.async_get(self._hass)
        return {
            entity_id
            for entity_id in entities
            if (entity := registry.async_get(entity_id)) is not None
            and entity.platform == DOMAIN
            and entity.domain in self._domain_specs
            and entity.translation_key == self._key
        }
