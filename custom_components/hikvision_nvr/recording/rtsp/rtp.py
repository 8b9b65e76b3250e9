"""Packets of RTP and RTCP (RFC 3550)."""

from collections.abc import Callable
from dataclasses import dataclass
import struct
from typing import Protocol

_HEADER = struct.Struct(">BBHII")
_FOREIGN = 100
"""Packets of another source, or of numbers long past, after which these count."""
_SENDER_REPORT, _GOODBYE = 200, 203
_REPORT = struct.Struct(">IIII")


class Unpacker(Protocol):
    """Takes the payloads of a track, in order."""

    def push(self, payload: memoryview, timestamp: int, marker: bool) -> None:
        """Take a payload; ``timestamp`` does not wrap."""

    def lost(self) -> None:
        """Packets before the next one are missing."""


class Unwrapper:
    """Counts on where 32 bits begin anew: a difference is at most half of them."""

    def __init__(self) -> None:
        """Know no timestamp yet."""
        self._last: int | None = None

    def extend(self, timestamp: int) -> int:
        """Return a timestamp that goes on from the last one, in either direction."""
        if self._last is None:
            self._last = timestamp
        else:
            self._last += (timestamp - self._last + 0x80000000 & 0xFFFFFFFF) - (
                0x80000000
            )
        return self._last

    def place(self, timestamp: int) -> int:
        """Return what ``extend`` would, without going on."""
        last = timestamp if self._last is None else self._last
        return last + (timestamp - last + 0x80000000 & 0xFFFFFFFF) - 0x80000000


class Track:
    """The packets of one medium: those that are its own, in order, with their gaps."""

    def __init__(self, payload_type: int, unpacker: Unpacker) -> None:
        """Pass payloads of one type on to ``unpacker``."""
        self._payload_type = payload_type
        self._unpacker = unpacker
        self._source: int | None = None
        self._foreign: tuple[int, int] | None = None
        self._expected: int | None = None
        self._late = 0
        self._timestamp = -1
        self._extended = 0
        self.timestamps = Unwrapper()
        self.ignored = 0
        """Packets that were none of this track's, or damaged."""
        self.missing = 0
        """Packets that never came: what the camera itself has dropped."""

    def packet(self, data: memoryview) -> None:
        """Take a packet (RFC 3550, section 5.1)."""
        size = len(data)
        if size < 12:
            self.ignored += 1
            return
        first, second, sequence, timestamp, source = _HEADER.unpack_from(data)
        begin, end = 12, size
        if first != 0x80:
            if first >> 6 != 2:
                self.ignored += 1
                return
            begin += 4 * (first & 15)
            if first & 0x10 and begin + 4 <= size:
                begin += 4 + 4 * (data[begin + 2] << 8 | data[begin + 3])
            if first & 0x20:
                end -= data[size - 1]
        if begin > end or second & 0x7F != self._payload_type:
            self.ignored += 1
            return
        if source != self._source:
            if not self._adopt(source):
                self.ignored += 1
                return
        elif self._foreign is not None:
            self._foreign = None
        if sequence != self._expected and self._expected is not None:
            gap = sequence - self._expected & 0xFFFF
            if gap >= 0x8000:
                # Late, or a second time: its place has been passed.
                self.ignored += 1
                self._late += 1
                if self._late < _FOREIGN:
                    return
                gap = 0
            self.missing += gap
            self._unpacker.lost()
        self._late = 0
        self._expected = sequence + 1 & 0xFFFF
        if begin < end:
            if timestamp != self._timestamp:
                self._timestamp = timestamp
                self._extended = self.timestamps.extend(timestamp)
            self._unpacker.push(data[begin:end], self._extended, second >= 0x80)

    def _adopt(self, source: int) -> bool:
        """Tell whether a packet of another source counts.

        Some cameras send a stale session's packets on the new connection; others
        change their source when they are set anew.
        """
        if self._source is not None:
            known, count = self._foreign or (source, 0)
            count = count + 1 if known == source else 1
            self._foreign = (source, count)
            if count < _FOREIGN:
                return False
            self._unpacker.lost()
        self._source = source
        self._foreign = None
        self._expected = None
        return True


@dataclass(frozen=True, slots=True)
class SenderReport:
    """What a camera's clock showed at a timestamp (RFC 3550, section 6.4.1).

    ``wall`` is in seconds since 1900, as the camera believes.
    """

    wall: float
    timestamp: int


def parse_control(
    data: memoryview,
    on_report: Callable[[SenderReport], None],
    on_goodbye: Callable[[], None],
) -> None:
    """Read a compound packet of RTCP (RFC 3550, section 6.1); the rest is left out."""
    at = 0
    while at + 4 <= len(data):
        if data[at] >> 6 != 2:
            return
        kind = data[at + 1]
        end = at + 4 + 4 * (data[at + 2] << 8 | data[at + 3])
        if end > len(data):
            return
        if kind == _SENDER_REPORT and end - at >= 28:
            _, seconds, fraction, timestamp = _REPORT.unpack_from(data, at + 4)
            if seconds or fraction:
                on_report(SenderReport(seconds + fraction / (1 << 32), timestamp))
        elif kind == _GOODBYE:
            on_goodbye()
        at = end
