"""What cameras, networks and hostile hosts do, and that it costs one reconnect at most."""

import asyncio
from collections.abc import Iterator
import logging
import os
from pathlib import Path
import random
import ssl
import struct
import time
import tracemalloc
from typing import Any

import pytest
from pytest_socket import socket_allow_hosts

from custom_components.hikvision_nvr.errors import (
    StreamBasicError,
    StreamBusyError,
    StreamEndedError,
    StreamError,
    StreamNotFoundError,
    StreamStalledError,
    StreamUnauthorizedError,
    StreamUnreachableError,
    StreamUnsupportedError,
)
from custom_components.hikvision_nvr.model import CertificateSettings, VideoCodec
from custom_components.hikvision_nvr.receiver.certificate import generate_certificate
from custom_components.hikvision_nvr.recording.rtsp import connection, session
from custom_components.hikvision_nvr.recording.rtsp.framing import (
    Demultiplexer,
    FramingError,
)
from custom_components.hikvision_nvr.recording.rtsp.media import (
    choose_audio,
    choose_video,
)
from custom_components.hikvision_nvr.recording.rtsp.reception import Reception
from custom_components.hikvision_nvr.recording.rtsp.sdp import parse_description
from tests.simulators.rtsp_fault_server import SDP, SOUND, Behaviour, FaultServer

from .conftest import Film
from .packetising import (
    Packetiser,
    aac_packet,
    h264_fragments,
    interleaved,
    sender_report,
)

BASIC = 'Basic realm="x"'
MD5 = 'Digest realm="x", nonce="{nonce}", algorithm=MD5, qop="auth"'
SHA_256 = 'Digest realm="x", nonce="{nonce}", algorithm=SHA-256, qop="auth"'
MUTATIONS = 100_000 if os.environ.get("HIKVISION_NVR_FULL") else 3_000


def elsewhere(**behaviour: Any) -> FaultServer:
    """Return another server."""
    return FaultServer(Behaviour(**behaviour))


# --- The network ---------------------------------------------------------------


@pytest.mark.parametrize("ending", ["fin", "rst"])
@pytest.mark.parametrize("left", [0, 3], ids=["between packets", "mid packet"])
async def test_a_connection_that_ends_is_told_at_once(
    faults: Any, ending: str, left: int
) -> None:
    film = Film()
    script = [*film.pictures(30), film.picture()[:left]]
    async with faults(script=script, ending=ending, pause=0.005) as (_, got):
        assert isinstance(await got.until_closed(), StreamEndedError)
    # What had come until then is passed on.
    assert len(got.pictures) == 30 or ending == "rst"


async def test_a_server_that_restarts_is_read_again(faults: Any, read: Any) -> None:
    async with faults(script=Film().pictures(20), ending="fin") as (server, got):
        await got.until_closed()
        server.behaviour.script = Film().pictures(20)
        server.behaviour.ending = "hold"
        async with read(server.url()) as again:
            await again.until_pictures(20)
    assert server.connections == 2


@pytest.mark.parametrize(
    "method", ["OPTIONS", "DESCRIBE", "SETUP", "PLAY"], ids=str.lower
)
async def test_a_server_that_does_not_answer_is_given_up(
    faults: Any, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "PATIENCE", 0.3)
    async with faults(silent=(method,)) as (server, got):
        assert isinstance(await got.until_closed(), StreamStalledError)
        async with asyncio.timeout(5):
            await server.closed.wait()


async def test_a_stream_that_falls_silent_is_given_up(
    faults: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "SILENCE", 0.4)
    async with faults(script=Film().pictures(20)) as (_, got):
        assert isinstance(await got.until_closed(), StreamStalledError)
    assert len(got.pictures) == 20


