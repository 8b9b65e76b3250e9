"""Reads the objects that go into an archive, and checks every byte of them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import md5, sha256
import hmac
from typing import Any, Final

import aiohttp
from botocore.exceptions import BotoCoreError, ClientError

from .bucket import Bucket, StoredObject, has_opaque_etag, is_md5
from .concurrency import OneThread
from .failure import code_of
from .packing import Packed

type Packing = Callable[[bytes, int], Packed]
"""Packs an object's bytes with its time, in seconds since 1970 (blocking)."""

SMALL_SIZE: Final = 2 * 1024 * 1024
"""Up to this many bytes an object is read whole, several at a time."""

_CHUNK_SIZE: Final = 1024 * 1024
_TRIES: Final = 3
_READ_ERRORS: Final = (
    ClientError,
    BotoCoreError,
    # aiobotocore lets those of a body through that breaks off.
    aiohttp.ClientError,
    TimeoutError,
    OSError,
)


class SourceFailedError(Exception):
    """An object cannot be read, or is not what it says it is: it stays."""

    def __init__(
        self, source: StoredObject, reason: str, *, broke_off: bool = False
    ) -> None:
        """Say which and why; ``broke_off`` when there was no complete answer."""
        super().__init__(f"{source.key}: {reason}")
        self.source = source
        self.reason = reason
        self.broke_off = broke_off


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """An object read whole, checked and packed."""

    packed: Packed
    sha256: str
    mtime: int
    from_disk: bool = False


class OpenSource:
    """An object that is being read; ``chunks`` raises SourceFailedError."""

    def __init__(self, source: StoredObject, answer: Mapping[str, Any]) -> None:
        """Read the answer of a GetObject request."""
        self._source = source
        self._answer = answer
        self._md5 = md5(usedforsecurity=False)
        self._sha256 = sha256()
        self._size = 0

    @property
    def mtime(self) -> int:
        """The file's time in seconds since 1970: s3fs's, else the upload's."""
        modified: datetime = self._answer["LastModified"]
        try:
            return int(float(self._answer["Metadata"]["mtime"]))
        except KeyError, ValueError, OverflowError:
            return int(modified.astimezone(UTC).timestamp())

    @property
    def metadata(self) -> Mapping[str, str]:
        """The object's own metadata."""
        metadata: Mapping[str, str] = self._answer.get("Metadata", {})
        return metadata

    @property
    def content_type(self) -> str:
        """The object's media type."""
        return str(self._answer.get("ContentType", "application/octet-stream"))

    @property
    def sha256(self) -> str:
        """The hash of what was read so far."""
        return self._sha256.hexdigest()

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the bytes; after the last one they are proved to be the object's."""
        try:
            async for chunk in self._answer["Body"].iter_chunks(_CHUNK_SIZE):
                await asyncio.to_thread(self._hash, chunk)
                if self._size > self._source.size:
                    break
                yield chunk
        except _READ_ERRORS as error:
            raise _broken_off(self._source, error) from error
        self._require_same()

    def take_whole(self, data: bytes) -> None:
        """Take all bytes at once (blocking); raises SourceFailedError."""
        self._hash(data)
        self._require_same()

    def close(self) -> None:
        """Let go of the connection, also when not all was read."""
        self._answer["Body"].close()

    def _hash(self, chunk: bytes) -> None:
        self._md5.update(chunk)
        self._sha256.update(chunk)
        self._size += len(chunk)

    def _require_same(self) -> None:
        if self._size != self._source.size:
            raise SourceFailedError(self._source, "its size differs")
        etag = self._source.etag
        readable = is_md5(etag) and not has_opaque_etag(self._answer)
        if readable and etag != self._md5.hexdigest():
            raise SourceFailedError(self._source, "its MD5 differs")
        known = self._answer.get("Metadata", {}).get("sha256")
        if known and not hmac.compare_digest(known, self._sha256.hexdigest()):
            raise SourceFailedError(self._source, "its SHA-256 differs")


async def open_source(bucket: Bucket, source: StoredObject) -> OpenSource:
    """Begin to read an object as it was listed; raises SourceFailedError."""
    try:
        answer = await bucket.client.get_object(
            Bucket=bucket.name, Key=source.key, IfMatch=f'"{source.etag}"'
        )
    except ClientError as error:
        raise SourceFailedError(source, code_of(error)) from error
    except _READ_ERRORS as error:
        raise _broken_off(source, error) from error
    return OpenSource(source, answer)


async def read_source(
    bucket: Bucket, source: StoredObject, thread: OneThread, packing: Packing
) -> Content:
    """Read a small object whole; raises SourceFailedError after three tries."""
    for remaining in reversed(range(_TRIES)):
        try:
            return await _read_once(bucket, source, thread, packing)
        except SourceFailedError:
            if not remaining:
                raise
    raise AssertionError("unreachable")


async def _read_once(
    bucket: Bucket, source: StoredObject, thread: OneThread, packing: Packing
) -> Content:
    try:
        answer = await bucket.get_whole(source)
    except ClientError as error:
        raise SourceFailedError(source, code_of(error)) from error
    except _READ_ERRORS as error:
        raise _broken_off(source, error) from error
    data: bytes = answer["Body"]
    reader = OpenSource(source, answer)

    def check_and_pack() -> Content:
        reader.take_whole(data)
        mtime = reader.mtime
        return Content(packed=packing(data, mtime), sha256=reader.sha256, mtime=mtime)

    return await thread.run(check_and_pack)


def _broken_off(source: StoredObject, error: Exception) -> SourceFailedError:
    return SourceFailedError(source, type(error).__name__, broke_off=True)
