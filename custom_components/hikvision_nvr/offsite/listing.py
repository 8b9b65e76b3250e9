"""Lists files of the bucket a page at a time, so that no answer grows with the bucket."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final

from ..errors import OffsiteError
from .archive_parts import archived_parts, proven_index
from .bucket import Bucket, StoredObject
from .failure import readable_errors
from .keys import ObjectKind, require_camera
from .outcome import AsDict

DEFAULT_LIMIT: Final = 100
MOST_LISTED: Final = 1000


class ListScope(StrEnum):
    """What to list of a camera."""

    CAPTURES = "captures"
    UNSORTED = "unsorted"
    ARCHIVES = "archives"
    ARCHIVED = "archived"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedFile(AsDict):
    """A file in the bucket, or in an archive there, whose key it then has."""

    name: str
    key: str
    size: int
    modified: datetime | None
    storage_class: str | None
    archive: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileList(AsDict):
    """A page of files. ``cursor`` is what the next call gives; None at the end."""

    files: tuple[ListedFile, ...]
    cursor: str | None


async def list_files(
    bucket: Bucket,
    camera: str,
    *,
    day: date | None = None,
    scope: ListScope = ListScope.CAPTURES,
    limit: int = DEFAULT_LIMIT,
    cursor: str | None = None,
) -> FileList:
    """List a camera's files in the order of their keys, ``limit`` at a time.

    What is inside archives is listed of one day. Raises OffsiteError.
    """
    require_camera(camera)
    limit = min(limit, MOST_LISTED)
    with readable_errors(bucket.settings):
        if scope is ListScope.ARCHIVED:
            if day is None:
                raise OffsiteError("A date is needed to look into archives")
            return await _archived(bucket, camera, day, limit, cursor)
        found: list[ListedFile] = []
        async for page in bucket.pages(
            _prefix(bucket, camera, day, scope),
            folders=scope is ListScope.UNSORTED,
            after=cursor or "",
        ):
            for entry in page.objects:
                if not _is_meant(bucket, entry, scope):
                    continue
                if len(found) == limit:
                    return FileList(files=tuple(found), cursor=found[-1].key)
                found.append(_listed(entry))
    return FileList(files=tuple(found), cursor=None)


def _prefix(bucket: Bucket, camera: str, day: date | None, scope: ListScope) -> str:
    if scope is ListScope.ARCHIVES:
        folder = bucket.layout.archive_folder(camera)
        return folder if day is None else f"{folder}{day.isoformat()}."
    if scope is ListScope.UNSORTED or day is None:
        return bucket.layout.camera_folder(camera)
    return bucket.layout.day_folder(camera, day)


def _is_meant(bucket: Bucket, entry: StoredObject, scope: ListScope) -> bool:
    place = bucket.layout.parse(entry.key)
    kind = {
        ListScope.CAPTURES: ObjectKind.CAPTURE,
        ListScope.UNSORTED: ObjectKind.UNSORTED,
        ListScope.ARCHIVES: ObjectKind.ARCHIVE,
    }[scope]
    return place is not None and place.kind is kind


def _listed(entry: StoredObject) -> ListedFile:
    return ListedFile(
        name=entry.key.rpartition("/")[2],
        key=entry.key,
        size=entry.size,
        modified=entry.modified,
        storage_class=entry.storage_class,
    )


async def _archived(
    bucket: Bucket, camera: str, day: date, limit: int, cursor: str | None
) -> FileList:
    """List what is inside a day's archives, by their indexes."""
    found: list[ListedFile] = []
    archived = await archived_parts(bucket, camera, day)
    for part in archived.parts.values():
        index = await proven_index(bucket, part)
        if index is None:
            continue
        found += [
            ListedFile(
                name=member.name.rpartition("/")[2],
                key=f"{index.archive}#{member.name}",
                size=member.size,
                modified=None,
                storage_class=None
                if part.archive is None
                else part.archive.storage_class,
                archive=index.archive,
            )
            for member in index.members
        ]
    found.sort(key=lambda file: file.key)
    rest = [file for file in found if cursor is None or file.key > cursor]
    files = tuple(rest[:limit])
    return FileList(files=files, cursor=files[-1].key if len(rest) > limit else None)
