"""Files below the storage root, reached without ever following a symbolic link."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
import errno
import os
from pathlib import PurePosixPath

from .root import sync_descriptor

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def folder_below(root: int, folder: PurePosixPath, *, make: bool) -> Iterator[int]:
    """Open a folder below an open one (blocking); with ``make`` it is made.

    Raises OSError, also where a link is in the way.
    """
    at = os.dup(root)
    try:
        for part in folder.parts:
            try:
                below = os.open(part, _FOLDER, dir_fd=at)
            except FileNotFoundError:
                if not make:
                    raise
                with suppress(FileExistsError):
                    os.mkdir(part, 0o700, dir_fd=at)
                sync_descriptor(at)
                below = os.open(part, _FOLDER, dir_fd=at)
            os.close(at)
            at = below
        yield at
    finally:
        os.close(at)


def delete_file(root: int, path: PurePosixPath) -> None:
    """Delete a file (blocking). One that is gone already is no error.

    Raises OSError, also where a link is in the way.
    """
    with suppress(FileNotFoundError), folder_below(root, path.parent, make=False) as at:
        os.unlink(path.name, dir_fd=at)


def remove_file(root: int, path: PurePosixPath) -> None:
    """Delete a file and the folders that it leaves empty (blocking).

    The first folder of the path stays. Raises what ``delete_file`` raises.
    """
    delete_file(root, path)
    folder = path.parent
    while len(folder.parts) > 1:
        try:
            with folder_below(root, folder.parent, make=False) as at:
                os.rmdir(folder.name, dir_fd=at)
        except FileNotFoundError:
            pass
        except OSError as err:
            if err.errno in (errno.ENOTEMPTY, errno.EEXIST):
                return
            raise
        folder = folder.parent
