"""What a camera delivers arrives whole, or the camera is told that it did not."""

import asyncio
from dataclasses import replace
import ftplib
import hashlib
import io
import os
import select
import socket
import ssl
import struct
import time

import pytest

from custom_components.hikvision_nvr.model import DetectionType

from .conftest import (
    HOST,
    JPEG,
    QUICK,
    MakeSite,
    Site,
    client_context,
    data_socket,
    login,
    passive_port,
    run,
)

NAME = "10.55.48.12_01_20251119124208101_MOTION_DETECTION.jpg"
PLACE = f"front/2025-11-19/{NAME}"


def store(client: ftplib.FTP_TLS, path: str, content: bytes = JPEG) -> str:
    return client.storbinary(f"STOR {path}", io.BytesIO(content))


async def test_upload_becomes_detection_and_capture(site: Site) -> None:
    client = await run(lambda: login(site.port))
    reply = await run(lambda: store(client, NAME))
    assert reply.startswith("226")
    assert site.files() == {PLACE: JPEG}
    [detection] = site.detections
    [capture] = site.captures
    assert detection.type is DetectionType.MOTION
    assert detection.file_name == NAME
    assert detection.capture_id == capture.id
    assert capture.detection_id == detection.id
    assert capture.sha256 == hashlib.sha256(JPEG).hexdigest()
    assert await site.store.captures.get(capture.id) == capture
    await run(client.quit)


async def test_large_clip_is_whole(site: Site) -> None:
    content = os.urandom(24 << 20)
    client = await run(lambda: login(site.port))
    await run(lambda: store(client, "clip.mp4", content))
    [capture] = site.captures
    assert capture.sha256 == hashlib.sha256(content).hexdigest()
    assert site.store.path(capture).stat().st_size == len(content)
    await run(client.quit)


@pytest.mark.parametrize(
    "path",
    [
        f"../../{NAME}",
        f"/../../../{NAME}",
        f"a/../../{NAME}",
        f"\\cam\\day\\{NAME}",
        f"//cam//{NAME}",
        f"/missing/folder/{NAME}",
    ],
)
async def test_any_path_ends_in_the_cameras_folder(site: Site, path: str) -> None:
    client = await run(lambda: login(site.port))
    await run(lambda: store(client, path))
    assert site.files() == {PLACE: JPEG}
    assert [entry.name for entry in site.root.parent.iterdir()].count("media") == 1
    await run(client.quit)


@pytest.mark.parametrize("path", ["..", "/", "a/.."])
async def test_path_without_a_name_is_refused(site: Site, path: str) -> None:
    client = await run(lambda: login(site.port))
    with pytest.raises(ftplib.error_perm, match="553"):
        await run(lambda: store(client, path))
    assert site.files() == {}
    await run(lambda: store(client, NAME))
    await run(client.quit)


async def test_name_cannot_forge_replies_or_log_lines(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    def attempt() -> str:
        client = login(site.port)
        reply = client.sendcmd("MKD a\x1b[31m\x07b")
        store(client, "a\x1b[31mb.jpg")
        client.quit()
        return reply

    reply = await run(attempt)
    assert "\x1b" not in reply
    assert "\x1b" not in caplog.text
    assert all("\x1b" not in name for name in site.files())


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("测试.jpg".encode("gb18030"), "测试.jpg"), ("тест.jpg".encode(), "тест.jpg")],
)
async def test_names_in_other_encodings(site: Site, sent: bytes, kept: str) -> None:
    def attempt() -> None:
        client = login(site.port)
        client.encoding = "latin-1"
        store(client, sent.decode("latin-1"))
        client.encoding = "utf-8"
        client.quit()

    await run(attempt)
    assert [name.rsplit("/", 1)[1] for name in site.files()] == [kept]


async def test_same_file_twice_is_one_capture(site: Site) -> None:
    client = await run(lambda: login(site.port))
    for _ in range(2):
        assert (await run(lambda: store(client, NAME))).startswith("226")
    assert site.files() == {PLACE: JPEG}
    assert len(site.detections) == 1
    await run(client.quit)


