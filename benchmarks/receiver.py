"""Our FTPS receiver against pyftpdlib and vsftpd, and what it costs Home Assistant.

    scripts/bench receiver [--quick] [--rounds N]

Every server runs in a process of its own, one at a time, in turn for several rounds;
the same client uploads to each, and after each run all files are checked. A ratio is
the median over the rounds of our rate by the peer's rate in the same round.
"""

import argparse
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import distributions, version
import math
import os
import subprocess
import sys
import time

from benchmarks._home_assistant import (
    HomeAssistantFigures,
    delays,
    measure_home_assistant,
    paced_load,
)
from benchmarks._load import Load
from benchmarks._machine import describe_machine, file_system
from benchmarks._measure import Place, Run, WrongFilesError, measure, place, progress
from benchmarks._report import median, percentile, print_result, print_table
from benchmarks._servers import (
    CAMERAS,
    OURS,
    OURS_WITH_SYNC,
    Server,
    find_pyftpdlib,
    find_vsftpd,
)

_THREADS = {
    "python": "event loop: commands, TLS",
    "hikvision_nvr-f": "files: hash, structure, write, rename",
    "hikvision_nvr-p": "each camera's first login: scrypt",
    "hikvision_nvr-c": "catalogue: the row and its transaction",
}
"""What the threads of ours do, by their names as the system cuts them off."""
_QUICK_BUDGET = 40.0
"""Seconds after which the quick form begins no new round."""


@dataclass(frozen=True)
class Form:
    """How much is measured."""

    rounds: int
    files: tuple[int, int, int]
    reconnects: int
    megabytes: int
    seconds: int
    busy_files: int
    budget: float

    def loads(self) -> dict[str, Load]:
        """Return the loads that all servers get, by the name of their row."""
        one, ten, fifty = self.files
        return {
            "1 connection": Load(connections=1, files=one),
            "10 connections": Load(connections=10, files=ten),
            "50 connections": Load(connections=50, files=fifty),
            "10, reconnecting": Load(
                connections=10, files=self.reconnects, reconnect=True
            ),
            "one big file": Load(connections=1, files=1, megabytes=self.megabytes),
        }


_FULL = Form(
    rounds=3,
    files=(2000, 2000, 2000),
    reconnects=500,
    megabytes=512,
    seconds=15,
    busy_files=2000,
    budget=math.inf,
)
_QUICK = Form(
    rounds=2,
    files=(100, 300, 300),
    reconnects=100,
    megabytes=256,
    seconds=4,
    busy_files=300,
    budget=_QUICK_BUDGET,
)


class Rounds:
    """The runs of all servers, round by round."""

    def __init__(self) -> None:
        """Begin with no run."""
        self.runs: dict[tuple[str, str], list[Run]] = defaultdict(list)

    def add(self, row: str, server: str, run: Run) -> None:
        """Keep a run."""
        self.runs[row, server].append(run)

    def drop(self, server: str) -> None:
        """Forget a server that did not do what it was asked."""
        for key in [key for key in self.runs if key[1] == server]:
            del self.runs[key]

    def value(self, row: str, server: str, read: Callable[[Run], float]) -> float:
        """Return the median of a value over the rounds."""
        return median(read(run) for run in self.runs.get((row, server), ()))

    def rate(self, row: str, server: str) -> float:
        """Return the median rate: files, or for the big file MiB, a second."""
        return self.value(row, server, lambda run: run.rate)

    def ratio(self, row: str, peer: str) -> float:
        """Return how much faster we are than a peer."""
        pairs = zip(
            self.runs.get((row, OURS.name), ()),
            self.runs.get((row, peer), ()),
            strict=False,
        )
        return median(ours.rate / theirs.rate for ours, theirs in pairs)


def run_rounds(form: Form, servers: list[Server], where: Place) -> Rounds:
    """Measure all servers under all loads.

    Raises WrongFilesError when we are at fault; a peer at fault is left out.
    """
    rounds = Rounds()
    begun = time.monotonic()
    for number in range(form.rounds):
        if number and time.monotonic() - begun > form.budget:
            progress(f"time is short: {number} rounds are all")
            break
        for row, load in form.loads().items():
            # Not always the same one first, after whatever came before.
            turn = number % len(servers)
            for server in (*servers[turn:], *servers[:turn]):
                progress(f"round {number + 1}: {row}, {server.name}")
                try:
                    rounds.add(row, server.name, measure(server, load, where))
                except (WrongFilesError, RuntimeError) as err:
                    if server is OURS:
                        raise
                    print(f"{server.name} is left out: {err}", file=sys.stderr)
                    rounds.drop(server.name)
                    servers = [one for one in servers if one is not server]
        with_sync = form.loads()["10 connections"]
        progress(f"round {number + 1}: 10 connections, ours with fsync")
        rounds.add(
            "10 connections",
            OURS_WITH_SYNC.name,
            measure(OURS_WITH_SYNC, with_sync, where),
        )
    return rounds


