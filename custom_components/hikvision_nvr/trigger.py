"""Triggers of automations: what a recorder or a camera has just begun to tell."""

from typing import override

from homeassistant.components.binary_sensor import DOMAIN as BINARY_SENSOR_DOMAIN
from homeassistant.components.event import DOMAIN as EVENT_DOMAIN
from homeassistant.const import CONF_OPTIONS, STATE_ON
from homeassistant.core import HomeAssistant, State
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.automation import DomainSpec
from homeassistant.helpers.trigger import (
    ENTITY_STATE_TRIGGER_SCHEMA,
    EntityTargetStateTriggerBase,
    NotTriggeredReasonReporter,
    StatelessEntityTriggerBase,
    Trigger,
    TriggerConfig,
)
import voluptuous as vol

from .automations import ATTR_EVENT_TYPE, OfOurs, event_types

DETECTION_SCHEMA = ENTITY_STATE_TRIGGER_SCHEMA.extend(
    {
        vol.Required(CONF_OPTIONS, default={}): {
            vol.Optional(ATTR_EVENT_TYPE): vol.All(cv.ensure_list, event_types)
        }
    }
)


class DetectionTrigger(OfOurs, StatelessEntityTriggerBase):
    """A camera has detected something."""

    _domain_specs = {EVENT_DOMAIN: DomainSpec()}
    _key = "detection"
    _schema = DETECTION_SCHEMA

    def __init__(self, hass: HomeAssistant, config: TriggerConfig) -> None:
        """Initialize for some types, or all."""
        super().__init__(hass, config)
        self._types: set[str] = set(self._options.get(ATTR_EVENT_TYPE, ()))

    @override
    def is_valid_state(
        self, state: State, report_not_triggered: NotTriggeredReasonReporter
    ) -> bool:
        """Return whether it is of a type that is wanted."""
        return not self._types or state.attributes.get(ATTR_EVENT_TYPE) in self._types


class HealthTrigger(OfOurs, EntityTargetStateTriggerBase):
    """A binary sensor about a recorder's health has turned on."""

    _domain_specs = {BINARY_SENSOR_DOMAIN: DomainSpec()}
    _to_states = {STATE_ON}
    _primary_entities_only = False


class OffsiteProtectedTrigger(HealthTrigger):
    """Everything is offsite again."""

    _key = "offsite_protected"


class StorageLowTrigger(HealthTrigger):
    """The disk has too little room."""

    _key = "storage_low"


class UploadStalledTrigger(HealthTrigger):
    """Captures wait, and none gets offsite any more."""

    _key = "upload_stalled"


TRIGGERS: dict[str, type[Trigger]] = {
    "detection": DetectionTrigger,
    "offsite_protected": OffsiteProtectedTrigger,
    "storage_low": StorageLowTrigger,
    "upload_stalled": UploadStalledTrigger,
}


async def async_get_triggers(hass: HomeAssistant) -> dict[str, type[Trigger]]:
    """Return the triggers."""
    return TRIGGERS
