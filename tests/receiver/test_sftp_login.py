"""Who gets in by SFTP, with what, and what else SSH could do but does not."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
import os
from pathlib import Path
import socket
import stat
from typing import Any

import asyncssh
import paramiko
import pytest

from custom_components.hikvision_nvr.errors import HostKeyError
from custom_components.hikvision_nvr.model import SftpSettings
from custom_components.hikvision_nvr.receiver.accounts import parse_public_key
from custom_components.hikvision_nvr.receiver.sftp import load_host_keys
from custom_components.hikvision_nvr.receiver.sftp.login import Connection

from .conftest import (
    HOST,
    JPEG,
    PASSWORD,
    QUICK,
    USERNAME,
    MakeSite,
    Site,
    a_camera,
    login,
    run,
)
from .sftp import RawSftp, hang_up, sftp_connect, sftp_login

LOST = (EOFError, OSError, paramiko.SSHException)


def refused(site: Site, username: str, password: str, source: str = HOST) -> str:
    """Try a login and return how it ended (blocking)."""
    try:
        transport = sftp_connect(site.sftp_port, source)
    except LOST:
        return "closed"
    try:
        transport.auth_password(username, password)
    except paramiko.AuthenticationException:
        return "refused"
    except LOST:
        return "closed"
    finally:
        transport.close()
    raise AssertionError("a wrong login was accepted")


@pytest.mark.parametrize(
    ("username", "password"),
    [
        (USERNAME, "wrong-password"),
        (USERNAME, ""),
        ("nobody", PASSWORD),
        ("", ""),
        ("root", PASSWORD),
        (USERNAME.upper(), PASSWORD),
    ],
)
async def test_wrong_login(sftp_site: Site, username: str, password: str) -> None:
    assert await run(lambda: refused(sftp_site, username, password)) == "refused"
    assert sftp_site.receiver.status().rejected_logins == 1
    assert sftp_site.receiver.status().connected_cameras == 0


@pytest.mark.parametrize("username", [USERNAME, "nobody", "", "root"])
async def test_nobody_gets_in_without_a_proof(sftp_site: Site, username: str) -> None:
    def attempt() -> None:
        transport = sftp_connect(sftp_site.sftp_port)
        with pytest.raises(paramiko.BadAuthenticationType) as caught:
            transport.auth_none(username)
        assert set(caught.value.allowed_types) == {
            "password",
            "publickey",
            "keyboard-interactive",
        }
        assert not transport.is_authenticated()
        with pytest.raises(LOST):
            transport.open_session(timeout=5)
        transport.close()

    await run(attempt)


async def test_no_answer_about_a_login_lets_anybody_in(
    sftp_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the library any answer that is not true means: no authentication needed."""
    assert Connection.begin_auth(None, "nobody") is True  # type: ignore[arg-type]
    monkeypatch.setattr(Connection, "begin_auth", lambda self, username: None)

    def attempt() -> None:
        transport = sftp_connect(sftp_site.sftp_port)
        try:
            transport.auth_none(USERNAME)
            channel = transport.open_session(timeout=5)
            channel.invoke_subsystem("sftp")
        finally:
            transport.close()

    with pytest.raises(LOST):
        await run(attempt)
    assert sftp_site.receiver.status().connected_cameras == 0


@pytest.mark.parametrize("by_questions", [False, True])
async def test_tries_are_limited(sftp_site: Site, by_questions: bool) -> None:
    guesses = iter(["wrong-1", "wrong-2", "wrong-3", PASSWORD])
    tried = []

    class Guesser(asyncssh.SSHClient):
        """Tries one password after another on the same connection."""

        def password_auth_requested(self) -> str:
            tried.append(next(guesses))
            return tried[-1]

        def kbdint_auth_requested(self) -> str:
            return ""

        def kbdint_challenge_received(self, *challenge: object) -> list[str]:
            return [self.password_auth_requested()]

    with pytest.raises((asyncssh.Error, OSError)):
        await asyncssh.create_connection(
            Guesser,
            HOST,
            sftp_site.sftp_port,
            config=None,
            username=USERNAME,
            known_hosts=None,
            client_keys=None,
            preferred_auth="keyboard-interactive" if by_questions else "password",
        )
    assert tried == ["wrong-1", "wrong-2", "wrong-3"]
    assert sftp_site.receiver.status().rejected_logins == 3


