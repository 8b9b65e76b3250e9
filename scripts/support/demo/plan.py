"""Everything that is decided before anything starts: names, accounts, ports."""

from dataclasses import asdict, dataclass, field
import json
from pathlib import Path
from typing import Any

from . import ports
from .options import Options

USERNAME = PASSWORD = "demo"
BUCKET = "demo-recordings"
REGION = "us-east-1"
ACCESS_KEY_ID, SECRET_ACCESS_KEY = "demo-access-key", "demo-secret-key"


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraPlan:
    """One simulated camera. ``address`` is what it writes into file names."""

    name: str
    view: str
    address: str
    serial: str
    mac: str
    http_port: int
    rtsp_port: int
    rtsp_username: str
    # Awkward on purpose: each of these characters means something in a URL.
    rtsp_password: str
    channel: int = 1
    recording: str = "continuous"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The demo's decisions. They are the same at the next start, if ports allow."""

    http_port: int
    ftp_port: int
    passive_ports: str
    s3_port: int
    cameras: tuple[CameraPlan, ...]

    @property
    def url(self) -> str:
        """Home Assistant's address."""
        return f"http://{ports.HOST}:{self.http_port}"

    @property
    def integration(self) -> dict[str, Any]:
        """What the integration was set up with; when it changes, so must that."""
        decided: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        del decided["http_port"]
        return decided


@dataclass(slots=True)
class Layout:
    """The files of a state folder."""

    state: Path
    config: Path = field(init=False)
    media: Path = field(init=False)
    log: Path = field(init=False)
    endpoints: Path = field(init=False)
    pids: Path = field(init=False)
    clips: Path = field(init=False)
    plan: Path = field(init=False)
    lock: Path = field(init=False)

    def __post_init__(self) -> None:
        """Name them and make the folders."""
        self.config = self.state / "config"
        self.log = self.state / "home-assistant.log"
        self.endpoints = self.state / "endpoints.json"
        self.pids = self.state / "pids.json"
        self.clips = self.state / "clips"
        self.plan = self.state / "plan.json"
        self.lock = self.state / "lock"
        self.media = self.config / "media"
        self.media.mkdir(parents=True, exist_ok=True)
        self.clips.mkdir(exist_ok=True)


def make_plan(options: Options, layout: Layout) -> Plan:
    """Decide, keeping to what was decided at the last start where that is possible."""
    last: dict[str, Any] = {}
    if layout.plan.exists():
        last = json.loads(layout.plan.read_text())
    rtsp_ports = [camera["rtsp_port"] for camera in last.get("cameras", [])]
    rtsp_ports = [
        ports.choose("a camera", None, port) for port in rtsp_ports or (None, None)
    ]
    http_ports = [camera.get("http_port") for camera in last.get("cameras", [])]
    http_ports = [
        ports.choose("a camera", None, port) for port in http_ports or (None, None)
    ]
    # Demos that run side by side find each other's cameras: they must differ.
    numbers = [f"{port:05}" for port in http_ports]
    plan = Plan(
        http_port=ports.choose(
            "Home Assistant", options.http_port, last.get("http_port"), 8123
        ),
        ftp_port=ports.choose(
            "the receiver", options.ftp_port, last.get("ftp_port"), 2121
        ),
        passive_ports=ports.passive_range(last.get("passive_ports")),
        s3_port=ports.choose("the S3 service", None, last.get("s3_port")),
        cameras=(
            CameraPlan(
                name="Front door",
                view="front_door",
                address="192.0.2.64",
                serial=f"DS-2TD2117-6DEMO{numbers[0]}",
                mac=f"bc:ad:28:00:{numbers[0][1:3]}:{numbers[0][3:]}",
                http_port=http_ports[0],
                rtsp_port=rtsp_ports[0],
                rtsp_username="admin",
                rtsp_password="Pa:ss@1/#",
            ),
            CameraPlan(
                name="Driveway",
                view="driveway",
                address="192.0.2.65",
                serial=f"DS-2TD2117-6DEMO{numbers[1]}",
                mac=f"bc:ad:28:01:{numbers[1][1:3]}:{numbers[1][3:]}",
                http_port=http_ports[1],
                rtsp_port=rtsp_ports[1],
                rtsp_username="admin",
                rtsp_password="plain-password",
                recording="detections",
            ),
        ),
    )
    layout.plan.write_text(json.dumps(asdict(plan), indent=2))
    return plan
