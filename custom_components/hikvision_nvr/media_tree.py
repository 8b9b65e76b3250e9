"""The levels of the media browser: camera → section → day → hour or type → item.

No level has more than 200 entries: what is too much for a page is on others, and a day
with more events than a page holds is split into its hours and its types.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby

from homeassistant.components.media_player import BrowseError, MediaClass, MediaType
from homeassistant.components.media_source import BrowseMediaSource
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.translation import async_get_translations
from homeassistant.util import dt as dt_util

from .const import (
    CONF_FOLDER,
    CONF_MEDIA_ORDER,
    CONF_MEDIA_PAGE,
    DEFAULT_MEDIA_ORDER,
    DOMAIN,
    MOST_ON_PAGE,
)
from .coordinator import RecorderCoordinator
from .device_media import HLS, device_recordings
from .errors import RecorderError
from .files import mime_type
from .media_id import (
    CameraId,
    CaptureId,
    CaptureType,
    DayId,
    FootageId,
    MediaId,
    Order,
    RecorderId,
    RestoreId,
    Scheduled,
    Section,
    SectionId,
)
from .model import Capture, CaptureKind, DetectionType
from .offsite.classes import facts_of
from .store.captures import ArchivedDay, DayFilter
from .store.segment import Segment
from .translated import translated

_DEVICE_DAYS = 60
"""Nobody can ask a device for all its days at once."""
_HOUR = timedelta(hours=1)


class Texts:
    """The words of the media browser, in the language of the system."""

    def __init__(self, common: dict[str, str], entities: dict[str, str]) -> None:
        """Use translations as Home Assistant gives them."""
        self._common = common
        self._entities = entities

    @classmethod
    async def async_load(cls, hass: HomeAssistant) -> Texts:
        """Load the words."""
        language = hass.config.language
        return cls(
            await async_get_translations(hass, language, "common", [DOMAIN]),
            await async_get_translations(hass, language, "entity", [DOMAIN]),
        )

    def common(self, key: str) -> str:
        """Return a text of the media browser."""
        return self._common.get(f"component.{DOMAIN}.common.media_{key}", key)

    def type(self, kind: CaptureType | None) -> str:
        """Return the name of a detection type."""
        if kind is None or isinstance(kind, Scheduled):
            return self.common("scheduled")
        return self._entities.get(
            f"component.{DOMAIN}.entity.event.detection.state_attributes"
            f".event_type.state.{kind}",
            kind,
        )


class MediaTree:
    """What is below the identifiers of one recorder."""

    def __init__(
        self, hass: HomeAssistant, recorder: RecorderCoordinator, texts: Texts
    ) -> None:
        """List what this recorder has."""
        self._hass = hass
        self._recorder = recorder
        self._engine = recorder.engine
        self._entry_id = recorder.config_entry.entry_id
        self._texts = texts
        options = recorder.config_entry.options
        self._page = min(int(options.get(CONF_MEDIA_PAGE, MOST_ON_PAGE)), MOST_ON_PAGE)
        self._usual = Order(options.get(CONF_MEDIA_ORDER, DEFAULT_MEDIA_ORDER))

    async def async_browse(self, media_id: MediaId) -> BrowseMediaSource | None:
        """Return what is below an identifier, None for what cannot be opened.

        Raises BrowseError.
        """
        try:
            match media_id:
                case RecorderId():
                    return self._cameras(media_id)
                case CameraId():
                    return await self._sections(media_id)
                case SectionId():
                    return await self._days(media_id)
                case DayId(section=Section.RECORDINGS):
                    return await self._recordings(media_id)
                case DayId(section=Section.DEVICE):
                    return await self._on_device(media_id)
                case DayId():
                    return await self._captures(media_id)
                case RestoreId():
                    raise error(
                        BrowseError,
                        "media_restore_day",
                        camera=media_id.folder,
                        date=media_id.day.isoformat(),
                    )
        except RecorderError as err:
            raise translated(err, BrowseError) from err
        return None

    def camera_name(self, folder: str) -> str:
        """Return the name of the camera that fills a folder."""
        return next(
            (
                camera.title
                for camera in self._recorder.cameras.values()
                if camera.data[CONF_FOLDER] == folder
            ),
            folder,
        )

    @callback
    def _cameras(self, media_id: RecorderId) -> BrowseMediaSource:
        """Return the recorder's cameras by name."""
        cameras = sorted(
            self._recorder.cameras.values(), key=lambda camera: camera.title
        )
        return folder(
            media_id,
            self._recorder.config_entry.title,
            [
                folder(CameraId(self._entry_id, one.data[CONF_FOLDER]), one.title)
                for one in cameras
            ],
        )

    async def _sections(self, media_id: CameraId) -> BrowseMediaSource:
        """Return what there is of a camera."""
        store, camera = self._engine.store, media_id.folder
        sections = [Section.EVENTS]
        if await self._engine.run(store.recordings.segments.last_end(camera)):
            sections.append(Section.RECORDINGS)
        if await self._engine.run(store.captures.archived_days(camera)):
            sections.append(Section.ARCHIVES)
        if self._engine.device_footage.has_device(camera):
            sections.append(Section.DEVICE)
        return folder(
            media_id,
            self.camera_name(camera),
            [
                folder(SectionId(self._entry_id, camera, one), self._texts.common(one))
                for one in sections
            ],
        )

    async def _days(self, media_id: SectionId) -> BrowseMediaSource:
        """Return the days of a section."""
        camera, section = media_id.folder, media_id.section
        days = await self._titled_days(camera, section)
        if self._order(media_id) is Order.OLDEST:
            days.reverse()
        return self._level(
            media_id,
            f"{self.camera_name(camera)}: {self._texts.common(section)}",
            [
                folder(
                    DayId(self._entry_id, camera, section, day, media_id.order), title
                )
                for day, title in self._on_page(media_id, days)
            ],
            len(days),
        )

    async def _titled_days(
        self, camera: str, section: Section
    ) -> list[tuple[date, str]]:
        """Return the days of a section with their titles, newest first."""
        store, run = self._engine.store, self._engine.run
        match section:
            case Section.EVENTS:
                return [
                    (day, f"{day.isoformat()} ({count})")
                    for day, count in await run(
                        store.captures.days(camera, everywhere=True)
                    )
                ]
            case Section.RECORDINGS:
                days = await run(
                    store.recordings.segments.days(
                        camera, dt_util.get_default_time_zone()
                    )
                )
            case Section.ARCHIVES:
                return [
                    (one.day, f"{one.day.isoformat()} ({one.storage_class})")
                    for one in await run(store.captures.archived_days(camera))
                ]
            case Section.DEVICE:
                today = dt_util.now().date()
                days = [today - timedelta(days=n) for n in range(_DEVICE_DAYS)]
        return [(day, day.isoformat()) for day in days]

    async def _captures(self, media_id: DayId) -> BrowseMediaSource:
        """Return the captures of a day or of a part of it; first its parts, if many."""
        captures, run = self._engine.store.captures, self._engine.run
        camera, day = media_id.folder, media_id.day
        archive = None
        if media_id.section is Section.ARCHIVES:
            days = await run(captures.archived_days(camera))
            archive = next((one for one in days if one.day == day), None)
        midnight, _ = day_bounds(day)
        wanted = DayFilter(
            somewhere=True, archived=media_id.section is Section.ARCHIVES
        )
        parts = await run(captures.parts_of_day(camera, day, midnight, wanted))
        title = f"{self.camera_name(camera)} {day.isoformat()}"
        if not media_id.is_part and sum(count for _, _, count in parts) > self._page:
            return folder(
                media_id,
                title,
                [*self._restore(media_id, archive), *self._parts(media_id, parts)],
            )
        total = sum(
            count
            for hour, kind, count in parts
            if media_id.hour in (None, hour)
            and media_id.type in (None, kind or Scheduled.SCHEDULED)
        )
        found = await run(
            captures.on_day(
                camera,
                day,
                _within(wanted, media_id),
                limit=self._page,
                offset=media_id.offset,
                oldest_first=self._order(media_id) is Order.OLDEST,
            )
        )
        cold = archive is not None and facts_of(archive.storage_class).restored
        level = self._level(
            media_id,
            " ".join(filter(None, (title, self._part_title(media_id)))),
            [self.capture(one, cold=cold) for one in found],
            total,
        )
        level.children = [
            *self._restore(media_id, archive),
            *(level.children or ()),
        ]
        return level

    def _restore(
        self, media_id: DayId, archive: ArchivedDay | None
    ) -> list[BrowseMediaSource]:
        """Return the entry that tells how a day is restored, where it must be."""
        if archive is None or not facts_of(archive.storage_class).restored:
            return []
        restore = RestoreId(media_id.entry_id, media_id.folder, media_id.day)
        return [folder(restore, self._texts.common("restore"))]

    def _parts(
        self, media_id: DayId, parts: list[tuple[int, DetectionType | None, int]]
    ) -> list[BrowseMediaSource]:
        """Return the hours of a day, then the types of what was captured."""
        hours: Counter[int] = Counter()
        kinds: Counter[CaptureType] = Counter()
        for hour, kind, count in parts:
            hours[hour] += count
            kinds[kind or Scheduled.SCHEDULED] += count
        newest = self._order(media_id) is Order.NEWEST
        return [
            *(
                folder(part, f"{self._part_title(part)} ({hours[hour]})")
                for hour in sorted(hours, reverse=newest)
                for part in (replace(media_id, hour=hour, offset=0),)
            ),
            *(
                folder(part, f"{self._part_title(part)} ({count})")
                for kind, count in sorted(
                    kinds.items(), key=lambda one: (-one[1], self._texts.type(one[0]))
                )
                for part in (replace(media_id, type=kind, offset=0),)
            ),
        ]

    def _part_title(self, media_id: DayId) -> str:
        if media_id.type is not None:
            return self._texts.type(media_id.type)
        if media_id.hour is None:
            return ""
        begin = day_bounds(media_id.day)[0] + media_id.hour * _HOUR
        return (
            f"{dt_util.as_local(begin):%H:%M}–{dt_util.as_local(begin + _HOUR):%H:%M}"
        )

    async def _recordings(self, media_id: DayId) -> BrowseMediaSource:
        """Return the hours of a day with what was recorded."""
        start, end = day_bounds(media_id.day)
        segments = await self._engine.run(
            self._engine.store.recordings.segments.between(media_id.folder, start, end)
        )
        children = []
        while start < end:
            until = min(start + _HOUR, end)
            within = [one for one in segments if one.start < until and one.end > start]
            for _, same in groupby(within, key=lambda segment: segment.tracks):
                children.append(self._footage(media_id, list(same), start, until))
            start = until
        return self._items(media_id, children)

    async def _on_device(self, media_id: DayId) -> BrowseMediaSource:
        """Return what the camera's device has recorded on a day itself."""
        found = await self._engine.run(
            self._engine.device_footage.find(media_id.folder, *day_bounds(media_id.day))
        )
        return self._items(media_id, device_recordings(media_id, found))

    def _items(
        self, media_id: DayId, oldest_first: list[BrowseMediaSource]
    ) -> BrowseMediaSource:
        """Return a level of these items."""
        items = oldest_first
        if self._order(media_id) is Order.NEWEST:
            items = items[::-1]
        return self._level(
            media_id,
            f"{self.camera_name(media_id.folder)} {media_id.day.isoformat()}",
            self._on_page(media_id, items),
            len(items),
        )

    def _footage(
        self, day: DayId, segments: list[Segment], start: datetime, end: datetime
    ) -> BrowseMediaSource:
        """Return footage that can be played as one, at most an hour."""
        begin, until = max(start, segments[0].start), min(end, segments[-1].end)
        recorded = sum(
            (min(until, one.end) - max(begin, one.start)).total_seconds()
            for one in segments
        )
        title = (
            f"{dt_util.as_local(begin):%H:%M}–{dt_util.as_local(until):%H:%M}"
            f" ({max(1, round(recorded / 60))} min)"
        )
        if not segments[0].info.video.startswith("avc1"):
            title = f"{title} {self._texts.common('hevc')}"
        thumbnails = self._recorder.thumbnail_access.async_url(day.folder)
        return BrowseMediaSource(
            domain=DOMAIN,
            identifier=str(FootageId(day.entry_id, day.folder, begin, until)),
            media_class=MediaClass.VIDEO,
            media_content_type=HLS,
            title=title,
            can_play=True,
            can_expand=False,
            thumbnail=f"{thumbnails}footage/{segments[0].id}",
        )

    def capture(
        self, capture: Capture, title: str | None = None, *, cold: bool = False
    ) -> BrowseMediaSource:
        """Return a snapshot or clip; one that is ``cold`` has no thumbnail."""
        mime = mime_type(capture.name)
        is_clip = capture.kind in (CaptureKind.CLIP, CaptureKind.EXPORT)
        shown = mime is not None and (
            capture.local or (mime == "image/jpeg" and not cold)
        )
        thumbnails = self._recorder.thumbnail_access.async_url(capture.camera)
        return BrowseMediaSource(
            domain=DOMAIN,
            identifier=str(CaptureId(self._entry_id, capture.id)),
            media_class=MediaClass.VIDEO if is_clip else MediaClass.IMAGE,
            media_content_type=mime or "",
            title=title or self._capture_title(capture),
            can_play=mime is not None,
            can_expand=False,
            thumbnail=f"{thumbnails}{capture.id}" if shown else None,
        )

    def _capture_title(self, capture: Capture) -> str:
        remarks = []
        if capture.complete is False:
            remarks.append(self._texts.common("incomplete"))
        if not capture.local:
            where = "in_bucket" if capture.object_key else "in_archive"
            remarks.append(self._texts.common(where))
        words = [dt_util.as_local(capture.event_time).strftime("%H:%M:%S")]
        if capture.type is not None:
            words.append(self._texts.type(capture.type))
        if capture.plate:
            words.append(capture.plate)
        if remarks:
            words.append(f"({', '.join(remarks)})")
        return " ".join(words)

    def _order(self, media_id: SectionId | DayId) -> Order:
        return self._usual if media_id.order is Order.USUAL else media_id.order

    def _on_page[T](self, media_id: SectionId | DayId, items: Sequence[T]) -> list[T]:
        return list(items[media_id.offset : media_id.offset + self._page])

    def _level(
        self,
        media_id: SectionId | DayId,
        title: str,
        on_page: list[BrowseMediaSource],
        total: int,
    ) -> BrowseMediaSource:
        """Return a page of a level, with what leads to its others."""
        newest = self._order(media_id) is Order.NEWEST
        forward, back = ("older", "newer") if newest else ("newer", "older")
        children = list(on_page)
        if media_id.offset:
            before = replace(media_id, offset=max(0, media_id.offset - self._page))
            children.insert(0, folder(before, self._texts.common(back)))
        if total > media_id.offset + self._page:
            following = replace(media_id, offset=media_id.offset + self._page)
            children.append(folder(following, self._texts.common(forward)))
        if total > 1:
            other = Order.OLDEST if newest else Order.NEWEST
            turned = replace(media_id, order=other, offset=0)
            children.append(folder(turned, self._texts.common(f"{other}_first")))
        return folder(media_id, title, children)


