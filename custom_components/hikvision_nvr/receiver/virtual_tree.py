"""The folders and files that a camera sees.

They exist only in memory: what a camera names can neither read nor change anything on
the disk. A camera's sessions share one tree, so that a camera that connects anew for
each file finds what it has delivered.
"""

from dataclasses import dataclass
from datetime import datetime

ROOT = "/"
_MAX_ENTRIES = 250
"""Of a camera; each takes half a kilobyte. No camera looks back so far."""


@dataclass(frozen=True, slots=True)
class DeliveredFile:
    """A file as the camera knows it. ``capture_id`` None: it was not kept."""

    size: int
    arrived: datetime
    capture_id: str | None


def parent(path: str) -> str:
    """Return the folder that a path is in; the root is in itself."""
    return path.rpartition("/")[0] or ROOT


def last_part(path: str) -> str:
    """Return the last part of a path, empty for the root."""
    return path.rpartition("/")[2]


class VirtualTree:
    """The folders a camera has made or entered and the files it has delivered.

    Its paths are absolute and as short as they can be: see ``resolve``.
    """

    def __init__(self) -> None:
        """Start with the root."""
        self._entries: dict[str, DeliveredFile | None] = {ROOT: None}

    @staticmethod
    def resolve(current: str, path: str) -> str:
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
        return ROOT + "/".join(parts)

    def make_folder(self, path: str) -> None:
        """Make a folder and its parents."""
        missing = []
        while path not in self._entries:
            missing.append(path)
            path = parent(path)
        for folder in reversed(missing):
            self._add(folder, None)

    def add_file(self, path: str, file: DeliveredFile) -> None:
        """Show a delivered file."""
        self.make_folder(parent(path))
        self._entries.pop(path, None)
        self._add(path, file)

    def rename(self, path: str, new_path: str) -> None:
        """Show a file under another name."""
        file = self._entries.pop(path, None)
        if file is not None:
            self.add_file(new_path, file)

    def file(self, path: str) -> DeliveredFile | None:
        """Return a delivered file, or None."""
        return self._entries.get(path)

    def has(self, path: str) -> bool:
        """Tell whether there is such a file or folder."""
        return path in self._entries

    def children(self, path: str) -> list[tuple[str, DeliveredFile | None]]:
        """Return what is in a folder; a folder in it has None for a file."""
        return [
            (entry, file)
            for entry, file in self._entries.items()
            if parent(entry) == path and entry != ROOT
        ]

    def _add(self, path: str, file: DeliveredFile | None) -> None:
        if len(self._entries) >= _MAX_ENTRIES:
            oldest = next(entry for entry in self._entries if entry != ROOT)
            del self._entries[oldest]
        self._entries[path] = file
