"""Writes an archive as one new object, in bounded memory."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import md5, sha256
import math
from types import TracebackType
from typing import Any, Final, Self

from .bucket import Bucket
from .concurrency import OneThread
from .multipart import MultipartUpload
from .options import first_accepted, option_variants
from .packing import Packed

ARCHIVE_TAG: Final = "archived=yes"
PART_SIZE: Final = 8 << 20
"""Bytes; of the part that is collected and of those that are sent."""
PARTS_AT_ONCE: Final = 2
"""Parts that are hashed or sent while the next one is collected."""
MOST_PARTS: Final = 10_000
"""Of one object (AWS S3 API)."""

_OVERHEAD: Final = 1.05
"""A tar is a little larger than what is in it."""


class PartsTooSmallError(Exception):
    """More is coming than the parts of an upload can hold: it must begin again."""


@dataclass(frozen=True, slots=True)
class _Part:
    """The bytes of a part and their digests."""

    content: bytes | bytearray
    md5: bytes
    sha256: bytes


class ArchiveSink:
    """Collects bytes and sends them in parts, or in one request when they are few.

    Use it with ``async with``: what was not finished is aborted.
    """

    def __init__(
        self,
        bucket: Bucket,
        key: str,
        storage_class: str,
        *,
        expected: Callable[[], int],
        thread: OneThread,
    ) -> None:
        """Write to ``key`` in the storage class, if the service has it.

        ``expected`` says how many bytes will come, or a few less, as far as that is
        known; they are hashed in ``thread``.
        """
        self._thread = thread
        self._bucket = bucket
        self._key = key
        self._variants = option_variants(
            {"ContentType": "application/gzip"}, storage_class, ARCHIVE_TAG
        )
        self._parts = MultipartUpload(bucket, key, self._variants)
        self._expected = expected
        self._part_size = part_size(expected())
        self._collecting = bytearray(self._part_size)
        self._collected = 0
        self._sent_buffers: list[bytearray] = []
        self._md5 = md5(usedforsecurity=False)
        self._rest: _Part | None = None
        self._sending: deque[asyncio.Task[None]] = deque()
        self._accepted: Mapping[str, Any] = {}
        self.size = 0

    async def __aenter__(self) -> Self:
        """Begin."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Abort what was not finished."""
        for sending in self._sending:
            sending.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)
        await self._parts.__aexit__(kind, error, traceback)

    @property
    def etags(self) -> set[str]:
        """The ETags that the object may have if it holds exactly what was written.

        Known once it is sealed. Some services give an object in parts the MD5 of its
        whole content.
        """
        whole = self._md5.hexdigest()
        return {whole, self._parts.etag} if self._parts.size else {whole}

    @property
    def tagged(self) -> bool:
        """Whether the service took the tag."""
        return "Tagging" in self._accepted

    async def write(self, packed: Packed) -> None:
        """Append bytes. Full parts are sent while the next one is collected.

        Raises what was wrong with one of those before, and PartsTooSmallError.
        """
        for piece in packed:
            self.size += len(piece)
            rest = memoryview(piece)
            while rest:
                if self._collected == self._part_size:
                    await self._next_part()
                start, taken = (
                    self._collected,
                    rest[: self._part_size - self._collected],
                )
                self._collected += len(taken)
                self._collecting[start : self._collected] = taken
                rest = rest[len(taken) :]

    async def seal(self) -> None:
        """Take no more bytes: all that is missing now is the request that ends it."""
        rest = bytes(memoryview(self._collecting)[: self._collected])
        if not self._parts.size and not self._sending:
            self._rest = await self._thread.run(partial(self._hash, rest))
        elif rest:
            self._sending.append(asyncio.create_task(self._send(rest)))
        await self._sent(0)

    async def finish(self) -> None:
        """Make the object of what was sealed; raises KeyTakenError if it exists."""
        if self._rest is None:
            await self._parts.complete()
            self._accepted = self._parts.accepted
            return
        rest = self._rest

        async def put(options: Mapping[str, Any]) -> None:
            await self._bucket.put_new(
                self._key,
                rest.content,
                body_md5=rest.md5,
                body_sha256=rest.sha256,
                **options,
            )

        _, self._accepted = await first_accepted(put, self._variants)

    async def _next_part(self) -> None:
        """Send what is collected, and collect into a buffer that was sent before.

        Fresh memory for each part costs the system more than copying into it.
        """
        if part_size(self._expected()) > self._part_size:
            raise PartsTooSmallError
        await self._sent(PARTS_AT_ONCE - 1)
        full = self._collecting
        self._sending.append(asyncio.create_task(self._send_buffer(full)))
        if self._sent_buffers:
            self._collecting = self._sent_buffers.pop()
        else:
            self._collecting = bytearray(self._part_size)
        self._collected = 0

    async def _sent(self, but: int) -> None:
        """Return once no more than so many parts are on their way."""
        while len(self._sending) > but:
            sending = self._sending[0]
            try:
                await sending
            finally:
                # Cancelled while it waits: nothing may be sent after the end.
                sending.cancel()
            self._sending.popleft()

    async def _send_buffer(self, buffer: bytearray) -> None:
        await self._send(buffer)
        self._sent_buffers.append(buffer)

    async def _send(self, content: bytes | bytearray) -> None:
        # The thread takes them in their order, which the hash of the whole needs.
        part = await self._thread.run(partial(self._hash, content))
        await self._parts.add(part.content, part.md5, part.sha256)

    def _hash(self, content: bytes | bytearray) -> _Part:
        """Return a part and its digests (blocking)."""
        self._md5.update(content)
        return _Part(
            content,
            md5(content, usedforsecurity=False).digest(),
            sha256(content).digest(),
        )


def part_size(expected: int) -> int:
    """Return the size of equal parts that so many bytes fit into."""
    return max(PART_SIZE, math.ceil(expected * _OVERHEAD / MOST_PARTS))
