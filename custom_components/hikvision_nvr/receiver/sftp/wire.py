"""Packets of SFTP, version 3 (draft-ietf-secsh-filexfer-02): read and written.

Version 3 is what every camera and program speaks; later versions have no use here.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, IntFlag
import struct

from ..encodings import decode_name
from ..virtual_tree import DeliveredFile

VERSION = 3


class Request(IntEnum):
    """What a client asks (section 3)."""

    INIT = 1
    OPEN = 3
    CLOSE = 4
    READ = 5
    WRITE = 6
    LSTAT = 7
    FSTAT = 8
    SETSTAT = 9
    FSETSTAT = 10
    OPENDIR = 11
    READDIR = 12
    REMOVE = 13
    MKDIR = 14
    RMDIR = 15
    REALPATH = 16
    STAT = 17
    RENAME = 18
    READLINK = 19
    SYMLINK = 20
    EXTENDED = 200


class Reply(IntEnum):
    """What a server answers (section 3)."""

    VERSION = 2
    STATUS = 101
    HANDLE = 102
    NAME = 104
    ATTRS = 105
    EXTENDED_REPLY = 201


class Status(IntEnum):
    """How a request went (section 7)."""

    OK = 0
    EOF = 1
    NO_SUCH_FILE = 2
    PERMISSION_DENIED = 3
    FAILURE = 4
    BAD_MESSAGE = 5
    OP_UNSUPPORTED = 8


class OpenFlags(IntFlag):
    """How a file is opened (section 6.3)."""

    READ = 0x01
    WRITE = 0x02
    APPEND = 0x04
    CREAT = 0x08
    TRUNC = 0x10
    EXCL = 0x20


class _Attributes(IntFlag):
    """Which attributes are there (section 5)."""

    SIZE = 0x01
    UIDGID = 0x02
    PERMISSIONS = 0x04
    ACMODTIME = 0x08


_FOLDER_MODE, _FILE_MODE = 0o040700, 0o100600

_UINT32 = struct.Struct(">I")

_LONGEST_PATH = 4096
"""Bytes, the same as of Linux."""
_SMALL = 512
"""Bytes: a first piece that is longer has all of a WRITE but its data."""
_MOST_PIECES = 64


class MalformedError(Exception):
    """A packet is not what its type says."""


class Reader:
    """Reads the fields of a packet in turn. Each raises MalformedError at its end."""

    def __init__(self, packet: bytes, start: int) -> None:
        """Begin at a place in the packet."""
        self._packet = packet
        self._place = start

    def uint32(self) -> int:
        """Read a number."""
        return int.from_bytes(self._take(4))

    def uint64(self) -> int:
        """Read a large number."""
        return int.from_bytes(self._take(8))

    def string(self) -> bytes:
        """Read bytes with their length before them."""
        return self._take(self.uint32())

    def path(self) -> str:
        """Read a path or a name. One that no file can have is malformed."""
        path = self.string()
        if len(path) > _LONGEST_PATH:
            raise MalformedError("The path is too long")
        return decode_name(path)

    def size_attribute(self) -> int | None:
        """Read attributes and return the size, if it is among them."""
        return self.uint64() if self.uint32() & _Attributes.SIZE else None

    def rest(self) -> bytes:
        """Read all that is left."""
        return self._take(len(self._packet) - self._place)

    def _take(self, size: int) -> bytes:
        end = self._place + size
        if end > len(self._packet):
            raise MalformedError("The packet is too short")
        taken = self._packet[self._place : end]
        self._place = end
        return taken


class Packet:
    """A packet in the pieces in which it came."""

    __slots__ = ("_pieces", "kind", "request")

    def __init__(self, pieces: list[bytes]) -> None:
        """Take at least five bytes: the type and, but for INIT, the number."""
        # Small pieces cost more than the bytes in them.
        if min(len(pieces[0]), len(pieces[-1])) < _SMALL or len(pieces) > _MOST_PIECES:
            pieces = [b"".join(pieces)]
        self._pieces = pieces
        self.kind = pieces[0][0]
        self.request = int.from_bytes(pieces[0][1:5])

    def reader(self) -> Reader:
        """Read what follows the number."""
        return Reader(b"".join(self._pieces), 5)

    def write(self) -> tuple[bytes, int, list[bytes]]:
        """Return the handle, the offset and the data of a WRITE (section 6.4).

        The data stay in pieces: they are most of what ever comes. Raises
        MalformedError.
        """
        head = Reader(self._pieces[0], 5)
        name, offset, size = head.string(), head.uint64(), head.uint32()
        data = [head.rest(), *self._pieces[1:]]
        surplus = sum(map(len, data)) - size
        if surplus < 0:
            raise MalformedError("The packet is too short")
        if surplus:
            data = [b"".join(data)[:size]]
        return name, offset, data


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or a folder as a client sees it. A folder has no size."""

    size: int | None
    changed: datetime

    @classmethod
    def of(cls, file: DeliveredFile | None, now: datetime) -> Entry:
        """Return what is shown of a delivered file, or of a folder for None."""
        return cls(None, now) if file is None else cls(file.size, file.arrived)

    def attributes(self) -> bytes:
        """Encode them (section 5); owners are hidden."""
        moment = int(self.changed.timestamp())
        return struct.pack(
            ">IQIII",
            _Attributes.SIZE | _Attributes.PERMISSIONS | _Attributes.ACMODTIME,
            self.size or 0,
            _FOLDER_MODE if self.size is None else _FILE_MODE,
            moment,
            moment,
        )

    def line(self, name: str) -> str:
        """Return what ``ls -l`` says."""
        mode = "drwx------" if self.size is None else "-rw-------"
        return (
            f"{mode} 1 sftp sftp {self.size or 0:>12} {self.changed:%b %d %H:%M} {name}"
        )


