"""Home Assistant as a process that is watched, restarted when it dies, and ended."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
import os
from pathlib import Path
import signal
import sys
import time

from .failure import DemoError
from .progress import warn

CHILD = Path(__file__).with_name("child.py")
STOP_SECONDS = 7
# Dying sooner than this after a start, again and again, is not worth a restart.
SETTLED_SECONDS = 30
RESTARTS_IN_A_ROW = 5
WANTS_RESTART = 100


class HomeAssistantProcess:
    """The running Home Assistant."""

    def __init__(
        self, config: Path, log: Path, on_start: Callable[[int], None]
    ) -> None:
        """Prepare; ``on_start`` hears the process id of every start."""
        self._config = config
        self._log = log
        self._on_start = on_start
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = False
        self.pid: int | None = None

    async def start(self) -> None:
        """Start it, without waiting until it answers."""
        hass = Path(sys.executable).with_name("hass")
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", str(CHILD), str(os.getpid())),
                *(str(hass), "-c", str(self._config), "--skip-pip"),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C in the terminal is for the demo, which ends this in order.
                start_new_session=True,
            )
        self.pid = self._process.pid
        self._on_start(self.pid)

    async def watch(self) -> None:
        """Start it again whenever it ends by itself; raise when that is hopeless."""
        in_a_row = 0
        while True:
            assert self._process is not None
            begun = time.monotonic()
            code = await self._process.wait()
            if self._stopping:
                return
            self._end_group()
            in_a_row = 0 if time.monotonic() - begun > SETTLED_SECONDS else in_a_row + 1
            if in_a_row > RESTARTS_IN_A_ROW:
                raise DemoError(
                    f"Home Assistant ended {in_a_row} times in a row, the last time "
                    f"with code {code}.\n{self.last_words()}"
                )
            if code != WANTS_RESTART:
                warn(f"Home Assistant ended with code {code}; starting it again")
            await self.start()

    async def ended(self) -> int:
        """Wait until the process that runs now has ended."""
        assert self._process is not None
        return await self._process.wait()

    @property
    def is_in_recovery(self) -> bool:
        """Tell whether it gave up and runs without what matters to the demo."""
        return "Activating recovery mode" in self._log.read_text(errors="replace")

    def last_words(self, lines: int = 25) -> str:
        """Return the end of its log."""
        tail = self._log.read_text(errors="replace").splitlines()[-lines:]
        return "\n".join([f"The last lines of {self._log}:", *tail])

    async def stop(self) -> None:
        """End it and whatever it started; returns when all of it is gone."""
        self._stopping = True
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            warn(f"Home Assistant did not end within {STOP_SECONDS} s; killing it")
        self._end_group()
        await process.wait()

    def _end_group(self) -> None:
        """Kill what is left of its process group, which nobody else belongs to."""
        if self.pid is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
