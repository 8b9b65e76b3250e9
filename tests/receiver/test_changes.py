"""What changes under a running session: its camera's address, the certificate."""

import asyncio
from dataclasses import replace
import ftplib
import hashlib
import io
import socket
import threading

import pytest

from custom_components.hikvision_nvr.receiver import Receiver
from custom_components.hikvision_nvr.receiver.certificate import generate_certificate

from .conftest import (
    HOST,
    JPEG,
    PASSWORD,
    QUICK,
    USERNAME,
    MakeSite,
    Site,
    client_context,
    connect,
    login,
    passive_port,
    run,
)

NAME = "10.55.48.12_01_20251119124208101_MOTION_DETECTION.jpg"
PLACE = f"front/2025-11-19/{NAME}"


def login_from(source: str, port: int) -> ftplib.FTP_TLS:
    client = ftplib.FTP_TLS(
        context=client_context(), timeout=20, source_address=(source, 0)
    )
    client.connect(HOST, port)
    client.login(USERNAME, PASSWORD)
    client.prot_p()
    return client


def data_from(source: str, port: int) -> socket.socket:
    return socket.create_connection(
        (HOST, port), timeout=20, source_address=(source, 0)
    )


def turned_away(connection: socket.socket) -> bool:
    with connection:
        try:
            return connection.recv(1) == b""
        except ConnectionResetError:
            return True


@pytest.mark.parametrize("other", [HOST, "127.0.0.99"])
async def test_data_from_another_address_is_refused(site: Site, other: str) -> None:
    """The stranger is first; the camera still delivers on the same port."""
    mine = "127.0.0.5"

    def attempt() -> str:
        client = login_from(mine, site.port)
        port = passive_port(client.sendcmd("EPSV"))
        assert turned_away(data_from(other, port))
        client.putcmd(f"STOR {NAME}")
        assert client.getresp().startswith("150")
        assert turned_away(data_from(other, port))
        data = client_context().wrap_socket(data_from(mine, port))
        data.sendall(JPEG)
        data.unwrap().close()
        reply = client.voidresp()
        client.quit()
        return reply

    assert (await run(attempt)).startswith("226")
    assert site.files() == {PLACE: JPEG}


async def test_only_a_stranger_comes(make_site: MakeSite) -> None:
    site = await make_site(limits=replace(QUICK, accept_time=0.3))

    def attempt() -> str:
        client = login_from("127.0.0.5", site.port)
        port = passive_port(client.sendcmd("EPSV"))
        assert client.sendcmd(f"STOR {NAME}").startswith("150")
        assert turned_away(data_from("127.0.0.6", port))
        with pytest.raises(ftplib.error_temp) as caught:
            client.voidresp()
        # The session lives.
        assert client.storbinary("STOR other.jpg", io.BytesIO(JPEG)).startswith("226")
        client.quit()
        return str(caught.value)[:3]

    assert await run(attempt) == "425"
    assert [path.rsplit("/", 1)[1] for path in site.files()] == ["other.jpg"]


async def test_camera_comes_back_from_a_new_address(make_site: MakeSite) -> None:
    """DHCP gave it another one in the middle of an upload; the old session hangs."""
    site = await make_site(limits=replace(QUICK, connections_per_address=1))

    def attempt() -> None:
        old = login_from("127.0.0.5", site.port)
        port = passive_port(old.sendcmd("EPSV"))
        assert old.sendcmd(f"STOR {NAME}").startswith("150")
        hanging = client_context().wrap_socket(data_from("127.0.0.5", port))
        hanging.sendall(JPEG[:100_000])
        new = login_from("127.0.0.6", site.port)
        assert new.storbinary(f"STOR {NAME}", io.BytesIO(JPEG)).startswith("226")
        # The port of the old session is not for the new address.
        with pytest.raises(OSError, match="refused"):
            data_from("127.0.0.6", port)
        new.quit()
        assert site.receiver.status().connected_cameras == 1
        for connection in (hanging, old.sock):
            assert connection is not None
            connection.close()
        old.close()

    await run(attempt)
    async with asyncio.timeout(20):
        while site.receiver.status().connected_cameras:
            await asyncio.sleep(0.01)
    # What had arrived of the old upload is kept beside the whole file and marked, or
    # dropped, as the end of the connection was: never in its place.
    assert site.files()[PLACE] == JPEG
    whole = [capture for capture in site.captures if capture.complete]
    assert [capture.name for capture in whole] == [NAME]
    newest = await site.store.captures.latest_snapshot("front")
    assert newest == whole[0]


def served(port: int) -> bytes:
    client = connect(port)
    client.auth()
    assert client.sock is not None
    found = client.sock.getpeercert(binary_form=True)
    client.close()
    assert found is not None
    return found


async def test_certificate_is_replaced_while_cameras_deliver(
    monkeypatch: pytest.MonkeyPatch, make_site: MakeSite
) -> None:
    """Three keep their session, two log in for each file; none may notice."""
    monkeypatch.setattr(Receiver, "certificate_check", 0.05)
    site = await make_site()
    stop, delivered = threading.Event(), [0] * 5
    digests: set[str] = set()

    def deliver(number: int) -> None:
        client = login(site.port)
        while not stop.is_set():
            shot = delivered[number]
            content = JPEG[:20_000] + b"%d %d" % (number, shot)
            name = (
                f"10.0.0.{number}_01_2025111912{shot // 60:02}{shot % 60:02}000_VMD.jpg"
            )
            reply = client.storbinary(f"STOR {name}", io.BytesIO(content))
            assert reply.startswith("226")
            digests.add(hashlib.sha256(content).hexdigest())
            delivered[number] += 1
            if number >= 3:
                client.quit()
                client = login(site.port)
        client.quit()

    async def all_have_delivered_more() -> None:
        before = list(delivered)
        while not all(now > then for now, then in zip(delivered, before, strict=True)):
            assert not any(task.done() for task in tasks)
            await asyncio.sleep(0.01)

    tasks = [asyncio.create_task(asyncio.to_thread(deliver, n)) for n in range(5)]
    try:
        async with asyncio.timeout(90):
            seen = [await run(lambda: served(site.port))]
            for _ in range(3):
                await all_have_delivered_more()
                await run(lambda: generate_certificate(site.certificate))
                while (now := await run(lambda: served(site.port))) == seen[-1]:
                    await asyncio.sleep(0.02)
                seen.append(now)
                await all_have_delivered_more()
    finally:
        stop.set()
        await asyncio.gather(*tasks)
    assert len(set(seen)) == 4
    assert len(site.files()) == sum(delivered) == len(digests)
    assert {
        hashlib.sha256(content).hexdigest() for content in site.files().values()
    } == digests
