"""Which reader each camera is read with: our own, or FFmpeg.

Ours takes a third of FFmpeg's processor time and can always be stopped; FFmpeg knows more
ways to send a stream. Automatic means ours, until FFmpeg gets pictures where ours got
none; that is remembered for a week, for as long as the address stays the same.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
import hashlib
import json
import logging
import time
from urllib.parse import urlsplit

from ..errors import (
    CatalogueError,
    StreamEndedError,
    StreamError,
    StreamStalledError,
    StreamUnsupportedError,
)
from ..model import Camera, RecordingSettings, StreamReader
from ..store.notes import Notes
from .pyav_source import PyAvSource
from .rtsp import RtspReader
from .source import AudioFormat, Sink, Source, SourceFactory, VideoFormat

_LOGGER = logging.getLogger(__name__)
_REMEMBERED = 7 * 24 * 3600.0
"""Seconds after which our own reader is tried again."""
_ENOUGH = 10.0
"""Seconds without a picture after which a reader that was stopped has failed."""
_DOUBTS = (StreamUnsupportedError, StreamStalledError, StreamEndedError)
"""What may be the reader's fault. A refused password or a silent address is not."""


@dataclass(frozen=True, slots=True)
class _Remembered:
    """That FFmpeg is needed: for which address, why, since when (seconds since 1970)."""

    address: str
    reason: str
    since: float


class Readers:
    """The readers of all cameras, and the thread of our own one."""

    def __init__(
        self, notes: Notes, cameras: Iterable[Camera], on_change: Callable[[], None]
    ) -> None:
        """Read ``cameras``; what is learnt of them is kept in ``notes``."""
        cameras = tuple(cameras)
        self._notes = notes
        self._on_change = on_change
        self._own = RtspReader()
        self._choices = {
            camera.id: _Choice(
                camera.recording, self._own, partial(self._learnt, camera)
            )
            for camera in cameras
        }
        self._folders = {camera.id: camera.folder for camera in cameras}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._saving: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Remember what was learnt. Raises CatalogueError."""
        self._loop = asyncio.get_running_loop()
        for camera_id, choice in self._choices.items():
            text = await self._notes.get(_note(self._folders[camera_id]))
            choice.recall(text or "")

    async def stop(self, timeout: float) -> None:
        """End the thread of our own reader, after all of its sources."""
        await asyncio.to_thread(self._own.stop, timeout)
        if self._saving:
            await asyncio.wait(self._saving)

    def factory(self, camera_id: str) -> SourceFactory:
        """Return what makes the sources of a camera."""
        return self._choices[camera_id].source

    def used(self, camera_id: str) -> tuple[StreamReader | None, str | None]:
        """Return which reader a camera has now, and why it is not our own."""
        choice = self._choices[camera_id]
        return choice.used, choice.reason

    def _learnt(self, camera: Camera) -> None:
        """Keep what was learnt of a camera; called in a source's thread."""
        assert self._loop is not None
        text = self._choices[camera.id].to_note()
        _LOGGER.info(
            "%s is read by %s from now on",
            camera.name,
            "FFmpeg" if text else "our own reader",
        )

        def save() -> None:
            task = asyncio.ensure_future(self._save(_note(camera.folder), text))
            self._saving.add(task)
            task.add_done_callback(self._saving.discard)
            self._on_change()

        try:
            self._loop.call_soon_threadsafe(save)
        except RuntimeError:
            _LOGGER.debug("A stream outlived the engine")

    async def _save(self, name: str, text: str) -> None:
        try:
            await self._notes.set(name, text)
        except CatalogueError as err:
            _LOGGER.warning("How a camera is read cannot be noted: %s", err)


