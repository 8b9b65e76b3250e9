"""The timeline card's questions: what happened when, where footage is, what to play.

All times are integers: milliseconds since 1970 UTC. Each question names a camera by an
entity that its asker must be allowed to read.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial, wraps
from typing import Any

from homeassistant.auth.permissions.const import POLICY_READ
from homeassistant.components import websocket_api
from homeassistant.components.camera import DOMAIN as CAMERA_DOMAIN
from homeassistant.components.websocket_api import ActiveConnection
from homeassistant.config_entries import ConfigEntry, ConfigEntryState
from homeassistant.const import CONF_TYPE
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError, Unauthorized
from homeassistant.helpers import config_validation as cv, entity_registry as er
from homeassistant.helpers.event import async_track_time_interval
from homeassistant.util import dt as dt_util
import voluptuous as vol

from .const import CONF_FOLDER, DOMAIN
from .coordinator import RecorderCoordinator
from .errors import FootageNotFoundError, RecorderError
from .files import CameraOfEntity, async_camera_of
from .model import Capture, CaptureKind, Detection, DetectionType
from .playback import Download, Playback
from .recording import FilmFile, plan_films
from .recording.playlist import Piece, pieces, stretches
from .store.timeline import Cursor, EventFilter, Place, Span, TimelineEvent
from .translated import translated

_LONGEST = timedelta(hours=26)
"""Of one question: a day, when clocks are set back, and a margin."""
_LONGEST_PLAYBACK = timedelta(hours=3)
_LONGEST_DOWNLOAD = timedelta(minutes=15)
_MOST_DAYS = timedelta(days=400)
_PAGE = 1000
_LOOK = timedelta(seconds=10)
"""Footage is safe, and known, every ten seconds."""
HLS = "application/vnd.apple.mpegurl"
_LAST_MS = 4_102_444_800_000
"""The year 2100."""

ATTR_CAMERA = "camera"
ATTR_START = "start"
ATTR_END = "end"
ATTR_AFTER = "after"
ATTR_LIMIT = "limit"
ATTR_NEWEST_FIRST = "newest_first"
ATTR_PLATE = "plate"

_MOMENT = vol.All(int, vol.Range(min=0, max=_LAST_MS))
type _Schema = dict[str | vol.Marker, Any]
_CAMERA: _Schema = {vol.Required(ATTR_CAMERA): cv.entity_id}
_TIME: _Schema = {
    **_CAMERA,
    vol.Required(ATTR_START): _MOMENT,
    vol.Required(ATTR_END): _MOMENT,
}
_PAGED: _Schema = {
    vol.Optional(ATTR_LIMIT, default=_PAGE): vol.All(int, vol.Range(min=1, max=_PAGE)),
    vol.Optional(ATTR_AFTER): vol.All(str, vol.Length(max=100)),
}

type Command = Callable[
    [HomeAssistant, ActiveConnection, dict[str, Any]], Awaitable[None]
]


class _RefusedError(Exception):
    """A question that gets an error of its own for an answer."""

    def __init__(self, code: str, key: str, **placeholders: str) -> None:
        super().__init__(code)
        self.code = code
        self.error = HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key=key,
            translation_placeholders=placeholders,
        )


@callback
def async_setup_timeline(hass: HomeAssistant) -> None:
    """Register the commands."""
    for command in (
        _websocket_timeline,
        _websocket_days,
        _websocket_play,
        _websocket_subscribe,
        _websocket_search,
        _websocket_download,
    ):
        websocket_api.async_register_command(hass, command)


def _refusals(command: Command) -> Command:
    """Let a command answer with what it was refused for."""

    @wraps(command)
    async def answer(
        hass: HomeAssistant, connection: ActiveConnection, msg: dict[str, Any]
    ) -> None:
        try:
            try:
                await command(hass, connection, msg)
            except FootageNotFoundError as err:
                raise _RefusedError("no_footage", err.key, **err.placeholders) from err
            except RecorderError as err:
                raise translated(err, HomeAssistantError) from err
        except _RefusedError as refused:
            connection.send_error(
                msg["id"],
                refused.code,
                str(refused.error),
                translation_key=refused.error.translation_key,
                translation_domain=DOMAIN,
                translation_placeholders=refused.error.translation_placeholders,
            )

    return answer


@websocket_api.websocket_command(
    {
        vol.Required(CONF_TYPE): "hikvision_nvr/timeline",
        **_TIME,
        **_PAGED,
        vol.Optional(ATTR_NEWEST_FIRST, default=False): bool,
    }
)
@websocket_api.async_response
@_refusals
async def _websocket_timeline(
    hass: HomeAssistant, connection: ActiveConnection, msg: dict[str, Any]
) -> None:
    """Tell what happened in a time, and where footage of it is."""
    camera, recorder = _camera(hass, connection, msg)
    start, end = _times(msg, _LONGEST)
    after, limit = _cursor(msg), msg[ATTR_LIMIT]
    folder, timeline = camera.folder, recorder.engine.store.timeline

    async def ask() -> tuple[list[Span], list[Span], list[TimelineEvent]]:
        first = after is None
        return (
            await timeline.coverage(folder, start, end) if first else [],
            await timeline.holds(folder, start, end) if first else [],
            await timeline.events(
                (folder,),
                EventFilter(start=start, end=end),
                limit=limit + 1,
                newest_first=msg[ATTR_NEWEST_FIRST],
                after=after,
            ),
        )

    coverage, holds, events = await recorder.engine.run(ask())
    connection.send_result(
        msg["id"],
        {
            "coverage": _spans(coverage),
            "holds": _spans(holds),
            "events": [_event(recorder, one) for one in events[:limit]],
            "thumbnails": recorder.thumbnail_access.async_url(folder),
            "next": _next(events, limit),
        },
    )


@websocket_api.websocket_command(
    {vol.Required(CONF_TYPE): "hikvision_nvr/timeline/days", **_TIME}
)
@websocket_api.async_response
@_refusals
async def _websocket_days(
    hass: HomeAssistant, connection: ActiveConnection, msg: dict[str, Any]
) -> None:
    """Tell of which days there is anything."""
    camera, recorder = _camera(hass, connection, msg)
    start, end = _times(msg, _MOST_DAYS)
    days = await recorder.engine.run(
        recorder.engine.store.timeline.days(
            camera.folder,
            dt_util.as_local(start).date(),
            dt_util.as_local(end - timedelta(milliseconds=1)).date(),
            dt_util.get_default_time_zone(),
        )
    )
    connection.send_result(
        msg["id"],
        {
            "days": [
                {
                    "day": one.day.isoformat(),
                    "events": one.events,
                    "recorded_s": one.recorded,
                }
                for one in days
            ]
        },
    )


@websocket_api.websocket_command(
    {vol.Required(CONF_TYPE): "hikvision_nvr/timeline/play", **_TIME}
)
@websocket_api.async_response
@_refusals
async def _websocket_play(
    hass: HomeAssistant, connection: ActiveConnection, msg: dict[str, Any]
) -> None:
    """Give an address of footage, and say which time is where in it."""
    camera, recorder = _camera(hass, connection, msg)
    start, end = _times(msg, _LONGEST_PLAYBACK)
    folder, store = camera.folder, recorder.engine.store
    footage = await recorder.engine.run(
        store.recordings.footage(folder, start, end, watch=True)
    )
    playable = [
        (one, found) for one in stretches(footage) if (found := pieces(one, start, end))
    ]
    if not playable:
        raise FootageNotFoundError(
            f"There is no footage of {folder} from {start} to {end}", camera=folder
        )
    (stretch, found), *rest = playable
    following: datetime | None
    if rest:
        # Players cannot go on where the codec or the set of tracks changes.
        end = following = max(start, rest[0][1][0].start)
    else:
        following = await recorder.engine.run(store.timeline.goes_on(folder, end))
    info = stretch[0][0].info
    connection.send_result(
        msg["id"],
        {
            "url": recorder.playbacks.async_url(Playback(folder, start, end)),
            "mime": HLS,
            "pieces": [_piece(one) for one in found],
            "codecs": [info.video, *([info.audio] if info.audio else [])],
            "next": None if following is None else _ms(following),
        },
    )


@websocket_api.websocket_command(
    {vol.Required(CONF_TYPE): "hikvision_nvr/timeline/download", **_TIME}
)
@websocket_api.async_response
@_refusals
async def _websocket_download(
    hass: HomeAssistant, connection: ActiveConnection, msg: dict[str, Any]
) -> None:
    """Give an address of footage as one file, which is made while it is fetched.

    Unlike an export nothing is kept, so whoever may see footage may have it.
    """
    camera, recorder = _camera(hass, connection, msg)
    start, end = _times(msg, _LONGEST_DOWNLOAD)
    folder, recordings = camera.folder, recorder.engine.store.recordings
    footage = await recorder.engine.run(
        recordings.footage(folder, start, end, watch=True)
    )

    def lay_out() -> tuple[FilmFile, int] | None:
        films = plan_films(recordings.path, footage, start, end)
        if (film := next(films, None)) is None:
            return None
        return FilmFile(film), film.end_us // 1000

    if (laid_out := await hass.async_add_executor_job(lay_out)) is None:
        raise FootageNotFoundError(
            f"There is no footage of {folder} from {start} to {end}", camera=folder
        )
    file, until = laid_out
    begun = dt_util.as_local(max(start, footage[0][0].start))
    name = f"{folder}_{begun:%Y-%m-%d_%H-%M-%S}.mp4"
    connection.send_result(
        msg["id"],
        {
            "url": recorder.downloads.async_url(Download(file, name)),
            "name": name,
            # A file ends where the codec changes; what follows is another one.
            "next": until if until < _ms(footage[-1][0].start) else None,
        },
    )


@websocket_api.websocket_command(
    {
        vol.Required(CONF_TYPE): "hikvision_nvr/timeline/search",
        vol.Optional(ATTR_CAMERA): cv.entity_id,
        vol.Optional("event_type"): vol.Coerce(DetectionType),
        vol.Optional(ATTR_PLATE): vol.All(str, vol.Length(min=1, max=32)),
        vol.Optional(ATTR_START): _MOMENT,
        vol.Optional(ATTR_END): _MOMENT,
        **_PAGED,
    }
)
@websocket_api.async_response
@_refusals
async def _websocket_search(
    hass: HomeAssistant, connection: ActiveConnection, msg: dict[str, Any]
) -> None:
    """Find detections, the newest first."""
    after, limit = _cursor(msg), msg[ATTR_LIMIT]
    wanted = EventFilter(
        start=_moment(msg[ATTR_START]) if ATTR_START in msg else None,
        end=_moment(msg[ATTR_END]) if ATTR_END in msg else None,
        type=msg.get("event_type"),
        plate=msg.get(ATTR_PLATE),
    )
    found: list[tuple[TimelineEvent, RecorderCoordinator, str]] = []
    for recorder, cameras in _searched(hass, connection, msg).items():
        events = await recorder.engine.run(
            recorder.engine.store.timeline.events(
                list(cameras), wanted, limit=limit + 1, newest_first=True, after=after
            )
        )
        found += [(one, recorder, cameras[one.camera]) for one in events]
    found.sort(key=lambda one: (one[0].time, one[0].id), reverse=True)
    connection.send_result(
        msg["id"],
        {
            "events": [
                {**_event(recorder, one), ATTR_CAMERA: entity_id}
                for one, recorder, entity_id in found[:limit]
            ],
            "next": _next([one for one, _, _ in found], limit),
        },
    )


@websocket_api.websocket_command(
    {vol.Required(CONF_TYPE): "hikvision_nvr/timeline/subscribe", **_CAMERA}
)
@websocket_api.async_response
@_refusals
async def _websocket_subscribe(
    hass: HomeAssistant, connection: ActiveConnection, msg: dict[str, Any]
) -> None:
    """Tell of detections and footage as they come."""
    camera, recorder = _camera(hass, connection, msg)
    live = _Live(
        hass, camera, partial(_send_event, connection, msg["id"]), recorder.config_entry
    )
    connection.subscriptions[msg["id"]] = live.async_stop
    connection.send_result(msg["id"])


@callback
def _send_event(
    connection: ActiveConnection, msg_id: int, event: Mapping[str, Any]
) -> None:
    connection.send_message(websocket_api.event_message(msg_id, event))


class _Live:
    """What happens at a camera, told as it happens, over reloads of its recorder.

    A detection is told when it happens, and again under the same id with its picture.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        camera: CameraOfEntity,
        send: Callable[[Mapping[str, Any]], None],
        entry: ConfigEntry,
    ) -> None:
        self._hass = hass
        self._camera = camera
        self._send = send
        self._entry = entry
        self._covered = dt_util.utcnow()
        self._looking = False
        self._attached: list[CALLBACK_TYPE] = []
        self._ends = [
            entry.async_on_state_change(self._async_state_changed),
            async_track_time_interval(
                hass, self._async_look, _LOOK, cancel_on_shutdown=True
            ),
        ]
        self._async_state_changed()

    @callback
    def async_stop(self) -> None:
        """Tell nothing more."""
        for end in (*self._ends, *self._attached):
            end()
        self._attached = []

    @callback
    def _async_state_changed(self) -> None:
        for detach in self._attached:
            detach()
        self._attached = []
        if (recorder := self._recorder) is None:
            return
        camera_id = self._camera.camera_id
        if camera_id not in recorder.cameras:
            return
        folder = recorder.cameras[camera_id].data[CONF_FOLDER]
        self._attached = [
            recorder.async_listen_detections(camera_id, self._async_detection),
            recorder.async_listen_captures(folder, self._async_capture),
        ]

    @property
    def _recorder(self) -> RecorderCoordinator | None:
        if self._entry.state is not ConfigEntryState.LOADED:
            return None
        recorder: RecorderCoordinator = self._entry.runtime_data
        return recorder

    @callback
    def _async_detection(self, detection: Detection) -> None:
        self._send(
            {
                CONF_TYPE: "detection",
                "event": {
                    "id": detection.id,
                    "time": _ms(detection.event_time),
                    "type": detection.type.value,
                    # Its file is not on the disk yet.
                    "capture_id": None,
                    "kind": None,
                    "plate": detection.plate,
                    "region": detection.region,
                    "place": Place.LOCAL.value,
                    "media_content_id": None,
                    "held": False,
                },
            }
        )

    @callback
    def _async_capture(self, capture: Capture) -> None:
        if capture.type is not None:
            self._entry.async_create_background_task(
                self._hass,
                self._async_tell(capture.detection_id or capture.id),
                f"{DOMAIN} timeline",
            )

    async def _async_tell(self, detection_id: str) -> None:
        """Tell of a detection as the catalogue knows it now."""
        if (recorder := self._recorder) is None:
            return
        engine = recorder.engine
        try:
            event = await engine.run(engine.store.timeline.event(detection_id))
        except RecorderError:
            return
        if event is not None and self._attached:
            self._send({CONF_TYPE: "detection", "event": _event(recorder, event)})

    async def _async_look(self, _now: datetime) -> None:
        """Tell of new footage."""
        if self._looking or not self._attached or (recorder := self._recorder) is None:
            return
        self._looking = True
        engine, folder = recorder.engine, self._camera_folder(recorder)
        try:
            # What was just added to a segment is told to its end, whatever its clock.
            new = await engine.run(
                engine.store.timeline.coverage(
                    folder, self._covered, dt_util.utcnow() + timedelta(minutes=1)
                )
            )
        except RecorderError:
            return
        finally:
            self._looking = False
        for start, end in new:
            self._covered = max(self._covered, end)
            if self._attached:
                self._send(
                    {CONF_TYPE: "coverage", ATTR_START: _ms(start), ATTR_END: _ms(end)}
                )

    def _camera_folder(self, recorder: RecorderCoordinator) -> str:
        folder: str = recorder.cameras[self._camera.camera_id].data[CONF_FOLDER]
        return folder


