"""A real Home Assistant with our recorder and its cameras, to be harmed from outside."""

from collections.abc import Callable, Mapping
from contextlib import suppress
import os
from pathlib import Path
import signal
import subprocess
import sys
import time
from typing import Any

import requests

from benchmarks._certificate import write_certificate
from tests.e2e.home_assistant import HomeAssistant
from tests.offsite.servers import SECRET_KEY
from tests.simulators.camera import UploadAccount

from .cameras import BY_SFTP, CAMERAS, camera_password
from .clock import Clock
from .configuration import (
    ENTRY_ID,
    HOST,
    ROOT,
    RTSP_PASSWORD,
    free_ports,
    write_configuration,
)
from .disk import Disk
from .stacks import stacks

_CHILD = ROOT / "scripts" / "support" / "demo" / "child.py"
_ALREADY_A_DAY_OLD = -2 * 86_400
_START_SECONDS = 120
_PASSWORD = "owner-secret-55"
_ONE_ARENA = {"MALLOC_ARENA_MAX": "1"}
"""The GNU C library gives each new thread one of up to eight heaps for each core, and
keeps what is freed there: a new engine's threads looked like a leak of 40 MiB."""


class Recorder:
    """Home Assistant as a process that can be killed, and its API."""

    def __init__(
        self,
        folder: Path,
        disk: Disk,
        clock: Clock,
        s3_url: str,
        streams: list[str],
    ) -> None:
        """Write the configuration: what the owner's dialogs would have stored.

        ``streams`` are the addresses of those cameras that are recorded.
        """
        self.config = folder / "config"
        self.log_file = folder / "home-assistant.log"
        self.certificates = folder / "certificates"
        self.storage = disk.content / "recorder"
        self.process: subprocess.Popen[bytes] | None = None
        self.starts = 0
        self._clock, self._disk = clock, disk
        self._ports = free_ports()
        self._token = ""
        self.certificates.mkdir()
        write_certificate(self.certificates)
        write_configuration(
            self.config,
            self._ports,
            certificates=self.certificates,
            disk=disk.path,
            s3_url=s3_url,
            streams=streams,
        )

    # Its life

    def start(self) -> None:
        """Start it, without waiting for it."""
        python = ROOT / ".venv" / "run" / "bin" / "python"
        if not python.exists():
            python = Path(sys.executable)
        # Nothing outlives a test that is killed itself.
        child = (str(python), "-I", str(_CHILD), str(os.getpid()))
        command = (*child, str(python), "-m", "homeassistant", "-c", str(self.config))
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [*self._disk.prefix, *command, "--skip-pip"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **_ONE_ARENA, **self._clock.environment},
                start_new_session=True,
            )
        self.starts += 1

    def set_up(self) -> None:
        """Start it for the first time, make its owner, and learn a token.

        Its clock is two days behind meanwhile: a token is not valid before it was
        made, which later steps of the clock must not reach back to.
        """
        self._clock.set_ahead(_ALREADY_A_DAY_OLD)
        self.start()
        self._wait("answer", self._answers)
        client = f"{self.url}/"
        made = _post(
            f"{self.url}/api/onboarding/users",
            {
                "client_id": client,
                "name": "Owner",
                "username": "owner",
                "password": _PASSWORD,
                "language": "en",
            },
        )
        tokens = requests.post(
            f"{self.url}/auth/token",
            data={
                "grant_type": "authorization_code",
                "code": made["auth_code"],
                "client_id": client,
            },
            timeout=30,
        ).json()
        self._token = tokens["access_token"]
        self._token = self.api.command(
            "auth/long_lived_access_token", client_name="chaos", lifespan=3650
        )
        self._clock.set_ahead(0)
        self._wait("save its users", lambda: "chaos" in self._saved("auth"))
        self.wait_until_ready()

    def kill(self) -> None:
        """End it as a power cut would, but for what the kernel has."""
        assert self.process is not None
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """End it as its owner would; returns the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(60)
        finally:
            if self.process.poll() is None:
                self.kill()

    def freeze(self) -> None:
        """Let it do nothing."""
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGCONT)

    def wait_until_ready(self) -> None:
        """Wait until Home Assistant runs and the recorder takes files."""
        self._wait("run", self._runs)
        self._wait("load the recorder", self._is_loaded)

    def wait_until_refused(self) -> None:
        """Wait until Home Assistant runs and says that the recorder cannot."""
        self._wait("run", self._runs)
        self._wait("refuse the recorder", lambda: self._state() == "setup_retry")

    # What it is asked

    @property
    def url(self) -> str:
        """Home Assistant's address."""
        return f"http://{HOST}:{self._ports.http}"

    @property
    def api(self) -> HomeAssistant:
        """Its API, as its owner."""
        return HomeAssistant(self.url, self._token)

    @property
    def catalogue(self) -> Path:
        """The recorder's database."""
        return self.config / ".storage/hikvision_nvr" / ENTRY_ID / "catalogue.sqlite"

    @property
    def ftps_port(self) -> int:
        """Where cameras deliver by FTPS."""
        return self._ports.ftps

    def account(self, number: int) -> UploadAccount:
        """Return where a camera uploads to, and as whom."""
        return UploadAccount(
            host=HOST,
            port=self._ports.sftp if number in BY_SFTP else self._ports.ftps,
            username=f"camera{number}",
            password=camera_password(number),
        )

    def secrets(self) -> list[str]:
        """Return all that nobody may read in a log."""
        return [
            SECRET_KEY,
            RTSP_PASSWORD,
            "Rtsp%3Asecret%401%2F%23",
            _PASSWORD,
            self._token,
            *map(camera_password, range(CAMERAS)),
        ]

    def reload(self) -> None:
        """Reload the recorder."""
        self._request("POST", f"/api/config/config_entries/entry/{ENTRY_ID}/reload")

    def reconfigure(self, turn: int) -> None:
        """Change the ports of data connections by the owner's dialog."""
        path = "/api/config/config_entries/flow"
        step = self._request(
            "POST", path, {"handler": "hikvision_nvr", "entry_id": ENTRY_ID}
        )
        answers = {"passive_ports": self._ports.passive[turn % 2]}
        choices = {"offsite": "s3"}
        while step["type"] in ("form", "menu"):
            assert not step.get("errors"), step
            reply: Any = (
                {"next_step_id": choices[step["step_id"]]}
                if step["type"] == "menu"
                else _filled_in(step["data_schema"], answers)
            )
            step = self._request("POST", f"{path}/{step['flow_id']}", reply)
        assert step["reason"] == "reconfigure_successful", step

    def press(self, button: str) -> None:
        """Press one of the recorder's buttons."""
        wanted = f"{ENTRY_ID}_{button}"
        (entity_id,) = (
            one["entity_id"]
            for one in self.api.entities()
            if one["unique_id"] == wanted
        )
        self.api.command(
            "call_service",
            domain="button",
            service="press",
            target={"entity_id": entity_id},
        )

    def memory(self) -> int:
        """Return the resident bytes of the process."""
        return _status(self._pid, "VmRSS") * 1024

    def threads(self) -> list[str]:
        """Return the names of the recorder's own threads, cut to 15 letters."""
        names = []
        for task in Path(f"/proc/{self._pid}/task").iterdir():
            with suppress(OSError):
                names.append((task / "comm").read_text().strip())
        return sorted(name for name in names if name.startswith("hikvision_nvr"))

    def all_threads(self) -> int:
        """Return how many threads the process has."""
        return _status(self._pid, "Threads")

    @property
    def _pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def _answers(self) -> bool:
        with suppress(requests.RequestException):
            return requests.get(f"{self.url}/manifest.json", timeout=2).ok
        return False

    def _runs(self) -> bool:
        with suppress(requests.RequestException):
            return self.api.runs()
        return False

    def _is_loaded(self) -> bool:
        state = self._state()
        if state == "setup_retry":
            # The next try would come by itself, but later the more there were.
            self.reload()
        return state == "loaded"

    def _state(self) -> str:
        (entry,) = self.api.command("config_entries/get", domain="hikvision_nvr")
        state: str = entry["state"]
        return state

    def _wait(self, what: str, check: Callable[[], bool]) -> None:
        end = time.monotonic() + _START_SECONDS
        while not check():
            assert self.process is not None
            code = self.process.poll()
            late = time.monotonic() > end
            assert code is None and not late, (
                f"Home Assistant did not {what}: exit code {code}\n"
                + self.log_file.read_text(errors="replace")[-3000:]
            )
            time.sleep(0.1)

    def _saved(self, key: str) -> str:
        with suppress(FileNotFoundError):
            return (self.config / ".storage" / key).read_text()
        return ""

    def _request(self, method: str, path: str, data: Any = None) -> Any:
        try:
            answer = requests.request(
                method,
                f"{self.url}{path}",
                json=data,
                headers={"Authorization": f"Bearer {self._token}"},
                timeout=60,
            )
        except requests.ReadTimeout:
            where = stacks(self._pid, self.config.parent)
            raise AssertionError(f"{path} is not answered:\n{where}") from None
        assert answer.ok, f"{path}: {answer.status_code} {answer.text[:500]}"
        return answer.json()


def _filled_in(fields: list[Any], answers: Mapping[str, Any]) -> dict[str, Any]:
    """Answer a form: what is given, and for the rest what it suggests."""
    reply = {}
    for field in fields:
        name = field["name"]
        suggested = (field.get("description") or {}).get("suggested_value")
        if field.get("type") == "expandable":
            reply[name] = _filled_in(field["schema"], answers)
        elif name in answers:
            reply[name] = answers[name]
        elif suggested is not None:
            reply[name] = suggested
        elif "default" in field:
            reply[name] = field["default"]
    return reply


def _post(url: str, data: Any) -> Any:
    answer = requests.post(url, json=data, timeout=60)
    assert answer.ok, answer.text
    return answer.json()


def _status(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise LookupError(name)