async def test_tries_without_waiting_count_as_well(sftp_site: Site) -> None:
    """A new try makes the library forget the one before, which was counted already."""

    def attempt() -> None:
        transport = sftp_connect(sftp_site.sftp_port)
        service = paramiko.Message()
        service.add_byte(b"\x05")
        service.add_string("ssh-userauth")
        transport._send_message(service)
        sent = 0
        while transport.is_active() and sent < 100:
            message = paramiko.Message()
            message.add_byte(b"\x32")
            for field in (USERNAME, "ssh-connection", "password"):
                message.add_string(field)
            message.add_boolean(False)
            message.add_string(f"wrong-{sent}")
            with suppress(*LOST):
                transport._send_message(message)
            sent += 1
            # Long enough for the receiver to begin with it, not for its answer.
            transport.join(0.05)
        assert not transport.is_authenticated()
        assert sent < 20

    await run(attempt)
    assert sftp_site.receiver.status().rejected_logins <= 3


async def test_password_by_questions(sftp_site: Site) -> None:
    """Keyboard-interactive (RFC 4256), which some programs prefer."""

    def attempt(password: str) -> bool:
        transport = sftp_connect(sftp_site.sftp_port)
        try:
            transport.auth_interactive(
                USERNAME, lambda title, instructions, prompts: [password]
            )
        except paramiko.AuthenticationException:
            return False
        finally:
            transport.close()
        return True

    assert await run(lambda: attempt(PASSWORD))
    assert not await run(lambda: attempt("wrong-password"))
    assert sftp_site.receiver.status().rejected_logins == 1


KEYS: dict[str, Callable[[], asyncssh.SSHKey]] = {
    "ed25519": lambda: asyncssh.generate_private_key("ssh-ed25519"),
    "ecdsa": lambda: asyncssh.generate_private_key("ecdsa-sha2-nistp256"),
    "rsa": lambda: asyncssh.generate_private_key("ssh-rsa", key_size=2048),
}


def key_file(folder: Path, kind: str) -> tuple[Path, str]:
    """Return a new private key's file, and its public half."""
    key = KEYS[kind]()
    path = folder / f"{kind}-{len(list(folder.iterdir()))}"
    path.write_bytes(key.export_private_key())
    path.chmod(0o600)
    return path, key.export_public_key().decode().strip()


@pytest.mark.parametrize("kind", KEYS)
async def test_login_with_the_cameras_key(
    make_site: MakeSite, sftp: SftpSettings, tmp_path: Path, kind: str
) -> None:
    path, public = key_file(tmp_path, kind)
    other, _ = key_file(tmp_path, kind)
    site = await make_site(a_camera(public_key=f"{public} camera@home"), sftp=sftp)

    async def attempt(username: str, file: Path) -> None:
        await deliver_with(
            site, username=username, password=None, client_keys=[str(file)]
        )

    await attempt(USERNAME, path)
    for username, file in ((USERNAME, other), ("nobody", path)):
        with pytest.raises(asyncssh.PermissionDenied):
            await attempt(username, file)
    assert len(site.files()) == 1
    # The password goes on working.
    await deliver_with(site)


async def test_key_without_its_private_half(
    make_site: MakeSite, sftp: SftpSettings, tmp_path: Path
) -> None:
    """Who knows the public key may ask whether it would do, and no more."""
    _, public = key_file(tmp_path, "ed25519")
    other, _ = key_file(tmp_path, "ed25519")
    site = await make_site(a_camera(public_key=public), sftp=sftp)

    class Forger(paramiko.Ed25519Key):
        """Signs with another key than it shows."""

        def asbytes(self) -> bytes:
            return parse_public_key(public)

    def attempt() -> None:
        transport = sftp_connect(site.sftp_port)
        with pytest.raises(paramiko.AuthenticationException):
            transport.auth_publickey(USERNAME, Forger.from_private_key_file(str(other)))
        assert not transport.is_authenticated()
        transport.close()

    await run(attempt)
    assert site.receiver.status().connected_cameras == 0


