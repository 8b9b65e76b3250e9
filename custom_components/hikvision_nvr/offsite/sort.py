"""Moves what others left unsorted in a camera's folder into its day.

For each file: copy on the condition that the source is as listed and the target is
free, prove the copy, and only then delete the source.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from enum import Enum, auto
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from ..model import Describe
from .bucket import (
    DELETE_BATCH,
    Bucket,
    KeyTakenError,
    StoredObject,
    is_md5,
    plain_etag,
)
from .concurrency import for_each
from .failure import code_of, is_precondition_failed, readable_errors
from .keys import ObjectKind, require_camera, with_suffix
from .outcome import AsDict, named_errors

if TYPE_CHECKING:
    from types_aiobotocore_s3.type_defs import CopyObjectRequestTypeDef

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
    """

    dry_run: bool
    scanned: int
    moved: int
    duplicates: int
    renamed: int
    skipped: int
    failed: int
    by_camera: dict[str, int]
    errors: tuple[str, ...]


class _Outcome(Enum):
    MOVED = auto()
    RENAMED = auto()
    DUPLICATE = auto()


@dataclass(slots=True)
class _Tally:
    scanned: int = 0
    skipped: int = 0
    outcomes: Counter[_Outcome] = field(default_factory=Counter)
    by_camera: Counter[str] = field(default_factory=Counter)
    failed: list[tuple[str, str]] = field(default_factory=list)


