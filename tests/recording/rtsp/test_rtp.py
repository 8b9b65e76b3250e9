"""Packets of RTP and RTCP (RFC 3550), of AAC (RFC 3640) and G.711 (RFC 3551)."""

import itertools
import struct
from typing import Any

from hypothesis import given, strategies as st
import pytest

from custom_components.hikvision_nvr.recording.rtsp.aac import (
    AacFrames,
    AacLayout,
    parse_configuration,
)
from custom_components.hikvision_nvr.recording.rtsp.g711 import G711Samples
from custom_components.hikvision_nvr.recording.rtsp.rtp import (
    SenderReport,
    Track,
    Unwrapper,
    parse_control,
)

from .packetising import Packetiser, aac_fragments, aac_packet, cuts, sender_report

HBR = AacLayout(13, 3, 3)


class Payloads:
    """Notes what a track passes on."""

    def __init__(self) -> None:
        self.got: list[tuple[bytes, int, bool]] = []
        self.losses = 0

    def push(self, payload: memoryview, timestamp: int, marker: bool) -> None:
        self.got.append((bytes(payload), timestamp, marker))

    def lost(self) -> None:
        self.losses += 1


def received(*packets: bytes) -> tuple[Payloads, Track]:
    payloads = Payloads()
    track = Track(96, payloads)
    for packet in packets:
        track.packet(memoryview(packet))
    return payloads, track


@given(
    st.integers(0, (1 << 32) - 1),
    st.lists(st.integers(-(1 << 31) + 1, (1 << 31) - 1), max_size=50),
)
def test_a_timestamp_goes_on_past_32_bits_in_both_directions(
    start: int, steps: list[int]
) -> None:
    unwrapper = Unwrapper()
    time = start
    assert unwrapper.extend(start) == start
    for step in steps:
        time += step
        assert unwrapper.place(time & 0xFFFFFFFF) == time
        assert unwrapper.extend(time & 0xFFFFFFFF) == time


def test_the_parts_of_a_packet() -> None:
    """RFC 3550, section 5.1: sources, an extension and padding are left out."""
    head = struct.pack(">BBHII", 0xB2, 0xE0, 1, 2, 3)
    packet = head + b"src1src2" + b"\xbe\xde\x00\x01ext." + b"payload" + b"\x00\x00\x03"
    payloads, track = received(packet)
    assert payloads.got == [(b"payload", 2, True)]
    assert track.ignored == 0


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"\x80\x60\x00",
        Packetiser().packet(b"x")[:11],
        b"\x40" + Packetiser().packet(b"another version")[1:],
        Packetiser(payload_type=97).packet(b"another type"),
        b"\xa0" + Packetiser().packet(b"more padding than packet\xff")[1:],
        b"\x90" + Packetiser().packet(b"\x00\x00\xff\xff an endless extension")[1:],
        b"\x8f" + Packetiser().packet(b"fifteen sources")[1:],
    ],
)
def test_packets_that_cannot_be_are_counted(packet: bytes) -> None:
    payloads, track = received(packet)
    assert payloads.got == []
    assert track.ignored == 1


def test_gaps_are_told_and_late_packets_left_out() -> None:
    sender = Packetiser()
    packets = [sender.packet(bytes((number,))) for number in range(10)]
    payloads, track = received(*packets[:3], *packets[5:8], packets[4], packets[7])
    assert [data for data, _, _ in payloads.got] == [
        b"\0",
        b"\1",
        b"\2",
        b"\5",
        b"\6",
        b"\7",
    ]
    assert (payloads.losses, track.missing, track.ignored) == (1, 2, 2)


def test_a_stale_sessions_packets_are_not_mixed_in() -> None:
    ours, other = Packetiser(), Packetiser(source=9, sequence=7)
    packets = []
    for _ in range(200):
        packets += [ours.packet(b"ours"), other.packet(b"other")]
    payloads, track = received(*packets)
    assert {data for data, _, _ in payloads.got} == {b"ours"}
    assert track.ignored == 200


def test_a_camera_that_changes_its_source_is_followed() -> None:
    ours, other = Packetiser(), Packetiser(source=9, sequence=7)
    payloads, _ = received(
        ours.packet(b"old"), *(other.packet(b"new") for _ in range(150))
    )
    assert payloads.got[-1][0] == b"new"
    assert payloads.losses == 1


def test_a_camera_that_begins_to_number_anew_is_followed() -> None:
    packets = [Packetiser(sequence=30_000).packet(b"old")]
    sender = Packetiser(sequence=29_000)
    payloads, _ = received(*packets, *(sender.packet(b"new") for _ in range(150)))
    assert payloads.got[-1][0] == b"new"


def control(data: bytes) -> tuple[list[SenderReport], int]:
    reports: list[SenderReport] = []
    goodbyes: list[int] = []
    parse_control(memoryview(data), reports.append, lambda: goodbyes.append(1))
    return reports, len(goodbyes)


