"""Browse captures and recordings: recorder → camera → day → what there is.

A day has its snapshots and clips, and a folder of its recordings, hour by hour.
"""

from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from typing import override

from homeassistant.components.http.auth import async_sign_path
from homeassistant.components.media_player import BrowseError, MediaClass, MediaType
from homeassistant.components.media_source import (
    BrowseMediaSource,
    MediaSource,
    MediaSourceItem,
    PlayMedia,
    Unresolvable,
)
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.translation import async_get_translations
from homeassistant.util import dt as dt_util

from .const import CONF_FOLDER, DOMAIN
from .coordinator import RecorderCoordinator
from .device_media import HLS, device_recordings
from .errors import RecorderError
from .files import (
    async_find_capture,
    async_loaded_recorder,
    capture_url,
    mime_type,
)
from .media_id import (
    CameraId,
    CaptureId,
    DayId,
    DeviceRecordingsId,
    FootageId,
    MediaId,
    RecorderId,
    RecordingsId,
    ReplayId,
    parse,
)
from .model import Capture, CaptureKind
from .playback import Playback
from .store.segment import Segment
from .translated import async_common_text, translated

PAGE = 200
"""Home Assistant's media browser becomes unusable with thousands of items."""

THUMBNAIL_VALIDITY = timedelta(hours=6)


async def async_get_media_source(hass: HomeAssistant) -> MediaSource:
    """Set up the media source of all recorders."""
    return RecorderMediaSource(hass)


