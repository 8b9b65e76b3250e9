"""Sound in step with the picture: two clocks of a camera, brought together.

The picture's RTP clock is the stream's. How far the sound's is from it is told by sender
reports (RFC 3550, section 6.4.1), before these come by RTP-Info (RFC 2326, section
12.33), and without either by when both arrive. A camera may count samples by one quartz
and frames by another: what was right in the morning is seconds off in the evening, so
arrival is looked at all the time.
"""

from math import inf

from ...store.mp4 import TIMESCALE
from .rtp import SenderReport, Unwrapper

_WINDOW = 30.0
"""Seconds of which the earliest arrival counts: it is the least delayed."""
_OFF = 0.25
"""Seconds by which sound must be off before arrival alone moves it."""
_DOUBTFUL = 2.0
"""Seconds between what a report and what arrival says for the report to be wrong."""
_FAR = 10.0
"""Seconds after the beginning within which RTP-Info's times must be."""


class _Clock:
    """One medium's clock: its ticks a second, and what is known of it."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.reset()

    def reset(self) -> None:
        """Know nothing: the clock was set, or has not been seen."""
        self.first: int | None = None
        self.report: tuple[float, float] | None = None
        self.arrival: float | None = None
        self._last = 0.0
        self._since = 0.0
        self._lowest = inf
        self._settled = False

    def jumps(self, media: float) -> bool:
        """Tell whether this time (seconds) cannot follow the last one."""
        return self.first is not None and abs(media - self._last) > _FAR

    def observe(self, timestamp: int, arrived: float) -> bool:
        """Note an arrival (seconds); return whether a window has ended.

        ``arrival`` is the least of (arrival - media time) of the last window.
        """
        self._last = timestamp / self.rate
        late = arrived - self._last
        if self.first is None:
            self.first, self._since, self.arrival = timestamp, arrived, late
        self._lowest = min(self._lowest, late)
        if not self._settled:
            self.arrival = self._lowest
        if arrived - self._since < _WINDOW:
            return False
        self.arrival, self._since, self._settled = self._lowest, arrived, True
        self._lowest = inf
        return True


class Alignment:
    """Says where on the picture's clock sound belongs. All results are its ticks."""

    def __init__(self, video: int, audio: int) -> None:
        """Know how many ticks a second both clocks have."""
        self._video = _Clock(video)
        self._audio = _Clock(audio)
        self._started: tuple[int, int] | None = None
        self._shift: float | None = None
        self._reported = False

    def started(self, video: int, audio: int) -> None:
        """Take the timestamps of RTP-Info: both belong to the same moment."""
        self._started = (video, audio)

    def reported(self, report: SenderReport, clock: Unwrapper, *, audio: bool) -> None:
        """Take a sender report of one medium, whose timestamps ``clock`` extends."""
        one = self._audio if audio else self._video
        one.report = (report.wall, clock.place(report.timestamp) / one.rate)
        self._compare_reports()

    def video(self, timestamp: int, arrived: float) -> int:
        """Note a picture; return its time."""
        one = self._video
        if one.jumps(timestamp / one.rate):
            self._forget(one)
        if one.observe(timestamp, arrived):
            self._compare_arrivals()
        if one.rate == TIMESCALE:
            return timestamp
        return timestamp * TIMESCALE // one.rate

    def audio(self, timestamp: int, arrived: float) -> int | None:
        """Return where sound belongs, None before the first picture."""
        one = self._audio
        media = timestamp / one.rate
        if one.jumps(media):
            self._forget(one)
        ended = one.observe(timestamp, arrived)
        if self._video.first is None:
            return None
        if self._shift is None:
            self._shift = self._first_shift()
            self._compare_reports()
        elif ended:
            self._compare_arrivals()
        return round((media + self._shift) * TIMESCALE)

    def _forget(self, one: _Clock) -> None:
        """Forget what is known: one of the clocks was set."""
        one.reset()
        self._started = self._shift = None
        self._reported = False

    def _by_arrival(self) -> float | None:
        """Return seconds to add to the sound's time, by what came when."""
        if self._video.arrival is None or self._audio.arrival is None:
            return None
        return self._audio.arrival - self._video.arrival

    def _first_shift(self) -> float:
        by_arrival = self._by_arrival() or 0.0
        if self._started is None:
            return by_arrival
        distances: list[float] = []
        for one, timestamp in zip(
            (self._video, self._audio), self._started, strict=True
        ):
            assert one.first is not None
            step = (one.first - timestamp + 0x80000000 & 0xFFFFFFFF) - 0x80000000
            distances.append(step / one.rate)
            if abs(distances[-1]) > _FAR:
                return by_arrival
        assert self._video.first is not None
        assert self._audio.first is not None
        shift = (
            self._video.first / self._video.rate
            - distances[0]
            - (self._audio.first / self._audio.rate - distances[1])
        )
        return shift if abs(shift - by_arrival) <= _DOUBTFUL else by_arrival

    def _compare_reports(self) -> None:
        video, audio = self._video.report, self._audio.report
        if video is None or audio is None or self._shift is None:
            return
        # Both media times belong to the camera's wall clock.
        shift = (audio[0] - audio[1]) - (video[0] - video[1])
        by_arrival = self._by_arrival()
        if by_arrival is not None and abs(shift - by_arrival) <= _DOUBTFUL:
            self._shift = shift
            self._reported = True

    def _compare_arrivals(self) -> None:
        by_arrival = self._by_arrival()
        if self._shift is None or self._reported or by_arrival is None:
            return
        if abs(by_arrival - self._shift) > _OFF:
            self._shift = by_arrival
