"""Brings one capture to S3, once, and proves that it is there."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from hashlib import file_digest, md5, sha256
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any, Final
from urllib.parse import quote

from ..errors import OffsiteError
from ..model import Capture
from .bucket import Bucket, KeyTakenError, StoredObject
from .keys import with_suffix
from .multipart import PART_SIZE, MultipartUpload

if TYPE_CHECKING:
    from ..store import Upload

_CONTENT_TYPES: Final = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".mp4": "video/mp4",
}
_SUFFIX_LENGTH: Final = 8


class LocalFileError(OffsiteError):
    """Something is wrong with the local file; S3 has nothing to do with it."""


class LocalReadError(LocalFileError):
    """The local file cannot be read now."""


class UnsendableError(LocalFileError):
    """The local file is gone or is not what was stored: there is nothing to send."""


async def send(bucket: Bucket, upload: Upload) -> str:
    """Bring a capture to S3 and return its key there.

    A name that other content has is never overwritten: the capture then gets a suffix
    from its hash. Raises LocalFileError, OffsiteError, or what botocore raises.
    """
    capture = upload.capture
    put = _put_whole if capture.size <= PART_SIZE else _put_in_parts
    keys = _possible_keys(bucket, capture)
    try:
        for key in keys:
            try:
                await put(bucket, key, upload)
            except KeyTakenError:
                if not await _is_same(await bucket.head(key), upload):
                    continue
            return key
    except FileNotFoundError:
        return await _found_in_bucket(bucket, keys, upload)
    raise OffsiteError(f"{keys[-1]} has other content")


def metadata_of(capture: Capture) -> dict[str, str]:
    """Return the object's metadata; ``mtime`` is where s3fs keeps a file's time."""
    values = {
        "sha256": capture.sha256,
        "event-time": capture.event_time.isoformat(),
        "mtime": str(int(capture.event_time.timestamp())),
        "camera": capture.camera,
        "event-type": capture.type.value if capture.type else None,
        "channel": capture.channel,
    }
    # Metadata is ASCII (AWS S3 API, user-defined object metadata).
    return {name: quote(value, safe=" :+") for name, value in values.items() if value}


def _possible_keys(bucket: Bucket, capture: Capture) -> tuple[str, str]:
    key = bucket.layout.capture_key(capture.relative_path)
    return key, with_suffix(key, capture.sha256[:_SUFFIX_LENGTH])


async def _is_same(stored: StoredObject | None, upload: Upload) -> bool:
    """Tell whether an object has a capture's content.

    Its MD5 is the service's own word, the hash in its metadata that of whoever put it
    there: that is believed only when there is nothing to compare the MD5 with.
    """
    if stored is None or stored.size != upload.capture.size:
        return False
    if stored.etag_is_md5:
        with suppress(FileNotFoundError):
            return stored.etag == await asyncio.to_thread(_file_md5, upload.path)
    return stored.metadata.get("sha256") == upload.capture.sha256


def _options(capture: Capture) -> dict[str, Any]:
    extension = PurePosixPath(capture.name).suffix.lower()
    return {
        "Metadata": metadata_of(capture),
        "ContentType": _CONTENT_TYPES.get(extension, "application/octet-stream"),
    }


async def _put_whole(bucket: Bucket, key: str, upload: Upload) -> None:
    capture = upload.capture
    body, digest = await asyncio.to_thread(_read_whole, upload.path, capture)
    await bucket.put_new(key, body, body_md5=digest, **_options(capture))


async def _put_in_parts(bucket: Bucket, key: str, upload: Upload) -> None:
    capture = upload.capture
    reader = await asyncio.to_thread(_PartReader, upload.path, capture)
    try:
        if await bucket.head(key) is not None:
            raise KeyTakenError(key)
        async with MultipartUpload(bucket, key, [_options(capture)]) as parts:
            while True:
                part, digest = await asyncio.to_thread(reader.next_part)
                if not part:
                    break
                await parts.add(part, digest)
            await asyncio.to_thread(reader.require_same)
            await parts.complete()
    finally:
        await asyncio.to_thread(reader.close)


async def _found_in_bucket(
    bucket: Bucket, keys: tuple[str, ...], upload: Upload
) -> str:
    # A HEAD in a bucket that is gone answers like one for a missing object.
    await bucket.check()
    for key in keys:
        if await _is_same(await bucket.head(key), upload):
            return key
    raise UnsendableError("its file is gone and it is not in the bucket")


def _reading[T](read: Callable[[], T]) -> T:
    try:
        return read()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise LocalReadError(f"the local file cannot be read: {error}") from error


def _file_md5(path: Path) -> str:
    with _reading(lambda: path.open("rb")) as file:
        return _reading(
            lambda: file_digest(file, partial(md5, usedforsecurity=False))
        ).hexdigest()


def _read_whole(path: Path, capture: Capture) -> tuple[bytes, bytes]:
    """Read a file of at most one part, compare it with what was stored, add its MD5."""
    size = _reading(path.stat).st_size
    if size != capture.size:
        raise UnsendableError(f"its file has {size} bytes, not {capture.size}")
    body = _reading(path.read_bytes)
    if sha256(body).hexdigest() != capture.sha256:
        raise UnsendableError("its file is not what was stored (SHA-256)")
    return body, md5(body, usedforsecurity=False).digest()


class _PartReader:
    """Reads a file part by part, in threads, and hashes it on the way."""

    def __init__(self, path: Path, capture: Capture) -> None:
        size = _reading(path.stat).st_size
        if size != capture.size:
            raise UnsendableError(f"its file has {size} bytes, not {capture.size}")
        self._capture = capture
        self._file: IO[bytes] = _reading(lambda: path.open("rb"))
        self._sha256 = sha256()

    def next_part(self) -> tuple[bytes, bytes]:
        """Return the next part and its MD5; an empty one at the end."""
        part = _reading(lambda: self._file.read(PART_SIZE))
        self._sha256.update(part)
        return part, md5(part, usedforsecurity=False).digest()

    def require_same(self) -> None:
        """Raise UnsendableError if what was read is not what was stored."""
        if self._sha256.hexdigest() != self._capture.sha256:
            raise UnsendableError("its file is not what was stored (SHA-256)")

    def close(self) -> None:
        """Close the file."""
        self._file.close()
