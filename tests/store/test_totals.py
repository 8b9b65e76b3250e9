"""Totals that triggers keep are those of the rows, whatever happened to the rows."""

from datetime import timedelta
from pathlib import Path
import random
import sqlite3

from custom_components.hikvision_nvr.model import CaptureKind
from custom_components.hikvision_nvr.store import Store

from .conftest import EVENT, keep, sighting

_DAYS = """
    SELECT camera, day, count(*), sum(local), sum(local * size),
        sum(object_key IS NOT NULL OR archive_key IS NOT NULL)
    FROM captures GROUP BY camera, day ORDER BY camera, day
"""
_BUCKET = """
    SELECT camera, 'STANDARD' AS storage_class, count(*), sum(size) FROM captures
    WHERE object_key IS NOT NULL GROUP BY camera
    UNION ALL SELECT camera, storage_class, count(*), sum(size) FROM archives
    GROUP BY camera, storage_class ORDER BY camera, storage_class
"""
_QUEUE = "SELECT state, count(*), sum(size) FROM uploads GROUP BY state ORDER BY state"
_TOTALS = {
    "days": ("SELECT * FROM days WHERE captures > 0 ORDER BY camera, day", _DAYS),
    "bucket": ("SELECT * FROM bucket_totals WHERE objects > 0", _BUCKET),
    "queue": ("SELECT * FROM upload_totals WHERE files > 0 ORDER BY state", _QUEUE),
}


def totals_and_rows(catalogue: Path) -> dict[str, tuple[list[object], list[object]]]:
    """Return each table of totals, and the same counted from the rows."""
    connection = sqlite3.connect(catalogue)
    try:
        return {
            name: (
                connection.execute(kept).fetchall(),
                connection.execute(counted).fetchall(),
            )
            for name, (kept, counted) in _TOTALS.items()
        }
    finally:
        connection.close()


async def test_totals_are_those_of_the_rows(store: Store, catalogue: Path) -> None:
    source = random.Random(20261122)
    keys: list[str] = []
    for number in range(120):
        camera = source.choice(("front", "garden"))
        held = source.random() < 0.2
        capture = await keep(
            store,
            source.randbytes(source.randrange(1, 400)),
            f"{number}.jpg" + ".tmp" * held,
            camera=camera,
            event_time=EVENT + timedelta(days=source.randrange(3)),
            kind=CaptureKind.OTHER if held else CaptureKind.SNAPSHOT,
        )
        match source.randrange(7):
            case 0 | 1:
                if (upload := await store.uploads.pick()) is not None:
                    key = upload.capture.relative_path
                    await store.uploads.succeeded(upload, key)
                    keys.append(key)
            case 2:
                if (upload := await store.uploads.pick()) is not None:
                    await store.uploads.quarantine(upload, "the file is gone")
            case 3:
                await store.uploads.pick()
            case 4 if keys:
                gone, keys = keys[:2], keys[2:]
                await store.captures.purged(gone)
            case 5 if keys:
                archive = f"{camera}/archive/{number}.tar.gz"
                await store.bucket.archive_written(
                    archive,
                    camera=camera,
                    day=capture.day,
                    size=number,
                    storage_class=source.choice(("GLACIER", "STANDARD_IA")),
                )
                moved, keys = keys[:2], keys[2:]
                await store.captures.archived(moved, archive)
                if source.random() < 0.3:
                    await store.captures.purged([archive])
            case 6 if held:
                await store.rename(
                    capture,
                    name=f"{number}.jpg",
                    sighting=sighting(),
                    detection_id=None,
                )
    compared = totals_and_rows(catalogue)
    for name, (kept, counted) in compared.items():
        assert kept == counted, name
        assert len(counted) > 1, name
    backlog = await store.uploads.backlog()
    assert backlog.files == sum(
        row[1]  # type: ignore[index]
        for row in compared["queue"][1]
        if row[0] != "quarantined"  # type: ignore[index]
    )


async def test_a_capture_that_is_forgotten_leaves_the_queue(
    store: Store, catalogue: Path
) -> None:
    await keep(store, b"twice", "a.jpg")
    held = await keep(store, b"twice", "a.jpg.tmp", kind=CaptureKind.OTHER)
    assert (await store.uploads.backlog()).files == 2
    # The same bytes under the same name are kept once.
    await store.rename(held, name="a.jpg", sighting=sighting(), detection_id=None)
    backlog = await store.uploads.backlog()
    assert (backlog.files, backlog.bytes) == (1, 5)
    assert all(kept == counted for kept, counted in totals_and_rows(catalogue).values())
