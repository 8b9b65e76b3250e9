"""Our uploader against the AWS CLI, rclone and s5cmd, and what a backlog costs.

    scripts/bench offsite [--quick] [--rounds N]

Everybody uploads the same files to an S3 server of its own, one after the other, in
turn for several rounds; after each run all objects are compared by their SHA-256. A
ratio is the median over the rounds of our rate by the peer's rate in the same round.
"""

# The package of an integration imports Home Assistant, its rooms do not.
import benchmarks._without_home_assistant  # noqa: F401  # isort: skip

import argparse
import asyncio
from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
import json
from pathlib import Path
import shutil
import subprocess

from benchmarks._backlog import make_backlog
from benchmarks._machine import describe_machine, file_system
from benchmarks._measure import Place, WrongFilesError, place, progress
from benchmarks._process import ROOT, python_command
from benchmarks._report import median, percentile, print_result, print_table
from benchmarks._s3_clients import AT_ONCE, CLIENTS, Sent, copy_of
from benchmarks._s3_service import s3_service
from benchmarks._uploads import SNAPSHOT_SIZE

_BACKLOG = 100_000
_SMALL = 2048
_APART = timedelta(seconds=86)
"""A thousand files a day. The server lists a folder for each file that it gets: with a
hundred thousand in one, its time would be all that is measured."""
_LONGEST = 3600


@dataclass(frozen=True)
class Form:
    """How much is measured."""

    rounds: int
    files: int
    drained: int
    idle_seconds: float


_FULL = Form(rounds=3, files=2000, drained=_BACKLOG, idle_seconds=15)
_QUICK = Form(rounds=2, files=600, drained=5000, idle_seconds=5)


def measure_uploads(form: Form, where: Place) -> dict[str, list[Sent]]:
    """Return what each client took, round by round. Raises WrongFilesError."""
    made = where.memory / "made"
    hashes = asyncio.run(make_backlog(made, files=form.files, size=SNAPSHOT_SIZE))
    runs: dict[str, list[Sent]] = defaultdict(list)
    names = list(CLIENTS)
    for number in range(form.rounds):
        # Not always the same one first, after whatever came before.
        turn = number % len(names)
        for name in (*names[turn:], *names[:turn]):
            progress(f"round {number + 1}: {form.files} files, {name}")
            run = copy_of(made, where.memory / "run")
            if name == "ours":
                # Its catalogue syncs each transaction, on a real disk.
                shutil.move(run / "state", where.disk / "state")
                (run / "state").symlink_to(where.disk / "state")
            with s3_service(where.memory / "service") as service:
                runs[name].append(CLIENTS[name](run, service))
                if service.objects() != hashes:
                    raise WrongFilesError(f"{name} has not uploaded all files")
            shutil.rmtree(where.memory / "service")
            shutil.rmtree(run)
            shutil.rmtree(where.disk / "state", ignore_errors=True)
    return runs


def make_queue(where: Place) -> Path:
    """Make the store with a long queue that is measured."""
    progress(f"making a queue of {_BACKLOG} files")
    folder = where.disk / "queue"
    asyncio.run(make_backlog(folder, files=_BACKLOG, size=_SMALL, apart=_APART))
    return folder


def measure_pick(folder: Path, where: Place) -> list[float]:
    """Return the milliseconds that it takes to pick from a long queue."""
    progress(f"picking from {_BACKLOG} files")
    folder = copy_of(folder, where.disk / "picked")
    said = json.loads(
        subprocess.run(
            python_command("_drain", str(folder), "", "", "0"),
            stdout=subprocess.PIPE,
            cwd=ROOT,
            check=True,
            timeout=_LONGEST,
        ).stdout
    )
    shutil.rmtree(folder)
    milliseconds: list[float] = said["milliseconds"]
    return milliseconds


@dataclass(frozen=True)
class DrainFigures:
    """What a backlog that drains costs Home Assistant."""

    idle_p99: float
    drain_p99: float
    memory_gain: int
    rate: float