class _Choice:
    """The choice for one camera."""

    def __init__(
        self,
        settings: RecordingSettings,
        own: RtspReader,
        on_learnt: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._own = own
        self._on_learnt = on_learnt
        self._address = _fingerprint(settings.url)
        self._remembered: _Remembered | None = None
        self._ffmpeg = settings.reader is StreamReader.FFMPEG
        self._attempt: _Attempt | None = None
        self._doubt = ""
        self.used: StreamReader | None = None

    @property
    def reason(self) -> str | None:
        """The key of the error for which FFmpeg was needed."""
        if self.used is not StreamReader.FFMPEG or self._remembered is None:
            return None
        return self._remembered.reason

    def recall(self, text: str) -> None:
        """Take what was noted in an earlier run."""
        try:
            known = json.loads(text) if text else None
            if known is None or known["address"] != self._address:
                return
            remembered = _Remembered(
                self._address, str(known["reason"]), float(known["since"])
            )
        except ValueError, KeyError, TypeError:
            return
        if self._settings.reader is StreamReader.AUTO:
            self._remembered, self._ffmpeg = remembered, True

    def to_note(self) -> str:
        """Return what is to be noted, empty for our own reader."""
        if (known := self._remembered) is None:
            return ""
        return json.dumps(
            {"address": known.address, "reason": known.reason, "since": known.since}
        )

    def source(self, url: str, audio: bool, sink: Sink) -> Source:
        """Return the next source; see ``SourceFactory``."""
        if self._settings.reader is StreamReader.AUTO:
            self._decide()
        attempt = self._attempt = _Attempt(sink, self._ffmpeg, self._pictured)
        self.used = StreamReader.FFMPEG if self._ffmpeg else StreamReader.OWN
        if self._ffmpeg:
            return PyAvSource(url, audio, attempt)
        return self._own.source(url, audio, attempt, basic=self._settings.basic)

    def _decide(self) -> None:
        """Choose the reader, by how the last one did."""
        last, known = self._attempt, self._remembered
        if last is not None and last.failed:
            reason = last.error
            trial = last.ffmpeg and known is None
            if reason is None or isinstance(reason, _DOUBTS) or trial:
                self._ffmpeg = not last.ffmpeg
                if not last.ffmpeg:
                    self._doubt = (reason or StreamStalledError("")).key
        if known is not None and not 0 <= time.time() - known.since < _REMEMBERED:
            self._remembered, self._ffmpeg = None, False

    def _pictured(self, attempt: _Attempt) -> None:
        """Note that a reader gets pictures; called in its thread."""
        if self._settings.reader is not StreamReader.AUTO:
            return
        if attempt.ffmpeg == (self._remembered is not None):
            return
        self._remembered = (
            _Remembered(self._address, self._doubt, time.time())
            if attempt.ffmpeg
            else None
        )
        self._on_learnt()


class _Attempt:
    """One opening of a stream: passes all on and sees whether there are pictures."""

    def __init__(
        self, sink: Sink, ffmpeg: bool, on_picture: Callable[[_Attempt], None]
    ) -> None:
        self._sink = sink
        self._on_picture = on_picture
        self._begun = time.monotonic()
        self._pictured = False
        self.ffmpeg = ffmpeg
        self.error: StreamError | None = None

    @property
    def failed(self) -> bool:
        """Whether it has ended, or was long enough open, without a picture."""
        if self._pictured:
            return False
        return self.error is not None or time.monotonic() - self._begun > _ENOUGH

    def opened(self, video: VideoFormat, audio: AudioFormat | None) -> None:
        """Pass it on."""
        self._sink.opened(video, audio)

    def video(
        self, units: Sequence[bytes], decode: int, present: int, arrived: float
    ) -> None:
        """Pass it on."""
        if not self._pictured:
            self._pictured = True
            self._on_picture(self)
        self._sink.video(units, decode, present, arrived)

    def audio(self, data: bytes, present: int) -> None:
        """Pass it on."""
        self._sink.audio(data, present)

    def closed(self, error: StreamError) -> None:
        """Pass it on."""
        self.error = error
        self._sink.closed(error)


def _note(folder: str) -> str:
    return f"reader:{folder}"


def _fingerprint(url: str) -> str:
    """Return what tells one address from another, without the password."""
    try:
        parts = urlsplit(url)
        place = f"{parts.hostname}:{parts.port}{parts.path}?{parts.query}"
    except ValueError:
        place = ""
    return hashlib.sha256(place.encode()).hexdigest()[:16]