def print_rates(rounds: Rounds, form: Form, servers: list[Server]) -> None:
    """Print what was measured of each server under each load."""
    rows = []
    for row, load in form.loads().items():
        for server in (*servers, OURS_WITH_SYNC):
            if (row, server.name) not in rounds.runs:
                continue
            rows.append(
                (
                    row,
                    server.name,
                    _rate(rounds.rate(row, server.name), load),
                    _times(rounds.ratio(row, server.name)),
                    *_file_times(rounds, row, server.name, load),
                    f"{rounds.value(row, server.name, lambda run: run.server_cpu):.1f}",
                    f"{rounds.value(row, server.name, lambda run: run.client_cpu):.1f}",
                    f"{rounds.value(row, server.name, lambda run: run.peak_memory / 1e6):.0f}",
                )
            )
    print_table(
        (
            "200 KB files",
            "server",
            "rate",
            "ours/it",
            "p50 ms",
            "p95 ms",
            "CPU s",
            "client CPU s",
            "peak MB",
        ),
        rows,
    )


def _rate(rate: float, load: Load) -> str:
    return f"{rate:.0f} {'MiB' if load.megabytes else 'files'}/s"


def _times(ratio: float) -> str:
    return "" if math.isnan(ratio) else f"{ratio:.2f}"


def _file_times(rounds: Rounds, row: str, server: str, load: Load) -> tuple[str, str]:
    if load.megabytes:
        return "", ""

    def at(percent: float) -> str:
        def read(run: Run) -> float:
            return percentile(
                ((sent.answered - sent.asked) * 1000 for sent in run.result.sent),
                percent,
            )

        return f"{rounds.value(row, server, read):.0f}"

    return at(50), at(95)


def print_threads(rounds: Rounds, files: int) -> None:
    """Print which of our threads the processor's time of a file goes to."""
    row = "10 connections"
    names = sorted(
        {name for run in rounds.runs[row, OURS.name] for name in run.threads}
    )

    def milliseconds(name: str) -> float:
        return rounds.value(
            row, OURS.name, lambda run: run.threads.get(name, 0) * 1000 / files
        )

    print_table(
        ("CPU ms a file, 10 connections", "thread"),
        [
            (f"{milliseconds(thread):.2f}", what)
            for thread in names
            if (what := _THREADS.get(thread)) is not None
        ],
    )


def measure_callbacks(form: Form, where: Place, rounds: Rounds) -> tuple[float, float]:
    """Return the p95 from last byte to detection: paced cameras, and flat out."""
    progress(f"ours with fsync, {CAMERAS} cameras once a second each")
    paced = measure(OURS_WITH_SYNC, paced_load(form.seconds), where)
    busy = rounds.runs["10 connections", OURS_WITH_SYNC.name]
    return (
        percentile(delays(paced.result, paced.said["detected"]), 95),
        median(
            percentile(delays(run.result, run.said["detected"]), 95) for run in busy
        ),
    )


def print_delays(callbacks: tuple[float, float], inside: HomeAssistantFigures) -> None:
    """Print how long the way to a detection is, and how late Home Assistant gets."""
    print_table(
        ("milliseconds, with fsync on the disk", "cameras once a second", "flat out"),
        [
            ("last byte to detection, p95", *(f"{x:.1f}" for x in callbacks)),
            (
                "last byte to state in Home Assistant, p95",
                f"{inside.state_p95:.1f}",
                f"{inside.state_busy_p95:.1f}",
            ),
            (
                f"Home Assistant's loop, p99 (idle: {inside.idle_p99:.1f})",
                f"{inside.paced_p99:.1f}",
                f"{inside.busy_p99:.1f}",
            ),
        ],
    )


def print_notes(where: Place, servers: list[Server], rounds: Rounds) -> None:
    """Print what a reader must know to believe the figures."""
    names = {server.name for server in servers}
    versions = {run.version for runs in rounds.runs.values() for run in runs}
    print(f"- {', '.join(sorted(versions))}, ECDSA P-256, a full handshake per file.")
    print(
        "- Ours hashes each file, judges its structure and commits a row to its"
        " catalogue before it answers; the peers write the file."
    )
    print(
        "- No server syncs in the comparison: os.fsync does nothing in ours, and the"
        f" files are on {file_system(where.memory)}."
    )
    if where.memory == where.disk:
        print("  The catalogue still syncs each transaction, which the peers have not.")
    print(f"- With fsync the files are on {file_system(where.disk)}.")
    print(
        "- Peak memory: ours is the receiver with its store, without Home Assistant;"
        " vsftpd's is the sum over its processes, shared pages counted each time."
    )
    print(
        "- CPU seconds of a server include each camera's first login, for which ours"
        " computes scrypt; no rate does."
    )
    print("- vsftpd's cameras log in as its anonymous user: no PAM in its way.")
    for missing in {"pyftpdlib", "vsftpd"} - names:
        print(f"- {missing} could not run here: its ratios are left out.")
    print("- Every file was read back and compared by its SHA-256.\n")


