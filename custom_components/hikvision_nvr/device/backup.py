"""What a device's documents were before the recorder first changed them."""

from collections.abc import Iterable
from hashlib import sha256
import json
from pathlib import Path

from ..private_file import write_private
from .provisioning import Edit


class Backups:
    """One file for each camera, from the first change until it is put back.

    A camera is named by its folder in the store, which it has before it is added.
    """

    def __init__(self, state: Path) -> None:
        """Keep them in this folder."""
        self._state = state

    def keep(self, folder: str, edits: Iterable[Edit]) -> None:
        """Keep what was before these edits (blocking).

        A document that is there already stays: the first one is the owner's own.
        """
        documents = {edit.path: edit.before.decode() for edit in edits}
        documents |= self._read(folder)
        write_private(self._path(folder), json.dumps(documents).encode())

    def edits(self, folder: str) -> list[Edit]:
        """Return what undoes all changes, empty when there is nothing (blocking)."""
        return [
            Edit(path=path, before=text.encode(), after=b"")
            for path, text in self._read(folder).items()
        ]

    def forget(self, folder: str) -> None:
        """Forget a camera's documents (blocking)."""
        self._path(folder).unlink(missing_ok=True)

    def _read(self, folder: str) -> dict[str, str]:
        try:
            documents: dict[str, str] = json.loads(
                self._path(folder).read_text(encoding="utf-8")
            )
        except FileNotFoundError:
            return {}
        return documents

    def _path(self, folder: str) -> Path:
        # The folder of a camera may have any name that a file system allows.
        return self._state / f"{sha256(folder.encode()).hexdigest()[:32]}.json"
