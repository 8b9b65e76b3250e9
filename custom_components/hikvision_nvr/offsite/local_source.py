"""Reads captures from the disk instead of the bucket, where they are still there.

What is read here costs no request and no traffic. It stands for the object only if
its bytes have the object's ETag as well as the SHA-256 that the camera's upload had.
"""

import asyncio
from collections.abc import AsyncIterator
from hashlib import md5, sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..model import Capture
from .archive_source import SMALL_SIZE, Content, Packing, SourceFailedError
from .bucket import StoredObject
from .concurrency import OneThread
from .multipart import PART_SIZE

if TYPE_CHECKING:
    from ..store import Store

_CHUNK_SIZE: Final = 1 << 20


class LocalSource:
    """A large file of the store that is proven to be an object's content."""

    def __init__(self, source: StoredObject, capture: Capture, path: Path) -> None:
        """Read nothing yet."""
        self._source = source
        self._path = path
        self.sha256 = capture.sha256
        self.mtime = _mtime(capture)

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the bytes; raises SourceFailedError if they changed meanwhile."""
        digest = sha256()
        try:
            file = await asyncio.to_thread(self._path.open, "rb")
            try:
                while chunk := await asyncio.to_thread(file.read, _CHUNK_SIZE):
                    await asyncio.to_thread(digest.update, chunk)
                    yield chunk
            finally:
                await asyncio.to_thread(file.close)
        except OSError as error:
            raise SourceFailedError(self._source, str(error)) from error
        if digest.hexdigest() != self.sha256:
            raise SourceFailedError(self._source, "its local file changed meanwhile")

    def close(self) -> None:
        """Nothing stays open."""


async def read_local(
    store: Store,
    source: StoredObject,
    capture: Capture | None,
    thread: OneThread,
    packing: Packing,
) -> Content | LocalSource | None:
    """Return an object's content from the disk; None when it must be downloaded.

    ``capture`` is what the catalogue says was uploaded there.
    """
    if capture is None or capture.size != source.size or not capture.local:
        return None
    path = store.path(capture)
    if source.size > SMALL_SIZE:
        same = await thread.run(lambda: has_content(path, capture, source.etag))
        return LocalSource(source, capture, path) if same else None
    return await thread.run(lambda: _read_small(path, capture, source, packing))


def has_content(path: Path, capture: Capture, etag: str | None) -> bool:
    """Whether a file is what was stored, and has this ETag if one is given (blocking).

    The ETag may be that of an upload in parts of our size.
    """
    whole, digest = md5(usedforsecurity=False), sha256()
    parts: list[bytes] = []
    try:
        with path.open("rb") as file:
            while part := file.read(PART_SIZE):
                whole.update(part)
                digest.update(part)
                parts.append(md5(part, usedforsecurity=False).digest())
    except OSError:
        return False
    joined = md5(b"".join(parts), usedforsecurity=False).hexdigest()
    etags = {whole.hexdigest(), f"{joined}-{len(parts)}", None}
    return digest.hexdigest() == capture.sha256 and etag in etags


def _read_small(
    path: Path, capture: Capture, source: StoredObject, packing: Packing
) -> Content | None:
    try:
        data = path.read_bytes()
    except OSError:
        return None
    same = (
        sha256(data).hexdigest() == capture.sha256
        and md5(data, usedforsecurity=False).hexdigest() == source.etag
    )
    if not same:
        return None
    mtime = _mtime(capture)
    return Content(
        packed=packing(data, mtime), sha256=capture.sha256, mtime=mtime, from_disk=True
    )


def _mtime(capture: Capture) -> int:
    return int(capture.event_time.timestamp())
