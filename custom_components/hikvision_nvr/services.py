"""Services: work on the bucket that the owner, or an automation, asks for."""

from collections.abc import Callable, Coroutine
from datetime import date, timedelta
from typing import Any

from homeassistant.const import ATTR_CONFIG_ENTRY_ID
from homeassistant.core import (
    HomeAssistant,
    ServiceCall,
    ServiceResponse,
    SupportsResponse,
    callback,
)
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import config_validation as cv, service
from homeassistant.util import dt as dt_util
import voluptuous as vol

from .const import DOMAIN
from .coordinator import RecorderCoordinator, RecorderEntry
from .errors import ArchiveError, OffsiteAuthError
from .offsite import (
    DEFAULT_ARCHIVE_CLASS,
    DEFAULT_MAX_DELETE,
    DEFAULT_PATTERNS,
    Offsite,
    PurgeScope,
)
from .translated import translated, translated_errors

SERVICE_SORT = "sort"
SERVICE_ARCHIVE = "archive"
SERVICE_PURGE = "purge"
SERVICE_LIST_CAMERAS = "list_cameras"

ATTR_CAMERA = "camera"
ATTR_PATTERNS = "patterns"
ATTR_DRY_RUN = "dry_run"
ATTR_DATE = "date"
ATTR_STORAGE_CLASS = "storage_class"
ATTR_OLDER_THAN_DAYS = "older_than_days"
ATTR_BEFORE = "before"
ATTR_SCOPE = "scope"
ATTR_MAX_DELETE = "max_delete"

STORAGE_CLASSES = ("GLACIER", "DEEP_ARCHIVE", "GLACIER_IR", "STANDARD")

_ON_RECORDER = {vol.Optional(ATTR_CONFIG_ENTRY_ID): cv.string}

SORT_SCHEMA = vol.Schema(
    {
        **_ON_RECORDER,
        vol.Optional(ATTR_CAMERA): cv.string,
        vol.Optional(ATTR_PATTERNS, default=list(DEFAULT_PATTERNS)): vol.All(
            cv.ensure_list, [cv.string], vol.Length(min=1)
        ),
        vol.Optional(ATTR_DRY_RUN, default=False): cv.boolean,
    }
)
ARCHIVE_SCHEMA = vol.Schema(
    {
        **_ON_RECORDER,
        vol.Required(ATTR_CAMERA): cv.string,
        vol.Required(ATTR_DATE): cv.date,
        vol.Optional(ATTR_STORAGE_CLASS, default=DEFAULT_ARCHIVE_CLASS): vol.In(
            STORAGE_CLASSES
        ),
    }
)
PURGE_SCHEMA = vol.Schema(
    {
        **_ON_RECORDER,
        vol.Optional(ATTR_CAMERA): cv.string,
        vol.Optional(ATTR_OLDER_THAN_DAYS): vol.All(vol.Coerce(int), vol.Range(min=1)),
        vol.Optional(ATTR_BEFORE): cv.date,
        vol.Optional(ATTR_SCOPE, default=PurgeScope.CAPTURES): vol.Coerce(PurgeScope),
        vol.Optional(ATTR_DRY_RUN, default=True): cv.boolean,
        vol.Optional(ATTR_MAX_DELETE, default=DEFAULT_MAX_DELETE): vol.All(
            vol.Coerce(int), vol.Range(min=1)
        ),
    }
)
LIST_CAMERAS_SCHEMA = vol.Schema(_ON_RECORDER)

type Work = Callable[[Offsite, dict[str, Any]], Coroutine[Any, Any, ServiceResponse]]


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    """Register the services; each may delete or list evidence, so admins only."""
    for name, work, schema, response in (
        (SERVICE_SORT, _sort, SORT_SCHEMA, SupportsResponse.OPTIONAL),
        (SERVICE_ARCHIVE, _archive, ARCHIVE_SCHEMA, SupportsResponse.OPTIONAL),
        (SERVICE_PURGE, _purge, PURGE_SCHEMA, SupportsResponse.OPTIONAL),
        (
            SERVICE_LIST_CAMERAS,
            _list_cameras,
            LIST_CAMERAS_SCHEMA,
            SupportsResponse.ONLY,
        ),
    ):
        service.async_register_admin_service(
            hass, DOMAIN, name, _handler(work), schema, response
        )


def _handler(
    work: Work,
) -> Callable[[ServiceCall], Coroutine[Any, Any, ServiceResponse]]:
    """Return what a service does: its work on the chosen recorder's bucket."""

    async def handle(call: ServiceCall) -> ServiceResponse:
        recorder = _recorder(call)
        if (offsite := recorder.engine.offsite) is None:
            raise ServiceValidationError(
                translation_domain=DOMAIN,
                translation_key="offsite_not_set_up",
                translation_placeholders={"recorder": recorder.config_entry.title},
            )
        with translated_errors():
            try:
                return await recorder.engine.run(work(offsite, call.data))
            except OffsiteAuthError:
                recorder.async_start_reauth()
                raise
            except ArchiveError as err:
                # Refused, not failed.
                raise translated(err, ServiceValidationError) from err

    return handle


def _recorder(call: ServiceCall) -> RecorderCoordinator:
    """Return the chosen recorder, or the only one there is."""
    entry: RecorderEntry = service.async_get_config_entry(
        call.hass, DOMAIN, call.data.get(ATTR_CONFIG_ENTRY_ID)
    )
    return entry.runtime_data


# These four run on the engine's loop.


async def _sort(offsite: Offsite, data: dict[str, Any]) -> ServiceResponse:
    """Move objects that lie beside their day into the folder of their day."""
    result = await offsite.sort(
        data.get(ATTR_CAMERA),
        patterns=data[ATTR_PATTERNS],
        dry_run=data[ATTR_DRY_RUN],
    )
    return result.as_dict()


async def _archive(offsite: Offsite, data: dict[str, Any]) -> ServiceResponse:
    """Pack a camera's day into one archive."""
    result = await offsite.archive(
        data[ATTR_CAMERA], data[ATTR_DATE], storage_class=data[ATTR_STORAGE_CLASS]
    )
    return result.as_dict()


async def _purge(offsite: Offsite, data: dict[str, Any]) -> ServiceResponse:
    """Delete what is older than the owner wants to keep."""
    result = await offsite.purge(
        _limit(data),
        camera=data.get(ATTR_CAMERA),
        scope=data[ATTR_SCOPE],
        dry_run=data[ATTR_DRY_RUN],
        max_delete=data[ATTR_MAX_DELETE],
    )
    return result.as_dict()


async def _list_cameras(offsite: Offsite, _data: dict[str, Any]) -> ServiceResponse:
    """Say what is in the bucket, camera by camera."""
    cameras = await offsite.list_cameras()
    return {"cameras": [camera.as_dict() for camera in cameras]}


def _limit(data: dict[str, Any]) -> date:
    """Return the first day that is kept."""
    if (ATTR_BEFORE in data) == (ATTR_OLDER_THAN_DAYS in data):
        raise ServiceValidationError(
            translation_domain=DOMAIN, translation_key="purge_needs_one_limit"
        )
    if ATTR_BEFORE in data:
        before: date = data[ATTR_BEFORE]
        return before
    return dt_util.now().date() - timedelta(days=data[ATTR_OLDER_THAN_DAYS])
