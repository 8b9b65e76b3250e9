"""The load: cameras that upload at once, each in a process of its own.

Run as a program: the load as JSON on standard input, the result as JSON on standard
output. It stops by itself when its files are sent or its time is over.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
import json
import os
from pathlib import Path
import resource
import signal
import ssl
import subprocess
import sys
import tempfile
import time
from typing import Any

from benchmarks._accounts import Login
from benchmarks._ftps import FtpsClient, client_context
from benchmarks._process import ROOT, python_command
from benchmarks._uploads import clip, clip_name, snapshot, snapshot_name

_TOKEN = b"x"
_TIME_LIMIT = 300
"""Seconds after which a load gives up."""


@dataclass(frozen=True, kw_only=True)
class Load:
    """What is sent, and how.

    With ``interval`` each connection sends a file every so many seconds, otherwise as
    fast as the server takes them. With ``megabytes`` it is one clip of that size.
    ``hours`` ago is the time in the first file's name: loads that go to one server
    after another need different ones.
    """

    connections: int
    files: int
    reconnect: bool = False
    interval: float | None = None
    megabytes: int | None = None
    hours: int = 4


@dataclass(frozen=True)
class Sent:
    """A file that was confirmed by the server; times are of the monotonic clock."""

    name: str
    asked: float
    ended: float
    answered: float


@dataclass
class LoadResult:
    """What came of a load."""

    started: float = 0.0
    cpu_seconds: float = 0.0
    version: str = "none"
    warm_up: list[str] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """How long it took, to the last answer."""
        return max((sent.answered for sent in self.sent), default=0.0) - self.started


def run_load(load: Load, port: int, login: Login) -> LoadResult:
    """Send a load from processes of its own and wait for the end of it."""
    request = {"load": asdict(load), "port": port, "login": asdict(login)}
    done = subprocess.run(
        python_command("_load"),
        input=json.dumps(request).encode(),
        stdout=subprocess.PIPE,
        cwd=ROOT,
        check=True,
        timeout=_TIME_LIMIT + 30,
    )
    result = json.loads(done.stdout)
    result["sent"] = [Sent(**sent) for sent in result["sent"]]
    return LoadResult(**result)


class _Camera:
    def __init__(self, request: dict[str, Any], number: int, start: datetime) -> None:
        self._load = Load(**request["load"])
        self._port: int = request["port"]
        self._login = Login(**request["login"])
        self._number = number
        self._start = start
        self._context: ssl.SSLContext = client_context()
        self._client: FtpsClient | None = None
        self._next = 0
        self.result = LoadResult()

    def warm_up(self) -> None:
        """Log in and send one file that does not count."""
        self._send(self.result.warm_up, None)

    def work(self, tokens: int) -> None:
        """Send files while there are tokens to take."""
        turn = 0
        begin = time.monotonic()
        while os.read(tokens, len(_TOKEN)):
            if self._load.interval is not None:
                share = self._number / self._load.connections
                due = begin + (turn + share) * self._load.interval
                time.sleep(max(0.0, due - time.monotonic()))
                turn += 1
            self._send(None, self._load.megabytes)
        if self._client is not None:
            self._client.quit()

    def _send(self, warm_up: list[str] | None, megabytes: int | None) -> None:
        blocks: Iterable[bytes]
        if megabytes is not None:
            name = clip_name(self._number, self._start)
            blocks = clip(megabytes)
        else:
            name = snapshot_name(self._number, self._next, self._start)
            blocks = [snapshot(name)]
            self._next += 1
        asked = time.monotonic()
        client = self._client or FtpsClient(
            self._port,
            self._login.username.format(self._number),
            self._login.password,
            self._context,
        )
        ended = client.store(self._login.folder + name, blocks)
        answered = time.monotonic()
        self.result.version = client.data_version
        if self._load.reconnect:
            client.quit()
        else:
            self._client = client
        if warm_up is None:
            self.result.sent.append(Sent(name, asked, ended, answered))
        else:
            warm_up.append(name)


def _camera_process(
    camera: _Camera, tokens: int, ready: int, go: int, result: Path
) -> None:
    used = 0.0
    try:
        camera.warm_up()
        os.write(ready, _TOKEN)
        os.read(go, 1)
        used = _cpu_seconds()
        camera.work(tokens)
    except Exception as err:  # noqa: BLE001 - the benchmark judges it
        camera.result.errors.append(f"{type(err).__name__}: {err}")
        with suppress(OSError):
            os.write(ready, _TOKEN)
    camera.result.cpu_seconds = _cpu_seconds() - used
    result.write_text(json.dumps(asdict(camera.result)))


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _run(request: dict[str, Any], folder: Path) -> LoadResult:
    load = Load(**request["load"])
    # Long enough ago that the last file's time is not in the future.
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=load.hours)
    # Whoever is free takes the next token, so that none waits for a slow one.
    tokens, give = os.pipe()
    os.write(give, _TOKEN * load.files)
    os.close(give)
    ready, say_ready = os.pipe()
    go, say_go = os.pipe()
    cameras = []
    for number in range(load.connections):
        pid = os.fork()
        if pid == 0:
            signal.alarm(_TIME_LIMIT)
            os.close(say_go)
            camera = _Camera(request, number, start)
            _camera_process(camera, tokens, say_ready, go, folder / str(number))
            os._exit(0)
        cameras.append(pid)
    for _ in cameras:
        os.read(ready, 1)
    total = LoadResult(started=time.monotonic())
    os.close(say_go)
    for pid in cameras:
        os.waitpid(pid, 0)
    for number in range(load.connections):
        try:
            one = json.loads((folder / str(number)).read_text())
        except OSError:
            total.errors.append("a camera ran out of time")
            continue
        total.cpu_seconds += one["cpu_seconds"]
        total.warm_up += one["warm_up"]
        total.sent += [Sent(**sent) for sent in one["sent"]]
        total.errors += one["errors"]
        total.version = one["version"]
    return total


def main() -> None:
    """Read the load, run it, write the result."""
    with tempfile.TemporaryDirectory(prefix="hikvision_nvr-load-") as folder:
        result = _run(json.load(sys.stdin), Path(folder))
    json.dump(asdict(result), sys.stdout)


if __name__ == "__main__":
    main()
