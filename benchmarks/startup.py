"""How long a recorder takes to start, with the catalogue of years and with an empty one.

    scripts/bench startup [--quick]

Twelve cameras, a million captures of which 100,000 wait for S3 (which is down), and
two weeks of recordings around the clock, with the files that recovery looks at. Each
start is that of a new Home Assistant: from the call to set the entry up until its
entities are there. Its peer is the same recorder with a catalogue that knows nothing.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
import json
import os
from pathlib import Path
import sqlite3
import subprocess
import sys
import tempfile
from typing import Any

from benchmarks._large_catalogue import CAMERAS, make_catalogue
from benchmarks._machine import describe_machine, file_system
from benchmarks._measure import progress
from benchmarks._process import ROOT, python_command
from benchmarks._report import median, print_result, print_table
from benchmarks._start_home_assistant import state
from custom_components.hikvision_nvr.store.segment import segment_path

LIMIT_S = 1.5
_TIMEOUT = 240
_WITH_FILES = timedelta(days=3)
"""So far back files are on the disk: recovery looks at what is newer than two days."""
_MINUTE_US = 60_000_000
_RUN = "00000000"


@dataclass(frozen=True)
class Form:
    """How large the catalogue is and how often a start is measured."""

    captures: int
    backlog: int
    days_of_recordings: int
    rounds: int


_FULL = Form(captures=1_000_000, backlog=100_000, days_of_recordings=14, rounds=3)
_QUICK = Form(captures=100_000, backlog=10_000, days_of_recordings=2, rounds=2)


def make_recorder(folder: Path, form: Form) -> int:
    """Make the catalogue and the files of a recorder; return the catalogue's bytes."""
    now = datetime.now(UTC) - timedelta(seconds=10)
    path = state(folder) / "catalogue.sqlite"
    make_catalogue(path, captures=form.captures, backlog=form.backlog, now=now)
    connection = sqlite3.connect(path)
    storage = folder / "storage"
    with connection:
        _add_segments(connection, form.days_of_recordings, now)
    _make_files(storage, _capture_paths(connection), now)
    _make_files(storage, _segment_paths(connection), now)
    connection.close()
    return path.stat().st_size


def _add_segments(connection: sqlite3.Connection, days: int, now: datetime) -> None:
    count = days * 24 * 60
    first = int(now.timestamp()) * 1_000_000 - count * _MINUTE_US
    for camera in CAMERAS:
        connection.execute(
            "WITH RECURSIVE number (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM number"
            " WHERE n + 1 < ?) INSERT INTO segments (camera, start_us, run, sequence,"
            " end_us, bytes, ticks, init_bytes, video, audio, complete, detected)"
            " SELECT ?, ? + n * ?, ?, n, ? + (n + 1) * ?, 30000000, 5400000, 1000,"
            " 'avc1.4D0028', NULL, 1, n % 50 = 0 FROM number",
            (count, camera, first, _MINUTE_US, _RUN, first, _MINUTE_US),
        )


def _capture_paths(connection: sqlite3.Connection) -> Iterator[str]:
    for row in connection.execute("SELECT camera, day, name FROM captures"):
        yield "/".join(row)


def _segment_paths(connection: sqlite3.Connection) -> Iterator[str]:
    for row in connection.execute(
        "SELECT camera, start_us, run, sequence FROM segments"
    ):
        yield segment_path(*row)


def _make_files(storage: Path, paths: Iterator[str], now: datetime) -> None:
    """Make all folders, and empty files in those that recovery reads.

    A folder was changed when its day or hour ended, as it is where files came in time.
    """
    floor = (now - _WITH_FILES).date().isoformat()
    ends: dict[str, float] = {}
    for path in paths:
        folder, _, name = path.rpartition("/")
        if folder not in ends:
            (storage / folder).mkdir(parents=True, exist_ok=True)
            ends[folder] = min(_end(folder), now.timestamp())
        if _day(folder) >= floor:
            (storage / folder / name).touch()
    for folder, end in ends.items():
        os.utime(storage / folder, (end, end))


def _day(folder: str) -> str:
    return next(part for part in folder.split("/") if part[:4].isdigit())


def _end(folder: str) -> float:
    begin = datetime.fromisoformat(_day(folder)).replace(tzinfo=UTC)
    last = folder.rpartition("/")[2]
    if last == _day(folder):
        return (begin + timedelta(days=1)).timestamp()
    return (begin + timedelta(hours=int(last) + 1)).timestamp()


def start(folder: Path) -> dict[str, Any]:
    """Start Home Assistant with a recorder once and return what it said."""
    done = subprocess.run(
        python_command("_start_home_assistant", str(folder)),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        timeout=_TIMEOUT,
        check=True,
    )
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of everything")
    form = _QUICK if parser.parse_args().quick else _FULL
    machine = describe_machine()
    with tempfile.TemporaryDirectory(
        prefix="hikvision_nvr-benchmark-", dir=os.environ.get("TMPDIR", "/var/tmp")
    ) as name:
        empty, large = Path(name) / "empty", Path(name) / "large"
        print("\n".join(machine))
        print(f"Disk:    {file_system(Path(name))}")
        progress("making the catalogue")
        size = make_recorder(large, form)
        print(f"Catalogue: {form.captures:,} captures, {size / 1e6:,.0f} MB\n")
        (empty / "configuration").mkdir(parents=True)
        # The first start learns the storage folder; that happens once in years.
        progress("first starts")
        start(empty)
        start(large)
        runs: dict[Path, list[dict[str, Any]]] = {empty: [], large: []}
        for number in range(form.rounds):
            for folder, taken in runs.items():
                progress(f"start {number + 1} of {form.rounds}, {folder.name}")
                taken.append(start(folder))
    # A worker may put one aside at a start: the files here are empty.
    assert all(run["waiting"] > 0.99 * form.backlog for run in runs[large])
    figures = {
        f"{folder.name}_{figure}": median(run[figure] for run in taken)
        for folder, taken in runs.items()
        for figure in ("setup", "reload", "late")
    }
    print_table(
        ("Recorder", "set-up: s", "reload: s", "loop late: ms"),
        [
            (
                folder.name,
                f"{figures[f'{folder.name}_setup']:.2f}",
                f"{figures[f'{folder.name}_reload']:.2f}",
                f"{figures[f'{folder.name}_late'] * 1000:.0f}",
            )
            for folder in runs
        ],
    )
    slowest = max(run["setup"] for run in runs[large])
    if slowest > LIMIT_S:
        print(
            f"Over {LIMIT_S} s: the slowest start took {slowest:.2f} s", file=sys.stderr
        )
    print_result(
        "startup",
        {
            "empty_vs_large": figures["empty_setup"] / figures["large_setup"],
            "empty_vs_large_reload": figures["empty_reload"] / figures["large_reload"],
        },
        {
            "setup_s": figures["large_setup"],
            "slowest_setup_s": slowest,
            "reload_s": figures["large_reload"],
            "empty_setup_s": figures["empty_setup"],
            "loop_late_ms": figures["large_late"] * 1000,
        },
    )


if __name__ == "__main__":
    main()
