"""The storage root: the folder that holds the captures, and the proof that it is ours.

A marker file tells the recorder's folder from the empty mount point that is left when
a disk is not mounted: files written there would fill the system disk and vanish from
sight once the disk is back.
"""

import errno
import fcntl
import json
import os
from pathlib import Path, PurePosixPath
import shutil
import uuid

from ..errors import StorageInUseError, StorageMissingError, StorageNotWritableError

MARKER = ".hikvision_nvr"
INCOMING = ".incoming"
"""Where uploads are written until they are whole. Cleared at each start."""

_LOCKS_UNSUPPORTED = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)


def is_storage(root: str | Path) -> bool:
    """Tell whether a folder is a recorder's storage (blocking).

    It is not while its disk is unplugged: then nothing that is missing is lost.
    """
    return Path(root, MARKER).is_file()


def is_gone(path: Path, relative_path: str | PurePosixPath) -> bool:
    """Tell whether a file of the storage is there no more (blocking).

    It is not gone while the disk is unplugged, nor if it has just come back.
    """
    root = path.parents[len(PurePosixPath(relative_path).parts) - 1]
    # Asked twice, because the disk may go, too, between two questions.
    return is_storage(root) and not path.exists() and is_storage(root)


def prepare_storage_root(root: Path) -> None:
    """Make the folder and check that files can be written there (blocking).

    Raises StorageNotWritableError.
    """
    probe = root / INCOMING / f"probe-{uuid.uuid4().hex}"
    try:
        probe.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe.touch(mode=0o600)
        probe.unlink()
    except OSError as err:
        raise StorageNotWritableError(
            f"The storage folder {root} cannot be written: {err}",
            path=str(root),
            error=err.strerror or str(err),
        ) from err


class StorageRoot:
    """A storage root in use: marked as ours and locked against a second recorder."""

    def __init__(self, path: Path) -> None:
        """Name the folder; ``open`` checks it."""
        self.path = path
        self._lock: int | None = None
        self._id: str | None = None

    def open(self, expected_id: str | None) -> str:
        """Lock the folder and return its id (blocking).

        ``expected_id`` is the id that the catalogue remembers, None for a catalogue
        that is new. Raises StorageMissingError when the folder is not the one that
        was used before, StorageNotWritableError, StorageInUseError.
        """
        marker = self.path / MARKER
        if expected_id is not None and not marker.exists():
            raise StorageMissingError(
                f"{self.path} is not the recorder's storage: {MARKER} is missing",
                path=str(self.path),
            )
        prepare_storage_root(self.path)
        try:
            self._lock = os.open(marker, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            self._take_lock()
            found_id = self._read_id()
            if found_id is None:
                found_id = self._write_id(expected_id or uuid.uuid4().hex)
        except OSError as err:
            self.close()
            raise StorageNotWritableError(
                f"The storage folder {self.path} cannot be used: {err}",
                path=str(self.path),
                error=err.strerror or str(err),
            ) from err
        except StorageInUseError:
            self.close()
            raise
        if expected_id not in (None, found_id):
            self.close()
            raise StorageMissingError(
                f"{self.path} is the storage of another recorder", path=str(self.path)
            )
        self._id = found_id
        return found_id

    def enter(self) -> int:
        """Open the folder for a new file and return its descriptor (blocking).

        Unlike at ``open``, the disk may be gone by now. Raises StorageMissingError,
        and OSError.
        """
        folder = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            marker = os.open(MARKER, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=folder)
            try:
                found = _id_in(marker)
            finally:
                os.close(marker)
        except FileNotFoundError:
            found = None
        except BaseException:
            os.close(folder)
            raise
        if found is None or found != self._id:
            os.close(folder)
            raise StorageMissingError(
                f"{self.path} is not the recorder's storage any more: is its disk"
                " unplugged?",
                path=str(self.path),
            )
        return folder

    def close(self) -> None:
        """Let another recorder use the folder (blocking)."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def clear_incoming(self) -> None:
        """Delete what uploads left that were cut off by a crash (blocking)."""
        for leftover in (self.path / INCOMING).iterdir():
            leftover.unlink()

    def free(self) -> int:
        """Return the bytes that can still be written (blocking)."""
        return shutil.disk_usage(self.path).free

    def _take_lock(self) -> None:
        assert self._lock is not None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as err:
            raise StorageInUseError(
                f"Another recorder uses {self.path}", path=str(self.path)
            ) from err
        except OSError as err:
            # Some network shares have no locks; the marker still protects.
            if err.errno not in _LOCKS_UNSUPPORTED:
                raise

    def _read_id(self) -> str | None:
        assert self._lock is not None
        return _id_in(self._lock)

    def _write_id(self, storage_id: str) -> str:
        assert self._lock is not None
        os.pwrite(self._lock, json.dumps({"id": storage_id}).encode(), 0)
        os.fsync(self._lock)
        sync_folder(self.path)
        return storage_id


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut (blocking)."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        sync_descriptor(descriptor)
    finally:
        os.close(descriptor)


def sync_descriptor(descriptor: int) -> None:
    """Make the names in an open folder survive a power cut (blocking)."""
    try:
        os.fsync(descriptor)
    except OSError as err:
        # Network shares refuse to sync folders; their server decides about names.
        if err.errno not in (errno.EINVAL, *_LOCKS_UNSUPPORTED):
            raise


def _id_in(marker: int) -> str | None:
    try:
        found = json.loads(os.pread(marker, 4096, 0))["id"]
    except ValueError, KeyError, TypeError:
        return None
    return found if isinstance(found, str) else None
