"""Serves the files of captures to whoever is logged in."""

from http import HTTPStatus

from aiohttp import hdrs, web
from homeassistant.components.http import KEY_HASS, HomeAssistantView

from .const import DOMAIN
from .files import CAPTURE_URL, async_find_capture, mime_type
from .media_id import CaptureId


class CaptureView(HomeAssistantView):
    """Serves one capture.

    Ranges and unchanged files are aiohttp's own doing. Home Assistant adds the header
    that keeps browsers from guessing another type.
    """

    url = CAPTURE_URL
    name = f"api:{DOMAIN}:capture"

    async def get(
        self, request: web.Request, entry_id: str, capture_id: str
    ) -> web.StreamResponse:
        """Return the file, or 404 for what is unknown, purged or no picture."""
        found = await async_find_capture(
            request.app[KEY_HASS], CaptureId(entry_id, capture_id)
        )
        if found is None or (mime := mime_type(found.capture.name)) is None:
            return web.Response(status=HTTPStatus.NOT_FOUND)
        return web.FileResponse(
            found.path,
            headers={
                hdrs.CONTENT_TYPE: mime,
                # A file never changes under its id, but it may be purged.
                hdrs.CACHE_CONTROL: "private, no-cache",
            },
        )
