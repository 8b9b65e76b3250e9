"""Puts segments right that a crash has left, and finds those the catalogue lost.

The files are the truth: each says what it is, and what is whole in it can be told from
its own structure.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
import logging
import os
from pathlib import Path
import sqlite3

from .catalogue import Catalogue
from .file_threads import FileThreads
from .mp4 import DamagedError, read_content
from .segment import (
    RECORDINGS,
    SavedSegment,
    SegmentInfo,
    hour_start_us,
    is_day_folder,
    is_hour_folder,
    is_segment_name,
    pack_place,
    segment_path,
)
from .segments import insert_segment

_LOGGER = logging.getLogger(__name__)
_HOUR_US = 3600 * 1_000_000
_CRUMB = 64 << 10
"""A file without a beginning that is not larger holds no picture."""

type Hour = tuple[str, str, str, list[str]]
"""Day, hour and camera of a folder, and the names of the segments in it."""


@dataclass(frozen=True, slots=True)
class Found:
    """What has to be looked at: files to read, and rows whose files are gone."""

    unknown: list[str]
    vanished: list[int]


async def find_segments(
    root: Path, *, changed_since: float, catalogue: Catalogue, threads: FileThreads
) -> Found:
    """Return what the catalogue and the disk do not agree on, newest first.

    Looks only into hours whose folders changed at or after ``changed_since`` (seconds
    since 1970), and at what was written at the end.
    """
    hours = await threads.run(lambda: sorted(_hours(root, changed_since), reverse=True))
    # In one go: a day of twelve cameras is some three hundred hours.
    unknown, vanished = await catalogue.read(partial(_compare, hours))
    for segment_id, path in await _unfinished(catalogue):
        if await threads.run((root / path).exists):
            unknown.append(path)
        else:
            vanished.append(segment_id)
    return Found(list(dict.fromkeys(unknown)), vanished)


async def recover_segment(
    root: Path, path: str, catalogue: Catalogue, threads: FileThreads
) -> bool:
    """Cut a file after what is whole in it and add its row; return whether it is kept.

    Raises CatalogueError.
    """
    saved = await threads.run(lambda: _repair(root, path))
    if saved is None:
        return False
    await catalogue.write(lambda connection: insert_segment(connection, saved))
    return True


def _repair(root: Path, path: str) -> SavedSegment | None:
    file = root / path
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as err:
        _LOGGER.warning("Cannot read %s: %s", file, err)
        return None
    try:
        content = read_content(descriptor)
        info = replace(SegmentInfo.of(content.identity), camera=path.partition("/")[0])
        if info.relative_path != path:
            raise DamagedError("The file has the name of another segment")
        if not content.fragments:
            raise DamagedError("No picture is whole")
        if os.fstat(descriptor).st_size != content.size:
            os.ftruncate(descriptor, content.size)
            os.fsync(descriptor)
    except (DamagedError, ValueError) as err:
        _discard(file, os.fstat(descriptor).st_size, err)
        return None
    except OSError as err:
        _LOGGER.warning("Cannot repair %s: %s", file, err)
        return None
    finally:
        os.close(descriptor)
    return SavedSegment(
        info=info,
        size=content.size,
        ticks=content.ticks,
        init_size=len(content.init),
        places=b"".join(map(pack_place, content.fragments)),
        complete=True,
    )


def _discard(file: Path, size: int, reason: Exception) -> None:
    if size <= _CRUMB:
        with suppress(OSError):
            file.unlink()
        return
    _LOGGER.warning("%s cannot be played and is left as it is: %s", file, reason)


def _hours(root: Path, changed_since: float) -> Iterator[Hour]:
    for camera in _folders(root):
        recordings = os.path.join(camera.path, RECORDINGS)
        for day in _folders(recordings):
            if not is_day_folder(day.name):
                continue
            for hour in _folders(day.path):
                if (
                    is_hour_folder(hour.name)
                    and hour.stat(follow_symlinks=False).st_mtime >= changed_since
                ):
                    names = [
                        one.name
                        for one in os.scandir(hour.path)
                        if is_segment_name(one.name)
                        and one.is_file(follow_symlinks=False)
                    ]
                    with suppress(ValueError):
                        hour_start_us(day.name, hour.name)
                        yield day.name, hour.name, camera.name, names


def _folders(path: str | Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(path) as entries:
            return [
                entry
                for entry in entries
                if not entry.name.startswith(".")
                and entry.is_dir(follow_symlinks=False)
            ]
    except FileNotFoundError, NotADirectoryError:
        return []


def _compare(
    hours: list[Hour], connection: sqlite3.Connection
) -> tuple[list[str], list[int]]:
    """Return the paths that have no row, and the ids of rows that have no file."""
    unknown: list[str] = []
    vanished: list[int] = []
    for day, hour, camera, names in hours:
        known = _known(connection, camera, hour_start_us(day, hour))
        folder = f"{camera}/{RECORDINGS}/{day}/{hour}"
        paths = {f"{folder}/{name}" for name in names}
        unknown.extend(sorted(paths - known.keys(), reverse=True))
        vanished.extend(known[path] for path in known.keys() - paths)
    return unknown, vanished


def _known(
    connection: sqlite3.Connection, camera: str, start_us: int
) -> dict[str, int]:
    rows = connection.execute(
        "SELECT id, start_us, run, sequence FROM segments"
        " WHERE camera = ? AND start_us >= ? AND start_us < ?",
        (camera, start_us, start_us + _HOUR_US),
    )
    return {segment_path(camera, *place): one for one, *place in rows}


async def _unfinished(catalogue: Catalogue) -> list[tuple[int, str]]:
    def work(connection: sqlite3.Connection) -> list[tuple[int, str]]:
        rows = connection.execute(
            "SELECT id, camera, start_us, run, sequence FROM segments"
            " WHERE complete = 0"
        )
        return [
            (
                row["id"],
                segment_path(
                    row["camera"], row["start_us"], row["run"], row["sequence"]
                ),
            )
            for row in rows
        ]

    return await catalogue.read(work)
