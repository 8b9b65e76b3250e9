"""G.711 out of RTP payloads (RFC 3551, section 4.5.14): the samples, nothing else."""

from collections.abc import Callable


class G711Samples:
    """Samples of A-law or µ-law."""

    def __init__(self, on_samples: Callable[[bytes, int], None]) -> None:
        """Pass them on with the timestamp of the first."""
        self._on_samples = on_samples

    def push(self, payload: memoryview, timestamp: int, marker: bool) -> None:
        """Take a payload."""
        self._on_samples(bytes(payload), timestamp)

    def lost(self) -> None:
        """Packets before the next one are missing: the timestamps tell, too."""
