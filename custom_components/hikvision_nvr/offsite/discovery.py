"""Finds out what an S3 service can do, by trying it out on small objects.

Nothing is looked up by the service's name: what a version of it can do, and what a
key may do, is told by the answers alone. A key that may not delete leaves the probes
behind; their names are always the same.
"""

import base64
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import md5, sha256
from http import HTTPStatus
from typing import Any, Final

from botocore.exceptions import ClientError

from ..errors import OffsiteAccessDeniedError, OffsiteError
from .bucket import DEFAULT_CLASS, Bucket, content_md5
from .capabilities import Capabilities
from .failure import code_of, is_conflict, is_precondition_failed, kind_of, status_of

ARCHIVE_CLASSES: Final = (
    "STANDARD_IA",
    "GLACIER_IR",
    "GLACIER",
    "DEEP_ARCHIVE",
)
_CONTENT: Final = b"hikvision_nvr"
_CONTENT_MD5: Final = content_md5(md5(_CONTENT, usedforsecurity=False).digest())
_OTHER_SHA256: Final = base64.b64encode(sha256(b"other").digest()).decode()
_NEW_ONLY: Final = {"IfNoneMatch": "*"}
_TAG: Final = "probe=yes"
_UNSUPPORTED: Final = frozenset(
    {HTTPStatus.NOT_IMPLEMENTED, HTTPStatus.METHOD_NOT_ALLOWED}
)


async def discover(bucket: Bucket) -> Capabilities:
    """Try out everything. Raises what botocore raises when S3 cannot be used at all."""
    probe = _Probe(bucket)
    try:
        # Some services ignore a condition without a word: only the second write tells.
        # Not the object that uploads try the same with, perhaps at this moment.
        await probe.tried(lambda: probe.put("probe-object", **_NEW_ONLY))
        conditional_put = await probe.refused_as_taken(
            lambda: probe.put("probe-object", **_NEW_ONLY)
        )
        copy = await probe.tried(lambda: probe.copy("probe-copy"))
        return Capabilities(
            conditional_put=conditional_put,
            conditional_complete=await probe.refused_as_taken(probe.complete),
            conditional_copy=copy
            and await probe.refused_as_taken(
                lambda: probe.copy("probe-copy", **_NEW_ONLY)
            ),
            copy=copy,
            tagging=await probe.tried(probe.tag) and await probe.is_tagged(),
            checksum=not await probe.tried(
                lambda: probe.put("probe-checksum", ChecksumSHA256=_OTHER_SHA256)
            ),
            storage_classes=(DEFAULT_CLASS, *await probe.classes()),
            restore=await probe.restores(),
            versioning=await probe.versioning(),
            object_lock=await probe.object_lock(),
            multi_delete=await probe.deletes_many(),
            delete=await probe.tried(probe.delete),
            checked=datetime.now(UTC),
        )
    finally:
        await probe.clean_up()


