"""S3 servers as processes of their own, so that no thread of theirs is in a test."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
import socket
import subprocess
import sys
import time

ACCESS_KEY = "AKIAOFFSITE"
SECRET_KEY = "offsite-secret-key"


@contextmanager
def moto_server() -> Iterator[str]:
    """Run moto: everything of the AWS S3 API, but no signatures checked."""
    script = Path(sys.executable).with_name("moto_server")
    port = _free_port()
    with _running([str(script), "-H", "127.0.0.1", "-p", str(port)], port):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def rclone_server(folder: Path) -> Iterator[str]:
    """Run rclone: signatures and MD5 are checked, If-None-Match is ignored."""
    script = Path(sys.executable).with_name("rclone")
    port = _free_port()
    command = [
        str(script),
        "serve",
        "s3",
        "--auth-key",
        f"{ACCESS_KEY},{SECRET_KEY}",
        "--addr",
        f"127.0.0.1:{port}",
        str(folder),
    ]
    with _running(command, port):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def _running(command: list[str], port: int) -> Iterator[None]:
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            _wait_for(port, process)
            yield
        finally:
            process.terminate()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 90
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            assert process.poll() is None, f"{process.args!r} ended"
            assert time.monotonic() < end, f"{process.args!r} does not listen"
            time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
