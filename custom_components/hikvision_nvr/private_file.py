"""Files that only the recorder may read: keys, and what devices were told."""

import os
from pathlib import Path

from .store.root import sync_folder


def write_private(path: Path, content: bytes) -> None:
    """Write a file as a whole or not at all (blocking). Raises OSError.

    When it returns the disk has it; a power cut leaves the old content or the new.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".new")
    with open(
        temporary, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)
    ) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_folder(path.parent)
