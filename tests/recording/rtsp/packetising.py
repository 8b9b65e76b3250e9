"""Makes RTP packets of access units, as a camera does: what the reader undoes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
import struct

from hypothesis import strategies as st

H264_SLICE, H264_IDR, H264_SPS, H264_PPS, H264_SEI, H264_DELIMITER = 1, 5, 7, 8, 6, 9


@dataclass
class Packetiser:
    """One medium's packets: numbered on, with timestamps that wrap."""

    payload_type: int = 96
    source: int = 0x1234_5678
    sequence: int = 65_530
    timestamp: int = 0

    def packet(self, payload: bytes, *, marker: bool = False, **more: int) -> bytes:
        """Return a packet and go on."""
        data = struct.pack(
            ">BBHII",
            0x80,
            (0x80 if marker else 0) | more.get("payload_type", self.payload_type),
            self.sequence & 0xFFFF,
            more.get("timestamp", self.timestamp) & 0xFFFFFFFF,
            more.get("source", self.source),
        )
        self.sequence += 1
        return data + payload

    def packets(self, payloads: Sequence[bytes]) -> list[bytes]:
        """Return the packets of one access unit; the last one is marked."""
        last = len(payloads) - 1
        return [
            self.packet(payload, marker=number == last)
            for number, payload in enumerate(payloads)
        ]


def interleaved(packet: bytes, channel: int = 0) -> bytes:
    """Return a packet as it goes over a TCP connection (RFC 2326, section 10.12)."""
    return struct.pack(">cBH", b"$", channel, len(packet)) + packet


def sender_report(wall: float, timestamp: int, source: int = 1) -> bytes:
    """Return a sender report without blocks (RFC 3550, section 6.4.1)."""
    return struct.pack(
        ">BBHIIIIII",
        0x80,
        200,
        6,
        source,
        int(wall),
        int(wall % 1 * (1 << 32)),
        timestamp & 0xFFFFFFFF,
        0,
        0,
    )


# --- H.264 (RFC 6184) ----------------------------------------------------------


def h264_single(unit: bytes) -> list[bytes]:
    return [unit]


def h264_fragments(unit: bytes, cuts: Sequence[int]) -> list[bytes]:
    """Return FU-A packets (section 5.8), cut at these places of the unit's content."""
    parts = list(_cut(unit[1:], cuts))
    return [
        bytes(
            (
                unit[0] & 0xE0 | 28,
                (0x80 if number == 0 else 0)
                | (0x40 if number == len(parts) - 1 else 0)
                | unit[0] & 31,
            )
        )
        + part
        for number, part in enumerate(parts)
    ]


def h264_aggregate(units: Sequence[bytes]) -> bytes:
    """Return an STAP-A packet (section 5.7.1)."""
    head = max(unit[0] & 0x60 for unit in units) | 24
    return bytes((head,)) + b"".join(
        struct.pack(">H", len(unit)) + unit for unit in units
    )


# --- H.265 (RFC 7798) ----------------------------------------------------------


def h265_fragments(unit: bytes, cuts: Sequence[int]) -> list[bytes]:
    """Return FU packets (section 4.4.3)."""
    parts = list(_cut(unit[2:], cuts))
    return [
        bytes(
            (
                unit[0] & 0x81 | 49 << 1,
                unit[1],
                (0x80 if number == 0 else 0)
                | (0x40 if number == len(parts) - 1 else 0)
                | unit[0] >> 1 & 63,
            )
        )
        + part
        for number, part in enumerate(parts)
    ]


def h265_aggregate(units: Sequence[bytes]) -> bytes:
    """Return an AP packet (section 4.4.2)."""
    return bytes((48 << 1, 1)) + b"".join(
        struct.pack(">H", len(unit)) + unit for unit in units
    )


# --- AAC (RFC 3640) ------------------------------------------------------------


def aac_packet(frames: Sequence[bytes], *, size: int = 13, index: int = 3) -> bytes:
    """Return a packet of whole frames (section 3.2)."""
    bits = (size + index) * len(frames)
    fields = 0
    for frame in frames:
        fields = fields << size + index | len(frame) << index
    padding = -bits % 8
    header = (fields << padding).to_bytes((bits + padding) // 8)
    return struct.pack(">H", bits) + header + b"".join(frames)


def aac_fragments(frame: bytes, cuts: Sequence[int]) -> list[bytes]:
    """Return the packets of one frame that is too large for one (section 3.2.3)."""
    header = struct.pack(">HH", 16, len(frame) << 3)
    return [header + part for part in _cut(frame, cuts)]


def _cut(data: bytes, cuts: Sequence[int]) -> Iterator[bytes]:
    places = sorted({cut % len(data) for cut in cuts} - {0})
    for begin, end in zip([0, *places], [*places, len(data)], strict=True):
        yield data[begin:end]


# --- What Hypothesis makes -----------------------------------------------------

contents = st.binary(min_size=3, max_size=60).map(
    # No unit has a start code in it, nor ends in a zero.
    lambda data: data.replace(b"\x00", b"\x07")
)
cuts = st.lists(st.integers(1, 1000), max_size=5)


@dataclass
class Unit:
    """An access unit with the payloads that it was packed into."""

    units: list[bytes]
    payloads: list[bytes] = field(default_factory=list)


def _slices(content: bytes, count: int) -> list[bytes]:
    """Return a picture of some slices: only the first one begins with a one bit."""
    return [
        bytes((content[0] & 0x7F | (0x80 if number == 0 else 0), *content[1:]))
        for number in range(count)
    ]


@st.composite
def h264_units(draw: st.DrawFn) -> Unit:
    """An access unit: perhaps a delimiter and parameter sets, then its slices."""
    kind = draw(st.sampled_from([H264_SLICE, H264_IDR]))
    before = draw(st.lists(st.sampled_from([9, 7, 8, 6]), max_size=3))
    units = [bytes((0x60 | one,)) + draw(contents) for one in before]
    slices = _slices(draw(contents), draw(st.integers(1, 3)))
    units += [bytes((0x60 | kind,)) + one for one in slices]
    made = Unit(units)
    waiting = list(units)
    while waiting:
        how = draw(st.sampled_from(["single", "fragments", "aggregate"]))
        if how == "aggregate":
            count = draw(st.integers(1, len(waiting)))
            made.payloads.append(h264_aggregate(waiting[:count]))
            del waiting[:count]
        elif how == "fragments":
            made.payloads += h264_fragments(waiting.pop(0), draw(cuts))
        else:
            made.payloads += h264_single(waiting.pop(0))
    return made


@st.composite
def h265_units(draw: st.DrawFn) -> Unit:
    """The same of H.265."""
    kind = draw(st.sampled_from([1, 19, 21]))
    before = draw(st.lists(st.sampled_from([35, 32, 33, 34, 39]), max_size=4))
    units = [bytes((one << 1, 1)) + draw(contents) for one in before]
    slices = _slices(draw(contents), draw(st.integers(1, 3)))
    units += [bytes((kind << 1, 1)) + one for one in slices]
    made = Unit(units)
    waiting = list(units)
    while waiting:
        how = draw(st.sampled_from(["single", "fragments", "aggregate"]))
        if how == "aggregate":
            count = draw(st.integers(1, len(waiting)))
            made.payloads.append(h265_aggregate(waiting[:count]))
            del waiting[:count]
        elif how == "fragments":
            made.payloads += h265_fragments(waiting.pop(0), draw(cuts))
        else:
            made.payloads.append(waiting.pop(0))
    return made
