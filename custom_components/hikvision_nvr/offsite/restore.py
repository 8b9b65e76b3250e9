"""Brings captures back: out of Glacier, and from the bucket to the disk.

The life of a restore: what is meant is found in the indexes of the day's archives and
among its single objects; what is in a class that cannot be read at once is requested,
and the job waits until the service has it ready; then, if wished, each file is read by
its byte range, compared with its SHA-256, and kept in the store again.
"""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from fnmatch import fnmatchcase
import gzip
from hashlib import sha256
from http import HTTPStatus
import io
import tarfile
from typing import TYPE_CHECKING, Any, Final
import zlib

import aiohttp
from botocore.exceptions import BotoCoreError, ClientError

from ..errors import OffsiteUnreachableError, RestoreError
from ..jobs import JobRun, ParkedError
from ..model import Describe
from ..store import upload_name
from .archive_index import ArchiveIndex, Member
from .archive_parts import ArchivePart, archived_parts, proven_index
from .archive_reader import DamagedArchiveError, Receiver, read_archive
from .archive_source import SourceFailedError, open_source
from .bucket import Bucket, StoredObject
from .classes import facts_of
from .failure import code_of, readable_errors, status_of
from .keys import ObjectKind, require_camera
from .outcome import MOST_ERRORS

if TYPE_CHECKING:
    from ..store import Store
    from ..store.incoming import IncomingFile

