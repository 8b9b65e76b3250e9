"""Deletes what the owner no longer wants in the bucket."""

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from ..jobs import JobRun
from ..purging import PurgeTally, matches
from .bucket import DELETE_BATCH, Bucket, StoredObject
from .cameras import read_camera_folder
from .classes import early_deletion_price
from .concurrency import for_each
from .failure import readable_errors
from .keys import ObjectKind, require_camera
from .outcome import AsDict, named_errors

if TYPE_CHECKING:
    from ..store import Store

DEFAULT_MAX_DELETE: Final = 10_000
_HEADS_AT_ONCE: Final = 16


class PurgeScope(StrEnum):
    """What to delete."""

    CAPTURES = "captures"
    ARCHIVES = "archives"
    UNSORTED = "unsorted"


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgeResult(AsDict):
    """What a purge deleted, or would have.

    ``matched``, ``bytes``, ``by_camera``, ``bytes_by_camera`` and ``by_class`` are of
    all objects that are old enough, match the pattern and may go. ``remaining`` of them
    are more than ``max_delete`` allows at once. ``retained`` ones are kept by an Object
    Lock and left alone: deleting them would free nothing and only hide them. ``hidden``
    ones were deleted in a bucket with versions, which keeps their bytes.
    ``early_deletion_cost`` is what AWS charges, in US$, for those that are deleted
    before the minimum duration of their class. Without ``complete`` it was cancelled.
    """

    dry_run: bool
    scope: PurgeScope
    before: date
    matched: int
    bytes: int
    deleted: int
    hidden: int
    retained: int
    remaining: int
    by_camera: dict[str, int]
    bytes_by_camera: dict[str, int]
    retained_by_camera: dict[str, int]
    by_class: dict[str, int]
    early_deletion_cost: float
    sample: tuple[str, ...]
    failed: int
    errors: tuple[str, ...]
    complete: bool = True


@dataclass(slots=True)
class _Tally(PurgeTally):
    early_deletion_cost: float = 0.0
    hidden: int = 0
    retained: Counter[str] = field(default_factory=Counter)
    by_class: Counter[str] = field(default_factory=Counter)
    failed: dict[str, str] = field(default_factory=dict)

    def add(self, camera: str, entry: StoredObject) -> None:
        age = datetime.now(UTC) - entry.modified
        self.match(camera, entry.key, entry.size)
        self.by_class[entry.storage_class] += 1
        self.early_deletion_cost += early_deletion_price(
            entry.storage_class, entry.size, age.total_seconds() / 86400
        )


