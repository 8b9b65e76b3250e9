"""The few things that the recorder does with a bucket (AWS S3 API)."""

import asyncio
import base64
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import md5, sha256
from http import HTTPStatus
from itertools import batched
import re
import time
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from ..errors import OffsiteError
from ..model import S3Settings
from .capabilities import Capabilities
from .concurrency import for_each
from .failure import (
    code_of,
    is_conflict,
    is_not_found,
    is_precondition_failed,
    status_of,
)
from .http import BadAnswerError
from .keys import Layout
from .list_answer import ListAnswer, ListedObject
from .sender import HEADERS, Body, RedirectedError, Sender

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client

DELETE_BATCH: Final = 1000
DEFAULT_CLASS: Final = "STANDARD"
LOCK_REFUSED_SECONDS: Final = 3600.0
"""For so long a service that has refused to lock an object is not asked to again."""

_NO_BATCH_DELETE: Final = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.METHOD_NOT_ALLOWED,
        HTTPStatus.NOT_IMPLEMENTED,
    }
)
_CONDITION_UNKNOWN: Final = frozenset(
    {"NotImplemented", "InvalidArgument", "InvalidRequest"}
)
_LISTING_NAMES: Final = {
    "prefix": "Prefix",
    "delimiter": "Delimiter",
    "start-after": "StartAfter",
    "continuation-token": "ContinuationToken",
    "max-keys": "MaxKeys",
}
_PAGE: Final = 1000
"""Keys of a page of a listing, where no fewer are asked for (AWS S3 API)."""
_SINGLE_DELETES_AT_ONCE: Final = 8
_MD5: Final = re.compile("[0-9a-f]{32}")
_FREE_SECONDS: Final = 0.3
"""For so long a key counts as free that HEAD has not found."""


class KeyTakenError(Exception):
    """There is already an object of this name."""