def peer_versions(servers: list[Server]) -> str:
    """Return the versions of what is compared."""
    found = [f"aioftp {version('aioftp')} below ours"]
    for server in servers:
        if server.name == "vsftpd":
            found.append(_vsftpd_version(server))
        elif server.name == "pyftpdlib":
            folder = server.environment["PYTHONPATH"].split(os.pathsep)[-1]
            found += [
                f"pyftpdlib {distribution.version}"
                for distribution in distributions(name="pyftpdlib", path=[folder])
            ]
    return ", ".join(found)


def _vsftpd_version(server: Server) -> str:
    # It writes to its standard input, which was a socket in the days of inetd.
    reader, writer = os.pipe()
    with open(reader) as answer:
        subprocess.run(
            [server.command[-1], "-v"],
            stdin=writer,
            env=server.environment,
            check=False,
        )
        os.close(writer)
        return answer.read().strip().replace(": version", "")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="end within 2 minutes")
    parser.add_argument("--rounds", type=int, help="how often each server has its turn")
    arguments = parser.parse_args()
    form = _QUICK if arguments.quick else _FULL
    if arguments.rounds:
        form = Form(**{**vars(form), "rounds": arguments.rounds})
    peers = [peer for peer in (find_pyftpdlib(), find_vsftpd()) if peer is not None]
    machine = describe_machine()
    with place() as where:
        rounds = run_rounds(form, [OURS, *peers], where)
        callbacks = measure_callbacks(form, where, rounds)
        inside = measure_home_assistant(
            where, seconds=form.seconds, files=form.busy_files
        )
        seen = {name for _, name in rounds.runs}
        servers = [server for server in (OURS, *peers) if server.name in seen]
        print("\n".join(machine))
        print(f"Peers:   {peer_versions(servers)}\n")
        print_rates(rounds, form, servers)
        print_threads(rounds, form.files[1])
        print_delays(callbacks, inside)
        print_notes(where, servers, rounds)
    ten, fifty = "10 connections", "50 connections"
    reconnecting, big = "10, reconnecting", "one big file"

    def peak(server: str) -> float:
        return rounds.value(fifty, server, lambda run: run.peak_memory / 1e6)

    print_result(
        "receiver",
        {
            "tls10_files_vs_pyftpdlib": rounds.ratio(ten, "pyftpdlib"),
            "tls10_files_vs_vsftpd": rounds.ratio(ten, "vsftpd"),
            "reconnect_vs_pyftpdlib": rounds.ratio(reconnecting, "pyftpdlib"),
            "big_vs_pyftpdlib": rounds.ratio(big, "pyftpdlib"),
            "tls1_files_vs_pyftpdlib": rounds.ratio("1 connection", "pyftpdlib"),
            "tls1_files_vs_vsftpd": rounds.ratio("1 connection", "vsftpd"),
            "tls50_files_vs_pyftpdlib": rounds.ratio(fifty, "pyftpdlib"),
            "tls50_files_vs_vsftpd": rounds.ratio(fifty, "vsftpd"),
            "reconnect_vs_vsftpd": rounds.ratio(reconnecting, "vsftpd"),
            "big_vs_vsftpd": rounds.ratio(big, "vsftpd"),
        },
        {
            "rss_mb_50": peak(OURS.name),
            "callback_p95_ms": callbacks[0],
            "state_p95_ms": inside.state_p95,
            "loop_p99_gain_ms": inside.busy_p99 - inside.idle_p99,
            "files10": rounds.rate(ten, OURS.name),
            "files10_fsync": rounds.rate(ten, OURS_WITH_SYNC.name),
            "reconnects": rounds.rate(reconnecting, OURS.name),
            "big_mib": rounds.rate(big, OURS.name),
            "rss_mb_50_pyftpdlib": peak("pyftpdlib"),
            "rss_mb_50_vsftpd": peak("vsftpd"),
            "rss_growth_mb_50_in_home_assistant": inside.growth / 1e6,
            "callback_busy_p95_ms": callbacks[1],
            "state_busy_p95_ms": inside.state_busy_p95,
            "loop_p99_gain_paced_ms": inside.paced_p99 - inside.idle_p99,
        },
    )


if __name__ == "__main__":
    main()
