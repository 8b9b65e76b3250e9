"""A manifest: what a camera delivered on a day, and the hash of the manifest before.

Each camera has one chain of them in the reserved folder, numbered from 1::

    _hikvision_nvr/manifests/CAM/00000001.json.gz

A manifest is JSON (RFC 8259), compressed by gzip (RFC 1952). Its hash is the SHA-256
of the object as it is stored, so that ``sha256sum`` on a download tells it. Who changes,
adds or removes a capture or a manifest afterwards must change every manifest after it.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
import gzip
from hashlib import sha256
import json
import re
from typing import Any, Final, Self
import zlib

from ..model import Capture, ManifestHead
from .bucket import Bucket, StoredObject
from .keys import Layout, is_camera_name

FORMAT_VERSION: Final = 1
MOST_CAPTURES: Final = 10_000
"""In one manifest; further ones of the day are in the next."""
LARGEST_SIZE: Final = 32 << 20
"""Bytes of a manifest, before and after unpacking: ours have some 4 MB."""

_FOLDER: Final = "manifests"
_NAME: Final = re.compile(r"(\d{8})\.json\.gz", re.ASCII)


class UnreadableManifestError(Exception):
    """An object is not what this release, or a later one, wrote as a manifest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedCapture:
    """A capture in a manifest; ``key`` is that of its object, without the prefix."""

    name: str
    key: str
    size: int
    sha256: str
    type: str | None
    event_time: str
    arrived: str

    @classmethod
    def of(cls, capture: Capture, prefix: str) -> Self:
        """Return what a manifest says of a capture."""
        return cls(
            name=capture.name,
            key=(capture.object_key or "").removeprefix(prefix)
            or capture.relative_path,
            size=capture.size,
            sha256=capture.sha256,
            type=capture.type,
            event_time=capture.event_time.isoformat(),
            arrived=capture.arrived.isoformat(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One link of a camera's chain. ``previous`` is the hash of the one before."""

    camera: str
    number: int
    day: date
    previous: str | None
    written: datetime
    captures: tuple[ListedCapture, ...]

    @property
    def hashes(self) -> dict[str, str]:
        """The SHA-256 of each capture by its name."""
        return {capture.name: capture.sha256 for capture in self.captures}


def next_manifest(
    head: ManifestHead | None,
    camera: str,
    day: date,
    captures: Sequence[Capture],
    prefix: str,
) -> Manifest:
    """Return the manifest that follows ``head`` and lists these captures of a day."""
    return Manifest(
        camera=camera,
        number=1 if head is None else head.number + 1,
        day=day,
        previous=None if head is None else head.sha256,
        written=datetime.now(UTC),
        captures=tuple(ListedCapture.of(capture, prefix) for capture in captures),
    )


def write_manifest(manifest: Manifest) -> bytes:
    """Return the manifest as it is stored (blocking)."""
    values = {
        "version": FORMAT_VERSION,
        "camera": manifest.camera,
        "number": manifest.number,
        "day": manifest.day.isoformat(),
        "previous_sha256": manifest.previous,
        "written": manifest.written.isoformat(),
        "captures": [asdict(capture) for capture in manifest.captures],
    }
    text = json.dumps(values, ensure_ascii=False, separators=(",", ":"))
    return gzip.compress(text.encode(), mtime=0)


def read_manifest(body: bytes) -> Manifest:
    """Read a manifest (blocking). Raises UnreadableManifestError."""
    try:
        values = json.loads(_unpacked(body))
        if values["version"] != FORMAT_VERSION:
            raise UnreadableManifestError(f"its version is {values['version']}")
        return Manifest(
            camera=str(values["camera"]),
            number=int(values["number"]),
            day=date.fromisoformat(values["day"]),
            previous=values["previous_sha256"],
            written=datetime.fromisoformat(values["written"]),
            captures=tuple(_listed(entry) for entry in values["captures"]),
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UnreadableManifestError(f"it cannot be read: {error}") from error


def hash_of(body: bytes) -> str:
    """Return the hash by which the next manifest knows this one (blocking)."""
    return sha256(body).hexdigest()


def head_of(manifest: Manifest, digest: str) -> ManifestHead:
    """Return what the catalogue keeps of a manifest with this hash."""
    return ManifestHead(
        camera=manifest.camera,
        number=manifest.number,
        day=manifest.day,
        sha256=digest,
        written=manifest.written,
    )


def manifest_key(layout: Layout, camera: str, number: int) -> str:
    """Return the key of a camera's manifest."""
    return layout.reserved_key(f"{_FOLDER}/{camera}/{number:08d}.json.gz")


async def manifest_objects(
    bucket: Bucket, camera: str
) -> AsyncIterator[tuple[int, StoredObject]]:
    """List a camera's manifests with their numbers, from the first on."""
    folder = bucket.layout.reserved_key(f"{_FOLDER}/{camera}/")
    async for entry in bucket.objects(folder):
        match = _NAME.fullmatch(entry.key.removeprefix(folder))
        if match is not None:
            yield int(match[1]), entry


async def cameras_with_manifests(bucket: Bucket) -> list[str]:
    """Return the cameras that have a chain in the bucket, sorted."""
    folder = bucket.layout.reserved_key(f"{_FOLDER}/")
    return sorted(
        [
            camera
            async for page in bucket.pages(folder, folders=True)
            for name in page.folders
            if is_camera_name(camera := name.removeprefix(folder).rstrip("/"))
        ]
    )


def _listed(values: dict[str, Any]) -> ListedCapture:
    return ListedCapture(
        name=str(values["name"]),
        key=str(values["key"]),
        size=int(values["size"]),
        sha256=str(values["sha256"]),
        type=values["type"],
        event_time=str(values["event_time"]),
        arrived=str(values["arrived"]),
    )


def _unpacked(body: bytes) -> bytes:
    """Unpack with a limit: what is in the bucket may not be ours."""
    unpacker = zlib.decompressobj(wbits=31)
    try:
        text = unpacker.decompress(body, LARGEST_SIZE)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    if not unpacker.eof or unpacker.unused_data:
        raise ValueError("it is cut off, too large or has something behind its end")
    return text
