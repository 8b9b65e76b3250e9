"""The receiver as the engine uses it: start, stop, and where it listens."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import replace
import errno
import logging
from typing import Protocol

from ..errors import CertificateError, PortInUseError, ReceiverError
from ..model import Camera, ReceiverSettings, ReceiverStatus, SftpSettings
from ..store import Store
from .accounts import Accounts
from .certificate import TlsContexts, certificate_state, load_tls_contexts
from .data_source import PassivePorts
from .guard import Guard
from .server import FtpServer
from .session import Deliveries, Services
from .virtual_tree import VirtualTree

_LOGGER = logging.getLogger(__name__)


class _Front(Protocol):
    """A protocol that is served on one port."""

    @property
    def port(self) -> int:
        """The port that is served."""

    async def listen(self, host: str, port: int) -> None:
        """Start serving. Raises OSError."""

    async def close(self) -> None:
        """Stop serving and end the sessions."""


class Receiver:
    """Takes the cameras' uploads and hands them on when they are whole."""

    certificate_check = 60.0
    """Seconds between two looks at the certificate's files."""

    def __init__(
        self,
        settings: ReceiverSettings,
        cameras: Iterable[Camera],
        store: Store,
        deliveries: Deliveries,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        """Give uploads of ``cameras`` to ``deliveries``.

        ``on_change`` is called when the status has changed.
        """
        self._settings = settings
        self._cameras = tuple(cameras)
        self._store = store
        self._deliveries = deliveries
        self._on_change = on_change
        self._guard = Guard(settings.allowed_networks, settings.limits, on_change)
        self._trees: defaultdict[str, VirtualTree] = defaultdict(VirtualTree)
        self._ports: dict[str, int] = {}
        self._accounts: Accounts | None = None
        self._fingerprints: tuple[str, ...] = ()
        self._running = AsyncExitStack()

    async def start(self) -> None:
        """Listen.

        Raises CertificateError, HostKeyError, PortInUseError, ReceiverError.
        """
        settings = self._settings
        try:
            accounts = await asyncio.to_thread(Accounts, self._cameras)
            self._accounts = accounts
            self._running.callback(accounts.close)
            if settings.port is not None:
                await self._start_ftps(accounts, settings.port)
            if settings.sftp is not None:
                await self._start_sftp(accounts, settings.sftp)
        except BaseException:
            await self.stop()
            raise

    async def _start_ftps(self, accounts: Accounts, port: int) -> None:
        settings = self._settings
        tls = await asyncio.to_thread(load_tls_contexts, settings.certificate)
        first, last = settings.passive_ports
        services = Services(
            accounts=accounts,
            guard=self._guard,
            limits=settings.limits,
            store=self._store,
            deliveries=self._deliveries,
            ports=PassivePorts(range(first, last + 1)),
            tls=tls,
            external_address=settings.external_address,
            trees=self._trees,
        )
        await self._serve("ftps", FtpServer(services), port)
        if settings.implicit_port is not None:
            implicit = FtpServer(services, implicit_tls=True)
            await self._serve("implicit", implicit, settings.implicit_port)
        watch = asyncio.create_task(self._watch_certificate(tls))
        self._running.callback(watch.cancel)

    async def _start_sftp(self, accounts: Accounts, sftp: SftpSettings) -> None:
        # The SSH library takes time and memory, which a recorder without need not have.
        keys, server = await asyncio.to_thread(self._prepare_sftp, accounts, sftp)
        await self._serve("sftp", server, sftp.port)
        self._fingerprints = keys
        self._on_change()

    def _prepare_sftp(
        self, accounts: Accounts, sftp: SftpSettings
    ) -> tuple[tuple[str, ...], _Front]:
        from .sftp import SftpServer, SftpServices, load_host_keys

        keys = load_host_keys(sftp.host_keys)
        services = SftpServices(
            accounts=accounts,
            guard=self._guard,
            limits=self._settings.limits,
            store=self._store,
            deliveries=self._deliveries,
            trees=self._trees,
        )
        old_addresses = frozenset(
            camera.address
            for camera in self._cameras
            if camera.old_algorithms and camera.address is not None
        )
        return keys.fingerprints, SftpServer(services, keys, old_addresses)

    async def stop(self) -> None:
        """Stop listening and end the sessions; what has arrived whole is kept."""
        self._ports.clear()
        await self._running.aclose()

    @property
    def port(self) -> int:
        """The port of FTPS' control connection."""
        return self._ports["ftps"]

    @property
    def implicit_port(self) -> int:
        """The port on which TLS begins at once."""
        return self._ports["implicit"]

    @property
    def sftp_port(self) -> int:
        """The port of SFTP."""
        return self._ports["sftp"]

    def status(self) -> ReceiverStatus:
        """Return who is connected and who is banned."""
        return replace(self._guard.status(), host_keys=self._fingerprints)

    def admit(self, camera: Camera) -> None:
        """Let a camera in that is being set up, while this runs."""
        if self._accounts is not None:
            self._accounts.admit(camera)

    def dismiss(self, camera: Camera) -> None:
        """Take that back; an account from before counts again."""
        if self._accounts is None:
            return
        self._accounts.dismiss(camera.username)
        for known in self._cameras:
            if known.username == camera.username:
                self._accounts.admit(known)

    def lift_ban(self, address: str) -> None:
        """Let an address connect again."""
        self._guard.lift(address)

    async def _serve(self, name: str, server: _Front, port: int) -> None:
        host = self._settings.host
        try:
            await server.listen(host, port)
        except OSError as err:
            if err.errno == errno.EADDRINUSE:
                raise PortInUseError(
                    f"Port {port} is used by another program", port=str(port)
                ) from err
            raise ReceiverError(
                f"Cannot listen on {host}:{port}: {err}",
                port=str(port),
                error=err.strerror or str(err),
            ) from err
        self._ports[name] = server.port
        self._running.push_async_callback(server.close)

    async def _watch_certificate(self, tls: TlsContexts) -> None:
        settings = self._settings.certificate
        seen = await asyncio.to_thread(certificate_state, settings)
        while True:
            await asyncio.sleep(self.certificate_check)
            state = await asyncio.to_thread(certificate_state, settings)
            if state == seen:
                continue
            try:
                new = await asyncio.to_thread(load_tls_contexts, settings)
            except CertificateError as err:
                # Half-written perhaps: the old one serves until both files fit.
                _LOGGER.warning("The certificate was not reloaded: %s", err)
                continue
            tls.control, tls.data = new.control, new.data
            seen = await asyncio.to_thread(certificate_state, settings)
            _LOGGER.info("The receiver uses a new certificate")