def status(request: int, code: Status, text: str = "") -> bytes:
    """Return a STATUS packet."""
    return _packet(Reply.STATUS, request, _UINT32.pack(code), string(text), string(""))


def handle(request: int, name: bytes) -> bytes:
    """Return a HANDLE packet."""
    return _packet(Reply.HANDLE, request, string(name))


def attributes(request: int, entry: Entry) -> bytes:
    """Return an ATTRS packet."""
    return _packet(Reply.ATTRS, request, entry.attributes())


def names(request: int, entries: list[tuple[str, Entry]]) -> bytes:
    """Return a NAME packet."""
    parts = [_UINT32.pack(len(entries))]
    for name, entry in entries:
        parts += (string(name), string(entry.line(name)), entry.attributes())
    return _packet(Reply.NAME, request, *parts)


def real_path(request: int, path: str) -> bytes:
    """Return a NAME packet with a path and no attributes."""
    return _packet(
        Reply.NAME, request, _UINT32.pack(1), string(path) * 2, _UINT32.pack(0)
    )


def limits(request: int, packet: int, write: int, handles: int) -> bytes:
    """Return the answer to limits@openssh.com (PROTOCOL of OpenSSH, section 4.8)."""
    return _packet(
        Reply.EXTENDED_REPLY, request, struct.pack(">QQQQ", packet, 0, write, handles)
    )


def version(extensions: dict[str, str]) -> bytes:
    """Return a VERSION packet."""
    body = [bytes([Reply.VERSION]), _UINT32.pack(VERSION)]
    for name, data in extensions.items():
        body += (string(name), string(data))
    return string(b"".join(body))


def string(value: str | bytes) -> bytes:
    """Return bytes with their length before them."""
    encoded = value.encode("utf-8", "replace") if isinstance(value, str) else value
    return _UINT32.pack(len(encoded)) + encoded


def _packet(kind: Reply, request: int, *parts: bytes) -> bytes:
    return string(b"".join((bytes([kind]), _UINT32.pack(request), *parts)))
