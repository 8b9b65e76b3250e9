"""Who may connect, how often, and how a ban begins and ends."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
import ftplib
import socket

import paramiko
import pytest

from custom_components.hikvision_nvr.model import SftpSettings

from .conftest import (
    HOST,
    PASSWORD,
    QUICK,
    USERNAME,
    MakeSite,
    Site,
    client_context,
    connect,
    login,
    run,
)
from .sftp import hang_up, sftp_connect, sftp_login


def wrong_login_by_ftps(site: Site, source: str = HOST) -> str:
    """Try a wrong password and return how that ended."""
    try:
        client = ftplib.FTP_TLS(
            context=client_context(), timeout=20, source_address=(source, 0)
        )
        client.connect(HOST, site.port)
        client.login(USERNAME, "wrong-password")
    except ftplib.error_perm as err:
        client.close()
        return "refused" if str(err).startswith("530") else str(err)
    except EOFError, OSError:
        return "closed"
    raise AssertionError("a wrong password was accepted")


def wrong_login_by_sftp(site: Site, source: str = HOST) -> str:
    """Do the same by SFTP."""
    try:
        transport = sftp_connect(site.sftp_port, source)
    except EOFError, OSError, paramiko.SSHException:
        return "closed"
    try:
        transport.auth_password(USERNAME, "wrong-password")
    except paramiko.AuthenticationException:
        return "refused"
    finally:
        transport.close()
    raise AssertionError("a wrong password was accepted")


def login_by_ftps(site: Site) -> None:
    login(site.port).quit()


def login_by_sftp(site: Site) -> None:
    hang_up(sftp_login(site.sftp_port))


by_both = pytest.mark.parametrize(
    ("wrong_login", "right_login"),
    [
        (wrong_login_by_ftps, login_by_ftps),
        (wrong_login_by_sftp, login_by_sftp),
        # There is one guard: a ban by one protocol is a ban by the other.
        (wrong_login_by_sftp, login_by_ftps),
    ],
    ids=["ftps", "sftp", "both"],
)
type WrongLogin = Callable[..., str]
type RightLogin = Callable[[Site], None]


async def all_gone(site: Site) -> None:
    """Wait until the receiver has noticed that every connection has ended."""
    async with asyncio.timeout(5):
        while site.receiver._guard._addresses:
            await asyncio.sleep(0.01)


@by_both
async def test_brute_force_is_banned_and_others_are_not(
    make_site: MakeSite,
    sftp: SftpSettings,
    wrong_login: WrongLogin,
    right_login: RightLogin,
) -> None:
    site = await make_site(limits=replace(QUICK, ban_score=6), sftp=sftp)
    attacker = "127.0.0.66"
    replies = [await run(lambda: wrong_login(site, attacker)) for _ in range(4)]
    assert replies[0] == "refused"
    assert replies[-1] == "closed"
    status = site.receiver.status()
    assert [ban.address for ban in status.bans] == [attacker]
    assert status.rejected_logins < 4
    await run(lambda: right_login(site))


@by_both
async def test_ban_can_be_lifted(
    make_site: MakeSite,
    sftp: SftpSettings,
    wrong_login: WrongLogin,
    right_login: RightLogin,
) -> None:
    site = await make_site(limits=replace(QUICK, ban_score=2), sftp=sftp)
    assert await run(lambda: wrong_login(site)) == "refused"
    assert await run(lambda: wrong_login(site)) == "closed"
    await all_gone(site)
    site.receiver.lift_ban(HOST)
    assert site.receiver.status().bans == ()
    await run(lambda: right_login(site))


async def test_ban_ends_by_itself(make_site: MakeSite) -> None:
    site = await make_site(limits=replace(QUICK, ban_score=2, ban_time=0.3))
    assert await run(lambda: wrong_login_by_ftps(site)) == "refused"
    assert await run(lambda: wrong_login_by_ftps(site)) == "closed"
    async with asyncio.timeout(5):
        while site.receiver.status().bans:
            await asyncio.sleep(0.05)
    client = await run(lambda: login(site.port))
    await run(client.quit)


@by_both
async def test_login_that_succeeds_wipes_out_the_points(
    make_site: MakeSite,
    sftp: SftpSettings,
    wrong_login: WrongLogin,
    right_login: RightLogin,
) -> None:
    site = await make_site(limits=replace(QUICK, ban_score=6), sftp=sftp)
    for _ in range(4):
        assert await run(lambda: wrong_login(site)) == "refused"
        await all_gone(site)
        await run(lambda: right_login(site))
    assert site.receiver.status().bans == ()


@pytest.mark.parametrize(
    ("protocol", "greeting"), [("port", b"220"), ("sftp_port", b"SSH-2.0-")]
)
async def test_connections_that_come_to_nothing_are_banned(
    make_site: MakeSite, sftp: SftpSettings, protocol: str, greeting: bytes
) -> None:
    site = await make_site(limits=replace(QUICK, ban_score=3), sftp=sftp)
    port: int = getattr(site, protocol)

    def knock() -> bytes:
        with socket.create_connection((HOST, port), timeout=20) as connection:
            try:
                return connection.recv(100)
            except ConnectionResetError:
                return b""

    for _ in range(3):
        assert (await run(knock)).startswith(greeting)
        await all_gone(site)
    assert await run(knock) == b""


@pytest.mark.parametrize(
    ("protocol", "expected"), [("port", b"220"), ("sftp_port", b"SSH-2.0-")]
)
async def test_address_outside_the_allowed_networks_hears_nothing(
    make_site: MakeSite, sftp: SftpSettings, protocol: str, expected: bytes
) -> None:
    site = await make_site(allowed_networks=("192.168.7.0/24", "127.0.0.77"), sftp=sftp)
    port: int = getattr(site, protocol)

    def greeting(source: str) -> bytes:
        with socket.create_connection(
            (HOST, port), timeout=20, source_address=(source, 0)
        ) as connection:
            try:
                return connection.recv(100)
            except ConnectionResetError:
                return b""

    assert await run(lambda: greeting(HOST)) == b""
    assert (await run(lambda: greeting("127.0.0.77"))).startswith(expected)


@pytest.mark.parametrize("limit", ["connections", "connections_per_address"])
async def test_too_many_connections_are_told_so(
    make_site: MakeSite, limit: str
) -> None:
    site = await make_site(limits=replace(QUICK, **{limit: 2}))

    def attempt() -> str:
        clients = [login(site.port) for _ in range(2)]
        with pytest.raises(ftplib.error_temp) as caught:
            connect(site.port)
        for client in clients:
            client.close()
        return str(caught.value)

    assert (await run(attempt)).startswith("421")


async def test_too_many_sessions_of_one_camera(make_site: MakeSite) -> None:
    site = await make_site(limits=replace(QUICK, connections_per_camera=1))

    def attempt() -> str:
        first = login(site.port)
        second = connect(site.port)
        with pytest.raises(ftplib.error_temp) as caught:
            second.login(USERNAME, PASSWORD)
        second.close()
        first.quit()
        return str(caught.value)

    assert (await run(attempt)).startswith("421")


async def test_connected_cameras_are_counted(site: Site) -> None:
    assert site.receiver.status().connected_cameras == 0
    clients = [await run(lambda: login(site.port)) for _ in range(2)]
    assert site.receiver.status().connected_cameras == 1
    assert site.activity.statuses()["camera-1"].last_seen is not None
    for client in clients:
        await run(client.quit)
    async with asyncio.timeout(5):
        while site.receiver.status().connected_cameras:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("protocol", "right_login"),
    [("port", login_by_ftps), ("sftp_port", login_by_sftp)],
)
async def test_idle_crowd_does_not_keep_a_camera_out(
    make_site: MakeSite, sftp: SftpSettings, protocol: str, right_login: RightLogin
) -> None:
    """500 connections that say nothing (slowloris), from one hostile address."""
    site = await make_site(sftp=sftp)
    port: int = getattr(site, protocol)

    def knock() -> list[socket.socket]:
        return [
            socket.create_connection(
                (HOST, port), timeout=20, source_address=("127.0.0.66", 0)
            )
            for _ in range(500)
        ]

    crowd = await run(knock)
    await run(lambda: right_login(site))
    for connection in crowd:
        connection.close()
