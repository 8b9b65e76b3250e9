"""Access units come out of packets as they went in, and only whole ones."""

from collections.abc import Callable
from typing import Any

from hypothesis import given, strategies as st
import pytest

from custom_components.hikvision_nvr.recording.rtsp import access_units
from custom_components.hikvision_nvr.recording.rtsp.access_units import AccessUnits
from custom_components.hikvision_nvr.recording.rtsp.h264 import H264Units
from custom_components.hikvision_nvr.recording.rtsp.h265 import H265Units
from custom_components.hikvision_nvr.recording.rtsp.rtp import Track

from .packetising import (
    Packetiser,
    Unit,
    h264_aggregate,
    h264_fragments,
    h264_units,
    h265_aggregate,
    h265_fragments,
    h265_units,
)

IDR = b"\x65\x88picture"
SLICE = b"\x41\x9apicture"
REST_OF_SLICE = b"\x41\x1arest"
SPS, PPS, SEI = b"\x67\x42\x00\x1e", b"\x68\xce\x38\x80", b"\x06\x05\x01\x00"
CODECS = [(H264Units, h264_units()), (H265Units, h265_units())]


class Reader:
    """A track with what it passes on."""

    def __init__(self, codec: Callable[..., AccessUnits] = H264Units) -> None:
        self.got: list[tuple[list[bytes], int]] = []
        self.units = codec(lambda units, timestamp: self.got.append((units, timestamp)))
        self.track = Track(96, self.units)

    def take(self, *packets: bytes) -> list[list[bytes]]:
        for packet in packets:
            self.track.packet(memoryview(packet))
        return [units for units, _ in self.got]


def packed(
    made: list[Unit], step: int = 3600, start: int = (1 << 32) - 7200
) -> list[list[bytes]]:
    packetiser = Packetiser(timestamp=start)
    packets = []
    for one in made:
        packets.append(packetiser.packets(one.payloads))
        packetiser.timestamp += step
    return packets


@pytest.mark.parametrize(("codec", "units"), CODECS, ids=["h264", "h265"])
def test_what_is_packed_is_unpacked(codec: Any, units: Any) -> None:
    @given(st.lists(units, min_size=1, max_size=5), st.integers(0, (1 << 32) - 1))
    def check(made: list[Unit], start: int) -> None:
        reader = Reader(codec)
        for packets in packed(made, start=start):
            reader.take(*packets)
        assert [units for units, _ in reader.got] == [one.units for one in made]
        times = [timestamp for _, timestamp in reader.got]
        assert times == [start + 3600 * number for number in range(len(made))]
        assert reader.units.damaged == 0

    check()


@pytest.mark.parametrize(("codec", "units"), CODECS, ids=["h264", "h265"])
def test_whatever_is_lost_only_whole_pictures_are_passed_on(
    codec: Any, units: Any
) -> None:
    @given(st.lists(units, min_size=1, max_size=6), st.data())
    def check(made: list[Unit], data: st.DataObject) -> None:
        reader = Reader(codec)
        for packets in packed(made):
            for packet in packets:
                if data.draw(st.integers(0, 3)):
                    reader.take(packet)

        def pictures(units: list[bytes]) -> list[bytes]:
            return [one for one in units if reader.units.is_picture(one)]

        known = [pictures(one.units) for one in made]
        for got, timestamp in reader.got:
            number = (timestamp - (1 << 32) + 7200 & 0xFFFFFFFF) // 3600
            assert pictures(got) == known[number]

    check()


@given(st.lists(h264_units(), min_size=1, max_size=4), st.randoms())
def test_packets_in_any_order_never_make_a_picture_that_was_not_sent(
    made: list[Unit], random: Any
) -> None:
    packets = [packet for one in packed(made) for packet in one]
    random.shuffle(packets)
    reader = Reader()
    reader.take(*packets)
    sent = {unit for one in made for unit in one.units}
    assert all(set(units) <= sent for units, _ in reader.got)


def test_fragmentation_units_have_the_header_in_two_halves() -> None:
    """RFC 6184, section 5.8: indicator 0x7C, then start 0x85, end 0x45."""
    packets = Packetiser().packets([b"\x7c\x85\x88ab", b"\x7c\x05cd", b"\x7c\x45ef"])
    assert Reader().take(*packets) == [[b"\x65\x88abcdef"]]


def test_h265_fragments_have_the_type_in_a_third_byte() -> None:
    """RFC 7798, section 4.4.3: type 49, then start 0x93 and end 0x53 of an IDR (19)."""
    packets = Packetiser().packets([b"\x62\x01\x93\xafab", b"\x62\x01\x53cd"])
    assert Reader(H265Units).take(*packets) == [[b"\x26\x01\xafabcd"]]


