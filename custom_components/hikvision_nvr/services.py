"""Services: work on the bucket and the disk that the owner, or an automation, asks for."""

from collections.abc import Callable, Coroutine, Mapping
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
from .errors import ArchiveError, OffsiteAuthError, RestoreError
from .local_jobs import KIND_PURGE_LOCAL, KIND_PURGE_RECORDINGS, KIND_SORT_FOLDER
from .offsite import (
    CHECKS,
    DEFAULT_ARCHIVE_CLASS,
    DEFAULT_ARCHIVE_LIMIT,
    DEFAULT_LIST_LIMIT,
    DEFAULT_MAX_DELETE,
    DEFAULT_PATTERNS,
    GRACE,
    KIND_ARCHIVE,
    KIND_PURGE,
    KIND_RESTORE,
    KIND_SORT,
    KIND_VERIFY,
    MOST_LISTED,
    TIERS,
    ListScope,
    Offsite,
    PurgeScope,
)
from .translated import translated, translated_errors

SERVICE_SORT = "sort"
SERVICE_ARCHIVE = "archive"
SERVICE_PURGE = "purge"
SERVICE_RESTORE = "restore"
SERVICE_VERIFY = "verify"
SERVICE_LIST_CAMERAS = "list_cameras"
SERVICE_LIST_FILES = "list_files"
SERVICE_RETRY_UPLOADS = "retry_uploads"
SERVICE_CANCEL = "cancel"

ATTR_BEFORE = "before"
ATTR_CAMERA = "camera"
ATTR_CHECKS = "checks"
ATTR_CURSOR = "cursor"
ATTR_DATE = "date"
ATTR_DATE_FROM = "date_from"
ATTR_DATE_TO = "date_to"
ATTR_DAYS = "days"
ATTR_DRY_RUN = "dry_run"
ATTR_EXTRACT = "extract"
ATTR_FOLDER = "folder"
ATTR_FULL = "full"
ATTR_GRACE = "grace"
ATTR_INCLUDE_NOT_OFFSITE = "include_not_offsite"
ATTR_JOB_ID = "job_id"
ATTR_LIMIT = "limit"
ATTR_MAX_DELETE = "max_delete"
ATTR_OLDER_THAN_DAYS = "older_than_days"
ATTR_PATTERN = "pattern"
ATTR_PATTERNS = "patterns"
ATTR_REPAIR = "repair"
ATTR_SCOPE = "scope"
ATTR_STORAGE_CLASS = "storage_class"
ATTR_TIER = "tier"
ATTR_TIME_FROM = "time_from"
ATTR_TIME_TO = "time_to"
ATTR_WAIT = "wait"

SCOPE_LOCAL = "local"
SCOPE_RECORDINGS = "recordings"
STORAGE_CLASSES = ("GLACIER", "DEEP_ARCHIVE", "GLACIER_IR", "STANDARD")

_LOCAL_KINDS = (KIND_SORT_FOLDER, KIND_PURGE_LOCAL, KIND_PURGE_RECORDINGS)
"""These need no bucket."""
_COUNT = vol.All(vol.Coerce(int), vol.Range(min=1))
_PATTERNS = vol.All(cv.ensure_list, [cv.string], vol.Length(min=1))
_ON_RECORDER = {vol.Optional(ATTR_CONFIG_ENTRY_ID): cv.string}
_JOB = {**_ON_RECORDER, vol.Optional(ATTR_WAIT, default=True): cv.boolean}