async def test_empty_upload_is_answered_and_not_stored(site: Site) -> None:
    client = await run(lambda: login(site.port))
    assert (await run(lambda: store(client, NAME, b""))).startswith("226")
    assert site.files() == {}
    assert site.detections == []
    await run(client.quit)


async def test_reset_in_the_middle_leaves_nothing_and_keeps_the_session(
    site: Site,
) -> None:
    def attempt() -> str:
        client = login(site.port)
        data = data_socket(client, f"STOR {NAME}")
        data.sendall(JPEG[:100_000])
        data.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        data.close()
        with pytest.raises(ftplib.error_temp) as caught:
            client.voidresp()
        assert site.files() == {}
        assert store(client, NAME).startswith("226")
        client.quit()
        return str(caught.value)

    assert (await run(attempt)).startswith("426")
    assert site.files() == {PLACE: JPEG}
    assert len(site.detections) == 1


async def test_clients_that_close_without_reading_are_not_reset(site: Site) -> None:
    """With session tickets on the data connection each of these fails."""

    def attempt() -> list[str]:
        client = login(site.port)
        replies = []
        for number in range(30):
            name = NAME.replace("101_", f"{number:03}_")
            data = data_socket(client, f"STOR {name}")
            assert data.version() == "TLSv1.3"
            data.sendall(JPEG)
            # The socket's own close: no close_notify, nothing read.
            socket.socket(fileno=data.detach()).close()
            replies.append(client.voidresp()[:3])
        client.quit()
        return replies

    assert await run(attempt) == ["226"] * 30
    assert set(site.files().values()) == {JPEG}
    assert len(site.files()) == 30


async def test_abort_ends_the_transfer_and_not_the_session(site: Site) -> None:
    def attempt() -> list[str]:
        client = login(site.port)
        data = data_socket(client, f"STOR {NAME}")
        data.sendall(JPEG[:1000])
        replies = []
        # Telnet's Interrupt Process and Data Mark, as RFC 959 asks for.
        client.sock.sendall(b"\xff\xf4\xff\xf2ABOR\r\n")
        replies.append(client.getmultiline()[:3])
        replies.append(client.getmultiline()[:3])
        data.close()
        store(client, NAME)
        client.quit()
        return replies

    assert await run(attempt) == ["426", "226"]
    assert site.files() == {PLACE: JPEG}


async def test_client_that_leaves_with_its_last_byte_has_delivered(
    site: Site,
) -> None:
    def attempt() -> None:
        client = login(site.port)
        data = data_socket(client, f"STOR {NAME}")
        data.sendall(JPEG)
        data.unwrap().close()
        client.close()

    await run(attempt)
    async with asyncio.timeout(10):
        while not site.captures:
            await asyncio.sleep(0.01)
    assert site.files() == {PLACE: JPEG}


async def test_stranger_cannot_take_the_data_connection(site: Site) -> None:
    def attempt() -> str:
        client = login(site.port)
        port = passive_port(client.sendcmd("EPSV"))
        stranger = socket.create_connection(
            (HOST, port), timeout=20, source_address=("127.0.0.2", 0)
        )
        with pytest.raises((ssl.SSLError, OSError)):
            tls = client_context().wrap_socket(stranger)
            while tls.recv(1):
                pass
            raise ConnectionResetError
        camera = socket.create_connection((HOST, port), timeout=20)
        assert client.sendcmd(f"STOR {NAME}").startswith("150")
        data = client_context().wrap_socket(camera)
        data.sendall(JPEG)
        data.unwrap().close()
        reply = client.voidresp()
        client.quit()
        return reply

    assert (await run(attempt)).startswith("226")
    assert site.files() == {PLACE: JPEG}


async def test_passive_port_takes_one_connection(site: Site) -> None:
    def attempt() -> None:
        client = login(site.port)
        port = passive_port(client.sendcmd("EPSV"))
        camera = socket.create_connection((HOST, port), timeout=20)
        assert client.sendcmd(f"STOR {NAME}").startswith("150")
        data = client_context().wrap_socket(camera)
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((HOST, port), timeout=20)
        data.sendall(JPEG)
        data.unwrap().close()
        client.voidresp()
        client.quit()

    await run(attempt)


