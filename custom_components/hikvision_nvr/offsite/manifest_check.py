"""Walks a camera's chain of manifests and says where it is broken first.

Two witnesses are heard: each manifest carries the hash of the one before, and the
catalogue has noted the hash of each when it was written. Who can change the bucket but
not this machine cannot change both.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from .bucket import Bucket
from .concurrency import for_each
from .failure import is_not_found, readable_errors
from .keys import require_camera
from .manifest import (
    LARGEST_SIZE,
    ListedCapture,
    Manifest,
    UnreadableManifestError,
    hash_of,
    manifest_key,
    manifest_objects,
    read_manifest,
)
from .manifest_writer import lists_only, read_object
from .outcome import AsDict, named_errors

if TYPE_CHECKING:
    from ..store import Store

READS_AT_ONCE: Final = 4
_CHUNK_SIZE: Final = 1 << 20


class LinkFault(StrEnum):
    """What is wrong with a manifest."""

    MISSING = "missing"
    UNREADABLE = "unreadable"
    CHANGED = "changed"
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenLink(AsDict):
    """The first manifest of a chain that is not as it was written.

    ``foreign`` is one that follows the last that this recorder has written and lists
    what this recorder never had.
    """

    number: int
    key: str
    fault: LinkFault
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestVerdict(AsDict):
    """What became of a camera's chain of manifests.

    ``manifests`` and ``captures`` are of the links that hold, up to ``head``, the hash
    of the last of them. ``differences`` are captures that are not as their manifest
    says, in the catalogue or, where ``read`` of them were read, in the bucket.
    """

    camera: str
    intact: bool
    manifests: int
    captures: int
    first_day: date | None
    last_day: date | None
    head: str | None
    broken: BrokenLink | None
    read: int
    differences: int
    errors: tuple[str, ...]


@dataclass(slots=True)
class _Walk:
    """What was seen on the way along a chain."""

    manifests: int = 0
    captures: int = 0
    first_day: date | None = None
    last_day: date | None = None
    head: str | None = None
    broken: BrokenLink | None = None
    read: int = 0
    differences: dict[str, str] = field(default_factory=dict)

    def passed(self, manifest: Manifest, digest: str) -> None:
        self.manifests += 1
        self.captures += len(manifest.captures)
        self.first_day = min(self.first_day or manifest.day, manifest.day)
        self.last_day = max(self.last_day or manifest.day, manifest.day)
        self.head = digest


async def verify_manifests(
    bucket: Bucket, store: Store, camera: str, *, content: bool = False
) -> ManifestVerdict:
    """Walk a camera's chain up to its first broken link. Raises OffsiteError.

    With ``content`` every listed capture that is an object of its own is read and
    hashed, which the service may charge for; else only manifests are read.
    """
    require_camera(camera)
    walk = _Walk()
    await _Checker(bucket, store, camera, walk, content=content).run()
    return ManifestVerdict(
        camera=camera,
        intact=walk.broken is None and not walk.differences,
        manifests=walk.manifests,
        captures=walk.captures,
        first_day=walk.first_day,
        last_day=walk.last_day,
        head=walk.head,
        broken=walk.broken,
        read=walk.read,
        differences=len(walk.differences),
        errors=named_errors(walk.differences.items()),
    )


class _Checker:
    def __init__(
        self, bucket: Bucket, store: Store, camera: str, walk: _Walk, *, content: bool
    ) -> None:
        self._bucket = bucket
        self._store = store
        self._camera = camera
        self._walk = walk
        self._content = content

    async def run(self) -> None:
        # Before the listing: what the catalogue knows is in the bucket already.
        noted = await self._store.manifests.hashes(self._camera)
        with readable_errors(self._bucket.settings):
            sizes = {
                number: entry.size
                async for number, entry in manifest_objects(self._bucket, self._camera)
            }
        noted_until = max(noted, default=0)
        until = max([*sizes, *noted], default=0)
        previous: str | None = None
        for number in range(1, until + 1):
            if number not in sizes:
                self._break(number, LinkFault.MISSING, "it is not in the bucket")
                return
            if sizes[number] > LARGEST_SIZE:
                self._break(number, LinkFault.UNREADABLE, "it is too large")
                return
            key = manifest_key(self._bucket.layout, self._camera, number)
            body = await read_object(self._bucket, key)
            digest = await asyncio.to_thread(hash_of, body)
            if noted.get(number, digest) != digest:
                self._break(
                    number, LinkFault.CHANGED, "the catalogue noted another SHA-256"
                )
                return
            try:
                manifest = await asyncio.to_thread(read_manifest, body)
            except UnreadableManifestError as error:
                self._break(number, LinkFault.UNREADABLE, str(error))
                return
            if (manifest.camera, manifest.number) != (self._camera, number):
                self._break(
                    number,
                    LinkFault.CHANGED,
                    f"it is number {manifest.number} of {manifest.camera}",
                )
                return
            if manifest.previous != previous:
                self._break_between(number, noted)
                return
            known = await self._store.manifests.of_day(self._camera, manifest.day)
            if noted and number > noted_until and not lists_only(manifest, known):
                self._break(
                    number,
                    LinkFault.FOREIGN,
                    "it follows the last that this recorder wrote",
                )
                return
            await self._check_captures(manifest, known)
            self._walk.passed(manifest, digest)
            previous = digest

    def _break(self, number: int, fault: LinkFault, reason: str) -> None:
        self._walk.broken = BrokenLink(
            number=number,
            key=manifest_key(self._bucket.layout, self._camera, number),
            fault=fault,
            reason=reason,
        )

    def _break_between(self, number: int, noted: dict[int, str]) -> None:
        """Say which of two manifests that do not fit was changed.

        The earlier one, unless the catalogue has confirmed it or there is none.
        """
        if number == 1 or number - 1 in noted:
            self._break(
                number, LinkFault.CHANGED, "it follows another one than that before it"
            )
        else:
            self._break(
                number - 1, LinkFault.CHANGED, "the next one carries another SHA-256"
            )

    async def _check_captures(
        self, manifest: Manifest, known: dict[str, tuple[str, str | None]]
    ) -> None:
        for listed in manifest.captures:
            if known.get(listed.name, (listed.sha256,))[0] != listed.sha256:
                self._walk.differences[listed.key] = (
                    "the catalogue has another SHA-256 than its manifest"
                )
        if self._content:
            prefix = self._bucket.layout.prefix
            there = {
                key.removeprefix(prefix) for _, key in known.values() if key is not None
            }
            await self._read_captures(manifest.captures, there)

    async def _read_captures(
        self, captures: Sequence[ListedCapture], there: set[str]
    ) -> None:
        async def check(listed: ListedCapture) -> None:
            digest = await self._hash_object(listed.key)
            if digest is None:
                if listed.key in there:
                    self._walk.differences[listed.key] = "it is not in the bucket"
                return
            self._walk.read += 1
            if digest != listed.sha256:
                self._walk.differences[listed.key] = (
                    "its bytes have another SHA-256 than its manifest"
                )

        await for_each(captures, check, at_once=READS_AT_ONCE)

    async def _hash_object(self, key: str) -> str | None:
        """Return the hash of an object's bytes, None when there is no such object."""
        digest = sha256()
        with readable_errors(self._bucket.settings):
            try:
                answer = await self._bucket.client.get_object(
                    Bucket=self._bucket.name, Key=self._bucket.layout.prefix + key
                )
            except ClientError as error:
                if is_not_found(error):
                    return None
                raise
            try:
                async for chunk in answer["Body"].iter_chunks(_CHUNK_SIZE):
                    await asyncio.to_thread(digest.update, chunk)
            finally:
                answer["Body"].close()
        return digest.hexdigest()
