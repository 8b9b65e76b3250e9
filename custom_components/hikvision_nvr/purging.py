"""What all jobs that delete have in common, wherever they delete."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final

SAMPLE_SIZE: Final = 20
"""A result names so many of the files that it is about."""


@dataclass(slots=True)
class PurgeTally:
    """What was found to go so far, and how many of it are deleted."""

    matched: int = 0
    bytes: int = 0
    deleted: int = 0
    by_camera: Counter[str] = field(default_factory=Counter)
    bytes_by_camera: Counter[str] = field(default_factory=Counter)
    sample: list[str] = field(default_factory=list)

    def match(self, camera: str, path: str, size: int) -> None:
        """Count a file that is old enough, is meant, and may go."""
        self.matched += 1
        self.bytes += size
        self.by_camera[camera] += 1
        self.bytes_by_camera[camera] += size
        if len(self.sample) < SAMPLE_SIZE:
            self.sample.append(path)


def matches(name: str, patterns: Sequence[str]) -> bool:
    """Tell whether a file's name has one of these shell patterns, in any case."""
    folded = name.casefold()
    return any(fnmatchcase(folded, pattern.casefold()) for pattern in patterns)
