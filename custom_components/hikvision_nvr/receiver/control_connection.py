"""The control connection (RFC 959): lines in, replies out, encrypted after AUTH TLS.

Its TLS works in memory, as that of the data connections does: asyncio's own would keep
a quarter of a mebibyte for each camera that is connected.
"""

import asyncio
import ssl
from typing import override

from .memory_tls import MemoryTls

_BLOCK_SIZE = 4096
"""Bytes that are read at once: commands are short."""
_MAX_LINE = 8192
_PAUSE_ABOVE = 2 * _MAX_LINE
"""Bytes of commands received but not yet read, at which the client is made to wait."""


class ControlConnection(asyncio.BufferedProtocol):
    """Lines of commands in, replies out."""

    def __init__(self, transport: asyncio.Transport) -> None:
        """Take over a connected transport, of which nothing has been read."""
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._tls: MemoryTls | None = None
        self._block = bytearray(_BLOCK_SIZE)
        self._received = bytearray()
        self._ended = False
        self._error: OSError | None = None
        self._waiting: asyncio.Future[None] | None = None
        self._writing_paused = False
        transport.set_protocol(self)

    async def read_line(self, timeout: float) -> bytes:
        """Return the next line with its end, or what came before the connection ended.

        Raises TimeoutError after ``timeout`` seconds without a whole line, ValueError
        when it is too long.
        """
        deadline = self._loop.time() + timeout
        while not (end := self._received.find(b"\n") + 1):
            if self._ended or len(self._received) > _MAX_LINE:
                end = len(self._received)
                break
            await self._news(deadline)
        if end > _MAX_LINE:
            raise ValueError("The line is too long")
        line = bytes(self._received[:end])
        del self._received[:end]
        self._transport.resume_reading()
        return line

    @property
    def has_unread(self) -> bool:
        """Whether bytes have been received that were not read."""
        return bool(self._received)

    def write(self, data: bytes) -> None:
        """Send a reply. To a client that has gone it is no error of ours."""
        if self._transport.is_closing():
            return
        self._transport.write(data if self._tls is None else self._tls.encrypt(data))

    async def drain(self, timeout: float) -> None:
        """Wait until the client takes its replies.

        Raises TimeoutError when it has not after ``timeout`` seconds.
        """
        deadline = self._loop.time() + timeout
        while self._writing_paused and not self._ended:
            await self._news(deadline)

    async def start_tls(self, context: ssl.SSLContext, timeout: float) -> None:
        """Encrypt from here on. Raises OSError, TimeoutError after ``timeout`` seconds.

        Nothing may be unread: it could be taken for what came encrypted (the class of
        CVE-2011-0411).
        """
        assert not self._received
        tls = self._tls = MemoryTls(context)
        deadline = self._loop.time() + timeout
        while not tls.established:
            if self._ended:
                raise self._error or ConnectionResetError("closed in the handshake")
            await self._news(deadline)

    def close(self) -> None:
        """Close the connection after what was written, with close_notify if encrypted."""
        if self._tls is not None and not self._transport.is_closing():
            self._transport.write(self._tls.say_goodbye())
        self._transport.close()

    def abort(self) -> None:
        """Close the connection at once."""
        self._transport.abort()

    @override
    def get_buffer(self, sizehint: int) -> bytearray:
        return self._block

    @override
    def buffer_updated(self, nbytes: int) -> None:
        received = memoryview(self._block)[:nbytes]
        if self._tls is None:
            self._received += received
        else:
            self._decrypt(self._tls, received)
        if len(self._received) > _PAUSE_ABOVE:
            self._transport.pause_reading()
        self._wake()

    @override
    def eof_received(self) -> bool:
        self._ended = True
        self._wake()
        # A client that has said everything may still want to hear the replies.
        return self._tls is None

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._ended = True
        self._wake()

    @override
    def pause_writing(self) -> None:
        self._writing_paused = True

    @override
    def resume_writing(self) -> None:
        self._writing_paused = False
        self._wake()

    def _decrypt(self, tls: MemoryTls, received: memoryview) -> None:
        blocks: list[bytes] = []
        try:
            self._ended = not tls.receive(received, blocks)
        except ssl.SSLError as err:
            self._ended, self._error = True, err
        self._received += b"".join(blocks)
        # After an error this is the alert that tells the client of it.
        if to_send := tls.to_send():
            self._transport.write(to_send)
        if self._error is not None:
            self._transport.close()

    async def _news(self, deadline: float) -> None:
        """Wait until something has come or changed. Raises TimeoutError."""
        self._waiting = self._loop.create_future()
        timer = self._loop.call_at(deadline, self._time_out)
        try:
            await self._waiting
        finally:
            self._waiting = None
            timer.cancel()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def _time_out(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(TimeoutError("nothing came"))
