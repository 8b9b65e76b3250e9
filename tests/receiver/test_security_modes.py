"""Implicit TLS, plain FTP by explicit choice, active mode, and bound addresses."""

import asyncio
from collections.abc import Callable
import ftplib
import io
import socket
import ssl
from typing import Any

import pytest

from custom_components.hikvision_nvr.model import Security
from custom_components.hikvision_nvr.receiver.passwords import hash_password

from .conftest import (
    HOST,
    JPEG,
    PASSWORD,
    USERNAME,
    MakeSite,
    Site,
    a_camera,
    client_context,
    connect,
    login,
    plain_login,
    run,
)

NAME = "10.55.48.12_01_20251119124208101_MOTION_DETECTION.jpg"
PLACE = f"front/2025-11-19/{NAME}"


class ImplicitFtps(ftplib.FTP_TLS):
    """A client for the port on which TLS begins at once."""

    def connect(self, host: str, port: int) -> str:  # type: ignore[override]
        self.host = host
        raw = socket.create_connection((host, port), timeout=20)
        self.af = raw.family
        self.sock = client_context().wrap_socket(raw)
        self.file = self.sock.makefile(encoding="utf-8")
        self.welcome = self.getresp()
        return self.welcome


async def test_implicit_tls(make_site: MakeSite) -> None:
    site = await make_site(implicit_port=0)

    def attempt() -> None:
        client = ImplicitFtps()
        client.connect(HOST, site.receiver.implicit_port)
        client.sendcmd(f"USER {USERNAME}")
        client.sendcmd(f"PASS {PASSWORD}")
        client.prot_p()
        client.storbinary(f"STOR {NAME}", io.BytesIO(JPEG))
        client.quit()

    await run(attempt)
    assert site.files() == {PLACE: JPEG}


async def test_implicit_port_speaks_nothing_in_clear(make_site: MakeSite) -> None:
    site = await make_site(implicit_port=0)

    def attempt() -> bytes:
        address = (HOST, site.receiver.implicit_port)
        with socket.create_connection(address, timeout=20) as connection:
            connection.sendall(b"USER front\r\n")
            try:
                return connection.recv(4096)
            except ConnectionResetError:
                return b""

    assert b"220" not in await run(attempt)


async def test_plain_camera_delivers_in_clear(make_site: MakeSite) -> None:
    site = await make_site(a_camera(security=Security.PLAIN, address=HOST))

    def attempt() -> None:
        client = plain_login(site.port)
        client.storbinary(f"STOR {NAME}", io.BytesIO(JPEG))
        assert client.nlst() == [NAME]
        client.quit()

    await run(attempt)
    assert site.files() == {PLACE: JPEG}


async def test_plain_camera_may_encrypt(make_site: MakeSite) -> None:
    site = await make_site(a_camera(security=Security.PLAIN, address=HOST))
    client = await run(lambda: login(site.port))
    await run(lambda: client.storbinary(f"STOR {NAME}", io.BytesIO(JPEG)))
    assert site.files() == {PLACE: JPEG}
    await run(client.quit)


async def test_plain_login_from_another_address_is_refused(
    make_site: MakeSite,
) -> None:
    site = await make_site(a_camera(security=Security.PLAIN, address="127.0.0.9"))
    with pytest.raises(ftplib.error_perm, match="530 Encryption is required"):
        await run(lambda: plain_login(site.port))


async def test_encrypted_account_is_refused_in_clear_from_a_plain_cameras_address(
    make_site: MakeSite,
) -> None:
    plain = a_camera(
        id="camera-2",
        folder="back",
        username="back",
        password_hash=hash_password("Other-123"),
        security=Security.PLAIN,
        address=HOST,
    )
    site = await make_site(a_camera(), plain)
    with pytest.raises(ftplib.error_perm, match="530 Login incorrect"):
        await run(lambda: plain_login(site.port))


async def test_bound_account_is_refused_from_elsewhere(make_site: MakeSite) -> None:
    site = await make_site(a_camera(address="127.0.0.9"))

    def attempt(source: str) -> str:
        client = ftplib.FTP_TLS(
            context=client_context(), timeout=20, source_address=(source, 0)
        )
        client.connect(HOST, site.port)
        try:
            return client.login(USERNAME, PASSWORD)
        finally:
            client.close()

    with pytest.raises(ftplib.error_perm, match="530 Login incorrect"):
        await run(lambda: attempt(HOST))
    assert (await run(lambda: attempt("127.0.0.9"))).startswith("230")