async def test_no_free_port_is_said_and_passes(make_site: MakeSite) -> None:
    with socket.create_server((HOST, 0)) as free:
        number = free.getsockname()[1]
    site = await make_site(passive_ports=(number, number))

    def attempt() -> str:
        clients = [login(site.port) for _ in range(2)]
        assert passive_port(clients[0].sendcmd("EPSV")) == number
        with pytest.raises(ftplib.error_temp) as caught:
            clients[1].sendcmd("PASV")
        clients[0].sendcmd("ABOR")
        clients[1].sendcmd("PASV")
        for client in clients:
            client.close()
        return str(caught.value)

    assert (await run(attempt)).startswith("425")


async def test_commands_in_one_segment_are_run_in_order(site: Site) -> None:
    def attempt() -> list[str]:
        client = login(site.port)
        client.sock.sendall(b"MKD /a\r\nCWD /a\r\nPWD\r\nNOOP\r\nCWD /b\r\nPWD\r\n")
        replies = [client.getline() for _ in range(6)]
        client.quit()
        return replies

    replies = await run(attempt)
    assert [reply[:3] for reply in replies] == [
        "257",
        "250",
        "257",
        "200",
        "250",
        "257",
    ]
    assert '"/a"' in replies[2]
    assert '"/b"' in replies[5]


