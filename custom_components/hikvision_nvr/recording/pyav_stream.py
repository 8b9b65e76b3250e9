"""A stream as FFmpeg's library reads it: connect, describe, gather, pass on.

FFmpeg's own socket timeout ends a read that gets nothing. PyAV's would take the GIL at
every look at the clock, and goes wrong when the clock is set back.
"""

from collections.abc import Callable, Iterator
import contextlib
from fractions import Fraction
import time
from typing import TYPE_CHECKING

import av
from av.audio.codeccontext import AudioCodecContext
import av.error
from av.packet import Packet
from av.stream import Stream

from ..errors import (
    StreamBusyError,
    StreamEndedError,
    StreamError,
    StreamNotFoundError,
    StreamStalledError,
    StreamUnauthorizedError,
    StreamUnreachableError,
    StreamUnsupportedError,
)
from ..model import AudioCodec, VideoCodec
from ..store.mp4 import TIMESCALE
from .nal import split_byte_stream
from .source import AudioFormat, Sink, VideoFormat

if TYPE_CHECKING:
    from av.rational import AVRational

SILENCE = 10.0
"""Seconds without a byte after which a stream is given up."""
_OPENING = 20.0
"""Seconds for connecting, describing and looking at the first packets."""
_BATCH = 0.5
"""Seconds for which packets are gathered."""

_MOST_UNTIMED = 50
_USUAL_INTERVAL = TIMESCALE // 25

_VIDEO_CODECS = {"h264": VideoCodec.H264, "hevc": VideoCodec.H265}
_AUDIO_CODECS = {
    "aac": AudioCodec.AAC,
    "pcm_alaw": AudioCodec.PCMA,
    "pcm_mulaw": AudioCodec.PCMU,
}


def read_stream(
    url: str, audio: bool, sink: Sink, is_stopped: Callable[[], bool]
) -> None:
    """Read ``url`` into ``sink`` until it ends or ``is_stopped`` says so (blocking).

    Raises StreamError where it cannot be opened or fails.
    """
    try:
        _read(url, audio, sink, is_stopped)
    except (av.error.FFmpegError, OSError) as err:
        raise _stream_error(err) from None


def _read(url: str, audio: bool, sink: Sink, is_stopped: Callable[[], bool]) -> None:
    options = {
        # TCP where the camera can: over UDP frames tear on busy networks.
        "rtsp_flags": "prefer_tcp",
        "allowed_media_types": "video+audio" if audio else "video",
        # In microseconds. FFmpeg ignores the older names "stimeout" and
        # "rw_timeout" without a word.
        "timeout": str(int(SILENCE * 1_000_000)),
        # A camera's certificate is its own, and its name in it anything.
        "tls_verify": "0",
    }
    with av.open(url, options=options, timeout=(_OPENING, None)) as container:
        if not container.streams.video:
            raise StreamUnsupportedError("The stream has no video")
        video = container.streams.video[0]
        sound = container.streams.audio[0] if container.streams.audio else None
        sound_format = None if sound is None else _audio_format(sound)
        streams: list[Stream] = [video]
        if sound is not None and sound_format is not None:
            streams.append(sound)
        sink.opened(_video_format(video), sound_format)
        _pass_on(iter(container.demux(streams)), _Batch(sink, video.index), is_stopped)


def _pass_on(
    packets: Iterator[Packet[Stream]], batch: _Batch, is_stopped: Callable[[], bool]
) -> None:
    try:
        for packet in packets:
            batch.add(packet, time.monotonic())
            if is_stopped():
                break
    finally:
        batch.flush()


