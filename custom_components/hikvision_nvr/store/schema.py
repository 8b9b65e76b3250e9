"""The catalogue's tables and how one version of them becomes the next.

Times are microseconds since 1970 UTC, days are ISO dates in the recorder's time zone.
A row in ``uploads`` is a capture that is not offsite yet; it goes when S3 has it.
"""

import sqlite3

from ..errors import CatalogueNewerError
from .bucket_totals import bucket_totals_sql
from .day_totals import day_totals_sql
from .recording_tables import recordings_sql
from .upload_totals import upload_totals_sql

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
        plate TEXT,
        object_key TEXT,
        storage_class TEXT NOT NULL DEFAULT 'STANDARD',
        uploaded_us INTEGER,
        archive_key TEXT,
        manifest INTEGER,
        local INTEGER NOT NULL DEFAULT 1,
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
    CREATE INDEX captures_local ON captures (arrived_us) WHERE local = 1;
    CREATE INDEX captures_of_day ON captures (camera, day, event_us, name);
    CREATE INDEX captures_not_offsite ON captures (arrived_us)
        WHERE uploaded_us IS NULL;
    CREATE INDEX captures_unlisted ON captures (day, camera, uploaded_us)
        WHERE manifest IS NULL AND uploaded_us IS NOT NULL;

    CREATE TABLE archives (
        key TEXT PRIMARY KEY,
        camera TEXT NOT NULL,
        day TEXT NOT NULL,
        size INTEGER NOT NULL,
        storage_class TEXT NOT NULL
    ) STRICT;
    CREATE INDEX archives_of_camera ON archives (camera);

    CREATE TABLE manifests (
        camera TEXT NOT NULL,
        number INTEGER NOT NULL,
        day TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        captures INTEGER NOT NULL,
        written_us INTEGER NOT NULL,
        PRIMARY KEY (camera, number)
    ) STRICT;

    """
    + bucket_totals_sql()
    + day_totals_sql()
    + recordings_sql()
    + """

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
        error TEXT,
        part_key TEXT,
        part_upload TEXT
    ) STRICT;
    CREATE INDEX uploads_newest ON uploads (state, priority, event_us DESC, due_us);
    CREATE INDEX uploads_oldest ON uploads (state, arrived_us, due_us);
    -- Nothing else may use it: to pick by it would mean to sort the whole queue.
    CREATE INDEX uploads_due ON uploads (due_us)
        WHERE state = 'pending' AND due_us >= 0;
    CREATE INDEX uploads_begun ON uploads (part_upload)
        WHERE part_upload IS NOT NULL;

    """
    + upload_totals_sql()
    + """

    CREATE TABLE jobs (
        id TEXT PRIMARY KEY,
        kind TEXT NOT NULL,
        arguments TEXT NOT NULL,
        state TEXT NOT NULL
            CHECK (state IN ('waiting', 'running', 'done', 'failed', 'cancelled')),
        created_us INTEGER NOT NULL,
        due_us INTEGER NOT NULL DEFAULT 0,
        ended_us INTEGER,
        checkpoint TEXT NOT NULL DEFAULT '{}',
        result TEXT,
        error TEXT
    ) STRICT;
    CREATE INDEX jobs_due ON jobs (state, due_us, created_us);
    CREATE INDEX jobs_ended ON jobs (ended_us) WHERE ended_us IS NOT NULL;
    """,
)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the catalogue to the newest version, each step in one transaction.

    Raises CatalogueNewerError, before anything is changed, when it was written by a
    newer release.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(_VERSIONS):
        raise CatalogueNewerError(
            f"The catalogue has version {version}, this release knows {len(_VERSIONS)}",
            version=str(version),
            known=str(len(_VERSIONS)),
        )
    for number, script in enumerate(_VERSIONS[version:], start=version + 1):
        connection.executescript(
            f"BEGIN IMMEDIATE; {script}; PRAGMA user_version = {number}; COMMIT;"
        )
