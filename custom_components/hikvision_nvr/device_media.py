"""Footage on the devices themselves in the media browser: found, and replayed."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from homeassistant.components.camera import DynamicStreamSettings
from homeassistant.components.media_player import MediaClass
from homeassistant.components.media_source import BrowseMediaSource
from homeassistant.components.stream import (
    CONF_RTSP_TRANSPORT,
    HLS_PROVIDER,
    Stream,
    create_stream,
)
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util

from .const import DOMAIN
from .device import DeviceRecording
from .errors import RecorderError
from .media_id import DayId, FootageId, Section
from .model import DeviceLogin

if TYPE_CHECKING:
    from .engine import Engine

HLS = "application/x-mpegURL"
"""The only name of HLS that Home Assistant's frontend knows; case matters."""
_IDLE = 30
"""Seconds without a viewer after which a replay ends: the device waits for it."""
_LOOK = 1.0
_REST = 8.0
"""Seconds that a player has for the end of a replay; after ten a stream begins anew."""
_MARGIN = 60.0
"""Seconds after which a replay is ended that should be over by itself."""
_LONGEST = timedelta(hours=1)


class DeviceReplays:
    """The replays that are watched, at most one for each device.

    Home Assistant's own stream serves them, live: nothing is written to a disk. Who
    chooses another recording ends the one before it.
    """

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry) -> None:
        """Replay what the devices of a recorder have."""
        self._hass = hass
        self._entry = entry
        self._watched: dict[DeviceLogin, tuple[Stream, asyncio.Task[None]]] = {}

    async def async_url(self, engine: Engine, replay: FootageId) -> str:
        """Return where a replay can be watched. Raises RecorderError."""
        device = engine.device_footage.device_of(replay.folder)
        if device in self._watched:
            stream, watching = self._watched[device]
            await _end(stream)
            watching.cancel()
            await asyncio.wait([watching])
        opened = await engine.run(
            engine.device_footage.open_replay(replay.folder, replay.start, replay.end)
        )
        try:
            stream = create_stream(
                self._hass,
                opened.url,
                {CONF_RTSP_TRANSPORT: "tcp"},
                DynamicStreamSettings(),
                stream_label=f"{DOMAIN} replay",
            )
            stream.add_provider(HLS_PROVIDER, timeout=_IDLE)
            await stream.start()
            url = stream.endpoint_url(HLS_PROVIDER)
        except BaseException:
            await engine.run(
                engine.device_footage.close_replay(replay.folder, opened.token)
            )
            raise
        seconds = (replay.end - replay.start).total_seconds() + _MARGIN
        ended = asyncio.Event()

        def on_state() -> None:
            if not stream.available:
                ended.set()

        stream.set_update_callback(on_state)

        async def watch() -> None:
            try:
                async with asyncio.timeout(seconds):
                    # Without a viewer a stream loses its outputs, and tells nobody.
                    while stream.outputs() and not ended.is_set():  # noqa: ASYNC110
                        await asyncio.sleep(_LOOK)
                if ended.is_set():
                    # Home Assistant would begin again; its player has a rest to fetch.
                    await asyncio.sleep(_REST)
            except TimeoutError:
                # Not all firmware ends where it was told to.
                pass
            finally:
                self._watched.pop(device, None)
                await _end(stream)
                with suppress(RecorderError):
                    await engine.run(
                        engine.device_footage.close_replay(replay.folder, opened.token)
                    )

        self._watched[device] = (
            stream,
            self._entry.async_create_background_task(
                self._hass, watch(), f"{DOMAIN} replay"
            ),
        )
        return url


async def _end(stream: Stream) -> None:
    """Stop a stream, and the timers of its outputs as well."""
    for output in stream.outputs().values():
        await stream.remove_provider(output)
    await stream.stop()


def device_recordings(
    day: DayId, recordings: list[DeviceRecording]
) -> list[BrowseMediaSource]:
    """Return what a device has of a day, oldest first, an hour at most each."""
    children = []
    for one in recordings:
        begin = one.start
        while begin < one.end:
            until = min(one.end, _next_hour(begin))
            children.append(_replay(day, begin, until))
            begin = until
    return children


def _next_hour(moment: datetime) -> datetime:
    whole = moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return whole + _LONGEST


def _replay(day: DayId, begin: datetime, until: datetime) -> BrowseMediaSource:
    minutes = max(1, round((until - begin).total_seconds() / 60))
    return BrowseMediaSource(
        domain=DOMAIN,
        identifier=str(
            FootageId(day.entry_id, day.folder, begin, until, Section.DEVICE)
        ),
        media_class=MediaClass.VIDEO,
        media_content_type=HLS,
        title=(
            f"{dt_util.as_local(begin):%H:%M}–{dt_util.as_local(until):%H:%M}"
            f" ({minutes} min)"
        ),
        can_play=True,
        can_expand=False,
    )
