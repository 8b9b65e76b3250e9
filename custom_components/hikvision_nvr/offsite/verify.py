"""Compares what should be in the bucket with what is there; repairs it if asked to."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from hashlib import md5
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from ..jobs import JobRun
from ..model import Capture, Describe
from .archive_index import ArchiveIndex, parse_index, read_index, write_index
from .archive_parts import ArchivedDay, ArchivePart
from .archive_reader import DamagedArchiveError, ReadArchive, read_archive
from .bucket import Bucket, StoredObject
from .cameras import read_camera_folder
from .failure import code_of, readable_errors
from .keys import ObjectKind, require_camera
from .local_source import has_content
from .manifest import cameras_with_manifests
from .manifest_check import verify_manifests
from .strangers import Strangers

if TYPE_CHECKING:
    from ..store import Store

CHECKS: Final = ("archives", "catalogue", "manifests")
MOST_DIFFERENCES: Final = 100
SAMPLE_SIZE: Final = 20
_MUST_BE_RESTORED: Final = "InvalidObjectState"
_ORPHAN_AGE: Final = timedelta(days=1)
"""A service may take minutes to complete an archive whose index is there already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What to look at, and whether to repair.

    With ``full`` archives are read and hashed, which costs traffic and, in some
    classes, retrieval.
    """

    camera: str | None = None
    first: date | None = None
    last: date | None = None
    checks: tuple[str, ...] = CHECKS
    repair: bool = False
    full: bool = False

    def takes(self, day: date | None) -> bool:
        """Whether a day is meant."""
        return (
            day is not None
            and (self.first is None or day >= self.first)
            and (self.last is None or day <= self.last)
        )


@dataclass(slots=True)
class _Tally:
    checked: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    differences: list[dict[str, str]] = field(default_factory=list)
    repaired: int = 0
    unknown: Counter[str] = field(default_factory=Counter)
    added: int = 0
    unknown_sample: list[str] = field(default_factory=list)
    manifests: list[dict[str, Any]] = field(default_factory=list)

    def differs(self, kind: str, what: str, *, repaired: bool = False) -> None:
        self.kinds[kind] += 1
        self.repaired += repaired
        if len(self.differences) < MOST_DIFFERENCES:
            entry = {"kind": kind, "what": what}
            if repaired:
                entry["repaired"] = "yes"
            self.differences.append(entry)

    def met(self, kind: str, key: str, *, added: bool) -> None:
        self.unknown[kind] += 1
        self.added += added
        if len(self.unknown_sample) < SAMPLE_SIZE:
            self.unknown_sample.append(key)


class Verifier:
    """The work of the job ``verify``."""

    def __init__(self, bucket: Bucket, store: Store, describe: Describe) -> None:
        """Compare this store's catalogue with this bucket.

        ``describe`` reads the names of what the catalogue does not know.
        """
        self._bucket = bucket
        self._store = store
        self._strangers = Strangers(bucket, store, describe)

    async def verify(self, scope: Scope, job: JobRun | None = None) -> dict[str, Any]:
        """Look at everything that is meant, camera by camera. Raises OffsiteError.

        ``unknown`` is what the catalogue did not know, by kind; other programs may
        rightly have put it there, so that it is no difference. With ``repair`` it is
        ``added`` to the catalogue.
        """
        job = job or JobRun({})
        tally = _Tally()
        with readable_errors(self._bucket.settings):
            if scope.camera:
                cameras = [require_camera(scope.camera)]
            else:
                known = await self._store.captures.cameras()
                found = {*known, *await self._bucket.cameras()}
                if "manifests" in scope.checks:
                    # Who deletes all of a camera may have left what proves it.
                    found |= {*await cameras_with_manifests(self._bucket)}
                cameras = sorted(found)
            job.expect(len(cameras))
            for camera in cameras:
                if job.cancelled:
                    break
                if "archives" in scope.checks:
                    await self._check_archives(camera, scope, tally, job)
                if "catalogue" in scope.checks:
                    await self._check_catalogue(camera, scope, tally, job)
                if "manifests" in scope.checks:
                    verdict = await verify_manifests(
                        self._bucket, self._store, camera, content=scope.full
                    )
                    tally.checked["manifests"] += verdict.manifests
                    tally.manifests.append(verdict.as_dict())
                    if not verdict.intact:
                        tally.differs("manifest", camera)
                job.done()
        return {
            "intact": sum(tally.kinds.values()) == tally.repaired,
            "checked": dict(sorted(tally.checked.items())),
            "differences": sum(tally.kinds.values()),
            "by_kind": dict(sorted(tally.kinds.items())),
            "details": tally.differences,
            "repaired": tally.repaired,
            "unknown": dict(sorted(tally.unknown.items())),
            "unknown_sample": tally.unknown_sample,
            "added": tally.added,
            "manifests": tally.manifests,
            "complete": not job.cancelled,
        }

    async def _check_archives(
        self, camera: str, scope: Scope, tally: _Tally, job: JobRun
    ) -> None:
        for archived in (await self._archived(camera, scope)).values():
            for part in archived.parts.values():
                if job.cancelled:
                    return
                tally.checked["archives"] += part.archive is not None
                await self._check_part(part, scope, tally)

    async def _archived(self, camera: str, scope: Scope) -> dict[date, ArchivedDay]:
        found: dict[date, ArchivedDay] = {}
        folder = self._bucket.layout.archive_folder(camera)
        async for entry in self._bucket.objects(folder):
            place = self._bucket.layout.parse(entry.key)
            if place is None or place.day is None or not scope.takes(place.day):
                continue
            day = found.setdefault(place.day, ArchivedDay())
            part = day.parts.setdefault(place.part, ArchivePart(number=place.part))
            if place.kind is ObjectKind.ARCHIVE:
                part.archive = entry
            elif place.kind is ObjectKind.INDEX:
                part.index = entry
        return found

    async def _check_part(self, part: ArchivePart, scope: Scope, tally: _Tally) -> None:
        archive, listed = part.archive, part.index
        if archive is None:
            assert listed is not None
            old = listed.modified < datetime.now(UTC) - _ORPHAN_AGE
            if old and scope.repair:
                left = await self._bucket.delete([listed.key])
                tally.differs("index_without_archive", listed.key, repaired=not left)
            else:
                tally.differs("index_without_archive", listed.key)
            return
        if listed is None:
            repaired = scope.repair and await self._write_index(archive)
            tally.differs("archive_without_index", archive.key, repaired=repaired)
            return
        try:
            content = await read_index(self._bucket, listed.key)
            index = await asyncio.to_thread(parse_index, content)
        except ValueError as error:
            tally.differs("index_unreadable", f"{listed.key}: {error}")
            return
        if not index.proves(await self._bucket.head(archive.key)):
            tally.differs("archive_changed", archive.key)
            return
        if scope.full:
            await self._check_members(archive, index, tally)

    async def _check_members(
        self, archive: StoredObject, index: ArchiveIndex, tally: _Tally
    ) -> None:
        read = await self._read(archive, tally)
        if read is None:
            return
        found = {member.name: member for member in read.members}
        for member in index.members:
            tally.checked["members"] += 1
            there = found.get(member.name)
            if there is None:
                tally.differs("member_missing", f"{archive.key}: {member.name}")
            elif there.sha256 != member.sha256:
                tally.differs("member_changed", f"{archive.key}: {member.name}")

    async def _write_index(self, archive: StoredObject) -> bool:
        """Make the index of an archive that has none; return whether it was possible."""
        read = await self._read(archive, None)
        if read is None or not read.indexable:
            return False
        place = self._bucket.layout.parse(archive.key)
        assert place is not None
        assert place.day is not None
        content = await asyncio.to_thread(
            write_index, archive.key, archive.size, {archive.etag}, read.members
        )
        await self._bucket.put_new(
            self._bucket.layout.index_key(place.camera, place.day, place.part),
            content,
            body_md5=md5(content, usedforsecurity=False).digest(),
            ContentType="application/gzip",
        )
        return True

    async def _read(
        self, archive: StoredObject, tally: _Tally | None
    ) -> ReadArchive | None:
        """Read an archive; None, noted, for one that cannot be read."""
        try:
            return await read_archive(self._bucket, archive.key)
        except DamagedArchiveError as error:
            if tally is not None:
                tally.differs("archive_damaged", f"{archive.key}: {error}")
        except ClientError as error:
            if code_of(error) != _MUST_BE_RESTORED:
                raise
            if tally is not None:
                tally.differs("archive_not_readable", f"{archive.key}: restore it")
        return None

    async def _check_catalogue(
        self, camera: str, scope: Scope, tally: _Tally, job: JobRun
    ) -> None:
        folder = await read_camera_folder(self._bucket, camera)
        known = await self._store.captures.offsite_days(camera)
        archives = await self._check_archive_rows(camera, scope, tally)
        for day in sorted({*folder.days, *known}):
            if job.cancelled:
                return
            if scope.takes(day):
                await self._check_day(camera, day, archives, scope, tally)

    async def _check_archive_rows(
        self, camera: str, scope: Scope, tally: _Tally
    ) -> set[str]:
        """Compare a camera's archives with the catalogue; return their keys."""
        folder = self._bucket.layout.archive_folder(camera)
        known = await self._store.bucket.archives(camera)
        there: set[str] = set()
        async for entry in self._bucket.objects(folder):
            there.add(entry.key)
            place = self._bucket.layout.parse(entry.key)
            if (
                place is None
                or place.kind is not ObjectKind.ARCHIVE
                or entry.key in known
                or not scope.takes(place.day)
            ):
                continue
            assert place.day is not None
            if scope.repair:
                await self._store.bucket.archive_written(
                    entry.key,
                    camera=camera,
                    day=place.day,
                    size=entry.size,
                    storage_class=entry.storage_class,
                )
            tally.met("archives", entry.key, added=scope.repair)
        if scope.repair:
            # Their captures are told one by one; the totals must not count on them.
            for key in known - there:
                await self._store.bucket.archive_gone(key)
        return there

    async def _check_day(
        self,
        camera: str,
        day: date,
        archives: set[str],
        scope: Scope,
        tally: _Tally,
    ) -> None:
        # First the catalogue: what is uploaded meanwhile must not look lost.
        captures = await self._store.captures.all_on(camera, day)
        folder = self._bucket.layout.day_folder(camera, day)
        objects = {entry.key: entry async for entry in self._bucket.objects(folder)}
        lost: list[tuple[str, Capture]] = []
        for capture in captures:
            if capture.object_key is not None:
                tally.checked["captures"] += 1
                listed = objects.pop(capture.object_key, None)
                if listed is None:
                    lost.append(("object_missing", capture))
                elif listed.size != capture.size:
                    tally.differs("object_changed", capture.object_key)
            elif capture.archive_key is not None:
                tally.checked["captures"] += 1
                if capture.archive_key not in archives:
                    lost.append(("archive_missing", capture))
        for kind, capture in lost:
            again = scope.repair and await self._is_whole(capture)
            if again:
                await self._store.upload_again([capture])
            tally.differs(kind, capture.relative_path, repaired=again)
        unknown = await self._strangers.among(camera, day, objects.values())
        adopted = await self._strangers.adopt(unknown) if scope.repair else set()
        for entry in unknown:
            tally.met("captures", entry.key, added=entry.key in adopted)

    async def _is_whole(self, capture: Capture) -> bool:
        if not capture.local:
            return False
        path = self._store.path(capture)
        return await asyncio.to_thread(has_content, path, capture, None)
