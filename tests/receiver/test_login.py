"""Nobody gets in without encryption, or without an account."""

import asyncio
import ftplib
import socket
import ssl

import pytest

from .conftest import (
    HOST,
    PASSWORD,
    USERNAME,
    Site,
    client_context,
    connect,
    login,
    run,
)


async def raw(site: Site, *sent: bytes) -> bytes:
    """Send segments as they are and return all that comes until the end."""

    def talk() -> bytes:
        with socket.create_connection((HOST, site.port), timeout=20) as connection:
            received = connection.recv(4096)
            for segment in sent:
                connection.sendall(segment)
                received += connection.recv(4096)
            try:
                while more := connection.recv(4096):
                    received += more
            except ConnectionResetError:
                pass
            return received

    return await run(talk)


async def test_login_in_clear_is_refused(site: Site) -> None:
    def attempt() -> list[str]:
        client = ftplib.FTP(timeout=20)
        client.connect(HOST, site.port)
        with pytest.raises(ftplib.error_perm) as at_user:
            client.sendcmd(f"USER {USERNAME}")
        with pytest.raises(ftplib.error_perm) as at_pass:
            client.sendcmd(f"PASS {PASSWORD}")
        client.close()
        return [str(at_user.value), str(at_pass.value)]

    replies = await run(attempt)
    assert all(reply.startswith("530 Encryption is required") for reply in replies)


@pytest.mark.parametrize("command", ["AUTH TLS", "AUTH TLS-C", "AUTH SSL", "auth tls"])
async def test_auth_in_each_spelling(site: Site, command: str) -> None:
    def attempt() -> str:
        client = connect(site.port)
        assert client.sendcmd(command).startswith("234")
        client.sock = client_context().wrap_socket(client.sock)
        client.file = client.sock.makefile(encoding="utf-8")
        return client.login(USERNAME, PASSWORD, secure=False)

    assert (await run(attempt)).startswith("230")


@pytest.mark.parametrize(
    ("username", "password"), [(USERNAME, "wrong-password"), ("nobody", PASSWORD)]
)
async def test_wrong_password_and_unknown_user_get_one_answer(
    site: Site, username: str, password: str
) -> None:
    def attempt() -> str:
        client = connect(site.port)
        with pytest.raises(ftplib.error_perm) as caught:
            client.login(username, password)
        client.close()
        return str(caught.value)

    assert await run(attempt) == "530 Login incorrect."


async def test_third_wrong_password_ends_the_session(site: Site) -> None:
    def attempt() -> list[str]:
        client = connect(site.port)
        client.auth()
        replies = []
        for _ in range(3):
            client.sendcmd("USER front")
            try:
                client.sendcmd("PASS wrong")
            except ftplib.Error as err:
                replies.append(str(err)[:3])
        with pytest.raises((EOFError, OSError)):
            client.sendcmd("NOOP")
        client.close()
        return replies

    assert await run(attempt) == ["530", "530", "421"]


async def test_commands_in_clear_behind_auth_are_never_run(site: Site) -> None:
    received = await raw(site, b"AUTH TLS\r\nUSER front\r\n")
    assert received.count(b"\r\n") == 1
    assert received.startswith(b"220")


@pytest.mark.parametrize(
    "version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"]
)
async def test_current_tls_is_accepted(site: Site, version: ssl.TLSVersion) -> None:
    context = client_context(version)
    client = await run(lambda: login(site.port, context))
    assert client.sock.version() == version.name.replace("_", ".")
    await run(client.quit)


async def test_old_tls_is_refused(site: Site) -> None:
    context = client_context(ssl.TLSVersion.TLSv1_1)
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises((ssl.SSLError, OSError)):
        await run(lambda: login(site.port, context))


@pytest.mark.parametrize(
    "command", ["PASV", "EPSV", "STOR a.jpg", "LIST", "CWD /", "PWD", "MKD x"]
)
async def test_nothing_works_before_login(site: Site, command: str) -> None:
    def attempt() -> str:
        client = connect(site.port)
        client.auth()
        with pytest.raises(ftplib.error_perm) as caught:
            client.sendcmd(command)
        client.close()
        return str(caught.value)

    assert (await run(attempt)).startswith("530")


async def test_data_must_be_encrypted(site: Site) -> None:
    def attempt() -> list[str]:
        client = connect(site.port)
        client.login(USERNAME, PASSWORD)
        replies = []
        for command in ("PASV", "EPSV", "STOR a.jpg", "PROT C", "CCC"):
            with pytest.raises(ftplib.error_perm) as caught:
                client.sendcmd(command)
            replies.append(str(caught.value)[:3])
        client.quit()
        return replies

    assert await run(attempt) == ["522", "522", "522", "534", "534"]


async def test_each_session_must_log_in(site: Site) -> None:
    def attempt() -> str:
        login(site.port).close()
        client = connect(site.port)
        with pytest.raises(ftplib.error_perm) as caught:
            client.login(USERNAME, "not-the-password")
        client.close()
        return str(caught.value)

    assert await run(attempt) == "530 Login incorrect."


async def test_endless_line_ends_the_session(site: Site) -> None:
    received = await raw(site, b"A" * 70_000)
    assert b"500 Line too long." in received or received.startswith(b"220")
    client = await run(lambda: login(site.port))
    await run(client.quit)


async def test_stop_ends_open_sessions(site: Site) -> None:
    clients = await asyncio.gather(*(run(lambda: login(site.port)) for _ in range(3)))
    async with asyncio.timeout(5):
        await site.receiver.stop()
    for client in clients:
        with pytest.raises((EOFError, OSError, ftplib.Error)):
            await run(lambda: client.sendcmd("NOOP"))
        client.close()


async def test_each_command_has_its_place_before_and_after_the_login(
    site: Site,
) -> None:
    def talk() -> list[str]:
        client = connect(site.port)

        def said(command: str) -> str:
            client.putcmd(command)
            return client.getline()[:3]

        told = [said(one) for one in ("AUTH X", "PBSZ 0", "PROT P")]
        client.auth()
        told += [said(one) for one in ("AUTH TLS", "PBSZ 0", "PROT C", "PROT S")]
        told += [said(one) for one in (f"PASS {PASSWORD}", f"USER {USERNAME}")]
        told += [said(one) for one in (f"PASS {PASSWORD}", f"PASS {PASSWORD}")]
        told.append(said(f"USER {USERNAME}"))
        client.close()
        return told

    assert await run(talk) == [
        *("504", "503", "503"),
        *("503", "200", "534", "536"),
        *("503", "331"),
        *("230", "230"),
        "503",
    ]
