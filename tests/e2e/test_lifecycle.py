"""The demo itself: it ends cleanly, and starts again where it was."""

import os
from pathlib import Path
import subprocess
from urllib.parse import urlsplit

from .bucket import Bucket, until
from .conftest import CameraUnderTest
from .demo import ROOT, STOP_SECONDS, Demo, answers
from .home_assistant import HomeAssistant


def _descendants(pid: int) -> set[int]:
    """Return the ids of a process and of all that it started."""
    table = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True
    )
    lines = (line.split() for line in table.stdout.splitlines())
    parents = {int(child): int(parent) for child, parent in lines}
    found = {pid}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _ports(demo: Demo) -> set[tuple[str, int]]:
    """Return all that the demo listens on."""
    found = demo.endpoints
    urls = [found["ha"]["url"], found["s3"]["endpoint_url"], *found["rtsp"]]
    parts = [urlsplit(url) for url in urls]
    ports = {(part.hostname or "", part.port or 0) for part in parts}
    return ports | {(found["ftp"]["host"], found["ftp"]["port"])}


def test_taken_port_is_a_clear_error(demo: Demo, tmp_path: Path) -> None:
    """A port that was asked for is not silently replaced."""
    port = str(demo.endpoints["ftp"]["port"])
    refused = subprocess.run(
        [
            *(ROOT / "scripts" / "demo", "--headless", "--state", tmp_path),
            *("--ftp-port", port),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode != 0
    assert f"Port {port} for the receiver is taken" in refused.stderr


def test_second_demo_in_the_same_folder_is_refused(demo: Demo) -> None:
    """Two demos would spoil each other's state."""
    refused = subprocess.run(
        [ROOT / "scripts" / "demo", "--headless", "--state", demo.state],
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode != 0
    assert "runs in" in refused.stderr


def test_end_and_second_start(
    demo: Demo,
    home_assistant: HomeAssistant,
    bucket: Bucket,
    front_door: CameraUnderTest,
) -> None:
    """SIGTERM leaves no process and no open port; the next start knows everything."""
    ports = _ports(demo)
    processes = _descendants(demo.pids["demo"])
    assert len(processes) >= 2
    assert all(answers(*port) for port in ports)
    before = {entity["entity_id"] for entity in home_assistant.entities()}

    assert demo.stop() < STOP_SECONDS
    assert demo.exit_code == 0
    assert [pid for pid in processes if _exists(pid)] == []
    assert [port for port in ports if answers(*port)] == []

    demo.start()
    found = demo.endpoints["ha"]
    again = HomeAssistant(found["url"], found["token"])
    assert {entity["entity_id"] for entity in again.entities()} == before
    picture = front_door.uploader.picture()
    with again.listen() as events:
        front_door.uploader.by_ftplib(picture)
        assert events.detection_of(picture.name)["camera"] == "Front door"
    assert bucket.wait_for(picture.key("Front door")) == picture.sha256

    # Even when the demo cannot clean up, nothing outlives it.
    processes, ports = _descendants(demo.pids["demo"]), _ports(demo)
    demo.kill()
    until(
        "the end of all processes",
        lambda: not any(_exists(pid) for pid in processes),
        STOP_SECONDS,
    )
    assert [port for port in ports if answers(*port)] == []