class _Batch:
    """Passes packets on half a second at a time.

    A dozen threads that each wake for every frame find nothing of theirs in the
    processor's caches: the same work done in one go costs half.
    """

    def __init__(self, sink: Sink, video_index: int) -> None:
        self._sink = sink
        self._video_index = video_index
        self._untimed = _Untimed(sink)
        self._packets: list[tuple[Packet[Stream], float]] = []

    def add(self, packet: Packet[Stream], arrived: float) -> None:
        """Take a packet; pass on all once the first one has waited long enough."""
        if packet.size:
            self._packets.append((packet, arrived))
            if arrived - self._packets[0][1] >= _BATCH:
                self.flush()

    def flush(self) -> None:
        """Pass on what waits."""
        packets, self._packets = self._packets, []
        for packet, arrived in packets:
            present = packet.pts if packet.pts is not None else packet.dts
            if packet.stream_index == self._video_index:
                self._pass_video(packet, present, arrived)
            elif present is not None:
                self._sink.audio(bytes(packet), _ticks(present, packet.time_base))

    def _pass_video(
        self, packet: Packet[Stream], present: int | None, arrived: float
    ) -> None:
        units = split_byte_stream(bytes(packet))
        if present is None:
            self._untimed.add(units, arrived)
            return
        decode = packet.dts if packet.dts is not None else present
        base = packet.time_base
        if base.denominator != TIMESCALE or base.numerator != 1:
            decode, present = _ticks(decode, base), _ticks(present, base)
        self._untimed.release(decode)
        self._sink.video(units, decode, present, arrived)


class _Untimed:
    """Frames without times: the first ones often, all of them on some firmware."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._held: list[tuple[list[bytes], float]] = []
        self._never = False

    def add(self, units: list[bytes], arrived: float) -> None:
        """Hold a frame until there is a time; pass it on when there never is one."""
        self._held.append((units, arrived))
        if self._never or len(self._held) > _MOST_UNTIMED:
            self._never = True
            for held, when in self._held:
                ticks = int(when * TIMESCALE)
                self._sink.video(held, ticks, ticks, when)
            self._held.clear()

    def release(self, following: int) -> None:
        """Pass on what was held, before a frame that has a time."""
        for left, (units, arrived) in zip(
            range(len(self._held), 0, -1), self._held, strict=True
        ):
            ticks = following - left * _USUAL_INTERVAL
            self._sink.video(units, ticks, ticks, arrived)
        self._held.clear()


def _video_format(stream: Stream) -> VideoFormat:
    name = stream.codec_context.name
    if name not in _VIDEO_CODECS:
        raise StreamUnsupportedError(
            f"The video codec {name} cannot be recorded", codec=name
        )
    sets = split_byte_stream(bytes(stream.codec_context.extradata or b""))
    return VideoFormat(codec=_VIDEO_CODECS[name], parameter_sets=tuple(sets))


def _audio_format(stream: Stream) -> AudioFormat | None:
    context = stream.codec_context
    assert isinstance(context, AudioCodecContext)
    if context.name not in _AUDIO_CODECS:
        return None
    codec = _AUDIO_CODECS[context.name]
    configuration = bytes(context.extradata or b"") if codec is AudioCodec.AAC else b""
    if codec is AudioCodec.AAC and not configuration:
        return None
    return AudioFormat(
        codec=codec,
        rate=context.sample_rate,
        channels=context.layout.nb_channels,
        configuration=configuration,
    )


def _ticks(value: int, base: Fraction | AVRational) -> int:
    return value * TIMESCALE * base.numerator // base.denominator


def _stream_error(error: av.error.FFmpegError | OSError) -> StreamError:
    """Return what FFmpeg's error means. Its own text may hold the password."""
    reason = error.strerror or type(error).__name__
    with contextlib.suppress(AttributeError):
        if isinstance(
            error, av.error.HTTPUnauthorizedError | av.error.HTTPForbiddenError
        ):
            return StreamUnauthorizedError("The camera refuses the user or password")
        if isinstance(error, av.error.HTTPNotFoundError):
            return StreamNotFoundError("The camera has no such stream")
        if isinstance(error, av.error.HTTPOtherClientError):
            return StreamBusyError("The camera serves no more streams")
    if isinstance(error, TimeoutError | av.error.ExitError):
        return StreamStalledError("The camera has sent nothing for too long")
    if isinstance(error, av.error.EOFError):
        return StreamEndedError("The camera has ended the stream")
    return StreamUnreachableError(f"The camera does not answer: {reason}", error=reason)