def test_compound_packets_of_rtcp() -> None:
    """RFC 3550, sections 6.4.1, 6.5 and 6.6: a report, a description, a goodbye."""
    description = b"\x81\xca\x00\x02\x00\x00\x00\x01\x01\x01a\x00"
    goodbye = b"\x81\xcb\x00\x01\x00\x00\x00\x01"
    report = sender_report(3_900_000_000.25, 90_000)
    reports, goodbyes = control(report + description + goodbye)
    assert reports == [SenderReport(3_900_000_000.25, 90_000)]
    assert goodbyes == 1
    # A camera without a clock says so by zeros.
    assert control(sender_report(0, 90_000))[0] == []


@given(st.binary(max_size=80))
def test_rtcp_may_be_anything(data: bytes) -> None:
    control(data)


class Frames:
    """Notes the frames of an AAC stream."""

    def __init__(self, layout: AacLayout = HBR) -> None:
        self.got: list[tuple[bytes, int]] = []
        self.frames = AacFrames(
            layout, 1024, lambda data, timestamp: self.got.append((data, timestamp))
        )

    def take(self, *packets: bytes, timestamp: int = 0) -> list[bytes]:
        for packet in packets:
            self.frames.push(memoryview(packet), timestamp, False)
        return [data for data, _ in self.got]


@given(
    st.lists(st.binary(min_size=1, max_size=50), min_size=1, max_size=6),
    st.sampled_from([(13, 3), (6, 2), (8, 0), (16, 5)]),
)
def test_frames_of_aac_come_out_as_they_went_in(
    frames: list[bytes], lengths: tuple[int, int]
) -> None:
    size, index = lengths
    reader = Frames(AacLayout(size, index, index))
    packet = aac_packet(frames, size=size, index=index)
    assert reader.take(packet, timestamp=5) == frames
    assert [timestamp for _, timestamp in reader.got] == [
        5 + 1024 * number for number in range(len(frames))
    ]


@given(st.binary(min_size=10, max_size=2000), cuts)
def test_a_frame_in_several_packets_comes_out_whole(
    frame: bytes, places: list[int]
) -> None:
    packets = aac_fragments(frame, places)
    reader = Frames()
    assert reader.take(*packets) == [frame]
    if len(packets) > 1:
        reader = Frames()
        reader.take(*packets[:-1])
        reader.frames.lost()
        assert reader.take(*packets[-1:]) == []
        assert reader.take(aac_packet([b"next"]), timestamp=9) == [b"next"]


@given(st.binary(max_size=60), st.integers(0, 16), st.integers(0, 16))
def test_aac_may_be_anything(data: bytes, size: int, index: int) -> None:
    reader = Frames(AacLayout(max(size, 1), index, index))
    reader.take(data, data, data)
    assert all(len(frame) <= len(data) * 3 for frame, _ in reader.got)


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        # The examples of RFC 3640, sections 3.3.5 and 3.3.6.
        (
            {"mode": "AAC-lbr", "config": "1388", "sizelength": "6"}
            | {"indexlength": "2", "indexdeltalength": "2"},
            (AacLayout(6, 2, 2), (22_050, 1)),
        ),
        (
            {"mode": "AAC-hbr", "config": "11B0", "sizelength": "13"}
            | {"indexlength": "3", "indexdeltalength": "3"},
            (AacLayout(13, 3, 3), (48_000, 6)),
        ),
        # Without lengths the mode tells them.
        ({"mode": "AAC-hbr", "config": "1408"}, (HBR, (16_000, 1))),
    ],
)
def test_how_aac_is_described(parameters: Any, expected: Any) -> None:
    described = bytes.fromhex(parameters["config"])
    assert (AacLayout.read(parameters), parse_configuration(described)) == expected


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"sizelength": "17"},
        {"sizelength": "13", "ctsdeltalength": "5"},
        {"sizelength": "13", "auxiliarydatasizelength": "8"},
        {"sizelength": "13", "randomaccessindication": "1"},
        {"sizelength": "²"},
    ],
)
def test_aac_that_is_not_taken(parameters: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="AAC"):
        AacLayout.read(parameters)


@pytest.mark.parametrize("text", ["", "14", "1008", "f808", "1400", "00" * 65])
def test_configurations_that_are_not_taken(text: str) -> None:
    with pytest.raises(ValueError, match="AAC"):
        parse_configuration(bytes.fromhex(text))


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=20))
def test_g711_is_its_own_payload(packets: list[bytes]) -> None:
    """RFC 3551, section 4.5.14: one byte a sample."""
    got: list[tuple[bytes, int]] = []
    samples = G711Samples(lambda data, timestamp: got.append((data, timestamp)))
    track = Track(8, samples)
    sender = Packetiser(payload_type=8)
    for packet in packets:
        track.packet(memoryview(sender.packet(packet)))
        sender.timestamp += len(packet)
    assert b"".join(data for data, _ in got) == b"".join(packets)
    for (data, begin), (_, following) in itertools.pairwise(got):
        assert following - begin == len(data)
