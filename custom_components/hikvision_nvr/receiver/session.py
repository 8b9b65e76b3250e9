"""One connection to the receiver, and what is known of it."""

import asyncio
from collections import defaultdict
from collections.abc import Coroutine
from dataclasses import dataclass, field
import ssl
from typing import Any, Protocol
import unicodedata

from ..model import Camera, Capture, Limits, Security
from ..store import Store
from ..store.incoming import IncomingFile
from .accounts import Accounts
from .certificate import TlsContexts
from .control_connection import ControlConnection
from .data_source import DataSource, PassivePorts
from .guard import Guard
from .virtual_tree import ROOT, VirtualTree


class Deliveries(Protocol):
    """Where the cameras' files go."""

    async def take(
        self, camera: Camera, path: str, incoming: IncomingFile
    ) -> Capture | None:
        """Take an upload whose last byte has arrived; it is safe when this returns.

        None for a connection test, of which nothing is kept. Raises StorageError.
        """

    async def rename(self, camera: Camera, capture_id: str, path: str) -> None:
        """Give a file its final name that came under a temporary one.

        Raises StorageError.
        """

    def seen(self, camera: Camera) -> None:
        """Note that a camera has logged in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What the sessions of a receiver share."""

    accounts: Accounts
    guard: Guard
    limits: Limits
    store: Store
    deliveries: Deliveries
    ports: PassivePorts
    tls: TlsContexts
    external_address: str | None
    trees: defaultdict[str, VirtualTree] = field(
        default_factory=lambda: defaultdict(VirtualTree)
    )


@dataclass(slots=True, kw_only=True, eq=False)
class Session:
    """The state of a control connection."""

    services: Services
    control: ControlConnection
    peer: str
    local: str
    started: float
    encrypted: bool = False
    protected: bool = False
    """PROT P was given (RFC 4217)."""
    username: str | None = None
    failed_logins: int = 0
    camera: Camera | None = None
    directory: str = ROOT
    tree: VirtualTree = field(default_factory=VirtualTree)
    restart_at: int = 0
    rename_from: str | None = None
    data_source: DataSource | None = None
    transfer: asyncio.Task[None] | None = None

    def reply(self, code: int, *lines: str) -> None:
        """Send a reply (RFC 959, section 4.2). Control characters are left out."""
        *body, last = (printable(line) for line in lines)
        if body:
            body[0] = f"{code}-{body[0]}"
        reply = "".join(f"{line}\r\n" for line in (*body, f"{code} {last}"))
        self.control.write(reply.encode())

    def log_in(self, camera: Camera) -> None:
        """Go on as this camera."""
        self.camera = camera
        self.tree = self.services.trees[camera.id]

    def start_over(self, now: float) -> None:
        """Forget what was agreed in clear, a login too (RFC 2228, section 3)."""
        self.set_data_source(None)
        if self.camera is not None:
            self.services.guard.exit(self.camera.id)
            self.camera = None
        self.username = None
        self.protected = False
        self.started = now

    def start_transfer(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a transfer beside the control connection."""
        self.transfer = asyncio.Task(work, eager_start=True)

    async def transfer_done(self) -> None:
        """Wait until no transfer runs."""
        if self.transfer is not None:
            if not self.transfer.done():
                await asyncio.wait([self.transfer])
            self.transfer = None

    def set_data_source(self, source: DataSource | None) -> None:
        """Prepare a data connection; the one before is closed."""
        if self.data_source is not None:
            self.data_source.close()
        self.data_source = source

    def take_data_source(self) -> DataSource | None:
        """Return the data connection for the one transfer that it is good for."""
        source, self.data_source = self.data_source, None
        return source

    async def close(self) -> None:
        """End the transfer and the data connection."""
        self.set_data_source(None)
        if self.transfer is not None:
            self.transfer.cancel()
            await self.transfer_done()

    @property
    def may_move_data(self) -> bool:
        """Whether data connections are as secure as this camera must have them."""
        if self.encrypted:
            return self.protected
        return self.camera is not None and self.camera.security is Security.PLAIN

    @property
    def data_tls(self) -> ssl.SSLContext | None:
        """The context for data connections, None in clear."""
        return self.services.tls.data if self.encrypted else None

    @property
    def name(self) -> str:
        """What the log calls this session."""
        return self.camera.name if self.camera else self.peer


def printable(text: str) -> str:
    """Replace what could forge a reply or a line of the log."""
    if text.isprintable():
        return text
    return "".join("_" if unicodedata.category(c)[0] == "C" else c for c in text)