async def test_bytes_without_a_picture_are_no_stream(
    faults: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trickle of bytes keeps no stream alive that shows nothing."""
    monkeypatch.setattr(session, "SILENCE", 0.6)
    report = interleaved(sender_report(3.9e9, 1), 1)
    async with faults(script=[report] * 200, pause=0.05) as (_, got):
        assert isinstance(await got.until_closed(), StreamStalledError)


async def test_nobody_is_there(read: Any) -> None:
    async with read("rtsp://127.0.0.1:9/x") as got:
        assert isinstance(await got.until_closed(), StreamUnreachableError)


async def test_an_address_that_is_none_is_told(read: Any) -> None:
    async with read("rtsp://:s3cret@/x") as got:
        error = await got.until_closed()
    assert isinstance(error, StreamNotFoundError)
    assert "s3cret" not in str(error)


async def test_ipv6(faults: Any) -> None:
    socket_allow_hosts(["127.0.0.1", "::1"])
    server = {"host": "::1"}
    async with faults(script=Film().pictures(20), server=server) as (_, got):
        await got.until_pictures(20)


async def test_rtsps_with_a_certificate_of_its_own(faults: Any, tmp_path: Path) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    generate_certificate(
        CertificateSettings(
            certificate=certificate,
            private_key=key,
            generate=True,
            host_names=("localhost",),
        )
    )
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    script = Film().pictures(300)
    async with faults(script=script, challenges=(SHA_256,), server={"tls": tls}) as (
        _,
        got,
    ):
        await got.until_pictures(300)


# --- Logins --------------------------------------------------------------------


async def test_of_all_logins_that_are_offered_the_strongest_is_used(
    faults: Any,
) -> None:
    """FFmpeg takes Basic, MD5 and SHA-256 offered together for a refusal."""
    offers = (BASIC, MD5, SHA_256)
    async with faults(challenges=offers, script=Film().pictures(20)) as (server, got):
        await got.until_pictures(20)
    logins = [one.headers.get("authorization", "") for one in server.requests]
    assert not any(one.startswith("Basic") for one in logins)
    assert all("SHA-256" in one for one in logins[1:])


async def test_a_wrong_password_is_sent_once(faults: Any) -> None:
    def url(server: FaultServer) -> str:
        return server.url(login="admin:wrong@")

    async with faults(url, challenges=(MD5,)) as (server, got):
        assert isinstance(await got.until_closed(), StreamUnauthorizedError)
    logins = [one for one in server.requests if "authorization" in one.headers]
    assert len(logins) == 1


@pytest.mark.parametrize("allowed", [True, False])
async def test_basic_is_answered_only_when_allowed(faults: Any, allowed: bool) -> None:
    script = Film().pictures(20)
    reading = {"basic": allowed}
    async with faults(challenges=(BASIC,), script=script, reading=reading) as (
        server,
        got,
    ):
        if allowed:
            await got.until_pictures(20)
        else:
            assert isinstance(await got.until_closed(), StreamBasicError)
    sent = any("authorization" in one.headers for one in server.requests)
    assert sent is allowed


@pytest.mark.parametrize("says", [True, False], ids=["stale", "without a word"])
@pytest.mark.parametrize("after", [1, 2, 3])
async def test_a_stale_nonce_is_renewed(faults: Any, after: int, says: bool) -> None:
    async with faults(
        challenges=(MD5,),
        stale_after=after,
        says_stale=says,
        script=Film().pictures(20),
    ) as (_, got):
        await got.until_pictures(20)


async def test_a_stale_nonce_of_a_keep_alive_is_renewed(
    faults: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = {"SETUP": {"Session": "1;timeout=1"}}
    film = Film()
    async with faults(
        challenges=(MD5,),
        # DESCRIBE was sent with the first nonce, as were SETUP, PLAY and OPTIONS.
        stale_after=4,
        headers=headers,
        script=film.pictures(300),
        pause=0.01,
    ) as (server, got):
        async with asyncio.timeout(8):
            while len(server.asked("GET_PARAMETER")) < 2:
                await got.changed.wait()
                got.changed.clear()
        assert not got.errors
    assert got.errors == []


# --- Answers -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "status", "error"),
    [
        ("DESCRIBE", 404, StreamNotFoundError),
        ("DESCRIBE", 403, StreamUnauthorizedError),
        ("DESCRIBE", 500, StreamBusyError),
        ("SETUP", 453, StreamBusyError),
        ("SETUP", 461, StreamUnsupportedError),
        ("PLAY", 455, StreamBusyError),
    ],
)
async def test_refusals_are_told(
    faults: Any, method: str, status: int, error: type[StreamError]
) -> None:
    async with faults(statuses={method: [status]}) as (server, got):
        assert type(await got.until_closed()) is error
    # A session that was begun is ended, so that the camera has room again.
    assert bool(server.asked("TEARDOWN")) is (method == "PLAY")


async def test_a_session_is_ended_when_nobody_reads_it_any_more(faults: Any) -> None:
    async with faults(script=Film().pictures(20)) as (server, got):
        await got.until_pictures(20)
    (farewell,) = server.asked("TEARDOWN")
    assert farewell.headers["session"] == "12345678"


@pytest.mark.parametrize(
    ("public", "statuses", "expected"),
    [
        ("OPTIONS, GET_PARAMETER", {}, "GET_PARAMETER"),
        ("OPTIONS", {}, "OPTIONS"),
        ("", {}, "OPTIONS"),
        ("GET_PARAMETER", {"GET_PARAMETER": [501]}, "OPTIONS"),
        # One that rejects all of them streams on: then media count.
        (
            "GET_PARAMETER",
            {"GET_PARAMETER": [454], "OPTIONS": [200, *[500] * 9]},
            "OPTIONS",
        ),
    ],
)
async def test_a_session_is_kept_alive_before_it_ends(
    faults: Any, public: str, statuses: dict[str, list[int]], expected: str
) -> None:
    async with faults(
        public=public,
        statuses=statuses,
        headers={"SETUP": {"Session": "abc; timeout=1"}},
        script=Film().pictures(400),
        pause=0.01,
    ) as (server, got):

        def alive() -> list[Any]:
            return [one for one in server.asked(expected) if "session" in one.headers]

        async with asyncio.timeout(8):
            while not alive():
                await got.changed.wait()
                got.changed.clear()
        assert got.errors == []
    assert alive()[0].headers["session"] == "abc"


async def test_a_redirect_is_followed_with_the_password_to_the_same_host(
    faults: Any,
) -> None:
    async with elsewhere(script=Film().pictures(20), challenges=(MD5,)) as there:
        redirect = {"DESCRIBE": {"Location": there.url("/elsewhere", login="")}}
        async with faults(statuses={"DESCRIBE": [302]}, headers=redirect) as (_, got):
            await got.until_pictures(20)
        assert there.requests[0].url.endswith("/elsewhere")


async def test_a_redirect_to_another_host_gets_no_password(faults: Any) -> None:
    async with elsewhere(challenges=(MD5, BASIC)) as there:
        location = f"rtsp://localhost:{there.port}/x"
        async with faults(
            statuses={"DESCRIBE": [302]},
            headers={"DESCRIBE": {"Location": location}},
            reading={"basic": True},
        ) as (_, got):
            assert isinstance(await got.until_closed(), StreamUnauthorizedError)
        assert not any("authorization" in one.headers for one in there.requests)


async def test_redirects_come_to_an_end(faults: Any) -> None:
    async with faults(
        statuses={"DESCRIBE": [302] * 99}, headers={"DESCRIBE": {"Location": "/again"}}
    ) as (server, got):
        assert isinstance(await got.until_closed(), StreamNotFoundError)
    assert server.connections == 4


async def test_a_camera_may_send_us_elsewhere_at_any_time(faults: Any) -> None:
    async with elsewhere(script=Film().pictures(20)) as there:
        redirect = (
            f"REDIRECT rtsp://x/ RTSP/1.0\r\nCSeq: 1\r\nLocation: {there.url()}\r\n\r\n"
        )
        script = [*Film().pictures(5), redirect.encode()]
        async with faults(script=script) as (_, got):
            await got.until(lambda: there.asked("PLAY") and len(got.pictures) >= 25)


async def test_requests_of_a_camera_are_answered(faults: Any) -> None:
    script = [
        b"OPTIONS * RTSP/1.0\r\nCSeq: 7\r\n\r\n",
        b"SURPRISE * RTSP/1.0\r\nCSeq: 8\r\n\r\n",
        *Film().pictures(20),
    ]
    async with faults(script=script) as (server, got):
        await got.until_pictures(20)
        async with asyncio.timeout(5):
            while len(server.requests) < 6:
                await asyncio.sleep(0.01)
    answers = [one.method + one.url for one in server.requests if "RTSP" in one.method]
    assert answers == ["RTSP/1.0200", "RTSP/1.0501"]


async def test_other_channels_than_those_asked_for(faults: Any) -> None:
    headers = {"SETUP": {"Transport": "RTP/AVP/TCP;unicast;interleaved=8-9"}}
    script = Film(channel=8).pictures(20)
    async with faults(headers=headers, script=script) as (_, got):
        await got.until_pictures(20)


async def test_packets_may_come_before_the_answer_to_play(faults: Any) -> None:
    async with faults(early=True, script=Film().pictures(20)) as (_, got):
        await got.until_pictures(20)


# --- Media ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("media", "supported"),
    [
        ("m=video 0 RTP/AVP 26\r\n", False),
        ("m=video 0 RTP/AVP 96\r\na=rtpmap:96 MP4V-ES/90000\r\n", False),
        ("m=audio 0 RTP/AVP 0\r\n", False),
        (SDP, True),
    ],
    ids=["mjpeg", "mpeg-4", "no video", "h264"],
)
async def test_video_that_is_not_ours_is_told(
    faults: Any, media: str, supported: bool
) -> None:
    async with faults(description=media, script=Film().pictures(20)) as (_, got):
        if supported:
            await got.until_pictures(20)
        else:
            assert isinstance(await got.until_closed(), StreamUnsupportedError)


@pytest.mark.parametrize(
    "sound",
    [
        "m=audio 0 RTP/AVP 9\r\n",
        "m=audio 0 RTP/AVP 97\r\na=rtpmap:97 opus/48000/2\r\n",
        "m=audio 0 RTP/AVP 97\r\na=rtpmap:97 G726-32/8000\r\n",
    ],
    ids=["g722", "opus", "g726"],
)
async def test_sound_that_is_not_ours_is_left_out(faults: Any, sound: str) -> None:
    async with faults(description=SDP + sound, script=Film().pictures(20)) as (
        server,
        got,
    ):
        await got.until_pictures(20)
    assert got.formats[0][1] is None
    assert len(server.asked("SETUP")) == 1


async def test_sound_that_is_refused_is_left_out(faults: Any) -> None:
    async with faults(
        description=SDP + SOUND,
        statuses={"SETUP": [200, 461]},
        headers={"SETUP": {"Session": "1"}},
        script=Film().pictures(20),
    ) as (_, got):
        await got.until_pictures(20)
    assert got.formats[0][1] is None


async def test_sound_and_pictures_begin_together(faults: Any) -> None:
    film, sound = Film(), Packetiser(payload_type=0, timestamp=5_000_000, source=2)
    script = []
    for _ in range(50):
        script.append(film.picture() + interleaved(sound.packet(b"s" * 320), 2))
        sound.timestamp += 320
    info = "url=video;seq=1;rtptime=1000,url=audio;seq=1;rtptime=5000000"
    async with faults(
        description=SDP + SOUND, script=script, headers={"PLAY": {"RTP-Info": info}}
    ) as (_, got):
        await got.until(lambda: len(got.sound) >= 50)
    assert got.pictures[0][2] == 1000
    assert [present for _, present in got.sound] == [
        1000 + 3600 * number for number in range(50)
    ]


async def test_short_packets_are_counted_and_the_rest_is_read(
    faults: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger=session.__name__)
    short = [interleaved(b"\x80\x60\x00"[:size]) for size in range(4)]
    film = Film()
    script = [*short, *film.pictures(10), *short, *film.pictures(10)]
    async with faults(script=script) as (_, got):
        await got.until_pictures(20)
    assert "8 packets ignored" in caplog.text


@pytest.mark.parametrize(
    "junk",
    [b"\x00" * 100, b"junk junk junk", b"HTTP/1.1 200 OK\r\n\r\n", b"R" * 20_000],
    ids=["zeros", "text", "http", "endless line"],
)
async def test_junk_costs_a_new_connection(faults: Any, junk: bytes) -> None:
    film = Film()
    script = [*film.pictures(5), junk, *film.pictures(5)]
    async with faults(script=script) as (_, got):
        assert isinstance(await got.until_closed(), StreamEndedError)


async def test_a_length_that_is_too_large_costs_a_new_connection(faults: Any) -> None:
    film = Film()
    script = [*film.pictures(5), b"$\x00\xff\xfe", *film.pictures(4000)]
    async with faults(script=script) as (_, got):
        assert isinstance(await got.until_closed(), StreamEndedError)


async def test_damaged_pictures_are_dropped(faults: Any) -> None:
    film, script = Film(), []
    for number in range(30):
        if number % 3:
            script.append(film.picture())
            continue
        pieces = h264_fragments(b"\x41\x9a" + b"x" * 300, [100, 200])
        packets = film.sender.packets(pieces)
        film.sender.timestamp += 3600
        # The middle of the picture never comes.
        script += [interleaved(packets[0]), interleaved(packets[2])]
    async with faults(script=script) as (_, got):
        await got.until_pictures(20)
    assert all(b"picture" in unit for units, _, _ in got.pictures for unit in units)


async def test_a_timestamp_that_wraps_goes_on(faults: Any) -> None:
    film = Film(timestamp=(1 << 32) - 18_000)
    async with faults(script=film.pictures(40)) as (_, got):
        await got.until_pictures(40)
    times = [decode for _, decode, _ in got.pictures]
    assert times == [(1 << 32) - 18_000 + 3600 * number for number in range(40)]


async def test_a_clock_that_jumps_an_hour_is_passed_on(faults: Any) -> None:
    """The recorder begins a new file there."""
    film = Film()
    before = film.pictures(30)
    film.sender.timestamp += 3600 * 90_000
    async with faults(script=[*before, *film.pictures(30)]) as (_, got):
        await got.until_pictures(60)
    assert got.pictures[30][1] - got.pictures[29][1] == 3600 * 90_000 + 3600


async def test_b_frames_have_times_for_decoding_and_for_showing(faults: Any) -> None:
    film, script = Film(), []
    for group in range(20):
        for place in (3, 1, 2):
            time = 90_000 + 3600 * (3 * group + place)
            script.append(film.picture(timestamp=time))
    async with faults(script=script) as (_, got):
        await got.until_pictures(60)
    assert all(decode <= present for _, decode, present in got.pictures)
    decodes = [decode for _, decode, _ in got.pictures]
    assert decodes == sorted(set(decodes))
    assert len({present for _, _, present in got.pictures}) == 60


async def test_a_goodbye_ends_the_stream(faults: Any) -> None:
    goodbye = interleaved(b"\x81\xcb\x00\x01\x00\x00\x00\x01", 1)
    async with faults(script=[*Film().pictures(5), goodbye]) as (_, got):
        assert isinstance(await got.until_closed(), StreamEndedError)
    assert len(got.pictures) == 5


async def test_a_sink_that_fails_costs_its_own_stream_only(
    faults: Any, read: Any
) -> None:
    async with faults(script=Film().pictures(500), pause=0.01) as (server, got):
        await got.until_pictures(17)
        async with read(server.url()) as other:
            await other.until_pictures(17)
            got.broken = True
            assert isinstance(await got.until_closed(), StreamEndedError)
            await other.until_pictures(60)


# --- Hostile hosts -------------------------------------------------------------


def a_stream() -> bytes:
    """Return some seconds of picture and sound, with messages in between."""
    film = Film()
    sound = Packetiser(payload_type=97, source=2)
    data = b""
    for number in range(12):
        pieces = h264_fragments(b"\x65\x88" + bytes(range(1, 120)), [40, 80])
        for packet in film.sender.packets(pieces):
            data += interleaved(packet)
        film.sender.timestamp += 3600
        data += interleaved(sound.packet(aac_packet([b"one", b"two"])), 2)
        sound.timestamp += 2048
        if number % 5 == 0:
            data += interleaved(sender_report(3.9e9, number), 1)
            data += b"RTSP/1.0 200 OK\r\nCSeq: 5\r\nContent-Length: 2\r\n\r\nok"
    return data


class Nobody:
    """Takes everything and keeps nothing."""

    def opened(self, *_: object) -> None: ...

    def video(self, units: list[bytes], *_: object) -> None:
        assert all(units)

    def audio(self, *_: object) -> None: ...

    def closed(self, *_: object) -> None: ...


DESCRIPTION = parse_description(
    (
        SDP + "m=audio 0 RTP/AVP 97\r\na=rtpmap:97 MPEG4-GENERIC/16000\r\n"
        "a=fmtp:97 mode=AAC-hbr;config=1408\r\n"
    ).encode()
)


def take_apart(data: bytes, sizes: random.Random, codec: VideoCodec) -> None:
    """Read a stream as a connection does, in pieces."""
    medium, video = choose_video(DESCRIPTION)
    video = type(video)(codec=codec, parameter_sets=())
    reception = Reception(
        Nobody(),
        (medium, video),
        choose_audio(DESCRIPTION),
        lambda _: None,
        time.monotonic,
    )
    demultiplexer = Demultiplexer(lambda _: None)
    demultiplexer.channels.update(
        {
            0: reception.video_packet,
            1: reception.video_control,
            2: reception.audio_packet,
            3: reception.audio_control,
        }
    )
    rest, at = b"", 0
    while at < len(data):
        size = sizes.randrange(1, 4000)
        piece = rest + data[at : at + size]
        at += size
        try:
            rest = piece[demultiplexer.feed(memoryview(piece)) :]
        except FramingError:
            break
    reception.finish()


def mutated(data: bytes, choice: random.Random) -> bytes:
    """Return a stream with some of it changed, gone, moved or made up."""
    changed = bytearray(data)
    for _ in range(choice.randrange(1, 8)):
        at = choice.randrange(len(changed))
        size = choice.randrange(1, 40)
        match choice.randrange(5):
            case 0:
                changed[at] = choice.randrange(256)
            case 1:
                del changed[at : at + size]
            case 2:
                changed[at:at] = choice.randbytes(size)
            case 3:
                changed[at:at] = changed[at : at + size * 10]
            case _:
                changed[at : at + 2] = struct.pack(">H", choice.randrange(1 << 16))
        if not changed:
            break
    return bytes(changed)


@pytest.mark.timeout(1800)
def test_mutated_streams_cost_neither_memory_nor_time() -> None:
    stream = a_stream()
    choice = random.Random(20261122)
    take_apart(stream, choice, VideoCodec.H264)
    tracemalloc.start()
    try:
        slowest, before = 0.0, tracemalloc.get_traced_memory()[0]
        for number in range(MUTATIONS):
            codec = VideoCodec.H265 if number % 4 == 0 else VideoCodec.H264
            data = mutated(stream, choice)
            begun = time.process_time()
            take_apart(data, choice, codec)
            slowest = max(slowest, time.process_time() - begun)
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 1 << 20
    assert peak - before < 8 << 20
    # Nothing in it may take more than a bounded time; it is a few milliseconds.
    assert slowest < 2


async def test_a_host_that_sends_without_end_takes_bounded_memory(
    faults: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """64 MiB of one picture that never ends."""
    monkeypatch.setattr(session, "SILENCE", 4.0)
    sender, sent = Packetiser(), 0

    def picture() -> Iterator[bytes]:
        nonlocal sent
        yield interleaved(sender.packet(b"\x7c\x85" + bytes(60_000)))
        for _ in range(1000):
            sent += 65_000
            yield interleaved(sender.packet(b"\x7c\x05" + bytes(65_000)))

    tracemalloc.start()
    try:
        async with faults(script=picture(), pause=0.001) as (_, got):
            assert isinstance(await got.until_closed(), StreamStalledError)
            _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert got.pictures == []
    # Much more than any picture may have.
    assert sent > 32 << 20
    assert peak < 48 << 20
