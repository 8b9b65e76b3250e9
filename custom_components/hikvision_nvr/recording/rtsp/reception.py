"""What a stream's packets become: access units and sound, with the times of both."""

from collections import deque
from collections.abc import Callable
import time

from ...errors import StreamEndedError, StreamError
from ..source import AudioFormat, Sink, VideoFormat
from .media import audio_unpacker, video_unpacker
from .messages import TrackInfo
from .ordering import DecodeOrder
from .rtp import SenderReport, Track, parse_control
from .sdp import Media
from .timing import Alignment

_NO_RATE = 8000
_MOST_WAITING = 256
"""Pieces of sound that wait for the first pictures."""


class Reception:
    """Takes the packets of one stream and tells its sink."""

    def __init__(
        self,
        sink: Sink,
        video: tuple[Media, VideoFormat],
        audio: tuple[Media, AudioFormat] | None,
        on_end: Callable[[StreamError], None],
        arrival: Callable[[], float],
    ) -> None:
        """Receive these media.

        ``on_end`` hears when the camera says goodbye; ``arrival`` tells when what is
        taken now has come, by the monotonic clock.
        """
        self._sink = sink
        self._on_end = on_end
        medium, video_format = video
        self._order = DecodeOrder(sink.video)
        self._units = video_unpacker(video_format.codec, self._on_picture)
        self._video = Track(medium.payload_type, self._units)
        self.video_packet = self._video.packet
        """Takes a packet of the video."""
        self.audio_packet: Callable[[memoryview], None] = _ignore
        """Takes a packet of the audio."""
        rate = _NO_RATE if audio is None else audio[0].rate
        self._alignment = Alignment(medium.rate, rate)
        self._audio: Track | None = None
        if audio is not None:
            unpacker = audio_unpacker(*audio, self._on_audio)
            self._audio = Track(audio[0].payload_type, unpacker)
            self.audio_packet = self._audio.packet
        self._arrival = arrival
        self._waiting: deque[tuple[bytes, int]] = deque(maxlen=_MOST_WAITING)
        self.pictures = 0
        """Access units so far."""
        self.last_picture = time.monotonic()
        """When the last one came, by the monotonic clock."""

    def video_control(self, packet: memoryview) -> None:
        """Take a packet of the video's RTCP."""
        parse_control(packet, self._on_video_report, self._on_goodbye)

    def audio_control(self, packet: memoryview) -> None:
        """Take a packet of the audio's RTCP."""
        parse_control(packet, self._on_audio_report, lambda: None)

    def started(self, video: TrackInfo | None, audio: TrackInfo | None) -> None:
        """Take what the camera says of where its tracks begin."""
        if video is None or audio is None:
            return
        if video.timestamp is not None and audio.timestamp is not None:
            self._alignment.started(video.timestamp, audio.timestamp)

    def finish(self) -> None:
        """Pass on what is held: nothing comes any more."""
        self._order.finish()
        self._pass_on_sound()

    def describe(self) -> str:
        """Return what went wrong so far, for the log; empty when nothing did."""
        figures = {
            "packets missing": self._video.missing,
            "packets ignored": self._video.ignored,
            "pictures damaged": self._units.damaged,
        }
        return ", ".join(f"{count} {name}" for name, count in figures.items() if count)

    def _on_picture(self, units: list[bytes], timestamp: int) -> None:
        self.pictures += 1
        arrived = self.last_picture = self._arrival()
        present = self._alignment.video(timestamp, arrived)
        self._order.add(units, present, arrived)
        if self._waiting and not self._order.holding:
            self._pass_on_sound()

    def _on_audio(self, data: bytes, timestamp: int) -> None:
        present = self._alignment.audio(timestamp, self._arrival())
        if present is None:
            return
        if self._order.holding:
            # Sound that comes before its picture would have none to go with.
            self._waiting.append((data, present))
        else:
            self._sink.audio(data, present)

    def _pass_on_sound(self) -> None:
        while self._waiting:
            self._sink.audio(*self._waiting.popleft())

    def _on_video_report(self, report: SenderReport) -> None:
        self._alignment.reported(report, self._video.timestamps, audio=False)

    def _on_audio_report(self, report: SenderReport) -> None:
        if self._audio is not None:
            self._alignment.reported(report, self._audio.timestamps, audio=True)

    def _on_goodbye(self) -> None:
        self._on_end(StreamEndedError("The camera has ended the stream"))


def _ignore(_packet: memoryview) -> None:
    """Take a packet of a medium that is not recorded."""
