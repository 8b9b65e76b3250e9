"""The SFTP server: who may connect, with which algorithms, and the end of it all."""

import asyncio
from contextlib import suppress
import logging
from typing import cast, override

import asyncssh
from asyncssh.constants import MSG_CHANNEL_DATA, MSG_IGNORE
from asyncssh.packet import SSHPacketLogger

from ..accepting import stop_accepting
from ..addresses import parse_address
from ..guard import Verdict
from .algorithms import COMPATIBLE, MODERN, Algorithms
from .data_path import DataPath
from .host_keys import HostKeys
from .login import Connection
from .services import SftpServices

_LOGGER = logging.getLogger(__name__)

_VERSION = "hikvision_nvr"
"""What the server calls itself: the library's own version would help attackers."""

_WINDOW = 1 << 20
"""Bytes that a client may send before it hears that they were taken."""
_MAX_PACKET = 64 * 1024
"""Bytes of data in one packet of SSH. Room for a whole write of most clients."""
_MOST_UNREAD = 1 << 20
"""Bytes that may wait in front of the library: it takes any length that a packet
claims to have, also before the login, and would keep all of it."""
_PORTION = 128 * 1024
"""Bytes that the library gets at once: it copies what is left with each packet."""
_BACKLOG = 256


class SftpServer:
    """Serves SFTP on one port."""

    def __init__(
        self,
        services: SftpServices,
        host_keys: HostKeys,
        old_addresses: frozenset[str],
    ) -> None:
        """Offer old algorithms to ``old_addresses`` only."""
        self._services = services
        self._host_keys = host_keys
        self._old_addresses = old_addresses
        self._connections: set[Connection] = set()
        self._all_ended: asyncio.Event | None = None
        self._server: asyncio.Server | None = None
        self._modern: asyncssh.SSHServerConnectionOptions | None = None
        self._compatible: asyncssh.SSHServerConnectionOptions | None = None

    async def listen(self, host: str, port: int) -> None:
        """Start serving. Raises OSError when the port is taken."""
        _mute_library()
        self._modern = await self._options(MODERN)
        if self._old_addresses:
            self._compatible = await self._options(COMPATIBLE)
        self._server = await asyncio.get_running_loop().create_server(
            lambda: _Gate(self), host or None, port, backlog=_BACKLOG
        )

    async def close(self) -> None:
        """Stop serving and end the sessions; what has arrived whole is kept."""
        if self._server is None:
            return
        await stop_accepting(self._server)
        self._server.close()
        work = []
        for connection in tuple(self._connections):
            work += connection.work
            connection.abort()
        if work:
            await asyncio.wait(work)
        self._server.abort_clients()
        if self._connections:
            self._all_ended = asyncio.Event()
            await self._all_ended.wait()
        await self._server.wait_closed()

    @property
    def port(self) -> int:
        """The port that is served."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    def accept(self, transport: asyncio.Transport) -> None:
        """Let a client in or not. It has not said anything yet."""
        peer = str((transport.get_extra_info("peername") or ("",))[0])
        verdict = self._services.guard.admit(peer)
        if verdict is Verdict.TOO_MANY:
            # A server may say something before its version (RFC 4253, section 4.2).
            transport.write(b"Too many connections, try again later.\r\n")
            transport.close()
            return
        if verdict is Verdict.REFUSED:
            transport.abort()
            return
        connection = Connection(self._services, peer, self._ended)
        self._connections.add(connection)
        options = self._modern
        if str(parse_address(peer)) in self._old_addresses:
            options = self._compatible
        assert options is not None
        protocol = _Ssh(connection, options)
        transport.set_protocol(protocol)
        protocol.connection_made(transport)

    def _ended(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if not self._connections and self._all_ended is not None:
            self._all_ended.set()

    async def _options(
        self, algorithms: Algorithms
    ) -> asyncssh.SSHServerConnectionOptions:
        options = await asyncssh.SSHServerConnectionOptions.construct(
            None,
            config=None,
            server_host_keys=list(self._host_keys.keys),
            server_version=_VERSION,
            kex_algs=algorithms.key_exchange,
            encryption_algs=algorithms.ciphers,
            mac_algs=algorithms.macs,
            signature_algs=algorithms.signatures,
            # A few bytes could become very many.
            compression_algs=("none",),
            host_based_auth=False,
            gss_host=None,
            allow_pty=False,
            line_editor=False,
            x11_forwarding=False,
            agent_forwarding=False,
            allow_scp=False,
            encoding=None,
            login_timeout=self._services.limits.login_time,
            window=_WINDOW,
            max_pktsize=_MAX_PACKET,
        )
        for name in set(options.server_host_keys):
            # The library adds SHA-1 to each RSA key, whatever the signatures may be.
            if name.decode() not in algorithms.signatures:
                del options.server_host_keys[name]
        return cast(asyncssh.SSHServerConnectionOptions, options)


class _Gate(asyncio.Protocol):
    """Stands before SSH: nothing is said to a client that is not let in."""

    def __init__(self, server: SftpServer) -> None:
        self._server = server

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._server.accept(cast(asyncio.Transport, transport))


class _Ssh(asyncssh.SSHServerConnection):
    """The library's connection, with limits on what it is fed, and fewer packets."""

    def __init__(
        self, connection: Connection, options: asyncssh.SSHServerConnectionOptions
    ) -> None:
        self._connection = connection
        self._unsent: list[bytes] = []
        options.protocol_factory = lambda: connection
        super().__init__(asyncio.get_running_loop(), options)
        self._data_path = DataPath(self)

    @override
    def send_packet(
        self,
        pkttype: int,
        *args: bytes,
        handler: SSHPacketLogger | None = None,
    ) -> None:
        # The library sends an empty packet before each other one, which only CBC
        # needs (RFC 4251, section 9.3.1) and costs as much as the other one.
        if pkttype == MSG_IGNORE and not self._uses_cbc:
            return
        if pkttype == MSG_CHANNEL_DATA and self._data_path.send(*args):
            return
        super().send_packet(pkttype, *args, handler=handler)

    @property
    def _uses_cbc(self) -> bool:
        return str(self.get_extra_info("send_cipher", "")).endswith("-cbc")

    def _send(self, data: bytes) -> None:
        """Send what comes within one turn of the loop in one go."""
        transport = self._transport
        if transport is None:
            return
        if not self._unsent:
            # It may be closed right after this, and has to say why before.
            asyncio.get_running_loop().call_soon(self._flush, transport)
        self._unsent.append(data)

    def _flush(self, transport: asyncio.Transport) -> None:
        data = b"".join(self._unsent)
        self._unsent.clear()
        with suppress(ConnectionError):
            transport.write(data)

    @override
    def data_received(
        self, data: bytes, datatype: asyncssh.DataType | None = None
    ) -> None:
        if not self._connection.received(len(data)):
            _LOGGER.warning(
                "%s: ended, because it sends much and no files", self._connection.name
            )
            self.abort()
            return
        for place in range(0, len(data), _PORTION):
            super().data_received(data[place : place + _PORTION])
        if len(self._inpbuf) > _MOST_UNREAD:
            _LOGGER.warning(
                "%s: ended, because of a packet that is too long", self._connection.name
            )
            self.abort()

    @override
    def _recv_pkthdr(self) -> bool:
        taken = self._data_path.take()
        return super()._recv_pkthdr() if taken is None else taken

    @override
    async def reload_config(self) -> None:
        """Do nothing: there is no configuration that depends on the user."""


def _mute_library() -> None:
    """Keep the library from telling each step of each connection.

    Unless the owner has chosen what it tells.
    """
    logger = logging.getLogger("asyncssh")
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.WARNING)
