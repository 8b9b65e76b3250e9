"""What an SFTP session may do with files: deliver, look, rename what it delivered.

Nothing here is a path on the disk: the tree is in memory, the bytes go to the store.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
import logging

from ...errors import StorageError, StorageFullError
from ...model import Camera
from ..session import printable
from ..upload import (
    GapError,
    NoSuchPartError,
    Pace,
    Reception,
    TooLargeError,
    UnusableNameError,
    Upload,
    rename,
)
from ..virtual_tree import ROOT, VirtualTree, last_part
from . import wire
from .wire import Entry, OpenFlags, Packet, Reader, Request, Status

_LOGGER = logging.getLogger(__name__)

MAX_PACKET = 256 * 1024
"""Bytes: the longest packet that is taken, the same as OpenSSH's."""
_MAX_WRITE = 255 * 1024
"""Bytes that are asked for at once, the same as OpenSSH's: most snapshots are one
request, with one answer."""
_MAX_HANDLES = 16
"""In a session: each file on its way may hold 2 MiB."""
_NAMES_AT_ONCE = 100


class _RefusedError(Exception):
    """A request is answered with a status that is not OK."""

    def __init__(self, code: Status, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(slots=True, kw_only=True, eq=False)
class _OpenFile:
    """A file that a client writes."""

    path: str
    upload: Upload
    appends: bool
    """Whether its bytes go behind what was delivered before, whatever they say."""
    known_size: int
    """Bytes of an earlier delivery that this one may go on from."""
    begun: bool = False
    failure: str | None = None
    """Why it cannot be stored, once that is known."""


@dataclass(slots=True, eq=False)
class _OpenFolder:
    """A folder that a client reads."""

    entries: list[tuple[str, Entry]]


@dataclass(slots=True, eq=False)
class Files:
    """The requests of one session."""

    reception: Reception
    camera: Camera
    tree: VirtualTree
    _open: dict[bytes, _OpenFile | _OpenFolder] = field(default_factory=dict)
    _uploads: int = 0
    _next: int = 0
    _pace: Pace | None = None

    extensions = {
        "limits@openssh.com": "1",
        "posix-rename@openssh.com": "1",
    }
    """What is offered beyond version 3 (PROTOCOL of OpenSSH, section 4)."""

    @property
    def name(self) -> str:
        """What the log calls this session."""
        return self.camera.name

    @property
    def has_uploads(self) -> bool:
        """Whether a file is on its way."""
        return self._uploads > 0

    async def answer(self, packet: Packet) -> bytes:
        """Carry out a request and return its reply.

        Raises MalformedError, and TooSlowError when the whole session must end.
        """
        request = packet.request
        try:
            if packet.kind == Request.WRITE:
                await self._write(packet)
                return wire.status(request, Status.OK)
            operation = _OPERATIONS.get(packet.kind)
            if operation is None:
                return wire.status(request, Status.OP_UNSUPPORTED, "Not supported.")
            return await operation(self, request, packet.reader())
        except _RefusedError as err:
            return wire.status(request, err.code, str(err))

    async def discard(self) -> None:
        """Forget every file that was not closed."""
        opened, self._open, self._uploads = self._open, {}, 0
        for one in opened.values():
            if isinstance(one, _OpenFile):
                _LOGGER.info(
                    "%s: %s was broken off after %d bytes",
                    self.name,
                    printable(one.path),
                    one.upload.size,
                )
                await one.upload.discard()

    async def _open_file(self, request: int, reader: Reader) -> bytes:
        path = self._path(reader)
        flags = OpenFlags(reader.uint32() & 0xFF)
        reader.size_attribute()
        known = self.tree.file(path)
        if not flags & OpenFlags.WRITE:
            # What has arrived is for nobody who knows a camera's password to read.
            raise _no_such_file() if known is None else _denied()
        if known is None and self.tree.has(path):
            raise _RefusedError(Status.FAILURE, "This is a folder.")
        if known is not None and flags & OpenFlags.EXCL:
            raise _RefusedError(Status.FAILURE, "The file exists.")
        try:
            upload = Upload(self.reception, self.camera, self.tree, path)
        except UnusableNameError:
            raise _RefusedError(Status.FAILURE, "The file needs a name.") from None
        resumable = (
            known is not None
            and known.capture_id is not None
            and not flags & OpenFlags.TRUNC
        )
        opened = _OpenFile(
            path=path,
            upload=upload,
            appends=bool(flags & OpenFlags.APPEND),
            known_size=known.size if known is not None and resumable else 0,
        )
        reply = wire.handle(request, self._keep(opened))
        if not self._uploads:
            limits = self.reception.limits
            self._pace = Pace(limits, asyncio.get_running_loop().time())
        self._uploads += 1
        return reply

    async def _write(self, packet: Packet) -> None:
        name, offset, data = packet.write()
        opened = self._file(name)
        if opened.failure is not None:
            raise _RefusedError(Status.FAILURE, opened.failure)
        try:
            if not opened.begun:
                await self._begin(opened, offset)
            if opened.appends or offset == opened.upload.size:
                for piece in data:
                    await opened.upload.write(piece)
            else:
                await opened.upload.write_at(offset, b"".join(data))
        except (StorageError, NoSuchPartError, TooLargeError) as err:
            opened.failure = self._failure(opened, err)
            await opened.upload.discard()
            raise _RefusedError(Status.FAILURE, opened.failure) from None
        if self._pace is not None:
            self._pace.count(sum(map(len, data)), asyncio.get_running_loop().time())

    async def _begin(self, opened: _OpenFile, offset: int) -> None:
        """Begin empty, or go on from what was delivered before."""
        start = opened.known_size
        if not opened.appends:
            start = min(start, offset)
        await opened.upload.begin(start)
        opened.begun = True

    async def _close(self, request: int, reader: Reader) -> bytes:
        name = reader.string()
        opened = self._open.pop(name, None)
        if opened is None:
            raise _no_such_handle()
        if isinstance(opened, _OpenFolder):
            return wire.status(request, Status.OK)
        self._uploads -= 1
        if opened.failure is not None:
            raise _RefusedError(Status.FAILURE, opened.failure)
        try:
            if not opened.begun:
                await opened.upload.begin()
            await opened.upload.finish()
        except (StorageError, NoSuchPartError, GapError) as err:
            text = self._failure(opened, err)
            raise _RefusedError(Status.FAILURE, text) from None
        finally:
            await opened.upload.discard()
        return wire.status(request, Status.OK)

    async def _stat(self, request: int, reader: Reader) -> bytes:
        path = self._path(reader)
        if not self.tree.has(path):
            raise _no_such_file()
        entry = Entry.of(self.tree.file(path), datetime.now(UTC))
        return wire.attributes(request, entry)

    async def _fstat(self, request: int, reader: Reader) -> bytes:
        opened = self._opened(reader.string())
        size = None
        if isinstance(opened, _OpenFile):
            size = opened.upload.size if opened.begun else opened.known_size
        return wire.attributes(request, Entry(size, datetime.now(UTC)))

    async def _setstat(self, request: int, reader: Reader) -> bytes:
        """Accept modes and times, which mean nothing here."""
        path = self._path(reader)
        known = self.tree.file(path)
        if not self.tree.has(path) and not self._is_open(path):
            raise _no_such_file()
        size = reader.size_attribute()
        if size is not None and known is not None and size < known.size:
            raise _denied()
        return wire.status(request, Status.OK)

    async def _fsetstat(self, request: int, reader: Reader) -> bytes:
        """Accept the same; a file cannot be made shorter."""
        opened = self._opened(reader.string())
        size = reader.size_attribute()
        if size is not None and isinstance(opened, _OpenFile):
            if size < opened.upload.size:
                raise _RefusedError(Status.OP_UNSUPPORTED, "Files cannot be cut.")
            if not size:
                opened.known_size = 0
        return wire.status(request, Status.OK)

    async def _open_folder(self, request: int, reader: Reader) -> bytes:
        path = self._path(reader)
        if not self.tree.has(path) or self.tree.file(path) is not None:
            raise _no_such_file()
        now = datetime.now(UTC)
        entries = [
            (last_part(entry), Entry.of(file, now))
            for entry, file in self.tree.children(path)
        ]
        return wire.handle(request, self._keep(_OpenFolder(entries)))

    async def _read_folder(self, request: int, reader: Reader) -> bytes:
        opened = self._opened(reader.string())
        if not isinstance(opened, _OpenFolder):
            raise _no_such_handle()
        if not opened.entries:
            raise _RefusedError(Status.EOF, "")
        now, opened.entries = (
            opened.entries[:_NAMES_AT_ONCE],
            opened.entries[_NAMES_AT_ONCE:],
        )
        return wire.names(request, now)

    async def _make_folder(self, request: int, reader: Reader) -> bytes:
        """Make a folder and its parents; one that exists is fine."""
        path = self._path(reader)
        if self.tree.file(path) is not None:
            raise _RefusedError(Status.FAILURE, "This is a file.")
        self.tree.make_folder(path)
        return wire.status(request, Status.OK)

    async def _real_path(self, request: int, reader: Reader) -> bytes:
        return wire.real_path(request, self._path(reader))

    async def _refuse_removal(self, request: int, reader: Reader) -> bytes:
        """Refuse: what has arrived stays."""
        raise _denied() if self.tree.has(self._path(reader)) else _no_such_file()

    async def _refuse_reading(self, request: int, reader: Reader) -> bytes:
        raise _denied()

    async def _rename(self, request: int, reader: Reader) -> bytes:
        path, new_path = self._path(reader), self._path(reader)
        try:
            renamed = await rename(
                self.reception.deliveries, self.camera, self.tree, path, new_path
            )
        except UnusableNameError:
            raise _RefusedError(Status.FAILURE, "The file needs a name.") from None
        except StorageError as err:
            _LOGGER.error("%s: a file was not renamed: %s", self.name, err)
            raise _RefusedError(Status.FAILURE, "The file cannot be renamed.") from None
        if not renamed:
            raise _no_such_file()
        return wire.status(request, Status.OK)

    async def _extended(self, request: int, reader: Reader) -> bytes:
        name = reader.string()
        if name == b"posix-rename@openssh.com":
            return await self._rename(request, reader)
        if name == b"limits@openssh.com":
            return wire.limits(request, MAX_PACKET, _MAX_WRITE, _MAX_HANDLES)
        return wire.status(request, Status.OP_UNSUPPORTED, "Not supported.")

    def _path(self, reader: Reader) -> str:
        return self.tree.resolve(ROOT, reader.path())

    def _keep(self, opened: _OpenFile | _OpenFolder) -> bytes:
        if len(self._open) >= _MAX_HANDLES:
            raise _RefusedError(Status.FAILURE, "Too many open files.")
        self._next += 1
        name = self._next.to_bytes(8)
        self._open[name] = opened
        return name

    def _opened(self, name: bytes) -> _OpenFile | _OpenFolder:
        opened = self._open.get(name)
        if opened is None:
            raise _no_such_handle()
        return opened

    def _file(self, name: bytes) -> _OpenFile:
        opened = self._opened(name)
        if not isinstance(opened, _OpenFile):
            raise _no_such_handle()
        return opened

    def _is_open(self, path: str) -> bool:
        return any(
            isinstance(one, _OpenFile) and one.path == path
            for one in self._open.values()
        )

    def _failure(self, opened: _OpenFile, error: Exception) -> str:
        text = "The file cannot be stored."
        if isinstance(error, TooLargeError):
            text = "The file is too large."
        elif isinstance(error, GapError):
            text = "Parts of the file are missing."
        elif isinstance(error, NoSuchPartError):
            text = "There is no such part to go on from."
        elif isinstance(error, StorageFullError):
            text = "The disk is full."
        _LOGGER.error(
            "%s: %s was not stored: %s",
            self.name,
            printable(opened.path),
            error if isinstance(error, StorageError) else text,
        )
        return text


def _no_such_file() -> _RefusedError:
    return _RefusedError(Status.NO_SUCH_FILE, "No such file or folder.")


def _no_such_handle() -> _RefusedError:
    return _RefusedError(Status.FAILURE, "There is no such handle.")


def _denied() -> _RefusedError:
    return _RefusedError(Status.PERMISSION_DENIED, "Permission denied.")


_OPERATIONS: dict[int, Callable[[Files, int, Reader], Awaitable[bytes]]] = {
    Request.OPEN: Files._open_file,
    Request.CLOSE: Files._close,
    Request.READ: Files._refuse_reading,
    Request.LSTAT: Files._stat,
    Request.FSTAT: Files._fstat,
    Request.SETSTAT: Files._setstat,
    Request.FSETSTAT: Files._fsetstat,
    Request.OPENDIR: Files._open_folder,
    Request.READDIR: Files._read_folder,
    Request.REMOVE: Files._refuse_removal,
    Request.MKDIR: Files._make_folder,
    Request.RMDIR: Files._refuse_removal,
    Request.REALPATH: Files._real_path,
    Request.STAT: Files._stat,
    Request.RENAME: Files._rename,
    Request.EXTENDED: Files._extended,
}
