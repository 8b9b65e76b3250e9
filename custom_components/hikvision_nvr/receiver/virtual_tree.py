"""The folders and files that a camera sees.

They exist only in memory: what a camera names can neither read nor change anything on
the disk. A camera's sessions share one tree, so that a camera that connects anew for
each file finds what it has delivered.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath

ROOT = PurePosixPath("/")
_MAX_ENTRIES = 1000


@dataclass(frozen=True, slots=True)
class DeliveredFile:
    """A file as the camera knows it. ``capture_id`` None: it was not kept."""

    size: int
    arrived: datetime
    capture_id: str | None


class VirtualTree:
    """The folders a camera has made or entered and the files it has delivered."""

    def __init__(self) -> None:
        """Start with the root."""
        self._entries: dict[PurePosixPath, DeliveredFile | None] = {ROOT: None}

    @staticmethod
    def resolve(current: PurePosixPath, path: str) -> PurePosixPath:
        """Return the absolute path; ``..`` ends at the root."""
        path = path.replace("\\", "/")
        parts: list[str] = []
        if not path.startswith("/"):
            path = f"{current}/{path}"
        for part in path.split("/"):
            if part == "..":
                del parts[-1:]
            elif part not in ("", "."):
                parts.append(part)
        return ROOT.joinpath(*parts)

    def make_folder(self, path: PurePosixPath) -> None:
        """Make a folder and its parents."""
        if path in self._entries:
            return
        for folder in (*reversed(path.parents), path):
            if folder not in self._entries:
                self._add(folder, None)

    def add_file(self, path: PurePosixPath, file: DeliveredFile) -> None:
        """Show a delivered file."""
        self.make_folder(path.parent)
        self._entries.pop(path, None)
        self._add(path, file)

    def rename(self, path: PurePosixPath, new_path: PurePosixPath) -> None:
        """Show a file under another name."""
        file = self._entries.pop(path, None)
        if file is not None:
            self.add_file(new_path, file)

    def file(self, path: PurePosixPath) -> DeliveredFile | None:
        """Return a delivered file, or None."""
        return self._entries.get(path)

    def has(self, path: PurePosixPath) -> bool:
        """Tell whether there is such a file or folder."""
        return path in self._entries

    def children(
        self, path: PurePosixPath
    ) -> list[tuple[PurePosixPath, DeliveredFile | None]]:
        """Return what is in a folder; a folder in it has None for a file."""
        return [
            (entry, file)
            for entry, file in self._entries.items()
            if entry.parent == path and entry != ROOT
        ]

    def _add(self, path: PurePosixPath, file: DeliveredFile | None) -> None:
        if len(self._entries) >= _MAX_ENTRIES:
            oldest = next(entry for entry in self._entries if entry != ROOT)
            del self._entries[oldest]
        self._entries[path] = file