SORT_SCHEMA = vol.Schema(
    {
        **_JOB,
        vol.Optional(ATTR_CAMERA): cv.string,
        vol.Optional(ATTR_PATTERNS, default=list(DEFAULT_PATTERNS)): _PATTERNS,
        vol.Optional(ATTR_GRACE, default=GRACE): cv.positive_time_period,
        vol.Optional(ATTR_FOLDER): cv.string,
        vol.Optional(ATTR_DRY_RUN, default=False): cv.boolean,
    }
)
ARCHIVE_SCHEMA = vol.Schema(
    {
        **_JOB,
        vol.Optional(ATTR_CAMERA): cv.string,
        vol.Exclusive(ATTR_DATE, "days"): cv.date,
        vol.Optional(ATTR_DATE_FROM): cv.date,
        vol.Optional(ATTR_DATE_TO): cv.date,
        vol.Exclusive(ATTR_PATTERN, "days"): cv.string,
        vol.Optional(ATTR_LIMIT, default=DEFAULT_ARCHIVE_LIMIT): _COUNT,
        vol.Optional(ATTR_STORAGE_CLASS, default=DEFAULT_ARCHIVE_CLASS): vol.In(
            STORAGE_CLASSES
        ),
        vol.Optional(ATTR_DRY_RUN, default=False): cv.boolean,
    }
)
PURGE_SCHEMA = vol.Schema(
    {
        **_JOB,
        vol.Optional(ATTR_CAMERA): cv.string,
        vol.Optional(ATTR_OLDER_THAN_DAYS): _COUNT,
        vol.Optional(ATTR_BEFORE): cv.date,
        vol.Optional(ATTR_PATTERN, default="*"): cv.string,
        vol.Optional(ATTR_SCOPE, default=PurgeScope.CAPTURES.value): vol.In(
            [*PurgeScope, SCOPE_LOCAL, SCOPE_RECORDINGS]
        ),
        vol.Optional(ATTR_INCLUDE_NOT_OFFSITE, default=False): cv.boolean,
        vol.Optional(ATTR_DRY_RUN, default=True): cv.boolean,
        vol.Optional(ATTR_MAX_DELETE, default=DEFAULT_MAX_DELETE): _COUNT,
    }
)
RESTORE_SCHEMA = vol.Schema(
    {
        **_JOB,
        vol.Required(ATTR_CAMERA): cv.string,
        vol.Required(ATTR_DATE): cv.date,
        vol.Optional(ATTR_PATTERNS, default=["*"]): _PATTERNS,
        vol.Optional(ATTR_TIME_FROM): cv.time,
        vol.Optional(ATTR_TIME_TO): cv.time,
        vol.Optional(ATTR_TIER, default=TIERS[0]): vol.In(TIERS),
        vol.Optional(ATTR_DAYS, default=3): _COUNT,
        vol.Optional(ATTR_EXTRACT, default=True): cv.boolean,
    }
)
VERIFY_SCHEMA = vol.Schema(
    {
        **_JOB,
        vol.Optional(ATTR_CAMERA): cv.string,
        vol.Optional(ATTR_DATE_FROM): cv.date,
        vol.Optional(ATTR_DATE_TO): cv.date,
        vol.Optional(ATTR_CHECKS, default=list(CHECKS)): vol.All(
            cv.ensure_list, [vol.In(CHECKS)], vol.Length(min=1)
        ),
        vol.Optional(ATTR_REPAIR, default=False): cv.boolean,
        vol.Optional(ATTR_FULL, default=False): cv.boolean,
    }
)
LIST_FILES_SCHEMA = vol.Schema(
    {
        **_ON_RECORDER,
        vol.Required(ATTR_CAMERA): cv.string,
        vol.Optional(ATTR_DATE): cv.date,
        vol.Optional(ATTR_SCOPE, default=ListScope.CAPTURES): vol.Coerce(ListScope),
        vol.Optional(ATTR_LIMIT, default=DEFAULT_LIST_LIMIT): vol.All(
            vol.Coerce(int), vol.Range(min=1, max=MOST_LISTED)
        ),
        vol.Optional(ATTR_CURSOR): cv.string,
    }
)
ON_RECORDER_SCHEMA = vol.Schema(_ON_RECORDER)
CANCEL_SCHEMA = vol.Schema({**_ON_RECORDER, vol.Optional(ATTR_JOB_ID): cv.string})

type Handler = Callable[[ServiceCall], Coroutine[Any, Any, ServiceResponse]]
type JobArguments = Callable[
    [HomeAssistant, Mapping[str, Any]], tuple[str, dict[str, Any]]
]
"""Returns the kind of a job and its arguments. Raises ServiceValidationError."""
type Question = Callable[
    [Offsite, Mapping[str, Any]], Coroutine[Any, Any, ServiceResponse]
]


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    """Register the services; each may delete or list evidence, so admins only."""
    optional, only = SupportsResponse.OPTIONAL, SupportsResponse.ONLY
    for name, handler, schema, response in (
        (SERVICE_SORT, _job(_sort), SORT_SCHEMA, optional),
        (SERVICE_ARCHIVE, _job(_archive), ARCHIVE_SCHEMA, optional),
        (SERVICE_PURGE, _job(_purge), PURGE_SCHEMA, optional),
        (SERVICE_RESTORE, _job(_restore), RESTORE_SCHEMA, optional),
        (SERVICE_VERIFY, _job(_verify), VERIFY_SCHEMA, optional),
        (SERVICE_LIST_CAMERAS, _question(_list_cameras), ON_RECORDER_SCHEMA, only),
        (SERVICE_LIST_FILES, _question(_list_files), LIST_FILES_SCHEMA, only),
        (
            SERVICE_RETRY_UPLOADS,
            _question(_retry_uploads),
            ON_RECORDER_SCHEMA,
            optional,
        ),
        (SERVICE_CANCEL, _cancel, CANCEL_SCHEMA, optional),
    ):
        service.async_register_admin_service(
            hass, DOMAIN, name, handler, schema, response
        )


