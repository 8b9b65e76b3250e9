"""A receiver in a process of its own, and what must be true of its folder."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
import hashlib
import os
from pathlib import Path
import queue
import re
import signal
import sqlite3
import subprocess
import sys
import threading

from .conftest import HOST, PASSWORD, USERNAME

ROOT = Path(__file__).parents[2]
FULL = bool(os.environ.get("HIKVISION_NVR_FULL"))
"""Set it to something for the long form of the tests that have one."""

_MODULE = ("-m", "custom_components.hikvision_nvr.receiver")
_WITHOUT_HOME_ASSISTANT = (
    "-c",
    """
import runpy, sys, types
name = "custom_components.hikvision_nvr"
package = types.ModuleType(name)
package.__path__ = [sys.argv.pop(1)]
sys.modules[name] = package
runpy.run_module(f"{name}.receiver", run_name="__main__", alter_sys=True)
""",
    str(ROOT / "custom_components" / "hikvision_nvr"),
)
"""The same, but quick to start: the integration's own package imports Home Assistant,
of which the receiver needs nothing."""


@dataclass
class ReceiverProcess:
    """A receiver that runs."""

    process: subprocess.Popen[str]
    port: int
    sftp_port: int
    """0 without SFTP."""
    said: list[str] = field(default_factory=list)
    """Its lines on stderr."""

    @property
    def resident(self) -> int:
        """The memory it has now, in bytes (VmRSS)."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) * 1024

    def kill(self) -> None:
        """End it as a power cut would, but for what the kernel has."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """End it as its owner would and return the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)


@contextmanager
def receiver_process(
    folder: Path, *options: str, as_module: bool = False, prefix: tuple[str, ...] = ()
) -> Iterator[ReceiverProcess]:
    """Run a receiver on this folder; it is killed at the end if it still runs."""
    cwd = folder.with_name(f"{folder.name}-cwd")
    cwd.mkdir(exist_ok=True)
    process = subprocess.Popen(
        [
            *prefix,
            sys.executable,
            *(_MODULE if as_module else _WITHOUT_HOME_ASSISTANT),
            *(str(folder), "--account", f"{USERNAME}:{PASSWORD}"),
            *("--host", HOST, "--port", "0", "--passive-ports", "0", *options),
        ],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    ports: queue.SimpleQueue[tuple[int, int] | None] = queue.SimpleQueue()
    said: list[str] = []

    def read_output() -> None:
        assert process.stdout is not None
        sftp_port = 0
        for line in process.stdout:
            if line.startswith("SFTP listening"):
                sftp_port = int(line.rsplit(" ", 1)[1])
                if "--no-ftps" in options:
                    ports.put((0, sftp_port))
            elif line.startswith("listening"):
                ports.put((int(line.rsplit(" ", 1)[1]), sftp_port))
        ports.put(None)

    def read_errors() -> None:
        assert process.stderr is not None
        said.extend(process.stderr)

    readers = [
        threading.Thread(target=work, daemon=True)
        for work in (read_output, read_errors)
    ]
    for reader in readers:
        reader.start()
    try:
        found = ports.get(timeout=60)
        if found is None:
            readers[1].join(10)
            raise AssertionError(f"the receiver did not start: {''.join(said)}")
        yield ReceiverProcess(process, *found, said)
    finally:
        process.kill()
        process.wait()
        for reader in readers:
            reader.join(10)
        process.stdout.close()
        process.stderr.close()


@dataclass(frozen=True)
class Kept:
    """What a receiver's folder holds."""

    files: dict[str, str]
    """SHA-256 of each file by its path below the storage root."""
    rows: dict[str, str]
    """The same as the catalogue has it."""
    temporary: list[str]

    @property
    def copies(self) -> Counter[str]:
        """How many files there are of each content."""
        return Counter(self.files.values())

    def check(self) -> None:
        """What must hold when no upload runs."""
        assert self.temporary == []
        assert self.rows == self.files


def kept(root: Path, catalogue: Path) -> Kept:
    """Read a storage root and its catalogue (blocking). Checks that nothing is odd."""
    files, temporary = {}, []
    for path in root.rglob("*"):
        name = str(path.relative_to(root))
        assert not path.is_symlink(), name
        if path.is_dir() or name == ".hikvision_nvr":
            continue
        if name.startswith(".incoming/"):
            temporary.append(name)
            continue
        assert re.fullmatch(r"[^/.][^/]*/\d{4}-\d{2}-\d{2}/[^/]+", name), name
        with path.open("rb") as file:
            files[name] = hashlib.file_digest(file, "sha256").hexdigest()
    connection = sqlite3.connect(f"file:{catalogue}?mode=ro", uri=True)
    try:
        found = connection.execute(
            "SELECT camera || '/' || day || '/' || name, sha256 FROM captures"
        ).fetchall()
    finally:
        connection.close()
    # Two rows of one path would be one key of the dictionary.
    assert len(dict(found)) == len(found)
    return Kept(files, dict(found), temporary)


def kept_by_process(folder: Path) -> Kept:
    """Read what a receiver process has, and check that it wrote nowhere else."""
    assert {path.name for path in folder.iterdir()} == {"media", "state"}
    assert list(folder.with_name(f"{folder.name}-cwd").iterdir()) == []
    return kept(folder / "media", folder / "state" / "catalogue.sqlite")
