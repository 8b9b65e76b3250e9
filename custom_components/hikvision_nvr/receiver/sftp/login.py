"""Logins by SSH (RFC 4252): password, or the camera's own key."""

import asyncio
from collections.abc import Callable
import logging
from typing import override

import asyncssh

from ...model import Camera
from ..session import printable
from .algorithms import MODERN
from .files import Files
from .services import SftpServices
from .session import SftpSession

_LOGGER = logging.getLogger(__name__)

_MAX_KEYS = 12
"""Keys that a connection may offer: programs try all that they have."""
_MAX_SESSIONS = 4
"""Channels that a connection may have open at a time."""
_OVERHEAD = 4 << 20
"""Bytes that a connection may bring besides SFTP, ..."""
_OVERHEAD_RATIO = 8
"""... and by how many times more for each byte of SFTP: short packets have long
headers. Whatever fills the memory without being SFTP is stopped by that."""


class Connection(asyncssh.SSHServer):
    """One connection: who is at its other end, and what runs on it.

    The library asks here before it lets anybody in, and limits nothing by itself.
    """

    def __init__(
        self, services: SftpServices, peer: str, on_end: Callable[[Connection], None]
    ) -> None:
        """Begin with nobody logged in. ``on_end`` hears of the end."""
        self._services = services
        self._on_end = on_end
        self._peer = peer
        self._transport: asyncssh.SSHServerConnection | None = None
        self._camera: Camera | None = None
        self._accepted: Camera | None = None
        self._tries = 0
        self._keys = 0
        self._sessions: set[SftpSession] = set()
        self._last = asyncio.get_running_loop().time()
        self._watch: asyncio.TimerHandle | None = None
        self._received = 0
        self._payload = 0

    @override
    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._transport = conn

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        if exc is not None:
            _LOGGER.info("%s: SSH connection ended: %s", self.name, exc)
        guard, camera = self._services.guard, self._camera
        if camera is not None:
            guard.exit(camera.id)
        guard.leave(self._peer, was_used=camera is not None)
        # The library forgets a channel that it was just about to open: its session
        # would never hear of the end.
        self._sessions = {one for one in self._sessions if one.was_opened}
        if not self._sessions:
            self._on_end(self)

    def received(self, size: int) -> bool:
        """Note that bytes came. False when they have nothing to do with SFTP."""
        self._received += size
        return self._received <= _OVERHEAD + _OVERHEAD_RATIO * self._payload

    def abort(self) -> None:
        """End at once."""
        for session in self._sessions:
            session.stop()
        if self._transport is not None:
            self._transport.abort()

    @property
    def work(self) -> list[asyncio.Task[None]]:
        """What the sessions are doing."""
        return [one.work for one in self._sessions if one.work is not None]

    @property
    def name(self) -> str:
        """What the log calls this connection."""
        return self._camera.name if self._camera else self._peer

    @override
    def begin_auth(self, username: str) -> bool:
        # Whatever is not true here would be a login without authentication.
        return True

    @override
    def password_auth_supported(self) -> bool:
        return True

    @override
    async def validate_password(self, username: str, password: str) -> bool:
        services, loop = self._services, asyncio.get_running_loop()
        answer_at = loop.time() + services.limits.refusal_time
        # Counted before the answer: a client may send the next try without waiting.
        self._tries += 1
        if self._tries > services.limits.failed_logins:
            self._disconnect("Too many failed logins.")
            return False
        camera = await services.accounts.check(
            username, password, peer=self._peer, encrypted=True
        )
        if camera is not None and self._may_use_algorithms(camera):
            self._accepted = camera
            return True
        services.guard.wrong_password(self._peer)
        await asyncio.sleep(answer_at - loop.time())
        _LOGGER.warning("Refused a login from %s", self._peer)
        if self._tries >= services.limits.failed_logins:
            self._disconnect("Too many failed logins.")
        return False

    @override
    def public_key_auth_supported(self) -> bool:
        return True

    @override
    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        self._keys += 1
        if self._keys > _MAX_KEYS:
            self._disconnect("Too many keys.")
            return False
        camera = self._services.accounts.check_key(
            username, key.public_data, peer=self._peer
        )
        if camera is None or not self._may_use_algorithms(camera):
            return False
        self._accepted = camera
        return True

    @override
    def auth_completed(self) -> None:
        camera = self._accepted
        if camera is None:
            # Not by any way that is known here: never let in.
            self._disconnect("Login failed.")
            return
        if not self._services.guard.enter(self._peer, camera.id):
            _LOGGER.warning("%s: too many connections", camera.name)
            self._disconnect("Too many connections for this account.")
            return
        self._camera = camera
        self._services.deliveries.seen(camera)
        self._last = asyncio.get_running_loop().time()
        self._look_again()

    @override
    def session_requested(self) -> asyncssh.SSHServerSession[bytes] | bool:
        if self._camera is None or len(self._sessions) >= _MAX_SESSIONS:
            return False
        files = Files(
            self._services, self._camera, self._services.trees[self._camera.id]
        )
        session = SftpSession(files, self._count, self._session_ended)
        self._sessions.add(session)
        return session

    def _session_ended(self, session: SftpSession) -> None:
        self._sessions.discard(session)
        if self._transport is None and not self._sessions:
            self._on_end(self)

    def _count(self, size: int) -> None:
        self._payload += size
        self._last = asyncio.get_running_loop().time()

    def _may_use_algorithms(self, camera: Camera) -> bool:
        """Tell whether a camera may use what was agreed on with this client."""
        conn = self._transport
        if conn is None:
            return False
        agreed = {
            conn.get_extra_info(name)
            for name in ("recv_cipher", "send_cipher", "recv_mac", "send_mac")
        }
        if camera.old_algorithms or agreed <= {*MODERN.ciphers, *MODERN.macs, ""}:
            return True
        _LOGGER.warning(
            "%s: refused, because it uses old algorithms (%s) and may not",
            camera.name,
            printable(", ".join(sorted(filter(None, agreed)))),
        )
        return False

    def _look_again(self) -> None:
        """End the connection when nothing came for too long, else look later."""
        limits, now = self._services.limits, asyncio.get_running_loop().time()
        uploading = any(session.has_uploads for session in self._sessions)
        busy = any(session.is_busy for session in self._sessions)
        longest = limits.stall_time if uploading else limits.idle_time
        if busy:
            # It waits for the disk, and we for nothing of it.
            self._last = now
        if now - self._last >= longest:
            _LOGGER.info("%s: nothing came for %d s", self.name, longest)
            self._disconnect("Timeout.")
            return
        # An upload may begin the moment after this look.
        again = min(self._last + longest - now, limits.stall_time)
        self._watch = asyncio.get_running_loop().call_later(
            max(0.01, again), self._look_again
        )

    def _disconnect(self, reason: str) -> None:
        if self._transport is not None:
            self._transport.disconnect(asyncssh.DISC_BY_APPLICATION, reason)
