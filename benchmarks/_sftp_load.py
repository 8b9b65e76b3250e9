"""The load by SFTP: OpenSSH's own client, several at once, with files from memory.

A client of C on both sides of the comparison. It reads its commands from us, so that
the clock begins when all have logged in.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
import queue
import resource
import shutil
import subprocess
import tempfile
import time

from benchmarks._accounts import HOST
from benchmarks._servers import RunningServer
from benchmarks._uploads import clip, clip_name, snapshot, snapshot_name

CIPHER = "aes128-gcm@openssh.com"
_TIME_LIMIT = 300


@dataclass(frozen=True, kw_only=True)
class SftpLoad:
    """What is sent, and how. ``cipher`` None leaves the choice to client and server."""

    connections: int
    files: int
    reconnect: bool = False
    megabytes: int | None = None
    cipher: str | None = CIPHER


@dataclass(frozen=True)
class SftpResult:
    """What came of a load."""

    seconds: float
    client_cpu: float
    names: list[str]


@contextmanager
def prepared(load: SftpLoad, memory: Path) -> Iterator[list[Path]]:
    """Write the files that will be sent."""
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=4)
    folder = Path(tempfile.mkdtemp(prefix="files-", dir=memory))
    files = []
    try:
        for number in range(load.files):
            if load.megabytes is not None:
                files.append(folder / clip_name(number, start))
                with files[-1].open("wb") as file:
                    file.writelines(clip(load.megabytes))
                continue
            # As many cameras as connections, each with its own files.
            camera, shot = number % load.connections, number // load.connections
            files.append(folder / snapshot_name(camera, shot, start))
            files[-1].write_bytes(snapshot(files[-1].name))
        yield files
    finally:
        shutil.rmtree(folder)


def run_sftp_load(
    load: SftpLoad, running: RunningServer, key: Path, files: list[Path]
) -> SftpResult:
    """Send a load and wait for the end of it. Raises RuntimeError when one fails."""
    used = _cpu_seconds()
    if load.reconnect:
        seconds = _reconnecting(load, running, key, files)
    else:
        seconds = _keeping(load, running, key, files)
    return SftpResult(seconds, _cpu_seconds() - used, [path.name for path in files])


class _Client:
    """A process of OpenSSH's sftp."""

    def __init__(
        self, load: SftpLoad, running: RunningServer, key: Path, number: int
    ) -> None:
        login = running.server.login
        self._folder = login.folder.format(folder=running.folder)
        self._process = subprocess.Popen(
            [
                "sftp",
                "-q",
                *("-F", "none"),
                *("-b", "-"),
                *("-i", str(key)),
                *("-o", "IdentitiesOnly=yes"),
                *("-o", "StrictHostKeyChecking=no"),
                *("-o", "UserKnownHostsFile=/dev/null"),
                *(("-c", load.cipher) if load.cipher else ()),
                *("-P", str(running.port)),
                f"{login.username.format(number)}@{HOST}",
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def wait_for_login(self) -> None:
        """Let it ask for something, and wait for the answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(b"pwd\n")
        self._process.stdin.flush()
        while line := self._process.stdout.readline():
            if line.startswith(b"Remote working directory"):
                return
        self.finish([])

    def finish(self, files: list[Path]) -> None:
        """Send files and end."""
        commands = "".join(
            f'put "{path}" "{self._folder}/{path.name}"\n' for path in files
        )
        _, errors = self._process.communicate(commands.encode(), timeout=_TIME_LIMIT)
        if self._process.returncode:
            raise RuntimeError(f"a client failed: {errors.decode()[-500:]}")


def _keeping(
    load: SftpLoad, running: RunningServer, key: Path, files: list[Path]
) -> float:
    clients = [
        _Client(load, running, key, number) for number in range(load.connections)
    ]
    for client in clients:
        client.wait_for_login()
    with ThreadPoolExecutor(load.connections) as pool:
        started = time.monotonic()
        work = [
            pool.submit(client.finish, files[number :: load.connections])
            for number, client in enumerate(clients)
        ]
        for one in work:
            one.result()
        return time.monotonic() - started


def _reconnecting(
    load: SftpLoad, running: RunningServer, key: Path, files: list[Path]
) -> float:
    waiting: queue.SimpleQueue[Path] = queue.SimpleQueue()
    for path in files:
        waiting.put(path)

    def work(number: int) -> None:
        while True:
            try:
                path = waiting.get_nowait()
            except queue.Empty:
                return
            _Client(load, running, key, number).finish([path])

    with ThreadPoolExecutor(load.connections) as pool:
        started = time.monotonic()
        for one in [pool.submit(work, number) for number in range(load.connections)]:
            one.result()
        return time.monotonic() - started


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
