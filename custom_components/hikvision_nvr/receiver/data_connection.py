"""Data connections (RFC 959, RFC 2428): one port, one peer, one transfer."""

import asyncio
from collections import deque
from collections.abc import Iterable
import errno
import ssl
from typing import cast

_BUFFER_SIZE = 128 * 1024
_PAUSE_ABOVE = 4 * 1024 * 1024
"""Bytes received but not yet taken, at which the camera is made to wait."""

_HANDSHAKE_TIMEOUT = 20.0
"""Seconds: small cameras need several for a key exchange."""
_SHUTDOWN_TIMEOUT = 5.0
"""Seconds to wait for the peer's end of TLS, which few send."""


class DataConnection(asyncio.BufferedProtocol):
    """The bytes of one transfer. A connection that ends is no error, a reset is."""

    def __init__(self) -> None:
        """Wait for the transport."""
        self._transport: asyncio.Transport | None = None
        self._buffer = memoryview(bytearray(_BUFFER_SIZE))
        self._received: deque[bytes] = deque()
        self._size = 0
        self._paused = False
        self._ended = False
        self._error: Exception | None = None
        self._changed = asyncio.Event()
        self._lost = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.Transport, transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return where the next bytes go."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Take bytes, and pause the peer when it is faster than the disk."""
        self._received.append(bytes(self._buffer[:nbytes]))
        self._size += nbytes
        if self._size > _PAUSE_ABOVE and not self._paused and self._transport:
            self._paused = True
            self._transport.pause_reading()
        self._changed.set()

    def eof_received(self) -> bool:
        """Note the end of the data."""
        self._ended = True
        self._changed.set()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Note the end of the connection."""
        self._error = exc
        self._ended = True
        self._changed.set()
        if not self._lost.done():
            self._lost.set_result(None)

    async def read(self, timeout: float) -> bytes:
        """Return the next bytes, or none at the end.

        Raises ConnectionError when the connection was reset, TimeoutError when
        nothing came for ``timeout`` seconds.
        """
        while not self._received:
            if self._error is not None:
                raise ConnectionResetError(str(self._error)) from self._error
            if self._ended:
                return b""
            self._changed.clear()
            async with asyncio.timeout(timeout):
                await self._changed.wait()
        data = (
            self._received.popleft()
            if len(self._received) == 1
            else b"".join(self._received)
        )
        self._received.clear()
        self._size = 0
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
        return data

    async def send(self, data: bytes, timeout: float) -> None:
        """Send everything and close. Raises TimeoutError after ``timeout`` seconds."""
        assert self._transport is not None
        self._transport.write(data)
        self._transport.close()
        try:
            async with asyncio.timeout(timeout):
                await asyncio.shield(self._lost)
        except TimeoutError:
            self._transport.abort()
            raise

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close the connection at once."""
        if self._transport is not None:
            self._transport.abort()


class PassivePorts:
    """The ports that may be used for data connections, taken in turn."""

    def __init__(self, ports: Iterable[int]) -> None:
        """Use these ports; 0 stands for any that the system has."""
        self._free = deque(ports)
        self._any = 0 in self._free

    async def listen(
        self, host: str, peer: str, context: ssl.SSLContext | None
    ) -> PassiveListener:
        """Listen on the next free port for one connection from ``peer``.

        Raises OSError (EADDRINUSE) when every port is taken.
        """
        for _ in range(len(self._free)):
            port = 0 if self._any else self._free.popleft()
            listener = PassiveListener(self, port, peer, context)
            try:
                await listener.listen(host)
            except OSError as err:
                self.release(port)
                if err.errno != errno.EADDRINUSE:
                    raise
            else:
                return listener
        raise OSError(errno.EADDRINUSE, "No passive port is free")

    def release(self, port: int) -> None:
        """Take a port back. The one used longest ago is used next."""
        if not self._any:
            self._free.append(port)


