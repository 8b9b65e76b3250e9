"""Services on cameras: a picture of now, and how their devices deliver."""

from typing import Any

from homeassistant.components.camera import DOMAIN as CAMERA_DOMAIN
from homeassistant.core import (
    HomeAssistant,
    ServiceCall,
    ServiceResponse,
    SupportsResponse,
    callback,
)
from homeassistant.helpers import config_validation as cv, service
import voluptuous as vol

from .camera import StreamCamera
from .const import (
    CONF_ACCEPT_PLAIN,
    CONF_ARM_ALWAYS,
    CONF_CAPTURE_COUNT,
    CONF_CAPTURE_INTERVAL,
    CONF_EVENTS,
    CONF_NTP_SERVER,
    CONF_SET_CLOCK,
    DEFAULT_CAPTURE_COUNT,
    DEFAULT_CAPTURE_INTERVAL,
    DOMAIN,
)
from .errors import ProvisioningError
from .forms import DEFAULT_PROVISIONED_TYPES, PROVISIONED_TYPES
from .provision import async_plan_again, async_put_back, async_write_again
from .translated import translated_errors

SERVICE_SNAPSHOT = "snapshot"
SERVICE_PROVISION = "provision"
ATTR_DRY_RUN = "dry_run"
ATTR_PUT_BACK = "put_back"

PROVISION_FIELDS: dict[str | vol.Marker, Any] = {
    vol.Optional(ATTR_DRY_RUN, default=True): cv.boolean,
    vol.Optional(ATTR_PUT_BACK, default=False): cv.boolean,
    vol.Optional(
        CONF_EVENTS, default=[kind.value for kind in DEFAULT_PROVISIONED_TYPES]
    ): vol.All(cv.ensure_list, [vol.In([kind.value for kind in PROVISIONED_TYPES])]),
    vol.Optional(CONF_CAPTURE_COUNT, default=DEFAULT_CAPTURE_COUNT): vol.All(
        vol.Coerce(int), vol.Range(min=1, max=20)
    ),
    vol.Optional(CONF_CAPTURE_INTERVAL, default=DEFAULT_CAPTURE_INTERVAL): vol.All(
        vol.Coerce(int), vol.Range(min=500, max=60000)
    ),
    vol.Optional(CONF_ARM_ALWAYS, default=True): cv.boolean,
    vol.Optional(CONF_SET_CLOCK, default=True): cv.boolean,
    vol.Optional(CONF_NTP_SERVER, default=""): cv.string,
    vol.Optional(CONF_ACCEPT_PLAIN, default=False): cv.boolean,
}


@callback
def async_setup_device_services(hass: HomeAssistant) -> None:
    """Register the services; whoever changes a device must be an administrator."""
    service.async_register_platform_entity_service(
        hass,
        DOMAIN,
        SERVICE_SNAPSHOT,
        entity_domain=CAMERA_DOMAIN,
        func=_async_snapshot,
        schema=None,
        supports_response=SupportsResponse.OPTIONAL,
    )
    service.async_register_platform_entity_service(
        hass,
        DOMAIN,
        SERVICE_PROVISION,
        admin_only=True,
        entity_domain=CAMERA_DOMAIN,
        func=_async_provision,
        schema=PROVISION_FIELDS,
        supports_response=SupportsResponse.OPTIONAL,
    )


async def _async_snapshot(camera: StreamCamera, _call: ServiceCall) -> ServiceResponse:
    """Fetch a picture from the device and keep it like any capture."""
    coordinator, camera_id = camera.coordinator, camera.camera_id
    engine = coordinator.engine
    with translated_errors():
        capture = await engine.run(engine.devices.of(camera_id).snapshot(camera_id))
    return {
        "capture_id": capture.id,
        "media_id": coordinator.media_id(capture.id),
        "file": capture.name,
    }


async def _async_provision(camera: StreamCamera, call: ServiceCall) -> ServiceResponse:
    """Say what would be written to the device, write it, or put it back."""
    coordinator, camera_id = camera.coordinator, camera.camera_id
    choices = {
        key: value
        for key, value in call.data.items()
        if key in {str(field) for field in PROVISION_FIELDS}
        and key not in (ATTR_DRY_RUN, ATTR_PUT_BACK)
    }
    with translated_errors():
        if call.data[ATTR_PUT_BACK]:
            left = await async_put_back(coordinator, camera_id)
            if left:
                raise ProvisioningError(
                    "Not everything was put back",
                    path=left[0],
                    error="–",
                    left=", ".join(left),
                )
            return {"put_back": True}
        new = await async_plan_again(coordinator, camera_id, choices)
        if not call.data[ATTR_DRY_RUN]:
            await async_write_again(coordinator, new)
    return {
        "written": not call.data[ATTR_DRY_RUN],
        "changes": [
            {
                "setting": change.what,
                "event": None if change.about is None else change.about.value,
                "before": change.before,
                "after": change.after,
            }
            for change in new.plan.changes
        ],
        "not_offered": list(new.plan.not_offered),
    }
