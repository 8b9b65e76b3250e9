"""The receiver as the engine uses it: start, stop, and where it listens."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
import errno
import logging

from ..errors import CertificateError, PortInUseError, ReceiverError
from ..model import Camera, ReceiverSettings, ReceiverStatus
from ..store import Store
from .accounts import Accounts
from .certificate import TlsContexts, certificate_state, load_tls_contexts
from .data_source import PassivePorts
from .guard import Guard
from .server import FtpServer
from .session import Deliveries, Services

_LOGGER = logging.getLogger(__name__)


class Receiver:
    """Takes the cameras' uploads by FTPS and hands them on when they are whole."""

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
        self._guard = Guard(settings.allowed_networks, settings.limits, on_change)
        self._servers: list[FtpServer] = []
        self._running = AsyncExitStack()

    async def start(self) -> None:
        """Listen. Raises CertificateError, PortInUseError, ReceiverError."""
        settings = self._settings
        tls = await asyncio.to_thread(load_tls_contexts, settings.certificate)
        accounts = await asyncio.to_thread(Accounts, self._cameras)
        self._running.callback(accounts.close)
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
        )
        try:
            await self._serve(FtpServer(services), settings.port)
            if settings.implicit_port is not None:
                implicit = FtpServer(services, implicit_tls=True)
                await self._serve(implicit, settings.implicit_port)
        except BaseException:
            await self.stop()
            raise
        watch = asyncio.create_task(self._watch_certificate(tls))
        self._running.callback(watch.cancel)

    async def stop(self) -> None:
        """Stop listening and end the sessions; what has arrived whole is kept."""
        self._servers.clear()
        await self._running.aclose()

    @property
    def port(self) -> int:
        """The port of the control connection."""
        return self._servers[0].port

    @property
    def implicit_port(self) -> int:
        """The port on which TLS begins at once."""
        return self._servers[1].port

    def status(self) -> ReceiverStatus:
        """Return who is connected and who is banned."""
        return self._guard.status()

    def lift_ban(self, address: str) -> None:
        """Let an address connect again."""
        self._guard.lift(address)

    async def _serve(self, server: FtpServer, port: int) -> None:
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
        self._servers.append(server)
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