def _job(arguments: JobArguments) -> Handler:
    """Return a service that asks for a job and waits for its result, if wished.

    Who does not wait, or goes away, does not end the job.
    """

    async def handle(call: ServiceCall) -> ServiceResponse:
        recorder = _recorder(call)
        kind, values = arguments(call.hass, call.data)
        if kind not in _LOCAL_KINDS:
            _offsite(recorder)
        jobs = recorder.engine.jobs

        async def work() -> ServiceResponse:
            job_id = await jobs.submit(kind, values)
            if not call.data[ATTR_WAIT]:
                return {ATTR_JOB_ID: job_id}
            return {ATTR_JOB_ID: job_id, **await jobs.result(job_id)}

        return await _run(recorder, work())

    return handle


def _question(ask: Question) -> Handler:
    """Return a service that asks the bucket and answers at once."""

    async def handle(call: ServiceCall) -> ServiceResponse:
        recorder = _recorder(call)
        return await _run(recorder, ask(_offsite(recorder), call.data))

    return handle


async def _cancel(call: ServiceCall) -> ServiceResponse:
    """Cancel a job, or all of them."""
    recorder = _recorder(call)
    cancelled = await _run(recorder, _cancelled(recorder, call.data.get(ATTR_JOB_ID)))
    if not cancelled["cancelled"] and ATTR_JOB_ID in call.data:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="job_unknown",
            translation_placeholders={
                "message": f"No job {call.data[ATTR_JOB_ID]} waits or runs"
            },
        )
    return cancelled


async def _cancelled(
    recorder: RecorderCoordinator, job_id: str | None
) -> dict[str, Any]:
    return {"cancelled": await recorder.engine.jobs.cancel(job_id)}


async def _run[T](recorder: RecorderCoordinator, work: Coroutine[Any, Any, T]) -> T:
    """Run work on the engine's loop; its errors are told in the owner's language."""
    with translated_errors():
        try:
            return await recorder.engine.run(work)
        except OffsiteAuthError:
            recorder.async_start_reauth()
            raise
        except (ArchiveError, RestoreError) as err:
            # Refused, not failed.
            raise translated(err, ServiceValidationError) from err


def _recorder(call: ServiceCall) -> RecorderCoordinator:
    """Return the chosen recorder, or the only one there is."""
    entry: RecorderEntry = service.async_get_config_entry(
        call.hass, DOMAIN, call.data.get(ATTR_CONFIG_ENTRY_ID)
    )
    return entry.runtime_data


def _offsite(recorder: RecorderCoordinator) -> Offsite:
    """Return the recorder's bucket. Raises ServiceValidationError if it has none."""
    if (offsite := recorder.engine.offsite) is None:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="offsite_not_set_up",
            translation_placeholders={"recorder": recorder.config_entry.title},
        )
    return offsite


def _sort(hass: HomeAssistant, data: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Sort a bucket's unsorted files, or those in a folder of this machine."""
    arguments = {
        "camera": data.get(ATTR_CAMERA),
        "patterns": data[ATTR_PATTERNS],
        "grace": data[ATTR_GRACE].total_seconds(),
        "dry_run": data[ATTR_DRY_RUN],
    }
    if ATTR_FOLDER not in data:
        return KIND_SORT, arguments
    folder = data[ATTR_FOLDER]
    if not hass.config.is_allowed_path(folder):
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="folder_not_allowed",
            translation_placeholders={"folder": folder},
        )
    return KIND_SORT_FOLDER, {**arguments, "folder": folder}


