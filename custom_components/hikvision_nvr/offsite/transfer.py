"""Brings one capture to S3, once, and proves that it is there."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from hashlib import file_digest, md5, sha256
import os
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import quote

from botocore.exceptions import ClientError

from ..errors import OffsiteError
from ..model import Capture
from ..store import Begun
from ..store.root import is_gone
from .bucket import Bucket, KeyTakenError, StoredObject
from .failure import code_of
from .keys import with_suffix
from .multipart import NO_SUCH_UPLOAD, PART_SIZE, MultipartUpload
from .options import first_accepted
from .sender import Body

if TYPE_CHECKING:
    from ..store import Upload

_CONTENT_TYPES: Final = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".mp4": "video/mp4",
}
SUFFIX_LENGTH: Final = 8
_SMALL: Final = 512 * 1024


class LocalFileError(OffsiteError):
    """Something is wrong with the local file; S3 has nothing to do with it."""


class LocalReadError(LocalFileError):
    """The local file cannot be read now."""


class UnsendableError(LocalFileError):
    """The local file is gone or is not what was stored: there is nothing to send."""


class Progress(Protocol):
    """Remembers where the parts of an upload are while it is interrupted."""

    async def begun(self, upload: Upload, begun: Begun) -> None:
        """Note that parts are being sent."""

    async def ended(self, upload: Upload) -> None:
        """Note that there are no parts any more."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A capture that was read before its turn; ``free`` is as ``Bucket.seen_free``."""

    body: Body
    free: float | None


def is_small(upload: Upload) -> bool:
    """Whether a capture may be in memory before its turn."""
    return upload.capture.size <= _SMALL


async def prepare(
    bucket: Bucket,
    upload: Upload,
    in_thread: Callable[[Callable[[], Body]], Awaitable[Body]],
) -> Prepared | None:
    """Read a small capture while another one is being sent, and ask for its key.

    None when something is wrong: ``send`` meets that again, and says so.
    """
    capture = upload.capture
    key = bucket.layout.capture_key(capture.relative_path)
    body, free = await asyncio.gather(
        in_thread(partial(_read_whole, upload.path, capture)),
        bucket.seen_free(key),
        return_exceptions=True,
    )
    if isinstance(body, BaseException) or isinstance(free, BaseException):
        return None
    return Prepared(body, free)


async def send(
    bucket: Bucket,
    upload: Upload,
    progress: Progress | None = None,
    prepared: Prepared | None = None,
) -> str:
    """Bring a capture to S3 and return its key there.

    A name that other content has is never overwritten: the capture then gets a suffix
    from its hash. With ``progress`` the parts of a large one stay in S3 when this is
    interrupted, and the next attempt goes on with them. Raises LocalFileError,
    OffsiteError, or what botocore raises.
    """
    capture = upload.capture
    keys = _possible_keys(bucket, capture)
    try:
        for key in keys:
            try:
                if capture.size <= PART_SIZE:
                    known = prepared if key == keys[0] else None
                    await _put_whole(bucket, key, upload, known)
                else:
                    await _put_in_parts(bucket, key, upload, progress)
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
    return key, with_suffix(key, capture.sha256[:SUFFIX_LENGTH])


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


def _variants(bucket: Bucket, capture: Capture) -> list[dict[str, Any]]:
    """Return the options of a capture's object, and what to do without if refused."""
    extension = PurePosixPath(capture.name).suffix.lower()
    options = {
        "Metadata": metadata_of(capture),
        "ContentType": _CONTENT_TYPES.get(extension, "application/octet-stream"),
    }
    lock = bucket.lock_options(datetime.now(UTC))
    return [{**options, **lock}, options] if lock else [options]


async def _put_whole(
    bucket: Bucket, key: str, upload: Upload, prepared: Prepared | None
) -> None:
    capture = upload.capture
    async with bucket.room_for(capture.size):
        if prepared is None:
            body = await asyncio.to_thread(_read_whole, upload.path, capture)
            free = None
        else:
            body, free = prepared.body, prepared.free

        async def put(options: Mapping[str, Any]) -> None:
            await bucket.put_new(
                key,
                body.content,
                body_md5=body.md5,
                body_sha256=body.sha256,
                free=free,
                **bucket.checksum_of(body.sha256),
                **options,
            )

        variants = _variants(bucket, capture)
        _, accepted = await first_accepted(put, variants)
        bucket.note_lock(accepted)


