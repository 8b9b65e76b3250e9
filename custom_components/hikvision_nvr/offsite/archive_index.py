"""The index beside an archive: where each file is in it, and what proves the archive."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
import gzip
import json
from typing import Any, Final

from .bucket import Bucket, StoredObject

INDEX_VERSION: Final = 1
_MOST_BYTES: Final = 256 << 20
"""An index of a million files is smaller; anything larger is no index."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A file in an archive.

    ``offset`` and ``length`` are the bytes of its gzip member in the archive, ``size``
    and ``sha256`` are those of the file, ``mtime`` is in seconds since 1970, ``etag``
    is that of the object it was read from.
    """

    name: str
    offset: int
    length: int
    size: int
    sha256: str
    mtime: int
    etag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveIndex:
    """What an index says. ``size`` and ``etags`` are those of the whole archive."""

    archive: str
    size: int
    etags: frozenset[str]
    members: tuple[Member, ...]

    def proves(self, stored: StoredObject | None) -> bool:
        """Whether an object is the archive that this index was written for.

        Each part carried its MD5, so where the ETag tells nothing the size is enough.
        """
        if stored is None or stored.size != self.size:
            return False
        return stored.etag_is_opaque or stored.etag in self.etags


def write_index(
    archive_key: str, size: int, etags: Collection[str], members: Sequence[Member]
) -> bytes:
    """Return the index as gzipped JSON (blocking)."""
    index = {
        "version": INDEX_VERSION,
        "archive": archive_key,
        "size": size,
        "etags": sorted(etags),
        "members": [asdict(member) for member in members],
    }
    text = json.dumps(index, ensure_ascii=False, separators=(",", ":"))
    return gzip.compress(text.encode(), mtime=0)


def parse_index(content: bytes) -> ArchiveIndex:
    """Read an index (blocking); raises ValueError when it is none."""
    try:
        index: dict[str, Any] = json.loads(gzip.decompress(content))
        if index["version"] != INDEX_VERSION:
            raise ValueError(f"version {index['version']} is not known")
        return ArchiveIndex(
            archive=index["archive"],
            size=index["size"],
            etags=frozenset(index["etags"]),
            members=tuple(Member(**member) for member in index["members"]),
        )
    except (KeyError, TypeError, OSError, EOFError) as error:
        raise ValueError(f"it is no index: {error!r}") from error


async def read_index(bucket: Bucket, key: str) -> bytes:
    """Return an index object's bytes; raises ValueError when it is too large for one."""
    answer = await bucket.client.get_object(Bucket=bucket.name, Key=key)
    if answer["ContentLength"] > _MOST_BYTES:
        answer["Body"].close()
        raise ValueError("it is too large")
    content: bytes = await answer["Body"].read()
    return content
