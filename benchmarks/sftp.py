"""Our SFTP receiver against OpenSSH's server, with OpenSSH's client.

    scripts/bench sftp [--quick] [--rounds N]

Each server runs in a process of its own, one at a time, in turn for several rounds;
the same client uploads the same files to each, and after each run all files are
checked. A ratio is the median over the rounds of our rate by OpenSSH's in the same
round.
"""

import argparse
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import version
import os
from pathlib import Path
import subprocess
import time

from benchmarks._accounts import Login
from benchmarks._machine import describe_machine, file_system
from benchmarks._measure import Place, WrongFilesError, place, progress
from benchmarks._process import python_command
from benchmarks._report import median, print_result, print_table
from benchmarks._servers import Server
from benchmarks._sftp_load import CIPHER, SftpLoad, prepared, run_sftp_load
from benchmarks._verify import wrong_files

_LINGER = 0.1

TEN, FIFTY = "10 connections", "50 connections"
RECONNECTING, BIG, BIG_AS_LIKED = (
    "10, reconnecting",
    "one big file",
    "one big file, any cipher",
)
OURS, OURS_WITH_SYNC, PEER = "ours", "ours, fsync", "OpenSSH"


@dataclass(frozen=True)
class Form:
    """How much is measured."""

    rounds: int
    files: int
    reconnects: int
    megabytes: int

    def loads(self) -> dict[str, SftpLoad]:
        """Return the loads, by the name of their row."""
        big = SftpLoad(connections=1, files=1, megabytes=self.megabytes)
        return {
            TEN: SftpLoad(connections=10, files=self.files),
            FIFTY: SftpLoad(connections=50, files=self.files),
            RECONNECTING: SftpLoad(
                connections=10, files=self.reconnects, reconnect=True
            ),
            BIG: big,
            BIG_AS_LIKED: replace(big, cipher=None),
        }


_FULL = Form(rounds=3, files=2000, reconnects=300, megabytes=512)
_QUICK = Form(rounds=1, files=600, reconnects=40, megabytes=128)


@dataclass(frozen=True)
class Run:
    """What was measured in one run."""

    rate: float
    server_cpu: float
    client_cpu: float
    peak_memory: int


type Runs = dict[tuple[str, str], list[Run]]


def share_cores() -> tuple[int, ...]:
    """Keep this process and the clients to half of the cores; return the others.

    Linux shares the processor among sessions. OpenSSH has a session of processes for
    each connection, so beside clients on the same cores its share would be many times
    ours, however much either has to do. Returns nothing where cores cannot be shared.
    """
    if not hasattr(os, "sched_setaffinity"):
        return ()
    cores = sorted(os.sched_getaffinity(0))
    half = len(cores) // 2
    if not half:
        return ()
    os.sched_setaffinity(0, cores[:half])
    return tuple(cores[half:])


def servers(where: Place, key: Path, cores: tuple[int, ...]) -> list[Server]:
    """Return ours, and OpenSSH's where sftp.sh has found it."""
    public_key = str(key.with_suffix(".pub"))
    found = [
        Server(
            name=OURS,
            command=tuple(python_command("_serve_sftp", public_key)),
            cores=cores,
        )
    ]
    packages = os.environ.get("BENCH_OPENSSH")
    if packages:
        user = subprocess.run(
            ["id", "-un"], capture_output=True, text=True, check=True
        ).stdout.strip()
        found.append(
            Server(
                name=PEER,
                command=tuple(python_command("_serve_openssh", packages, public_key)),
                login=Login(user, folder="{folder}"),
                cores=cores,
            )
        )
    return found


def measure(server: Server, load: SftpLoad, where: Place, key: Path) -> Run:
    """Start a server, send it a load, check its files and stop it."""
    with prepared(load, where.memory) as files, where.serving(server) as running:
        before = running.process.cpu_seconds()
        result = run_sftp_load(load, running, key, files)
        # A process that served one connection may still be ending.
        time.sleep(_LINGER)
        run = Run(
            rate=(load.megabytes or load.files) / result.seconds,
            server_cpu=running.process.cpu_seconds() - before,
            client_cpu=result.client_cpu,
            peak_memory=running.process.peak_memory(),
        )
        wrong = wrong_files(running.folder, result.names, load.megabytes)
        if wrong:
            raise WrongFilesError(
                f"{server.name}: {'; '.join(wrong[:3])}\n{running.process.log()}"
            )
        running.process.finish()
        return run


