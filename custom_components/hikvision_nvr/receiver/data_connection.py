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

    def __init__(self, connection: socket.socket, tls: MemoryTls | None) -> None:
        """Take a connected socket that does not block, and its TLS if encrypted."""
        self._socket = connection
        self._tls = tls
        self._loop = asyncio.get_running_loop()
        self._blocks: list[bytes] = []
        self._size = 0
        self._error: OSError | None = None
        self._ended = False
        self._reading = False
        self._waiting: asyncio.Future[None] | None = None
        if tls is not None and tls.incoming.pending:
            # The first data may have come with the end of the handshake.
            self._take(tls.incoming.read())
        self._resume()

    async def read(self, timeout: float) -> bytes:
        """Return the next bytes, or none at the end.

        Raises ConnectionError when the connection was reset, TimeoutError when
        nothing came for ``timeout`` seconds.
        """
        before = self._size
        if self._size < _BLOCK_SIZE and not self._ended:
            self._waiting = self._loop.create_future()
            deadline = self._loop.call_later(timeout, self._wake)
            try:
                await self._waiting
            finally:
                self._waiting = None
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
            self._tls.engine.write(data)
            data = self._tls.outgoing.read()
        async with asyncio.timeout(timeout):
            await self._loop.sock_sendall(self._socket, data)
        self.close()

    def close(self) -> None:
        """Close the connection, encrypted ones with close_notify."""
        if self._socket.fileno() >= 0 and self._tls is not None:
            with suppress(OSError):
                self._socket.send(self._tls.say_goodbye())
        self.abort()

    def abort(self) -> None:
        """Close the connection at once."""
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
                goes_on = self._tls.decrypt(received, self._blocks)
            except ssl.SSLError as err:
                self._end(err)
                return
        self._size += sum(map(len, self._blocks[first:]))
        if not goes_on:
            self._end(None)
        elif self._size >= _BLOCK_SIZE:
            self._wake()

    def _end(self, error: OSError | None) -> None:
        self._ended = True
        self._error = error
        if error is None:
            # At once: some clients wait for it before they listen to the reply.
            self.close()
        else:
            self.abort()
        self._wake()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)


async def start_data_connection(
    connection: socket.socket, context: ssl.SSLContext | None
) -> DataConnection:
    """Go on with a connected socket, encrypted with a context.

    The server's side of TLS is ours also where we have connected (RFC 4217). Raises
    OSError.
    """
    connection.setblocking(False)
    tls = None
    if context is not None:
        tls = MemoryTls(context)
        try:
            async with asyncio.timeout(_HANDSHAKE_TIMEOUT):
                await tls.shake_hands(connection)
        except BaseException:
            connection.close()
            raise
    return DataConnection(connection, tls)
