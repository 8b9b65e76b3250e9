"""What devices, discovery and damaged files say may be anything: nothing breaks on it.

The readers that have fuzzers beside their other tests are named in docs/security.md;
here are the others. Each may refuse, in the way that its callers expect, and nothing
else: whatever else is raised would end the task that asked.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import fields
from datetime import UTC, datetime, timedelta
import os
import string
import struct
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.hikvision_nvr.device import xml
from custom_components.hikvision_nvr.device.alert_stream import AlertParser
from custom_components.hikvision_nvr.device.describe import (
    describe,
    normal_mac,
    read_clock_offset,
    read_motion_detection,
    read_storage,
    read_triggers,
    triggers_of,
    utc_offset,
)
from custom_components.hikvision_nvr.device.digest import authorization, strongest
from custom_components.hikvision_nvr.device.discovery import FoundDevice, read_reply
from custom_components.hikvision_nvr.device.recordings import (
    find_recordings,
    read_times,
)
from custom_components.hikvision_nvr.errors import DeviceError
from custom_components.hikvision_nvr.model import DeviceLogin
from custom_components.hikvision_nvr.store.mp4 import (
    DamagedError,
    box,
    full_box,
    identity_box,
    read_content,
    read_samples,
    sample_entries,
)

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SENDER = "192.0.2.64"

# --- documents ----------------------------------------------------------------------

WORDS = st.one_of(
    st.sampled_from(
        [
            "", " ", "0", "1", "-1", "00", "true", "FALSE", "opt", "9" * 30, "1e9", "٣",
            "0001-01-01T00:00:00", "9999-12-31T23:59:59", "2026-11-22T12:00:00+01:00",
            "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-02-30",
            "CST-8:00:00", "CST+99:99:99", "CST-1:00:00DST01:00:00,M3.5.0/02:00:00",
            "http://192.0.2.64:80/onvif", "http://192.0.2.64:99999/", "http://[::1",
            "http://192.0.2.64:80/ http://evil.example/", "255.255.255.255", "0.0.0.0",
            "08:a1:89:00:00:01", "onvif://www.onvif.org/hardware/DS%2D2CD", "\u202e",
            "NetworkVideoTransmitter", "VMD", "videoloss", "MORE", "inactive",
        ]
    ),
    st.text(max_size=40),
)  # fmt: skip
_KNOWN = """
    DeviceInfo deviceName deviceType serialNumber macAddress firmwareVersion
    deviceID VideoInputChannelList VideoInputChannel id name Time localTime timeZone
    EventTriggerList EventTrigger eventType videoInputChannelID
    EventTriggerNotificationList EventTriggerNotification notificationMethod
    CMSearchResult responseStatusStrg matchList searchMatchItem timeSpan startTime
    endTime storage hddList hdd status MotionDetection enabled DeviceCap isSupportFtp
    isSupportFTPTest uploadProtocolType useSSL ProbeMatch IPv4Address DeviceSN MAC
    HttpPort SoftwareVersion DeviceType DeviceDescription Activated Envelope Body
    XAddrs Types Scopes EventNotificationAlert eventState dateTime channelID regionID
    licensePlate isDataRetransmission"""
NAMES = st.sampled_from(sorted(_KNOWN.split()))
PRINTABLE = st.text(alphabet=string.printable, max_size=60)
HEADER = st.text(alphabet=[*map(chr, range(32, 127)), "\udcff", "é"], max_size=60)
"""What a header may be: a byte that is no UTF-8 is half a surrogate in Python."""


def _element(name: str, inside: str | list[str], attribute: str) -> str:
    content = escape(inside) if isinstance(inside, str) else "".join(inside)
    given = f' opt="{escape(attribute, {chr(34): "&quot;"})}"' if attribute else ""
    return f"<{name}{given}>{content}</{name}>"


LEAVES = st.builds(_element, NAMES, WORDS, WORDS | st.just(""))
TREES = st.recursive(
    LEAVES,
    lambda inside: st.builds(
        _element, NAMES, st.lists(inside, max_size=6), st.just("")
    ),
    max_leaves=15,
)
DOCUMENTS = st.one_of(
    st.binary(max_size=300),
    PRINTABLE.map(str.encode),
    TREES.map(lambda text: text.encode("utf-8", "replace")),
    # Cut off, and with something wrong in the middle.
    st.builds(
        lambda text, at, wrong: (
            text.encode("utf-8", "replace")[:at]
            + wrong
            + text.encode("utf-8", "replace")[at : at + 200]
        ),
        TREES,
        st.integers(0, 400),
        st.sampled_from(
            [b"", b"\0", b"<", b"&x;", b"]]>", b"<!DOCTYPE a>", b"\xff\xfe"]
        ),
    ),
)


@given(DOCUMENTS)
def test_any_document_is_a_tree_or_refused(data: bytes) -> None:
    with suppress(xml.XmlError):
        root = xml.parse(data)
        # What was read can be sent back, and says the same.
        again = xml.parse(xml.serialize(root))
        assert xml.local_name(again) == xml.local_name(root)
        assert [one.text for one in again.iter()] == [one.text for one in root.iter()]


@pytest.mark.parametrize(
    "data",
    [
        b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
        b"<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>",
        b"<a>" * 40 + b"</a>" * 40,
        b"<a>" + b"<b/>" * 30_000 + b"</a>",
        b"<a>" + b" " * (1 << 20) + b"</a>",
        b"<?xml version='1.0' encoding='no-such'?><a/>",
    ],
    ids=["entity", "external", "deep", "many", "large", "encoding"],
)
def test_documents_that_attack_are_refused(data: bytes) -> None:
    with pytest.raises(xml.XmlError):
        xml.parse(data)


@given(DOCUMENTS)
def test_discovery_takes_any_answer(data: bytes) -> None:
    found = read_reply(data, SENDER)
    if found is not None:
        assert_harmless(found)


def assert_harmless(found: FoundDevice) -> None:
    """Nothing that is shown controls a terminal or a page, or has no end."""
    for one in fields(found):
        value = getattr(found, one.name)
        if isinstance(value, str):
            assert len(value) < 1000
            assert not [letter for letter in value if ord(letter) < 32]
    assert 0 < found.http_port < 65536


@given(st.lists(DOCUMENTS, max_size=4), st.integers(1, 64))
def test_the_event_stream_takes_anything_in_any_pieces(
    documents: list[bytes], piece: int
) -> None:
    stream = b"\r\n--boundary\r\n\r\n".join(documents)
    parser = AlertParser()
    for at in range(0, len(stream), piece):
        for event in parser.feed(stream[at : at + piece]):
            assert len(event.raw_type) <= 64
            assert 0 <= event.channel <= 9999
    assert len(parser._buffer) <= len(stream)


class Hostile:
    """A device that answers each question with the next of its documents."""

    def __init__(self, documents: list[bytes]) -> None:
        self.login = DeviceLogin(host=SENDER, port=80, username="admin", password="x")
        self._documents = iter(documents)

    async def get(self, path: str) -> Element:
        try:
            return xml.parse(next(self._documents, b""))
        except xml.XmlError as err:
            raise DeviceError("unusable", host=SENDER) from err

    async def get_if_supported(self, path: str) -> Element | None:
        return await self.get(path)

    async def post(self, path: str, document: Element) -> Element:
        return await self.get(path)


def _run(work) -> None:  # type: ignore[no-untyped-def]
    """Run a coroutine that waits for nothing."""
    with suppress(DeviceError, StopIteration):
        work.send(None)


@given(
    st.lists(TREES.map(lambda text: text.encode("utf-8", "replace")), max_size=8),
    st.sampled_from(["DeviceInfo", "Time", "CMSearchResult", "EventTriggerList"]),
)
@settings(max_examples=150)
def test_questions_to_a_device_take_any_answer(trees: list[bytes], root: str) -> None:
    documents = [f"<{root}>".encode() + tree + f"</{root}>".encode() for tree in trees]
    hour = timedelta(hours=1)
    for ask in (
        lambda device: describe(device),
        lambda device: read_clock_offset(device),
        lambda device: read_storage(device),
        lambda device: read_motion_detection(device, 1),
        lambda device: read_triggers(device),
        lambda device: _recordings(device, NOW - hour, NOW),
    ):
        _run(ask(Hostile(documents)))
    for one in documents:
        with suppress(xml.XmlError):
            triggers_of(xml.parse(one), 1)


async def _recordings(device, start: datetime, end: datetime) -> None:  # type: ignore[no-untyped-def]
    times = await read_times(device, 1)
    found = await find_recordings(device, 1, start, end, times)
    assert all(start <= one.start < one.end <= end for one in found)


@pytest.mark.parametrize(
    "told", ["0001-01-01T00:00:00", "9999-12-31T23:59:59", "0001-01-01T00:00:00+14:00"]
)
@pytest.mark.parametrize("zone", ["CST-14:00:00", "CST+12:00:00", ""])
def test_clocks_at_both_ends_of_time(told: str, zone: str) -> None:
    time = f"<Time><localTime>{told}</localTime><timeZone>{zone}</timeZone></Time>"
    found = (
        "<CMSearchResult><responseStatusStrg>OK</responseStatusStrg><matchList>"
        "<searchMatchItem><timeSpan><startTime>0001-01-01T00:00:00Z</startTime>"
        "<endTime>9999-12-31T23:59:59Z</endTime></timeSpan></searchMatchItem>"
        "</matchList></CMSearchResult>"
    )
    answers = [time, time, found, found, found]
    _run(read_clock_offset(Hostile([time.encode()])))
    _run(
        _recordings(
            Hostile([one.encode() for one in answers]), NOW - timedelta(hours=1), NOW
        )
    )


@given(WORDS)
def test_single_values_of_devices(text: str) -> None:
    utc_offset(text)
    assert normal_mac(text) == "" or len(normal_mac(text)) == 17


@given(
    st.lists(
        st.builds(
            "Digest {}".format,
            st.lists(
                st.builds(
                    "{}={}".format,
                    st.sampled_from(
                        ["realm", "nonce", "qop", "algorithm", "opaque", "stale"]
                    ),
                    st.sampled_from(['"auth"', "MD5", "SHA-256", '"', '"\\"', '"a,b"'])
                    | HEADER,
                ),
                max_size=6,
            ).map(", ".join),
        )
        | HEADER,
        max_size=3,
    )
)
def test_challenges_may_be_anything(headers: list[str]) -> None:
    challenge = strongest(headers)
    if challenge is not None:
        header = authorization(
            challenge,
            username="admin",
            password="Secret-12",
            method="GET",
            target="/ISAPI/System/deviceInfo",
            count=1,
            client_nonce="0011223344556677",
        )
        # No line of ours is ended by what they say.
        assert "\n" not in header
        assert "\r" not in header
        assert "Secret-12" not in header


# --- segments -----------------------------------------------------------------------

_IDENTITY = identity_box({"camera": "front", "run": "0" * 8, "sequence": 0})
_TKHD = full_box(b"tkhd", 0, 0, bytes(8), struct.pack(">I", 1), bytes(60))
_STSD = full_box(b"stsd", 0, 0, struct.pack(">I", 1), box(b"avc1", bytes(78)))
_TRAK = box(b"trak", _TKHD, box(b"mdia", box(b"minf", box(b"stbl", _STSD))))
INIT = box(b"ftyp", b"iso6") + box(b"moov", _TRAK, _IDENTITY)


def moof(samples: int, *, flags: int = 0x701, count: int | None = None) -> bytes:
    """Return a fragment's header with so many samples, or with one that lies."""
    each = struct.pack(">III", 3000, 100, 0)
    trun = full_box(
        b"trun",
        0,
        flags,
        struct.pack(">Ii", samples if count is None else count, 0),
        each * samples,
    )
    tfdt = full_box(b"tfdt", 1, 0, struct.pack(">Q", 0))
    tfhd = full_box(b"tfhd", 0, 0x20000, struct.pack(">I", 1))
    return box(b"moof", box(b"traf", tfhd, tfdt, trun))