def run_rounds(form: Form, where: Place, key: Path) -> Runs:
    """Measure all servers under all loads."""
    runs: Runs = defaultdict(list)
    found = servers(where, key, share_cores())
    with_sync = replace(found[0], name=OURS_WITH_SYNC, sync=True)
    for number in range(form.rounds):
        for row, load in form.loads().items():
            # Not always the same one first, after whatever came before.
            turn = number % len(found)
            for server in (*found[turn:], *found[:turn]):
                progress(f"round {number + 1}: {row}, {server.name}")
                runs[row, server.name].append(measure(server, load, where, key))
        progress(f"round {number + 1}: {TEN}, {OURS_WITH_SYNC}")
        runs[TEN, OURS_WITH_SYNC].append(
            measure(with_sync, form.loads()[TEN], where, key)
        )
    return runs


def value(runs: Runs, row: str, server: str, read: Callable[[Run], float]) -> float:
    """Return the median of a value over the rounds."""
    return median(read(run) for run in runs.get((row, server), ()))


def ratio(runs: Runs, row: str, ours: str = OURS) -> float:
    """Return how much faster we are than OpenSSH."""
    pairs = zip(runs.get((row, ours), ()), runs.get((row, PEER), ()), strict=False)
    return median(own.rate / theirs.rate for own, theirs in pairs)


def print_rates(runs: Runs, form: Form) -> None:
    """Print what was measured of each server under each load."""
    rows = []
    for row, load in form.loads().items():
        for server in (OURS, PEER, OURS_WITH_SYNC):
            if (row, server) not in runs:
                continue
            rate = value(runs, row, server, lambda run: run.rate)
            rows.append(
                (
                    row,
                    server,
                    f"{rate:.0f} {'MiB' if load.megabytes else 'files'}/s",
                    f"{value(runs, row, server, lambda run: run.server_cpu):.1f}",
                    f"{value(runs, row, server, lambda run: run.client_cpu):.1f}",
                    f"{value(runs, row, server, lambda run: run.peak_memory / 1e6):.0f}",
                )
            )
    print_table(
        ("200 KB files", "server", "rate", "CPU s", "client CPU s", "peak MB"), rows
    )


def print_notes(where: Place, runs: Runs) -> None:
    """Print what a reader must know to believe the figures."""
    print("- Servers and clients each have half of the cores, where that can be set.")
    print(f"- {CIPHER}, Ed25519 host keys, login with an Ed25519 key.")
    print(
        '- "Any cipher": what the client likes best of what the server has, which is'
        " ChaCha20 with OpenSSH and AES in counter mode with ours."
    )
    print(
        "- No server syncs in the comparison: os.fsync does nothing in ours, and the"
        f" files are on {file_system(where.memory)}."
    )
    print(f"- With fsync the files are on {file_system(where.disk)}.")
    print(
        "- Ours hashes each file, writes it under another name and keeps a catalogue;"
        " OpenSSH writes into the file."
    )
    print(
        "- Peak memory: ours is the receiver with its store, without Home Assistant;"
        " OpenSSH's is the sum over its processes, shared pages counted each time."
    )
    if not any(server == PEER for _, server in runs):
        print("- OpenSSH's server could not run here: its ratios are left out.")
    print("- Every file was read back and compared by its SHA-256.\n")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="end within 2 minutes")
    parser.add_argument("--rounds", type=int, help="how often each server has its turn")
    arguments = parser.parse_args()
    form = _QUICK if arguments.quick else _FULL
    if arguments.rounds:
        form = replace(form, rounds=arguments.rounds)
    machine = describe_machine()
    with place() as where:
        key = where.disk / "client_key"
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True
        )
        runs = run_rounds(form, where, key)
        print("\n".join(machine))
        said = subprocess.run(["ssh", "-V"], capture_output=True, text=True, check=True)
        print(f"Client:  {said.stderr.strip()}")
        print(f"Library: asyncssh {version('asyncssh')}\n")
        print_rates(runs, form)
        print_notes(where, runs)

    def rate(row: str, server: str) -> float:
        return value(runs, row, server, lambda run: run.rate)

    def peak(server: str) -> float:
        return value(runs, FIFTY, server, lambda run: run.peak_memory / 1e6)

    print_result(
        "sftp",
        {
            "files10_vs_openssh": ratio(runs, TEN),
            "files10_fsync_vs_openssh": ratio(runs, TEN, OURS_WITH_SYNC),
            "files50_vs_openssh": ratio(runs, FIFTY),
            "reconnect_vs_openssh": ratio(runs, RECONNECTING),
            "big_vs_openssh": ratio(runs, BIG),
            "big_any_cipher_vs_openssh": ratio(runs, BIG_AS_LIKED),
        },
        {
            "rss_mb_50": peak(OURS),
            "rss_mb_50_openssh": peak(PEER),
            "files10": rate(TEN, OURS),
            "files10_fsync": rate(TEN, OURS_WITH_SYNC),
            "reconnects": rate(RECONNECTING, OURS),
            "big_mib": rate(BIG, OURS),
        },
    )


if __name__ == "__main__":
    main()
