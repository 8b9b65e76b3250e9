"""The media browser's levels and the timeline's questions, in a house of twelve cameras.

Each camera has 2,000 events a day for thirty days, and was recorded all the time. The
questions are asked as Home Assistant asks them, through a running store; the peer is
the same question in a house with a hundredth of the events.
"""

import argparse
import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import batched
import os
from pathlib import Path
import sqlite3
import tempfile
import time

from benchmarks._machine import describe_machine, file_system
from benchmarks._questions import Question, Taken, ask, print_slow, small_vs_large
from benchmarks._report import median, percentile, print_result, print_table
from custom_components.hikvision_nvr.model import DetectionType
from custom_components.hikvision_nvr.recording.playlist import pieces, stretches
from custom_components.hikvision_nvr.store import Store
from custom_components.hikvision_nvr.store.captures import DayFilter
from custom_components.hikvision_nvr.store.rows import to_us
from custom_components.hikvision_nvr.store.schema import migrate
from custom_components.hikvision_nvr.store.timeline import Cursor, EventFilter

LIMIT_MS = 100.0
CAMERAS = tuple(f"camera-{number:02}" for number in range(12))
DAYS = 30
FIRST = datetime(2026, 10, 1, tzinfo=UTC)
_TYPES = ("motion", "line_crossing", "intrusion", "vehicle")
_FRAGMENTS = bytes(8 * 30)
_BATCH = 20_000


@dataclass(frozen=True)
class Form:
    """How large the house is and how often each question is asked."""

    events: int
    """Of a camera each day."""
    times: int


_FULL = Form(events=2_000, times=60)
_QUICK = Form(events=500, times=10)


def make_catalogue(path: Path, events: int) -> None:
    """Write the catalogue of a house."""
    path.parent.mkdir(parents=True)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = OFF")
    migrate(connection)
    for batch in batched(_events(events), _BATCH, strict=False):
        connection.execute("BEGIN")
        connection.executemany(
            "INSERT INTO captures (id, camera, day, name, size, sha256, kind, type,"
            " event_us, arrived_us, detection_id, object_key, uploaded_us, plate)"
            " VALUES (?1, ?2, ?3, ?4, 200000, ?1, 'snapshot', ?5, ?6, ?6, ?1, ?7, ?6, ?8)",
            batch,
        )
        connection.executemany(
            "INSERT INTO detections VALUES (?1, ?2, ?5, ?6, ?8, NULL, ?1, 0, ?8)", batch
        )
        connection.execute("COMMIT")
    for camera in CAMERAS:
        connection.execute("BEGIN")
        connection.executemany(
            "INSERT INTO segments (camera, start_us, run, sequence, end_us, bytes,"
            " ticks, init_bytes, video, complete)"
            f" VALUES ('{camera}', ?, 'run', 0, ?, 15000000, 5400000, 1000,"
            " 'avc1.4D0028', 1)",
            (
                (start, start + 60_000_000)
                for minute in range(DAYS * 1440)
                # A minute of nothing each quarter of an hour.
                if minute % 15 and (start := to_us(FIRST) + minute * 60_000_000)
            ),
        )
        connection.execute("COMMIT")
    connection.execute(
        "INSERT INTO fragments SELECT id, ? FROM segments", (_FRAGMENTS,)
    )
    connection.execute(
        "INSERT INTO archives SELECT camera || '/archive/' || day || '.tar.gz', camera,"
        " day, 1, 'GLACIER' FROM days"
    )
    connection.close()


def _events(events: int) -> Iterator[tuple[str | int | None, ...]]:
    step = timedelta(days=1) / events
    for number in range(events * DAYS):
        when = FIRST + number * step
        day = when.date().isoformat()
        for index, camera in enumerate(CAMERAS):
            name = f"{when:%Y%m%d%H%M%S%f}.jpg"
            yield (
                # As random as the real ones are, which matters to an index.
                f"{(number * 12 + index) * 0x9E3779B97F4A7C15 % (1 << 64):016x}{number:016x}",
                camera,
                day,
                name,
                _TYPES[number % len(_TYPES)],
                to_us(when),
                f"{camera}/{day}/{name}",
                f"AB{number % 10_000:04}CD" if index == 0 and number % 4 == 3 else None,
            )


