"""What is about to be written to devices, so that a power cut leaves nothing half done.

The device gets a new upload password, Home Assistant its hash: two places, and no power
cut may come between them. So both are kept in a file before the first is changed. What
a start finds there was confirmed by the owner, and is finished.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
import json
import logging
from pathlib import Path
from typing import Any

from ..private_file import write_private
from .provisioning import Edit, Protocol, Target

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """What a camera's device gets, and what is kept here with it.

    ``edits`` is empty when the device has everything. ``note`` belongs to Home
    Assistant's side, and must be of what JSON can hold.
    """

    folder: str
    edits: tuple[Edit, ...]
    target: Target
    note: Mapping[str, Any]


class Intents:
    """One file for each camera, until both sides have what is in it."""

    def __init__(self, state: Path) -> None:
        """Keep them in this folder."""
        self._state = state

    def keep(self, intent: Intent) -> None:
        """Keep an intent in place of an earlier one of the camera (blocking)."""
        content = {
            "folder": intent.folder,
            "edits": [
                [edit.path, edit.before.decode(), edit.after.decode()]
                for edit in intent.edits
            ],
            "target": asdict(intent.target),
            "note": dict(intent.note),
        }
        write_private(self._path(intent.folder), json.dumps(content).encode())

    def all(self) -> list[Intent]:
        """Return every intent; what cannot be read is passed over (blocking)."""
        return list(self._read(sorted(self._state.glob("*.json"))))

    def get(self, folder: str) -> Intent | None:
        """Return the intent of a camera (blocking)."""
        path = self._path(folder)
        return next(iter(self._read([path] if path.exists() else [])), None)

    def forget(self, folder: str) -> None:
        """Forget a camera's intent (blocking)."""
        self._path(folder).unlink(missing_ok=True)

    def _read(self, paths: Iterable[Path]) -> Iterable[Intent]:
        for path in paths:
            try:
                content = json.loads(path.read_text(encoding="utf-8"))
                target = content["target"]
                yield Intent(
                    folder=content["folder"],
                    edits=tuple(
                        Edit(path=where, before=before.encode(), after=after.encode())
                        for where, before, after in content["edits"]
                    ),
                    target=Target(
                        **target | {"protocol": Protocol(target["protocol"])}
                    ),
                    note=content["note"],
                )
            except (OSError, ValueError, KeyError, TypeError) as err:
                _LOGGER.error("%s cannot be read: %s", path, err)

    def _path(self, folder: str) -> Path:
        # The folder of a camera may have any name that a file system allows.
        return self._state / f"{sha256(folder.encode()).hexdigest()[:32]}.json"
