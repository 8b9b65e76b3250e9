"""How many captures a camera has of each day: a table, and triggers that keep it.

Lists of days and cameras, and the size of all, would otherwise need every row.
"""

from typing import Final

_LOCAL: Final = "{row}.local"
_OFFSITE: Final = "({row}.object_key IS NOT NULL OR {row}.archive_key IS NOT NULL)"


def day_totals_sql() -> str:
    """Return the table of days and the triggers that keep it.

    ``local`` captures have a file on the disk, ``offsite`` ones are in the bucket or in
    an archive; ``local_bytes`` are those of the files.
    """
    return f"""
    CREATE TABLE days (
        camera TEXT NOT NULL,
        day TEXT NOT NULL,
        captures INTEGER NOT NULL,
        local INTEGER NOT NULL,
        local_bytes INTEGER NOT NULL,
        offsite INTEGER NOT NULL,
        PRIMARY KEY (camera, day)
    ) STRICT, WITHOUT ROWID;
    CREATE TRIGGER day_gains AFTER INSERT ON captures
        BEGIN {_counted("NEW")} END;
    CREATE TRIGGER day_loses AFTER DELETE ON captures
        BEGIN {_uncounted("OLD")} END;
    CREATE TRIGGER day_changes AFTER UPDATE
        OF camera, day, size, local, object_key, archive_key ON captures
        BEGIN {_uncounted("OLD")} {_counted("NEW")} END;
    """


def _counted(row: str) -> str:
    local, offsite = _LOCAL.format(row=row), _OFFSITE.format(row=row)
    return (
        "INSERT INTO days VALUES"
        f" ({row}.camera, {row}.day, 1, {local}, {local} * {row}.size, {offsite})"
        " ON CONFLICT DO UPDATE SET captures = captures + 1,"
        " local = local + excluded.local,"
        " local_bytes = local_bytes + excluded.local_bytes,"
        " offsite = offsite + excluded.offsite;"
    )


def _uncounted(row: str) -> str:
    local, offsite = _LOCAL.format(row=row), _OFFSITE.format(row=row)
    return (
        f"UPDATE days SET captures = captures - 1, local = local - {local},"
        f" local_bytes = local_bytes - {local} * {row}.size,"
        f" offsite = offsite - {offsite}"
        f" WHERE camera = {row}.camera AND day = {row}.day;"
    )