class RecorderMediaSource(MediaSource):
    """The captures of all recorders that run."""

    name = "Hikvision NVR"

    def __init__(self, hass: HomeAssistant) -> None:
        """Initialize the media source."""
        super().__init__(DOMAIN)
        self.hass = hass

    @override
    async def async_resolve_media(self, item: MediaSourceItem) -> PlayMedia:
        """Return where a snapshot or clip is served."""
        try:
            media_id = parse(item.identifier)
        except ValueError as err:
            raise _unknown(Unresolvable, item) from err
        if isinstance(media_id, FootageId):
            return self._resolve_footage(media_id)
        if isinstance(media_id, ReplayId):
            return await self._resolve_replay(media_id)
        if not isinstance(media_id, CaptureId):
            raise _unknown(Unresolvable, item)
        if (found := await async_find_capture(self.hass, media_id)) is None:
            raise _error(Unresolvable, "media_gone")
        if (mime := mime_type(found.capture.name)) is None:
            raise _error(Unresolvable, "media_not_playable", name=found.capture.name)
        return PlayMedia(capture_url(media_id), mime, path=found.path)

    @callback
    def _resolve_footage(self, media_id: FootageId) -> PlayMedia:
        """Return where footage is served."""
        if (recorder := async_loaded_recorder(self.hass, media_id.entry_id)) is None:
            raise _error(Unresolvable, "media_recorder_not_loaded")
        playback = Playback(media_id.folder, media_id.start, media_id.end)
        return PlayMedia(recorder.playbacks.async_url(playback), HLS)

    async def _resolve_replay(self, media_id: ReplayId) -> PlayMedia:
        """Let the camera's device replay what it has recorded itself."""
        if (recorder := async_loaded_recorder(self.hass, media_id.entry_id)) is None:
            raise _error(Unresolvable, "media_recorder_not_loaded")
        try:
            url = await recorder.replays.async_url(recorder.engine, media_id)
        except RecorderError as err:
            raise translated(err, Unresolvable) from err
        return PlayMedia(url, HLS)

    @override
    async def async_browse_media(self, item: MediaSourceItem) -> BrowseMediaSource:
        """Return what is below an item."""
        if not item.identifier:
            return self._browse_recorders()
        try:
            media_id = parse(item.identifier)
        except ValueError as err:
            raise _unknown(BrowseError, item) from err
        if (recorder := async_loaded_recorder(self.hass, media_id.entry_id)) is None:
            raise _error(BrowseError, "media_recorder_not_loaded")
        match media_id:
            case RecorderId():
                return _browse_cameras(recorder, media_id)
            case CameraId():
                return await self._browse_days(recorder, media_id)
            case DayId():
                return await self._browse_captures(recorder, media_id)
            case RecordingsId():
                return await self._browse_recordings(recorder, media_id)
            case DeviceRecordingsId():
                return await self._browse_device(recorder, media_id)
        raise _unknown(BrowseError, item)

    @callback
    def _browse_recorders(self) -> BrowseMediaSource:
        """Return the recorders that run."""
        return _folder(
            None,
            "Hikvision NVR",
            [
                _folder(RecorderId(entry.entry_id), entry.title)
                for entry in self.hass.config_entries.async_entries(DOMAIN)
                if entry.state is ConfigEntryState.LOADED
            ],
        )

    async def _browse_days(
        self, recorder: RecorderCoordinator, media_id: CameraId
    ) -> BrowseMediaSource:
        """Return a camera's days, newest first."""
        engine = recorder.engine
        days = await engine.run(engine.store.captures.days(media_id.folder))
        counts: dict[date, int | None] = dict.fromkeys(
            await engine.run(
                engine.store.recordings.segments.days(
                    media_id.folder, dt_util.get_default_time_zone()
                )
            )
        )
        counts.update(days)
        all_days = sorted(counts.items(), reverse=True)
        start, end = media_id.offset, media_id.offset + PAGE
        children = [
            _folder(
                DayId(media_id.entry_id, media_id.folder, day),
                day.isoformat() if count is None else f"{day.isoformat()} ({count})",
            )
            for day, count in all_days[start:end]
        ]
        if len(all_days) > end:
            older = CameraId(media_id.entry_id, media_id.folder, end)
            children.append(
                _folder(older, await async_common_text(self.hass, "media_older"))
            )
        return _folder(media_id, _camera_name(recorder, media_id.folder), children)

    async def _browse_captures(
        self, recorder: RecorderCoordinator, media_id: DayId
    ) -> BrowseMediaSource:
        """Return the captures of a day, newest first."""
        engine = recorder.engine
        captures = await engine.run(
            engine.store.captures.on_day(
                media_id.folder, media_id.day, limit=PAGE + 1, offset=media_id.offset
            )
        )
        names = await async_get_translations(
            self.hass, self.hass.config.language, "entity", [DOMAIN]
        )
        incomplete = await async_common_text(self.hass, "media_incomplete")
        children = [
            self._item(
                media_id.entry_id,
                capture,
                names.get(
                    f"component.{DOMAIN}.entity.event.detection.state_attributes"
                    f".event_type.state.{capture.type}"
                ),
                f"({incomplete})" if capture.complete is False else None,
            )
            for capture in captures[:PAGE]
        ]
        if not media_id.offset and await self._has_footage(recorder, media_id):
            recordings = RecordingsId(media_id.entry_id, media_id.folder, media_id.day)
            title = await async_common_text(self.hass, "media_recordings")
            children.insert(0, _folder(recordings, title))
        if not media_id.offset and engine.device_footage.has_device(media_id.folder):
            on_device = DeviceRecordingsId(
                media_id.entry_id, media_id.folder, media_id.day
            )
            title = await async_common_text(self.hass, "media_device_recordings")
            children.insert(0, _folder(on_device, title))
        if len(captures) > PAGE:
            older = DayId(
                media_id.entry_id,
                media_id.folder,
                media_id.day,
                media_id.offset + PAGE,
            )
            children.append(
                _folder(older, await async_common_text(self.hass, "media_older"))
            )
        return _folder(
            media_id,
            f"{_camera_name(recorder, media_id.folder)} {media_id.day.isoformat()}",
            children,
        )

    async def _has_footage(
        self, recorder: RecorderCoordinator, media_id: DayId
    ) -> bool:
        """Return whether anything was recorded on a day."""
        engine = recorder.engine
        return bool(
            await engine.run(
                engine.store.recordings.segments.between(
                    media_id.folder, *_bounds(media_id.day), limit=1
                )
            )
        )

    async def _browse_recordings(
        self, recorder: RecorderCoordinator, media_id: RecordingsId
    ) -> BrowseMediaSource:
        """Return the hours of a day with what was recorded, newest first."""
        engine = recorder.engine
        start, end = _bounds(media_id.day)
        segments = await engine.run(
            engine.store.recordings.segments.between(media_id.folder, start, end)
        )
        text = await async_common_text(self.hass, "media_hevc")
        children = []
        while start < end:
            until = min(start + timedelta(hours=1), end)
            within = [one for one in segments if one.start < until and one.end > start]
            for _, same in groupby(within, key=lambda segment: segment.tracks):
                children.append(_footage(media_id, list(same), start, until, hevc=text))
            start = until
        return _folder(
            media_id,
            f"{_camera_name(recorder, media_id.folder)} {media_id.day.isoformat()}",
            children[::-1],
        )

    async def _browse_device(
        self, recorder: RecorderCoordinator, media_id: DeviceRecordingsId
    ) -> BrowseMediaSource:
        """Return what the camera's device has recorded on a day itself."""
        engine = recorder.engine
        try:
            found = await engine.run(
                engine.device_footage.find(media_id.folder, *_bounds(media_id.day))
            )
        except RecorderError as err:
            raise translated(err, BrowseError) from err
        return _folder(
            media_id,
            f"{_camera_name(recorder, media_id.folder)} {media_id.day.isoformat()}",
            device_recordings(media_id, found),
        )

    @callback
    def _item(
        self,
        entry_id: str,
        capture: Capture,
        type_name: str | None,
        remark: str | None,
    ) -> BrowseMediaSource:
        """Return a snapshot or clip."""
        media_id = CaptureId(entry_id, capture.id)
        mime = mime_type(capture.name)
        time = dt_util.as_local(capture.event_time).strftime("%H:%M:%S")
        is_clip = capture.kind in (CaptureKind.CLIP, CaptureKind.EXPORT)
        return BrowseMediaSource(
            domain=DOMAIN,
            identifier=str(media_id),
            media_class=MediaClass.VIDEO if is_clip else MediaClass.IMAGE,
            media_content_type=mime or "",
            title=" ".join(filter(None, (time, type_name, remark))),
            can_play=mime is not None,
            can_expand=False,
            thumbnail=async_sign_path(
                self.hass, capture_url(media_id), THUMBNAIL_VALIDITY
            )
            if mime and mime.startswith("image/")
            else None,
        )


