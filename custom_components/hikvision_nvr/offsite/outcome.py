"""What the results of all bucket jobs have in common."""

from collections.abc import Iterable
from dataclasses import fields
from datetime import date, datetime
from enum import Enum
from typing import Any, Final

MOST_ERRORS: Final = 50
"""A result names so many errors; their number is counted in full."""


class AsDict:
    """A result dataclass as plain JSON types, for a service response."""

    __slots__ = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the fields: dates as ISO text, tuples as lists."""
        return {
            entry.name: _plain(getattr(self, entry.name))
            for entry in fields(self)  # type: ignore[arg-type]
        }


def named_errors(failed: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Return what a result shows of its errors: ``key: reason``."""
    lines = sorted(f"{key}: {reason}" for key, reason in failed)
    return tuple(lines[:MOST_ERRORS])


def _plain(value: Any) -> Any:
    if isinstance(value, AsDict):
        return value.as_dict()
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return value