def test_an_aggregate_is_split_where_its_sizes_say() -> None:
    """RFC 6184, section 5.7.1, figure 7: two units of one packet."""
    packet = Packetiser().packet(h264_aggregate([SPS, PPS, IDR]), marker=True)
    assert Reader().take(packet) == [[SPS, PPS, IDR]]
    units = [b"\x42\x01sps", b"\x26\x01\xafidr"]
    packet = Packetiser().packet(h265_aggregate(units), marker=True)
    assert Reader(H265Units).take(packet) == [units]


def test_a_picture_without_a_mark_ends_where_the_next_one_begins() -> None:
    sender = Packetiser()
    first = sender.packet(IDR)
    second = sender.packet(SLICE, timestamp=3600)
    reader = Reader()
    assert reader.take(first) == []
    assert reader.take(second) == [[IDR]]


def test_parameter_sets_in_a_unit_of_their_own_go_with_the_next_picture() -> None:
    sender = Packetiser()
    packets = [
        sender.packet(SPS, marker=True),
        sender.packet(PPS, marker=True),
        sender.packet(IDR, marker=True, timestamp=40),
    ]
    reader = Reader()
    assert reader.take(*packets) == [[SPS, PPS, IDR]]
    assert reader.got[0][1] == 40


def test_marks_on_each_slice_are_seen_through() -> None:
    """Some firmware marks every slice: only the first picture suffers."""
    sender = Packetiser()
    packets = [
        sender.packet(unit, marker=True, timestamp=3600 * number)
        for number in range(4)
        for unit in (SLICE, REST_OF_SLICE)
    ]
    reader = Reader()
    # The last one's end is not known before the next one begins.
    reader.take(*packets, sender.packet(SLICE, timestamp=3600 * 4))
    assert [units for units, _ in reader.got][1:] == [[SLICE, REST_OF_SLICE]] * 3


def test_a_byte_stream_in_a_packet_is_taken_apart() -> None:
    """Some firmware sends parameter sets and picture as one unit with start codes."""
    joined = SPS + b"\x00\x00\x00\x01" + PPS + b"\x00\x00\x01" + IDR
    packets = Packetiser().packets(h264_fragments(joined, [10, 20]))
    assert Reader().take(*packets) == [[SPS.rstrip(b"\x00"), PPS, IDR]]


@pytest.mark.parametrize(
    "payloads",
    [
        [b"\x7c\x05go on without a start", b"\x7c\x45end"],
        [b"\x7c\x85start without an end"],
        [b"\x7c\x85start", b"\x7c\x85start again", b"\x7c\x45end"],
        [b"\x7c\x85start", IDR],
        [b"\x78\xff\xffan aggregate that is too short"],
        [b"\x7c\x85"],
        [b"\x7d\x85FU-B is not taken"],
        [IDR, b"\x7e"],
    ],
)
def test_what_is_damaged_is_dropped_and_what_follows_is_not(
    payloads: list[bytes],
) -> None:
    sender = Packetiser()
    reader = Reader()
    reader.take(*sender.packets(payloads))
    sender.timestamp += 3600
    assert reader.take(*sender.packets([SLICE])) == [[SLICE]]
    assert reader.units.damaged == 1


@pytest.mark.parametrize("payload", [b"\x62", b"\x62\x01", b"\x60\x01\xff\xff"])
def test_damaged_h265_is_dropped(payload: bytes) -> None:
    sender = Packetiser()
    reader = Reader(H265Units)
    reader.take(*sender.packets([payload]))
    sender.timestamp += 3600
    picture = b"\x02\x01\x80picture"
    assert reader.take(*sender.packets([picture])) == [[picture]]


def test_an_endless_picture_takes_no_more_memory_than_a_large_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(access_units, "MOST_BYTES", 10_000)
    sender = Packetiser()
    reader = Reader()
    reader.take(sender.packet(b"\x7c\x85" + bytes(1000)))
    for _ in range(50):
        reader.take(sender.packet(b"\x7c\x05" + bytes(1000)))
        assert len(reader.units._fragments or b"") <= 11_000
    for _ in range(50):
        reader.take(sender.packet(b"\x41\x9a" + b"x" * 1000))
    assert sum(map(len, reader.units._units)) <= 10_000
    assert reader.got == []


def test_fragments_of_h265_may_be_of_any_size() -> None:
    unit = b"\x26\x01\xaf" + bytes(range(1, 200))
    for cut in range(1, 200):
        packets = Packetiser().packets(h265_fragments(unit, [cut]))
        assert Reader(H265Units).take(*packets) == [[unit]]
