"""A multipart upload that never leaves parts behind (AWS S3 API)."""

from collections.abc import Mapping, Sequence
from hashlib import md5
import logging
from types import TracebackType
from typing import Any, Final, Self

from botocore.exceptions import BotoCoreError, ClientError

from .bucket import Bucket, KeyTakenError, content_md5
from .failure import is_not_found, is_precondition_failed
from .options import first_accepted
from .shielding import finished

PART_SIZE: Final = 16 * 1024 * 1024
ABORT_SECONDS: Final = 0.9

_LOGGER = logging.getLogger(__package__)


class MultipartUpload:
    """Writes one object in parts of equal size, the last one smaller.

    Use it with ``async with``: unless ``complete`` succeeded, leaving the block aborts
    the upload, also on cancellation. Parts are paid for until they are aborted.
    """

    def __init__(
        self, bucket: Bucket, key: str, variants: Sequence[Mapping[str, Any]]
    ) -> None:
        """Prepare an upload; ``variants`` are its options, the best ones first."""
        self._bucket = bucket
        self._key = key
        self._variants = variants
        self._id: str | None = None
        self._parts: list[tuple[str, bytes]] = []
        self._size = 0
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
        """Abort what was begun and not completed."""
        if self._id is not None:
            await finished(self._abort(), within=ABORT_SECONDS)

    @property
    def etag(self) -> str:
        """The ETag that the parts give: the MD5 of their MD5s, and their number."""
        joined = md5(
            b"".join(digest for _, digest in self._parts), usedforsecurity=False
        )
        return f"{joined.hexdigest()}-{len(self._parts)}"

    @property
    def size(self) -> int:
        """Bytes sent so far."""
        return self._size

    async def add(self, part: bytes, part_md5: bytes) -> None:
        """Send the next part; its MD5 lets the service refuse a damaged one."""
        if self._id is None:
            # Cancelled between its request and its answer, an upload would stay
            # behind whose id nobody knows.
            await finished(self._create(), within=ABORT_SECONDS)
        number = len(self._parts) + 1
        answer = await self._bucket.client.upload_part(
            Bucket=self._bucket.name,
            Key=self._key,
            UploadId=str(self._id),
            PartNumber=number,
            Body=part,
            ContentMD5=content_md5(part_md5),
        )
        self._parts.append((answer["ETag"], part_md5))
        self._size += len(part)

    async def complete(self) -> None:
        """Make the object out of the parts; raises KeyTakenError if the key is not free.

        An error after which the object is there as it should be is no error: the
        answer to the request was lost, or to its repetition.
        """
        await self._bucket.require_free(self._key)
        try:
            await self._bucket.client.complete_multipart_upload(
                Bucket=self._bucket.name,
                Key=self._key,
                UploadId=str(self._id),
                MultipartUpload={
                    "Parts": [
                        {"ETag": etag, "PartNumber": number}
                        for number, (etag, _) in enumerate(self._parts, start=1)
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
            self._id = None
            return
        await self._abort()
        self._id = None

    async def _create(self) -> None:
        create = self._bucket.client.create_multipart_upload

        async def begin(options: Mapping[str, Any]) -> str:
            answer = await create(Bucket=self._bucket.name, Key=self._key, **options)
            return answer["UploadId"]

        self._id, self.accepted = await first_accepted(begin, self._variants)

    async def _is_there(self) -> bool:
        stored = await self._bucket.head(self._key)
        return stored is not None and (stored.etag, stored.size) == (
            self.etag,
            self._size,
        )

    async def _abort(self) -> None:
        try:
            await self._bucket.client.abort_multipart_upload(
                Bucket=self._bucket.name, Key=self._key, UploadId=str(self._id)
            )
        except (ClientError, BotoCoreError) as error:
            if not (isinstance(error, ClientError) and is_not_found(error)):
                _LOGGER.warning(
                    "Parts of %s may be left in bucket %s: %s",
                    self._key,
                    self._bucket.name,
                    type(error).__name__,
                )