class _Probe:
    """Requests on objects of our own, below the reserved folder."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._client = bucket.client
        self._name = bucket.name
        self._keys: set[str] = set()

    def _key(self, name: str) -> str:
        key = self._bucket.layout.reserved_key(name)
        self._keys.add(key)
        return key

    async def tried(self, request: Callable[[], Awaitable[object]]) -> bool:
        """Whether the service does it; raises what says nothing about that."""
        try:
            await request()
        except ClientError as error:
            if kind_of(error) not in {OffsiteError, OffsiteAccessDeniedError}:
                raise
            return False
        return True

    async def refused_as_taken(self, request: Callable[[], Awaitable[object]]) -> bool:
        """Whether a write on the condition of a free key was refused for that."""
        try:
            await request()
        except ClientError as error:
            if is_precondition_failed(error) or is_conflict(error):
                return True
            if kind_of(error) not in {OffsiteError, OffsiteAccessDeniedError}:
                raise
        return False

    async def put(self, name: str, **options: Any) -> None:
        await self._client.put_object(
            Bucket=self._name,
            Key=self._key(name),
            Body=_CONTENT,
            ContentMD5=_CONTENT_MD5,
            **options,
        )

    async def copy(self, name: str, **options: Any) -> None:
        await self._client.copy_object(
            Bucket=self._name,
            Key=self._key(name),
            CopySource={
                "Bucket": self._name,
                "Key": self._key("probe-object"),
            },
            **options,
        )

    async def complete(self) -> None:
        """Complete an upload in parts over an object that is there."""
        key = self._key("probe-object")
        begun = await self._client.create_multipart_upload(Bucket=self._name, Key=key)
        upload_id = begun["UploadId"]
        try:
            part = await self._client.upload_part(
                Bucket=self._name,
                Key=key,
                UploadId=upload_id,
                PartNumber=1,
                Body=_CONTENT,
                ContentMD5=_CONTENT_MD5,
            )
            await self._client.complete_multipart_upload(
                Bucket=self._name,
                Key=key,
                UploadId=upload_id,
                MultipartUpload={"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]},
                IfNoneMatch="*",
            )
        except BaseException:
            with suppress(ClientError):
                await self._client.abort_multipart_upload(
                    Bucket=self._name, Key=key, UploadId=upload_id
                )
            raise

    async def tag(self) -> None:
        await self.put("probe-tag", Tagging=_TAG)

    async def is_tagged(self) -> bool:
        try:
            answer = await self._client.get_object_tagging(
                Bucket=self._name, Key=self._key("probe-tag")
            )
        except ClientError as error:
            # Whoever may set tags need not be allowed to read them.
            return kind_of(error) is OffsiteAccessDeniedError
        return bool(answer["TagSet"])

    async def classes(self) -> list[str]:
        """Return the storage classes besides the usual one.

        They are known for AWS, where an object in a cold class is billed for months.
        """
        if self._bucket.settings.endpoint_url is None:
            return list(ARCHIVE_CLASSES)
        found: list[str] = []
        for name in ARCHIVE_CLASSES:
            if await self.tried(lambda: self.put("probe-class", StorageClass=name)):  # noqa: B023
                stored = await self._bucket.head(self._key("probe-class"))
                if stored is not None and stored.storage_class == name:
                    found.append(name)
        return found

    async def restores(self) -> bool:
        """Whether archived objects can be asked back: this one is not archived."""
        try:
            await self._client.restore_object(
                Bucket=self._name,
                Key=self._key("probe-object"),
                RestoreRequest={"Days": 1},
            )
        except ClientError as error:
            return code_of(error) == "InvalidObjectState" or (
                status_of(error) not in _UNSUPPORTED
                and kind_of(error) is OffsiteAccessDeniedError
                and self._bucket.settings.endpoint_url is None
            )
        return True

    async def versioning(self) -> bool | None:
        try:
            answer = await self._client.get_bucket_versioning(Bucket=self._name)
        except ClientError as error:
            return None if kind_of(error) is OffsiteAccessDeniedError else False
        return answer.get("Status") == "Enabled"

    async def object_lock(self) -> bool | None:
        try:
            answer = await self._client.get_object_lock_configuration(Bucket=self._name)
        except ClientError as error:
            return None if kind_of(error) is OffsiteAccessDeniedError else False
        lock = answer.get("ObjectLockConfiguration", {})
        return lock.get("ObjectLockEnabled") == "Enabled"

    async def deletes_many(self) -> bool:
        """Whether one request may name many objects to delete."""
        try:
            await self._client.delete_objects(
                Bucket=self._name,
                Delete={"Objects": [{"Key": self._key("probe-copy")}], "Quiet": True},
            )
        except ClientError as error:
            return status_of(error) == HTTPStatus.FORBIDDEN
        return True

    async def delete(self) -> None:
        await self._client.delete_object(
            Bucket=self._name, Key=self._key("probe-object")
        )

    async def clean_up(self) -> None:
        for key in sorted(self._keys):
            await self._bucket.forget(key)
