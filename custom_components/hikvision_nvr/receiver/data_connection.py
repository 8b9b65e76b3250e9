"""Data connections (RFC 959, RFC 2428): one port, one peer, one transfer.

They work on sockets and not on asyncio's transports: a camera opens one for each
picture, and most of what a transport does for it would cost more than the picture.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
import errno
from functools import partial
import socket
import ssl

_BLOCK_SIZE = 256 * 1024
"""Bytes that are read at once, and collected before they are handed on."""
_RECORD_SIZE = 16 * 1024
"""Bytes of a TLS record (RFC 8446, section 5.1): more never come at once."""
_PAUSE_ABOVE = 4 * 1024 * 1024
"""Bytes received but not yet taken, at which the camera is made to wait."""

_HANDSHAKE_TIMEOUT = 20.0
"""Seconds: small cameras need several for a key exchange."""


class _Tls:
    """The server's side of TLS for bytes in memory.

    OpenSSL is kept off the socket: a write of its own that fails leaves an error that
    it reports for the next connection that is used, whichever that is.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self.incoming = ssl.MemoryBIO()
        self.outgoing = ssl.MemoryBIO()
        self.engine = context.wrap_bio(self.incoming, self.outgoing, server_side=True)

    async def shake_hands(self, connection: socket.socket) -> None:
        """Agree on keys. Raises OSError."""
        loop = asyncio.get_running_loop()
        done = False
        while not done:
            try:
                self.engine.do_handshake()
                done = True
            except ssl.SSLWantReadError:
                pass
            if self.outgoing.pending:
                await loop.sock_sendall(connection, self.outgoing.read())
            if not done:
                received = await loop.sock_recv(connection, _RECORD_SIZE)
                if not received:
                    raise ConnectionResetError("closed during the TLS handshake")
                self.incoming.write(received)

    def decrypt(self, received: bytes, blocks: list[bytes]) -> bool:
        """Append the plain blocks of received bytes; False when the data has ended.

        An end without close_notify is an end as well: few cameras send it, and files
        tell by their structure whether they are whole. Raises ssl.SSLError.
        """
        if received:
            self.incoming.write(received)
        else:
            self.incoming.write_eof()
        try:
            while block := self.engine.read(_RECORD_SIZE):
                blocks.append(block)
        except ssl.SSLWantReadError:
            return True
        except ssl.SSLEOFError:
            pass
        return False

    def say_goodbye(self) -> bytes:
        """Return close_notify; the peer's own is not waited for."""
        with suppress(ssl.SSLError):
            self.engine.unwrap()
        return self.outgoing.read()


class DataConnection:
    """The bytes of one transfer. A connection that ends is no error, a reset is."""

    def __init__(self, connection: socket.socket, tls: _Tls | None) -> None:
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


class PassivePorts:
    """The ports that may be used for data connections, taken in turn."""

    def __init__(self, ports: Iterable[int]) -> None:
        """Use these ports; 0 stands for any that the system has."""
        self._free = deque(ports)
        self._any = 0 in self._free

    def listen(
        self, host: str, peer: str, context: ssl.SSLContext | None
    ) -> PassiveListener:
        """Listen on the next free port for one connection from ``peer``.

        Raises OSError (EADDRINUSE) when every port is taken.
        """
        for _ in range(len(self._free)):
            port = 0 if self._any else self._free.popleft()
            try:
                listener = _listen(host, port)
            except OSError as err:
                self.release(port)
                if err.errno != errno.EADDRINUSE:
                    raise
            else:
                released = partial(self.release, port)
                return PassiveListener(listener, peer, context, released)
        raise OSError(errno.EADDRINUSE, "No passive port is free")

    def release(self, port: int) -> None:
        """Take a port back. The one used longest ago is used next."""
        if not self._any:
            self._free.append(port)


class PassiveListener:
    """A port that is open for one connection from one address."""

    def __init__(
        self,
        listener: socket.socket,
        peer: str,
        context: ssl.SSLContext | None,
        on_close: Callable[[], None],
    ) -> None:
        """Wait at ``listener`` for ``peer``; ``on_close`` hears that the port is free."""
        self.port: int = listener.getsockname()[1]
        self._listener: socket.socket | None = listener
        self._peer = peer
        self._context = context
        self._on_close = on_close
        self._loop = asyncio.get_running_loop()
        self._connecting: asyncio.Task[DataConnection] | None = None
        self._called: asyncio.Future[None] = self._loop.create_future()
        self._loop.add_reader(listener, self._callable)

    async def accept(self, timeout: float) -> DataConnection:
        """Return the connection.

        Raises TimeoutError after ``timeout`` seconds, OSError when TLS fails.
        """
        try:
            async with asyncio.timeout(timeout):
                await self._called
                assert self._connecting is not None
                return await self._connecting
        finally:
            self._close_port()

    def close(self) -> None:
        """Close the port, and the connection that nobody has taken."""
        self._close_port()
        self._called.cancel()
        if self._connecting is not None and not self._connecting.cancel():
            _abort(self._connecting)

    def _callable(self) -> None:
        """Take the first connection from the peer; turn all others away."""
        if self._listener is None:
            return
        try:
            connection, address = self._listener.accept()
        except OSError:
            return
        if address[0] != self._peer:
            connection.close()
            return
        self._close_port()
        # The peer may speak TLS before it sends the command that wants the data.
        self._connecting = asyncio.create_task(_start(connection, self._context))
        self._connecting.add_done_callback(partial(_after_handshake, connection))
        self._called.set_result(None)

    def _close_port(self) -> None:
        if self._listener is not None:
            self._loop.remove_reader(self._listener)
            self._listener.close()
            self._listener = None
            self._on_close()


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
        connection = _open(self._local)
        try:
            connection.bind((self._local, 0))
            async with asyncio.timeout(timeout):
                loop = asyncio.get_running_loop()
                await loop.sock_connect(connection, self._peer)
                return await _start(connection, self._context)
        except BaseException:
            connection.close()
            raise

    def close(self) -> None:
        """Nothing is open before the transfer."""


type DataSource = PassiveListener | ActiveConnection


async def _start(
    connection: socket.socket, context: ssl.SSLContext | None
) -> DataConnection:
    """Go on with a connected socket, encrypted with a context.

    The server's side of TLS is ours also where we have connected (RFC 4217). Raises
    OSError.
    """
    connection.setblocking(False)
    tls = None
    if context is not None:
        tls = _Tls(context)
        try:
            async with asyncio.timeout(_HANDSHAKE_TIMEOUT):
                await tls.shake_hands(connection)
        except BaseException:
            connection.close()
            raise
    return DataConnection(connection, tls)


def _after_handshake(
    connection: socket.socket, connecting: asyncio.Task[DataConnection]
) -> None:
    if connecting.cancelled():
        # A task that is cancelled before it began closes nothing itself.
        connection.close()
    else:
        # Perhaps nobody asks any more how it ended; that is no error of ours.
        connecting.exception()


def _abort(connecting: asyncio.Task[DataConnection]) -> None:
    if not connecting.cancelled() and connecting.exception() is None:
        connecting.result().abort()


def _listen(host: str, port: int) -> socket.socket:
    listener = _open(host)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(4)
    except BaseException:
        listener.close()
        raise
    return listener


def _open(host: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    connection = socket.socket(family, socket.SOCK_STREAM)
    connection.setblocking(False)
    return connection