async def test_keys_that_are_offered_are_limited(
    sftp_site: Site, tmp_path: Path
) -> None:
    keys = [
        paramiko.PKey.from_path(key_file(tmp_path, "ed25519")[0]) for _ in range(20)
    ]

    def attempt() -> int:
        transport = sftp_connect(sftp_site.sftp_port)
        for number, key in enumerate(keys):
            try:
                transport.auth_publickey(USERNAME, key)
            except paramiko.AuthenticationException:
                if not transport.is_active():
                    return number
            except LOST:
                return number
        return len(keys)

    assert await run(attempt) <= 13


async def test_account_bound_to_its_cameras_address(
    make_site: MakeSite, sftp: SftpSettings, tmp_path: Path
) -> None:
    path, public = key_file(tmp_path, "ed25519")
    camera = a_camera(address="127.0.0.7", public_key=public)
    site = await make_site(camera, sftp=sftp)
    assert await run(lambda: refused(site, USERNAME, PASSWORD)) == "refused"

    def with_key() -> None:
        transport = sftp_connect(site.sftp_port)
        with pytest.raises(paramiko.AuthenticationException):
            transport.auth_publickey(USERNAME, paramiko.PKey.from_path(path))
        transport.close()

    await run(with_key)
    client = await run(lambda: sftp_login(site.sftp_port, "127.0.0.7"))
    await run(lambda: hang_up(client))


async def test_login_must_come_in_time(make_site: MakeSite, sftp: SftpSettings) -> None:
    site = await make_site(sftp=sftp, limits=replace(QUICK, login_time=0.5))

    def silent() -> bytes:
        with socket.create_connection((HOST, site.sftp_port), timeout=20) as raw:
            said = b""
            while more := raw.recv(4096):
                said += more
            return said

    def without_login() -> None:
        transport = sftp_connect(site.sftp_port)
        transport.join(20)
        assert not transport.is_active()

    assert (await run(silent)).startswith(b"SSH-2.0-hikvision_nvr\r\n")
    await run(without_login)
    client = await run(lambda: sftp_login(site.sftp_port))
    await asyncio.sleep(0.7)
    await run(lambda: client.listdir("/"))
    await run(lambda: hang_up(client))


async def test_too_many_sessions_of_one_camera(
    make_site: MakeSite, sftp: SftpSettings
) -> None:
    """The limit is one for both protocols."""
    site = await make_site(sftp=sftp, limits=replace(QUICK, connections_per_camera=1))
    ftps = await run(lambda: login(site.port))
    with pytest.raises(LOST):
        await run(lambda: sftp_login(site.sftp_port))
    await run(ftps.quit)
    async with asyncio.timeout(5):
        while site.receiver.status().connected_cameras:
            await asyncio.sleep(0.01)
    client = await run(lambda: sftp_login(site.sftp_port))
    await run(lambda: hang_up(client))


@pytest.mark.parametrize("limit", ["connections", "connections_per_address"])
async def test_too_many_connections_are_told_so(
    make_site: MakeSite, sftp: SftpSettings, limit: str
) -> None:
    site = await make_site(sftp=sftp, limits=replace(QUICK, **{limit: 2}))

    def attempt() -> bytes:
        clients = [sftp_login(site.sftp_port) for _ in range(2)]
        with socket.create_connection((HOST, site.sftp_port), timeout=20) as raw:
            said = raw.recv(200)
        for client in clients:
            hang_up(client)
        return said

    assert (await run(attempt)).startswith(b"Too many connections")


async def test_packet_that_claims_to_be_long(sftp_site: Site) -> None:
    """The library would take 4 GiB before it knows who sends them."""

    def attempt() -> int:
        sent = 0
        with socket.create_connection((HOST, sftp_site.sftp_port), timeout=20) as raw:
            raw.recv(100)
            raw.sendall(b"SSH-2.0-x\r\n\xff\xff\xff\xf0")
            try:
                while sent < 100 << 20:
                    sent += raw.send(bytes(1 << 16))
            except OSError:
                pass
        return sent

    # What the kernel holds between us counts as sent too.
    assert await run(attempt) < 30 << 20
    client = await run(lambda: sftp_login(sftp_site.sftp_port))
    await run(lambda: hang_up(client))


