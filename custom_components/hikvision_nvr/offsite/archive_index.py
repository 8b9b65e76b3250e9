"""The index beside an archive: where each file is in it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
import gzip
import json
from typing import Final

INDEX_VERSION: Final = 1


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


def write_index(archive_key: str, members: Sequence[Member]) -> bytes:
    """Return the index as gzipped JSON (blocking)."""
    index = {
        "version": INDEX_VERSION,
        "archive": archive_key,
        "members": [asdict(member) for member in members],
    }
    text = json.dumps(index, ensure_ascii=False, separators=(",", ":"))
    return gzip.compress(text.encode(), mtime=0)