class StoredDifferentlyError(OffsiteError):
    """The service says that it stored other bytes than it was sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """An object as a listing or a HEAD shows it.

    ``etag`` is without quotes. With ``etag_is_opaque`` it says nothing about the bytes;
    a listing does not show that, nor the metadata, nor whether an Object Lock keeps it.
    """

    key: str
    size: int
    etag: str
    modified: datetime
    storage_class: str
    metadata: Mapping[str, str] = field(default_factory=dict, compare=False)
    etag_is_opaque: bool = False
    locked: bool = False

    @property
    def etag_is_md5(self) -> bool:
        """Whether the ETag is the MD5 of the object's bytes."""
        return not self.etag_is_opaque and is_md5(self.etag)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of a listing: objects, and the folders when listed with a delimiter."""

    objects: tuple[StoredObject, ...]
    folders: tuple[str, ...]


class Bucket:
    """A bucket and the client that talks to it.

    Its methods raise what botocore raises; callers wrap them in ``readable_errors``.
    """

    def __init__(
        self, client: S3Client, settings: S3Settings, sender: Sender | None = None
    ) -> None:
        """Take a client and a sender that live as long as this.

        Without a sender the client does its work as well, at more cost.
        """
        self.client = client
        self._sender = sender
        self.capabilities: Capabilities | None = None
        self.lock_missing = False
        self._lock_again_at = 0.0
        self.settings = settings
        self.name = settings.bucket
        self.layout = Layout.below(settings.prefix)
        self._conditional: bool | None = None
        self._asking = asyncio.Lock()

    async def check(self) -> None:
        """Ask for one line of a listing: is the bucket there, are the keys right?"""
        await self.client.list_objects_v2(
            Bucket=self.name, Prefix=self.layout.prefix, MaxKeys=1
        )

    async def head(self, key: str) -> StoredObject | None:
        """Return what is known of an object, None when there is none."""
        try:
            answer = await self._head(key)
        except ClientError as error:
            if is_not_found(error):
                return None
            raise
        return StoredObject(
            key=key,
            size=answer["ContentLength"],
            etag=plain_etag(answer["ETag"]),
            modified=answer["LastModified"],
            storage_class=answer.get("StorageClass", DEFAULT_CLASS),
            metadata=answer.get("Metadata", {}),
            etag_is_opaque=has_opaque_etag(answer),
            locked=is_locked(answer, datetime.now(UTC)),
        )

    async def copy(
        self, source: StoredObject, key: str, *, refuse_overwrite: bool
    ) -> str:
        """Copy an object if it still is as listed; return the copy's ETag."""
        options = {"CopySourceIfMatch": f'"{source.etag}"'}
        if refuse_overwrite:
            options["IfNoneMatch"] = "*"
        if self._sender is not None:
            try:
                sent = await self._sender.copy(self.name, source.key, key, options)
            except RedirectedError:
                self._sender = None
            else:
                return plain_etag(sent["ETag"])
        answer = await self.client.copy_object(
            Bucket=self.name,
            Key=key,
            CopySource={"Bucket": self.name, "Key": source.key},
            **options,  # type: ignore[arg-type]
        )
        return plain_etag(answer.get("CopyObjectResult", {}).get("ETag", ""))

    async def get_whole(self, source: StoredObject) -> Mapping[str, Any]:
        """Read an object if it still is as listed: botocore's answer, ``Body`` bytes."""
        condition = f'"{source.etag}"'
        if self._sender is not None:
            try:
                return await self._sender.get(
                    source.key, source.size, {"IfMatch": condition}
                )
            except RedirectedError:
                self._sender = None
        answer = await self.client.get_object(
            Bucket=self.name, Key=source.key, IfMatch=condition
        )
        try:
            body = await answer["Body"].read()
        finally:
            answer["Body"].close()
        return {**answer, "Body": body}

    async def pages(
        self,
        prefix: str,
        *,
        folders: bool = False,
        after: str = "",
        first: int = _PAGE,
    ) -> AsyncIterator[Page]:
        """List what is below a prefix; with ``folders`` only one level deep.

        ``after`` is the key behind which the listing begins. The first page has at most
        ``first`` keys, each further one four times as many as the one before.
        """
        query = {"prefix": prefix}
        if folders:
            query["delimiter"] = "/"
        if after > prefix:
            query["start-after"] = after
        token: str | None = None
        while True:
            asked = query if token is None else {**query, "continuation-token": token}
            if first < _PAGE:
                asked = {**asked, "max-keys": str(first)}
                first *= 4
            answer = await self._listed(asked)
            yield Page(
                objects=tuple(
                    StoredObject(
                        key=entry.key,
                        size=entry.size,
                        etag=entry.etag,
                        modified=entry.modified,
                        storage_class=entry.storage_class or DEFAULT_CLASS,
                    )
                    for entry in answer.objects
                ),
                folders=answer.folders,
            )
            if answer.next_token is None:
                return
            if answer.next_token == token:
                raise BadAnswerError("the service lists the same page for ever")
            token = answer.next_token

    async def objects(self, prefix: str) -> AsyncIterator[StoredObject]:
        """List every object below a prefix, in the order of keys."""
        async for page in self.pages(prefix):
            for entry in page.objects:
                yield entry

    async def cameras(self) -> list[str]:
        """Return the cameras that have a folder in the bucket, sorted."""
        found = [
            camera
            async for page in self.pages(self.layout.prefix, folders=True)
            for folder in page.folders
            if (camera := self.layout.camera_of(folder)) is not None
        ]
        return sorted(found)

    async def put_new(
        self,
        key: str,
        body: bytes | bytearray,
        *,
        body_md5: bytes,
        body_sha256: bytes | None = None,
        free: float | None = None,
        **options: Any,
    ) -> None:
        """Write an object under a free key, its bytes proved by their digests.

        ``free`` is what ``seen_free`` has said of the key, if it was asked. Raises
        KeyTakenError when the key is not free.
        """
        if free is None or time.monotonic() - free > _FREE_SECONDS:
            await self.require_free(key)
        try:
            answer = await self._put(
                key,
                body,
                body_md5,
                body_sha256,
                {**await self.no_overwrite(), **options},
            )
        except ClientError as error:
            if not is_precondition_failed(error):
                raise
            stored = await self.head(key)
            if stored and (stored.etag, stored.size) == (body_md5.hex(), len(body)):
                # Written by the request whose answer was lost.
                return
            raise KeyTakenError(key) from error
        etag = plain_etag(answer.get("ETag", ""))
        opaque = has_opaque_etag(answer)
        told = is_md5(etag) and not opaque
        if told and etag != body_md5.hex():
            raise StoredDifferentlyError(f"{key} was not stored as it was sent")
        if told or await self.refuses_overwrite():
            return
        stored = await self.head(key)
        if stored is None or stored.size != len(body):
            raise StoredDifferentlyError(f"{key} was not stored as it was sent")

    async def put_part(
        self,
        key: str,
        upload_id: str,
        number: int,
        part: bytes | bytearray,
        *,
        part_md5: bytes,
        part_sha256: bytes | None = None,
        **options: Any,
    ) -> str:
        """Send a part of a multipart upload and return its ETag as it was answered."""
        if self._sender is not None:
            body = await _body(part, part_md5, part_sha256)
            try:
                sent = await self._sender.put_part(
                    key, upload_id, number, body, options
                )
            except RedirectedError:
                self._sender = None
            else:
                return str(sent["ETag"])
        answer = await self.client.upload_part(
            Bucket=self.name,
            Key=key,
            UploadId=upload_id,
            PartNumber=number,
            Body=bytes(part),
            ContentMD5=content_md5(part_md5),
            **options,
        )
        return answer["ETag"]

    def lock_options(self, now: datetime) -> dict[str, Any]:
        """Return what keeps a new object from being deleted, if that is wanted."""
        days = self.settings.lock_days
        known = self.capabilities
        if (
            not days
            or (known and known.object_lock is False)
            or time.monotonic() < self._lock_again_at
        ):
            self.lock_missing = bool(days)
            return {}
        return {
            "ObjectLockMode": self.settings.lock_mode.upper(),
            "ObjectLockRetainUntilDate": now + timedelta(days=days),
        }

    def note_lock(self, accepted: Mapping[str, Any]) -> None:
        """Note whether the service has taken ``lock_options``.

        After a refusal it is not asked to lock for a while: each upload would be sent
        twice. Not for ever, because the owner may give the key what it lacks.
        """
        was_missing = self.lock_missing
        self.lock_missing = (
            self.settings.lock_days > 0 and "ObjectLockMode" not in accepted
        )
        if self.lock_missing and not (
            was_missing and time.monotonic() < self._lock_again_at
        ):
            self._lock_again_at = time.monotonic() + LOCK_REFUSED_SECONDS

    def checksum_of(self, digest: bytes) -> dict[str, str]:
        """Return what makes the service keep an object's SHA-256, if it can."""
        if not self._keeps_checksums:
            return {}
        return {"ChecksumSHA256": base64.b64encode(digest).decode()}

    @property
    def checksum_of_parts(self) -> dict[str, str]:
        """What makes the service keep the SHA-256 of each part, if it can."""
        return {"ChecksumAlgorithm": "SHA256"} if self._keeps_checksums else {}

    @property
    def _keeps_checksums(self) -> bool:
        known = self.capabilities
        return self.settings.checksum and known is not None and known.checksum

    @property
    def may_have_versions(self) -> bool:
        """Whether the bucket may keep what is deleted; told by the answer then."""
        known = self.capabilities
        return known is None or known.versioning is not False

    def room_for(self, size: int) -> AbstractAsyncContextManager[None]:
        """Return what to hold while a body of so many bytes is in memory."""
        return nullcontext() if self._sender is None else self._sender.room_for(size)

    async def require_free(self, key: str) -> None:
        """Raise KeyTakenError if the service would not refuse an overwrite itself."""
        if not await self.refuses_overwrite() and await self.head(key) is not None:
            raise KeyTakenError(key)

    async def seen_free(self, key: str) -> float | None:
        """Return when a key was seen free, on the monotonic clock.

        None if it is taken, or if the service refuses an overwrite itself.
        """
        asked = time.monotonic()
        if await self.refuses_overwrite() or await self.head(key) is not None:
            return None
        return asked

    async def require_free_to_complete(self, key: str) -> None:
        """Do the same for an upload in parts, whose completion is another request.

        Ceph RGW 16 refuses an overwrite by PutObject, and not by this one.
        """
        known = self.capabilities
        refuses = known is not None and known.conditional_complete
        if not refuses and await self.head(key) is not None:
            raise KeyTakenError(key)

    async def no_overwrite(self) -> dict[str, Any]:
        """Return the condition of a write that must not replace anything."""
        return {"IfNoneMatch": "*"} if await self.refuses_overwrite() else {}

    async def refuses_overwrite(self) -> bool:
        """Whether the service honours If-None-Match; found out once."""
        if self.capabilities is not None:
            return self.capabilities.conditional_put
        async with self._asking:
            if self._conditional is None:
                self._conditional = await self._ask_twice()
        return self._conditional

    async def unchanged(self, objects: Iterable[StoredObject]) -> set[str]:
        """Return the keys of those of ``objects`` that are listed just as before.

        ``objects`` are all of one folder. One listing request per 1000 of them.
        """
        before = {entry.key: entry for entry in objects}
        return {
            key
            for key, entry in (await self.listed(before)).items()
            if (before[key].etag, before[key].size) == (entry.etag, entry.size)
        }

    async def listed(self, keys: Iterable[str | None]) -> dict[str, StoredObject]:
        """Return what a listing shows of these keys, all of one folder.

        Only what lies between the first and the last of them is listed.
        """
        wanted = {key for key in keys if key is not None}
        found: dict[str, StoredObject] = {}
        if not wanted:
            return found
        first, last = min(wanted), max(wanted)
        folder = first.rpartition("/")[0] + "/"
        async for page in self.pages(folder, folders=True, after=first[:-1]):
            found |= {one.key: one for one in page.objects if one.key in wanted}
            if page.objects and page.objects[-1].key >= last:
                break
        return found

    async def delete(
        self, keys: Iterable[str], hidden: set[str] | None = None
    ) -> dict[str, str]:
        """Delete objects and return the error code of each that is still there.

        In a bucket with versions a deletion hides an object, whose bytes stay: such
        keys are added to ``hidden``.
        """
        failed: dict[str, str] = {}
        for batch in batched(keys, DELETE_BATCH, strict=False):
            try:
                answer = await self.client.delete_objects(
                    Bucket=self.name,
                    Delete={
                        "Objects": [{"Key": key} for key in batch],
                        # An answer that names all is only needed to find markers.
                        "Quiet": hidden is None,
                    },
                )
            except ClientError as error:
                if status_of(error) not in _NO_BATCH_DELETE:
                    raise
                failed |= await self._delete_singly(batch, hidden)
            else:
                if hidden is not None:
                    hidden |= {
                        entry["Key"]
                        for entry in answer.get("Deleted", ())
                        if entry.get("DeleteMarker")
                    }
                failed |= {
                    entry.get("Key", ""): entry.get("Code", "")
                    for entry in answer.get("Errors", ())
                }
        return failed

    async def _delete_singly(
        self, keys: Iterable[str], hidden: set[str] | None
    ) -> dict[str, str]:
        failed: dict[str, str] = {}

        async def delete(key: str) -> None:
            try:
                answer = await self.client.delete_object(Bucket=self.name, Key=key)
            except ClientError as error:
                if not is_not_found(error):
                    failed[key] = code_of(error)
            else:
                if hidden is not None and answer.get("DeleteMarker"):
                    hidden.add(key)

        await for_each(keys, delete, at_once=_SINGLE_DELETES_AT_ONCE)
        return failed

    async def _head(self, key: str) -> Mapping[str, Any]:
        if self._sender is not None:
            try:
                return await self._sender.head(key)
            except RedirectedError:
                self._sender = None
        answer: Mapping[str, Any] = await self.client.head_object(
            Bucket=self.name, Key=key
        )
        return answer

    async def _listed(self, query: Mapping[str, str]) -> ListAnswer:
        if self._sender is not None:
            try:
                return await self._sender.list_page(query)
            except RedirectedError:
                self._sender = None
        answer = await self.client.list_objects_v2(
            Bucket=self.name,
            **{
                _LISTING_NAMES[name]: int(value) if name == "max-keys" else value
                for name, value in query.items()
            },  # type: ignore[arg-type]
        )
        return ListAnswer(
            objects=tuple(
                ListedObject(
                    key=entry["Key"],
                    size=entry["Size"],
                    etag=plain_etag(entry["ETag"]),
                    modified=entry["LastModified"],
                    storage_class=entry.get("StorageClass"),
                )
                for entry in answer.get("Contents", ())
            ),
            folders=tuple(
                entry["Prefix"] for entry in answer.get("CommonPrefixes", ())
            ),
            next_token=answer.get("NextContinuationToken"),
        )

    async def _put(
        self,
        key: str,
        body: bytes | bytearray,
        body_md5: bytes,
        body_sha256: bytes | None,
        options: Mapping[str, Any],
    ) -> Mapping[str, Any]:
        if self._sender is not None and HEADERS.issuperset(options):
            known = await _body(body, body_md5, body_sha256)
            try:
                return await self._sender.put(key, known, options)
            except RedirectedError:
                # botocore follows redirects, and remembers where to.
                self._sender = None
        answer: Mapping[str, Any] = await self.client.put_object(
            Bucket=self.name,
            Key=key,
            Body=bytes(body),
            ContentMD5=content_md5(body_md5),
            **options,
        )
        return answer

    async def _ask_twice(self) -> bool:
        """Write the same object twice on the condition that it does not exist.

        Some services ignore the condition without a word, so only the second write
        tells. Where nothing may be deleted the object stays and answers at once.
        """
        key = self.layout.reserved_key("probe-conditional")
        honoured = False
        try:
            for _ in range(2):
                await self.client.put_object(
                    Bucket=self.name,
                    Key=key,
                    Body=b"",
                    ContentMD5=content_md5(md5(b"", usedforsecurity=False).digest()),
                    IfNoneMatch="*",
                )
        except ClientError as error:
            if code_of(error) in _CONDITION_UNKNOWN:
                return False
            honoured = is_precondition_failed(error) or is_conflict(error)
            if not honoured:
                raise
        await self.forget(key)
        return honoured

    async def forget(self, key: str) -> None:
        """Delete an object of our own, if the key may delete."""
        try:
            await self.client.delete_object(Bucket=self.name, Key=key)
        except ClientError:
            # A key that may not delete is a legitimate choice; nothing depends on it.
            return


