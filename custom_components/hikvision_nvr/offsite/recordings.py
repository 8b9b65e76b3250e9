"""Brings recordings to S3, while no capture is on its way.

One worker takes one segment at a time; it ends between two pieces of a body as soon as
a capture is sent. An object has the name that the file has on the disk, below the
prefix: ``CAM/recordings/YYYY-MM-DD/HH/START_RUN_NUMBER.mp4``, all in UTC.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import tzinfo
from hashlib import md5, sha256
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..errors import OffsiteError, StorageError
from ..model import S3Settings
from ..store.root import is_gone
from . import pace
from .bucket import Bucket, KeyTakenError, StoredObject
from .client import open_bucket
from .failure import readable_errors
from .keys import with_suffix
from .multipart import PART_SIZE, MultipartUpload
from .options import first_accepted
from .traffic import Traffic, Yielding

if TYPE_CHECKING:
    from ..store import Store
    from ..store.segment_uploads import SegmentUpload

_LOGGER = logging.getLogger(__package__)

_IDLE_SECONDS: Final = 30.0
"""Between two looks at a queue in which nothing new was seen."""
_STUMBLE_SECONDS: Final = 10.0
_STOP_SECONDS: Final = 2.0


class RecordingUploader:
    """Uploads the recordings that were chosen for it."""

    def __init__(
        self,
        settings: S3Settings,
        time_zone: tzinfo,
        store: Store,
        traffic: Traffic,
        usable: Callable[[], Awaitable[None]],
    ) -> None:
        """Send when ``usable`` returns and ``traffic`` is quiet."""
        self._settings = settings
        self._time_zone = time_zone
        self._queue = store.recordings.uploads
        self._traffic = traffic
        self._usable = usable
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, if there is any camera whose recordings go to S3."""
        if self._queue.any_wanted:
            self._task = asyncio.create_task(self._run(), name="offsite recordings")

    async def stop(self) -> None:
        """Stop; what was on its way is sent again after the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task], timeout=_STOP_SECONDS)
            self._task = None

    async def _run(self) -> None:
        while True:
            try:
                bandwidth = Yielding(
                    self._traffic, self._settings.limits, self._time_zone
                )
                async with open_bucket(
                    self._settings, self._time_zone, bandwidth
                ) as bucket:
                    await self._work(bucket)
            except Exception:
                _LOGGER.exception("Uploading recordings stumbled and goes on")
                await asyncio.sleep(_STUMBLE_SECONDS)

    async def _work(self, bucket: Bucket) -> None:
        while True:
            await self._usable()
            await self._traffic.quiet()
            upload = await self._queue.pick()
            if upload is None:
                await self._queue.wait(_IDLE_SECONDS)
                continue
            await self._attempt(bucket, upload)

    async def _attempt(self, bucket: Bucket, upload: SegmentUpload) -> None:
        try:
            try:
                with readable_errors(bucket.settings):
                    await send_segment(bucket, upload)
            except FileNotFoundError:
                await self._is_missing(upload)
            except (OffsiteError, OSError) as error:
                _LOGGER.debug("%s failed: %s", upload.path.name, error)
                again = pace.retry_at(upload.attempts)
                await self._queue.failed(upload, str(error), again)
            else:
                await self._queue.succeeded(upload)
        except StorageError as error:
            # What is not noted costs another attempt, which finds its own object.
            _LOGGER.error("A recording's upload cannot be noted yet: %s", error)
            await asyncio.sleep(_STUMBLE_SECONDS)

    async def _is_missing(self, upload: SegmentUpload) -> None:
        place = upload.segment.info.relative_path
        if await asyncio.to_thread(is_gone, upload.path, place):
            # Deleted to make room; there is nothing left to send.
            await self._queue.drop(upload)
        else:
            again = pace.retry_at(upload.attempts)
            await self._queue.failed(upload, "the disk was unplugged", again)


async def send_segment(bucket: Bucket, upload: SegmentUpload) -> str:
    """Bring a segment to S3 and return its key there.

    What is there already is compared and never overwritten; other content under its
    name gets it a name with its hash. Raises FileNotFoundError, OSError, OffsiteError,
    or what botocore raises.
    """
    digests = await asyncio.to_thread(_digests, upload.path, upload.segment.size)
    key = bucket.layout.recording_key(upload.segment.info.relative_path)
    for name in (key, with_suffix(key, digests.sha256[:8])):
        stored = await bucket.head(name)
        if stored is not None:
            if _is_same(stored, digests):
                return name
            continue
        try:
            await _put(bucket, name, upload, digests)
        except KeyTakenError:
            stored = await bucket.head(name)
            if stored is None or not _is_same(stored, digests):
                continue
        return name
    raise OffsiteError(f"{key} has other content")


@dataclass(frozen=True, slots=True)
class _Digests:
    size: int
    sha256: str
    etag: str


def _digests(path: Path, size: int) -> _Digests:
    """Return what tells a segment's content from any other (blocking)."""
    whole, parts = sha256(), []
    left = size
    with path.open("rb") as file:
        while left:
            part = file.read(min(PART_SIZE, left))
            if not part:
                raise OSError(f"{path} is shorter than it was")
            left -= len(part)
            whole.update(part)
            parts.append(md5(part, usedforsecurity=False).digest())
    etag = parts[0].hex() if len(parts) == 1 else ""
    if not etag:
        joined = md5(b"".join(parts), usedforsecurity=False).hexdigest()
        etag = f"{joined}-{len(parts)}"
    return _Digests(size, whole.hexdigest(), etag)


def _is_same(stored: StoredObject, digests: _Digests) -> bool:
    """Tell whether an object has a segment's content.

    Where the ETag says nothing of the bytes, the hash that whoever put it there has
    written beside it must do.
    """
    if stored.size != digests.size:
        return False
    if stored.etag == digests.etag:
        return True
    return stored.metadata.get("sha256") == digests.sha256 and not stored.etag_is_md5


async def _put(
    bucket: Bucket, key: str, upload: SegmentUpload, digests: _Digests
) -> None:
    info = upload.segment.info
    options: dict[str, Any] = {
        "ContentType": "video/mp4",
        "Metadata": {
            "sha256": digests.sha256,
            "start-time": upload.segment.start.isoformat(),
            "end-time": upload.segment.end.isoformat(),
            "run": info.run,
        },
    }
    size = upload.segment.size
    if size <= PART_SIZE:
        async with bucket.room_for(size):
            content = await asyncio.to_thread(_read, upload.path, 0, size)

            async def put(options: dict[str, Any]) -> None:
                await bucket.put_new(
                    key,
                    content,
                    body_md5=bytes.fromhex(digests.etag),
                    body_sha256=bytes.fromhex(digests.sha256),
                    **options,
                )

            await first_accepted(put, [options])  # type: ignore[arg-type]
        return
    parts = MultipartUpload(bucket, key, [{**options, **bucket.checksum_of_parts}])
    async with parts:
        for offset in range(0, size, PART_SIZE):
            async with bucket.room_for(PART_SIZE):
                part = await asyncio.to_thread(
                    _read, upload.path, offset, min(PART_SIZE, size - offset)
                )
                await parts.add(part, md5(part, usedforsecurity=False).digest())
        await parts.complete()


def _read(path: Path, offset: int, size: int) -> bytes:
    with path.open("rb") as file:
        file.seek(offset)
        content = file.read(size)
    if len(content) < size:
        raise OSError(f"{path} is shorter than it was")
    return content
