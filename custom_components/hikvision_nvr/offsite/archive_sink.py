"""Writes an archive as one new object, in bounded memory."""

import asyncio
from collections.abc import Mapping
from hashlib import md5
from types import TracebackType
from typing import Any, Final, Self

from .bucket import Bucket
from .multipart import PART_SIZE, MultipartUpload
from .options import first_accepted, option_variants

ARCHIVE_TAG: Final = "archived=yes"


class ArchiveSink:
    """Collects bytes and sends them in parts, or in one request when they are few.

    Use it with ``async with``: what was not finished is aborted.
    """

    def __init__(self, bucket: Bucket, key: str, storage_class: str) -> None:
        """Write to ``key`` in the storage class, if the service has it."""
        self._bucket = bucket
        self._key = key
        self._variants = option_variants(
            {"ContentType": "application/gzip"}, storage_class, ARCHIVE_TAG
        )
        self._parts = MultipartUpload(bucket, key, self._variants)
        self._buffer = bytearray()
        self._md5 = md5(usedforsecurity=False)
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
        await self._parts.__aexit__(kind, error, traceback)

    @property
    def etags(self) -> set[str]:
        """The ETags that the object may have if it holds exactly what was written.

        Some services give an object in parts the MD5 of its whole content.
        """
        whole = self._md5.hexdigest()
        return {whole, self._parts.etag} if self._parts.size else {whole}

    @property
    def tagged(self) -> bool:
        """Whether the service took the tag."""
        return "Tagging" in self._accepted

    async def write(self, data: bytes) -> None:
        """Append bytes; sends a part whenever one is full."""
        self._buffer += data
        self.size += len(data)
        while len(self._buffer) >= PART_SIZE:
            await self._send_part()

    async def finish(self) -> None:
        """Send the rest and make the object; raises KeyTakenError if it exists."""
        if self._parts.size:
            if self._buffer:
                await self._send_part()
            await self._parts.complete()
            self._accepted = self._parts.accepted
        else:
            await self._put_whole()

    async def _send_part(self) -> None:
        part, digest = await asyncio.to_thread(self._cut_part)
        await self._parts.add(part, digest)

    async def _put_whole(self) -> None:
        body, digest = await asyncio.to_thread(self._cut_part)

        async def put(options: Mapping[str, Any]) -> None:
            await self._bucket.put_new(self._key, body, body_md5=digest, **options)

        _, self._accepted = await first_accepted(put, self._variants)

    def _cut_part(self) -> tuple[bytes, bytes]:
        """Take a part's worth off the buffer (blocking: copies and hashes)."""
        part = bytes(memoryview(self._buffer)[:PART_SIZE])
        del self._buffer[:PART_SIZE]
        self._md5.update(part)
        return part, md5(part, usedforsecurity=False).digest()
