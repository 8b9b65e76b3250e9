"""Offsite: S3 as the second place of every capture.

Captures are uploaded straight to their sorted key; days become archives, old things
are purged, and what others left in the bucket is sorted.
"""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import date, timedelta, tzinfo
from typing import TYPE_CHECKING

from ..errors import OffsiteError
from ..model import Describe, S3Settings
from .archive import DEFAULT_ARCHIVE_CLASS, Archiver, ArchiveResult
from .bucket import Bucket
from .cameras import CameraSummary, list_cameras
from .client import s3_client
from .probe import probe_bucket
from .purge import DEFAULT_MAX_DELETE, Purger, PurgeResult, PurgeScope
from .sort import DEFAULT_PATTERNS, GRACE, Sorter, SortResult
from .uploader import Uploader

if TYPE_CHECKING:
    from ..store import Store

__all__ = [
    "DEFAULT_ARCHIVE_CLASS",
    "DEFAULT_MAX_DELETE",
    "DEFAULT_PATTERNS",
    "ArchiveResult",
    "CameraSummary",
    "Offsite",
    "PurgeResult",
    "PurgeScope",
    "SortResult",
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
        self._uploader = Uploader(self._bucket, store)
        # Two jobs that delete would each prove their work on what the other deletes.
        self._job = asyncio.Lock()

    @property
    def connected(self) -> bool | None:
        """Whether S3 can be used; None until the first attempt."""
        return self._uploader.connected

    @property
    def error(self) -> OffsiteError | None:
        """Why S3 cannot be used; None while it can, and until the first attempt."""
        return self._uploader.error

    async def start(self) -> None:
        """Begin to upload; works also while S3 is down, and goes on once it is back."""
        self._uploader.start()

    async def stop(self) -> None:
        """Stop uploading and close all connections; call it once no job runs."""
        await self._uploader.stop()
        async with self._opening:
            self._open_bucket = None
            await self._opened.aclose()

    async def sort(
        self,
        camera: str | None = None,
        *,
        patterns: Sequence[str] = DEFAULT_PATTERNS,
        dry_run: bool = False,
        grace: timedelta = GRACE,
    ) -> SortResult:
        """Move unsorted files into their day; see ``Sorter``. Raises OffsiteError."""
        async with self._job:
            sorter = Sorter(
                await self._bucket(), self._describe, self._time_zone, grace=grace
            )
            return await sorter.sort(camera, patterns=patterns, dry_run=dry_run)

    async def archive(
        self, camera: str, day: date, *, storage_class: str = DEFAULT_ARCHIVE_CLASS
    ) -> ArchiveResult:
        """Archive a closed day; see ``Archiver``. Raises ArchiveError, OffsiteError."""
        async with self._job:
            archiver = Archiver(await self._bucket(), self._store, self._time_zone)
            return await archiver.archive(camera, day, storage_class=storage_class)

    async def purge(
        self,
        before: date,
        *,
        camera: str | None = None,
        scope: PurgeScope = PurgeScope.CAPTURES,
        dry_run: bool = True,
        max_delete: int = DEFAULT_MAX_DELETE,
    ) -> PurgeResult:
        """Delete what is older than ``before``; see ``Purger``. Raises OffsiteError."""
        async with self._job:
            purger = Purger(await self._bucket(), self._store, self._time_zone)
            return await purger.purge(
                before,
                camera=camera,
                scope=scope,
                dry_run=dry_run,
                max_delete=max_delete,
            )

    async def list_cameras(self) -> tuple[CameraSummary, ...]:
        """Return what the bucket holds of each camera. Raises OffsiteError."""
        return await list_cameras(await self._bucket())

    async def _bucket(self) -> Bucket:
        async with self._opening:
            if self._open_bucket is None:
                client = await self._opened.enter_async_context(
                    s3_client(self._settings)
                )
                self._open_bucket = Bucket(client, self._settings)
            return self._open_bucket
