"""Decides who may connect: networks, numbers of connections, and bans.

An address collects points for wrong passwords and for sessions that come to nothing,
and is banned when it has too many; a login that succeeds wipes them out. SFTPGo's
defender works the same way.
"""

from collections import Counter, deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
import logging
import time

from ..model import Ban, Limits, ReceiverStatus
from .addresses import owner, parse_address, parse_networks

_LOGGER = logging.getLogger(__name__)

_WRONG_PASSWORD = 2
_NOTHING_DONE = 1
_MAX_OBSERVED = 10_000
"""Addresses with points that are remembered."""


class Verdict(Enum):
    """What becomes of a connection."""

    ADMITTED = auto()
    TOO_MANY = auto()
    """It may come back; the peer is told so."""
    REFUSED = auto()
    """It is closed without a word."""


class Guard:
    """Counts connections and failures, and bans."""

    def __init__(
        self,
        allowed_networks: tuple[str, ...],
        limits: Limits,
        on_change: Callable[[], None],
    ) -> None:
        """Let these networks in. ``on_change`` hears of each change of ``status``.

        Raises ValueError when a network cannot be read.
        """
        self._networks = parse_networks(allowed_networks)
        self._limits = limits
        self._on_change = on_change
        self._addresses: Counter[str] = Counter()
        self._cameras: Counter[str] = Counter()
        self._points: dict[str, deque[tuple[float, int]]] = {}
        self._bans: dict[str, tuple[float, datetime]] = {}
        self._rejected_logins = 0

    def admit(self, peer: str) -> Verdict:
        """Decide about a new connection; ``leave`` must follow if it is admitted."""
        try:
            address = parse_address(peer)
        except ValueError:
            return Verdict.REFUSED
        if not any(address in network for network in self._networks):
            _LOGGER.warning("Refused %s: it is in no allowed network", address)
            return Verdict.REFUSED
        who = owner(address)
        if self._is_banned(who):
            return Verdict.REFUSED
        if (
            self._addresses.total() >= self._limits.connections
            or self._addresses[who] >= self._limits.connections_per_address
        ):
            return Verdict.TOO_MANY
        self._addresses[who] += 1
        return Verdict.ADMITTED

    def leave(self, peer: str, *, was_used: bool) -> None:
        """Note the end of a connection, and whether anybody had logged in on it."""
        who = owner(parse_address(peer))
        self._addresses[who] -= 1
        if not self._addresses[who]:
            del self._addresses[who]
        if not was_used:
            self._add_points(who, _NOTHING_DONE)

    def enter(self, peer: str, camera_id: str) -> bool:
        """Note a login. False when the camera has too many connections."""
        if self._cameras[camera_id] >= self._limits.connections_per_camera:
            return False
        self._cameras[camera_id] += 1
        self._points.pop(owner(parse_address(peer)), None)
        self._on_change()
        return True

    def exit(self, camera_id: str) -> None:
        """Note the end of a session with a login."""
        self._cameras[camera_id] -= 1
        if not self._cameras[camera_id]:
            del self._cameras[camera_id]
        self._on_change()

    def wrong_password(self, peer: str) -> None:
        """Note a login that failed."""
        self._rejected_logins += 1
        self._add_points(owner(parse_address(peer)), _WRONG_PASSWORD)
        self._on_change()

    def lift(self, address: str) -> None:
        """End a ban."""
        self._bans.pop(address, None)
        self._points.pop(address, None)
        self._on_change()

    def status(self) -> ReceiverStatus:
        """Return who is connected and who is banned."""
        return ReceiverStatus(
            connected_cameras=len(self._cameras),
            rejected_logins=self._rejected_logins,
            bans=tuple(
                Ban(address=who, until=until)
                for who, (_, until) in self._bans.items()
                if self._is_banned(who)
            ),
        )

    def _is_banned(self, who: str) -> bool:
        ban = self._bans.get(who)
        return ban is not None and time.monotonic() < ban[0]

    def _add_points(self, who: str, points: int) -> None:
        now = time.monotonic()
        if who not in self._points and len(self._points) >= _MAX_OBSERVED:
            del self._points[next(iter(self._points))]
        observed = self._points.setdefault(who, deque(maxlen=100))
        observed.append((now, points))
        since = now - self._limits.observation_time
        score = sum(points for moment, points in observed if moment >= since)
        if score >= self._limits.ban_score and not self._is_banned(who):
            self._ban(who)

    def _ban(self, who: str) -> None:
        seconds = self._limits.ban_time
        self._bans = {
            kept: ban for kept, ban in self._bans.items() if self._is_banned(kept)
        }
        self._bans[who] = (
            time.monotonic() + seconds,
            datetime.now(UTC) + timedelta(seconds=seconds),
        )
        self._points.pop(who, None)
        _LOGGER.warning("Banned %s for %d s after failed logins", who, seconds)
        self._on_change()
