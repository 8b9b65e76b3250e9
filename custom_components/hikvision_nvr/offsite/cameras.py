"""What the bucket holds of each camera, without listing every capture."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

from .bucket import Bucket, Page
from .failure import readable_errors
from .keys import ObjectKind, parse_day
from .outcome import AsDict

MOST_PAGES: Final = 20
"""Listing requests for one camera's folder, each of 1000 entries."""

OLDEST_YEAR: Final = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraSummary(AsDict):
    """A camera in the bucket.

    ``unsorted`` and ``unsorted_bytes`` are of the files that wait to be sorted. With
    ``complete`` false there is more than was counted.
    """

    camera: str
    unsorted: int
    unsorted_bytes: int
    days: int
    oldest_day: date | None
    newest_day: date | None
    archives: int
    archive_bytes: int
    complete: bool


async def list_cameras(bucket: Bucket) -> tuple[CameraSummary, ...]:
    """Return a summary of each camera in the bucket; raises OffsiteError."""
    with readable_errors(bucket.settings):
        return tuple(
            [await _summary(bucket, camera) for camera in await bucket.cameras()]
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraFolder:
    """What lies directly in a camera's folder: its days, sorted, and unsorted files."""

    days: tuple[date, ...]
    unsorted: int
    unsorted_bytes: int
    complete: bool


async def read_camera_folder(bucket: Bucket, camera: str) -> CameraFolder:
    """Look into a camera's folder; all days are found, also when files are too many."""
    folder = bucket.layout.camera_folder(camera)
    days: set[date] = set()
    unsorted = unsorted_bytes = pages = 0
    complete = True
    async for page in bucket.pages(folder, folders=True):
        if pages == MOST_PAGES:
            complete = False
            days |= await _days_by_year(bucket, camera)
            break
        pages += 1
        days |= _days_among(page, folder)
        for entry in page.objects:
            place = bucket.layout.parse(entry.key)
            if place is not None and place.kind is ObjectKind.UNSORTED:
                unsorted += 1
                unsorted_bytes += entry.size
    return CameraFolder(
        days=tuple(sorted(days)),
        unsorted=unsorted,
        unsorted_bytes=unsorted_bytes,
        complete=complete,
    )


async def _days_by_year(bucket: Bucket, camera: str) -> set[date]:
    """Find the days without paging through a crowd of unsorted files beside them."""
    folder = bucket.layout.camera_folder(camera)
    days: set[date] = set()
    for year in range(OLDEST_YEAR, datetime.now(UTC).year + 2):
        async for page in bucket.pages(f"{folder}{year}-", folders=True):
            days |= _days_among(page, folder)
    return days


def _days_among(page: Page, folder: str) -> set[date]:
    names = (name.removeprefix(folder).rstrip("/") for name in page.folders)
    return {day for name in names if (day := parse_day(name)) is not None}


async def _summary(bucket: Bucket, camera: str) -> CameraSummary:
    folder = await read_camera_folder(bucket, camera)
    archives = archive_bytes = 0
    async for entry in bucket.objects(bucket.layout.archive_folder(camera)):
        place = bucket.layout.parse(entry.key)
        if place is not None and place.kind is ObjectKind.ARCHIVE:
            archives += 1
            archive_bytes += entry.size
    return CameraSummary(
        camera=camera,
        unsorted=folder.unsorted,
        unsorted_bytes=folder.unsorted_bytes,
        days=len(folder.days),
        oldest_day=folder.days[0] if folder.days else None,
        newest_day=folder.days[-1] if folder.days else None,
        archives=archives,
        archive_bytes=archive_bytes,
        complete=folder.complete,
    )
