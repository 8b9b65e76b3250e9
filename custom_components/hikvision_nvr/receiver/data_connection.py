"""One data connection (RFC 959): the bytes of one transfer.

It works on a socket and not on asyncio's transports: a camera opens one for each
picture, and most of what a transport does for it would cost more than the picture.
"""

import asyncio
from contextlib import suppress
import socket
import ssl

from .memory_tls import MemoryTls

_BLOCK_SIZE = 256 * 1024
"""Bytes that are read at once, and collected before they are handed on."""
_PAUSE_ABOVE = 4 * 1024 * 1024
"""Bytes received but not yet taken, at which the camera is made to wait."""

_HANDSHAKE_TIMEOUT = 20.0
"""Seconds: small cameras need several for a key exchange."""


class DataConnection:
    """The bytes of one transfer. A connection that ends is no error, a reset is."""

    def __init__(
        self, connection: socket.socket, context: ssl.SSLContext | None
    ) -> None:
        """Take a connected socket; with a context it is encrypted.

        The server's side of TLS is ours also where we have connected (RFC 4217).
        """
        connection.setblocking(False)
        self._socket = connection
        self._tls = None if context is None else MemoryTls(context)
        self._loop = asyncio.get_running_loop()
        self._blocks: list[bytes] = []
        self._size = 0
        self._error: OSError | None = None
        self._ended = False
        self._reading = False
        self._waiting: asyncio.Future[None] | None = None
        self._handshake_timer: asyncio.TimerHandle | None = None
        if self._tls is not None:
            self._handshake_timer = self._loop.call_later(
                _HANDSHAKE_TIMEOUT, self._end, TimeoutError("no TLS handshake")
            )
        self._resume()

    async def secured(self) -> None:
        """Wait until the connection can be used. Raises OSError."""
        while self._handshake_timer is not None and not self._ended:
            await self._news()
        if self._tls is not None and not self._tls.established:
            raise self._error or ConnectionResetError("closed in the TLS handshake")

    async def read(self, timeout: float) -> bytes:
        """Return the next bytes, or none at the end.

        Raises ConnectionError when the connection was reset, TimeoutError when
        nothing came for ``timeout`` seconds.
        """
        before = self._size
        if self._size < _BLOCK_SIZE and not self._ended:
            deadline = self._loop.call_later(timeout, self._wake)
            try:
                await self._news()
            finally:
                deadline.cancel()
            if self._size == before and not self._ended:
                raise TimeoutError("nothing came")
        if not self._blocks and self._error is not None:
            raise ConnectionResetError(str(self._error)) from self._error
        data = b"".join(self._blocks)
        self._blocks.clear()
        self._size = 0
        self._resume()
        return data

    async def send(self, data: bytes, timeout: float) -> None:
        """Send everything and close. Raises OSError, TimeoutError after ``timeout``."""
        if self._tls is not None:
            data = self._tls.encrypt(data)
        async with asyncio.timeout(timeout):
            await self._loop.sock_sendall(self._socket, data)
        self.close()

    def close(self) -> None:
        """Close the connection, encrypted ones with close_notify."""
        tls = self._tls
        if self._socket.fileno() >= 0 and tls is not None and tls.established:
            with suppress(OSError):
                self._socket.send(tls.say_goodbye())
        self.abort()

    def abort(self) -> None:
        """Close the connection at once."""
        if self._handshake_timer is not None:
            self._handshake_timer.cancel()
        if self._socket.fileno() >= 0:
            self._pause()
            self._socket.close()

    def _resume(self) -> None:
        if not self._reading and not self._ended:
            self._reading = True
            self._loop.add_reader(self._socket, self._readable)

    def _pause(self) -> None:
        if self._reading:
            self._reading = False
            self._loop.remove_reader(self._socket)

    def _readable(self) -> None:
        try:
            received = self._socket.recv(_BLOCK_SIZE)
        except BlockingIOError, InterruptedError:
            return
        except OSError as err:
            self._end(err)
            return
        self._take(received)
        if self._size > _PAUSE_ABOVE:
            self._pause()

    def _take(self, received: bytes) -> None:
        first = len(self._blocks)
        goes_on = bool(received)
        if self._tls is None:
            self._blocks.append(received)
        else:
            try:
                goes_on = self._tls.receive(received, self._blocks)
            except ssl.SSLError as err:
                self._answer(self._tls)
                self._end(err)
                return
            self._answer(self._tls)
            if self._handshake_timer is not None and self._tls.established:
                self._handshake_timer.cancel()
                self._handshake_timer = None
                self._wake()
        self._size += sum(map(len, self._blocks[first:]))
        if not goes_on:
            self._end(None)
        elif self._size >= _BLOCK_SIZE:
            self._wake()

    def _answer(self, tls: MemoryTls) -> None:
        """Send the server's part of the handshake, or what is wrong with the client's.

        Nothing else is sent before, so the socket has room for these few kilobytes.
        """
        if to_send := tls.to_send():
            with suppress(OSError):
                self._socket.send(to_send)

    def _end(self, error: OSError | None) -> None:
        self._ended = True
        self._error = error
        if error is None:
            # At once: some clients wait for it before they listen to the reply.
            self.close()
        else:
            self.abort()
        self._wake()

    async def _news(self) -> None:
        self._waiting = self._loop.create_future()
        try:
            await self._waiting
        finally:
            self._waiting = None

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
