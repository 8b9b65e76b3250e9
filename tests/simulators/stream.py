"""Starts a simulated camera's RTSP server as a process of its own."""

from dataclasses import dataclass
import json
import os
from pathlib import Path
import shutil
import subprocess
from urllib.parse import quote

from .clip import FRAMES_PER_SECOND

PROGRAM = Path(__file__).with_name("rtsp_server.py")
SYSTEM_PYTHONS = ("/usr/bin/python3", "/opt/homebrew/bin/python3", "python3")
# The scripts, too, look there first.
CHOSEN_PYTHON = "GSTREAMER_PYTHON"
PROBE = (
    "import gi; gi.require_version('GstRtspServer', '1.0');"
    "from gi.repository import Gst, GstRtspServer; Gst.init(None);"
    "needed = ('appsrc', 'h264parse', 'rtph264pay');"
    "raise SystemExit(not all(map(Gst.ElementFactory.find, needed)))"
)


class StreamError(Exception):
    """The RTSP server did not start; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSettings:
    """Where and to whom a camera shows its picture.

    There are ``channels`` of them from ``channel`` on; ``codec`` is h264 or h265,
    ``audio`` pcmu, pcma, aac or None, ``transport`` any or udp. With ``replays`` it
    plays what it has recorded as well, up to the end that was asked for or, as some firmware does, for ever. Only
    ``sessions`` are open at once, of each kind; None is any number.
    """

    host: str
    port: int
    username: str
    password: str
    channel: int
    channels: int = 1
    clip: Path
    codec: str = "h264"
    audio: str | None = None
    transport: str = "any"
    frames_per_second: int = FRAMES_PER_SECOND
    replays: bool = False
    honours_end: bool = True
    sessions: int | None = None

    @property
    def path(self) -> str:
        """The path of the main stream, as Hikvision cameras have it."""
        return f"/Streaming/Channels/{self.channel}01"

    @property
    def paths(self) -> list[str]:
        """The paths of all channels."""
        channels = range(self.channel, self.channel + self.channels)
        return [f"/Streaming/Channels/{channel}01" for channel in channels]

    @property
    def url(self) -> str:
        """The address with its account; a password may hold any character."""
        return self.urls[0]

    @property
    def urls(self) -> list[str]:
        """The addresses of all channels."""
        account = f"{quote(self.username, safe='')}:{quote(self.password, safe='')}"
        return [
            f"rtsp://{account}@{self.host}:{self.port}{path}" for path in self.paths
        ]


def gstreamer_python() -> str | None:
    """Find a Python that has GStreamer's bindings and the elements we use."""
    chosen = os.environ.get(CHOSEN_PYTHON)
    for name in (chosen,) if chosen else SYSTEM_PYTHONS:
        if python := shutil.which(name):
            found = subprocess.run(
                [python, "-I", "-c", PROBE], capture_output=True, check=False
            )
            if found.returncode == 0:
                return python
    return None


class RtspServer:
    """A running RTSP server. It ends by itself when this process does."""

    def __init__(self, python: str, settings: StreamSettings, log: Path) -> None:
        """Start it and wait until it can be played; its complaints go to the log."""
        with log.open("w") as complaints:
            self._process = subprocess.Popen(
                [python, "-I", str(PROGRAM)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
                text=True,
                # Ctrl-C in the terminal is for the parent, which ends this in order.
                start_new_session=True,
            )
        assert self._process.stdin
        assert self._process.stdout
        wanted = {
            "host": settings.host,
            "port": settings.port,
            "username": settings.username,
            "password": settings.password,
            # The sub streams show the same.
            "paths": [
                *settings.paths,
                *(f"{path[:-2]}02" for path in settings.paths),
            ],
            "tracks": [path.replace("Channels", "tracks") for path in settings.paths]
            if settings.replays
            else [],
            "honours_end": settings.honours_end,
            "sessions": settings.sessions,
            "clip": str(settings.clip),
            "codec": settings.codec,
            "audio": settings.audio,
            "transport": settings.transport,
            "frames_per_second": settings.frames_per_second,
        }
        self._process.stdin.write(json.dumps(wanted) + "\n")
        self._process.stdin.flush()
        if self._process.stdout.readline().strip() != "ready":
            self._process.kill()
            self._process.communicate()
            reason = log.read_text(errors="replace").strip()[-400:]
            raise StreamError(reason or "the RTSP server did not start")

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def stop(self) -> None:
        """End the server; returns when it is gone."""
        try:
            self._process.communicate(timeout=3)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
