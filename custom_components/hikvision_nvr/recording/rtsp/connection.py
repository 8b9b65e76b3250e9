"""One connection to a camera: requests with their replies, and packets in between."""

import asyncio
from collections.abc import Mapping
import contextlib
import ipaddress
import logging
import socket
import ssl
import time
from typing import Any, override

from ...errors import (
    StreamEndedError,
    StreamError,
    StreamStalledError,
    StreamUnreachableError,
)
from .address import Address
from .framing import Demultiplexer, FramingError
from .messages import Message, format_reply, format_request
from .pacing import Pacer

_LOGGER = logging.getLogger(__name__)

PATIENCE = 10.0
"""Seconds for connecting, and for each reply."""
SCRATCH = 1 << 20
"""Bytes that one read can bring; larger than any message or packet."""
_RECEIVE_BUFFER = 1 << 20
_AGENT = "hikvision_nvr"
_KNOWN_REQUESTS = ("OPTIONS", "GET_PARAMETER", "SET_PARAMETER")
_MOST_WRITTEN = 64 << 10
"""Bytes that may wait for a camera that reads nothing."""


class Connection(asyncio.BufferedProtocol):
    """An open connection. All of it belongs to one loop.

    What was read waits in ``scratch`` only while it is taken apart, so that all
    connections of a loop share it; each keeps the piece of a packet that is left.
    """

    def __init__(self, scratch: bytearray, pacer: Pacer) -> None:
        """Read into ``scratch``, which has ``SCRATCH`` bytes."""
        self._scratch = memoryview(scratch)
        self._pacer = pacer
        self._rest = b""
        self._transport: asyncio.Transport | None = None
        self._full = _RECEIVE_BUFFER // 4
        self._sequence = 0
        self._replies: dict[int, asyncio.Future[Message]] = {}
        self._demultiplexer = Demultiplexer(self._on_message)
        self.channels = self._demultiplexer.channels
        """Who takes the packets of a channel."""
        self.batched = False
        """Whether to read only a few times a second."""
        self.arrived = time.monotonic()
        """When something came last, by the monotonic clock."""
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Fails with StreamError when the connection is no more."""
        # Nobody may be waiting for it.
        self.ended.add_done_callback(lambda future: future.exception())
        self.redirected: str | None = None
        """Where the camera has sent us without being asked (RFC 2326, 10.10)."""

    # What asyncio calls.

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(high=_MOST_WRITTEN)
        connected = transport.get_extra_info("socket")
        if connected is not None:
            size = connected.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
            self._full = min(size // 3, SCRATCH // 4)

    @override
    def get_buffer(self, sizehint: int) -> memoryview:
        """Return where to read to: behind what is left of the last time."""
        rest = self._rest
        self._scratch[: len(rest)] = rest
        return self._scratch[len(rest) :]

    @override
    def buffer_updated(self, nbytes: int) -> None:
        """Take apart what has come."""
        self.arrived = time.monotonic()
        size = len(self._rest) + nbytes
        try:
            used = self._demultiplexer.feed(self._scratch[:size])
        except FramingError as err:
            self._fail(StreamEndedError(str(err)))
            return
        except Exception as err:
            # What is wrong with one stream must not be felt by the others.
            _LOGGER.exception("A stream cannot be taken apart")
            self._fail(StreamEndedError(f"The stream cannot be read: {err!r}"))
            return
        self._rest = bytes(self._scratch[used:size])
        transport = self._transport
        if self.batched and transport is not None and not transport.is_closing():
            self._pacer.pause(transport, full=nbytes >= self._full)

    @override
    def eof_received(self) -> None:
        """Note that the camera has closed the connection."""
        self._fail(StreamEndedError("The camera has ended the stream"))

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        """Note that there is no connection any more."""
        self._fail(StreamEndedError("The camera has ended the connection"))

    # What a session calls.

    async def request(
        self, method: str, url: str, headers: Mapping[str, str]
    ) -> Message:
        """Send a request and return the reply. Raises StreamError."""
        reply = self.send(method, url, headers)
        try:
            await asyncio.wait(
                (reply, self.ended),
                timeout=PATIENCE,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if reply.done():
                return reply.result()
            if self.ended.done():
                self.ended.result()
            raise StreamStalledError("The camera does not answer")
        finally:
            reply.cancel()

    def send(
        self, method: str, url: str, headers: Mapping[str, str]
    ) -> asyncio.Future[Message]:
        """Send a request; its reply comes at some time, or never."""
        self._sequence += 1
        reply: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._replies[self._sequence] = reply
        if len(self._replies) > 16:
            # Keep-alives that the camera does not answer.
            self._replies.pop(next(iter(self._replies))).cancel()
        named = {"User-Agent": _AGENT, **headers}
        self._write(format_request(method, url, self._sequence, named))
        return reply

    def fail(self, error: StreamError) -> None:
        """End the stream for a reason of our own."""
        self._fail(error)

    async def close(self) -> None:
        """End the connection at once."""
        self._fail(StreamEndedError("The stream was closed"))
        # The transport tells the protocol of its end in the loop's next turn.
        await asyncio.sleep(0)

    def _on_message(self, message: Message) -> None:
        sequence = message.number("cseq")
        if message.status is not None:
            # Some firmware does not repeat the number: then it is the oldest's.
            waiting = self._replies
            if sequence not in waiting:
                sequence = next(iter(waiting), None) if sequence is None else None
            if sequence is not None:
                reply = waiting.pop(sequence)
                if not reply.done():
                    reply.set_result(message)
            return
        if message.method == "REDIRECT":
            self.redirected = message.first("location") or None
            self._fail(StreamEndedError("The camera has sent us elsewhere"))
            return
        known = message.method in _KNOWN_REQUESTS
        status, reason = (200, "OK") if known else (501, "Not Implemented")
        self._write(format_reply(status, reason, sequence or 0))
        if message.method in {"ANNOUNCE", "TEARDOWN"}:
            self._fail(StreamEndedError("The camera has changed the stream"))

    def _write(self, data: bytes) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if transport.get_write_buffer_size() > _MOST_WRITTEN:
            self._fail(StreamStalledError("The camera takes no requests"))
            return
        transport.write(data)

    def _fail(self, error: StreamError) -> None:
        if not self.ended.done():
            self.ended.set_exception(error)
        if self._transport is not None and not self._transport.is_closing():
            self._transport.abort()


async def connect(address: Address, scratch: bytearray, pacer: Pacer) -> Connection:
    """Open a connection. Raises StreamUnreachableError."""
    try:
        async with asyncio.timeout(PATIENCE):
            return await _connect(address, scratch, pacer)
    except TimeoutError:
        raise StreamUnreachableError(
            "The camera does not answer: timeout", error="timeout"
        ) from None
    except OSError as err:
        reason = err.strerror or type(err).__name__
        raise StreamUnreachableError(
            f"The camera does not answer: {reason}", error=reason
        ) from err


async def _connect(address: Address, scratch: bytearray, pacer: Pacer) -> Connection:
    loop = asyncio.get_running_loop()
    failure = OSError("the name is unknown")
    for family, place in await _places(address):
        connected = socket.socket(family, socket.SOCK_STREAM)
        try:
            connected.setblocking(False)
            # Before it connects: how much may come at once is agreed on then.
            with contextlib.suppress(OSError):
                connected.setsockopt(
                    socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER
                )
            await loop.sock_connect(connected, place)
        except OSError as err:
            connected.close()
            failure = err
            continue
        except BaseException:
            connected.close()
            raise
        _, connection = await loop.create_connection(
            lambda: Connection(scratch, pacer),
            sock=connected,
            ssl=_tls() if address.encrypted else None,
            server_hostname=address.host if address.encrypted else None,
        )
        return connection
    raise failure


async def _places(address: Address) -> list[tuple[int, tuple[Any, ...]]]:
    """Return where to connect to; only a name needs to be looked up."""
    host, _, _ = address.host.partition("%")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        found = await asyncio.get_running_loop().getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM
        )
    else:
        # Nothing is asked of anybody, so nothing waits.
        found = socket.getaddrinfo(
            address.host,
            address.port,
            type=socket.SOCK_STREAM,
            flags=socket.AI_NUMERICHOST,
        )
    return [(family, place) for family, _, _, _, place in found]


def _tls() -> ssl.SSLContext:
    """Return what encrypts a stream.

    A camera's certificate is its own: what it says of its name cannot be checked. The
    password is safe all the same, because it is sent as a digest.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
