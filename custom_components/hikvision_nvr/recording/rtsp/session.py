"""A session: from a camera's address to its packets, and kept alive."""

import asyncio
from collections.abc import Mapping
import contextlib
import logging
import time

from ...errors import (
    StreamBasicError,
    StreamBusyError,
    StreamEndedError,
    StreamError,
    StreamNotFoundError,
    StreamStalledError,
    StreamUnauthorizedError,
    StreamUnsupportedError,
)
from ..source import Sink
from .address import Address
from .authentication import Authentication
from .connection import Connection, connect
from .media import choose_audio, choose_video
from .messages import (
    Message,
    TrackInfo,
    parse_channels,
    parse_rtp_info,
    parse_session,
)
from .pacing import Pacer
from .reception import Reception
from .sdp import Media, control_url, parse_description

_LOGGER = logging.getLogger(__name__)

SILENCE = 10.0
"""Seconds without a byte, or at first without a picture, that end a stream."""
_NO_PICTURE = 20.0
"""Seconds without a picture later on, whatever else comes."""
_MOST_REDIRECTS = 3
_REDIRECTS = (301, 302, 303, 305, 307)
_LOOK = 2.0
"""Seconds between two looks at whether anything still comes."""
_LONGEST_KEEP_ALIVE = 30.0
_GOODBYE = 0.5
"""Seconds that a camera has to answer that it ends a session."""
_UNANSWERABLE = (405, 451, 454, 501, 551)
"""Statuses after which a keep-alive is asked in another way."""


