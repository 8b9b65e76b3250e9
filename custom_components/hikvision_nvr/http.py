"""Serves captures and footage to players."""

from http import HTTPStatus

from aiohttp import hdrs, web
from homeassistant.components.http import KEY_HASS, HomeAssistantView

from .const import DOMAIN
from .coordinator import RecorderCoordinator
from .errors import RecorderError
from .files import (
    CAPTURE_URL,
    async_find_capture,
    async_loaded_recorder,
    mime_type,
)
from .media_id import CaptureId
from .playback import PLAYLIST_URL, SEGMENT_URL, Playback
from .recording.playlist import master_playlist, media_playlist, stretches

_HLS = "application/vnd.apple.mpegurl"


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


class PlaylistView(HomeAssistantView):
    """Serves playlists over segments as they are on the disk.

    The address holds a token that cannot be guessed, as those of Home Assistant's own
    streams do: players ask for playlists and files without any header of ours.
    """

    url = PLAYLIST_URL
    name = f"api:{DOMAIN}:playlist"
    requires_auth = False

    async def get(
        self, request: web.Request, entry_id: str, token: str, playlist: str
    ) -> web.StreamResponse:
        """Return the playlist, or 404 for what is unknown, over or deleted."""
        found = _find(request, entry_id, token)
        if found is None:
            return web.Response(status=HTTPStatus.NOT_FOUND)
        recorder, playback = found
        engine = recorder.engine
        try:
            footage = await engine.run(
                engine.store.recordings.footage(
                    playback.folder, playback.start, playback.end, watch=True
                )
            )
        except RecorderError:
            return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE)
        if not footage:
            return web.Response(status=HTTPStatus.NOT_FOUND)
        playable = stretches(footage)[0]
        info = playable[0][0].info
        if playlist == "index" and not info.video.startswith("avc1"):
            codecs = [info.video, *([info.audio] if info.audio else [])]
            text = master_playlist(codecs, "media.m3u8")
        else:
            text = media_playlist(
                playable,
                playback.start,
                playback.end,
                lambda segment: f"{segment.id}.mp4",
            )
        return web.Response(
            text=text,
            content_type=_HLS,
            headers={hdrs.CACHE_CONTROL: "private, no-cache"},
        )


class SegmentView(HomeAssistantView):
    """Serves the files that a playlist names; players ask for ranges of them."""

    url = SEGMENT_URL
    name = f"api:{DOMAIN}:segment"
    requires_auth = False

    async def get(
        self, request: web.Request, entry_id: str, token: str, segment_id: str
    ) -> web.StreamResponse:
        """Return the file, or 404 for one that is not part of the playlist."""
        found = _find(request, entry_id, token)
        if found is None:
            return web.Response(status=HTTPStatus.NOT_FOUND)
        recorder, playback = found
        recordings = recorder.engine.store.recordings
        try:
            segment = await recorder.engine.run(
                recordings.segments.get(int(segment_id))
            )
        except RecorderError:
            return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE)
        if (
            segment is None
            or segment.info.camera != playback.folder
            or segment.start >= playback.end
            or segment.end <= playback.start
        ):
            return web.Response(status=HTTPStatus.NOT_FOUND)
        return web.FileResponse(
            recordings.path(segment),
            headers={
                hdrs.CONTENT_TYPE: "video/mp4",
                hdrs.CACHE_CONTROL: "private, no-cache",
            },
        )


def _find(
    request: web.Request, entry_id: str, token: str
) -> tuple[RecorderCoordinator, Playback] | None:
    """Return the footage that a token stands for, and its recorder."""
    recorder = async_loaded_recorder(request.app[KEY_HASS], entry_id)
    if recorder is None or (playback := recorder.playbacks.async_find(token)) is None:
        return None
    return recorder, playback