async def _body(content: bytes | bytearray, md5_: bytes, sha256_: bytes | None) -> Body:
    if sha256_ is None:
        sha256_ = await asyncio.to_thread(lambda: sha256(content).digest())
    return Body(content=content, md5=md5_, sha256=sha256_)


def content_md5(digest: bytes) -> str:
    """Return a Content-MD5 header (RFC 1864)."""
    return base64.b64encode(digest).decode()


def plain_etag(etag: str) -> str:
    """Return an ETag without its quotes."""
    return etag.strip('"')


def is_md5(etag: str) -> bool:
    """Whether an ETag looks like one MD5; that of parts ends with their number."""
    return _MD5.fullmatch(etag) is not None


def is_locked(answer: Mapping[str, Any], now: datetime) -> bool:
    """Whether an Object Lock keeps an object: a legal hold, or a time not yet over."""
    until = answer.get("ObjectLockRetainUntilDate")
    held = answer.get("ObjectLockLegalHoldStatus") == "ON"
    return held or (until is not None and until > now)


def has_opaque_etag(answer: Mapping[str, Any]) -> bool:
    """Whether ETags say nothing about the bytes: with KMS or the customer's keys."""
    encryption = str(answer.get("ServerSideEncryption", ""))
    return encryption.startswith("aws:kms") or "SSECustomerAlgorithm" in answer
