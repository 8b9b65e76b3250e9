"""Moves what others left unsorted in a camera's folder into its day.

For each file: copy on the condition that the source is as listed and the target is
free, prove the copy, and only then delete the source.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from enum import StrEnum
from fnmatch import fnmatchcase
from itertools import batched
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from ..jobs import JobRun
from ..model import Describe
from .archive_source import SourceFailedError
from .bucket import DELETE_BATCH, Bucket, KeyTakenError, StoredObject
from .concurrency import for_each
from .copying import Copier, CopyDiffersError, why
from .failure import readable_errors
from .keys import ObjectKind, require_camera, with_suffix
from .outcome import MOST_ERRORS, AsDict, named_errors

if TYPE_CHECKING:
    from ..store import Store

DEFAULT_PATTERNS: Final = ("*.jpg", "*.mp4")
GRACE: Final = timedelta(minutes=10)
COPIES_AT_ONCE: Final = 16
_MOST_SUFFIXES: Final = 99
_CHANGED: Final = "changed meanwhile, kept"


@dataclass(frozen=True, slots=True, kw_only=True)
class SortResult(AsDict):
    """What a sort did. ``duplicates`` were there already, so only their source went.

    ``renamed`` are those of ``moved`` that got a suffix because their name was taken by
    other content; ``skipped`` did not match, or are younger than the grace period.
    ``bytes`` are those of what moved. ``hidden`` of the sources were deleted in a bucket
    with versions, which keeps their bytes beside the copy: with Object Lock until the
    lock ends, else until a lifecycle rule deletes old versions. Without ``complete`` it
    was cancelled.
    """

    dry_run: bool
    scanned: int
    moved: int
    bytes: int
    duplicates: int
    renamed: int
    skipped: int
    failed: int
    hidden: int
    by_camera: dict[str, int]
    errors: tuple[str, ...]
    complete: bool = True


class _Outcome(StrEnum):
    MOVED = "moved"
    RENAMED = "renamed"
    DUPLICATE = "duplicate"


@dataclass(slots=True)
class _Tally:
    scanned: int = 0
    skipped: int = 0
    bytes: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    by_camera: Counter[str] = field(default_factory=Counter)
    hidden: int = 0
    failed: int = 0
    errors: list[tuple[str, str]] = field(default_factory=list)

    @classmethod
    def read(cls, saved: Mapping[str, Any]) -> _Tally:
        """Go on from a checkpoint."""
        return cls(
            scanned=saved["scanned"],
            skipped=saved["skipped"],
            bytes=saved["bytes"],
            outcomes=Counter(saved["outcomes"]),
            by_camera=Counter(saved["by_camera"]),
            failed=saved["failed"],
            hidden=saved["hidden"],
            errors=[(key, reason) for key, reason in saved["errors"]],
        )

    def saved(self) -> dict[str, Any]:
        """Return plain values for a checkpoint."""
        return {
            "scanned": self.scanned,
            "skipped": self.skipped,
            "bytes": self.bytes,
            "outcomes": dict(self.outcomes),
            "by_camera": dict(self.by_camera),
            "failed": self.failed,
            "hidden": self.hidden,
            "errors": self.errors,
        }

    def fail(self, key: str, reason: str) -> None:
        self.failed += 1
        if len(self.errors) < MOST_ERRORS:
            self.errors.append((key, reason))


class Sorter:
    """Sorts the unsorted files of a bucket by day."""

    def __init__(
        self,
        bucket: Bucket,
        store: Store,
        describe: Describe,
        time_zone: tzinfo,
        *,
        grace: timedelta = GRACE,
    ) -> None:
        """Read days from names with ``describe``, in ``time_zone``.

        What is younger than ``grace`` may still be written to. What ``store`` still has
        to upload keeps its name.
        """
        self._bucket = bucket
        self._store = store
        self._describe = describe
        self._time_zone = time_zone
        self._grace = grace
        self._copier = Copier(bucket)

    async def sort(
        self,
        camera: str | None = None,
        *,
        patterns: Sequence[str] = DEFAULT_PATTERNS,
        dry_run: bool = False,
        job: JobRun | None = None,
    ) -> SortResult:
        """Sort one camera's files, or all cameras'. Raises OffsiteError.

        ``patterns`` are shell patterns of file names, in which case does not matter.
        """
        job = job or JobRun({})
        saved = job.checkpoint.get("tally")
        tally = _Tally() if saved is None else _Tally.read(saved)
        folded = [pattern.casefold() for pattern in patterns]
        with readable_errors(self._bucket.settings):
            cameras = (
                [require_camera(camera)] if camera else await self._bucket.cameras()
            )
            for name in cameras:
                if name < job.checkpoint.get("camera", ""):
                    continue
                await self._sort_camera(name, folded, tally, job, dry_run=dry_run)
                if job.cancelled:
                    break
        return SortResult(
            dry_run=dry_run,
            scanned=tally.scanned,
            moved=tally.outcomes[_Outcome.MOVED] + tally.outcomes[_Outcome.RENAMED],
            bytes=tally.bytes,
            duplicates=tally.outcomes[_Outcome.DUPLICATE],
            renamed=tally.outcomes[_Outcome.RENAMED],
            skipped=tally.skipped,
            failed=tally.failed,
            hidden=tally.hidden,
            by_camera={name: n for name, n in sorted(tally.by_camera.items()) if n},
            errors=named_errors(tally.errors),
            complete=not job.cancelled,
        )

    async def _sort_camera(
        self,
        camera: str,
        patterns: Sequence[str],
        tally: _Tally,
        job: JobRun,
        *,
        dry_run: bool,
    ) -> None:
        after = ""
        if camera == job.checkpoint.get("camera"):
            after = job.checkpoint["after"]
        async for page in self._unsorted_pages(camera, after):
            chosen = [entry for entry in page if self._wants(entry, patterns)]
            job.expect((job.items_total or 0) + len(chosen))
            tally.scanned += len(page)
            tally.skipped += len(page) - len(chosen)
            if dry_run:
                tally.outcomes[_Outcome.MOVED] += len(chosen)
                tally.bytes += sum(entry.size for entry in chosen)
                tally.by_camera[camera] += len(chosen)
                job.done(len(chosen))
            else:
                await self._move(camera, chosen, tally, job)
            if job.cancelled:
                return
            if page:
                await job.save(tally=tally.saved(), camera=camera, after=page[-1].key)

    async def _unsorted_pages(
        self, camera: str, after: str
    ) -> AsyncIterator[list[StoredObject]]:
        folder = self._bucket.layout.camera_folder(camera)
        async for page in self._bucket.pages(folder, folders=True, after=after):
            yield [
                entry
                for entry in page.objects
                if (place := self._bucket.layout.parse(entry.key)) is not None
                and place.kind is ObjectKind.UNSORTED
            ]

    def _wants(self, entry: StoredObject, patterns: Sequence[str]) -> bool:
        name = _name_of(entry).casefold()
        return entry.modified <= datetime.now(UTC) - self._grace and any(
            fnmatchcase(name, pattern) for pattern in patterns
        )

    async def _move(
        self,
        camera: str,
        sources: Sequence[StoredObject],
        tally: _Tally,
        job: JobRun,
    ) -> None:
        wanted: dict[StoredObject, str] = {}
        proven: dict[StoredObject, _Outcome] = {}

        async def find_day(source: StoredObject) -> None:
            if not job.cancelled:
                day = await self._day(camera, source)
                folder = self._bucket.layout.day_folder(camera, day)
                wanted[source] = folder + _name_of(source)

        async def copy(source: StoredObject) -> None:
            if job.cancelled:
                return
            outcome = await self._copied(source, wanted[source], taken, tally)
            if outcome is not None:
                proven[source] = outcome
            job.done(size=source.size)

        await for_each(sources, find_day, at_once=COPIES_AT_ONCE)
        taken = await self._taken(wanted.values())
        await for_each(wanted, copy, at_once=COPIES_AT_ONCE)
        for batch in batched(proven, DELETE_BATCH, strict=False):
            await self._delete(camera, {one: proven[one] for one in batch}, tally)

    async def _delete(
        self, camera: str, proven: Mapping[StoredObject, _Outcome], tally: _Tally
    ) -> None:
        same = await self._bucket.unchanged(proven)
        hidden: set[str] | None = set() if self._bucket.may_have_versions else None
        left = await self._bucket.delete(sorted(same), hidden)
        tally.hidden += len(hidden or ())
        for source, outcome in proven.items():
            if source.key not in same:
                tally.fail(source.key, _CHANGED)
            elif source.key in left:
                tally.fail(source.key, left[source.key])
            else:
                tally.outcomes[outcome] += 1
                tally.by_camera[camera] += 1
                if outcome is not _Outcome.DUPLICATE:
                    tally.bytes += source.size

    async def _taken(self, keys: Iterable[str]) -> dict[str, StoredObject]:
        """List the names that are taken already, a request for each 1000 of a day."""
        by_folder: dict[str, list[str]] = {}
        for key in keys:
            by_folder.setdefault(key.rpartition("/")[0] + "/", []).append(key)
        taken: dict[str, StoredObject] = {}

        async def look(folder: str) -> None:
            names = by_folder[folder]
            last = max(names)
            async for page in self._bucket.pages(folder, after=min(names)[:-1]):
                for entry in page.objects:
                    taken[entry.key] = entry
                if page.objects and page.objects[-1].key >= last:
                    break

        await for_each(by_folder, look, at_once=COPIES_AT_ONCE)
        return taken

    async def _copied(
        self,
        source: StoredObject,
        wanted: str,
        taken: Mapping[str, StoredObject],
        tally: _Tally,
    ) -> _Outcome | None:
        """Bring one file to its day; None when it is not proved to be there."""
        try:
            return await self._copy_to_free_name(source, wanted, taken)
        except (
            ClientError,
            BotoCoreError,
            TimeoutError,
            SourceFailedError,
            CopyDiffersError,
        ) as error:
            tally.fail(source.key, why(error))
        except KeyTakenError:
            tally.fail(source.key, "all names are taken")
        return None

    async def _day(self, camera: str, source: StoredObject) -> date:
        """Read the day from the name, else from s3fs's mtime, else the upload's time."""
        name = _name_of(source)
        described = self._describe(camera, name, source.modified)
        if described.event_time == source.modified:
            # The name has no time: describe gave back what it was told.
            stored = await self._bucket.head(source.key)
            written = _s3fs_time(stored) if stored else None
            if written is not None:
                described = self._describe(camera, name, written)
        return described.event_time.astimezone(self._time_zone).date()

    async def _copy_to_free_name(
        self, source: StoredObject, wanted: str, taken: Mapping[str, StoredObject]
    ) -> _Outcome:
        for number in range(_MOST_SUFFIXES + 1):
            key = with_suffix(wanted, str(number)) if number else wanted
            there = await self._bucket.head(key) if number else taken.get(key)
            if there is None and not await self._is_awaited(key):
                try:
                    await self._copier.copy(source, key)
                except KeyTakenError:
                    there = await self._bucket.head(key)
                else:
                    return _Outcome.RENAMED if number else _Outcome.MOVED
            if there and (there.etag, there.size) == (source.etag, source.size):
                return _Outcome.DUPLICATE
        raise KeyTakenError(wanted)

    async def _is_awaited(self, key: str) -> bool:
        """Whether the recorder itself is about to upload to this key.

        Where the service refuses to overwrite, whoever comes second notices.
        """
        if await self._copier.refuses_overwrite():
            return False
        place = self._bucket.layout.parse(key)
        if place is None or place.day is None:
            return False
        capture = await self._store.captures.at(place.camera, place.day, place.name)
        return capture is not None and capture.uploaded is None


def _name_of(entry: StoredObject) -> str:
    return entry.key.rpartition("/")[2]


def _s3fs_time(stored: StoredObject) -> datetime | None:
    """Read the file time that s3fs keeps: seconds since 1970, maybe with a fraction."""
    try:
        return datetime.fromtimestamp(float(stored.metadata["mtime"]), UTC)
    except KeyError, ValueError, OverflowError, OSError:
        return None