class PassiveListener:
    """A port that is open for one connection from one address."""

    def __init__(
        self, ports: PassivePorts, port: int, peer: str, context: ssl.SSLContext | None
    ) -> None:
        """Take ``port`` until the peer has connected."""
        self._ports = ports
        self._taken = port
        self._peer = peer
        self._context = context
        self._server: asyncio.Server | None = None
        self._handshake: asyncio.Task[None] | None = None
        loop = asyncio.get_running_loop()
        self._connection: asyncio.Future[DataConnection] = loop.create_future()
        self.port = port

    async def listen(self, host: str) -> None:
        """Open the port. Raises OSError."""
        self._server = await asyncio.get_running_loop().create_server(
            lambda: _Caller(self), host, self._taken, backlog=4
        )
        self.port = self._server.sockets[0].getsockname()[1]

    def called(self, transport: asyncio.Transport) -> None:
        """Take the first connection from the peer; turn all others away."""
        if (
            self._server is None
            or transport.get_extra_info("peername")[0] != self._peer
        ):
            transport.abort()
            return
        self._close_port()
        # The peer may speak TLS before it sends the command that wants the data.
        transport.pause_reading()
        self._handshake = asyncio.create_task(self._start(transport))

    async def accept(self, timeout: float) -> DataConnection:
        """Return the connection.

        Raises TimeoutError after ``timeout`` seconds, OSError when TLS fails.
        """
        try:
            async with asyncio.timeout(timeout):
                return await self._connection
        finally:
            self._close_port()

    def close(self) -> None:
        """Close the port, and the connection that nobody has taken."""
        self._close_port()
        if self._handshake is not None:
            self._handshake.cancel()
        if not self._connection.done():
            self._connection.cancel()
        elif not self._connection.cancelled() and not self._connection.exception():
            self._connection.result().abort()

    async def _start(self, transport: asyncio.Transport) -> None:
        try:
            connection = await _start_data(transport, self._context)
        except OSError as err:
            if not self._connection.done():
                self._connection.set_exception(err)
        else:
            self._connection.set_result(connection)

    def _close_port(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
            self._ports.release(self._taken)


class ActiveConnection:
    """A connection that we make to the peer, for cameras without passive mode."""

    def __init__(
        self, address: str, port: int, local: str, context: ssl.SSLContext | None
    ) -> None:
        """Connect from ``local`` to the peer when the transfer begins."""
        self._peer = (address, port)
        self._local = local
        self._context = context

    async def accept(self, timeout: float) -> DataConnection:
        """Connect. Raises TimeoutError after ``timeout`` seconds, OSError."""
        async with asyncio.timeout(timeout):
            transport, _ = await asyncio.get_running_loop().create_connection(
                _Paused, *self._peer, local_addr=(self._local, 0)
            )
            return await _start_data(transport, self._context)

    def close(self) -> None:
        """Nothing is open before the transfer."""


type DataSource = PassiveListener | ActiveConnection


async def _start_data(
    transport: asyncio.Transport, context: ssl.SSLContext | None
) -> DataConnection:
    """Go on with a paused transport as data connection, encrypted with a context.

    The server's side of TLS is ours also where we have connected (RFC 4217). Raises
    OSError.
    """
    connection = DataConnection()
    if context is None:
        transport.set_protocol(connection)
        connection.connection_made(transport)
        transport.resume_reading()
        return connection
    try:
        encrypted = await asyncio.get_running_loop().start_tls(
            transport,
            connection,
            context,
            server_side=True,
            ssl_handshake_timeout=_HANDSHAKE_TIMEOUT,
            ssl_shutdown_timeout=_SHUTDOWN_TIMEOUT,
        )
    except BaseException:
        transport.abort()
        raise
    assert encrypted is not None
    # start_tls swaps protocols on a connection that is already made.
    connection.connection_made(encrypted)
    return connection


class _Paused(asyncio.Protocol):
    """A connection whose bytes wait until it is known who reads them."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).pause_reading()


class _Caller(asyncio.Protocol):
    """A connection of which nothing is known but where it comes from."""

    def __init__(self, listener: PassiveListener) -> None:
        self._listener = listener

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._listener.called(cast(asyncio.Transport, transport))
