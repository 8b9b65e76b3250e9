"""Where data connections come from (RFC 959, RFC 2428): one port, one peer, one use."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
import errno
from functools import partial
import socket
import ssl

from .data_connection import DataConnection


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
        self._connection: asyncio.Future[DataConnection] = self._loop.create_future()
        self._loop.add_reader(listener, self._callable)

    async def accept(self, timeout: float) -> DataConnection:
        """Return the connection.

        Raises TimeoutError after ``timeout`` seconds, OSError when TLS fails.
        """
        try:
            async with asyncio.timeout(timeout):
                connection = await self._connection
                await connection.secured()
                return connection
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the port, and the connection that nobody has taken."""
        self._close_port()
        if not self._connection.cancel() and not self._connection.cancelled():
            self._connection.result().abort()

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
        self._connection.set_result(DataConnection(connection, self._context))

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
        async with asyncio.timeout(timeout):
            data = DataConnection(await self._connect(), self._context)
            try:
                await data.secured()
            except BaseException:
                data.abort()
                raise
            return data

    def close(self) -> None:
        """Nothing is open before the transfer."""

    async def _connect(self) -> socket.socket:
        connection = _open(self._local)
        try:
            connection.bind((self._local, 0))
            await asyncio.get_running_loop().sock_connect(connection, self._peer)
        except BaseException:
            connection.close()
            raise
        return connection


type DataSource = PassiveListener | ActiveConnection


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