def questions() -> dict[str, Question]:
    """Return each level of the media browser and each question of the timeline."""
    camera = CAMERAS[3]
    begin = FIRST + timedelta(days=15)
    day, end = begin.date(), begin + timedelta(days=1)
    somewhere = DayFilter(somewhere=True)

    def page(wanted: DayFilter, offset: int = 0) -> Question:
        return lambda store: store.captures.on_day(
            camera, day, wanted, limit=190, offset=offset
        )

    async def timeline(store: Store) -> object:
        return (
            await store.timeline.coverage(camera, begin, end),
            await store.timeline.holds(camera, begin, end),
            await store.timeline.events(
                (camera,), EventFilter(start=begin, end=end), limit=1001
            ),
        )

    async def second_page(store: Store) -> object:
        wanted = EventFilter(start=begin, end=end)
        last = after[0]
        return await store.timeline.events((camera,), wanted, limit=1001, after=last)

    async def play(store: Store) -> object:
        until = begin + timedelta(hours=3)
        # The files are not there; what they cost beyond is a look for each.
        footage = await store.recordings.segments.with_fragments(camera, begin, until)
        for one in stretches(footage):
            pieces(one, begin, until)
        return await store.timeline.goes_on(camera, until)

    def search(wanted: EventFilter, cameras: tuple[str, ...] = CAMERAS) -> Question:
        return lambda store: store.timeline.events(
            cameras, wanted, limit=201, newest_first=True
        )

    after = [Cursor(to_us(begin + timedelta(hours=12)), "")]
    return {
        "media: sections of a camera": lambda store: store.captures.archived_days(
            camera
        ),
        "media: days with events": lambda store: store.captures.days(
            camera, everywhere=True
        ),
        "media: days with recordings": lambda store: store.recordings.segments.days(
            camera, UTC
        ),
        "media: hours and types of a day": lambda store: store.captures.parts_of_day(
            camera, day, begin, somewhere
        ),
        "media: first page of a day": page(somewhere),
        "media: last page of a day": page(somewhere, 1900),
        "media: an hour": page(
            DayFilter(somewhere=True, start=begin, end=begin + timedelta(hours=1))
        ),
        "media: a type": page(
            DayFilter(somewhere=True, typed=True, type=DetectionType.VEHICLE)
        ),
        "media: archived day": page(DayFilter(archived=True)),
        "media: recordings of a day": lambda store: store.recordings.segments.between(
            camera, begin, end
        ),
        "timeline: a day, first page": timeline,
        "timeline: a day, next page": second_page,
        "timeline: days of a month": lambda store: store.timeline.days(
            camera, FIRST.date(), (FIRST + timedelta(days=DAYS)).date(), UTC
        ),
        "timeline: play three hours": play,
        "search: everything": search(EventFilter()),
        "search: a type": search(EventFilter(type=DetectionType.VEHICLE)),
        "search: a type there is none of": search(EventFilter(type=DetectionType.FACE)),
        "search: a plate": search(EventFilter(plate="AB0123")),
        "search: a plate nobody has": search(EventFilter(plate="ZZ")),
        "search: a day": search(EventFilter(start=begin, end=end)),
    }


async def ask_house(folder: Path, form: Form, events: int) -> Taken:
    """Make a house, ask all questions, return milliseconds of each."""
    path = folder / f"{events}" / "catalogue.sqlite"
    began = time.perf_counter()
    await asyncio.to_thread(make_catalogue, path, events)
    print(
        f"{len(CAMERAS) * DAYS * events:,} events:"
        f" {path.stat().st_size / 1e6:,.0f} MB,"
        f" made in {time.perf_counter() - began:.0f} s",
        flush=True,
    )
    store = Store(folder / f"{events}" / "media", path, time_zone=UTC, offsite=True)
    await store.open()
    try:
        return await ask(store, questions(), form.times)
    finally:
        await store.close()


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a quarter of the events")
    form = _QUICK if parser.parse_args().quick else _FULL
    machine = describe_machine()
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR", "/var/tmp")) as name:
        folder = Path(name)
        print("\n".join(machine))
        print(f"Disk:    {file_system(folder)}\n")
        small = asyncio.run(ask_house(folder, form, form.events // 100))
        large = asyncio.run(ask_house(folder, form, form.events))
    print()
    print_table(
        ("Question", "ms", "95 %", "slowest", "of a hundredth: ms"),
        [
            (
                name,
                f"{median(times):.2f}",
                f"{percentile(times, 95):.2f}",
                f"{max(times):.2f}",
                f"{median(small[name]):.2f}",
            )
            for name, times in large.items()
        ],
    )
    print_slow(large, LIMIT_MS, max)
    print_result(
        "browsing",
        {"small_vs_large": small_vs_large(small, large)},
        {
            "slowest_p95_ms": max(percentile(times, 95) for times in large.values()),
            "slowest_ms": max(max(times) for times in large.values()),
            "timeline_ms": median(large["timeline: a day, first page"]),
            "day_ms": median(large["media: hours and types of a day"]),
        },
    )


if __name__ == "__main__":
    main()
