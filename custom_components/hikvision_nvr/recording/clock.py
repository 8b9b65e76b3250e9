"""What time it was when a frame was taken."""

from collections.abc import Callable
from dataclasses import dataclass
import time

STEP = 2.0
"""Seconds by which this machine's clock must be set for a new run to begin."""
_DRIFT = 5.0
"""Seconds between the stream's clock and this machine's after which a run ends."""
_DRIFTED_FRAGMENTS = 3
_SLEW = 500e-6
"""Seconds a second by which the time of a run follows this machine's clock."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """The clocks to go by: seconds since 1970, and seconds that never jump."""

    wall: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic


SYSTEM_CLOCKS = Clocks()


class RunClock:
    """The wall clock of one run of a stream.

    A frame cannot arrive before it was taken, but late: so the earliest arrival,
    measured against the stream's own time, is the one to believe.
    """

    def __init__(self, clocks: Clocks) -> None:
        """Begin a run."""
        self._clocks = clocks
        self._wall = clocks.wall() - clocks.monotonic()
        self._offset: float | None = None
        self._drifted = 0

    def observe(self, earliest: float, duration: float) -> bool:
        """Take a fragment's earliest (arrival - media time) and its duration.

        Returns False when the run must end: a clock was set, or they drift apart.
        All are seconds.
        """
        wall = self._clocks.wall() - self._clocks.monotonic()
        if abs(wall - self._wall) > STEP:
            return False
        if self._offset is None:
            self._offset = earliest
            return True
        drift = earliest + wall - self._offset - self._wall
        self._drifted = self._drifted + 1 if abs(drift) > _DRIFT else 0
        if self._drifted >= _DRIFTED_FRAGMENTS:
            return False
        most = _SLEW * duration
        self._offset += max(-most, min(most, drift))
        return True

    def wall_us(self, media: float) -> int:
        """Return microseconds since 1970 UTC of a media time in seconds."""
        assert self._offset is not None
        return round((media + self._offset + self._wall) * 1_000_000)