async def test_what_is_no_file_is_limited(sftp_site: Site) -> None:
    """Variables of the environment, for example, which the library would all keep."""

    def attempt() -> int:
        client = RawSftp(sftp_site.sftp_port)
        try:
            for number in range(2000):
                client.channel.set_environment_variable(str(number), "x" * 20_000)
        except LOST:
            return number
        return 2000

    assert await run(attempt) < 1500


async def test_channels_are_limited(sftp_site: Site) -> None:
    def attempt() -> int:
        client = RawSftp(sftp_site.sftp_port)
        opened = [client.channel]
        with pytest.raises(paramiko.ChannelException):
            while len(opened) < 100:
                opened.append(client.transport.open_session(timeout=10))
        client.hang_up()
        return len(opened)

    assert await run(attempt) == 4


def _shell(transport: paramiko.Transport) -> None:
    transport.open_session(timeout=10).invoke_shell()


def _exec(transport: paramiko.Transport) -> None:
    transport.open_session(timeout=10).exec_command("id")


def _scp(transport: paramiko.Transport) -> None:
    transport.open_session(timeout=10).exec_command("scp -t /")


def _terminal(transport: paramiko.Transport) -> None:
    transport.open_session(timeout=10).get_pty()


def _other_subsystem(transport: paramiko.Transport) -> None:
    transport.open_session(timeout=10).invoke_subsystem("netconf")


def _second_subsystem(transport: paramiko.Transport) -> None:
    channel = transport.open_session(timeout=10)
    channel.invoke_subsystem("sftp")
    channel.invoke_subsystem("sftp")


def _x11(transport: paramiko.Transport) -> None:
    transport.open_session(timeout=10).request_x11()


def _forward_there(transport: paramiko.Transport) -> None:
    transport.open_channel("direct-tcpip", (HOST, 22), (HOST, 1), timeout=10)


def _forward_here(transport: paramiko.Transport) -> None:
    transport.request_port_forward("", 0)


def _unix_socket(transport: paramiko.Transport) -> None:
    transport.open_channel("direct-streamlocal@openssh.com", timeout=10)


@pytest.mark.parametrize(
    "request_",
    [
        _shell,
        _exec,
        _scp,
        _terminal,
        _other_subsystem,
        _second_subsystem,
        _x11,
        _forward_there,
        _forward_here,
        _unix_socket,
    ],
    ids=lambda request_: request_.__name__.strip("_"),
)
async def test_only_sftp(
    sftp_site: Site, request_: Callable[[paramiko.Transport], None]
) -> None:
    def attempt() -> None:
        transport = sftp_connect(sftp_site.sftp_port)
        transport.auth_password(USERNAME, PASSWORD)
        with pytest.raises(paramiko.SSHException):
            request_(transport)
        transport.close()

    await run(attempt)


OLD: dict[str, dict[str, Any]] = {
    "kex": {"kex_algs": "diffie-hellman-group14-sha1"},
    "group1": {"kex_algs": "diffie-hellman-group1-sha1"},
    "exchange": {"kex_algs": "diffie-hellman-group-exchange-sha1"},
    "cbc": {"encryption_algs": "aes128-cbc"},
    "3des": {"encryption_algs": "3des-cbc"},
    "sha1": {"encryption_algs": "aes128-ctr", "mac_algs": "hmac-sha1"},
    "host key": {"server_host_key_algs": "ssh-rsa"},
}


async def deliver_with(
    site: Site, source: str = HOST, username: str = USERNAME, **options: Any
) -> None:
    """Deliver by a client that knows only these algorithms."""
    async with (
        asyncssh.connect(
            HOST,
            site.sftp_port,
            config=None,
            local_addr=(source, 0),
            username=username,
            known_hosts=None,
            **{"password": PASSWORD, "client_keys": None, **options},
        ) as connection,
        connection.start_sftp_client() as client,
        client.open("a.jpg", "wb") as file,
    ):
        await file.write(JPEG)


