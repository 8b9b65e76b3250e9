"""How much is in the upload queue: a table, and triggers that keep it.

It is asked for after every upload, also with a hundred thousand in the queue.
"""


def upload_totals_sql() -> str:
    """Return the table of totals by state and the triggers that keep it.

    REPLACE fires no trigger for what it replaces: nothing may use it on the queue.
    """
    return f"""
    CREATE TABLE upload_totals (
        state TEXT PRIMARY KEY,
        files INTEGER NOT NULL,
        bytes INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TRIGGER upload_queued AFTER INSERT ON uploads
        BEGIN {_counted("NEW")} END;
    CREATE TRIGGER upload_left AFTER DELETE ON uploads
        BEGIN {_uncounted("OLD")} END;
    CREATE TRIGGER upload_changed AFTER UPDATE OF state, size ON uploads
        BEGIN {_uncounted("OLD")} {_counted("NEW")} END;
    """


def _counted(row: str) -> str:
    return (
        f"INSERT INTO upload_totals VALUES ({row}.state, 1, {row}.size)"
        " ON CONFLICT DO UPDATE SET files = files + 1, bytes = bytes + excluded.bytes;"
    )


def _uncounted(row: str) -> str:
    return (
        f"UPDATE upload_totals SET files = files - 1, bytes = bytes - {row}.size"
        f" WHERE state = {row}.state;"
    )
