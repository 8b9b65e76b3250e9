"""Files that only the recorder may read: keys."""

import os
from pathlib import Path


def write_private(path: Path, content: bytes) -> None:
    """Write a file as a whole or not at all (blocking). Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".new")
    with open(
        temporary, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)
    ) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
