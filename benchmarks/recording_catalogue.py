"""Questions to a catalogue of years of recordings.

    scripts/bench recording_catalogue [--rows N] [--quick]

Twelve cameras, a segment each minute, so many rows in all: what the media browser, a
playlist, the sensors and retention ask. Figures are milliseconds, medians over cameras.
"""

import benchmarks._without_home_assistant  # noqa: F401  # isort: skip

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
import sqlite3
import tempfile
import time
from zoneinfo import ZoneInfo

from benchmarks._machine import describe_machine, file_system
from benchmarks._report import median, print_result, print_table
from custom_components.hikvision_nvr.store import Store
from custom_components.hikvision_nvr.store.mp4 import Fragment
from custom_components.hikvision_nvr.store.segment import pack_place

CAMERAS = 12
END = datetime(2026, 11, 22, tzinfo=UTC)
MINUTE = 60_000_000
LIMIT_MS = 20.0
ROUNDS = 15


def fill(connection: sqlite3.Connection, camera: int, count: int) -> None:
    """Add the segments of a camera, a minute each, up to the end."""
    first = int(END.timestamp()) * 1_000_000 - count * MINUTE
    connection.execute(
        "WITH RECURSIVE number (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM number"
        " WHERE n + 1 < ?) INSERT INTO segments (camera, start_us, run, sequence,"
        " end_us, bytes, ticks, init_bytes, video, audio, complete, detected)"
        " SELECT ?, ? + n * ?, '00000000', n, ? + (n + 1) * ?, 30000000, 5400000,"
        " 1000, 'avc1.4D0028', NULL, 1, n % 50 = 0 FROM number",
        (count, f"camera-{camera}", first, MINUTE, first, MINUTE),
    )


def add_places(connection: sqlite3.Connection) -> None:
    """Give the last day the places of its fragments; a playlist reads no others."""
    places = b"".join(
        pack_place(Fragment(1000 + 1_000_000 * one, one * 180_000, True))
        for one in range(30)
    )
    connection.execute(
        "INSERT INTO fragments SELECT id, ? FROM segments WHERE start_us > ?",
        (places, int((END - timedelta(days=1)).timestamp()) * 1_000_000),
    )


async def timed(question: Callable[[str], Awaitable[object]]) -> float:
    """Return the median milliseconds of a question, over the cameras."""
    taken = []
    for number in range(ROUNDS):
        camera = f"camera-{number % CAMERAS}"
        begun = time.perf_counter()
        await question(camera)
        taken.append((time.perf_counter() - begun) * 1000)
    return median(taken)


async def measure(rows: int) -> dict[str, float]:
    """Fill a catalogue and ask it."""
    with tempfile.TemporaryDirectory(prefix="hikvision_nvr-benchmark-") as name:
        store = Store(
            Path(name) / "media",
            Path(name) / "catalogue.sqlite",
            time_zone=ZoneInfo("Europe/Berlin"),
            offsite=False,
        )
        await store.open()
        try:
            begun = time.perf_counter()
            for camera in range(CAMERAS):
                await store._catalogue.write(
                    lambda connection, camera=camera: fill(
                        connection, camera, rows // CAMERAS
                    )
                )
            await store._catalogue.write(add_places)
            print(f"{rows} rows in {time.perf_counter() - begun:.0f} s\n")
            segments, room = store.recordings.segments, store.recordings.retention
            day = timedelta(days=1)
            middle = END - timedelta(minutes=rows // CAMERAS // 2)
            old = int((END - timedelta(minutes=rows // CAMERAS)).timestamp() * 1e6)
            return {
                "day_ms": await timed(
                    lambda camera: segments.between(camera, middle, middle + day)
                ),
                "has_footage_ms": await timed(
                    lambda camera: segments.between(
                        camera, middle, middle + day, limit=1
                    )
                ),
                "days_ms": await timed(
                    lambda camera: segments.days(camera, ZoneInfo("Europe/Berlin"))
                ),
                "hour_with_fragments_ms": await timed(
                    lambda camera: segments.with_fragments(
                        camera, END - timedelta(hours=1), END
                    )
                ),
                "gaps_ms": await timed(
                    lambda camera: segments.gaps(camera, middle, middle + day)
                ),
                "totals_ms": await timed(lambda _: segments.totals()),
                "rate_ms": await timed(lambda _: segments.rate(END)),
                "oldest_ms": await timed(lambda _: room.footage.oldest(limit=64)),
                "oldest_undetected_ms": await timed(
                    lambda _: room.footage.oldest(limit=64, detected=False)
                ),
                "due_by_age_ms": await timed(
                    lambda camera: room.footage.oldest(
                        limit=64,
                        camera=camera,
                        detected=True,
                        before_us=old + 30 * 86_400_000_000,
                    )
                ),
            }
        finally:
            await store.close()


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rows", type=int, default=5_000_000)
    options = parser.parse_args()
    rows = 500_000 if options.quick else options.rows
    print("\n".join(describe_machine()))
    print(f"Disk:    {file_system(Path(tempfile.gettempdir()))}\n")
    figures = asyncio.run(measure(rows))
    print_table(
        ("question", "ms"), [(key, f"{value:.2f}") for key, value in figures.items()]
    )
    slow = [key for key, value in figures.items() if value > LIMIT_MS]
    if slow:
        print(f"\nOver {LIMIT_MS:.0f} ms: {', '.join(slow)}")
    print_result("recording_catalogue", {}, {"rows": rows, **figures})


if __name__ == "__main__":
    main()