def measure_drain(folder: Path, form: Form, where: Place) -> DrainFigures:
    """Let the recorder of a Home Assistant drain a backlog; the folder is used up."""
    progress(f"Home Assistant, {form.drained} of {_BACKLOG} files of 2 KB")
    with s3_service(where.memory / "service") as service:
        said = json.loads(
            subprocess.run(
                python_command(
                    "_drain_home_assistant",
                    str(folder),
                    service.url,
                    str(_BACKLOG),
                    str(form.drained),
                    str(form.idle_seconds),
                ),
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=ROOT,
                check=True,
                timeout=_LONGEST,
            ).stdout.splitlines()[-1]
        )
        if form.drained == _BACKLOG and len(service.objects()) != _BACKLOG:
            raise WrongFilesError("not all of the backlog has arrived")
    shutil.rmtree(folder)
    shutil.rmtree(where.memory / "service")

    def p99(late: list[float]) -> float:
        return percentile((seconds * 1000 for seconds in late), 99)

    return DrainFigures(
        idle_p99=p99(said["idle"]),
        drain_p99=p99(said["drain"]),
        memory_gain=said["memory_gain"],
        rate=said["rate"],
    )


def rate_ratio(runs: dict[str, list[Sent]], peer: str) -> float:
    """Return how much faster we are than a peer."""
    pairs = zip(runs["ours"], runs[peer], strict=True)
    return median(theirs.seconds / ours.seconds for ours, theirs in pairs)


def print_uploads(form: Form, runs: dict[str, list[Sent]], where: Place) -> None:
    """Print what was measured of each client."""
    print_table(
        (f"{form.files} x 200 KB", "files/s", "MB/s", "CPU s", "ours/it"),
        [
            (
                name,
                f"{form.files / (seconds := median(s.seconds for s in sent)):.0f}",
                f"{form.files * SNAPSHOT_SIZE / seconds / 1e6:.1f}",
                f"{median(s.cpu for s in sent):.1f}",
                "" if name == "ours" else f"{rate_ratio(runs, name):.2f}",
            )
            for name, sent in runs.items()
        ],
    )
    print(f"- {AT_ONCE} uploads at a time, the AWS CLI its own 10.")
    print("- The server is rclone's, on the same processor cores; it checks signatures")
    print(
        "  and MD5 and has no conditional writes, so that ours asks before each file."
    )
    print(
        "- A peer's time is that of its process. Ours is from when the backlog becomes"
    )
    print("  due in a recorder that runs; its CPU includes Python's start.")
    print("- Ours reads each file back against its SHA-256, and notes each upload in")
    print(f"  its catalogue, synced on {file_system(where.disk)}.")
    print("- Every object was compared by its SHA-256.\n")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="end within 3 minutes")
    parser.add_argument("--rounds", type=int, help="how often each has its turn")
    arguments = parser.parse_args()
    form = _QUICK if arguments.quick else _FULL
    if arguments.rounds:
        form = Form(**{**vars(form), "rounds": arguments.rounds})
    machine = describe_machine()
    with place() as where:
        runs = measure_uploads(form, where)
        queue = make_queue(where)
        picks = measure_pick(queue, where)
        drain = measure_drain(queue, form, where)
        print("\n".join(machine), end="\n\n")
        print_uploads(form, runs, where)
    print_table(
        ("a backlog of 100,000 files", ""),
        [
            ("pick the next one, median ms", f"{median(picks):.2f}"),
            ("pick the next one, p99 ms", f"{percentile(picks, 99):.2f}"),
            ("Home Assistant's loop, idle, p99 ms", f"{drain.idle_p99:.1f}"),
            ("Home Assistant's loop, draining, p99 ms", f"{drain.drain_p99:.1f}"),
            (
                f"memory gained over {form.drained} files, MB",
                f"{drain.memory_gain / 1e6:.1f}",
            ),
            ("files of 2 KB a second", f"{drain.rate:.0f}"),
        ],
    )
    print_result(
        "offsite",
        {
            f"upload_vs_{peer}": rate_ratio(runs, peer)
            for peer in runs
            if peer != "ours"
        },
        {
            "drain_rss_gain_mb": drain.memory_gain / 1e6,
            "pick_ms": median(picks),
            "pick_p99_ms": percentile(picks, 99),
            "loop_p99_gain_ms": drain.drain_p99 - drain.idle_p99,
            "files": form.files / median(sent.seconds for sent in runs["ours"]),
            "small_files": drain.rate,
        },
    )


if __name__ == "__main__":
    main()
