"""Measures how wrong a camera's clock is, from when its files arrive."""

from collections import deque
from datetime import datetime, timedelta
from statistics import median

_SAMPLES = 9
_ENOUGH = 3
_APART = timedelta(minutes=2)
"""Between two samples. Old files that are delivered in one go have times that do not
pass as the arrivals do: they must not look like a clock that is wrong."""
_SPREAD = 15.0
"""Seconds between samples that still agree."""
_DELIVERY = 60.0
"""Seconds that a picture may take to arrive; a clock is not called wrong for that."""
_TOLD_EXACTLY = 2.0
"""The same of an offset that the device itself has told, to the second."""


class CameraClock:
    """The offset of one camera's clock."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._samples: deque[float] = deque(maxlen=_SAMPLES)
        self._last: datetime | None = None
        self._told: float | None = None

    def tell(self, offset: float | None) -> None:
        """Take what the camera's own web service says, which is better than names.

        In seconds to add to its clock; None while it does not say.
        """
        self._told = offset

    def observe(self, name_time: datetime, arrived: datetime) -> None:
        """Take the time in a snapshot's name and when the snapshot arrived."""
        if self._last is not None and arrived - self._last < _APART:
            return
        self._last = arrived
        self._samples.append((arrived - name_time).total_seconds())

    @property
    def offset(self) -> float | None:
        """Seconds to add to the camera's clock; None while that cannot be told."""
        if self._told is not None:
            return self._told
        if len(self._samples) < _ENOUGH:
            return None
        middle = median(self._samples)
        agreeing = sum(abs(sample - middle) <= _SPREAD for sample in self._samples)
        return middle if agreeing > len(self._samples) / 2 else None

    def corrected(self, name_time: datetime) -> datetime | None:
        """Return the true time; None when the clock is right or not known."""
        offset = self.offset
        limit = _DELIVERY if self._told is None else _TOLD_EXACTLY
        if offset is None or abs(offset) <= limit:
            return None
        return name_time + timedelta(seconds=offset)
