"""Reads captures that only the bucket has, as somebody looks at them.

An object is read by the range that is wanted. What is in an archive is one gzip member
there, found by the archive's index and read by one request. Whatever is in a class that
must be restored first is left to the action ``restore``.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
import time
from typing import Final

from botocore.exceptions import ClientError

from ..errors import CaptureColdError, CaptureGoneError
from ..model import Capture
from .archive_index import Member, parse_index, read_index
from .archive_reader import DamagedArchiveError
from .bucket import Bucket
from .classes import facts_of
from .failure import code_of, is_not_found, readable_errors
from .restore import unpack_member

BLOCK: Final = 1 << 20
LARGEST_MEMBER: Final = 64 << 20
"""Bytes of a file in an archive that is read as a whole; one that is larger is left to
a restore."""
_UNPACKED: Final = 64 << 20
"""Bytes of unpacked files that are kept: players ask for one file many times."""
_INDEXES: Final = 4
_INDEX_SECONDS: Final = 600.0
_UNPACK_AT_ONCE: Final = 2
_NO_INDEX: Final = "?"


class OpenCapture:
    """A range of a capture that is being read."""

    def __init__(
        self, chunks: AsyncGenerator[bytes], close: Callable[[], None]
    ) -> None:
        """Read these chunks; ``close`` lets go of where they come from."""
        self._chunks = chunks
        self._close = close

    async def read(self) -> bytes:
        """Return the next bytes, none at the end. Raises OffsiteError."""
        return await anext(self._chunks, b"")

    async def close(self) -> None:
        """Let go of the connection, also when not all was read."""
        await self._chunks.aclose()
        self._close()


class CaptureReader:
    """Reads captures out of the bucket."""

    def __init__(self, bucket: Callable[[], Awaitable[Bucket]]) -> None:
        """Read from this bucket."""
        self._bucket = bucket
        self._indexes: OrderedDict[str, tuple[float, Mapping[str, Member]]] = (
            OrderedDict()
        )
        self._unpacked: OrderedDict[str, bytes] = OrderedDict()
        self._unpacking = asyncio.Semaphore(_UNPACK_AT_ONCE)

    async def require(self, capture: Capture) -> None:
        """Find out whether a capture can be read now, by one request.

        Raises CaptureGoneError, CaptureColdError and OffsiteError.
        """
        key = _key_of(capture)
        bucket = await self._bucket()
        with _readable(bucket, capture):
            head = await bucket.client.head_object(Bucket=bucket.name, Key=key)
        storage_class = head.get("StorageClass", "STANDARD")
        ready = 'ongoing-request="false"' in head.get("Restore", "")
        if facts_of(storage_class).restored and not ready:
            raise _cold(capture, storage_class)
        if capture.object_key is None:
            await self._member(bucket, capture)

    async def open(self, capture: Capture, first: int, last: int) -> OpenCapture:
        """Begin to read the bytes of a capture, ``last`` included.

        Raises CaptureGoneError, CaptureColdError and OffsiteError.
        """
        _key_of(capture)
        bucket = await self._bucket()
        if capture.object_key is not None:
            return await self._open_object(bucket, capture, first, last)
        content = await self._unpack(bucket, capture)
        return OpenCapture(_slices(content[first : last + 1]), lambda: None)

    async def read_whole(self, capture: Capture, most: int) -> bytes:
        """Return a capture of at most so many bytes.

        Raises CaptureGoneError, also for one that is larger, CaptureColdError and
        OffsiteError.
        """
        if capture.size > most:
            raise _gone(capture)
        opened = await self.open(capture, 0, capture.size - 1)
        parts: list[bytes] = []
        try:
            while part := await opened.read():
                parts.append(part)
        finally:
            await opened.close()
        return b"".join(parts)

    async def _open_object(
        self, bucket: Bucket, capture: Capture, first: int, last: int
    ) -> OpenCapture:
        options = {}
        if (first, last) != (0, capture.size - 1):
            options["Range"] = f"bytes={first}-{last}"
        with _readable(bucket, capture):
            answer = await bucket.client.get_object(
                Bucket=bucket.name,
                Key=_key_of(capture),
                **options,  # type: ignore[arg-type]
            )
        body = answer["Body"]
        if answer["ContentLength"] != last + 1 - first:
            # Another object of this name, or a service that knows no ranges.
            body.close()
            raise _gone(capture)

        async def chunks() -> AsyncGenerator[bytes]:
            with _readable(bucket, capture):
                async for chunk in body.iter_chunks(BLOCK):
                    yield chunk

        return OpenCapture(chunks(), body.close)

    async def _unpack(self, bucket: Bucket, capture: Capture) -> bytes:
        async with self._unpacking:
            if (content := self._unpacked.get(capture.id)) is not None:
                self._unpacked.move_to_end(capture.id)
                return content
            member = await self._member(bucket, capture)
            with _readable(bucket, capture):
                answer = await bucket.client.get_object(
                    Bucket=bucket.name,
                    Key=_key_of(capture),
                    Range=f"bytes={member.offset}-{member.offset + member.length - 1}",
                )
                packed = await answer["Body"].read()
            try:
                content = await asyncio.to_thread(unpack_member, packed, member)
            except DamagedArchiveError as error:
                raise _gone(capture) from error
            self._unpacked[capture.id] = content
            while sum(map(len, self._unpacked.values())) > _UNPACKED:
                self._unpacked.popitem(last=False)
            return content

    async def _member(self, bucket: Bucket, capture: Capture) -> Member:
        """Return where a capture is in its archive.

        Raises CaptureColdError for one that only a restore can find.
        """
        key = _key_of(capture)
        until, members = self._indexes.get(key, (0.0, {}))
        if until < time.monotonic():
            members = await self._read_index(bucket, capture, key)
            self._indexes[key] = (time.monotonic() + _INDEX_SECONDS, members)
            self._indexes.move_to_end(key)
            while len(self._indexes) > _INDEXES:
                self._indexes.popitem(last=False)
        member = members.get(capture.relative_path) or members.get(capture.sha256)
        if member is None:
            with _readable(bucket, capture):
                await bucket.client.head_object(Bucket=bucket.name, Key=key)
        if member is None or (capture.sha256 and member.sha256 != capture.sha256):
            raise _cold(capture, _NO_INDEX)
        if max(member.length, member.size) > LARGEST_MEMBER:
            raise _cold(capture, _NO_INDEX)
        return member

    async def _read_index(
        self, bucket: Bucket, capture: Capture, key: str
    ) -> Mapping[str, Member]:
        index_key = f"{key.removesuffix('.tar.gz')}.index.json.gz"
        try:
            content = await read_index(bucket, index_key)
            index = await asyncio.to_thread(parse_index, content)
        except ClientError as error:
            if is_not_found(error):
                return {}
            with _readable(bucket, capture):
                raise
        except ValueError:
            return {}
        if index.archive != key:
            return {}
        by_name = {member.name: member for member in index.members}
        return {member.sha256: member for member in index.members} | by_name


def _key_of(capture: Capture) -> str:
    key = capture.object_key or capture.archive_key
    if key is None:
        raise _gone(capture)
    return key


@contextmanager
def _readable(bucket: Bucket, capture: Capture) -> Iterator[None]:
    """Let out only errors that say what has become of a capture, or of S3."""
    with readable_errors(bucket.settings):
        try:
            yield
        except ClientError as error:
            if is_not_found(error):
                raise _gone(capture) from error
            if code_of(error) == "InvalidObjectState":
                raise _cold(capture, "GLACIER") from error
            raise


def _gone(capture: Capture) -> CaptureGoneError:
    return CaptureGoneError(f"{capture.relative_path} is not there any more")


def _cold(capture: Capture, storage_class: str) -> CaptureColdError:
    return CaptureColdError(
        f"{capture.relative_path} must be restored first ({storage_class})",
        name=capture.name,
        camera=capture.camera,
        date=capture.day.isoformat(),
    )


async def _slices(content: bytes) -> AsyncGenerator[bytes]:
    for begin in range(0, len(content), BLOCK):
        yield content[begin : begin + BLOCK]
