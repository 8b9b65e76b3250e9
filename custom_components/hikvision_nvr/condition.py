"""Conditions of automations: how a recorder is, and what a camera saw lately."""

from typing import override

from homeassistant.components.binary_sensor import DOMAIN as BINARY_SENSOR_DOMAIN
from homeassistant.components.event import DOMAIN as EVENT_DOMAIN
from homeassistant.const import CONF_OPTIONS, CONF_TARGET, STATE_ON
from homeassistant.core import HomeAssistant, State
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.automation import DomainSpec
from homeassistant.helpers.condition import (
    ATTR_BEHAVIOR,
    BEHAVIOR_ALL,
    BEHAVIOR_ANY,
    Condition,
    ConditionConfig,
    EntityConditionBase,
    EntityStateConditionBase,
)
from homeassistant.util import dt as dt_util
import voluptuous as vol

from .automations import ATTR_EVENT_TYPE, OfOurs, event_types

ATTR_WITHIN = "within"

DETECTION_SCHEMA = vol.Schema(
    {
        vol.Required(CONF_TARGET): cv.TARGET_FIELDS,
        vol.Required(CONF_OPTIONS): {
            vol.Required(ATTR_BEHAVIOR, default=BEHAVIOR_ANY): vol.In(
                [BEHAVIOR_ANY, BEHAVIOR_ALL]
            ),
            vol.Required(ATTR_WITHIN): cv.positive_time_period,
            vol.Optional(ATTR_EVENT_TYPE): vol.All(cv.ensure_list, event_types),
        },
    }
)


class DetectionCondition(OfOurs, EntityConditionBase):
    """A camera has detected something lately."""

    _domain_specs = {EVENT_DOMAIN: DomainSpec()}
    _key = "detection"
    _schema = DETECTION_SCHEMA

    def __init__(self, hass: HomeAssistant, config: ConditionConfig) -> None:
        """Initialize for some types, or all, and for how long ago that may be."""
        super().__init__(hass, config)
        assert config.options is not None
        self._within = config.options[ATTR_WITHIN]
        self._types: set[str] = set(config.options.get(ATTR_EVENT_TYPE, ()))

    @property
    @override
    def needs_polling(self) -> bool:
        """Return True: time alone ends it."""
        return True

    @override
    def is_valid_state(self, entity_state: State) -> bool:
        """Return whether the last one is of a wanted type, and late enough.

        The entity remembers only its last event: of two in a row, the second counts.
        """
        kind = entity_state.attributes.get(ATTR_EVENT_TYPE)
        if self._types and kind not in self._types:
            return False
        happened = dt_util.parse_datetime(entity_state.state)
        return happened is not None and dt_util.utcnow() - happened <= self._within


class HealthCondition(OfOurs, EntityStateConditionBase):
    """A binary sensor about a recorder's health is on."""

    _domain_specs = {BINARY_SENSOR_DOMAIN: DomainSpec()}
    _states = {STATE_ON}
    _primary_entities_only = False


class OffsiteProtectedCondition(HealthCondition):
    """Everything is offsite."""

    _key = "offsite_protected"


class StorageLowCondition(HealthCondition):
    """The disk has too little room."""

    _key = "storage_low"


class UploadStalledCondition(HealthCondition):
    """Captures wait, and none gets offsite."""

    _key = "upload_stalled"


CONDITIONS: dict[str, type[Condition]] = {
    "detection": DetectionCondition,
    "offsite_protected": OffsiteProtectedCondition,
    "storage_low": StorageLowCondition,
    "upload_stalled": UploadStalledCondition,
}


async def async_get_conditions(hass: HomeAssistant) -> dict[str, type[Condition]]:
    """Return the conditions."""
    return CONDITIONS