class Sorter:
    """Sorts the unsorted files of a bucket by day."""

    def __init__(
        self,
        bucket: Bucket,
        describe: Describe,
        time_zone: tzinfo,
        *,
        grace: timedelta = GRACE,
    ) -> None:
        """Read days from names with ``describe``, in ``time_zone``.

        What is younger than ``grace`` may still be written to.
        """
        self._bucket = bucket
        self._describe = describe
        self._time_zone = time_zone
        self._grace = grace

    async def sort(
        self,
        camera: str | None = None,
        *,
        patterns: Sequence[str] = DEFAULT_PATTERNS,
        dry_run: bool = False,
    ) -> SortResult:
        """Sort one camera's files, or all cameras'. Raises OffsiteError.

        ``patterns`` are shell patterns of file names, in which case does not matter.
        """
        tally = _Tally()
        folded = [pattern.casefold() for pattern in patterns]
        with readable_errors(self._bucket.settings):
            cameras = (
                [require_camera(camera)] if camera else await self._bucket.cameras()
            )
            for name in cameras:
                await self._sort_camera(name, folded, tally, dry_run=dry_run)
        return SortResult(
            dry_run=dry_run,
            scanned=tally.scanned,
            moved=tally.outcomes[_Outcome.MOVED] + tally.outcomes[_Outcome.RENAMED],
            duplicates=tally.outcomes[_Outcome.DUPLICATE],
            renamed=tally.outcomes[_Outcome.RENAMED],
            skipped=tally.skipped,
            failed=len(tally.failed),
            by_camera={name: n for name, n in sorted(tally.by_camera.items()) if n},
            errors=named_errors(tally.failed),
        )

    async def _sort_camera(
        self, camera: str, patterns: Sequence[str], tally: _Tally, *, dry_run: bool
    ) -> None:
        folder = self._bucket.layout.camera_folder(camera)
        youngest = datetime.now(UTC) - self._grace
        chosen: list[StoredObject] = []
        async for page in self._bucket.pages(folder, folders=True):
            for entry in page.objects:
                place = self._bucket.layout.parse(entry.key)
                if place is None or place.kind is not ObjectKind.UNSORTED:
                    continue
                tally.scanned += 1
                name = place.name.casefold()
                if entry.modified > youngest or not any(
                    fnmatchcase(name, pattern) for pattern in patterns
                ):
                    tally.skipped += 1
                    continue
                chosen.append(entry)
            while len(chosen) >= DELETE_BATCH:
                await self._move(camera, chosen[:DELETE_BATCH], tally, dry_run=dry_run)
                del chosen[:DELETE_BATCH]
        await self._move(camera, chosen, tally, dry_run=dry_run)

    async def _move(
        self,
        camera: str,
        sources: Sequence[StoredObject],
        tally: _Tally,
        *,
        dry_run: bool,
    ) -> None:
        if dry_run:
            tally.outcomes[_Outcome.MOVED] += len(sources)
            tally.by_camera[camera] += len(sources)
            return
        proven: list[StoredObject] = []
        outcomes: dict[str, _Outcome] = {}

        async def copy(source: StoredObject) -> None:
            outcome = await self._copied(camera, source, tally)
            if outcome is not None:
                proven.append(source)
                outcomes[source.key] = outcome

        await for_each(sources, copy, at_once=COPIES_AT_ONCE)
        same = await self._bucket.unchanged(proven)
        failed = dict.fromkeys(outcomes.keys() - same, _CHANGED)
        failed |= await self._bucket.delete(sorted(same))
        tally.failed.extend(failed.items())
        gone = outcomes.keys() - failed.keys()
        tally.outcomes.update(outcomes[key] for key in gone)
        tally.by_camera[camera] += len(gone)

    async def _copied(
        self, camera: str, source: StoredObject, tally: _Tally
    ) -> _Outcome | None:
        """Bring one file to its day; None when it is not proved to be there."""
        try:
            day = await self._day(camera, source)
            name = source.key.rpartition("/")[2]
            key = self._bucket.layout.day_folder(camera, day) + name
            return await self._copy_to_free_name(source, key, tally)
        except ClientError as error:
            if is_precondition_failed(error):
                tally.failed.append((source.key, _CHANGED))
            else:
                tally.failed.append((source.key, code_of(error)))
        except (BotoCoreError, TimeoutError) as error:
            tally.failed.append((source.key, type(error).__name__))
        return None

    async def _day(self, camera: str, source: StoredObject) -> date:
        """Read the day from the name, else from s3fs's mtime, else the upload's time."""
        name = source.key.rpartition("/")[2]
        described = self._describe(camera, name, source.modified)
        if described.event_time == source.modified:
            # The name has no time: describe gave back what it was told.
            stored = await self._bucket.head(source.key)
            written = _s3fs_time(stored) if stored else None
            if written is not None:
                described = self._describe(camera, name, written)
        return described.event_time.astimezone(self._time_zone).date()

    async def _copy_to_free_name(
        self, source: StoredObject, wanted: str, tally: _Tally
    ) -> _Outcome | None:
        for number in range(_MOST_SUFFIXES + 1):
            key = with_suffix(wanted, str(number)) if number else wanted
            taken = await self._bucket.head(key)
            if taken is None:
                try:
                    etag = await self._copy(source, key)
                except KeyTakenError:
                    taken = await self._bucket.head(key)
                else:
                    if not await self._is_copy(key, etag, source):
                        break
                    return _Outcome.RENAMED if number else _Outcome.MOVED
            if taken and (taken.etag, taken.size) == (source.etag, source.size):
                return _Outcome.DUPLICATE
        else:
            tally.failed.append((source.key, "all names are taken"))
            return None
        tally.failed.append((source.key, "the copy differs, the source is kept"))
        return None

    async def _copy(self, source: StoredObject, key: str) -> str:
        """Copy to a free key and return the ETag that the service gave the copy."""
        request: CopyObjectRequestTypeDef = {
            "Bucket": self._bucket.name,
            "Key": key,
            "CopySource": {"Bucket": self._bucket.name, "Key": source.key},
            "CopySourceIfMatch": f'"{source.etag}"',
        }
        if await self._bucket.refuses_overwrite():
            request["IfNoneMatch"] = "*"
        try:
            answer = await self._bucket.client.copy_object(**request)
        except ClientError as error:
            # Both conditions fail with 412; the target tells which it was.
            if is_precondition_failed(error) and await self._bucket.head(key):
                raise KeyTakenError(key) from error
            raise
        return plain_etag(answer.get("CopyObjectResult", {}).get("ETag", ""))

    async def _is_copy(self, key: str, etag: str, source: StoredObject) -> bool:
        """Whether the copy has the source's MD5, or its size where ETags do not tell.

        A copy of what was uploaded in parts has an ETag of another kind, and with KMS
        encryption every copy has its own.
        """
        if is_md5(etag) and etag == source.etag:
            return True
        stored = await self._bucket.head(key)
        if stored is None or stored.size != source.size:
            return False
        tells = is_md5(stored.etag) and is_md5(source.etag)
        return stored.etag == source.etag or stored.etag_is_opaque or not tells


def _s3fs_time(stored: StoredObject) -> datetime | None:
    """Read the file time that s3fs keeps: seconds since 1970, maybe with a fraction."""
    try:
        return datetime.fromtimestamp(float(stored.metadata["mtime"]), UTC)
    except KeyError, ValueError, OverflowError, OSError:
        return None