class Purger:
    """Deletes old objects of a bucket; never those of the reserved folder or the root."""

    def __init__(self, bucket: Bucket, store: Store, time_zone: tzinfo) -> None:
        """Count days in ``time_zone``."""
        self._bucket = bucket
        self._store = store
        self._time_zone = time_zone

    async def purge(
        self,
        before: date,
        *,
        camera: str | None = None,
        pattern: str = "*",
        scope: PurgeScope = PurgeScope.CAPTURES,
        dry_run: bool = True,
        max_delete: int = DEFAULT_MAX_DELETE,
        job: JobRun | None = None,
    ) -> PurgeResult:
        """Delete what is of a day before ``before``, oldest days first.

        ``pattern`` is a shell pattern of file names, in which case does not matter.
        Raises OffsiteError. What was deleted until then is noted in the catalogue.
        """
        job = job or JobRun({})
        # After a restart, what was deleted before it is not found again.
        before_restart: int = job.checkpoint.get("deleted", 0)
        tally = _Tally(deleted=before_restart, matched=before_restart)
        batch: list[tuple[str, StoredObject]] = []
        chosen = before_restart
        with readable_errors(self._bucket.settings):
            cameras = (
                [require_camera(camera)] if camera else await self._bucket.cameras()
            )
            async for owner, entry in self._matching(cameras, before, scope):
                if job.cancelled:
                    break
                if not matches(entry.key.rpartition("/")[2], [pattern]):
                    continue
                if chosen >= max_delete:
                    tally.add(owner, entry)
                    continue
                batch.append((owner, entry))
                # Of those that are kept by a lock, others may take the place.
                if len(batch) == min(DELETE_BATCH, max_delete - chosen):
                    chosen += await self._purge(batch, tally, job, dry_run=dry_run)
                    batch.clear()
            if not job.cancelled:
                await self._purge(batch, tally, job, dry_run=dry_run)
        return PurgeResult(
            dry_run=dry_run,
            scope=scope,
            before=before,
            matched=tally.matched,
            bytes=tally.bytes,
            deleted=tally.deleted,
            hidden=tally.hidden,
            retained=tally.retained.total(),
            remaining=max(0, tally.matched - max_delete),
            by_camera=dict(sorted(tally.by_camera.items())),
            bytes_by_camera=dict(sorted(tally.bytes_by_camera.items())),
            retained_by_camera=dict(sorted(tally.retained.items())),
            by_class=dict(sorted(tally.by_class.items())),
            early_deletion_cost=round(tally.early_deletion_cost, 4),
            sample=tuple(tally.sample),
            failed=len(tally.failed),
            errors=named_errors(tally.failed.items()),
            complete=not job.cancelled,
        )

    async def _purge(
        self,
        batch: list[tuple[str, StoredObject]],
        tally: _Tally,
        job: JobRun,
        *,
        dry_run: bool,
    ) -> int:
        """Delete what no lock keeps, or only count it; return how many those are."""
        locked = await self._locked([entry.key for _, entry in batch])
        going = []
        for camera, entry in batch:
            if entry.key in locked:
                tally.retained[camera] += 1
            else:
                tally.add(camera, entry)
                going.append(entry.key)
        if going and not dry_run:
            await self._delete(going, tally, job)
        return len(going)

    async def _locked(self, keys: list[str]) -> set[str]:
        """Return those that an Object Lock keeps: one HEAD each, where there are locks."""
        known = self._bucket.capabilities
        if known is not None and known.object_lock is False:
            return set()
        locked: set[str] = set()

        async def ask(key: str) -> None:
            stored = await self._bucket.head(key)
            if stored is not None and stored.locked:
                locked.add(key)

        await for_each(keys, ask, at_once=_HEADS_AT_ONCE)
        return locked

    async def _delete(self, keys: list[str], tally: _Tally, job: JobRun) -> None:
        hidden: set[str] | None = set() if self._bucket.may_have_versions else None
        failed = await self._bucket.delete(keys, hidden)
        deleted = [key for key in keys if key not in failed]
        tally.failed |= failed
        tally.deleted += len(deleted)
        tally.hidden += len(hidden or ())
        await self._store.captures.purged(deleted)
        job.done(len(deleted))
        await job.save(deleted=tally.deleted)

    def _matching(
        self, cameras: list[str], before: date, scope: PurgeScope
    ) -> AsyncIterator[tuple[str, StoredObject]]:
        match scope:
            case PurgeScope.CAPTURES:
                return self._captures(cameras, before)
            case PurgeScope.ARCHIVES:
                return self._archives(cameras, before)
            case PurgeScope.UNSORTED:
                return self._unsorted(cameras, before)

    async def _captures(
        self, cameras: list[str], before: date
    ) -> AsyncIterator[tuple[str, StoredObject]]:
        days = [
            (day, camera)
            for camera in cameras
            for day in (await read_camera_folder(self._bucket, camera)).days
            if day < before
        ]
        for day, camera in sorted(days):
            folder = self._bucket.layout.day_folder(camera, day)
            async for entry in self._bucket.objects(folder):
                place = self._bucket.layout.parse(entry.key)
                # The marker of a folder of which everything goes, goes as well.
                if place and place.kind in {ObjectKind.CAPTURE, ObjectKind.MARKER}:
                    yield camera, entry

    async def _archives(
        self, cameras: list[str], before: date
    ) -> AsyncIterator[tuple[str, StoredObject]]:
        found = []
        for camera in cameras:
            folder = self._bucket.layout.archive_folder(camera)
            async for entry in self._bucket.objects(folder):
                place = self._bucket.layout.parse(entry.key)
                if place and place.day and place.day < before:
                    found.append((place.day, camera, entry))
        for _, camera, entry in sorted(found, key=lambda item: item[0]):
            yield camera, entry

    async def _unsorted(
        self, cameras: list[str], before: date
    ) -> AsyncIterator[tuple[str, StoredObject]]:
        for camera in cameras:
            folder = self._bucket.layout.camera_folder(camera)
            async for page in self._bucket.pages(folder, folders=True):
                for entry in page.objects:
                    place = self._bucket.layout.parse(entry.key)
                    if place is None or place.kind is not ObjectKind.UNSORTED:
                        continue
                    # An upload is never earlier than what it shows.
                    if entry.modified.astimezone(self._time_zone).date() < before:
                        yield camera, entry
