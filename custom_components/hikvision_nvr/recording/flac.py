"""FLAC out of 16-bit samples, by FFmpeg's encoder."""

from fractions import Fraction
import threading

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame

_STREAM_INFO = 34
"""Bytes of the block that describes a stream (RFC 9639, section 8.2)."""


class FlacEncoder:
    """Encodes 16-bit mono. One serves all cameras: each would take 7 MB."""

    def __init__(self, rate: int) -> None:
        """Open an encoder for so many samples a second."""
        self._rate = rate
        self._lock = threading.Lock()
        self._next = 0
        context = av.CodecContext.create("flac", "w")
        assert isinstance(context, AudioCodecContext)
        context.sample_rate = rate
        context.layout = "mono"
        context.format = "s16"
        context.time_base = Fraction(1, rate)
        context.open()
        self._context = context
        self.frame_size: int = context.frame_size
        """Samples in each frame."""
        self.stream_info = bytes(context.extradata or b"")[-_STREAM_INFO:]

    def encode(self, linear: bytes) -> list[bytes]:
        """Return a FLAC frame for each ``frame_size`` samples (little endian)."""
        with self._lock:
            frames: list[bytes] = []
            size = self.frame_size * 2
            for at in range(0, len(linear), size):
                frame = AudioFrame(format="s16", layout="mono", samples=self.frame_size)
                frame.sample_rate = self._rate
                frame.planes[0].update(linear[at : at + size])
                frame.pts = self._next
                frame.time_base = Fraction(1, self._rate)
                self._next += self.frame_size
                frames.extend(bytes(packet) for packet in self._context.encode(frame))
            return frames


_encoders: dict[int, FlacEncoder] = {}
_encoders_lock = threading.Lock()


def flac_encoder(rate: int) -> FlacEncoder:
    """Return the encoder of so many samples a second, the same for all that ask."""
    with _encoders_lock:
        if rate not in _encoders:
            _encoders[rate] = FlacEncoder(rate)
        return _encoders[rate]
