"""Starts and ends the demo as a user would."""

from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
import json
import os
from pathlib import Path
import signal
import socket
import subprocess
import threading
import time
from typing import Any

ROOT = Path(__file__).parents[2]
START_SECONDS = 180
STOP_SECONDS = 10
PYTHON = os.environ.get("HIKVISION_NVR_DEMO_PYTHON")
"""The Python of another Home Assistant to run the demo with: that of the tests' own
environment is a release older than the demo's."""


def _afternoon() -> str:
    """Name a time zone in which no day begins or ends for hours.

    The signs of these names are those of POSIX: what is east of Greenwich is negative.
    """
    return f"Etc/GMT{datetime.now(UTC).hour - 13:+d}"


@dataclass(slots=True)
class Demo:
    """A demo that keeps its state in a folder of its own."""

    state: Path
    options: tuple[str | Path, ...] = ()
    time_zone: str = field(default_factory=_afternoon)
    output: list[str] = field(default_factory=list)
    _process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start it and wait until it says that it runs."""
        self.output.clear()
        running = threading.Event()
        program: tuple[str | Path, ...] = (ROOT / "scripts" / "demo",)
        environment = {**os.environ, "TZ": self.time_zone}
        if PYTHON:
            program = (PYTHON, "-m", "demo", ROOT)
            paths = (str(ROOT), str(ROOT / "scripts" / "support"))
            environment["PYTHONPATH"] = os.pathsep.join(paths)
            # The tests' environment has a package of this name that would be found
            # before a folder that is none.
            place = self.state / "config" / "custom_components"
            place.mkdir(parents=True, exist_ok=True)
            (place / "__init__.py").touch()
        self._process = subprocess.Popen(
            [
                *(*program, "--headless", "--quiet"),
                *("--state", self.state, "--http-port", "0", "--ftp-port", "0"),
                *self.options,
            ],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        threading.Thread(target=self._listen, args=(running,), daemon=True).start()
        if not running.wait(START_SECONDS) or "The demo runs.\n" not in self.output:
            self.stop()
            raise AssertionError("the demo did not start:\n" + "".join(self.output))

    def _listen(self, running: threading.Event) -> None:
        """Collect what it says; until the end, or it would stand still."""
        assert self._process is not None
        assert self._process.stdout is not None
        with closing(self._process.stdout) as lines:
            for line in lines:
                self.output.append(line)
                if line.startswith("The demo runs."):
                    running.set()
        running.set()

    def stop(self) -> float:
        """End it by SIGTERM; returns how long that took."""
        assert self._process is not None
        begun = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS * 2)
        finally:
            if self._process.poll() is None:
                self._process.kill()
        return time.monotonic() - begun

    def kill(self) -> None:
        """End it as no program can prevent."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    @property
    def runs(self) -> bool:
        """Tell whether it runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """Return its exit code once it has ended."""
        return None if self._process is None else self._process.poll()

    @property
    def endpoints(self) -> dict[str, Any]:
        """Return the addresses and accounts that it wrote down."""
        content: dict[str, Any] = json.loads(
            (self.state / "endpoints.json").read_text()
        )
        return content

    @property
    def pids(self) -> dict[str, Any]:
        """Return the ids of its processes."""
        content: dict[str, Any] = json.loads((self.state / "pids.json").read_text())
        return content

    @property
    def log(self) -> str:
        """Return Home Assistant's log."""
        return (self.state / "home-assistant.log").read_text(errors="replace")


def answers(host: str, port: int) -> bool:
    """Tell whether anything listens on a port."""
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex((host, port)) == 0
