"""One camera's connection to the receiver, and what is known of it."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
import logging
from pathlib import PurePosixPath
import ssl
from typing import Any
import unicodedata

import aioftp

from ..model import Camera, Capture
from ..store import Store
from ..store.incoming import IncomingFile
from .accounts import Accounts
from .data_connection import PassiveListener, PassivePorts
from .virtual_tree import ROOT, VirtualTree

_LOGGER = logging.getLogger(__name__)

type Take = Callable[[Camera, str, IncomingFile], Awaitable[Capture]]
"""Takes an upload whose last byte has arrived: camera, path, file. It is safe after."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What the sessions of a receiver share."""

    accounts: Accounts
    store: Store
    take: Take
    ports: PassivePorts
    control_tls: ssl.SSLContext
    data_tls: ssl.SSLContext


@dataclass(slots=True, kw_only=True, eq=False)
class Session:
    """The state of a control connection.

    ``ready`` is set while no command runs, so that commands that arrive together are
    carried out one after the other.
    """

    services: Services
    stream: aioftp.StreamIO
    peer: str
    local: str
    respond: Callable[..., None]
    started: float
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    encrypted: bool = False
    sized: bool = False
    """PBSZ was given (RFC 4217): the order is AUTH, PBSZ, PROT."""
    protected: bool = False
    username: str | None = None
    failed_logins: int = 0
    camera: Camera | None = None
    directory: PurePosixPath = ROOT
    tree: VirtualTree = field(default_factory=VirtualTree)
    listener: PassiveListener | None = None
    transfer: asyncio.Task[None] | None = None

    def reply(self, code: int, *lines: str) -> None:
        """Queue a reply (RFC 959, section 4.2). Control characters are left out."""
        self.respond(str(code), [printable(line) for line in lines])

    def start_transfer(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a transfer beside the control connection."""
        self.transfer = asyncio.create_task(work)

    async def transfer_done(self) -> None:
        """Wait until no transfer runs."""
        if self.transfer is not None:
            await asyncio.wait([self.transfer])
            self.transfer = None

    def set_listener(self, listener: PassiveListener | None) -> None:
        """Use a new passive port; the one before is closed."""
        if self.listener is not None:
            self.listener.close()
        self.listener = listener

    def take_listener(self) -> PassiveListener | None:
        """Return the passive port for the one transfer that it is good for."""
        listener, self.listener = self.listener, None
        return listener

    async def close(self) -> None:
        """End the transfer and the passive port."""
        self.set_listener(None)
        if self.transfer is not None:
            self.transfer.cancel()
            await self.transfer_done()

    @property
    def name(self) -> str:
        """What the log calls this session."""
        return self.camera.name if self.camera else self.peer


def printable(text: str) -> str:
    """Replace what could forge a reply or a line of the log."""
    return "".join("_" if unicodedata.category(c)[0] == "C" else c for c in text)