def _within(wanted: DayFilter, media_id: DayId) -> DayFilter:
    """Return the filter for a part of a day."""
    if media_id.hour is not None:
        midnight, end = day_bounds(media_id.day)
        begin = midnight + media_id.hour * _HOUR
        # A day that was told by another time zone may begin earlier or end later.
        wanted = replace(
            wanted,
            start=begin if media_id.hour else None,
            end=begin + _HOUR if begin < end else None,
        )
    if media_id.type is not None:
        scheduled = isinstance(media_id.type, Scheduled)
        kind = None if scheduled else DetectionType(media_id.type)
        wanted = replace(wanted, typed=True, type=kind)
    return wanted


def day_bounds(day: date) -> tuple[datetime, datetime]:
    """Return when a day begins and ends; it may have 23 or 25 hours."""
    zone = dt_util.get_default_time_zone()
    return (
        datetime.combine(day, time.min, zone).astimezone(UTC),
        datetime.combine(day + timedelta(days=1), time.min, zone).astimezone(UTC),
    )


def folder(
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
        can_search=not isinstance(media_id, RestoreId),
        children=children,
    )


def error[E: HomeAssistantError](kind: type[E], key: str, **placeholders: str) -> E:
    """Return a translated error."""
    return kind(
        translation_domain=DOMAIN,
        translation_key=key,
        translation_placeholders=placeholders,
    )
