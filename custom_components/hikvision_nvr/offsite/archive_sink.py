"""Writes an archive as one new object, in bounded memory."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from hashlib import md5
import math
from types import TracebackType
from typing import Any, Final, Self

from .bucket import Bucket
from .concurrency import OneThread
from .multipart import MultipartUpload
from .options import first_accepted, option_variants

ARCHIVE_TAG: Final = "archived=yes"
PART_SIZE: Final = 8 << 20
"""Bytes; of the part that is collected and of the one that is sent."""
MOST_PARTS: Final = 10_000
"""Of one object (AWS S3 API)."""

_OVERHEAD: Final = 1.05
"""A tar is a little larger than what is in it."""


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
        expected: int,
        thread: OneThread,
    ) -> None:
        """Write to ``key`` in the storage class, if the service has it.

        ``expected`` bytes, or a little more, will come; they are hashed in ``thread``.
        """
        self._thread = thread
        self._bucket = bucket
        self._key = key
        self._variants = option_variants(
            {"ContentType": "application/gzip"}, storage_class, ARCHIVE_TAG
        )
        self._parts = MultipartUpload(bucket, key, self._variants)
        self._part_size = part_size(expected)
        self._buffer = bytearray()
        self._md5 = md5(usedforsecurity=False)
        self._rest: tuple[bytes, bytes] | None = None
        self._sending: asyncio.Task[None] | None = None
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
        if (sending := self._sending) is not None:
            sending.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await sending
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

    async def write(self, data: bytes) -> None:
        """Append bytes. A full part is sent while the next one is collected.

        Raises what was wrong with the one before.
        """
        self._buffer += data
        self.size += len(data)
        while len(self._buffer) >= self._part_size:
            await self._sent()
            full = self._buffer
            self._buffer = full[self._part_size :]
            del full[self._part_size :]
            self._sending = asyncio.create_task(self._send(full))

    async def seal(self) -> None:
        """Take no more bytes: all that is missing now is the request that ends it."""
        await self._sent()
        if not self._parts.size:
            self._rest = await self._thread.run(partial(self._hash, self._buffer))
        elif self._buffer:
            await self._send(self._buffer)
        self._buffer = bytearray()

    async def finish(self) -> None:
        """Make the object of what was sealed; raises KeyTakenError if it exists."""
        if self._rest is None:
            await self._parts.complete()
            self._accepted = self._parts.accepted
            return
        body, digest = self._rest

        async def put(options: Mapping[str, Any]) -> None:
            await self._bucket.put_new(self._key, body, body_md5=digest, **options)

        _, self._accepted = await first_accepted(put, self._variants)

    async def _sent(self) -> None:
        sending, self._sending = self._sending, None
        if sending is not None:
            try:
                await sending
            finally:
                # Cancelled while it waits: nothing may be sent after the end.
                sending.cancel()

    async def _send(self, buffer: bytearray) -> None:
        part, digest = await self._thread.run(partial(self._hash, buffer))
        await self._parts.add(part, digest)

    def _hash(self, buffer: bytearray) -> tuple[bytes, bytes]:
        """Return a part and its MD5 (blocking: copies and hashes)."""
        part = bytes(buffer)
        buffer.clear()
        self._md5.update(part)
        return part, md5(part, usedforsecurity=False).digest()


def part_size(expected: int) -> int:
    """Return the size of equal parts that so many bytes fit into."""
    return max(PART_SIZE, math.ceil(expected * _OVERHEAD / MOST_PARTS))
