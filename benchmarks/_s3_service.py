"""A local S3 service for the benchmarks: rclone, with its files in memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
import socket
import subprocess
import sys
import time

ACCESS_KEY = "AKIABENCHMARK"
SECRET_KEY = "benchmark-secret-key"
REGION = "us-east-1"
BUCKET = "evidence"
RCLONE = Path(sys.executable).with_name("rclone")
_START_SECONDS = 30


@dataclass(frozen=True)
class S3Service:
    """A running service that keeps each object as a file below ``folder``."""

    url: str
    folder: Path

    def objects(self) -> dict[str, str]:
        """Return the SHA-256 of every object by its key, without reserved ones."""
        root = self.folder / BUCKET
        found = {}
        for path in root.rglob("*"):
            key = path.relative_to(root).as_posix()
            if path.is_file() and not key.startswith("_hikvision_nvr/"):
                with path.open("rb") as file:
                    found[key] = file_digest(file, "sha256").hexdigest()
        return found


@contextmanager
def s3_service(folder: Path) -> Iterator[S3Service]:
    """Run rclone's S3 server with one empty bucket, in an empty folder.

    It checks signatures and MD5, and it has no conditional writes.
    """
    (folder / BUCKET).mkdir(parents=True)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [
        str(RCLONE),
        "serve",
        "s3",
        "--auth-key",
        f"{ACCESS_KEY},{SECRET_KEY}",
        "--addr",
        f"127.0.0.1:{port}",
        str(folder),
    ]
    with subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            _wait_for(port, process)
            yield S3Service(f"http://127.0.0.1:{port}", folder)
        finally:
            process.terminate()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < end:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("rclone's S3 server does not listen")
