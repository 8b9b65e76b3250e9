"""When what waits in a queue is due, also where the clock was wrong as that was noted."""

from datetime import UTC, datetime, timedelta

from .rows import to_us

IS_DUE = "due_us NOT BETWEEN ? AND ?"
"""The condition of a query; its values are those of ``not_due_us``."""
_FARTHEST = timedelta(hours=1)
"""Nothing is meant to wait so long."""


def not_due_us() -> tuple[int, int]:
    """Return the first and the last time that is still to come (microseconds).

    What is planned for later was planned by a clock that was ahead, perhaps by days.
    """
    now = datetime.now(UTC)
    return to_us(now) + 1, to_us(now + _FARTHEST)