async def _put_in_parts(
    bucket: Bucket, key: str, upload: Upload, progress: Progress | None
) -> None:
    capture = upload.capture
    variants = [
        {**options, **bucket.checksum_of_parts}
        for options in _variants(bucket, capture)
    ]

    async def note(upload_id: str) -> None:
        if progress is not None:
            await progress.begun(upload, Begun(key=key, upload_id=upload_id))

    begun = upload.begun.upload_id if upload.begun and upload.begun.key == key else None
    reader = await asyncio.to_thread(_PartReader, upload.path, capture)
    parts = MultipartUpload(bucket, key, variants, begun=begun, on_begin=note)
    try:
        async with parts:
            try:
                await _send_parts(bucket, key, reader, parts)
            except BaseException as error:
                if progress is not None and not _ends_parts(error):
                    parts.keep()
                raise
        bucket.note_lock(parts.accepted)
    except (KeyTakenError, UnsendableError, ClientError) as error:
        if progress is not None and _ends_parts(error):
            await progress.ended(upload)
        raise
    finally:
        await asyncio.to_thread(reader.close)


async def _send_parts(
    bucket: Bucket, key: str, reader: _PartReader, parts: MultipartUpload
) -> None:
    if await bucket.head(key) is not None:
        raise KeyTakenError(key)
    while True:
        async with bucket.room_for(PART_SIZE):
            part = await asyncio.to_thread(reader.next_part)
            if not part.content:
                break
            await parts.add(part.content, part.md5, part.sha256)
    await asyncio.to_thread(reader.require_same)
    await parts.complete()


def _ends_parts(error: BaseException) -> bool:
    """Whether there is nothing to go on with after this error."""
    if isinstance(error, ClientError):
        return code_of(error) == NO_SUCH_UPLOAD
    return isinstance(error, KeyTakenError | UnsendableError | FileNotFoundError)


async def _found_in_bucket(
    bucket: Bucket, keys: tuple[str, ...], upload: Upload
) -> str:
    # A HEAD in a bucket that is gone answers like one for a missing object.
    await bucket.check()
    for key in keys:
        if await _is_same(await bucket.head(key), upload):
            return key
    place = upload.capture.relative_path
    if await asyncio.to_thread(is_gone, upload.path, place):
        raise UnsendableError("its file is gone and it is not in the bucket")
    raise LocalReadError("the storage folder was not there: is its disk unplugged?")


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


def _read_whole(path: Path, capture: Capture) -> Body:
    """Read a file of at most one part, and compare it with what was stored."""
    # As few calls as can be: after each of them a thread waits for its turn.
    file = _reading(lambda: os.open(path, os.O_RDONLY | os.O_CLOEXEC))
    try:
        size = _reading(lambda: os.fstat(file)).st_size
        if size != capture.size:
            raise UnsendableError(f"its file has {size} bytes, not {capture.size}")
        body = _reading(lambda: _read_exactly(file, size))
    finally:
        os.close(file)
    read = _body(body)
    if read.sha256.hex() != capture.sha256:
        raise UnsendableError("its file is not what was stored (SHA-256)")
    return read


def _read_exactly(file: int, size: int) -> bytes:
    content = os.read(file, size)
    # Some network file systems return less than was asked for.
    while len(content) < size and (more := os.read(file, size - len(content))):
        content += more
    return content


def _body(content: bytes) -> Body:
    return Body(
        content=content,
        md5=md5(content, usedforsecurity=False).digest(),
        sha256=sha256(content).digest(),
    )


class _PartReader:
    """Reads a file part by part, in threads, and hashes it on the way."""

    def __init__(self, path: Path, capture: Capture) -> None:
        size = _reading(path.stat).st_size
        if size != capture.size:
            raise UnsendableError(f"its file has {size} bytes, not {capture.size}")
        self._capture = capture
        self._file: IO[bytes] = _reading(lambda: path.open("rb"))
        self._sha256 = sha256()

    def next_part(self) -> Body:
        """Return the next part; an empty one at the end."""
        part = _reading(lambda: self._file.read(PART_SIZE))
        self._sha256.update(part)
        return _body(part)

    def require_same(self) -> None:
        """Raise UnsendableError if what was read is not what was stored."""
        if self._sha256.hexdigest() != self._capture.sha256:
            raise UnsendableError("its file is not what was stored (SHA-256)")

    def close(self) -> None:
        """Close the file."""
        self._file.close()
