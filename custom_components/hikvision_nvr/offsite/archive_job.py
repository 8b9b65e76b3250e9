"""Archives many days: chooses them, estimates them, and works through them."""

from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from itertools import batched
from typing import TYPE_CHECKING, Any, Final

from ..errors import ArchiveError, JobCancelledError, OffsiteError
from ..jobs import JobRun
from .archive import KNOWN_AT_ONCE, Archiver
from .archive_sink import PART_SIZE
from .bucket import DELETE_BATCH, Bucket, StoredObject
from .cameras import read_camera_folder
from .classes import GET_PRICE, facts_of, month_price
from .concurrency import meanwhile
from .day_listing import DayListing
from .failure import readable_errors
from .keys import require_camera

if TYPE_CHECKING:
    from ..store import Store

DEFAULT_LIMIT: Final = 31
"""Days of a camera that one call archives, as hikvision-aws-toolkit does."""

NAMED_DAYS: Final = 100
"""So many days a result names that it has not worked on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayChoice:
    """Which days: all that are closed where nothing is said.

    ``pattern`` is a shell pattern, in which case does not matter, of ``CAM/DATE/`` or
    of the date alone: ``*2021-12-*`` is December 2021 of all cameras.
    """

    camera: str | None = None
    first: date | None = None
    last: date | None = None
    pattern: str | None = None

    @property
    def is_one_day(self) -> bool:
        """Whether just one day of one camera is meant."""
        return (
            self.camera is not None
            and self.first is not None
            and self.first == self.last
        )

    def takes(self, camera: str, day: date) -> bool:
        """Whether a day of a camera is meant."""
        if (self.first and day < self.first) or (self.last and day > self.last):
            return False
        if self.pattern is None:
            return True
        pattern = self.pattern.casefold()
        return any(
            fnmatchcase(text.casefold(), pattern)
            for text in (f"{camera}/{day}/", f"{camera}/{day}", str(day))
        )


class ArchiveJob:
    """The work of the job ``archive``."""

    def __init__(self, bucket: Bucket, store: Store, archiver: Archiver) -> None:
        """Archive with this archiver."""
        self._bucket = bucket
        self._store = store
        self._archiver = archiver

    async def run(
        self,
        choice: DayChoice,
        *,
        storage_class: str,
        limit: int,
        dry_run: bool,
        job: JobRun,
    ) -> dict[str, Any]:
        """Archive the oldest ``limit`` days that are meant; say what remains.

        A day that cannot be archived now is skipped, with its reason. Raises
        OffsiteError, and ArchiveError when it is the only one that was asked for; what
        was archived until then stays archived.
        """
        plan = job.checkpoint.get("plan")
        if plan is None:
            days = await self._days(choice)
            plan = [[camera, str(day)] for day, camera in days]
            await job.save(plan=plan, archived=[], skipped=[])
        chosen = plan[:limit]
        if dry_run:
            return await self._estimate(chosen, plan, storage_class, job)
        archived: list[dict[str, Any]] = job.checkpoint["archived"]
        skipped: list[dict[str, str]] = job.checkpoint["skipped"]
        left = chosen[len(archived) + len(skipped) :]
        async with AsyncExitStack() as stack:
            listing = None
            if left:
                listing = await stack.enter_async_context(self._listing(*left[0]))
                await stack.enter_async_context(
                    meanwhile(self._expect_bytes(listing, left[1:], job))
                )
            for camera, text in left:
                if job.cancelled:
                    break
                try:
                    result = await self._archiver.archive(
                        camera,
                        date.fromisoformat(text),
                        storage_class=storage_class,
                        listing=listing,
                        job=job,
                    )
                except JobCancelledError:
                    break
                except ArchiveError as error:
                    if choice.is_one_day:
                        raise
                    reason = {"camera": camera, "date": text, "reason": str(error)}
                    skipped.append(reason)
                else:
                    archived.append(result.as_dict())
                listing = None
                await job.save(archived=archived, skipped=skipped)
        rest = plan[len(archived) + len(skipped) :]
        return {
            "dry_run": False,
            "storage_class": storage_class,
            "days": archived,
            "archived": len(archived),
            "members": sum(day["members"] for day in archived),
            "bytes_in": sum(day["bytes_in"] for day in archived),
            "bytes_out": sum(day["bytes_out"] for day in archived),
            "deleted": sum(day["deleted"] for day in archived),
            "left": sum(day["left"] for day in archived),
            "skipped": skipped,
            "remaining": len(rest),
            "remaining_days": _named(rest),
            "complete": not job.cancelled,
        }

    async def _days(self, choice: DayChoice) -> list[tuple[date, str]]:
        """Find the days in the bucket that are meant, oldest first."""
        with readable_errors(self._bucket.settings):
            if choice.camera:
                cameras = [require_camera(choice.camera)]
            else:
                cameras = await self._bucket.cameras()
            days = [
                (day, camera)
                for camera in cameras
                for day in (await read_camera_folder(self._bucket, camera)).days
                if choice.takes(camera, day)
            ]
        if not days and choice.is_one_day:
            # Asked for this very day, the owner reads why it is not archived.
            assert choice.camera is not None
            assert choice.first is not None
            return [(choice.first, choice.camera)]
        return sorted(days)

    def _listing(self, camera: str, text: str) -> DayListing:
        return DayListing(self._bucket, camera, date.fromisoformat(text))

    async def _expect_bytes(
        self, first: DayListing, others: Sequence[Sequence[str]], job: JobRun
    ) -> None:
        """Say how many files and bytes there are, for the percentage."""
        with suppress(OffsiteError), readable_errors(self._bucket.settings):
            files, size = len(await first.all()), first.size
            for camera, text in others:
                async with self._listing(camera, text) as listing:
                    files += len(await listing.all())
                    size += listing.size
            job.expect(files, size)

    async def _estimate(
        self,
        chosen: Sequence[Sequence[str]],
        plan: Sequence[Sequence[str]],
        storage_class: str,
        job: JobRun,
    ) -> dict[str, Any]:
        """Say what archiving would do and cost."""
        job.expect(len(chosen))
        days: list[dict[str, Any]] = []
        skipped: list[dict[str, str]] = []
        total = _Estimate()
        for camera, text in chosen:
            if job.cancelled:
                break
            day = date.fromisoformat(text)
            try:
                await self._archiver.require_closed(camera, day)
                with readable_errors(self._bucket.settings):
                    async with self._listing(camera, text) as listing:
                        sources = await listing.all()
                        await self._archiver.require_unlocked(camera, day, listing)
            except ArchiveError as error:
                skipped.append({"camera": camera, "date": text, "reason": str(error)})
                continue
            if not sources:
                reason = f"{camera} has no captures on {text} in the bucket"
                skipped.append({"camera": camera, "date": text, "reason": reason})
                continue
            own = _Estimate()
            await self._count(sources, own)
            total.add(own)
            days.append({"camera": camera, "date": text, **own.as_dict()})
            job.done()
        facts = facts_of(storage_class)
        size = total.bytes
        requests_cost = (total.downloads * GET_PRICE + total.writes * facts.put) / 1000
        rest = plan[len(chosen) :]
        return {
            "dry_run": True,
            "storage_class": storage_class,
            "days": days,
            **total.as_dict(),
            "requests_cost": round(requests_cost, 4),
            "monthly_cost": round(month_price(storage_class, size), 4),
            "monthly_cost_before": round(month_price("STANDARD", size), 4),
            "minimum_days": facts.minimum_days,
            "minimum_cost": round(
                month_price(storage_class, size) * facts.minimum_days / 30, 4
            ),
            "must_be_restored": facts.restored,
            "skipped": skipped,
            "remaining": len(rest),
            "remaining_days": _named(rest),
            "complete": not job.cancelled,
        }

    async def _count(self, sources: Sequence[StoredObject], own: _Estimate) -> None:
        own.objects = len(sources)
        own.bytes = sum(source.size for source in sources)
        for batch in batched(sources, KNOWN_AT_ONCE, strict=False):
            known = await self._store.captures.of_objects([one.key for one in batch])
            for source in batch:
                capture = known.get(source.key)
                if capture is None or not capture.local:
                    own.downloads += 1
                    own.downloaded += source.size
        # The parts, what begins and ends them, and the index.
        own.writes = own.bytes // PART_SIZE + 4
        # The day is listed twice, at first in small pages, and deleted.
        own.others = 3 * (own.objects // DELETE_BATCH + 1) + 6


@dataclass(slots=True)
class _Estimate:
    objects: int = 0
    bytes: int = 0
    downloads: int = 0
    downloaded: int = 0
    writes: int = 0
    others: int = 0

    def add(self, other: _Estimate) -> None:
        self.objects += other.objects
        self.bytes += other.bytes
        self.downloads += other.downloads
        self.downloaded += other.downloaded
        self.writes += other.writes
        self.others += other.others

    def as_dict(self) -> dict[str, int]:
        return {
            "objects": self.objects,
            "bytes": self.bytes,
            "bytes_downloaded": self.downloaded,
            "requests": self.downloads + self.writes + self.others,
        }


def _named(days: Sequence[Sequence[str]]) -> list[str]:
    return [f"{camera}/{day}" for camera, day in days[:NAMED_DAYS]]
