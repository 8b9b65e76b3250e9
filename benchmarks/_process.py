"""Server processes: started, watched from outside, and ended by their own id."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
import json
import os
from pathlib import Path
import signal
import subprocess
import sys
import threading
from typing import Any, Self

ROOT = Path(__file__).resolve().parent.parent
_STOP_TIMEOUT = 30.0
_SAMPLE_INTERVAL = 0.25
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class ServerProcess:
    """A program that serves until its standard input ends.

    It says in one JSON line on standard output that it is ready; what it writes after
    its input has ended is its result.
    """

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        environment: Mapping[str, str] | None = None,
        cores: Iterable[int] = (),
    ) -> None:
        """Start the program; its standard error goes to ``log``.

        With ``cores`` it runs on these processor cores only, with all its children.
        """
        self._log = log
        self._peak_sum = 0
        self._watching = threading.Event()
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=ROOT,
                env={**os.environ, **(environment or {})},
                # Ctrl-C is for the benchmark, which then ends its servers in order.
                start_new_session=True,
            )
        if cores:
            os.sched_setaffinity(self.pid, cores)
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    def __enter__(self) -> Self:
        """Use the process until the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process whatever happened."""
        self.kill()

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    def ready(self) -> dict[str, Any]:
        """Return what the program said when it was ready.

        Raises RuntimeError, with what it wrote to its log, when it ended before.
        """
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            raise RuntimeError(f"the server did not start:\n{self.log()}")
        said: dict[str, Any] = json.loads(line)
        return said

    def running(self) -> bool:
        """Tell whether the process still runs."""
        return self._process.poll() is None

    def finish(self) -> dict[str, Any]:
        """End the program's input and return its result, empty if it has none."""
        try:
            output, _ = self._process.communicate(timeout=_STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.kill()
            raise RuntimeError(f"the server did not stop:\n{self.log()}") from None
        result: dict[str, Any] = json.loads(output) if output.strip() else {}
        return result

    def kill(self) -> None:
        """End the process and its children."""
        self._watching.set()
        children = _descendants(self.pid)[1:] if self.running() else []
        for pid in (self.pid, *children) if self.running() else ():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
        self._watcher.join()

    def log(self) -> str:
        """Return the end of what the program wrote to standard error."""
        return self._log.read_text(errors="replace")[-4000:]

    def cpu_seconds(self) -> float:
        """Return the processor time of the program and of the children it had."""
        total = 0.0
        for pid in _descendants(self.pid):
            with suppress(OSError):
                fields = _stat(pid)
                # Those of its children count once they have ended.
                total += sum(int(field) for field in fields[11:15]) / _TICKS
        return total

    def cpu_by_thread(self) -> dict[str, float]:
        """Return the processor time of the program's own threads, by their names."""
        seconds: dict[str, float] = defaultdict(float)
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            with suppress(OSError):
                name = (task / "comm").read_text().strip()
                user, system = _stat(self.pid, f"task/{task.name}/")[11:13]
                seconds[name] += (int(user) + int(system)) / _TICKS
        return seconds

    def peak_memory(self) -> int:
        """Return the greatest resident size so far, in bytes.

        Of a program with children it is the sum over all, seen in samples: pages that
        they share count once for each.
        """
        own = 0
        with suppress(OSError):
            for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    own = int(line.split()[1]) * 1024
        return max(own, self._peak_sum)

    def _watch(self) -> None:
        while not self._watching.wait(_SAMPLE_INTERVAL):
            pids = _descendants(self.pid)
            if len(pids) > 1:
                self._peak_sum = max(self._peak_sum, sum(map(_resident, pids)))


def python_command(script: str, *arguments: str) -> list[str]:
    """Return the command that runs a program of this folder."""
    return [sys.executable, "-m", f"benchmarks.{script}", *arguments]


def _stat(pid: int, task: str = "") -> list[str]:
    # The name in parentheses may hold anything, so what counts comes after it.
    return Path(f"/proc/{pid}/{task}stat").read_text().rpartition(")")[2].split()


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except OSError:
        return 0


def _descendants(pid: int) -> list[int]:
    found = [pid]
    for one in found:
        with suppress(OSError):
            children = Path(f"/proc/{one}/task/{one}/children").read_text()
            found.extend(map(int, children.split()))
    return found
