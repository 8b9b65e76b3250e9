"""Delivering by either protocol, for tests that are about both."""

from contextlib import suppress
import ftplib
import io
import ssl
from typing import Protocol

import paramiko
import pytest

from .conftest import client_context, data_socket, login
from .process import ReceiverProcess
from .sftp import hang_up, put, sftp_login


class RefusedError(Exception):
    """The receiver says that it has not stored a file, and the session goes on."""


class Transfer(Protocol):
    """A file on its way."""

    def send(self, content: bytes) -> None:
        """Send the next bytes (blocking). Raises RefusedError."""

    def finish(self) -> None:
        """Say that these were all (blocking). Raises RefusedError."""


class Client(Protocol):
    """A camera that is logged in. A connection that is lost is an OSError, EOFError."""

    def store(self, name: str, content: bytes) -> None:
        """Deliver a file (blocking). Raises RefusedError."""

    def begin(self, name: str) -> Transfer:
        """Begin to deliver a file (blocking)."""

    def close(self) -> None:
        """Go away."""


class FtpsClient:
    """A camera that delivers by FTPS."""

    options: tuple[str, ...] = ()

    def __init__(self, receiver: ReceiverProcess) -> None:
        self._client = login(receiver.port)

    def store(self, name: str, content: bytes) -> None:
        try:
            self._client.storbinary(f"STOR {name}", io.BytesIO(content))
        except ftplib.error_temp as err:
            raise RefusedError(str(err)) from err
        except OSError:
            # The receiver ends a transfer that it cannot keep, also before its end.
            forget_tls_error()
            self.hear()

    def begin(self, name: str) -> Transfer:
        return _FtpsTransfer(self, data_socket(self._client, f"STOR {name}"))

    def hear(self) -> None:
        """Wait for the answer to a transfer. Raises RefusedError."""
        try:
            self._client.voidresp()
        except ftplib.error_temp as err:
            raise RefusedError(str(err)) from err

    def close(self) -> None:
        self._client.close()


class _FtpsTransfer:
    def __init__(self, client: FtpsClient, data: ssl.SSLSocket) -> None:
        self._client = client
        self._data = data

    def send(self, content: bytes) -> None:
        try:
            self._data.sendall(content)
        except OSError:
            self._broken()

    def finish(self) -> None:
        try:
            self._data.unwrap().close()
        except OSError:
            self._broken()
        self._client.hear()

    def _broken(self) -> None:
        forget_tls_error()
        self._data.close()
        forget_tls_error()
        self._client.hear()
        raise AssertionError("broken off, but answered as whole")


class SftpClient:
    """A camera that delivers by SFTP."""

    options: tuple[str, ...] = ("--sftp-port", "0")

    def __init__(self, receiver: ReceiverProcess) -> None:
        try:
            self._client = sftp_login(receiver.sftp_port)
        except paramiko.SSHException as err:
            raise OSError(str(err)) from err

    def store(self, name: str, content: bytes) -> None:
        try:
            put(self._client, name, content)
        except (OSError, paramiko.SSHException) as err:
            self.judge(err)

    def begin(self, name: str) -> Transfer:
        return _SftpTransfer(self, name)

    def open(self, name: str) -> paramiko.SFTPFile:
        """Open a file to write it."""
        return self._client.open(name, "wb")

    def check(self, name: str) -> None:
        """Look whether a file is there, as paramiko does. Raises RefusedError."""
        try:
            self._client.stat(name)
        except OSError as err:
            self.judge(err)

    def judge(self, error: Exception) -> None:
        """Raise RefusedError where the receiver has answered."""
        if isinstance(error, OSError) and "Socket is closed" not in str(error):
            with suppress(OSError, EOFError, paramiko.SSHException):
                # It still answers, so it did before.
                self._client.normalize(".")
                raise RefusedError(str(error)) from error
        raise OSError(str(error)) from error

    def close(self) -> None:
        hang_up(self._client)


class _SftpTransfer:
    def __init__(self, client: SftpClient, name: str) -> None:
        self._client = client
        self._name = name
        self._file = client.open(name)

    def send(self, content: bytes) -> None:
        try:
            self._file.write(content)
        except OSError as err:
            with suppress(OSError):
                self._file.close()
            self._client.judge(err)

    def finish(self) -> None:
        self._file.close()
        self._client.check(self._name)


def forget_tls_error() -> None:
    """Clear OpenSSL's queue of errors in this thread.

    A write of its own to a socket that was closed stays in the queue, and the next
    connection that is used would report it.
    """
    engine = client_context().wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO())
    with suppress(OSError):
        engine.do_handshake()


type ProtocolClient = type[FtpsClient | SftpClient]

both_protocols = pytest.mark.parametrize(
    "protocol", [FtpsClient, SftpClient], ids=["ftps", "sftp"]
)
