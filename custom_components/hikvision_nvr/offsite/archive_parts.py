"""What is archived of a day already, and what of it is proven."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from .archive_index import ArchiveIndex, Member, parse_index, read_index
from .bucket import Bucket, StoredObject
from .keys import ObjectKind


@dataclass(slots=True, kw_only=True)
class ArchivePart:
    """An archive of a day and its index; either may be missing."""

    number: int
    archive: StoredObject | None = None
    index: StoredObject | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenMember:
    """A file that is in an archive which is what its index says."""

    archive_key: str
    member: Member


@dataclass(slots=True)
class ArchivedDay:
    """The parts of a day, by number."""

    parts: dict[int, ArchivePart] = field(default_factory=dict)

    @property
    def next_number(self) -> int:
        """The number of a further part: no archive and no index has it."""
        return max(self.parts, default=0) + 1


async def archived_parts(bucket: Bucket, camera: str, day: date) -> ArchivedDay:
    """List the archives of a day."""
    found = ArchivedDay()
    prefix = f"{bucket.layout.archive_folder(camera)}{day.isoformat()}."
    async for entry in bucket.objects(prefix):
        place = bucket.layout.parse(entry.key)
        if place is None or place.day != day:
            continue
        part = found.parts.setdefault(place.part, ArchivePart(number=place.part))
        if place.kind is ObjectKind.ARCHIVE:
            part.archive = entry
        elif place.kind is ObjectKind.INDEX:
            part.index = entry
    return found


async def proven_index(bucket: Bucket, part: ArchivePart) -> ArchiveIndex | None:
    """Return the index of a part whose archive is exactly what the index says."""
    if part.archive is None or part.index is None:
        return None
    try:
        content = await read_index(bucket, part.index.key)
        index = await asyncio.to_thread(parse_index, content)
    except ValueError:
        return None
    if index.archive != part.archive.key:
        return None
    return index if index.proves(await bucket.head(part.archive.key)) else None


async def proven_members(
    bucket: Bucket, archived: ArchivedDay
) -> Mapping[str, ProvenMember]:
    """Return what is proven to be in a day's archives, by its name."""
    found: dict[str, ProvenMember] = {}
    for part in archived.parts.values():
        index = await proven_index(bucket, part)
        if index is not None:
            found |= {
                member.name: ProvenMember(archive_key=index.archive, member=member)
                for member in index.members
            }
    return found
