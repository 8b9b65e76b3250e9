"""A multipart upload that never leaves parts behind unknown (AWS S3 API)."""

import asyncio
import base64
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import md5, sha256
import logging
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from botocore.exceptions import BotoCoreError, ClientError

from ..errors import OffsiteAccessDeniedError, OffsiteError
from .bucket import Bucket, KeyTakenError, plain_etag
from .failure import code_of, is_not_found, is_precondition_failed, kind_of
from .options import first_accepted
from .shielding import finished

if TYPE_CHECKING:
    from types_aiobotocore_s3.type_defs import CompletedPartTypeDef

PART_SIZE: Final = 16 * 1024 * 1024
ABORT_SECONDS: Final = 0.9
NO_SUCH_UPLOAD: Final = "NoSuchUpload"

_LOGGER = logging.getLogger(__package__)


@dataclass(frozen=True, slots=True)
class _Part:
    etag: str
    md5: bytes
    sha256: bytes | None


class MultipartUpload:
    """Writes one object in parts of equal size, the last one smaller.

    Use it with ``async with``: unless ``complete`` succeeded or ``keep`` was called,
    leaving the block aborts the upload, also on cancellation. Parts are paid for until
    they are aborted.
    """

    def __init__(
        self,
        bucket: Bucket,
        key: str,
        variants: Sequence[Mapping[str, Any]],
        *,
        begun: str | None = None,
        on_begin: Callable[[str], Awaitable[None]] | None = None,
    ) -> None:
        """Prepare an upload; ``variants`` are its options, the best ones first.

        ``begun`` is the id of an upload that was kept: parts that are there already
        are not sent again. ``on_begin`` is told the id of a new one.
        """
        self._bucket = bucket
        self._key = key
        self._variants = variants
        self._begun = begun
        self._on_begin = on_begin
        self._id: str | None = None
        self._there: dict[int, tuple[str, int]] = {}
        self._parts: dict[int, _Part] = {}
        self._numbered = 0
        self._beginning = asyncio.Lock()
        self._size = 0
        self._kept = False
        self.accepted: Mapping[str, Any] = variants[0]

    async def __aenter__(self) -> Self:
        """Begin nothing yet: the first part does."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Abort what was begun and neither completed nor kept."""
        upload_id = self._id or self._begun
        if upload_id is not None and not self._kept:
            await finished(self._abort(upload_id), within=ABORT_SECONDS)

    @property
    def etag(self) -> str:
        """The ETag that the parts give: the MD5 of their MD5s, and their number."""
        joined = b"".join(part.md5 for _, part in sorted(self._parts.items()))
        digest = md5(joined, usedforsecurity=False).hexdigest()
        return f"{digest}-{len(self._parts)}"

    @property
    def size(self) -> int:
        """Bytes sent so far, those of earlier attempts included."""
        return self._size

    def keep(self) -> None:
        """Leave the parts that were sent where they are, to go on later."""
        self._kept = True

    async def add(
        self, part: bytes | bytearray, part_md5: bytes, part_sha256: bytes | None = None
    ) -> None:
        """Send the next part; its digests let the service refuse a damaged one.

        Several may be on their way at once: the order is that of the calls.
        """
        self._numbered += 1
        number = self._numbered
        async with self._beginning:
            if self._id is None and self._begun is not None:
                await self._go_on(self._begun)
            if self._id is None:
                # Cancelled between its request and its answer, an upload would stay
                # behind whose id nobody knows.
                await finished(self._create(), within=ABORT_SECONDS)
        etag, size = self._there.get(number, ("", 0))
        if (etag, size) != (part_md5.hex(), len(part)):
            options = {}
            if "ChecksumAlgorithm" in self.accepted:
                part_sha256 = part_sha256 or sha256(part).digest()
                options["ChecksumSHA256"] = base64.b64encode(part_sha256).decode()
            etag = await self._bucket.put_part(
                self._key,
                str(self._id),
                number,
                part,
                part_md5=part_md5,
                part_sha256=part_sha256,
                **options,
            )
        self._parts[number] = _Part(etag, part_md5, part_sha256)
        self._size += len(part)

    async def complete(self) -> None:
        """Make the object out of the parts; raises KeyTakenError if the key is not free.

        An error after which the object is there as it should be is no error: the
        answer to the request was lost, or to its repetition.
        """
        await self._bucket.require_free_to_complete(self._key)
        try:
            await self._bucket.client.complete_multipart_upload(
                Bucket=self._bucket.name,
                Key=self._key,
                UploadId=str(self._id),
                MultipartUpload={
                    "Parts": [
                        self._named(part, number)
                        for number, part in sorted(self._parts.items())
                    ]
                },
                **await self._bucket.no_overwrite(),
            )
        except (ClientError, BotoCoreError) as error:
            if not await self._is_there():
                if isinstance(error, ClientError) and is_precondition_failed(error):
                    raise KeyTakenError(self._key) from error
                raise
        else:
            self._id = self._begun = None
            return
        await self._abort(str(self._id))
        self._id = self._begun = None

    async def _create(self) -> None:
        create = self._bucket.client.create_multipart_upload

        async def begin(options: Mapping[str, Any]) -> str:
            answer = await create(Bucket=self._bucket.name, Key=self._key, **options)
            return answer["UploadId"]

        upload_id, self.accepted = await first_accepted(begin, self._variants)
        self._id = upload_id
        if self._on_begin is not None:
            await self._on_begin(upload_id)

    async def _go_on(self, upload_id: str) -> None:
        """Find out which parts an upload has that was begun earlier.

        One that is gone, or that may not be asked about, is begun anew.
        """
        paginator = self._bucket.client.get_paginator("list_parts")
        try:
            async for page in paginator.paginate(
                Bucket=self._bucket.name, Key=self._key, UploadId=upload_id
            ):
                self._there |= {
                    part["PartNumber"]: (plain_etag(part["ETag"]), part["Size"])
                    for part in page.get("Parts", ())
                }
        except ClientError as error:
            if kind_of(error) not in {OffsiteError, OffsiteAccessDeniedError}:
                raise
            await self._abort(upload_id)
            self._begun = None
            self._there = {}
        else:
            self._id = upload_id

    def _named(self, part: _Part, number: int) -> CompletedPartTypeDef:
        named: CompletedPartTypeDef = {"ETag": part.etag, "PartNumber": number}
        if "ChecksumAlgorithm" in self.accepted and part.sha256 is not None:
            named["ChecksumSHA256"] = base64.b64encode(part.sha256).decode()
        return named

    async def _is_there(self) -> bool:
        stored = await self._bucket.head(self._key)
        return stored is not None and (stored.etag, stored.size) == (
            self.etag,
            self._size,
        )

    async def _abort(self, upload_id: str) -> None:
        try:
            await self._bucket.client.abort_multipart_upload(
                Bucket=self._bucket.name, Key=self._key, UploadId=upload_id
            )
        except (ClientError, BotoCoreError) as error:
            if not (isinstance(error, ClientError) and _is_gone(error)):
                _LOGGER.warning(
                    "Parts of %s may be left in bucket %s: %s",
                    self._key,
                    self._bucket.name,
                    type(error).__name__,
                )


def _is_gone(error: ClientError) -> bool:
    return is_not_found(error) or code_of(error) == NO_SUCH_UPLOAD
