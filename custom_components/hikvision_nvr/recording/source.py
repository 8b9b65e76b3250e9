"""Where access units come from, whatever reads them.

A source reads one camera's stream in a thread or loop of its own and tells a sink what
it gets. It knows nothing of files; the sink knows nothing of RTSP.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ..errors import StreamError
from ..model import AudioCodec, VideoCodec


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoFormat:
    """A video stream. ``parameter_sets`` are those that came before the first frame."""

    codec: VideoCodec
    parameter_sets: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioFormat:
    """An audio stream. ``configuration`` is AAC's AudioSpecificConfig (ISO 14496-3)."""

    codec: AudioCodec
    rate: int
    channels: int
    configuration: bytes = b""


@dataclass(frozen=True, slots=True)
class KeyFrame:
    """A picture that can be shown alone: units after their lengths, as in MP4 files.

    ``arrived`` is by ``time.monotonic``.
    """

    codec: VideoCodec
    parameter_sets: tuple[bytes, ...]
    data: bytes
    arrived: float


class Sink(Protocol):
    """Takes what a source gets. One thread at a time calls it."""

    def opened(self, video: VideoFormat, audio: AudioFormat | None) -> None:
        """The stream has begun; called once, before anything else."""

    def video(
        self, units: Sequence[bytes], decode: int, present: int, arrived: float
    ) -> None:
        """Take an access unit: NAL units without start codes.

        Times are ticks of 1/90,000 s on the stream's own clock, ``arrived`` seconds
        by ``time.monotonic``.
        """

    def audio(self, data: bytes, present: int) -> None:
        """Take audio as the format says: a frame of AAC, any number of G.711 bytes."""

    def closed(self, error: StreamError) -> None:
        """The stream has ended by itself; nothing is called after this."""


class Source(Protocol):
    """Reads a stream until it is stopped or ends."""

    def start(self) -> None:
        """Begin to read; returns at once."""

    def stop(self) -> None:
        """Ask it to end; returns at once. ``closed`` is not called any more."""

    def join(self, timeout: float) -> bool:
        """Wait so many seconds for its end (blocking); return whether it has ended."""


type SourceFactory = Callable[[str, bool, Sink], Source]
"""Makes a source: (RTSP URL with credentials, whether to read audio, sink)."""
