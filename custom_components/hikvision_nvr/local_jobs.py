"""Jobs on the disk: sorting a folder that others fill, and purging the store."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from fnmatch import fnmatchcase
import os
from pathlib import Path
from typing import Any, Final

from .errors import StorageError
from .jobs import JobRun, JobWork
from .model import Capture, Describe
from .store import Store
from .store.incoming import Placement, hash_file, storage_error
from .store.names import RESERVED_FOLDERS

KIND_SORT_FOLDER: Final = "sort_folder"
KIND_PURGE_LOCAL: Final = "purge_local"

MOST_ERRORS: Final = 50
SAMPLE_SIZE: Final = 20

type Proof = Callable[[Sequence[Capture]], Awaitable[set[str]]]
"""Returns the ids of those captures, all of one day, that are proven to be offsite."""


class LocalJobs:
    """The kinds of jobs that need no bucket."""

    def __init__(
        self,
        store: Store,
        storage_root: Path,
        describe: Describe,
        time_zone: tzinfo,
        proof: Proof | None,
    ) -> None:
        """Work on this store; ``proof`` is None where there is no bucket."""
        self._store = store
        self._storage_root = storage_root
        self._describe = describe
        self._time_zone = time_zone
        self._proof = proof

    def kinds(self) -> dict[str, JobWork]:
        """Return the work of each kind."""
        return {KIND_SORT_FOLDER: self.sort_folder, KIND_PURGE_LOCAL: self.purge_local}

    async def sort_folder(self, job: JobRun) -> dict[str, Any]:
        """Move files of ``<folder>/<camera>/`` into ``<folder>/<camera>/<day>/``.

        Arguments: ``folder``, ``camera`` (or None), ``patterns``, ``grace`` (seconds),
        ``dry_run``. Nothing is overwritten: the same bytes are a duplicate, others get
        a suffix. Raises StorageError.
        """
        folder = Path(job.arguments["folder"])
        if await asyncio.to_thread(_overlap, folder, self._storage_root):
            raise StorageError(
                f"{folder} is the recorder's own storage: it is sorted already"
            )
        tally = _SortTally()
        placement = Placement(folder)
        try:
            files = await asyncio.to_thread(
                _unsorted_files, folder, job.arguments["camera"]
            )
        except OSError as error:
            raise storage_error(folder, error) from error
        job.expect(len(files), sum(size for _, size, _ in files))
        for path, size, modified in files:
            if job.cancelled:
                break
            tally.scanned += 1
            if not self._wants(path, modified, job):
                tally.skipped += 1
            elif job.arguments["dry_run"]:
                tally.moved += 1
                tally.by_camera[path.parent.name] += 1
            else:
                await asyncio.to_thread(self._place, placement, path, modified, tally)
            job.done(size=size)
        return tally.result(job)

    def _wants(self, path: Path, modified: datetime, job: JobRun) -> bool:
        grace = timedelta(seconds=job.arguments["grace"])
        return modified <= datetime.now(UTC) - grace and _matches(
            path.name, job.arguments["patterns"]
        )

    def _place(
        self, placement: Placement, path: Path, modified: datetime, tally: _SortTally
    ) -> None:
        camera = path.parent.name
        sighting = self._describe(camera, path.name, modified)
        day = sighting.event_time.astimezone(self._time_zone).date()
        try:
            before = path.stat()
            digest = hash_file(path)
            if path.stat().st_mtime_ns != before.st_mtime_ns:
                tally.fail(path, "changed meanwhile, kept")
                return
            name, again = placement.place(
                path, camera, day, path.name, before.st_size, digest
            )
        except OSError as error:
            tally.fail(path, error.strerror or str(error))
            return
        tally.by_camera[camera] += 1
        tally.duplicates += again
        tally.moved += not again
        tally.renamed += not again and name != path.name

    async def purge_local(self, job: JobRun) -> dict[str, Any]:
        """Delete captures from the disk, oldest days first.

        Arguments: ``before`` (ISO date), ``camera`` (or None), ``pattern``,
        ``max_delete``, ``dry_run``, ``include_not_offsite``: without the latter only
        what the bucket is proven to have goes. Raises OffsiteError, StorageError.
        """
        tally = _PurgeTally(deleted=job.checkpoint.get("deleted", 0))
        limit: int = job.arguments["max_delete"]
        days = await self._store.captures.local_days(
            date.fromisoformat(job.arguments["before"]), job.arguments["camera"]
        )
        job.expect(len(days))
        for day, camera in days:
            if job.cancelled:
                break
            captures = [
                one
                for one in await self._store.captures.local_on(camera, day)
                if _matches(one.name, [job.arguments["pattern"]])
            ]
            room = max(0, limit - tally.deleted)
            if not job.arguments["dry_run"] and not room:
                tally.match(captures)
                tally.remaining += len(captures)
                job.done()
                continue
            going = await self._may_go(captures, job)
            tally.match(going)
            tally.not_offsite += len(captures) - len(going)
            if job.arguments["dry_run"]:
                tally.remaining += max(0, tally.matched - limit) - tally.remaining
            else:
                tally.remaining += len(going) - len(going[:room])
                gone = await self._store.drop(going[:room])
                tally.deleted += len(gone)
                tally.failed += len(going[:room]) - len(gone)
                await job.save(deleted=tally.deleted)
            job.done()
        return tally.result(job)

    async def _may_go(self, captures: Sequence[Capture], job: JobRun) -> list[Capture]:
        if job.arguments["include_not_offsite"]:
            return list(captures)
        if self._proof is None:
            return []
        proven = await self._proof(captures)
        return [one for one in captures if one.id in proven]


@dataclass(slots=True)
class _SortTally:
    scanned: int = 0
    moved: int = 0
    duplicates: int = 0
    renamed: int = 0
    skipped: int = 0
    failed: int = 0
    by_camera: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)

    def fail(self, path: Path, reason: str) -> None:
        self.failed += 1
        if len(self.errors) < MOST_ERRORS:
            self.errors.append(f"{path.parent.name}/{path.name}: {reason}")

    def result(self, job: JobRun) -> dict[str, Any]:
        return {
            "dry_run": job.arguments["dry_run"],
            "scanned": self.scanned,
            "moved": self.moved,
            "duplicates": self.duplicates,
            "renamed": self.renamed,
            "skipped": self.skipped,
            "failed": self.failed,
            "by_camera": dict(sorted(self.by_camera.items())),
            "errors": self.errors,
            "complete": not job.cancelled,
        }


@dataclass(slots=True)
class _PurgeTally:
    matched: int = 0
    bytes: int = 0
    deleted: int = 0
    not_offsite: int = 0
    remaining: int = 0
    failed: int = 0
    by_camera: Counter[str] = field(default_factory=Counter)
    sample: list[str] = field(default_factory=list)

    def match(self, captures: Sequence[Capture]) -> None:
        for one in captures:
            self.matched += 1
            self.bytes += one.size
            self.by_camera[one.camera] += 1
            if len(self.sample) < SAMPLE_SIZE:
                self.sample.append(one.relative_path)

    def result(self, job: JobRun) -> dict[str, Any]:
        return {
            "dry_run": job.arguments["dry_run"],
            "scope": "local",
            "before": job.arguments["before"],
            "matched": self.matched,
            "bytes": self.bytes,
            "deleted": self.deleted,
            "not_offsite": self.not_offsite,
            "remaining": self.remaining,
            "by_camera": dict(sorted(self.by_camera.items())),
            "sample": self.sample,
            "failed": self.failed,
            "complete": not job.cancelled,
        }


def _unsorted_files(
    folder: Path, camera: str | None
) -> list[tuple[Path, int, datetime]]:
    """Return path, size and time of the files beside the days of each camera."""
    found = []
    names = [camera] if camera else sorted(os.listdir(folder))
    for name in names:
        if _is_reserved(name) or not (folder / name).is_dir():
            continue
        with os.scandir(folder / name) as entries:
            for entry in entries:
                if entry.name.startswith(".") or not entry.is_file(
                    follow_symlinks=False
                ):
                    continue
                status = entry.stat(follow_symlinks=False)
                modified = datetime.fromtimestamp(status.st_mtime, UTC)
                found.append((Path(entry.path), status.st_size, modified))
    return sorted(found)


def _is_reserved(name: str) -> bool:
    return (
        name.startswith((".", "_"))
        or "/" in name
        or name.casefold() in RESERVED_FOLDERS
    )


def _overlap(one: Path, other: Path) -> bool:
    one, other = one.resolve(), other.resolve()
    return one.is_relative_to(other) or other.is_relative_to(one)


def _matches(name: str, patterns: Sequence[str]) -> bool:
    folded = name.casefold()
    return any(fnmatchcase(folded, pattern.casefold()) for pattern in patterns)