@pytest.mark.parametrize("options", OLD.values(), ids=OLD.keys())
async def test_old_algorithms_only_for_the_camera_that_may(
    make_site: MakeSite, sftp: SftpSettings, options: dict[str, Any]
) -> None:
    old = a_camera(
        id="old",
        folder="old",
        username="old",
        address="127.0.0.9",
        old_algorithms=True,
    )
    site = await make_site(a_camera(), old, sftp=sftp)
    with pytest.raises(asyncssh.KeyExchangeFailed):
        await deliver_with(site, **options)
    await deliver_with(site, "127.0.0.9", "old", **options)
    assert [path.split("/")[0] for path in site.files()] == ["old"]


async def test_other_camera_at_the_address_of_an_old_one(
    make_site: MakeSite, sftp: SftpSettings
) -> None:
    """As behind a router that translates addresses: its own account stays modern."""
    old = a_camera(
        id="old", folder="old", username="old", address=HOST, old_algorithms=True
    )
    site = await make_site(a_camera(), old, sftp=sftp)
    with pytest.raises((asyncssh.PermissionDenied, asyncssh.ConnectionLost)):
        await deliver_with(site, encryption_algs="aes128-cbc")
    await deliver_with(site)
    assert [path.split("/")[0] for path in site.files()] == ["front"]


MODERN: dict[str, dict[str, Any]] = {
    "as they like": {},
    "rsa": {"server_host_key_algs": "rsa-sha2-256"},
    "group14": {"kex_algs": "diffie-hellman-group14-sha256"},
    "nist": {"kex_algs": "ecdh-sha2-nistp256"},
    "ctr": {"encryption_algs": "aes256-ctr", "mac_algs": "hmac-sha2-256"},
}


@pytest.mark.parametrize("options", MODERN.values(), ids=MODERN.keys())
async def test_modern_algorithms(sftp_site: Site, options: dict[str, Any]) -> None:
    await deliver_with(sftp_site, **options)
    assert list(sftp_site.files().values()) == [JPEG]


async def test_compression_is_off(sftp_site: Site) -> None:
    with pytest.raises(asyncssh.KeyExchangeFailed):
        await deliver_with(sftp_site, compression_algs="zlib@openssh.com")


async def test_host_keys_are_kept_and_shown(
    make_site: MakeSite, tmp_path: Path
) -> None:
    folder = tmp_path / "keys"
    shown = []
    for _ in range(2):
        site = await make_site(sftp=SftpSettings(port=0, host_keys=folder))
        shown.append(site.receiver.status().host_keys)

        def presented(kinds: list[str]) -> str:
            transport = paramiko.Transport((HOST, site.sftp_port))
            transport.get_security_options().key_types = kinds
            transport.start_client(timeout=20)
            fingerprint = transport.get_remote_server_key().fingerprint
            transport.close()
            return str(fingerprint)

        for kinds, expected in zip(
            (["ssh-ed25519"], ["rsa-sha2-512"]), shown[-1], strict=True
        ):
            assert await run(lambda: presented(kinds)) == expected
    assert shown[0] == shown[1]
    assert all(key.startswith("SHA256:") for key in shown[0])
    for path in folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_host_key_that_cannot_be_read_is_not_replaced(tmp_path: Path) -> None:
    load_host_keys(tmp_path)
    path = tmp_path / "ssh_host_ed25519_key"
    path.write_bytes(b"damaged")
    with pytest.raises(HostKeyError) as caught:
        load_host_keys(tmp_path)
    assert caught.value.placeholders["path"] == str(path)
    assert path.read_bytes() == b"damaged"


def test_host_key_that_everybody_could_read_is_hidden(tmp_path: Path) -> None:
    keys = load_host_keys(tmp_path)
    path = tmp_path / "ssh_host_ed25519_key"
    os.chmod(path, 0o644)
    assert load_host_keys(tmp_path).fingerprints == keys.fingerprints
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "key",
    [
        "ssh-ed25519",
        "ssh-ed25519 not-base64!",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5",
        "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl",
        "ssh-dss AAAAB3NzaC1kc3M=",
        "-----BEGIN OPENSSH PRIVATE KEY-----",
    ],
)
def test_text_that_is_no_public_key(key: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        parse_public_key(key)
