"""Services on recordings: one file of some footage, and footage that must stay."""

from datetime import datetime
from typing import Any

from homeassistant.const import ATTR_ENTITY_ID
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
from homeassistant.util.json import JsonArrayType
import voluptuous as vol

from .const import DOMAIN
from .coordinator import RecorderCoordinator
from .device_footage import KIND_FILL_GAPS
from .files import async_camera_of
from .media_id import CaptureId
from .recording import KIND_EXPORT
from .store.rows import to_us
from .translated import translated_errors

SERVICE_EXPORT = "export"
SERVICE_FILL_GAPS = "fill_gaps"
SERVICE_PROTECT = "protect"
SERVICE_UNPROTECT = "unprotect"

ATTR_START = "start"
ATTR_END = "end"
ATTR_UPLOAD = "upload"
ATTR_WAIT = "wait"

_TIME = {
    vol.Required(ATTR_ENTITY_ID): cv.entity_id,
    vol.Required(ATTR_START): cv.datetime,
    vol.Required(ATTR_END): cv.datetime,
}
TIME_SCHEMA = vol.Schema(_TIME)
EXPORT_SCHEMA = vol.Schema(
    {
        **_TIME,
        vol.Optional(ATTR_UPLOAD, default=False): cv.boolean,
        vol.Optional(ATTR_WAIT, default=True): cv.boolean,
    }
)


@callback
def async_setup_recording_services(hass: HomeAssistant) -> None:
    """Register the services; only admins may decide about evidence."""
    for name, handler, schema, response in (
        (SERVICE_EXPORT, _async_export, EXPORT_SCHEMA, SupportsResponse.OPTIONAL),
        (SERVICE_FILL_GAPS, _async_fill_gaps, TIME_SCHEMA, SupportsResponse.OPTIONAL),
        (SERVICE_PROTECT, _async_protect, TIME_SCHEMA, SupportsResponse.NONE),
        (SERVICE_UNPROTECT, _async_unprotect, TIME_SCHEMA, SupportsResponse.NONE),
    ):
        service.async_register_admin_service(
            hass, DOMAIN, name, handler, schema, response
        )


async def _async_export(call: ServiceCall) -> ServiceResponse:
    """Make one file of footage; its progress is that of a job."""
    recorder, folder = _camera(call)
    start, end = _times(call)
    arguments = {
        "camera": folder,
        "start_us": to_us(start),
        "end_us": to_us(end),
        "upload": call.data[ATTR_UPLOAD],
    }
    engine = recorder.engine
    with translated_errors():
        job_id = await engine.run(engine.jobs.submit(KIND_EXPORT, arguments))
        if not call.data[ATTR_WAIT]:
            return {"job_id": job_id}
        result: dict[str, Any] = await engine.run(engine.jobs.result(job_id))
    entry_id = recorder.config_entry.entry_id
    files: JsonArrayType = [
        {**file, "media_id": CaptureId(entry_id, file["capture_id"]).media_id}
        for file in result["files"]
    ]
    return {"job_id": job_id, "files": files}


async def _async_fill_gaps(call: ServiceCall) -> ServiceResponse:
    """Fetch what is missing from the camera's device.

    That takes as long as the footage is, so only the job's id is answered.
    """
    recorder, folder = _camera(call)
    start, end = _times(call)
    arguments = {"camera": folder, "start_us": to_us(start), "end_us": to_us(end)}
    engine = recorder.engine
    with translated_errors():
        engine.device_footage.device_of(folder)
        job_id = await engine.run(
            engine.jobs.submit(KIND_FILL_GAPS, arguments, once=True)
        )
    return {"job_id": job_id}


async def _async_protect(call: ServiceCall) -> None:
    """Keep footage from being deleted."""
    recorder, folder = _camera(call)
    engine = recorder.engine
    with translated_errors():
        await engine.run(engine.store.recordings.segments.hold(folder, *_times(call)))


async def _async_unprotect(call: ServiceCall) -> None:
    """Let footage be deleted again."""
    recorder, folder = _camera(call)
    engine = recorder.engine
    with translated_errors():
        await engine.run(
            engine.store.recordings.segments.release(folder, *_times(call))
        )


def _camera(call: ServiceCall) -> tuple[RecorderCoordinator, str]:
    """Return the recorder and the folder of the chosen camera."""
    entity_id: str = call.data[ATTR_ENTITY_ID]
    camera = async_camera_of(call.hass, entity_id)
    if camera is not None and camera.recorder is not None:
        return camera.recorder, camera.folder
    raise ServiceValidationError(
        translation_domain=DOMAIN,
        translation_key="not_a_camera",
        translation_placeholders={"entity": entity_id},
    )


def _times(call: ServiceCall) -> tuple[datetime, datetime]:
    """Return the times of a call, which are local ones unless they say otherwise."""
    start, end = (_aware(call.data[name]) for name in (ATTR_START, ATTR_END))
    if end <= start:
        raise ServiceValidationError(
            translation_domain=DOMAIN, translation_key="end_before_start"
        )
    return start, end


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt_util.get_default_time_zone())
    return dt_util.as_utc(moment)
