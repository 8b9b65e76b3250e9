"""Extends each camera's chain of manifests when a day is over.

Files that come late, from a camera that was offline for a day, are listed in a further
manifest of their day: a manifest is never changed. The order is object first, catalogue
second. What a crash leaves between the two is found at the next attempt, under the key
that is wanted then, and is taken over if it lists what the catalogue would have listed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, date, datetime, timedelta, tzinfo
from hashlib import md5
import logging
from typing import TYPE_CHECKING, Any, Final

from ..errors import OffsiteError
from ..model import ManifestHead
from .bucket import Bucket, KeyTakenError
from .failure import readable_errors
from .manifest import (
    LARGEST_SIZE,
    MOST_CAPTURES,
    Manifest,
    UnreadableManifestError,
    hash_of,
    head_of,
    manifest_key,
    next_manifest,
    read_manifest,
    write_manifest,
)
from .options import first_accepted

if TYPE_CHECKING:
    from ..store import Store

CLOSING_TIME: Final = timedelta(hours=1)
"""How long after midnight a day is over: until then its last clips are uploaded."""
LONGEST_WAIT: Final = timedelta(hours=24)
"""A day is listed after this even if some of its captures cannot be uploaded."""

_LOGGER = logging.getLogger(__package__)


class _ConflictError(Exception):
    """Someone else has continued a camera's chain."""


class ManifestWriter:
    """Writes the manifests that are due."""

    def __init__(
        self, bucket: Callable[[], Awaitable[Bucket]], store: Store, time_zone: tzinfo
    ) -> None:
        """Days end in ``time_zone``. The bucket is opened once something is due."""
        self._open = bucket
        self._store = store
        self._time_zone = time_zone
        self._writing = asyncio.Lock()
        self.conflicts: frozenset[str] = frozenset()
        """Cameras whose chain someone else has continued."""

    async def write_due(self) -> int:
        """Write what is due and return how many manifests that were.

        A chain that someone else has continued is left alone and is in ``conflicts``.
        Raises OffsiteError.
        """
        async with self._writing:
            conflicts: set[str] = set()
            written = 0
            for camera, day in await self._due():
                if camera in conflicts:
                    continue
                try:
                    written += await _Chain(
                        await self._open(), self._store, camera
                    ).list_day(day)
                except _ConflictError as error:
                    _LOGGER.error("%s", error)
                    conflicts.add(camera)
            if written or conflicts != self.conflicts:
                self.conflicts = frozenset(conflicts)
                self._store.changed()
            return written

    async def _due(self) -> list[tuple[str, date]]:
        """Return the days that are over, have something to list and wait for nothing."""
        now = datetime.now(UTC)
        before = (now - CLOSING_TIME).astimezone(self._time_zone).date()
        days = await self._store.manifests.days_with_unlisted(before)
        return [
            (camera, day)
            for camera, day, since in days
            if now - since >= LONGEST_WAIT
            or not await self._store.captures.waiting_on(camera, day)
        ]


class _Chain:
    """The chain of one camera."""

    def __init__(self, bucket: Bucket, store: Store, camera: str) -> None:
        self._bucket = bucket
        self._manifests = store.manifests
        self._camera = camera

    async def list_day(self, day: date) -> int:
        """List what is not listed of a day; return in how many manifests."""
        written = 0
        while captures := await self._manifests.unlisted(
            self._camera, day, MOST_CAPTURES
        ):
            head = await self._manifests.head(self._camera)
            manifest = next_manifest(
                head, self._camera, day, captures, self._bucket.layout.prefix
            )
            try:
                digest = await self._put(manifest)
            except KeyTakenError:
                await self._take_over(head)
                continue
            await self._manifests.written(
                head_of(manifest, digest),
                manifest.hashes,
                after=manifest.number - 1,
            )
            written += 1
        return written

    async def _put(self, manifest: Manifest) -> str:
        """Write a manifest to the bucket and return its hash."""
        body = await asyncio.to_thread(write_manifest, manifest)
        digest = await asyncio.to_thread(hash_of, body)
        key = manifest_key(self._bucket.layout, manifest.camera, manifest.number)
        options = {"ContentType": "application/gzip", "Metadata": {"sha256": digest}}
        # A manifest is worth no less than the captures that it proves.
        lock = self._bucket.lock_options(datetime.now(UTC))
        body_md5 = md5(body, usedforsecurity=False).digest()

        async def put(accepted: Mapping[str, Any]) -> None:
            await self._bucket.put_new(key, body, body_md5=body_md5, **accepted)

        with readable_errors(self._bucket.settings):
            await first_accepted(
                put, [{**options, **lock}, options] if lock else [options]
            )
        return digest

    async def _take_over(self, head: ManifestHead | None) -> None:
        """Go on from a chain that is longer than the catalogue knows.

        Raises _ConflictError where it is not what this recorder wrote.
        """
        if head is None:
            await self._take_over_all()
            return
        manifest, following = await self._read(head.number + 1, head.sha256)
        known = await self._manifests.of_day(self._camera, manifest.day)
        if not lists_only(manifest, known):
            raise self._conflict(manifest.number)
        await self._manifests.written(following, manifest.hashes, after=head.number)

    async def _take_over_all(self) -> None:
        """Take over the chain of a catalogue that was lost.

        Nothing here can tell whether it is the recorder's; ``verify`` walks it.
        """
        chain: list[tuple[ManifestHead, int]] = []
        previous: str | None = None
        while await self._exists(len(chain) + 1):
            manifest, head = await self._read(len(chain) + 1, previous)
            await self._manifests.listed(head, manifest.hashes)
            chain.append((head, len(manifest.captures)))
            previous = head.sha256
        await self._manifests.taken_over(chain)
        _LOGGER.warning(
            "The chain of %d manifests of %s in the bucket is continued",
            len(chain),
            self._camera,
        )

    async def _exists(self, number: int) -> bool:
        key = manifest_key(self._bucket.layout, self._camera, number)
        with readable_errors(self._bucket.settings):
            return await self._bucket.head(key) is not None

    async def _read(
        self, number: int, previous: str | None
    ) -> tuple[Manifest, ManifestHead]:
        key = manifest_key(self._bucket.layout, self._camera, number)
        body = await read_object(self._bucket, key)
        try:
            manifest = await asyncio.to_thread(read_manifest, body)
        except UnreadableManifestError as error:
            raise self._conflict(number) from error
        if (manifest.camera, manifest.number, manifest.previous) != (
            self._camera,
            number,
            previous,
        ):
            raise self._conflict(number)
        return manifest, head_of(manifest, await asyncio.to_thread(hash_of, body))

    def _conflict(self, number: int) -> _ConflictError:
        key = manifest_key(self._bucket.layout, self._camera, number)
        return _ConflictError(f"{key} was not written by this recorder")


def lists_only(manifest: Manifest, known: Mapping[str, tuple[str, str | None]]) -> bool:
    """Whether the catalogue knows all that a manifest lists."""
    return all(
        listed.name in known and known[listed.name][0] == listed.sha256
        for listed in manifest.captures
    )


async def read_object(bucket: Bucket, key: str) -> bytes:
    """Return a manifest's bytes. Raises OffsiteError."""
    with readable_errors(bucket.settings):
        answer = await bucket.client.get_object(Bucket=bucket.name, Key=key)
        body = answer["Body"]
        try:
            if answer["ContentLength"] > LARGEST_SIZE:
                raise OffsiteError(f"{key} is too large for a manifest")
            return await body.read()
        finally:
            body.close()
