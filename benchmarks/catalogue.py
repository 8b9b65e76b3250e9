"""Questions to a catalogue of a million captures, and to one of ten thousand.

Each question that the user interface, a sensor, a worker or a job asks often is asked
many times. Its peer is the same question to the small catalogue: what costs the same in
both does not grow with the years.
"""

import argparse
import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
import os
from pathlib import Path
import tempfile
import time

from benchmarks._large_catalogue import CAMERAS, make_catalogue
from benchmarks._machine import describe_machine, file_system
from benchmarks._questions import Question, Taken, ask, print_slow, small_vs_large
from benchmarks._report import median, percentile, print_result, print_table
from custom_components.hikvision_nvr.store import Store

LIMIT_MS = 20.0
_SMALL = 10_000


@dataclass(frozen=True)
class Form:
    """How large the catalogues are and how often each question is asked."""

    captures: int
    backlog: int
    times: int


_FULL = Form(captures=1_000_000, backlog=100_000, times=100)
_QUICK = Form(captures=100_000, backlog=10_000, times=20)


def questions(now: datetime, oldest: datetime) -> dict[str, Question]:
    """Return the questions; ``now`` is when the newest capture was."""
    camera = CAMERAS[3]
    today = now.date()
    middle = (oldest + (now - oldest) / 2).date()

    async def pick(store: Store) -> None:
        upload = await store.uploads.pick()
        assert upload is not None
        await store.uploads.release(upload)

    async def page(store: Store, offset: int) -> object:
        return await store.captures.on_day(camera, middle, offset=offset)

    return {
        "media: cameras": lambda store: store.captures.cameras(),
        "media: days": lambda store: store.captures.days(camera),
        "media: page of a day": lambda store: page(store, 0),
        "media: last page of a day": lambda store: page(store, 1800),
        "image: latest snapshot": lambda store: store.captures.latest_snapshot(camera),
        "start: clock samples": lambda store: store.captures.clock_samples(camera),
        "start: size of all": lambda store: store.captures.total_size(),
        "start: arrivals of today": lambda store: store.captures.count_since(
            datetime(today.year, today.month, today.day, tzinfo=UTC)
        ),
        "recovery: names of a day": lambda store: store.captures.names_on(
            camera, middle
        ),
        "recovery: held files": lambda store: store.captures.unnamed_with_content(
            camera, "5e" * 32
        ),
        "sensor: last upload": lambda store: store.captures.last_upload(),
        "sensor: figures": lambda store: store.upload_meter.figures(),
        "sensor: bucket": lambda store: store.bucket.totals(),
        "sensor: backlog": lambda store: store.uploads.backlog(),
        "sensor: manifests": lambda store: store.manifests.heads(),
        "worker: pick and release": pick,
        "worker: next due": lambda store: store.uploads.next_due(),
        "job: waiting of a day": lambda store: store.captures.waiting_on(camera, today),
        "job: days offsite": lambda store: store.captures.offsite_days(camera),
        "job: local days": lambda store: store.captures.local_days(middle),
        "manifest: days to list": lambda store: store.manifests.days_with_unlisted(
            today
        ),
        "manifest: captures of a day": lambda store: store.manifests.of_day(
            camera, middle
        ),
    }


async def ask_catalogue(folder: Path, form: Form, captures: int, backlog: int) -> Taken:
    """Make a catalogue, ask all questions, return milliseconds of each."""
    now = datetime.now(UTC) - timedelta(seconds=10)
    path = folder / f"{captures}" / "catalogue.sqlite"
    oldest = await asyncio.to_thread(
        make_catalogue, path, captures=captures, backlog=backlog, now=now
    )
    print(f"{captures:,} captures: {path.stat().st_size / 1e6:,.0f} MB", flush=True)
    store = Store(folder / f"{captures}" / "media", path, time_zone=UTC, offsite=True)
    began = time.perf_counter()
    await store.open()
    print(f"  opened in {(time.perf_counter() - began) * 1000:.0f} ms", flush=True)
    try:
        # The first look reads a whole day, page by page.
        await store.upload_meter.figures()
        return await ask(store, questions(now, oldest), form.times)
    finally:
        await store.close()


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of everything")
    form = _QUICK if parser.parse_args().quick else _FULL
    machine = describe_machine()
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR", "/var/tmp")) as name:
        folder = Path(name)
        print("\n".join(machine))
        print(f"Disk:    {file_system(folder)}\n")
        small = asyncio.run(ask_catalogue(folder, form, _SMALL, _SMALL // 10))
        large = asyncio.run(ask_catalogue(folder, form, form.captures, form.backlog))
    print()
    print_table(
        ("Question", "ms", "95 %", "of 10,000: ms", "times"),
        [
            (
                name,
                f"{median(times):.2f}",
                f"{percentile(times, 95):.2f}",
                f"{median(small[name]):.2f}",
                f"{median(times) / median(small[name]):.1f}",
            )
            for name, times in large.items()
        ],
    )
    print_slow(large, LIMIT_MS, lambda times: percentile(times, 95))
    print_result(
        "catalogue",
        {"small_vs_large": small_vs_large(small, large)},
        {
            "slowest_p95_ms": max(percentile(times, 95) for times in large.values()),
            "slowest_ms": max(median(times) for times in large.values()),
            "pick_ms": median(large["worker: pick and release"]),
            "page_ms": median(large["media: page of a day"]),
            "days_ms": median(large["media: days"]),
            "sensors_ms": sum(
                median(times)
                for name, times in large.items()
                if name.startswith("sensor")
            ),
        },
    )


if __name__ == "__main__":
    main()
