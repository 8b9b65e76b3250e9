"""Finds files on the disk that are not in the catalogue.

They come from a crash between a file's rename and its transaction, from a catalogue
that was lost, or from the owner's own hands. The files are the truth.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from functools import partial
import logging
import os
from pathlib import Path
import re
import uuid

from ..model import Capture, Describe
from .captures import CaptureCatalogue
from .content import inspect
from .describe import describe_capture
from .file_threads import FileThreads
from .incoming import hash_file
from .names import RESERVED_FOLDERS

_LOGGER = logging.getLogger(__name__)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)

type UnknownFile = tuple[date, str, Path]
"""Day, camera folder and path of a file."""


async def find_unknown_files(
    root: Path,
    *,
    changed_since: float,
    captures: CaptureCatalogue,
    threads: FileThreads,
) -> list[UnknownFile]:
    """Return the files that the catalogue does not know, newest day first.

    Looks only into day folders that changed at or after ``changed_since`` (seconds
    since 1970), so that a start costs the same after ten years as on the first day.
    """
    unknown: list[UnknownFile] = []
    folders = await threads.run(lambda: sorted(_day_folders(root, changed_since)))
    for day, camera in reversed(folders):
        known = await captures.names_on(camera, day)
        folder = root / camera / day.isoformat()
        names = await threads.run(partial(os.listdir, folder))
        unknown.extend(
            (day, camera, folder / name) for name in sorted(names) if name not in known
        )
    return unknown


async def read_unknown_file(
    unknown: UnknownFile, describe: Describe, threads: FileThreads
) -> Capture | None:
    """Return a file as a capture, or None when it is no readable plain file."""
    return await threads.run(lambda: _read(*unknown, describe))


def _day_folders(root: Path, changed_since: float) -> Iterator[tuple[date, str]]:
    for camera in os.scandir(root):
        if (
            camera.name.startswith((".", "_"))
            or camera.name.casefold() in RESERVED_FOLDERS
            or not camera.is_dir(follow_symlinks=False)
        ):
            continue
        for day in os.scandir(camera.path):
            if (
                _DAY.fullmatch(day.name)
                and day.is_dir(follow_symlinks=False)
                and day.stat(follow_symlinks=False).st_mtime >= changed_since
            ):
                try:
                    yield date.fromisoformat(day.name), camera.name
                except ValueError:
                    continue


def _read(day: date, camera: str, path: Path, describe: Describe) -> Capture | None:
    try:
        status = path.lstat()
        if path.is_symlink() or not path.is_file() or path.name.startswith("."):
            return None
        sha256 = hash_file(path)
        with path.open("rb") as file:
            content = inspect(
                partial(os.pread, file.fileno()), status.st_size, path.suffix
            )
    except OSError as err:
        _LOGGER.warning("Cannot read %s: %s", path, err)
        return None
    arrived = datetime.fromtimestamp(status.st_mtime, UTC)
    return describe_capture(
        uuid.uuid4().hex,
        camera=camera,
        day=day,
        name=path.name,
        size=status.st_size,
        sha256=sha256,
        sighting=describe(camera, path.name, arrived),
        content=content,
        arrived=arrived,
    )