TIERS: Final = ("Standard", "Bulk", "Expedited")
POLL: Final = timedelta(hours=1)
POLL_EXPEDITED: Final = timedelta(minutes=5)
_NO_RESTORE: Final = frozenset(
    {HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED}
)
_NAMED: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to be brought back of a camera's day.

    ``patterns`` are shell patterns of file names, ``first`` and ``last`` times of the
    day in the recorder's time zone. ``tier`` and ``days`` are for what is in Glacier:
    how fast it must be, and for how long it can be read then.
    """

    camera: str
    day: date
    patterns: tuple[str, ...] = ("*",)
    first: time | None = None
    last: time | None = None
    tier: str = "Standard"
    days: int = 3
    extract: bool = False


@dataclass(slots=True)
class _Found:
    """What the bucket has of a day, as far as it is meant."""

    indexed: list[tuple[ArchiveIndex, list[Member]]] = field(default_factory=list)
    whole: list[StoredObject] = field(default_factory=list)
    objects: list[StoredObject] = field(default_factory=list)

    @property
    def archives(self) -> list[str]:
        return [index.archive for index, _ in self.indexed] + [
            entry.key for entry in self.whole
        ]

    @property
    def keys(self) -> list[str]:
        return self.archives + [entry.key for entry in self.objects]


@dataclass(slots=True)
class _Tally:
    extracted: int = 0
    bytes: int = 0
    names: list[str] = field(default_factory=list)
    failed: int = 0
    errors: list[str] = field(default_factory=list)

    def fail(self, name: str, reason: str) -> None:
        self.failed += 1
        if len(self.errors) < MOST_ERRORS:
            self.errors.append(f"{name}: {reason}")


class Restorer:
    """The work of the job ``restore``."""

    def __init__(
        self, bucket: Bucket, store: Store, describe: Describe, time_zone: tzinfo
    ) -> None:
        """Bring captures back to this store."""
        self._bucket = bucket
        self._store = store
        self._describe = describe
        self._time_zone = time_zone

    async def restore(self, wish: Wish, job: JobRun | None = None) -> dict[str, Any]:
        """Bring back what is meant.

        Raises ParkedError until the service has it ready, RestoreError when there is
        nothing to bring back or the service refuses, OffsiteError.
        """
        job = job or JobRun({})
        require_camera(wish.camera)
        try:
            with readable_errors(self._bucket.settings):
                found = await self._find(wish)
                if not found.keys:
                    raise RestoreError(
                        f"The bucket has nothing of {wish.camera} on {wish.day}"
                        " that is meant",
                        camera=wish.camera,
                        date=str(wish.day),
                    )
                waiting = [
                    key for key in found.keys if not await self._is_ready(key, wish)
                ]
        except OffsiteUnreachableError:
            if not job.checkpoint.get("requested"):
                raise
            # What was requested may be ready for a few days only: keep asking.
            raise ParkedError(datetime.now(UTC) + POLL_EXPEDITED) from None
        if waiting:
            await job.save(requested=True)
            poll = POLL_EXPEDITED if wish.tier == "Expedited" else POLL
            raise ParkedError(datetime.now(UTC) + poll)
        tally = _Tally()
        if wish.extract:
            with readable_errors(self._bucket.settings):
                await self._extract(found, wish, tally, job)
        return {
            "camera": wish.camera,
            "date": wish.day.isoformat(),
            "ready": True,
            "requested": bool(job.checkpoint.get("requested")),
            "archives": found.archives,
            "objects": len(found.objects),
            "extracted": tally.extracted,
            "bytes": tally.bytes,
            "files": tally.names[:_NAMED],
            "failed": tally.failed,
            "errors": tally.errors,
            "complete": not job.cancelled,
        }

    async def _find(self, wish: Wish) -> _Found:
        found = _Found()
        archived = await archived_parts(self._bucket, wish.camera, wish.day)
        for part in archived.parts.values():
            await self._find_in(part, wish, found)
        folder = self._bucket.layout.day_folder(wish.camera, wish.day)
        async for entry in self._bucket.objects(folder):
            place = self._bucket.layout.parse(entry.key)
            if place is None or place.kind is not ObjectKind.CAPTURE:
                continue
            if self._wants(wish, entry.key, entry.modified):
                found.objects.append(entry)
        return found

    async def _find_in(self, part: ArchivePart, wish: Wish, found: _Found) -> None:
        if part.archive is None:
            return
        index = await proven_index(self._bucket, part)
        if index is None:
            # The toolkit's have none: it is read as a whole.
            found.whole.append(part.archive)
            return
        wanted = [
            member
            for member in index.members
            if self._wants(wish, member.name, datetime.fromtimestamp(member.mtime, UTC))
        ]
        if wanted:
            found.indexed.append((index, wanted))

    def _wants(self, wish: Wish, path: str, modified: datetime) -> bool:
        name = path.rpartition("/")[2]
        folded = name.casefold()
        if not any(
            fnmatchcase(folded, pattern.casefold()) for pattern in wish.patterns
        ):
            return False
        if wish.first is None and wish.last is None:
            return True
        sighting = self._describe(wish.camera, name, modified)
        moment = sighting.event_time.astimezone(self._time_zone).time()
        return (wish.first or time.min) <= moment <= (wish.last or time.max)

    async def _is_ready(self, key: str, wish: Wish) -> bool:
        """Whether an object can be read; asks the service for it if it cannot."""
        for asked in (False, True):
            head = await self._bucket.client.head_object(
                Bucket=self._bucket.name, Key=key
            )
            if not facts_of(head.get("StorageClass", "STANDARD")).restored:
                return True
            state = head.get("Restore", "")
            if 'ongoing-request="false"' in state:
                return True
            if state or asked:
                break
            if await self._request(key, wish):
                return True
        return False

    async def _request(self, key: str, wish: Wish) -> bool:
        """Ask for an object; return whether the service needs not be asked for any."""
        try:
            answer = await self._bucket.client.restore_object(
                Bucket=self._bucket.name,
                Key=key,
                RestoreRequest={
                    "Days": wish.days,
                    "GlacierJobParameters": {"Tier": wish.tier},  # type: ignore[typeddict-item]
                },
            )
        except ClientError as error:
            if status_of(error) in _NO_RESTORE:
                # Its cold class is only a name: what is in it can be read.
                return True
            if code_of(error) == "RestoreAlreadyInProgress":
                return False
            raise RestoreError(
                f"{key} cannot be restored: {code_of(error)}",
                camera=wish.camera,
                date=str(wish.day),
            ) from error
        return answer["ResponseMetadata"]["HTTPStatusCode"] == HTTPStatus.OK

    async def _extract(
        self, found: _Found, wish: Wish, tally: _Tally, job: JobRun
    ) -> None:
        job.expect(
            sum(len(members) for _, members in found.indexed)
            + len(found.objects)
            + len(found.whole)
        )
        for index, members in found.indexed:
            for member in members:
                if job.cancelled:
                    return
                await self._attempt(
                    member.name, self._extract_member(index, member, wish, tally), tally
                )
                job.done(size=member.size)
        for entry in found.objects:
            if job.cancelled:
                return
            await self._attempt(
                entry.key, self._extract_object(entry, wish, tally), tally
            )
            job.done(size=entry.size)
        for entry in found.whole:
            if job.cancelled:
                return
            await self._attempt(
                entry.key, self._extract_whole(entry, wish, tally), tally
            )
            job.done(size=entry.size)

    async def _attempt(self, name: str, work: Awaitable[None], tally: _Tally) -> None:
        try:
            await work
        except SourceFailedError as error:
            tally.fail(name, error.reason)
        except DamagedArchiveError as error:
            tally.fail(name, str(error))
        except ClientError as error:
            tally.fail(name, code_of(error))
        except (BotoCoreError, aiohttp.ClientError, TimeoutError) as error:
            tally.fail(name, type(error).__name__)

    async def _extract_member(
        self, index: ArchiveIndex, member: Member, wish: Wish, tally: _Tally
    ) -> None:
        last = member.offset + member.length - 1
        answer = await self._bucket.client.get_object(
            Bucket=self._bucket.name,
            Key=index.archive,
            Range=f"bytes={member.offset}-{last}",
        )
        packed = await answer["Body"].read()
        data = await asyncio.to_thread(unpack_member, packed, member)
        incoming = self._store.receive()
        await incoming.write(data)
        await self._keep(incoming, member, wish, tally, archive_key=index.archive)

    async def _extract_object(
        self, entry: StoredObject, wish: Wish, tally: _Tally
    ) -> None:
        reader = await open_source(self._bucket, entry)
        incoming = self._store.receive()
        try:
            async for chunk in reader.chunks():
                await incoming.write(chunk)
        except BaseException:
            await incoming.discard()
            raise
        finally:
            reader.close()
        member = _member(entry.key, entry.size, reader.mtime)
        await self._keep(incoming, member, wish, tally, object_key=entry.key)

    async def _extract_whole(
        self, entry: StoredObject, wish: Wish, tally: _Tally
    ) -> None:
        loop = asyncio.get_running_loop()
        taken: list[tuple[IncomingFile, Member]] = []

        def visit(name: str, size: int, mtime: int) -> Receiver | None:
            modified = datetime.fromtimestamp(mtime, UTC)
            if not self._wants(wish, name, modified):
                return None
            incoming = self._store.receive()
            taken.append((incoming, _member(name, size, mtime)))
            return _ToStore(loop, incoming)

        try:
            await read_archive(self._bucket, entry.key, visit)
        except BaseException:
            for incoming, _ in taken:
                await incoming.discard()
            raise
        for incoming, member in taken:
            await self._keep(incoming, member, wish, tally, archive_key=entry.key)

    async def _keep(
        self,
        incoming: IncomingFile,
        member: Member,
        wish: Wish,
        tally: _Tally,
        *,
        object_key: str | None = None,
        archive_key: str | None = None,
    ) -> None:
        name = upload_name(member.name)
        modified = datetime.fromtimestamp(member.mtime, UTC)
        capture = await self._store.bring_back(
            incoming,
            camera=wish.camera,
            day=wish.day,
            name=name,
            sighting=self._describe(wish.camera, name, modified),
            object_key=object_key,
            archive_key=archive_key,
        )
        tally.extracted += 1
        tally.bytes += capture.size
        if len(tally.names) < _NAMED:
            tally.names.append(capture.relative_path)


class _ToStore:
    """Hands the bytes of a member from the reading thread to the store."""

    def __init__(self, loop: asyncio.AbstractEventLoop, incoming: IncomingFile) -> None:
        self._loop = loop
        self._incoming = incoming

    def write(self, data: bytes) -> None:
        asyncio.run_coroutine_threadsafe(
            self._incoming.write(data), self._loop
        ).result()

    def close(self) -> None:
        """Nothing is to do: the store keeps it later."""


def unpack_member(packed: bytes, member: Member) -> bytes:
    """Return the file in an archive's byte range (blocking).

    Raises DamagedArchiveError when it is not what the index says.
    """
    try:
        with tarfile.open(
            fileobj=io.BytesIO(gzip.decompress(packed)), mode="r:"
        ) as archive:
            entry = archive.next()
            file = None if entry is None else archive.extractfile(entry)
            data = b"" if file is None else file.read()
    except (tarfile.TarError, zlib.error, OSError, EOFError) as error:
        raise DamagedArchiveError(str(error)) from error
    if sha256(data).hexdigest() != member.sha256:
        raise DamagedArchiveError("its SHA-256 differs")
    return data


def _member(name: str, size: int, mtime: int) -> Member:
    return Member(
        name=name, offset=0, length=0, size=size, sha256="", mtime=mtime, etag=""
    )
