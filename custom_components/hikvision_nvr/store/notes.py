"""Small things to remember across restarts, by name."""

import sqlite3

from .catalogue import Catalogue


class Notes:
    """Texts by name, in the catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        """Keep them in this catalogue."""
        self._catalogue = catalogue

    async def get(self, name: str) -> str | None:
        """Return what was noted, None before the first time."""

        def work(connection: sqlite3.Connection) -> str | None:
            row = connection.execute(
                "SELECT value FROM meta WHERE key = ?", (name,)
            ).fetchone()
            return None if row is None else str(row["value"])

        return await self._catalogue.read(work)

    async def set(self, name: str, text: str) -> None:
        """Note a text in place of what was there. Raises CatalogueError."""
        await self._catalogue.write(
            lambda connection: connection.execute(
                "INSERT INTO meta VALUES (?, ?)"
                " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                (name, text),
            )
        )