def _bounds(day: date) -> tuple[datetime, datetime]:
    """Return when a day begins and ends; it may have 23 or 25 hours."""
    zone = dt_util.get_default_time_zone()
    return (
        datetime.combine(day, time.min, zone).astimezone(UTC),
        datetime.combine(day + timedelta(days=1), time.min, zone).astimezone(UTC),
    )


def _footage(
    day: RecordingsId,
    segments: list[Segment],
    start: datetime,
    end: datetime,
    *,
    hevc: str,
) -> BrowseMediaSource:
    """Return footage that can be played as one, at most an hour."""
    begin, until = max(start, segments[0].start), min(end, segments[-1].end)
    recorded = sum(
        (min(until, one.end) - max(begin, one.start)).total_seconds()
        for one in segments
    )
    minutes = max(1, round(recorded / 60))
    title = (
        f"{dt_util.as_local(begin):%H:%M}–{dt_util.as_local(until):%H:%M}"
        f" ({minutes} min)"
    )
    if not segments[0].info.video.startswith("avc1"):
        title = f"{title} {hevc}"
    return BrowseMediaSource(
        domain=DOMAIN,
        identifier=str(FootageId(day.entry_id, day.folder, begin, until)),
        media_class=MediaClass.VIDEO,
        media_content_type=HLS,
        title=title,
        can_play=True,
        can_expand=False,
    )


@callback
def _browse_cameras(
    recorder: RecorderCoordinator, media_id: RecorderId
) -> BrowseMediaSource:
    """Return a recorder's cameras by name."""
    cameras = sorted(recorder.cameras.values(), key=lambda camera: camera.title)
    return _folder(
        media_id,
        recorder.config_entry.title,
        [
            _folder(
                CameraId(media_id.entry_id, camera.data[CONF_FOLDER]),
                camera.title,
            )
            for camera in cameras
        ],
    )


def _camera_name(recorder: RecorderCoordinator, folder: str) -> str:
    """Return the name of the camera that fills a folder."""
    return next(
        (
            camera.title
            for camera in recorder.cameras.values()
            if camera.data[CONF_FOLDER] == folder
        ),
        folder,
    )


def _folder(
    media_id: MediaId | None,
    title: str,
    children: list[BrowseMediaSource] | None = None,
) -> BrowseMediaSource:
    """Return an item that has others below it."""
    return BrowseMediaSource(
        domain=DOMAIN,
        identifier=str(media_id) if media_id else None,
        media_class=MediaClass.DIRECTORY,
        media_content_type=MediaType.CHANNEL if media_id is None else "",
        title=title,
        can_play=False,
        can_expand=True,
        children=children,
    )


def _unknown[E: HomeAssistantError](kind: type[E], item: MediaSourceItem) -> E:
    """Return the error for an identifier that names nothing."""
    return _error(kind, "media_unknown", identifier=item.identifier)


def _error[E: HomeAssistantError](kind: type[E], key: str, **placeholders: str) -> E:
    """Return a translated error."""
    return kind(
        translation_domain=DOMAIN,
        translation_key=key,
        translation_placeholders=placeholders,
    )
