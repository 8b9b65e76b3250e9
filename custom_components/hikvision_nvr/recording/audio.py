"""Audio of cameras, in a form that browsers play.

AAC stays as it is. G.711 (ITU-T G.711), which no MP4 file holds, becomes FLAC: lossless,
and a quarter of the work of AAC.
"""

from typing import Protocol

from ..model import AudioCodec
from ..store.mp4 import TIMESCALE
from .fmp4 import AudioDescription, AudioSamples, aac_entry, flac_entry
from .source import AudioFormat

_AAC_FRAME = 1024
"""Samples in a frame of AAC-LC (ISO/IEC 14496-3)."""
_SLACK = 0.1
"""Seconds by which times may be off before they count as a hole in the audio."""


class AudioTrack(Protocol):
    """The audio of one run of a stream."""

    description: AudioDescription

    def add(self, data: bytes, present: int) -> None:
        """Take audio that begins at ``present`` (ticks of the stream)."""

    def take(self) -> tuple[AudioSamples, int | None]:
        """Return what has come since the last call, and where it begins (ticks)."""


def audio_track(audio: AudioFormat) -> AudioTrack | None:
    """Return what records such audio, None where nothing can."""
    if audio.codec is AudioCodec.AAC:
        return AacTrack(audio)
    if audio.channels == 1 and 4000 <= audio.rate <= 48_000:
        return G711Track(audio)
    return None


class AacTrack:
    """AAC as it comes."""

    def __init__(self, audio: AudioFormat) -> None:
        """Describe it."""
        self.description = AudioDescription(
            name="mp4a.40.2",
            rate=audio.rate,
            entry=aac_entry(audio.rate, audio.channels, audio.configuration),
        )
        self._samples = AudioSamples([], [])
        self._start: int | None = None

    def add(self, data: bytes, present: int) -> None:
        """Take one frame."""
        if self._start is None:
            self._start = present
        self._samples.data.append(data)
        self._samples.durations.append(_AAC_FRAME)

    def take(self) -> tuple[AudioSamples, int | None]:
        """Return the frames since the last call."""
        taken, start = self._samples, self._start
        self._samples, self._start = AudioSamples([], []), None
        return taken, start


class G711Track:
    """G.711 as FLAC, encoded once a fragment: packet by packet it costs four times."""

    def __init__(self, audio: AudioFormat) -> None:
        """Take A-law or µ-law."""
        self._low, self._high = _tables(audio.codec)
        # It brings FFmpeg's library, which cameras without G.711 do not need.
        from .flac import flac_encoder

        self._encoder = flac_encoder(audio.rate)
        self._rate = audio.rate
        self.description = AudioDescription(
            name="flac",
            rate=audio.rate,
            entry=flac_entry(audio.rate, 1, self._encoder.stream_info),
        )
        self._waiting = bytearray()
        self._start: int | None = None

    def add(self, data: bytes, present: int) -> None:
        """Take a packet."""
        if self._start is not None:
            expected = self._start + len(self._waiting) * TIMESCALE // self._rate
            if abs(present - expected) > _SLACK * TIMESCALE:
                # A hole: what is left over from before it is too short to matter.
                self._waiting.clear()
                self._start = None
        if self._start is None:
            self._start = present
        self._waiting += data

    def take(self) -> tuple[AudioSamples, int | None]:
        """Return whole FLAC frames; the rest waits for the next fragment."""
        size = self._encoder.frame_size
        count = len(self._waiting) // size
        if count == 0 or self._start is None:
            return AudioSamples([], []), None
        begun = self._start
        taken = bytes(self._waiting[: count * size])
        del self._waiting[: count * size]
        self._start = begun + count * size * TIMESCALE // self._rate
        linear = bytearray(2 * len(taken))
        linear[0::2] = taken.translate(self._low)
        linear[1::2] = taken.translate(self._high)
        frames = self._encoder.encode(bytes(linear))
        return AudioSamples(frames, [size] * len(frames)), begun


def _tables(codec: AudioCodec) -> tuple[bytes, bytes]:
    """Return the low and the high bytes of what each code means."""
    decode = _a_law if codec is AudioCodec.PCMA else _mu_law
    values = [decode(code) & 0xFFFF for code in range(256)]
    return bytes(value & 0xFF for value in values), bytes(
        value >> 8 for value in values
    )


def _mu_law(code: int) -> int:
    """Return the 16-bit value of a µ-law code (G.711, table 2)."""
    code = ~code & 0xFF
    magnitude = (((code & 15) << 3) + 0x84 << (code >> 4 & 7)) - 0x84
    return -magnitude if code & 0x80 else magnitude


def _a_law(code: int) -> int:
    """Return the 16-bit value of an A-law code (G.711, table 1)."""
    code ^= 0x55
    exponent = code >> 4 & 7
    magnitude = ((code & 15) << 4) + 8
    if exponent:
        magnitude = magnitude + 0x100 << exponent - 1
    return magnitude if code & 0x80 else -magnitude
