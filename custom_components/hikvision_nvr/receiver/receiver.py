"""The receiver as the engine uses it: start, stop, and where it listens."""

import asyncio
from collections.abc import Iterable
import errno

from ..errors import PortInUseError, ReceiverError
from ..model import Camera, ReceiverSettings
from ..store import Store
from .accounts import Accounts
from .certificate import tls_contexts
from .data_connection import PassivePorts
from .server import FtpServer
from .session import Services, Take


class Receiver:
    """Takes the cameras' uploads by FTPS and hands them on when they are whole."""

    def __init__(
        self,
        settings: ReceiverSettings,
        cameras: Iterable[Camera],
        store: Store,
        take: Take,
    ) -> None:
        """Give uploads of ``cameras`` to ``take`` when their last byte has arrived."""
        self._settings = settings
        self._cameras = tuple(cameras)
        self._store = store
        self._take = take
        self._server: FtpServer | None = None

    async def start(self) -> None:
        """Listen. Raises CertificateError, PortInUseError, ReceiverError."""
        settings = self._settings
        control_tls, data_tls = await asyncio.to_thread(
            tls_contexts, settings.certificate
        )
        first, last = settings.passive_ports
        server = FtpServer(
            Services(
                accounts=await asyncio.to_thread(Accounts, self._cameras),
                store=self._store,
                take=self._take,
                ports=PassivePorts(range(first, last + 1)),
                control_tls=control_tls,
                data_tls=data_tls,
            )
        )
        try:
            await server.listen(settings.host, settings.port)
        except OSError as err:
            if err.errno == errno.EADDRINUSE:
                raise PortInUseError(
                    f"Port {settings.port} is used by another program",
                    port=str(settings.port),
                ) from err
            raise ReceiverError(
                f"Cannot listen on {settings.host}:{settings.port}: {err}",
                port=str(settings.port),
                error=err.strerror or str(err),
            ) from err
        self._server = server

    async def stop(self) -> None:
        """Stop listening and end the sessions; what has arrived whole is kept."""
        if self._server is not None:
            await self._server.close()
            self._server = None

    @property
    def port(self) -> int:
        """The port of the control connection."""
        assert self._server is not None
        return self._server.port
