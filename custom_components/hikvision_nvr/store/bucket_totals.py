"""The totals of the bucket: a table, and triggers that keep it.

They change in the transaction that changes a row: to count a million captures anew
would take a second, and it is asked for after every upload.
"""

from typing import Final

CAPTURE_CLASS: Final = "STANDARD"
"""Captures are uploaded into the class that every service has; those that others have
put into the bucket may be in any."""


def bucket_totals_sql() -> str:
    """Return the table of totals and the triggers that keep it."""
    return f"""
    CREATE TABLE bucket_totals (
        camera TEXT NOT NULL,
        storage_class TEXT NOT NULL,
        objects INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        PRIMARY KEY (camera, storage_class)
    ) STRICT, WITHOUT ROWID;
    CREATE TRIGGER capture_inserted AFTER INSERT ON captures
        WHEN NEW.object_key IS NOT NULL
        BEGIN {_added("NEW")} END;
    CREATE TRIGGER capture_deleted AFTER DELETE ON captures
        WHEN OLD.object_key IS NOT NULL
        BEGIN {_taken("OLD")} END;
    CREATE TRIGGER capture_uploaded AFTER UPDATE OF object_key ON captures
        WHEN OLD.object_key IS NULL AND NEW.object_key IS NOT NULL
        BEGIN {_added("NEW")} END;
    CREATE TRIGGER capture_left_bucket AFTER UPDATE OF object_key ON captures
        WHEN OLD.object_key IS NOT NULL AND NEW.object_key IS NULL
        BEGIN {_taken("OLD")} END;
    CREATE TRIGGER capture_changed_class AFTER UPDATE OF storage_class ON captures
        WHEN OLD.object_key IS NOT NULL AND NEW.object_key IS NOT NULL
        AND OLD.storage_class <> NEW.storage_class
        BEGIN {_taken("OLD")} {_added("NEW")} END;
    CREATE TRIGGER archive_written AFTER INSERT ON archives
        BEGIN {_added("NEW")} END;
    CREATE TRIGGER archive_deleted AFTER DELETE ON archives
        BEGIN {_taken("OLD")} END;
    """


def _added(row: str) -> str:
    return (
        "INSERT INTO bucket_totals"
        f" VALUES ({row}.camera, {row}.storage_class, 1, {row}.size)"
        " ON CONFLICT DO UPDATE SET objects = objects + 1,"
        " bytes = bytes + excluded.bytes;"
    )


def _taken(row: str) -> str:
    return (
        f"UPDATE bucket_totals SET objects = objects - 1, bytes = bytes - {row}.size"
        f" WHERE camera = {row}.camera AND storage_class = {row}.storage_class;"
    )