class Session:
    """Reads one stream until it ends or is cancelled."""

    def __init__(
        self,
        address: Address,
        sink: Sink,
        scratch: bytearray,
        pacer: Pacer,
        *,
        audio: bool,
        basic: bool,
    ) -> None:
        """Read ``address`` into ``sink``; ``basic`` allows a password as it is."""
        self._address = address
        self._sink = sink
        self._scratch = scratch
        self._pacer = pacer
        self._with_audio = audio
        self._basic = basic
        self._connection: Connection | None = None
        self._authentication = Authentication("", "", basic=False)
        self._methods: frozenset[str] = frozenset()
        self._session = ""
        self._timeout = 60
        self._base = ""
        self._aggregate = ""
        self._controls: tuple[str, str | None] = ("", None)
        self._rejected = False

    async def run(self) -> None:
        """Read the stream. It ends with StreamError, or by cancellation."""
        for _ in range(_MOST_REDIRECTS + 1):
            location = await self._run_at(self._address)
            if location is None:
                raise StreamEndedError("The camera has ended the stream")
            try:
                self._address = self._address.redirected(location)
            except ValueError as err:
                raise StreamNotFoundError(str(err)) from err
        raise StreamNotFoundError("The camera sends us from one address to the next")

    async def _run_at(self, address: Address) -> str | None:
        """Read a stream from an address; return where it has sent us."""
        connection = await connect(address, self._scratch, self._pacer)
        self._connection = connection
        self._session = ""
        self._authentication = Authentication(
            address.username, address.password, basic=self._basic
        )
        reception: Reception | None = None
        try:
            description = await self._describe(address.url)
            if description.status in _REDIRECTS:
                return description.first("location")
            reception = await self._set_up(description)
            await self._play(reception)
            await self._watch(reception)
        except StreamError:
            if connection.redirected is None:
                raise
            return connection.redirected
        finally:
            if reception is not None:
                reception.finish()
                if said := reception.describe():
                    _LOGGER.debug("A stream has ended: %s", said)
            await self._leave(connection)
        return None

    async def _describe(self, url: str) -> Message:
        options = await self._request("OPTIONS", url, {}, needed=False)
        if options is not None and options.status == 200:
            offered = ",".join(options.all("public")).upper().split(",")
            self._methods = frozenset(one.strip() for one in offered)
        description = await self._request(
            "DESCRIBE", url, {"Accept": "application/sdp"}
        )
        self._base = (
            description.first("content-base")
            or description.first("content-location")
            or url
        )
        if not self._base.lower().startswith("rtsp"):
            self._base = url
        return description

    async def _set_up(self, described: Message) -> Reception:
        connection = self._open()
        description = parse_description(described.body)
        video = choose_video(description)
        audio = choose_audio(description) if self._with_audio else None
        channels = await self._set_up_medium(video[0], 0)
        audio_channels: tuple[int, int] | None = None
        if audio is not None:
            try:
                audio_channels = await self._set_up_medium(audio[0], 2)
            except (
                StreamUnsupportedError,
                StreamBusyError,
                StreamNotFoundError,
            ) as err:
                _LOGGER.debug("The sound of a stream is left out: %s", err)
                audio = None
        if audio_channels is not None and set(audio_channels) & set(channels):
            audio, audio_channels = None, None
        self._sink.opened(video[1], None if audio is None else audio[1])
        reception = Reception(
            self._sink, video, audio, connection.fail, lambda: connection.arrived
        )
        connection.channels[channels[0]] = reception.video_packet
        connection.channels[channels[1]] = reception.video_control
        if audio_channels is not None:
            connection.channels[audio_channels[0]] = reception.audio_packet
            connection.channels[audio_channels[1]] = reception.audio_control
        aggregate = control_url(self._base, description.control)
        self._aggregate = aggregate
        self._controls = (
            control_url(self._base, video[0].control),
            None if audio is None else control_url(self._base, audio[0].control),
        )
        return reception

    async def _set_up_medium(self, medium: Media, first: int) -> tuple[int, int]:
        """Ask for a medium; return its channels."""
        transport = f"RTP/AVP/TCP;unicast;interleaved={first}-{first + 1}"
        reply = await self._request(
            "SETUP", control_url(self._base, medium.control), {"Transport": transport}
        )
        if session := reply.first("session"):
            self._session, self._timeout = parse_session(session)
        try:
            return parse_channels(reply.first("transport"), first)
        except ValueError as err:
            raise StreamUnsupportedError(str(err)) from err

    async def _play(self, reception: Reception) -> None:
        reply = await self._request("PLAY", self._aggregate, {"Range": "npt=0.000-"})
        video, audio = self._controls
        tracks = parse_rtp_info(reply.first("rtp-info"))
        reception.started(
            _track(tracks, video), None if audio is None else _track(tracks, audio)
        )
        self._open().batched = True

    async def _watch(self, reception: Reception) -> None:
        """Keep the session alive until the camera is silent or ends it."""
        connection = self._open()
        interval = min(max(self._timeout / 2, 1.0), _LONGEST_KEEP_ALIVE)
        begun = time.monotonic()
        due = begun + interval
        while True:
            now = time.monotonic()
            limit = SILENCE if not reception.pictures else _NO_PICTURE
            since = begun if not reception.pictures else reception.last_picture
            if now - connection.arrived > SILENCE or now - since > limit:
                raise StreamStalledError("The camera has sent nothing for too long")
            if now >= due:
                self._keep_alive()
                due = now + interval
            pause = min(_LOOK, SILENCE / 4, due - now)
            await asyncio.wait((connection.ended,), timeout=pause)
            if connection.ended.done():
                connection.ended.result()

    def _keep_alive(self, *, again: bool = True) -> None:
        """Ask something that does not matter; whatever comes back, media count."""
        get = "GET_PARAMETER" in self._methods and not self._rejected
        method, url = "GET_PARAMETER" if get else "OPTIONS", self._aggregate

        def answered(future: asyncio.Future[Message]) -> None:
            if future.cancelled() or future.exception() is not None:
                return
            answer = future.result()
            if answer.status in _UNANSWERABLE:
                self._rejected = True
            elif answer.status == 401:
                renewed = self._authentication.challenged(
                    answer.all("www-authenticate")
                )
                if renewed and again and self._connection is not None:
                    self._keep_alive(again=False)

        reply = self._open().send(method, url, self._headers(method, url))
        reply.add_done_callback(answered)

    async def _leave(self, connection: Connection) -> None:
        """End the session, so that the camera has room for the next one."""
        try:
            if self._session and not connection.ended.done():
                url = self._aggregate or self._base
                reply = connection.send("TEARDOWN", url, self._headers("TEARDOWN", url))
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.wait((reply, connection.ended), timeout=_GOODBYE)
        finally:
            await connection.close()
            self._connection = None

    async def _request(
        self, method: str, url: str, headers: Mapping[str, str], *, needed: bool = True
    ) -> Message:
        """Send a request, with a login where one is asked for. Raises StreamError."""
        connection = self._open()
        # An expired nonce may be followed by another, but not for ever.
        for _ in range(3):
            reply = await connection.request(
                method, url, {**headers, **self._headers(method, url)}
            )
            if reply.status != 401:
                self._authentication.accepted()
                break
            if not self._authentication.challenged(reply.all("www-authenticate")):
                self._refused()
        else:
            self._refused()
        if not needed or reply.status == 200:
            return reply
        if reply.status in _REDIRECTS and reply.first("location"):
            if method == "DESCRIBE":
                return reply
            connection.redirected = reply.first("location")
            raise StreamEndedError("The camera has sent us elsewhere")
        raise _refusal(reply.status or 0)

    def _refused(self) -> None:
        """Tell that a login has failed. Raises StreamError."""
        if self._authentication.only_basic:
            raise StreamBasicError("The camera wants the password unprotected")
        if self._authentication.proven:
            # It was right a moment ago: a new connection will tell.
            raise StreamEndedError("The camera has ended the session")
        raise StreamUnauthorizedError("The camera refuses the user or password")

    def _headers(self, method: str, url: str) -> dict[str, str]:
        headers = {"Session": self._session} if self._session else {}
        if authorization := self._authentication.authorization(method, url):
            headers["Authorization"] = authorization
        return headers

    def _open(self) -> Connection:
        assert self._connection is not None
        return self._connection


def _track(tracks: list[TrackInfo], control: str) -> TrackInfo | None:
    """Return what RTP-Info says of a control URL, which it may shorten."""
    return next(
        (
            one
            for one in tracks
            if one.url and (control.endswith(one.url) or one.url.endswith(control))
        ),
        None,
    )


def _refusal(status: int) -> StreamError:
    """Return what a status means (RFC 2326, section 11)."""
    if status in {401, 403}:
        return StreamUnauthorizedError("The camera refuses the user or password")
    if status in {404, 410}:
        return StreamNotFoundError("The camera has no such stream")
    if status in {406, 415, 456, 461, 505, 551}:
        return StreamUnsupportedError(
            f"The camera does not send its stream over TCP (status {status})"
        )
    return StreamBusyError(f"The camera serves no more streams (status {status})")
