"""Browse captures and recordings, play them, find them."""

from typing import Any, override

from homeassistant.components import media_source as core
from homeassistant.components.media_player import (
    BrowseError,
    SearchMedia,
    SearchMediaQuery,
)
from homeassistant.components.media_source import (
    BrowseMediaSource,
    MediaSource,
    MediaSourceItem,
    PlayMedia,
    Unresolvable,
)
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, callback

from .const import DOMAIN
from .coordinator import RecorderCoordinator
from .device_media import HLS
from .errors import CaptureGoneError, RecorderError
from .files import (
    CaptureFile,
    async_find_capture,
    async_loaded_recorder,
    capture_url,
    mime_type,
)
from .media_id import CaptureId, FootageId, MediaId, RecorderId, Section, parse
from .media_search import MOST_FOUND, async_search
from .media_tree import MediaTree, Texts, error, folder
from .playback import Playback
from .translated import translated

_LARGEST_PICTURE = 32 << 20
"""Bytes of a picture that is handed over as a whole."""


async def async_get_media_source(hass: HomeAssistant) -> MediaSource:
    """Set up the media source of all recorders."""
    return RecorderMediaSource(hass)


class RecorderMediaSource(MediaSource):
    """The captures and recordings of all recorders that run."""

    name = "Hikvision NVR"

    def __init__(self, hass: HomeAssistant) -> None:
        """Initialize the media source."""
        super().__init__(DOMAIN)
        self.hass = hass

    @override
    async def async_resolve_media(self, item: MediaSourceItem) -> PlayMedia:
        """Return where a capture or footage is served."""
        media_id = _parse(Unresolvable, item)
        try:
            match media_id:
                case CaptureId():
                    return await self._resolve_capture(media_id)
                case FootageId():
                    return await self._resolve_footage(media_id)
        except RecorderError as err:
            raise translated(err, Unresolvable) from err
        raise _unknown(Unresolvable, item)

    async def _resolve_capture(self, media_id: CaptureId) -> PlayMedia:
        """Return where a snapshot or clip is served, if it can be read now."""
        recorder = self._recorder(Unresolvable, media_id)
        found = await self._find(media_id)
        if (mime := mime_type(found.capture.name)) is None:
            raise error(Unresolvable, "media_not_playable", name=found.capture.name)
        offsite = recorder.engine.offsite
        if found.path is None and offsite is not None:
            await recorder.engine.run(offsite.reader.require(found.capture))
        return PlayMedia(capture_url(media_id), mime, path=found.path)

    async def _resolve_footage(self, media_id: FootageId) -> PlayMedia:
        """Return where footage is served: ours, or what the camera's device replays."""
        recorder = self._recorder(Unresolvable, media_id)
        if media_id.section is Section.DEVICE:
            url = await recorder.replays.async_url(recorder.engine, media_id)
        else:
            url = recorder.playbacks.async_url(
                Playback(media_id.folder, media_id.start, media_id.end)
            )
        return PlayMedia(url, HLS)

    @override
    async def async_browse_media(self, item: MediaSourceItem) -> BrowseMediaSource:
        """Return what is below an item."""
        if not item.identifier:
            return self._browse_recorders()
        media_id = _parse(BrowseError, item)
        recorder = self._recorder(BrowseError, media_id)
        tree = MediaTree(self.hass, recorder, await Texts.async_load(self.hass))
        level = await tree.async_browse(media_id)
        if level is None:
            raise _unknown(BrowseError, item)
        return level

    @callback
    def _browse_recorders(self) -> BrowseMediaSource:
        """Return the recorders that run."""
        return folder(
            None,
            "Hikvision NVR",
            [
                folder(RecorderId(recorder.config_entry.entry_id), recorder.name)
                for recorder in self._recorders()
            ],
        )

    @override
    async def async_search_media(
        self, item: MediaSourceItem, query: SearchMediaQuery
    ) -> SearchMedia:
        """Return the newest captures that are meant, below an item."""
        texts = await Texts.async_load(self.hass)
        if item.identifier:
            media_id = _parse(BrowseError, item)
            searched = [(self._recorder(BrowseError, media_id), media_id)]
        else:
            searched = [
                (one, RecorderId(one.config_entry.entry_id))
                for one in self._recorders()
            ]
        found = []
        for recorder, below in searched:
            tree = MediaTree(self.hass, recorder, texts)
            try:
                found += await async_search(
                    recorder, below, query.search_query, tree, texts
                )
            except RecorderError as err:
                raise translated(err, BrowseError) from err
        found.sort(key=lambda one: one[0], reverse=True)
        wanted = query.media_filter_classes
        items = [one for _, one in found if not wanted or one.media_class in wanted]
        return SearchMedia(result=items[:MOST_FOUND])

    async def async_get_media_image(self, item: MediaSourceItem) -> Any:
        """Return a picture of an item, None where there is none.

        Home Assistant asks for it from 2026.11 on.
        """
        media_id = _parse(Unresolvable, item)
        try:
            content = await self._image(media_id)
        except RecorderError as err:
            raise translated(err, Unresolvable) from err
        if content is None:
            return None
        # Releases before do not have it, nor do they ask.
        return core.MediaImage(content, "image/jpeg")  # type: ignore[attr-defined]

    async def _image(self, media_id: MediaId) -> bytes | None:
        recorder = self._recorder(Unresolvable, media_id)
        path = None
        if isinstance(media_id, CaptureId):
            found = await self._find(media_id)
            if mime_type(found.capture.name) != "image/jpeg":
                path = await recorder.thumbnails.async_of_capture(found.capture)
            elif found.path is not None:
                path = found.path
            elif (offsite := recorder.engine.offsite) is not None:
                return await recorder.engine.run(
                    offsite.reader.read_whole(found.capture, _LARGEST_PICTURE)
                )
        elif isinstance(media_id, FootageId) and media_id.section is not Section.DEVICE:
            segments = await recorder.engine.run(
                recorder.engine.store.recordings.segments.between(
                    media_id.folder, media_id.start, media_id.end, limit=1
                )
            )
            if segments:
                path = await recorder.thumbnails.async_of_segment(segments[0])
        if path is None:
            return None
        try:
            return await self.hass.async_add_executor_job(path.read_bytes)
        except OSError:
            return None

    async def _find(self, media_id: CaptureId) -> CaptureFile:
        """Return a capture that is somewhere. Raises Unresolvable and RecorderError."""
        found = await async_find_capture(self.hass, media_id)
        if found is None:
            raise CaptureGoneError(f"Capture {media_id.capture_id} is nowhere any more")
        return found

    @callback
    def _recorders(self) -> list[RecorderCoordinator]:
        return [
            entry.runtime_data
            for entry in self.hass.config_entries.async_entries(DOMAIN)
            if entry.state is ConfigEntryState.LOADED
        ]

    @callback
    def _recorder[E: (BrowseError, Unresolvable)](
        self, kind: type[E], media_id: MediaId
    ) -> RecorderCoordinator:
        """Return the recorder that is meant. Raises an error of this kind."""
        if (recorder := async_loaded_recorder(self.hass, media_id.entry_id)) is None:
            raise error(kind, "media_recorder_not_loaded")
        return recorder


def _parse[E: (BrowseError, Unresolvable)](
    kind: type[E], item: MediaSourceItem
) -> MediaId:
    """Return what an item's identifier names. Raises an error of this kind."""
    try:
        return parse(item.identifier)
    except ValueError as err:
        raise _unknown(kind, item) from err


def _unknown[E: (BrowseError, Unresolvable)](kind: type[E], item: MediaSourceItem) -> E:
    """Return the error for an identifier that names nothing."""
    return error(kind, "media_unknown", identifier=item.identifier)