async def test_upload_that_cannot_be_kept_is_refused(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(*_: object) -> int:
        raise OSError(28, "No space left on device")

    client = await run(lambda: login(site.port))
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", no_space)
        with pytest.raises(ftplib.error_temp, match="452"):
            await run(lambda: store(client, NAME))
    assert site.files() == {}
    assert site.captures == []
    assert (await run(lambda: store(client, NAME))).startswith("226")
    await run(client.quit)


async def test_many_cameras_at_once(site: Site) -> None:
    def deliver(number: int) -> None:
        client = login(site.port)
        for shot in range(5):
            store(
                client,
                f"10.0.0.{number}_01_2025111912{number:02}{shot:02}000_VMD.jpg",
                JPEG + bytes([number, shot]),
            )
        client.quit()

    await asyncio.gather(
        *(run(lambda n=n: deliver(n)) for n in range(8))  # type: ignore[misc]
    )
    assert len(site.files()) == 5 * 8


async def test_file_beyond_the_limit_is_refused(make_site: MakeSite) -> None:
    site = await make_site(limits=replace(QUICK, file_size=1000))

    def attempt() -> str:
        client = login(site.port)
        data = data_socket(client, f"STOR {NAME}")
        data.sendall(JPEG[:1001])
        data.unwrap().close()
        with pytest.raises(ftplib.error_perm) as caught:
            client.voidresp()
        assert site.files() == {}
        assert store(client, NAME, JPEG[:1000]).startswith("226")
        client.quit()
        return str(caught.value)

    assert (await run(attempt)).startswith("552")


async def test_reserve_of_free_space_is_kept(make_site: MakeSite) -> None:
    site = await make_site(reserve=1 << 60)
    client = await run(lambda: login(site.port))
    with pytest.raises(ftplib.error_temp, match="452"):
        await run(lambda: store(client, NAME))
    assert site.files() == {}
    assert (await run(lambda: client.sendcmd("NOOP"))).startswith("200")
    await run(client.quit)


async def test_upload_slower_than_the_idle_time_is_whole(make_site: MakeSite) -> None:
    site = await make_site(limits=replace(QUICK, idle_time=0.5))

    def attempt() -> str:
        client = login(site.port)
        data = data_socket(client, f"STOR {NAME}")
        for start in range(0, 20_000, 1000):
            data.sendall(JPEG[start : start + 1000])
            time.sleep(0.1)
        data.sendall(JPEG[20_000:])
        data.unwrap().close()
        return client.voidresp()

    assert (await run(attempt)).startswith("226")
    assert site.files() == {PLACE: JPEG}


async def test_idle_session_ends(make_site: MakeSite) -> None:
    site = await make_site(limits=replace(QUICK, idle_time=0.3))
    client = await run(lambda: login(site.port))
    reply = await run(client.getmultiline)
    assert reply.startswith("421")
    client.close()


async def test_session_without_login_ends(make_site: MakeSite) -> None:
    site = await make_site(limits=replace(QUICK, login_time=0.5))

    def attempt() -> bytes:
        with socket.create_connection((HOST, site.port), timeout=20) as connection:
            received = b""
            # Commands do not buy more time.
            connection.sendall(b"NOOP\r\n")
            while more := connection.recv(4096):
                received += more
            return received

    assert b"421 Timeout." in await run(attempt)


async def test_stalled_upload_is_given_up(make_site: MakeSite) -> None:
    site = await make_site(limits=replace(QUICK, stall_time=0.3))

    def attempt() -> str:
        client = login(site.port)
        data = data_socket(client, f"STOR {NAME}")
        data.sendall(JPEG[:1000])
        with pytest.raises(ftplib.error_temp) as caught:
            client.voidresp()
        data.close()
        client.quit()
        return str(caught.value)

    assert (await run(attempt)).startswith("426")
    assert site.files() == {}


async def test_upload_below_the_minimum_rate_is_given_up(make_site: MakeSite) -> None:
    site = await make_site(
        limits=replace(QUICK, stall_time=0.5, minimum_rate=1_000_000)
    )

    def attempt() -> str:
        client = login(site.port)
        data = data_socket(client, f"STOR {NAME}")
        for start in range(0, 50_000, 1000):
            data.sendall(JPEG[start : start + 1000])
            answered, _, _ = select.select([client.sock], [], [], 0.1)
            if answered:
                break
        with pytest.raises(ftplib.error_temp) as caught:
            client.voidresp()
        data.close()
        client.quit()
        return str(caught.value)

    assert (await run(attempt)).startswith("426")
    assert site.files() == {}


async def test_data_connection_that_never_comes(make_site: MakeSite) -> None:
    site = await make_site(limits=replace(QUICK, accept_time=0.2))

    def attempt() -> str:
        client = login(site.port)
        client.sendcmd("PASV")
        assert client.sendcmd(f"STOR {NAME}").startswith("150")
        with pytest.raises(ftplib.error_temp) as caught:
            client.voidresp()
        client.quit()
        return str(caught.value)

    assert (await run(attempt)).startswith("425")


async def test_file_that_was_cut_off_is_kept_and_marked(site: Site) -> None:
    def attempt() -> None:
        client = login(site.port)
        store(client, NAME, JPEG[:100_000])
        store(client, NAME.replace("101_", "102_"))
        client.quit()

    await run(attempt)
    assert [capture.complete for capture in site.captures] == [False, True]
    newest = await site.store.captures.latest_snapshot("front")
    assert newest == site.captures[1]


async def test_connection_test_is_answered_and_is_no_motion(site: Site) -> None:
    client = await run(lambda: login(site.port))
    reply = await run(
        lambda: store(client, "/camera_test20190222080904/test.txt", b"t")
    )
    assert reply.startswith("226")
    assert site.files() == {}
    assert site.detections == []
    assert site.activity.statuses()["camera-1"].last_test is not None
    await run(client.quit)


async def test_name_that_we_make(site: Site) -> None:
    def attempt() -> str:
        client = login(site.port)
        port = passive_port(client.sendcmd("EPSV"))
        connection = socket.create_connection((HOST, port), timeout=20)
        announced = client.sendcmd("STOU")
        data = client_context().wrap_socket(connection)
        data.sendall(JPEG)
        data.unwrap().close()
        client.voidresp()
        client.quit()
        return announced.removeprefix("150 FILE: ")

    name = await run(attempt)
    assert [path.rsplit("/", 1)[1] for path in site.files()] == [name]
