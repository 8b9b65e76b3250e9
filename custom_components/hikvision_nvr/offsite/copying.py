"""Copies an object within the bucket to a free key, and proves the copy."""

import asyncio
from hashlib import md5
from http import HTTPStatus
from typing import Any, Final

from botocore.exceptions import ClientError

from ..errors import OffsiteError
from .archive_source import OpenSource, SourceFailedError, open_source
from .bucket import (
    Bucket,
    KeyTakenError,
    StoredObject,
    content_md5,
    is_md5,
)
from .failure import code_of, is_conflict, is_precondition_failed, status_of
from .multipart import PART_SIZE, MultipartUpload

MOST_COPIED: Final = 5 << 30
"""Bytes that CopyObject takes (AWS S3 API); what is larger is read and written."""

_NO_COPY: Final = frozenset({HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED})


class CopyDiffersError(OffsiteError):
    """A copy is not what it was made of; its source is kept."""


class Copier:
    """Makes proven copies within one bucket.

    Its methods raise what botocore raises, and SourceFailedError for a source that had
    to be read and could not.
    """

    def __init__(self, bucket: Bucket) -> None:
        """Ask nothing of the service yet."""
        self._bucket = bucket
        self._conditional: bool | None = None
        self._copies = True
        self._asking = asyncio.Lock()

    async def refuses_overwrite(self) -> bool:
        """Whether a copy that would replace an object is refused; asked once."""
        async with self._asking:
            if self._conditional is None:
                known = self._bucket.capabilities
                self._conditional = (
                    await self._ask() if known is None else known.conditional_copy
                )
        return self._conditional

    async def copy(self, source: StoredObject, key: str) -> None:
        """Copy a source, if it is as listed, to a free key; when this returns it is proven.

        Raises KeyTakenError when the key is not free, CopyDiffersError.
        """
        if self._copies and source.size <= MOST_COPIED:
            try:
                etag = await self._copy(source, key)
            except ClientError as error:
                if status_of(error) not in _NO_COPY:
                    raise
                self._copies = False
            else:
                if not await self._is_copy(key, etag, source):
                    raise CopyDiffersError("the copy differs, the source is kept")
                return
        await self._copy_by_reading(source, key)

    async def _copy(self, source: StoredObject, key: str) -> str:
        try:
            return await self._bucket.copy(
                source, key, refuse_overwrite=await self.refuses_overwrite()
            )
        except ClientError as error:
            # Both conditions fail with 412; the target tells which it was.
            if is_precondition_failed(error) and await self._bucket.head(key):
                raise KeyTakenError(key) from error
            raise

    async def _is_copy(self, key: str, etag: str, source: StoredObject) -> bool:
        """Whether the copy has the source's MD5, or its size where ETags do not tell.

        A copy of what was uploaded in parts has an ETag of another kind, and with KMS
        encryption every copy has its own.
        """
        if is_md5(etag) and etag == source.etag:
            return True
        stored = await self._bucket.head(key)
        if stored is None or stored.size != source.size:
            return False
        tells = is_md5(stored.etag) and is_md5(source.etag)
        return stored.etag == source.etag or stored.etag_is_opaque or not tells

    async def _copy_by_reading(self, source: StoredObject, key: str) -> None:
        """Read the source and write it again, for what CopyObject cannot do."""
        reader = await open_source(self._bucket, source)
        options: dict[str, Any] = {
            "Metadata": reader.metadata,
            "ContentType": reader.content_type,
        }
        try:
            if source.size <= PART_SIZE:
                body = b"".join([chunk async for chunk in reader.chunks()])
                digest = md5(body, usedforsecurity=False).digest()
                await self._bucket.put_new(key, body, body_md5=digest, **options)
            else:
                await self._write_in_parts(reader, key, options)
        finally:
            reader.close()

    async def _write_in_parts(
        self, reader: OpenSource, key: str, options: dict[str, Any]
    ) -> None:
        await self._bucket.require_free(key)
        buffer = bytearray()
        async with MultipartUpload(self._bucket, key, [options]) as parts:

            async def send() -> None:
                part = bytes(memoryview(buffer)[:PART_SIZE])
                del buffer[:PART_SIZE]
                digest = await asyncio.to_thread(
                    lambda: md5(part, usedforsecurity=False).digest()
                )
                await parts.add(part, digest)

            async for chunk in reader.chunks():
                buffer += chunk
                if len(buffer) >= PART_SIZE:
                    await send()
            if buffer:
                await send()
            await parts.complete()

    async def _ask(self) -> bool:
        """Copy an object over another one on the condition that there is none.

        Some services honour the condition when an object is put and not when it is
        copied, and ignore it without a word.
        """
        source, target = (
            self._bucket.layout.reserved_key(f"probe-copy-{end}")
            for end in ("source", "target")
        )
        client, name = self._bucket.client, self._bucket.name
        empty = content_md5(md5(b"", usedforsecurity=False).digest())
        for key in (source, target):
            await client.put_object(Bucket=name, Key=key, Body=b"", ContentMD5=empty)
        honoured = False
        try:
            await client.copy_object(
                Bucket=name,
                Key=target,
                CopySource={"Bucket": name, "Key": source},
                IfNoneMatch="*",
            )
        except ClientError as error:
            honoured = is_precondition_failed(error) or is_conflict(error)
        await self._bucket.delete([source, target])
        return honoured


def why(error: Exception) -> str:
    """Return in a few words why a copy was not made."""
    if isinstance(error, ClientError):
        if is_precondition_failed(error):
            return "changed meanwhile, kept"
        return code_of(error)
    if isinstance(error, SourceFailedError):
        return error.reason
    if isinstance(error, CopyDiffersError):
        return str(error)
    return type(error).__name__