def active(port_command: Callable[[int], str]) -> Callable[[ftplib.FTP_TLS], str]:
    """Return an upload in active mode, its command made of the port."""

    def deliver(client: ftplib.FTP_TLS) -> str:
        with socket.create_server((HOST, 0)) as listener:
            listener.settimeout(20)
            client.sendcmd(port_command(listener.getsockname()[1]))
            assert client.sendcmd(f"STOR {NAME}").startswith("150")
            connection, _ = listener.accept()
        data = client_context().wrap_socket(connection)
        data.sendall(JPEG)
        data.unwrap().close()
        return client.voidresp()

    return deliver


@pytest.mark.parametrize(
    "port_command",
    [
        lambda port: f"PORT 127,0,0,1,{port >> 8},{port & 255}",
        lambda port: f"EPRT |1|127.0.0.1|{port}|",
    ],
    ids=["PORT", "EPRT"],
)
async def test_active_mode_by_choice(
    make_site: MakeSite, port_command: Callable[[int], str]
) -> None:
    site = await make_site(a_camera(active_mode=True))
    client = await run(lambda: login(site.port))
    reply = await run(lambda: active(port_command)(client))
    assert reply.startswith("226")
    assert site.files() == {PLACE: JPEG}
    await run(client.quit)


@pytest.mark.parametrize(
    "command",
    [
        "PORT 127,0,0,2,40,0",
        "PORT 192,0,2,1,40,0",
        "PORT 127,0,0,1,0,22",
        "EPRT |1|192.0.2.1|4000|",
        "EPRT |2|::1|4000|",
        "EPRT |1|127.0.0.1|22|",
        "EPRT |1|127.0.0.1|70000|",
    ],
)
async def test_active_mode_never_to_a_third_host_or_a_service(
    make_site: MakeSite, command: str
) -> None:
    site = await make_site(a_camera(active_mode=True))

    def attempt() -> str:
        client = login(site.port)
        with pytest.raises(ftplib.error_perm) as caught:
            client.sendcmd(command)
        with pytest.raises(ftplib.error_temp, match="425"):
            client.sendcmd(f"STOR {NAME}")
        client.quit()
        return str(caught.value)

    assert (await run(attempt)).startswith("501")


async def test_external_address_is_told_to_cameras(make_site: MakeSite) -> None:
    site = await make_site(external_address="203.0.113.7")
    client = await run(lambda: login(site.port))
    reply = await run(lambda: client.sendcmd("PASV"))
    assert "(203,0,113,7," in reply
    await run(client.quit)


async def test_nothing_of_a_plain_session_reaches_an_encrypted_one(
    make_site: MakeSite,
) -> None:
    """A login in clear is forgotten when the session is encrypted."""
    site = await make_site(a_camera(security=Security.PLAIN, address=HOST))

    def attempt() -> Any:
        client = connect(site.port)
        client.sendcmd(f"USER {USERNAME}")
        client.auth()
        with pytest.raises(ftplib.error_perm, match="503"):
            client.sendcmd(f"PASS {PASSWORD}")
        client.close()

    await run(attempt)


async def test_login_in_clear_ends_with_encryption(make_site: MakeSite) -> None:
    """RFC 2228: AUTH begins anew, for the login and for what it had prepared."""
    site = await make_site(a_camera(security=Security.PLAIN, address=HOST))

    def attempt() -> None:
        client = connect(site.port)
        client.sendcmd(f"USER {USERNAME}")
        client.sendcmd(f"PASS {PASSWORD}")
        client.sendcmd("PASV")
        client.auth()
        with pytest.raises(ftplib.error_perm, match="530"):
            client.sendcmd("PWD")
        client.login(USERNAME, PASSWORD, secure=False)
        client.prot_p()
        with pytest.raises(ftplib.error_temp, match="425"):
            client.sendcmd(f"STOR {NAME}")
        client.quit()

    await run(attempt)
    async with asyncio.timeout(5):
        while site.receiver.status().connected_cameras:
            await asyncio.sleep(0.01)


async def test_tls_session_tickets_of_the_control_channel_do_not_open_data(
    site: Site,
) -> None:
    """Only what the peer's own address and an open port allow is accepted."""

    def attempt() -> ssl.SSLSocket:
        client = login(site.port)
        reply = client.sendcmd("EPSV")
        number = int(reply.split("|||")[1].split("|")[0])
        client.sendcmd("ABOR")
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((HOST, number), timeout=5)
        client.quit()

    await run(attempt)
