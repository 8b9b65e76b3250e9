"""Decode times: RTP tells only when a picture is shown (RFC 6184, section 5.1).

Without B-frames the two are one. With them, a picture is decoded before others that are
shown earlier; how many these are at most is how far decoding is ahead.
"""

from bisect import insort
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from ...store.mp4 import TIMESCALE

_HELD = 16
"""Pictures at the beginning that are looked at; no codec reorders more (H.264, A.3.1)."""
_LONGEST = 1.0
"""Seconds after which they are passed on, however few they are."""
_JUMP = 10 * TIMESCALE
"""A step of the stream's clock that is none of order."""

type Picture = list[bytes]


@dataclass(frozen=True, slots=True)
class _Held:
    units: Picture
    present: int
    arrived: float


class DecodeOrder:
    """Gives each picture a decode time, strictly after the last one's.

    It holds the first pictures until it has seen how they are ordered; after that it
    passes each on as it comes.
    """

    def __init__(self, on_picture: Callable[[Picture, int, int, float], None]) -> None:
        """Pass on (units, decode, present, arrived); times are ticks of 1/90,000 s."""
        self._on_picture = on_picture
        self._held: list[_Held] | None = []
        self._ahead = 0
        self._step = TIMESCALE // 25
        self._latest: list[int] = []
        self._earliest: int | None = None
        self._first = 0
        self._count = 0
        self._newest: int | None = None
        self._last: int | None = None

    @property
    def holding(self) -> bool:
        """Whether pictures are held back that were not passed on yet."""
        return self._held is not None

    def add(self, units: Picture, present: int, arrived: float) -> None:
        """Take a picture."""
        if self._held is None:
            self._pass_on(units, present, arrived)
            return
        if self._held and self._is_set(present - self._held[-1].present):
            self.finish()
            self._pass_on(units, present, arrived)
            return
        self._held.append(_Held(units, present, arrived))
        if (
            len(self._held) == _HELD or arrived - self._held[0].arrived >= _LONGEST
        ) and len(self._held) > 1:
            self.finish()

    def finish(self) -> None:
        """Pass on what is held: enough is known, or nothing more comes."""
        held, self._held = self._held or [], None
        times = [one.present for one in held]
        self._ahead = depth(times)
        steps = [b - a for a, b in pairwise(sorted(times)) if b > a]
        self._step = min(steps, default=self._step)
        # The first ones are decoded before anything is shown.
        self._earliest = min(times[: self._ahead + 1], default=None)
        for one in held:
            self._pass_on(one.units, one.present, one.arrived)

    def _pass_on(self, units: Picture, present: int, arrived: float) -> None:
        newest, last = self._newest, self._last
        if newest is None or last is None or self._is_set(present - newest):
            # The stream's clock was set: what came before tells nothing.
            newest = present
            self._first = present if self._earliest is None else self._earliest
            self._earliest = None
            self._latest.clear()
            self._count = 0
            last = None
        self._newest = max(newest, present)
        if not self._ahead and present > newest:
            decode = present
            self._latest = [present]
        else:
            decode = self._reordered(present)
        if last is not None and decode <= last:
            decode = last + 1
        self._last = decode
        self._on_picture(units, decode, present, arrived)

    def _is_set(self, step: int) -> bool:
        """Tell whether the stream's clock was set, which is no matter of order."""
        return not -max(TIMESCALE, (_HELD + 1) * self._step) <= step <= _JUMP

    def _reordered(self, present: int) -> int:
        """Return when a picture is decoded that others may overtake.

        Of the ``ahead`` + 1 latest presentation times the first is never after this
        picture's own, and grows with every picture.
        """
        latest = self._latest
        insort(latest, present)
        if len(latest) > self._ahead + 1:
            if present == latest[0] and self._ahead < _HELD:
                # More pictures overtake this one than any before.
                self._ahead += 1
                return present
            del latest[0]
        if len(latest) <= self._ahead:
            self._count += 1
            return self._first - (self._ahead - self._count + 1) * self._step
        return latest[0]


def depth(times: list[int]) -> int:
    """Return how many pictures at most come before one that is shown before them."""
    return max(
        (
            sum(earlier > time for earlier in times[:place])
            for place, time in enumerate(times)
        ),
        default=0,
    )
