"""How long to wait before trying again."""

from datetime import UTC, datetime, timedelta
import random
from typing import Final

RETRY_FIRST_SECONDS: Final = 5.0
RETRY_LONGEST_SECONDS: Final = 15 * 60.0
REQUEST_FIRST_SECONDS: Final = 0.5
REQUEST_LONGEST_SECONDS: Final = 4.0
PROBE_FIRST_SECONDS: Final = 1.0
PROBE_LONGEST_SECONDS: Final = 5 * 60.0


def retry_at(attempts: int) -> datetime:
    """Return when to try a capture again that failed ``attempts`` times before."""
    seconds = _jittered(RETRY_FIRST_SECONDS, RETRY_LONGEST_SECONDS, attempts)
    return datetime.now(UTC) + timedelta(seconds=seconds)


def request_seconds(attempts: int) -> float:
    """Return how long to wait before a request is repeated that just failed."""
    return _jittered(REQUEST_FIRST_SECONDS, REQUEST_LONGEST_SECONDS, attempts)


def probe_seconds(attempts: int) -> float:
    """Return how long to leave a service alone that failed ``attempts`` probes."""
    return _jittered(PROBE_FIRST_SECONDS, PROBE_LONGEST_SECONDS, attempts)


def _jittered(first: float, longest: float, attempts: int) -> float:
    """Full jitter: anything up to the doubled wait, so that retries spread out."""
    # 2 ** 20 is past every limit; a larger power would only overflow.
    return random.uniform(0, min(longest, first * 2 ** min(attempts, 20)))
