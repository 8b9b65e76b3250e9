"""The catalogue's tables and how one version of them becomes the next.

Times are microseconds since 1970 UTC, days are ISO dates in the recorder's time zone.
A row in ``uploads`` is a capture that is not offsite yet; it goes when S3 has it.
"""

import sqlite3

from ..errors import CatalogueError

_VERSIONS = (
    """
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;

    CREATE TABLE captures (
        id TEXT PRIMARY KEY,
        camera TEXT NOT NULL,
        day TEXT NOT NULL,
        name TEXT NOT NULL,
        size INTEGER NOT NULL,
        sha256 TEXT NOT NULL,
        kind TEXT NOT NULL,
        type TEXT,
        raw_type TEXT,
        channel TEXT,
        event_us INTEGER NOT NULL,
        name_us INTEGER,
        arrived_us INTEGER NOT NULL,
        detection_id TEXT,
        complete INTEGER,
        width INTEGER,
        height INTEGER,
        object_key TEXT,
        uploaded_us INTEGER,
        archive_key TEXT,
        UNIQUE (camera, day, name)
    ) STRICT;
    CREATE INDEX captures_newest ON captures (camera, kind, event_us);
    CREATE INDEX captures_arrived ON captures (arrived_us);
    CREATE INDEX captures_clock ON captures (camera, kind, arrived_us)
        WHERE name_us IS NOT NULL;
    CREATE INDEX captures_object ON captures (object_key)
        WHERE object_key IS NOT NULL;
    CREATE INDEX captures_uploaded ON captures (uploaded_us)
        WHERE uploaded_us IS NOT NULL;

    CREATE TABLE uploads (
        capture_id TEXT PRIMARY KEY REFERENCES captures (id) ON DELETE CASCADE,
        state TEXT NOT NULL
            CHECK (state IN ('pending', 'uploading', 'quarantined')),
        priority INTEGER NOT NULL,
        event_us INTEGER NOT NULL,
        arrived_us INTEGER NOT NULL,
        size INTEGER NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0,
        due_us INTEGER NOT NULL DEFAULT 0,
        error TEXT
    ) STRICT;
    CREATE INDEX uploads_newest ON uploads (state, priority, event_us, due_us);
    CREATE INDEX uploads_oldest ON uploads (state, arrived_us, due_us, size);
    """,
)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the catalogue to the newest version, each step in one transaction.

    Raises CatalogueError when it was written by a newer release.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(_VERSIONS):
        raise CatalogueError(
            f"The catalogue has version {version}, this release knows {len(_VERSIONS)}",
            version=str(version),
        )
    for number, script in enumerate(_VERSIONS[version:], start=version + 1):
        connection.executescript(
            f"BEGIN IMMEDIATE; {script}; PRAGMA user_version = {number}; COMMIT;"
        )
