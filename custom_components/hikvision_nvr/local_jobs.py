"""Jobs on the disk: sorting a folder that others fill, and purging the store."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
import os
from pathlib import Path
from typing import Any, Final

from .errors import StorageError
from .jobs import JobRun, JobWork
from .local_purge import LocalPurge
from .model import Describe
from .purging import matches
from .store import Store
from .store.capture_removal import Proof
from .store.incoming import Placement, hash_file, storage_error
from .store.names import RESERVED_FOLDERS

KIND_SORT_FOLDER: Final = "sort_folder"
KIND_PURGE_LOCAL: Final = "purge_local"
KIND_PURGE_RECORDINGS: Final = "purge_recordings"

MOST_ERRORS: Final = 50


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
        self.purge = LocalPurge(store, time_zone, proof)

    def kinds(self) -> dict[str, JobWork]:
        """Return the work of each kind."""
        return {
            KIND_SORT_FOLDER: self.sort_folder,
            KIND_PURGE_LOCAL: self.purge.purge_local,
            KIND_PURGE_RECORDINGS: self.purge.purge_recordings,
        }

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
        return modified <= datetime.now(UTC) - grace and matches(
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
