"""One measured run: a server in an empty folder, a load, and a check of its files."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
import os
from pathlib import Path
import shutil
import sys
import tempfile
import time
from typing import Any

from benchmarks._certificate import write_certificate
from benchmarks._load import Load, LoadResult, run_load
from benchmarks._servers import RunningServer, Server, serving
from benchmarks._verify import wrong_files

_MEMORY_FOLDER = Path("/dev/shm")
_ROOM = 4 << 30
_LINGER = 0.1


class WrongFilesError(Exception):
    """A server did not take all files, or has not stored what it was sent."""


@dataclass
class Run:
    """What was measured in one run."""

    rate: float
    server_cpu: float
    client_cpu: float
    peak_memory: int
    version: str
    result: LoadResult
    threads: dict[str, float] = field(default_factory=dict)
    said: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Place:
    """Where servers keep their files, and the certificate that they all use."""

    memory: Path
    disk: Path
    certificate: Path
    private_key: Path

    @contextmanager
    def serving(self, server: Server) -> Iterator[RunningServer]:
        """Run a server: one that syncs on the disk, any other in memory."""
        place = self.disk if server.sync else self.memory
        with serving(server, place, self.certificate, self.private_key) as running:
            yield running


@contextmanager
def place() -> Iterator[Place]:
    """Make the folders, in memory where there is room, and remove them again.

    Where nobody syncs, the disk would only add its noise.
    """
    disk = Path(tempfile.mkdtemp(prefix="hikvision_nvr-benchmark-"))
    memory = disk
    if (
        _MEMORY_FOLDER.is_dir()
        and os.access(_MEMORY_FOLDER, os.W_OK)
        and shutil.disk_usage(_MEMORY_FOLDER).free > _ROOM
        and os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") > _ROOM
    ):
        memory = Path(
            tempfile.mkdtemp(prefix="hikvision_nvr-benchmark-", dir=_MEMORY_FOLDER)
        )
    try:
        yield Place(memory, disk, *write_certificate(disk))
    finally:
        shutil.rmtree(disk)
        if memory != disk:
            shutil.rmtree(memory)


def load_once(running: RunningServer, load: Load) -> LoadResult:
    """Send a load to a server and check all that it has stored for it.

    Raises WrongFilesError.
    """
    result = run_load(load, running.port, running.server.login)
    wrong = result.errors or wrong_files(
        running.folder,
        [*(sent.name for sent in result.sent), *result.warm_up],
        load.megabytes,
    )
    if wrong or len(result.sent) != load.files:
        raise WrongFilesError(
            f"{running.server.name}: {len(result.sent)} of {load.files} files,"
            f" {len(wrong)} faults, {'; '.join(wrong[:3])}\n{running.process.log()}"
        )
    return result


def measure(server: Server, load: Load, where: Place) -> Run:
    """Start a server, send it a load, check its files and stop it."""
    with where.serving(server) as running:
        before = running.process.cpu_seconds()
        threads = running.process.cpu_by_thread()
        result = load_once(running, load)
        # A process that served one connection may still be ending.
        time.sleep(_LINGER)
        after = running.process.cpu_by_thread()
        run = Run(
            rate=(load.megabytes or len(result.sent)) / result.seconds,
            server_cpu=running.process.cpu_seconds() - before,
            client_cpu=result.cpu_seconds,
            peak_memory=running.process.peak_memory(),
            version=result.version,
            result=result,
            threads={
                name: seconds - threads.get(name, 0) for name, seconds in after.items()
            },
        )
        run.said = running.process.finish()
        return run


def progress(text: str) -> None:
    """Tell a watcher what happens now."""
    print(f"    {text}", file=sys.stderr, flush=True)