def _camera(
    hass: HomeAssistant, connection: ActiveConnection, msg: Mapping[str, Any]
) -> tuple[CameraOfEntity, RecorderCoordinator]:
    """Return the camera that is asked about, and its recorder.

    Raises Unauthorized and _RefusedError.
    """
    entity_id = msg[ATTR_CAMERA]
    if not connection.user.permissions.check_entity(entity_id, POLICY_READ):
        raise Unauthorized(
            context=connection.context(dict(msg)),
            entity_id=entity_id,
            permission=POLICY_READ,
        )
    camera = async_camera_of(hass, entity_id)
    if camera is None or not entity_id.startswith(f"{CAMERA_DOMAIN}."):
        raise _RefusedError("not_found", "not_a_camera", entity=entity_id)
    if camera.recorder is None:
        raise _RefusedError("recorder_not_loaded", "media_recorder_not_loaded")
    return camera, camera.recorder


def _searched(
    hass: HomeAssistant, connection: ActiveConnection, msg: Mapping[str, Any]
) -> dict[RecorderCoordinator, dict[str, str]]:
    """Return the folders that are searched with their entities, by their recorders."""
    if ATTR_CAMERA in msg:
        camera, recorder = _camera(hass, connection, msg)
        return {recorder: {camera.folder: msg[ATTR_CAMERA]}}
    found: dict[RecorderCoordinator, dict[str, str]] = {}
    for entity in er.async_get(hass).entities.values():
        if entity.platform != DOMAIN or entity.domain != CAMERA_DOMAIN:
            continue
        if not connection.user.permissions.check_entity(entity.entity_id, POLICY_READ):
            continue
        camera_of = async_camera_of(hass, entity.entity_id)
        if camera_of is not None and camera_of.recorder is not None:
            found.setdefault(camera_of.recorder, {}).setdefault(
                camera_of.folder, entity.entity_id
            )
    return found


