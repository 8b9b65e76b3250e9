"""SFTP clients: paramiko, and one that sends packets as it likes."""

from contextlib import suppress
import io
import itertools
import socket
import struct
from typing import Any

import paramiko

from .conftest import HOST, PASSWORD, USERNAME


def sftp_connect(port: int, source: str = HOST, **changes: Any) -> paramiko.Transport:
    """Return a connection whose keys are agreed on, nobody logged in (blocking)."""
    raw = socket.create_connection((HOST, port), timeout=20, source_address=(source, 0))
    transport = paramiko.Transport(raw, **changes)
    transport.banner_timeout = transport.auth_timeout = 20
    try:
        transport.start_client(timeout=20)
    except BaseException:
        end(transport)
        raise
    return transport


def end(transport: paramiko.Transport) -> None:
    """End a connection and wait for its thread (blocking).

    When the server was the first to end it, closing waits for nothing.
    """
    with suppress(EOFError, OSError):
        transport.close()
    transport.join(20)
    # paramiko leaves the timer of a handshake that broke off.
    transport.packetizer.complete_handshake()


def sftp_login(port: int, source: str = HOST, **changes: Any) -> paramiko.SFTPClient:
    """Return a client that is ready for transfers (blocking)."""
    transport = sftp_connect(port, source, **changes)
    try:
        transport.auth_password(USERNAME, PASSWORD)
        client = paramiko.SFTPClient.from_transport(transport)
    except BaseException:
        end(transport)
        raise
    assert client is not None
    client.get_channel().settimeout(20)
    return client


def put(client: paramiko.SFTPClient, name: str, content: bytes) -> None:
    """Deliver a file (blocking).

    paramiko does not hear what CLOSE is answered: it looks at the file afterwards.
    """
    client.putfo(io.BytesIO(content), name, confirm=True)


def hang_up(client: paramiko.SFTPClient) -> None:
    """End the whole connection (blocking)."""
    end(client.get_channel().get_transport())


def text(value: str | bytes) -> bytes:
    """Return bytes with their length before them."""
    encoded = value.encode() if isinstance(value, str) else value
    return struct.pack(">I", len(encoded)) + encoded


OK, EOF, NO_SUCH_FILE, DENIED, FAILURE, BAD_MESSAGE, _, _, UNSUPPORTED = range(9)
WRITE, APPEND, CREATE, TRUNCATE, EXCLUSIVE = 0x02, 0x04, 0x08, 0x10, 0x20
NEW = WRITE | CREATE | TRUNCATE


class RawSftp:
    """Sends packets of SFTP one by one (draft-ietf-secsh-filexfer-02); all blocking."""

    def __init__(self, port: int, *, begin: bool = True) -> None:
        self.transport = sftp_connect(port)
        self.transport.auth_password(USERNAME, PASSWORD)
        self.channel = self.transport.open_session()
        self.channel.settimeout(20)
        self.channel.invoke_subsystem("sftp")
        self._numbers = itertools.count(1)
        if begin:
            self.send(b"\x01" + struct.pack(">I", 3))
            assert self.receive()[:5] == b"\x02" + struct.pack(">I", 3)

    def send(self, packet: bytes) -> None:
        self.channel.sendall(text(packet))

    def receive(self) -> bytes:
        """Return a packet. Raises EOFError when the receiver has ended it."""
        length = struct.unpack(">I", self._read(4))[0]
        return self._read(length)

    def ask(self, kind: int, *parts: bytes) -> bytes:
        """Send a request and return its answer, without its number."""
        number = struct.pack(">I", next(self._numbers))
        self.send(bytes([kind]) + number + b"".join(parts))
        answer = self.receive()
        assert answer[1:5] == number
        return answer[:1] + answer[5:]

    def status(self, kind: int, *parts: bytes) -> int:
        """Send a request that is answered by a status, and return that."""
        answer = self.ask(kind, *parts)
        assert answer[0] == 101
        return int.from_bytes(answer[1:5])

    def open(self, name: str | bytes, flags: int = NEW) -> bytes:
        """Open a file and return its handle."""
        answer = self.ask(3, text(name), struct.pack(">II", flags, 0))
        assert answer[0] == 102, answer
        return answer[5:]

    def open_status(self, name: str | bytes, flags: int = NEW) -> int:
        """Return why a file cannot be opened."""
        return self.status(3, text(name), struct.pack(">II", flags, 0))

    def write(self, handle: bytes, offset: int, data: bytes) -> int:
        return self.status(6, text(handle), struct.pack(">Q", offset), text(data))

    def close_file(self, handle: bytes) -> int:
        return self.status(4, text(handle))

    def size(self, name: str | bytes) -> int | None:
        """Return what STAT says of a file, None when there is none."""
        answer = self.ask(17, text(name))
        if answer[0] != 105:
            assert int.from_bytes(answer[1:5]) == NO_SUCH_FILE
            return None
        return int.from_bytes(answer[5:13])

    def hang_up(self) -> None:
        end(self.transport)

    def _read(self, size: int) -> bytes:
        read = b""
        while len(read) < size:
            more = self.channel.recv(size - len(read))
            if not more:
                raise EOFError
            read += more
        return read
