"""Serves captures and footage to players."""

from http import HTTPStatus
from pathlib import Path

from aiohttp import hdrs, web
from aiohttp.helpers import content_disposition_header
from homeassistant.components.http import KEY_HASS, HomeAssistantView

from .const import DOMAIN
from .coordinator import RecorderCoordinator
from .errors import CaptureColdError, CaptureGoneError, RecorderError
from .files import (
    CAPTURE_URL,
    async_find_capture,
    async_loaded_recorder,
    mime_type,
)
from .media_id import CaptureId
from .playback import (
    DOWNLOAD_URL,
    FRAME_URL,
    PLAYLIST_URL,
    SEGMENT_URL,
    THUMBNAIL_URL,
    Playback,
)
from .ranges import FilmSource, OffsiteSource, send
from .recording.playlist import master_playlist, media_playlist, stretches

_HLS = "application/vnd.apple.mpegurl"


class CaptureView(HomeAssistantView):
    """Serves one capture, from the disk or out of the bucket.

    Ranges and unchanged files are aiohttp's own doing. Home Assistant adds the header
    that keeps browsers from guessing another type.
    """

    url = CAPTURE_URL
    name = f"api:{DOMAIN}:capture"

    async def get(
        self, request: web.Request, entry_id: str, capture_id: str
    ) -> web.StreamResponse:
        """Return the file, or 404 for what is unknown, purged or no picture.

        409 for what must be restored first, 503 while S3 cannot be used.
        """
        hass = request.app[KEY_HASS]
        try:
            found = await async_find_capture(hass, CaptureId(entry_id, capture_id))
            if found is None or (mime := mime_type(found.capture.name)) is None:
                return web.Response(status=HTTPStatus.NOT_FOUND)
            headers: dict[str, str] = {
                hdrs.CONTENT_TYPE: mime,
                # A file never changes under its id, but it may be purged.
                hdrs.CACHE_CONTROL: "private, no-cache",
            }
            if found.path is not None:
                return web.FileResponse(found.path, headers=headers)
            recorder = async_loaded_recorder(hass, entry_id)
            if recorder is None or (offsite := recorder.engine.offsite) is None:
                return web.Response(status=HTTPStatus.NOT_FOUND)
            source = OffsiteSource(recorder.engine, offsite.reader, found.capture)
            return await send(request, source, headers)
        except CaptureGoneError:
            return web.Response(status=HTTPStatus.NOT_FOUND)
        except CaptureColdError as err:
            return web.Response(status=HTTPStatus.CONFLICT, text=str(err))
        except RecorderError:
            return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE)


class PlaylistView(HomeAssistantView):
    """Serves playlists over segments as they are on the disk.

    The address holds a token that cannot be guessed, as those of Home Assistant's own
    streams do: players ask for playlists and files without any header of ours.
    """

    url = PLAYLIST_URL
    name = f"api:{DOMAIN}:playlist"
    requires_auth = False
    # Cast devices play by a page of their maker's, which asks from elsewhere.
    cors_allowed = True

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
    # Cast devices play by a page of their maker's, which asks from elsewhere.
    cors_allowed = True

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


class DownloadView(HomeAssistantView):
    """Serves footage as one file, which is put together while it is read."""

    url = DOWNLOAD_URL
    name = f"api:{DOMAIN}:download"
    requires_auth = False

    async def get(
        self, request: web.Request, entry_id: str, token: str
    ) -> web.StreamResponse:
        """Return the file or a range of it, or 404 for what is unknown or over."""
        recorder = async_loaded_recorder(request.app[KEY_HASS], entry_id)
        if (
            recorder is None
            or (download := recorder.downloads.async_find(token)) is None
        ):
            return web.Response(status=HTTPStatus.NOT_FOUND)
        disposition = content_disposition_header("attachment", filename=download.name)
        return await send(
            request,
            FilmSource(request.app[KEY_HASS], download.file),
            {
                hdrs.CONTENT_TYPE: "video/mp4",
                hdrs.CONTENT_DISPOSITION: disposition,
                hdrs.CACHE_CONTROL: "private, no-cache",
            },
        )


class ThumbnailView(HomeAssistantView):
    """Serves small pictures of captures to whoever may see their camera."""

    url = THUMBNAIL_URL
    name = f"api:{DOMAIN}:thumbnail"
    requires_auth = False

    async def get(
        self, request: web.Request, entry_id: str, token: str, capture_id: str
    ) -> web.StreamResponse:
        """Return the picture, or 404 where there is none."""
        recorder = async_loaded_recorder(request.app[KEY_HASS], entry_id)
        if (
            recorder is None
            or (folder := recorder.thumbnail_access.async_find(token)) is None
        ):
            return _no_picture()
        engine = recorder.engine
        try:
            capture = await engine.run(engine.store.captures.get(capture_id))
            if capture is None or capture.camera != folder:
                return _no_picture()
            return _picture(await recorder.thumbnails.async_of_capture(capture))
        except RecorderError:
            return _no_picture()


class FrameView(HomeAssistantView):
    """Serves the first picture of segments to whoever may see their camera."""

    url = FRAME_URL
    name = f"api:{DOMAIN}:frame"
    requires_auth = False

    async def get(
        self, request: web.Request, entry_id: str, token: str, segment_id: str
    ) -> web.StreamResponse:
        """Return the picture, or 404 where there is none."""
        recorder = async_loaded_recorder(request.app[KEY_HASS], entry_id)
        if (
            recorder is None
            or (folder := recorder.thumbnail_access.async_find(token)) is None
        ):
            return _no_picture()
        segments = recorder.engine.store.recordings.segments
        try:
            segment = await recorder.engine.run(segments.get(int(segment_id)))
        except RecorderError:
            return _no_picture()
        if segment is None or segment.info.camera != folder:
            return _no_picture()
        return _picture(await recorder.thumbnails.async_of_segment(segment))


def _picture(path: Path | None) -> web.StreamResponse:
    if path is None:
        return _no_picture()
    return web.FileResponse(
        path,
        headers={
            hdrs.CONTENT_TYPE: "image/jpeg",
            hdrs.CACHE_CONTROL: f"private, max-age={24 * 3600}, immutable",
        },
    )


def _no_picture() -> web.Response:
    return web.Response(
        status=HTTPStatus.NOT_FOUND, headers={hdrs.CACHE_CONTROL: "no-store"}
    )


def _find(
    request: web.Request, entry_id: str, token: str
) -> tuple[RecorderCoordinator, Playback] | None:
    """Return the footage that a token stands for, and its recorder."""
    recorder = async_loaded_recorder(request.app[KEY_HASS], entry_id)
    if recorder is None or (playback := recorder.playbacks.async_find(token)) is None:
        return None
    return recorder, playback
