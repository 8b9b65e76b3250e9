"""Asks a TLS server for one thing at a time, as no TLS library would.

A library offers only what it can do itself. To learn what a server would accept, the
first message (RFC 5246 7.4.1.2, RFC 8446 4.1.2) is put together here, and of the answer
only what is in clear is read: the server's hello, or its alert.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
import socket
import struct

SSL_3_0, TLS_1_0, TLS_1_1, TLS_1_2, TLS_1_3 = 0x0300, 0x0301, 0x0302, 0x0303, 0x0304

# Extensions, as IANA numbers them.
SUPPORTED_GROUPS = 10
POINT_FORMATS = 11
SIGNATURE_ALGORITHMS = 13
HEARTBEAT = 15
SESSION_TICKET = 35
SUPPORTED_VERSIONS = 43
KEY_SHARE = 51
RENEGOTIATION_INFO = 0xFF01

FALLBACK_SCSV = 0x5600
"""The client has failed with a newer version (RFC 7507)."""
HELLO_RETRY = bytes.fromhex(
    "cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c"
)
"""The random bytes by which TLS 1.3 says "that group, please" (RFC 8446 4.1.3)."""

SECP256R1, SECP384R1, SECP521R1, X25519 = 23, 24, 25, 29
STRONG_GROUPS = (X25519, SECP256R1, SECP384R1, SECP521R1)
_SIGNATURES = (0x0403, 0x0503, 0x0603, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601)
_SHA1_SIGNATURES = (0x0201, 0x0203)
_ALERT, _HANDSHAKE = 21, 22
_SERVER_HELLO = 2
_RECORD = 1 << 14


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said: the hello that it chose, or the alert, or nothing."""

    version: int = 0
    cipher: int = 0
    compression: int = 0
    random: bytes = b""
    extensions: dict[int, bytes] = field(default_factory=dict)
    alert: int | None = None

    @property
    def accepted(self) -> bool:
        """Whether the server would go on with the handshake."""
        return self.cipher != 0


def hello(
    version: int,
    ciphers: Sequence[int],
    *,
    groups: Sequence[int] = STRONG_GROUPS,
    compressions: bytes = b"\0",
    extensions: Iterable[tuple[int, bytes]] = (),
    sha1_only: bool = False,
) -> bytes:
    """Return the records of a client's first message.

    ``version`` is the newest that the client can do, and the oldest.
    """
    signatures = _SHA1_SIGNATURES if sha1_only else _SIGNATURES
    offered = [
        (SUPPORTED_GROUPS, _numbers(groups)),
        (POINT_FORMATS, b"\x01\0"),
        (SIGNATURE_ALGORITHMS, _numbers(signatures)),
        *extensions,
    ]
    if version == TLS_1_3:
        offered.append((SUPPORTED_VERSIONS, b"\x02" + struct.pack(">H", version)))
        # No key: a server that can use one of the groups asks for it.
        offered.append((KEY_SHARE, b"\0\0"))
    packed = b"".join(
        struct.pack(">HH", number, len(content)) + content
        for number, content in offered
    )
    body = (
        struct.pack(">H", min(version, TLS_1_2))
        + bytes(range(32))
        + b"\0"
        + _numbers(ciphers)
        + bytes([len(compressions)])
        + compressions
        + struct.pack(">H", len(packed))
        + packed
    )
    message = b"\x01" + len(body).to_bytes(3) + body
    return b"".join(
        struct.pack(">BHH", _HANDSHAKE, min(version, TLS_1_0), len(part)) + part
        for part in (
            message[at : at + _RECORD] for at in range(0, len(message), _RECORD)
        )
    )


def _numbers(numbers: Sequence[int]) -> bytes:
    return struct.pack(f">H{len(numbers)}H", 2 * len(numbers), *numbers)


def ask(connection: socket.socket, message: bytes) -> Answer:
    """Send a first message and return what the server answers (blocking)."""
    received = b""
    try:
        connection.sendall(message)
        while (answer := _read(received)) is None:
            more = connection.recv(65536)
            if not more:
                return Answer()
            received += more
    except ConnectionError:
        return Answer()
    return answer


def _read(received: bytes) -> Answer | None:
    """Return what the first record says, None while it is not complete."""
    if len(received) < 5:
        return None
    kind, _, length = struct.unpack(">BHH", received[:5])
    record = received[5 : 5 + length]
    if kind == _ALERT and len(record) == 2:
        return Answer(alert=record[1])
    if kind != _HANDSHAKE:
        return Answer()
    if len(record) < 4 or len(record) < 4 + int.from_bytes(record[1:4]):
        return None
    assert record[0] == _SERVER_HELLO
    return _server_hello(record[4 : 4 + int.from_bytes(record[1:4])])


def _server_hello(body: bytes) -> Answer:
    (version,) = struct.unpack(">H", body[:2])
    at = 35 + body[34]
    cipher, compression = struct.unpack(">HB", body[at : at + 3])
    extensions = {}
    at += 5
    while at < len(body):
        number, length = struct.unpack(">HH", body[at : at + 4])
        extensions[number] = body[at + 4 : at + 4 + length]
        at += 4 + length
    if SUPPORTED_VERSIONS in extensions:
        (version,) = struct.unpack(">H", extensions[SUPPORTED_VERSIONS])
    return Answer(version, cipher, compression, body[2:34], extensions)
