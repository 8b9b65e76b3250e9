"""Packs a camera's day into one archive, and deletes what is proved to be in it.

The life of an archive: the day is listed, and while the listing goes on every object is
read, from the disk where it still is there, checked and packed into a new object; the
index is written, with what proves the archive; the archive is completed on the
condition that nothing has its name; its size and ETag are compared with what was sent;
the sources that are still as they were read are noted in the catalogue and deleted. Up
to that last step nothing is deleted, whatever fails. Cut off after that step has begun,
the next attempt finds the archive, proves it by its index, and deletes the rest.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from hashlib import md5
from typing import TYPE_CHECKING, Final

from ..errors import ArchiveError, OffsiteUnreachableError
from ..jobs import JobRun
from .archive_index import Member, write_index
from .archive_parts import ArchivedDay, ProvenMember, archived_parts, proven_members
from .archive_sink import ArchiveSink, PartsTooSmallError
from .archive_source import Content, OpenSource, SourceFailedError
from .bucket import Bucket, KeyTakenError, StoredObject
from .concurrency import OneThread, both
from .day_listing import DayListing
from .failure import readable_errors
from .keys import require_camera
from .local_source import LocalSource
from .outcome import AsDict, named_errors
from .packing import MemberPacker, archive_end
from .read_ahead import ReadAhead
from .shielding import finished

if TYPE_CHECKING:
    from ..store import Store

DEFAULT_ARCHIVE_CLASS: Final = "GLACIER"
KNOWN_AT_ONCE: Final = 256
"""So many sources are looked up in the catalogue at a time."""
MOST_BROKEN_OFF: Final = 16
"""So many downloads without a complete answer: it is the service, not the object."""

_CLEAN_UP_SECONDS: Final = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveResult(AsDict):
    """What became of a day. ``left`` sources are still in the bucket, see ``errors``.

    ``storage_class`` is the one that the archive has: the service's default where it
    refused the wished one. ``bytes_in`` and ``bytes_out`` are before and after packing,
    ``from_disk`` members were not downloaded. ``settled`` of the deleted sources were
    in an earlier archive; without ``members`` the archive is that one.
    """

    camera: str
    date: date
    key: str
    index_key: str
    members: int
    settled: int
    from_disk: int
    bytes_in: int
    bytes_out: int
    storage_class: str
    tagged: bool
    verified: bool
    deleted: int
    left: int
    errors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Packed:
    sink: ArchiveSink
    members: dict[StoredObject, Member]
    from_disk: int


class Archiver:
    """Archives closed days of a bucket."""

    def __init__(self, bucket: Bucket, store: Store, time_zone: tzinfo) -> None:
        """Days begin and end in ``time_zone``."""
        self._bucket = bucket
        self._store = store
        self._time_zone = time_zone

    async def archive(
        self,
        camera: str,
        day: date,
        *,
        storage_class: str = DEFAULT_ARCHIVE_CLASS,
        listing: DayListing | None = None,
        job: JobRun | None = None,
    ) -> ArchiveResult:
        """Archive a day of a camera.

        ``listing`` is that of the day, if it has begun already. What comes too late for
        it stays for another archive, what has changed since is noticed.
        Raises ArchiveError when the day is not over, still waits for uploads, is empty
        or the archive cannot be proved, OffsiteError when S3 fails, and
        JobCancelledError. Nothing was deleted then that is not in a proven archive.
        """
        job = job or JobRun({})
        require_camera(camera)
        await self.require_closed(camera, day)
        async with AsyncExitStack() as stack:
            stack.enter_context(readable_errors(self._bucket.settings))
            if listing is None:
                listing = DayListing(self._bucket, camera, day)
                await stack.enter_async_context(listing)
            if not await listing.any():
                raise ArchiveError(
                    f"{camera} has no captures on {day} in the bucket",
                    camera=camera,
                    date=str(day),
                )
            await self.require_unlocked(camera, day, listing)
            archived = await archived_parts(self._bucket, camera, day)
            # One may be there that a crash has kept from being noted.
            for part in archived.parts.values():
                if (known := part.archive) is not None:
                    await self._store.bucket.archive_written(
                        known.key,
                        camera=camera,
                        day=day,
                        size=known.size,
                        storage_class=known.storage_class,
                    )
            failed: dict[str, str] = {}
            settled: dict[StoredObject, ProvenMember] = {}
            if archived.parts:
                sources = await listing.all()
                settled = await self._settle(camera, day, sources, archived, failed)
                if len(settled) == len(sources):
                    return await self._settled_result(camera, day, settled, failed)
            key = self._bucket.layout.archive_key(camera, day, archived.next_number)
            index_key = self._bucket.layout.index_key(camera, day, archived.next_number)
            packed = await self._written(
                camera,
                day,
                listing,
                settled,
                failed,
                key,
                index_key,
                storage_class,
                job,
            )
            actual_class, same = await both(
                self._verified(camera, day, key, packed.sink),
                self._bucket.unchanged(packed.members),
            )
            deleted = len(settled) + await self._delete_sources(
                camera, day, dict.fromkeys(packed.members, key), same, failed
            )
            found = len(await listing.all())
        return ArchiveResult(
            camera=camera,
            date=day,
            key=key,
            index_key=index_key,
            members=len(packed.members),
            settled=len(settled),
            from_disk=packed.from_disk,
            bytes_in=sum(source.size for source in packed.members),
            bytes_out=packed.sink.size,
            storage_class=actual_class,
            tagged=packed.sink.tagged,
            verified=True,
            deleted=deleted,
            left=found - deleted,
            errors=named_errors(failed.items()),
        )

    async def _settle(
        self,
        camera: str,
        day: date,
        sources: Sequence[StoredObject],
        archived: ArchivedDay,
        failed: dict[str, str],
    ) -> dict[StoredObject, ProvenMember]:
        """Delete what an earlier archive is proven to hold; return what went."""
        proven = await proven_members(self._bucket, archived)
        known: dict[StoredObject, ProvenMember] = {}
        for source in sources:
            found = proven.get(self._member_name(source))
            if found is not None and (found.member.etag, found.member.size) == (
                source.etag,
                source.size,
            ):
                known[source] = found
        if known:
            await self._delete_sources(
                camera,
                day,
                {source: found.archive_key for source, found in known.items()},
                await self._bucket.unchanged(known),
                failed,
            )
        return {
            source: found for source, found in known.items() if source.key not in failed
        }

    async def _settled_result(
        self,
        camera: str,
        day: date,
        settled: dict[StoredObject, ProvenMember],
        failed: dict[str, str],
    ) -> ArchiveResult:
        key = next(iter(settled.values())).archive_key
        stored = await self._bucket.head(key)
        place = self._bucket.layout.parse(key)
        assert stored is not None
        assert place is not None
        return ArchiveResult(
            camera=camera,
            date=day,
            key=key,
            index_key=self._bucket.layout.index_key(camera, day, place.part),
            members=0,
            settled=len(settled),
            from_disk=0,
            bytes_in=sum(source.size for source in settled),
            bytes_out=stored.size,
            storage_class=stored.storage_class,
            tagged=False,
            verified=True,
            deleted=len(settled),
            left=0,
            errors=named_errors(failed.items()),
        )

    def _member_name(self, source: StoredObject) -> str:
        return source.key.removeprefix(self._bucket.layout.prefix)

    async def require_closed(self, camera: str, day: date) -> None:
        """Raise ArchiveError for a day that is not over or still waits for uploads."""
        if day >= datetime.now(self._time_zone).date():
            raise ArchiveError(f"{day} is not over yet", camera=camera, date=str(day))
        waiting = await self._store.captures.waiting_on(camera, day)
        if waiting:
            raise ArchiveError(
                f"{waiting} captures of {camera} on {day} are not offsite yet",
                camera=camera,
                date=str(day),
            )

    async def require_unlocked(
        self, camera: str, day: date, listing: DayListing
    ) -> None:
        """Raise ArchiveError for a day whose captures an Object Lock still keeps.

        Their bytes would stay and be paid for twice. What was written last is kept the
        longest; it is asked about where there are locks.
        """
        known = self._bucket.capabilities
        if known is None or known.object_lock is False or not await listing.any():
            return
        newest = max(
            await listing.all(), key=lambda source: (source.modified, source.key)
        )
        stored = await self._bucket.head(newest.key)
        if stored is not None and stored.locked:
            raise ArchiveError(
                f"an Object Lock still keeps the captures of {camera} on {day}",
                camera=camera,
                date=str(day),
            )

    async def _written(
        self,
        camera: str,
        day: date,
        listing: DayListing,
        settled: Collection[StoredObject],
        failed: dict[str, str],
        key: str,
        index_key: str,
        storage_class: str,
        job: JobRun,
    ) -> _Packed:
        """Write archive and index of what is not settled.

        Begin again without a source that broke off, and with larger parts when more is
        listed meanwhile than they could hold.
        """
        while True:
            usable = _usable(listing, settled, failed)
            try:
                with (
                    OneThread("hikvision_nvr-archive-read") as thread,
                    OneThread("hikvision_nvr-archive-write") as sink_thread,
                ):
                    async with ArchiveSink(
                        self._bucket,
                        key,
                        storage_class,
                        expected=lambda: listing.size,
                        thread=sink_thread,
                    ) as sink:
                        packed = await self._pack(
                            camera, day, usable, failed, sink, job, thread
                        )
                        await self._finish(packed, key, index_key)
            except SourceFailedError as error:
                failed[error.source.key] = error.reason
            except PartsTooSmallError:
                await listing.all()
            except KeyTakenError as error:
                raise ArchiveError(
                    f"{key} was written by someone else meanwhile",
                    camera=camera,
                    date=str(day),
                ) from error
            else:
                return packed

    async def _pack(
        self,
        camera: str,
        day: date,
        sources: AsyncIterator[list[StoredObject]],
        failed: dict[str, str],
        sink: ArchiveSink,
        job: JobRun,
        thread: OneThread,
    ) -> _Packed:
        """Pack what can be read; raises SourceFailedError for a large one that broke."""
        members: dict[StoredObject, Member] = {}
        broken_off = from_disk = 0
        async with ReadAhead(
            self._bucket, self._store, sources, thread, self._member_name
        ) as ahead:
            async for source, content in ahead:
                job.check()
                name = self._member_name(source)
                offset = sink.size
                if isinstance(content, SourceFailedError):
                    failed[source.key] = content.reason
                    broken_off += content.broke_off
                    if broken_off > MOST_BROKEN_OFF:
                        raise OffsiteUnreachableError(
                            f"The service broke off {broken_off} downloads"
                        )
                    continue
                if isinstance(content, Content):
                    mtime, digest = content.mtime, content.sha256
                    from_disk += content.from_disk
                    await sink.write(content.packed)
                else:
                    from_disk += isinstance(content, LocalSource)
                    mtime, digest = await self._pack_large(source, content, name, sink)
                members[source] = Member(
                    name=name,
                    offset=offset,
                    length=sink.size - offset,
                    size=source.size,
                    sha256=digest,
                    mtime=mtime,
                    etag=source.etag,
                )
                job.done(size=source.size)
        if not members:
            raise ArchiveError(
                f"No capture of {camera} on {day} could be read: "
                + "; ".join(named_errors(failed.items())),
                camera=camera,
                date=str(day),
            )
        await sink.write(archive_end())
        return _Packed(sink, members, from_disk)

    async def _pack_large(
        self,
        source: StoredObject,
        reader: OpenSource | LocalSource,
        name: str,
        sink: ArchiveSink,
    ) -> tuple[int, str]:
        try:
            member = MemberPacker(name, source.size, reader.mtime)
            await sink.write(member.begin())
            async for chunk in reader.chunks():
                await sink.write(await asyncio.to_thread(member.add, chunk))
            await sink.write(member.end())
        finally:
            reader.close()
        return reader.mtime, reader.sha256

    async def _finish(self, packed: _Packed, key: str, index_key: str) -> None:
        """Write the index, then make the archive appear; both or none."""
        await packed.sink.seal()
        index = await asyncio.to_thread(
            write_index,
            key,
            packed.sink.size,
            packed.sink.etags,
            tuple(packed.members.values()),
        )
        digest = md5(index, usedforsecurity=False).digest()
        await self._bucket.put_new(
            index_key, index, body_md5=digest, ContentType="application/gzip"
        )
        try:
            await packed.sink.finish()
        except BaseException:
            with suppress(Exception):
                await finished(
                    self._bucket.delete([index_key]), within=_CLEAN_UP_SECONDS
                )
            raise

    async def _verified(
        self, camera: str, day: date, key: str, sink: ArchiveSink
    ) -> str:
        """Compare the archive with what was sent and note it; return its class."""
        stored = await self._bucket.head(key)
        if stored is None or stored.size != sink.size:
            raise ArchiveError(
                f"{key} is not there as it was sent, nothing was deleted"
            )
        # Where the ETag says nothing, the service has checked each part's MD5.
        if not stored.etag_is_opaque and stored.etag not in sink.etags:
            raise ArchiveError(f"{key} has another ETag than sent, nothing was deleted")
        await self._store.bucket.archive_written(
            key,
            camera=camera,
            day=day,
            size=sink.size,
            storage_class=stored.storage_class,
        )
        return stored.storage_class

    async def _delete_sources(
        self,
        camera: str,
        day: date,
        archive_of: Mapping[StoredObject, str],
        same: set[str],
        failed: dict[str, str],
    ) -> int:
        """Delete sources that are still as they were listed; return how many went.

        ``archive_of`` says in which archive each of them is proven to be, ``same`` are
        the keys of those that were just listed as before.
        """
        changed = {source.key for source in archive_of} - same
        failed |= dict.fromkeys(changed, "changed meanwhile, kept")
        by_archive: dict[str, list[str]] = {}
        for source, key in archive_of.items():
            if source.key in same:
                by_archive.setdefault(key, []).append(source.key)
        for key, keys in by_archive.items():
            await self._store.captures.archived(keys, key)
        kept = await self._bucket.delete(sorted(same))
        failed |= kept
        if not failed:
            await self._delete_marker(camera, day)
        return len(same) - len(kept)

    async def _delete_marker(self, camera: str, day: date) -> None:
        """Delete the empty object that s3fs makes for a folder, if it is all that is left."""
        folder = self._bucket.layout.day_folder(camera, day)
        left = [entry.key async for entry in self._bucket.objects(folder)]
        if left == [folder]:
            await self._bucket.delete(left)


async def _usable(
    listing: DayListing, settled: Collection[StoredObject], failed: Mapping[str, str]
) -> AsyncIterator[list[StoredObject]]:
    """Yield what is to be packed, as far as it is listed."""
    async for batch in listing.batches(KNOWN_AT_ONCE):
        usable = [
            source
            for source in batch
            if source not in settled and source.key not in failed
        ]
        if usable:
            yield usable
