"""The folders and files that a camera sees.

They exist only in memory: what a camera names can neither read nor change anything on
the disk.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath

_MAX_ENTRIES = 1000
ROOT = PurePosixPath("/")


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file that this session has delivered."""

    size: int
    arrived: datetime


class VirtualTree:
    """The folders a session has made or entered and the files it has delivered."""

    def __init__(self) -> None:
        """Start with the root."""
        self._entries: dict[PurePosixPath, UploadedFile | None] = {ROOT: None}

    @staticmethod
    def resolve(current: PurePosixPath, path: str) -> PurePosixPath:
        """Return the absolute path; ``..`` ends at the root."""
        resolved = ROOT
        for part in (current / path.replace("\\", "/")).parts:
            if part == "..":
                resolved = resolved.parent
            elif not part.startswith("/"):
                resolved /= part
        return resolved

    def make_folder(self, path: PurePosixPath) -> None:
        """Make a folder and its parents."""
        for folder in (*reversed(path.parents), path):
            self._add(folder, None)

    def add_file(self, path: PurePosixPath, file: UploadedFile) -> None:
        """Show a delivered file."""
        self.make_folder(path.parent)
        self._add(path, file)

    def file(self, path: PurePosixPath) -> UploadedFile | None:
        """Return a delivered file, or None."""
        return self._entries.get(path)

    def children(
        self, path: PurePosixPath
    ) -> list[tuple[PurePosixPath, UploadedFile | None]]:
        """Return what is in a folder; a folder in it has None for a file."""
        return [
            (entry, file)
            for entry, file in self._entries.items()
            if entry.parent == path and entry != ROOT
        ]

    def _add(self, path: PurePosixPath, file: UploadedFile | None) -> None:
        if file is None and path in self._entries:
            return
        if len(self._entries) >= _MAX_ENTRIES:
            oldest = next(entry for entry in self._entries if entry != ROOT)
            del self._entries[oldest]
        self._entries[path] = file