WHOLE = INIT + moof(3) + box(b"mdat", bytes(300)) + moof(2) + box(b"mdat", bytes(200))


@contextmanager
def file_of(content: bytes) -> Iterator[int]:
    """Yield a descriptor of a file in memory."""
    descriptor = os.memfd_create("segment")
    try:
        os.write(descriptor, content)
        yield descriptor
    finally:
        os.close(descriptor)


def test_the_undamaged_segment_is_read() -> None:
    with file_of(WHOLE) as descriptor:
        content = read_content(descriptor)
        assert len(content.fragments) == 2
        assert content.size == len(WHOLE)
        assert len(read_samples(descriptor, len(INIT), 1)) == 3
    assert sample_entries(INIT).keys() == {1}


def read_all(data: bytes) -> None:
    """Read a segment in each way, as recovery and playback do."""
    with file_of(data) as descriptor:
        with suppress(DamagedError):
            content = read_content(descriptor)
            assert content.size <= len(data)
            sample_entries(content.init)
        for offset in (0, len(INIT), len(data) // 2, len(data)):
            with suppress(DamagedError):
                read_samples(descriptor, offset, 1)
    with suppress(DamagedError):
        sample_entries(data)


@given(st.data())
@settings(max_examples=300)
def test_damaged_segments(data: st.DataObject) -> None:
    damaged = bytearray(WHOLE)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        match data.draw(st.integers(0, 3)):
            case 0:
                damaged[at] = data.draw(st.integers(0, 255))
            case 1:
                del damaged[at : at + data.draw(st.integers(1, 64))]
            case 2:
                damaged[at:at] = data.draw(st.binary(max_size=16))
            case _:
                damaged[at : at + 4] = struct.pack(
                    ">I",
                    data.draw(st.sampled_from([0, 1, 7, 8, 1 << 31, (1 << 32) - 1])),
                )
        if not damaged:
            break
    read_all(bytes(damaged))


@given(
    st.lists(
        st.builds(
            lambda kind, content: box(kind, content),
            st.sampled_from(
                [b"moof", b"traf", b"tfhd", b"tfdt", b"trun", b"mdat", b"uuid"]
            ),
            st.binary(max_size=40),
        ),
        max_size=5,
    )
)
def test_boxes_in_any_order(boxes: list[bytes]) -> None:
    inside = b"".join(boxes)
    read_all(INIT + inside)
    read_all(INIT + box(b"moof", inside) + box(b"mdat"))
    read_all(INIT + box(b"moof", box(b"traf", inside)) + box(b"mdat"))
    read_all(box(b"ftyp") + box(b"moov", inside, box(b"trak", inside)))


@pytest.mark.parametrize("flags", [0x001, 0x701])
def test_a_fragment_that_claims_billions_of_samples(flags: int) -> None:
    """Four bytes must not take all the memory."""
    lie = moof(0, flags=flags, count=(1 << 32) - 1)
    with file_of(INIT + lie + box(b"mdat")) as descriptor:
        assert read_content(descriptor).fragments == ()
        with pytest.raises(DamagedError):
            read_samples(descriptor, len(INIT), 1)
