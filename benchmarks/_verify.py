"""Checks what a server has stored: a fast server that loses bytes is no peer."""

from collections.abc import Iterable, Iterator
import hashlib
from pathlib import Path

from benchmarks._uploads import clip, snapshot

_BLOCK = 1 << 20


def wrong_files(folder: Path, names: Iterable[str], megabytes: int | None) -> list[str]:
    """Return what is wrong: files that are missing, too many, or differ."""
    stored: dict[str, list[Path]] = {}
    for path in folder.rglob("*.*"):
        if path.is_file() and path.suffix in (".jpg", ".mp4", ".part"):
            stored.setdefault(path.name, []).append(path)
    wrong = []
    for name in names:
        found = stored.pop(name, [])
        if len(found) != 1:
            wrong.append(f"{name} is there {len(found)} times")
        elif _hash(_blocks(found[0])) != _expected(name, megabytes):
            wrong.append(f"{name} differs")
        else:
            found[0].unlink()
    wrong.extend(f"{name} was not confirmed" for name in stored)
    return wrong


def _expected(name: str, megabytes: int | None) -> str:
    if name.endswith(".mp4"):
        return _hash(clip(megabytes or 0))
    return _hash([snapshot(name)])


def _hash(blocks: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for block in blocks:
        digest.update(block)
    return digest.hexdigest()


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb", buffering=0) as file:
        while block := file.read(_BLOCK):
            yield block
