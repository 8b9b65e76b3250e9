"""The files of captures: their types, their addresses, their bytes."""

from dataclasses import dataclass
from pathlib import Path, PurePath

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er

from .const import CONF_FOLDER, DOMAIN
from .coordinator import RecorderCoordinator, RecorderEntry
from .media_id import CaptureId
from .model import Capture

CAPTURE_URL = f"/api/{DOMAIN}/capture/{{entry_id}}/{{capture_id}}"

_MIME_TYPES = {
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".mp4": "video/mp4",
}


@dataclass(frozen=True, slots=True)
class CaptureFile:
    """A capture and where its file is: None when only the bucket has it."""

    capture: Capture
    path: Path | None


def mime_type(name: str) -> str | None:
    """Return the type of a file that browsers can show safely, None for any other."""
    return _MIME_TYPES.get(PurePath(name).suffix.lower())


def capture_url(capture: CaptureId) -> str:
    """Return the path under which Home Assistant serves a capture."""
    return CAPTURE_URL.format(entry_id=capture.entry_id, capture_id=capture.capture_id)


@callback
def async_loaded_recorder(
    hass: HomeAssistant, entry_id: str
) -> RecorderCoordinator | None:
    """Return a recorder that runs, None when there is none with this id."""
    entry: RecorderEntry | None = hass.config_entries.async_get_entry(entry_id)
    if (
        entry is None
        or entry.domain != DOMAIN
        or entry.state is not ConfigEntryState.LOADED
    ):
        return None
    return entry.runtime_data


@dataclass(frozen=True, slots=True)
class CameraOfEntity:
    """A camera, by one of its entities. ``recorder`` is None while it does not run."""

    entry_id: str
    camera_id: str
    recorder: RecorderCoordinator | None

    @property
    def folder(self) -> str:
        """The camera's folder; only of a recorder that runs."""
        assert self.recorder is not None
        folder: str = self.recorder.cameras[self.camera_id].data[CONF_FOLDER]
        return folder


@callback
def async_camera_of(hass: HomeAssistant, entity_id: str) -> CameraOfEntity | None:
    """Return the camera that an entity of ours belongs to, None for any other."""
    entity = er.async_get(hass).async_get(entity_id)
    if (
        entity is None
        or entity.platform != DOMAIN
        or entity.config_entry_id is None
        or entity.config_subentry_id is None
    ):
        return None
    recorder = async_loaded_recorder(hass, entity.config_entry_id)
    if recorder is not None and entity.config_subentry_id not in recorder.cameras:
        return None
    return CameraOfEntity(entity.config_entry_id, entity.config_subentry_id, recorder)


async def async_find_capture(
    hass: HomeAssistant, capture_id: CaptureId
) -> CaptureFile | None:
    """Return a capture whose file is here or in the bucket, None for anything else."""
    if (recorder := async_loaded_recorder(hass, capture_id.entry_id)) is None:
        return None
    engine = recorder.engine
    capture = await engine.run(engine.store.captures.get(capture_id.capture_id))
    return None if capture is None else await async_file_of(recorder, capture)


async def async_file_of(
    recorder: RecorderCoordinator, capture: Capture
) -> CaptureFile | None:
    """Return where a capture's file is, None when it is nowhere any more."""
    path = recorder.engine.store.path(capture)
    if await recorder.hass.async_add_executor_job(path.is_file):
        return CaptureFile(capture, path)
    if recorder.engine.offsite is None:
        return None
    if capture.object_key is None and capture.archive_key is None:
        return None
    return CaptureFile(capture, None)


async def async_read_capture(
    coordinator: RecorderCoordinator, capture: Capture
) -> bytes | None:
    """Return the content of a capture's file, None when the file is gone."""
    path = coordinator.engine.store.path(capture)
    try:
        return await coordinator.hass.async_add_executor_job(path.read_bytes)
    except OSError:
        return None
