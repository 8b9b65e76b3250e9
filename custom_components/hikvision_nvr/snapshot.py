"""Serves the pictures of detections to phones, which ask before the disk has them."""

import asyncio
from typing import override

from aiohttp import web
from homeassistant.components.http import KEY_HASS
from homeassistant.core import callback

from .const import CONF_FOLDER, DOMAIN
from .coordinator import RecorderCoordinator
from .detection_data import SNAPSHOT_URL
from .errors import RecorderError
from .files import async_loaded_recorder
from .http import CaptureView
from .media_id import CaptureId
from .model import Capture

PATIENCE = 10.0
"""Seconds that a picture may be on its way to the disk: phones wait no longer."""


class SnapshotView(CaptureView):
    """Serves a capture as ``CaptureView`` does, but waits for one that is told already.

    A detection is told before its file is on the disk, so that a slow disk holds up no
    notification.
    """

    url = SNAPSHOT_URL
    name = f"api:{DOMAIN}:snapshot"

    @override
    async def get(
        self, request: web.Request, entry_id: str, capture_id: str
    ) -> web.StreamResponse:
        """Return the picture as soon as there is one, or 404."""
        recorder = async_loaded_recorder(request.app[KEY_HASS], entry_id)
        if recorder is not None:
            await _async_stored(recorder, CaptureId(entry_id, capture_id))
        return await super().get(request, entry_id, capture_id)


async def _async_stored(recorder: RecorderCoordinator, wanted: CaptureId) -> None:
    """Return once the store has a capture, or when that has taken too long."""
    stored = asyncio.Event()

    @callback
    def captured(capture: Capture) -> None:
        if capture.id == wanted.capture_id:
            stored.set()

    # Listened first, asked then: it may be stored in between.
    ends = [
        recorder.async_listen_captures(camera.data[CONF_FOLDER], captured)
        for camera in recorder.cameras.values()
    ]
    try:
        engine = recorder.engine
        if await engine.run(engine.store.captures.get(wanted.capture_id)) is None:
            async with asyncio.timeout(PATIENCE):
                await stored.wait()
    except RecorderError, TimeoutError:
        return
    finally:
        for end in ends:
            end()
