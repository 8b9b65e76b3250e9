"""Packs a camera's day into one archive, and deletes what is proved to be in it.

The life of an archive: the day is listed; every object is read, checked and packed into
a new object; the index is written; the archive is completed on the condition that
nothing has its name; its size and ETag are compared with what was sent; the sources
that are still as they were read are noted in the catalogue and deleted. Up to that last
step nothing is deleted, whatever fails.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from hashlib import md5
from typing import TYPE_CHECKING, Final, Self

from ..errors import ArchiveError, OffsiteUnreachableError
from .archive_index import Member, write_index
from .archive_sink import ArchiveSink
from .archive_source import (
    SMALL_SIZE,
    Content,
    OpenSource,
    SourceFailedError,
    open_source,
    read_source,
)
from .bucket import Bucket, KeyTakenError, StoredObject
from .failure import readable_errors
from .keys import ObjectKind, require_camera
from .outcome import AsDict, named_errors
from .packing import MemberPacker, archive_end, pack
from .shielding import finished

if TYPE_CHECKING:
    from ..store import Store

DEFAULT_ARCHIVE_CLASS: Final = "GLACIER"
READS_AT_ONCE: Final = 8
MOST_BROKEN_OFF: Final = 16
"""So many downloads without a complete answer: it is the service, not the object."""

_CLEAN_UP_SECONDS: Final = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveResult(AsDict):
    """What became of a day. ``left`` sources are still in the bucket, see ``errors``.

    ``storage_class`` is the one that the archive has: the service's default where it
    refused the wished one. ``bytes_in`` and ``bytes_out`` are before and after packing.
    """

    camera: str
    date: date
    key: str
    index_key: str
    members: int
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


class Archiver:
    """Archives closed days of a bucket."""

    def __init__(self, bucket: Bucket, store: Store, time_zone: tzinfo) -> None:
        """Days begin and end in ``time_zone``."""
        self._bucket = bucket
        self._store = store
        self._time_zone = time_zone

    async def archive(
        self, camera: str, day: date, *, storage_class: str = DEFAULT_ARCHIVE_CLASS
    ) -> ArchiveResult:
        """Archive a day of a camera.

        Raises ArchiveError when the day is not over, still waits for uploads, is empty
        or the archive cannot be proved, and OffsiteError when S3 fails. Nothing was
        deleted then.
        """
        require_camera(camera)
        await self._require_closed(camera, day)
        with readable_errors(self._bucket.settings):
            sources = await self._sources(camera, day)
            part = await self._free_part(camera, day)
            key = self._bucket.layout.archive_key(camera, day, part)
            index_key = self._bucket.layout.index_key(camera, day, part)
            failed: dict[str, str] = {}
            packed = await self._written(
                camera, day, sources, failed, key, index_key, storage_class
            )
            actual_class = await self._verified(key, packed.sink)
            deleted = await self._delete_sources(
                camera, day, key, packed.members, failed
            )
        return ArchiveResult(
            camera=camera,
            date=day,
            key=key,
            index_key=index_key,
            members=len(packed.members),
            bytes_in=sum(source.size for source in packed.members),
            bytes_out=packed.sink.size,
            storage_class=actual_class,
            tagged=packed.sink.tagged,
            verified=True,
            deleted=deleted,
            left=len(sources) - deleted,
            errors=named_errors(failed.items()),
        )

    async def _require_closed(self, camera: str, day: date) -> None:
        if day >= datetime.now(self._time_zone).date():
            raise ArchiveError(f"{day} is not over yet", camera=camera, date=str(day))
        waiting = await self._store.captures.waiting_on(camera, day)
        if waiting:
            raise ArchiveError(
                f"{waiting} captures of {camera} on {day} are not offsite yet",
                camera=camera,
                date=str(day),
            )

    async def _sources(self, camera: str, day: date) -> list[StoredObject]:
        folder = self._bucket.layout.day_folder(camera, day)
        sources = []
        async for entry in self._bucket.objects(folder):
            place = self._bucket.layout.parse(entry.key)
            if place is not None and place.kind is ObjectKind.CAPTURE:
                sources.append(entry)
        if not sources:
            raise ArchiveError(
                f"{camera} has no captures on {day} in the bucket",
                camera=camera,
                date=str(day),
            )
        return sources

    async def _free_part(self, camera: str, day: date) -> int:
        """Return the number after the last part: late files never replace an archive."""
        folder = self._bucket.layout.archive_folder(camera)
        last = 0
        async for entry in self._bucket.objects(f"{folder}{day.isoformat()}."):
            place = self._bucket.layout.parse(entry.key)
            if place is not None and place.day == day:
                last = max(last, place.part)
        return last + 1

    async def _written(
        self,
        camera: str,
        day: date,
        sources: Sequence[StoredObject],
        failed: dict[str, str],
        key: str,
        index_key: str,
        storage_class: str,
    ) -> _Packed:
        """Write archive and index; begin again without a source that broke off."""
        while True:
            usable = [source for source in sources if source.key not in failed]
            try:
                async with ArchiveSink(self._bucket, key, storage_class) as sink:
                    members = await self._pack(camera, day, usable, failed, sink)
                    packed = _Packed(sink, members)
                    await self._finish(packed, key, index_key)
            except SourceFailedError as error:
                failed[error.source.key] = error.reason
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
        sources: Iterable[StoredObject],
        failed: dict[str, str],
        sink: ArchiveSink,
    ) -> dict[StoredObject, Member]:
        """Pack what can be read; raises SourceFailedError for a large one that broke."""
        members: dict[StoredObject, Member] = {}
        broken_off = 0
        async with _ReadAhead(self._bucket, sources) as ahead:
            async for source, content in ahead:
                name = source.key.removeprefix(self._bucket.layout.prefix)
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
                    await sink.write(
                        await asyncio.to_thread(pack, name, content.data, mtime)
                    )
                else:
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
        if not members:
            raise ArchiveError(
                f"No capture of {camera} on {day} could be read: "
                + "; ".join(named_errors(failed.items())),
                camera=camera,
                date=str(day),
            )
        await sink.write(archive_end())
        return members

    async def _pack_large(
        self, source: StoredObject, reader: OpenSource, name: str, sink: ArchiveSink
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
        index = await asyncio.to_thread(
            write_index, key, tuple(packed.members.values())
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

    async def _verified(self, key: str, sink: ArchiveSink) -> str:
        """Compare the archive with what was sent; return its storage class."""
        stored = await self._bucket.head(key)
        if stored is None or stored.size != sink.size:
            raise ArchiveError(
                f"{key} is not there as it was sent, nothing was deleted"
            )
        # Where the ETag says nothing, the service has checked each part's MD5.
        if not stored.etag_is_opaque and stored.etag not in sink.etags:
            raise ArchiveError(f"{key} has another ETag than sent, nothing was deleted")
        return stored.storage_class

    async def _delete_sources(
        self,
        camera: str,
        day: date,
        key: str,
        members: dict[StoredObject, Member],
        failed: dict[str, str],
    ) -> int:
        same = await self._bucket.unchanged(members)
        changed = {source.key for source in members} - same
        failed |= dict.fromkeys(changed, "changed meanwhile, kept")
        await self._store.captures.archived(same, key)
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


class _ReadAhead:
    """Reads small objects ahead, in order, and opens a large one when it is its turn."""

    def __init__(self, bucket: Bucket, sources: Iterable[StoredObject]) -> None:
        self._bucket = bucket
        self._sources = iter(sources)
        self._window: deque[tuple[StoredObject, asyncio.Task[Content] | None]] = deque()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        tasks = [task for _, task in self._window if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(
        self,
    ) -> tuple[StoredObject, Content | OpenSource | SourceFailedError]:
        self._fill()
        if not self._window:
            raise StopAsyncIteration
        source, task = self._window.popleft()
        try:
            if task is None:
                return source, await open_source(self._bucket, source)
            return source, await task
        except SourceFailedError as error:
            return source, error

    def _fill(self) -> None:
        while len(self._window) < READS_AT_ONCE:
            source = next(self._sources, None)
            if source is None:
                return
            task = None
            if source.size <= SMALL_SIZE:
                task = asyncio.create_task(read_source(self._bucket, source))
            self._window.append((source, task))
