"""The files of captures: their types, their addresses, their bytes."""

from dataclasses import dataclass
from pathlib import Path, PurePath

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, callback

from .const import DOMAIN
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
    """A capture and where its file is."""

    capture: Capture
    path: Path


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


async def async_find_capture(
    hass: HomeAssistant, capture_id: CaptureId
) -> CaptureFile | None:
    """Return a capture whose file is there, None for anything else."""
    if (coordinator := async_loaded_recorder(hass, capture_id.entry_id)) is None:
        return None
    engine = coordinator.engine
    capture = await engine.run(engine.store.captures.get(capture_id.capture_id))
    if capture is None:
        return None
    path = engine.store.path(capture)
    if not await hass.async_add_executor_job(path.is_file):
        return None
    return CaptureFile(capture, path)


async def async_read_capture(
    coordinator: RecorderCoordinator, capture: Capture
) -> bytes | None:
    """Return the content of a capture's file, None when the file is gone."""
    path = coordinator.engine.store.path(capture)
    try:
        return await coordinator.hass.async_add_executor_job(path.read_bytes)
    except OSError:
        return None
