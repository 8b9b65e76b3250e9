"""A catalogue as it is after years: many captures, archived days, a long backlog."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import batched
from pathlib import Path
import sqlite3

from custom_components.hikvision_nvr.store.rows import to_us
from custom_components.hikvision_nvr.store.schema import migrate

CAMERAS = tuple(f"camera-{number:02}" for number in range(12))
FILES_A_DAY = 2_000
"""Of a camera."""
SIZE = 200_000
_BATCH = 20_000
_CLIP_EACH = 20
_COLUMNS = (
    "id, camera, day, name, size, sha256, kind, type, event_us, name_us, arrived_us,"
    " object_key, uploaded_us, manifest"
)


def make_catalogue(
    path: Path, *, captures: int, backlog: int, now: datetime
) -> datetime:
    """Write a catalogue with so many captures; the newest are the backlog.

    Return when the oldest capture was.
    """
    path.parent.mkdir(parents=True)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = OFF")
    migrate(connection)
    step = timedelta(days=1) / (FILES_A_DAY * len(CAMERAS))
    first = now - captures * step
    rows = _rows(first, step, captures, backlog)
    marks = ", ".join("?" * len(_COLUMNS.split(",")))
    for batch in batched(rows, _BATCH, strict=False):
        connection.execute("BEGIN")
        connection.executemany(
            f"INSERT INTO captures ({_COLUMNS}) VALUES ({marks})", batch
        )
        connection.execute("COMMIT")
    connection.execute(
        "INSERT INTO uploads (capture_id, state, priority, event_us, arrived_us, size)"
        " SELECT id, 'pending', kind <> 'snapshot', event_us, arrived_us, size"
        " FROM captures WHERE uploaded_us IS NULL"
    )
    connection.executemany(
        "INSERT INTO manifests VALUES (?, ?, '2026-01-01', ?, 2000, ?)",
        (
            (camera, number, "5e" * 32, to_us(first))
            for camera in CAMERAS
            for number in range(1, 1001)
        ),
    )
    connection.close()
    return first


def _rows(
    first: datetime, step: timedelta, captures: int, backlog: int
) -> Iterator[tuple[str | int | None, ...]]:
    delay = timedelta(seconds=2)
    for number in range(captures):
        event = first + number * step
        camera = CAMERAS[number % len(CAMERAS)]
        day = event.astimezone(UTC).date().isoformat()
        clip = number % _CLIP_EACH == 0
        name = f"{event:%Y%m%d%H%M%S%f}{'.mp4' if clip else '_MOTION_DETECTION.jpg'}"
        offsite = number < captures - backlog
        event_us = to_us(event)
        arrived_us = event_us + 1_000_000
        yield (
            f"{number:032x}",
            camera,
            day,
            name,
            SIZE,
            sha256(name.encode()).hexdigest(),
            "clip" if clip else "snapshot",
            "motion",
            event_us,
            event_us,
            arrived_us,
            f"{camera}/{day}/{name}" if offsite else None,
            to_us(event + delay) if offsite else None,
            1 if offsite else None,
        )
