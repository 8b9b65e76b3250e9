"""Offsite: S3 as the second place of every capture.

Captures are uploaded straight to their sorted key; days become archives, old things
are purged, and what others left in the bucket is sorted.
"""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import date, tzinfo
from typing import TYPE_CHECKING

from ..errors import OffsiteError
from ..jobs import JobWork
from ..model import Capture, Describe, S3Settings
from .archive import DEFAULT_ARCHIVE_CLASS
from .archive_job import DEFAULT_LIMIT as DEFAULT_ARCHIVE_LIMIT
from .bucket import Bucket
from .bucket_jobs import (
    KIND_ARCHIVE,
    KIND_PURGE,
    KIND_RESTORE,
    KIND_SORT,
    KIND_VERIFY,
    BucketJobs,
)
from .cameras import CameraSummary, list_cameras
from .capabilities import Capabilities
from .client import open_bucket
from .listing import (
    DEFAULT_LIMIT as DEFAULT_LIST_LIMIT,
    MOST_LISTED,
    FileList,
    ListScope,
    list_files,
)
from .manifest_check import ManifestVerdict, verify_manifests
from .manifest_keeper import ManifestKeeper
from .manifest_writer import ManifestWriter
from .probe import probe_bucket
from .proof import proven_offsite
from .purge import DEFAULT_MAX_DELETE, PurgeScope
from .reader import CaptureReader
from .recordings import RecordingUploader
from .restore import TIERS
from .sort import DEFAULT_PATTERNS, GRACE
from .upkeep import Upkeep
from .uploader import Uploader
from .verify import CHECKS

if TYPE_CHECKING:
    from ..store import Store

__all__ = [
    "CHECKS",
    "DEFAULT_ARCHIVE_CLASS",
    "DEFAULT_ARCHIVE_LIMIT",
    "DEFAULT_LIST_LIMIT",
    "DEFAULT_MAX_DELETE",
    "DEFAULT_PATTERNS",
    "GRACE",
    "KIND_ARCHIVE",
    "KIND_PURGE",
    "KIND_RESTORE",
    "KIND_SORT",
    "KIND_VERIFY",
    "MOST_LISTED",
    "TIERS",
    "CameraSummary",
    "Capabilities",
    "FileList",
    "ListScope",
    "ManifestVerdict",
    "Offsite",
    "PurgeScope",
    "probe_bucket",
]


class Offsite:
    """One recorder's bucket: uploads in the background, jobs on request."""

    def __init__(
        self,
        settings: S3Settings,
        store: Store,
        time_zone: tzinfo,
        describe: Describe,
    ) -> None:
        """Connect nothing yet. ``describe`` reads the names of unsorted files."""
        self._settings = settings
        self._store = store
        self._time_zone = time_zone
        self._describe = describe
        self._opened = AsyncExitStack()
        self._opening = asyncio.Lock()
        self._open_bucket: Bucket | None = None
        self._uploader = Uploader(self._bucket, store, workers=settings.workers)
        self._recordings = RecordingUploader(
            settings, time_zone, store, self._uploader.traffic, self._uploader.usable
        )
        self._upkeep = Upkeep(self._bucket, store, self._uploader.usable)
        self._manifests = ManifestWriter(self._bucket, store, time_zone)
        self.reader = CaptureReader(self._bucket)
        self._manifest_keeper = ManifestKeeper(self._manifests, self._uploader.usable)

    @property
    def connected(self) -> bool | None:
        """Whether S3 can be used; None until the first attempt."""
        return self._uploader.connected

    @property
    def error(self) -> OffsiteError | None:
        """Why S3 cannot be used; None while it can, and until the first attempt."""
        return self._uploader.error

    @property
    def failures(self) -> int:
        """Attempts to upload that failed since the start."""
        return self._uploader.failures

    @property
    def capabilities(self) -> Capabilities | None:
        """What the service can do; None until it was found out."""
        return self._upkeep.capabilities

    @property
    def lock_missing(self) -> bool:
        """Whether captures are to be locked and the service does not do it."""
        return self._open_bucket is not None and self._open_bucket.lock_missing

    @property
    def manifest_conflicts(self) -> frozenset[str]:
        """Cameras whose chain of manifests someone else has continued."""
        return self._manifests.conflicts

    async def start(self) -> None:
        """Begin to upload; works also while S3 is down, and goes on once it is back."""
        self._uploader.start()
        self._recordings.start()
        self._upkeep.start()
        self._manifest_keeper.start()

    async def stop(self) -> None:
        """Stop uploading and close all connections; call it once no job runs."""
        await self._manifest_keeper.stop()
        await self._upkeep.stop()
        await self._recordings.stop()
        await self._uploader.stop()
        async with self._opening:
            self._open_bucket = None
            await self._opened.aclose()

    async def upload_now(self) -> int:
        """Try at once what waits for its next try; return how many those are."""
        return await self._uploader.now()

    async def retry(self) -> int:
        """Try again what was quarantined; return how many captures those are."""
        count = await self._uploader.retry()
        await self._uploader.now()
        return count

    def job_kinds(self) -> dict[str, JobWork]:
        """Return the work of each kind of jobs on the bucket."""
        return BucketJobs(
            self._bucket, self._store, self._describe, self._time_zone
        ).kinds()

    async def proven(self, captures: Sequence[Capture]) -> set[str]:
        """Return which captures of a day the bucket has; see ``proven_offsite``."""
        return await proven_offsite(await self._bucket(), self._store, captures)

    async def list_files(
        self,
        camera: str,
        *,
        day: date | None = None,
        scope: ListScope = ListScope.CAPTURES,
        limit: int = DEFAULT_LIST_LIMIT,
        cursor: str | None = None,
    ) -> FileList:
        """Return a page of a camera's files in the bucket. Raises OffsiteError."""
        return await list_files(
            await self._bucket(),
            camera,
            day=day,
            scope=scope,
            limit=limit,
            cursor=cursor,
        )

    async def write_manifests(self) -> int:
        """List days that are over; return in how many manifests. Raises OffsiteError."""
        return await self._manifests.write_due()

    async def verify_manifests(
        self, camera: str, *, content: bool = False
    ) -> ManifestVerdict:
        """Walk a camera's manifests; see ``verify_manifests``. Raises OffsiteError."""
        return await verify_manifests(
            await self._bucket(), self._store, camera, content=content
        )

    async def list_cameras(self) -> tuple[CameraSummary, ...]:
        """Return what the bucket holds of each camera. Raises OffsiteError."""
        return await list_cameras(await self._bucket())

    async def _bucket(self) -> Bucket:
        async with self._opening:
            if self._open_bucket is None:
                bucket = await self._opened.enter_async_context(
                    open_bucket(self._settings, self._time_zone)
                )
                bucket.capabilities = await self._upkeep.recall(bucket)
                self._open_bucket = bucket
            return self._open_bucket
