"""What is said and understood: messages, addresses, logins, descriptions, framing."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import given, strategies as st
import pytest

from custom_components.hikvision_nvr.errors import StreamUnsupportedError
from custom_components.hikvision_nvr.model import AudioCodec, VideoCodec
from custom_components.hikvision_nvr.recording.rtsp.address import Address
from custom_components.hikvision_nvr.recording.rtsp.authentication import (
    Authentication,
    Challenge,
    answer,
    parse_challenges,
)
from custom_components.hikvision_nvr.recording.rtsp.framing import (
    Demultiplexer,
    FramingError,
)
from custom_components.hikvision_nvr.recording.rtsp.media import (
    choose_audio,
    choose_video,
)
from custom_components.hikvision_nvr.recording.rtsp.messages import (
    Message,
    TrackInfo,
    body_size,
    format_request,
    parse_channels,
    parse_head,
    parse_rtp_info,
    parse_session,
)
from custom_components.hikvision_nvr.recording.rtsp.sdp import (
    control_url,
    parse_description,
)
from custom_components.hikvision_nvr.recording.rtsp_url import replay_url, rtsp_url

from .packetising import interleaved

HIKVISION = b"""v=0\r
o=- 1795000000000000 1795000000000000 IN IP4 192.0.2.11\r
s=Media Presentation\r
b=AS:5100\r
t=0 0\r
a=control:rtsp://192.0.2.11:554/Streaming/Channels/101/\r
m=video 0 RTP/AVP 96\r
c=IN IP4 0.0.0.0\r
b=AS:5000\r
a=recvonly\r
a=x-dimensions:1920,1080\r
a=control:rtsp://192.0.2.11:554/Streaming/Channels/101/trackID=1\r
a=rtpmap:96 H264/90000 \r
a=fmtp:96 profile-level-id=420029; packetization-mode=1; sprop-parameter-sets=Z00AKY2NQDwBE/LNwEBAUAAAcIAAFfkAQA==,aO44gA==\r
m=audio 0 RTP/AVP 8\r
a=control:rtsp://192.0.2.11:554/Streaming/Channels/101/trackID=2\r
a=rtpmap:8 PCMA/8000\r
a=Media_header:MEDIAINFO=494D4B48010300000400000111710110401F000000FA000000000000000000;\r
m=application 0 RTP/AVP 107\r
a=control:rtsp://192.0.2.11:554/Streaming/Channels/101/trackID=3\r
a=rtpmap:107 vnd.onvif.metadata/90000\r
a=framerate:0S\r
a=appversion:1.0\r
"""


# --- Messages (RFC 2326) -------------------------------------------------------


def test_the_examples_of_rfc_2326() -> None:
    """Sections 10.4, 10.10 and 12.33."""
    reply = parse_head(
        b"RTSP/1.0 200 OK\r\nCSeq: 302\r\nDate: 23 Jan 1997 15:35:06 GMT\r\n"
        b"Session: 47112344\r\nTransport: RTP/AVP;unicast;\r\n"
        b"  client_port=4588-4589;server_port=6256-6257"
    )
    assert (reply.status, reply.number("cseq")) == (200, 302)
    assert parse_session(reply.first("session")) == ("47112344", 60)
    assert reply.first("transport").endswith("server_port=6256-6257")
    with pytest.raises(ValueError, match="TCP"):
        parse_channels(reply.first("transport"), 0)
    redirect = parse_head(
        b"REDIRECT rtsp://example.com/fizzle/foo RTSP/1.0\r\nCSeq: 732\r\n"
        b"Location: rtsp://bigserver.com:8001\r\nRange: clock=19960213T143205Z-"
    )
    assert (redirect.status, redirect.method) == (None, "REDIRECT")
    assert redirect.first("location") == "rtsp://bigserver.com:8001"
    assert parse_rtp_info(
        "url=rtsp://foo.com/bar.avi/streamid=0;seq=45102,"
        " url=rtsp://foo.com/bar.avi/streamid=1;seq=30211"
    ) == [
        TrackInfo("rtsp://foo.com/bar.avi/streamid=0", 45102, None),
        TrackInfo("rtsp://foo.com/bar.avi/streamid=1", 30211, None),
    ]


def test_a_request_is_what_the_rfc_says() -> None:
    """RFC 2326, section 10.2."""
    request = format_request(
        "DESCRIBE", "rtsp://host/fizzle/foo", 312, {"Accept": "application/sdp"}
    )
    assert request == (
        b"DESCRIBE rtsp://host/fizzle/foo RTSP/1.0\r\nCSeq: 312\r\n"
        b"Accept: application/sdp\r\n\r\n"
    )
    with pytest.raises(ValueError, match="line"):
        format_request("PLAY", "rtsp://host/", 1, {"Session": "1\r\nX: y"})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1234;timeout=30", ("1234", 30)),
        ("1234 ; Timeout = 30", ("1234", 60)),
        ("1234; TIMEOUT=45", ("1234", 45)),
        ("1234;timeout=²", ("1234", 60)),
        ("1234;timeout=0", ("1234", 60)),
    ],
)
def test_sessions(value: str, expected: tuple[str, int]) -> None:
    assert parse_session(value) == expected


@pytest.mark.parametrize(
    ("transport", "expected"),
    [
        ("RTP/AVP/TCP;unicast;interleaved=4-5;ssrc=1f", (4, 5)),
        ("RTP/AVP/TCP;unicast;interleaved=4", (4, 5)),
        ("RTP/AVP/TCP;interleaved=999-1000", (2, 3)),
        ("rtp/avp/tcp", (2, 3)),
        ("", (2, 3)),
    ],
)
def test_channels(transport: str, expected: tuple[int, int]) -> None:
    assert parse_channels(transport, 2) == expected


def test_heads_of_careless_cameras() -> None:
    message = parse_head(b"RTSP/1.0 200 OK\nno header\nCSeq:3\n:\nX : a:b \xff")
    assert message.fields == (("cseq", "3"), ("", ""), ("x", "a:b \ufffd"))
    for wrong in (b"HTTP/1.1 200 OK", b"RTSP/1.0 20 OK", b"", b"HELLO", b"\xff" * 50):
        with pytest.raises(ValueError, match="RTSP"):
            parse_head(wrong)
    large = Message(200, "", (("content-length", "9999999999"),))
    with pytest.raises(ValueError, match="too large"):
        body_size(large)


def test_rtp_info_of_urls_with_commas() -> None:
    """A URL may hold commas; what else is there is not needed."""
    found = parse_rtp_info("url=trackID=1,a;seq=1;rtptime=2,url=x;rtptime=-3;ssrc=4")
    assert found == [TrackInfo("trackID=1,a", 1, 2), TrackInfo("x", None, None)]


# --- Addresses -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "host", "port", "clean"),
    [
        ("rtsp://a:b@cam/x?y=1#z", "cam", 554, "rtsp://cam/x?y=1"),
        ("rtsps://cam/x", "cam", 322, "rtsps://cam/x"),
        (
            "rtsp://a@[2001:db8::1]:8554/x",
            "2001:db8::1",
            8554,
            "rtsp://[2001:db8::1]:8554/x",
        ),
        ("rtsp://[fe80::1%25eth0]/x", "fe80::1%eth0", 554, "rtsp://[fe80::1%25eth0]/x"),
    ],
)
def test_addresses(url: str, host: str, port: int, clean: str) -> None:
    address = Address.parse(url)
    assert (address.host, address.port, address.url) == (host, port, clean)


@pytest.mark.parametrize(
    ("port", "scheme"), [(554, "rtsp"), (322, "rtsps"), (8554, "rtsp")]
)
def test_port_322_is_encrypted(port: int, scheme: str) -> None:
    url = rtsp_url("cam", port, "admin", "Pa:ss", 1)
    assert url == f"{scheme}://admin:Pa%3Ass@cam:{port}/Streaming/Channels/101"
    assert Address.parse(url).encrypted is (port == 322)
    moment = datetime(2026, 11, 22, 12, tzinfo=UTC)
    assert replay_url(url, 1, moment, moment).startswith(
        f"{scheme}://admin:Pa%3Ass@cam"
    )


def test_an_address_hides_its_password() -> None:
    address = Address.parse("rtsp://admin:Pa%3Ass%401%2F%23@cam/x")
    assert (address.username, address.password) == ("admin", "Pa:ss@1/#")
    assert "Pa" not in repr(address)


@pytest.mark.parametrize(
    "url", ["http://cam/", "rtsp:///x", "rtsp://cam:99999/", "x", ""]
)
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(ValueError, match="address"):
        Address.parse(url)


@pytest.mark.parametrize(
    ("location", "trusted"),
    [
        ("rtsp://cam:8554/other", True),
        ("rtsp://CAM/other", True),
        ("/other", True),
        ("rtsps://cam/other", True),
        ("rtsp://evil/other", False),
        ("rtsp://cam.evil/other", False),
        ("rtsp://cam@evil/other", False),
    ],
)
def test_another_host_gets_no_password(location: str, trusted: bool) -> None:
    there = Address.parse("rtsp://admin:secret@cam/x").redirected(location)
    assert (there.password == "secret") is trusted
    assert there.username == ("admin" if trusted else "")


def test_a_password_that_came_encrypted_does_not_go_on_in_the_clear() -> None:
    there = Address.parse("rtsps://admin:secret@cam/x").redirected("rtsp://cam/x")
    assert there.password == ""


# --- Logins --------------------------------------------------------------------

RFC_7616 = Challenge(
    "digest",
    {
        "realm": "http-auth@example.org",
        "qop": "auth, auth-int",
        "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        "opaque": "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS",
    },
)


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_example_of_rfc_7616(algorithm: str, response: str) -> None:
    """Section 3.9.1."""
    challenge = Challenge("digest", {**RFC_7616.parameters, "algorithm": algorithm})
    said = answer(
        challenge,
        "Mufasa",
        "Circle of Life",
        "GET",
        "/dir/index.html",
        count=1,
        client_nonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    )
    assert f'response="{response}"' in said
    assert 'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"' in said
    assert f"qop=auth, nc=00000001, algorithm={algorithm}" in said


def test_the_example_of_rfc_2617() -> None:
    """Section 3.5."""
    nonce = "dcd98b7102dd2f0e8b11d0f600bfb0c093"
    parameters = {"realm": "testrealm@host.com", "qop": "auth", "nonce": nonce}
    said = answer(
        Challenge("digest", parameters),
        "Mufasa",
        "Circle Of Life",
        "GET",
        "/dir/index.html",
        count=1,
        client_nonce="0a4f113b",
    )
    assert 'response="6629fae49393a05397450978507c4ef1"' in said
    assert "algorithm" not in said


def test_all_challenges_of_all_headers_are_read() -> None:
    found = parse_challenges(
        [
            'Digest realm="a, \\"b\\"", nonce="1", algorithm=MD5, Basic realm="c"',
            "Digest nonce=2,algorithm=SHA-256",
            "Negotiate",
            "",
            ",,,= = =",
        ]
    )
    assert [one.scheme for one in found] == ["digest", "basic", "digest", "negotiate"]
    assert found[0].parameters["realm"] == 'a, "b"'


OFFERS = [
    'Basic realm="x"',
    'Digest realm="x", nonce="m", algorithm=MD5, qop="auth"',
    'Digest realm="x", nonce="s", algorithm=SHA-256, qop="auth"',
    'Digest realm="x", nonce="?", algorithm=SHA-512-256',
    'Digest realm="x", nonce="i", qop="auth-int"',
]


@pytest.mark.parametrize(
    ("offers", "basic", "expected"),
    [
        (OFFERS, True, 'nonce="s"'),
        (OFFERS[:2], True, 'nonce="m"'),
        (OFFERS[:1], True, "Basic dXNlcjpwYXNz"),
        (OFFERS[:1], False, None),
        (OFFERS[3:], False, None),
    ],
)
def test_the_best_way_to_log_in_is_taken(
    offers: list[str], basic: bool, expected: str | None
) -> None:
    login = Authentication("user", "pass", basic=basic)
    assert login.authorization("DESCRIBE", "rtsp://cam/") is None
    assert login.challenged(offers) is (expected is not None)
    said = login.authorization("DESCRIBE", "rtsp://cam/")
    if expected is None:
        assert said is None
        assert login.only_basic is (offers == OFFERS[:1])
    else:
        assert said is not None
        assert expected in said


def test_a_password_is_tried_once() -> None:
    login = Authentication("user", "wrong", basic=False)
    challenge = 'Digest realm="x", nonce="{}"{}'
    assert login.challenged([challenge.format(1, "")])
    login.authorization("DESCRIBE", "rtsp://cam/")
    assert not login.challenged([challenge.format(2, "")])
    # An old nonce is no wrong password.
    assert login.challenged([challenge.format(3, ", stale=TRUE")])
    assert not login.challenged([challenge.format(3, ", stale=true")])


def test_a_password_that_was_right_may_be_tried_with_a_new_nonce() -> None:
    """Some firmware forgets to say that a nonce is stale."""
    login = Authentication("user", "right", basic=False)
    assert login.challenged(['Digest realm="x", nonce="1"'])
    login.authorization("DESCRIBE", "rtsp://cam/")
    login.accepted()
    assert login.challenged(['Digest realm="x", nonce="2"'])


def test_without_a_user_nothing_is_sent() -> None:
    assert not Authentication("", "", basic=True).challenged(OFFERS)


# --- Descriptions --------------------------------------------------------------


def test_a_description_with_all_its_oddities() -> None:
    description = parse_description(HIKVISION)
    medium, video = choose_video(description)
    assert video.codec is VideoCodec.H264
    assert [unit[0] & 31 for unit in video.parameter_sets] == [7, 8]
    assert (medium.payload_type, medium.rate) == (96, 90_000)
    assert control_url("rtsp://x/", medium.control).endswith("/trackID=1")
    found = choose_audio(description)
    assert found is not None
    assert (found[1].codec, found[1].rate) == (AudioCodec.PCMA, 8000)


def test_the_examples_of_the_payload_formats() -> None:
    """RFC 4566, section 5; RFC 6184, 8.2.1; RFC 3640, 3.3.6."""
    description = parse_description(
        b"v=0\no=jdoe 2890844526 2890842807 IN IP4 10.47.16.5\ns=SDP Seminar\n"
        b"c=IN IP4 224.2.17.12/127\nt=2873397496 2873404696\na=recvonly\n"
        b"m=audio 49170 RTP/AVP 0\nm=video 51372 RTP/AVP 99\n"
        b"a=rtpmap:99 h263-1998/90000\n"
    )
    found = choose_audio(description)
    assert found is not None
    assert found[1].codec is AudioCodec.PCMU
    with pytest.raises(StreamUnsupportedError, match="H263-1998"):
        choose_video(description)
    description = parse_description(
        b"m=video 49170 RTP/AVP 98\na=rtpmap:98 H264/90000\n"
        b"a=fmtp:98 profile-level-id=42A01E; packetization-mode=1; "
        b"sprop-parameter-sets=Z0IACpZTBYmI,aMljiA==\n"
        b"m=audio 49230 RTP/AVP 96\na=rtpmap:96 mpeg4-generic/48000/6\n"
        b"a=fmtp:96 streamtype=5; profile-level-id=16; mode=AAC-hbr; config=11B0; "
        b"sizeLength=13; indexLength=3; indexDeltaLength=3; constantDuration=1024\n"
    )
    _, video = choose_video(description)
    assert len(video.parameter_sets) == 2
    found = choose_audio(description)
    assert found is not None
    audio = found[1]
    assert (audio.codec, audio.rate, audio.channels) == (AudioCodec.AAC, 48_000, 6)
    assert audio.configuration == b"\x11\xb0"


@pytest.mark.parametrize(
    "line",
    [
        "m=video 0 RTP/AVP 26",
        "m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\na=fmtp:96 packetization-mode=2",
        "m=video 0 RTP/AVP 96\na=rtpmap:96 H265/90000\na=fmtp:96 sprop-max-don-diff=2",
        "m=video 0 RTP/AVP \u00b2\na=rtpmap:\u00b2 H264/90000",
        "m=video",
        "m=video 0 RTP/AVP 96\na=rtpmap:97 H264/90000",
        "m=audio 0 RTP/AVP 0",
        "",
    ],
)
def test_video_that_is_not_taken(line: str) -> None:
    with pytest.raises(StreamUnsupportedError):
        choose_video(parse_description(line.encode()))


@pytest.mark.parametrize(
    "lines",
    [
        "m=audio 0 RTP/AVP 97\na=rtpmap:97 MPEG4-GENERIC/16000",
        "m=audio 0 RTP/AVP 97\na=rtpmap:97 opus/48000/2",
        "m=audio 0 RTP/AVP 9",
        "m=audio 0 RTP/AVP 97\na=rtpmap:97 PCMU",
    ],
)
def test_sound_that_is_not_taken(lines: str) -> None:
    assert choose_audio(parse_description(lines.encode())) is None


@pytest.mark.parametrize(
    ("control", "expected"),
    [
        ("", "rtsp://cam/a?b=1"),
        ("*", "rtsp://cam/a?b=1"),
        ("trackID=1", "rtsp://cam/a?b=1/trackID=1"),
        ("/trackID=1", "rtsp://cam/a?b=1/trackID=1"),
        ("RTSP://other/x", "RTSP://other/x"),
    ],
)
def test_control_urls(control: str, expected: str) -> None:
    assert control_url("rtsp://cam/a?b=1", control) == expected


@given(st.binary(max_size=400) | st.text(max_size=400).map(str.encode))
def test_descriptions_and_heads_may_be_anything(data: bytes) -> None:
    description = parse_description(data.replace(b" ", b"\nm="))
    choose_audio(description)
    parse_challenges([data.decode("latin-1")])
    parse_rtp_info(data.decode("latin-1"))
    try:
        parse_head(b"RTSP/1.0 200 OK\r\n" + data).all("x")
        parse_head(data)
    except ValueError:
        pass


# --- Framing -------------------------------------------------------------------


class Stream:
    """Feeds a demultiplexer in pieces, as TCP does."""

    def __init__(self) -> None:
        self.got: list[Any] = []
        self.demultiplexer = Demultiplexer(self.got.append)
        self.demultiplexer.channels[0] = lambda data: self.got.append(bytes(data))
        self._rest = b""

    def feed(self, piece: bytes) -> None:
        data = self._rest + piece
        self._rest = data[self.demultiplexer.feed(memoryview(data)) :]


@given(
    st.lists(st.binary(max_size=40) | st.integers(0, 20), max_size=12),
    st.lists(st.integers(1, 30), min_size=1, max_size=20),
)
def test_packets_and_messages_come_out_whatever_the_pieces(
    parts: list[bytes | int], sizes: list[int]
) -> None:
    data, expected = b"", []
    for part in parts:
        if isinstance(part, bytes):
            data += interleaved(part) + interleaved(b"nobody's", 9)
            expected.append(part)
        else:
            body = b"$" * part
            data += b"RTSP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % part + body
            expected.append(body)
    stream, at, turn = Stream(), 0, 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        stream.feed(data[at : at + size])
        at, turn = at + size, turn + 1
    got = [one.body if isinstance(one, Message) else one for one in stream.got]
    assert got == expected
    assert stream.demultiplexer.unknown == sum(isinstance(one, bytes) for one in parts)


@pytest.mark.parametrize(
    "data",
    [
        b"\x00",
        b"junk",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"RTSP/1.0 200 OK\r\nContent-Length: 99999999\r\n\r\n",
        b"RTSP/1.0 200 OK\r\n" + b"X: y\r\n" * 4000,
    ],
)
def test_lost_framing_is_an_error(data: bytes) -> None:
    with pytest.raises(FramingError):
        Stream().feed(data)


def test_line_ends_between_messages_are_skipped() -> None:
    stream = Stream()
    stream.feed(b"\r\n\r\n" + interleaved(b"x") + b"\n" + interleaved(b"y"))
    assert stream.got == [b"x", b"y"]