def _archive(
    _hass: HomeAssistant, data: Mapping[str, Any]
) -> tuple[str, dict[str, Any]]:
    """Pack days into archives."""
    day = data.get(ATTR_DATE)
    first, last = data.get(ATTR_DATE_FROM, day), data.get(ATTR_DATE_TO, day)
    ranged = ATTR_DATE_FROM in data or ATTR_DATE_TO in data
    if (day is not None) == ranged and ATTR_PATTERN not in data:
        raise ServiceValidationError(
            translation_domain=DOMAIN, translation_key="archive_needs_days"
        )
    return KIND_ARCHIVE, {
        "camera": data.get(ATTR_CAMERA),
        "first": _iso(first),
        "last": _iso(last),
        "pattern": data.get(ATTR_PATTERN),
        "storage_class": data[ATTR_STORAGE_CLASS],
        "limit": data[ATTR_LIMIT],
        "dry_run": data[ATTR_DRY_RUN],
    }


def _purge(_hass: HomeAssistant, data: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Delete what is older than the owner wants to keep."""
    arguments = {
        "before": _limit(data).isoformat(),
        "camera": data.get(ATTR_CAMERA),
        "pattern": data[ATTR_PATTERN],
        "dry_run": data[ATTR_DRY_RUN],
        "max_delete": data[ATTR_MAX_DELETE],
    }
    on_disk = {SCOPE_LOCAL: KIND_PURGE_LOCAL, SCOPE_RECORDINGS: KIND_PURGE_RECORDINGS}
    if (kind := on_disk.get(data[ATTR_SCOPE])) is not None:
        everything = data[ATTR_INCLUDE_NOT_OFFSITE]
        return kind, {**arguments, ATTR_INCLUDE_NOT_OFFSITE: everything}
    return KIND_PURGE, {**arguments, "scope": str(data[ATTR_SCOPE])}


def _restore(
    _hass: HomeAssistant, data: Mapping[str, Any]
) -> tuple[str, dict[str, Any]]:
    """Bring captures back."""
    return KIND_RESTORE, {
        "camera": data[ATTR_CAMERA],
        "date": data[ATTR_DATE].isoformat(),
        "patterns": data[ATTR_PATTERNS],
        "first": _iso(data.get(ATTR_TIME_FROM)),
        "last": _iso(data.get(ATTR_TIME_TO)),
        "tier": data[ATTR_TIER],
        "days": data[ATTR_DAYS],
        "extract": data[ATTR_EXTRACT],
    }


def _verify(
    _hass: HomeAssistant, data: Mapping[str, Any]
) -> tuple[str, dict[str, Any]]:
    """Compare what should be in the bucket with what is there."""
    return KIND_VERIFY, {
        "camera": data.get(ATTR_CAMERA),
        "first": _iso(data.get(ATTR_DATE_FROM)),
        "last": _iso(data.get(ATTR_DATE_TO)),
        "checks": data[ATTR_CHECKS],
        "repair": data[ATTR_REPAIR],
        "full": data[ATTR_FULL],
    }


# These three run on the engine's loop.


async def _list_cameras(offsite: Offsite, _data: Mapping[str, Any]) -> ServiceResponse:
    """Say what is in the bucket, camera by camera."""
    cameras = await offsite.list_cameras()
    return {"cameras": [camera.as_dict() for camera in cameras]}


async def _list_files(offsite: Offsite, data: Mapping[str, Any]) -> ServiceResponse:
    """Name a camera's files, a page at a time."""
    page = await offsite.list_files(
        data[ATTR_CAMERA],
        day=data.get(ATTR_DATE),
        scope=data[ATTR_SCOPE],
        limit=data[ATTR_LIMIT],
        cursor=data.get(ATTR_CURSOR),
    )
    return page.as_dict()


async def _retry_uploads(offsite: Offsite, _data: Mapping[str, Any]) -> ServiceResponse:
    """Try again what was given up, and at once what waits for its next try."""
    return {"retried": await offsite.retry()}


def _iso(value: Any) -> str | None:
    return None if value is None else str(value.isoformat())


def _limit(data: Mapping[str, Any]) -> date:
    """Return the first day that is kept."""
    if (ATTR_BEFORE in data) == (ATTR_OLDER_THAN_DAYS in data):
        raise ServiceValidationError(
            translation_domain=DOMAIN, translation_key="purge_needs_one_limit"
        )
    if ATTR_BEFORE in data:
        before: date = data[ATTR_BEFORE]
        return before
    return dt_util.now().date() - timedelta(days=data[ATTR_OLDER_THAN_DAYS])