def _times(msg: Mapping[str, Any], longest: timedelta) -> tuple[datetime, datetime]:
    start, end = _moment(msg[ATTR_START]), _moment(msg[ATTR_END])
    if end <= start:
        raise _RefusedError(websocket_api.ERR_INVALID_FORMAT, "end_before_start")
    if end - start > longest:
        raise _RefusedError(
            websocket_api.ERR_INVALID_FORMAT,
            "time_too_long",
            hours=f"{longest / timedelta(hours=1):g}",
        )
    return start, end


def _cursor(msg: Mapping[str, Any]) -> Cursor | None:
    if ATTR_AFTER not in msg:
        return None
    try:
        return Cursor.parse(msg[ATTR_AFTER])
    except ValueError as err:
        raise _RefusedError(websocket_api.ERR_INVALID_FORMAT, "cursor_invalid") from err


def _next(events: list[TimelineEvent], limit: int) -> str | None:
    return str(events[limit - 1].cursor) if len(events) > limit else None


def _event(recorder: RecorderCoordinator, event: TimelineEvent) -> dict[str, Any]:
    shown = event.kind in (CaptureKind.SNAPSHOT, CaptureKind.CLIP)
    media_id = None
    if shown and event.place is not Place.GONE and event.capture_id is not None:
        media_id = recorder.media_id(event.capture_id)
    return {
        "id": event.id,
        "time": _ms(event.time),
        "type": event.type.value,
        "capture_id": event.capture_id,
        "kind": event.kind.value if shown and event.kind is not None else None,
        "plate": event.plate,
        "region": event.region,
        "place": event.place.value,
        "media_content_id": media_id,
        "held": event.held,
    }


def _piece(piece: Piece) -> list[int]:
    return [_ms(piece.start), _ms(piece.end), round(piece.offset * 1000)]


def _spans(spans: Iterable[Span]) -> list[list[int]]:
    return [[_ms(start), _ms(end)] for start, end in spans]


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _moment(ms: int) -> datetime:
    return dt_util.utc_from_timestamp(ms / 1000)
