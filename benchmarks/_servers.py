"""The servers that are compared, each started in an empty folder of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
import os
from pathlib import Path
import shutil
import tempfile

from benchmarks._accounts import Login
from benchmarks._process import ServerProcess, python_command
from benchmarks._serve_arguments import ServeArguments

_PASSIVE_PORTS = (20000, 20999)
"""Below the ports that Linux gives to clients, so that none is taken by chance."""

CAMERAS = 50


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server program and how to log in to it."""

    name: str
    command: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)
    login: Login = field(default_factory=Login)
    sync: bool = False
    cores: tuple[int, ...] = ()


@dataclass(frozen=True)
class RunningServer:
    """A server that has said that it is ready."""

    server: Server
    process: ServerProcess
    port: int
    folder: Path


OURS = Server(name="ours", command=tuple(python_command("_serve_ours")))
OURS_WITH_SYNC = Server(
    name="ours, fsync", command=tuple(python_command("_serve_ours")), sync=True
)
HOME_ASSISTANT = Server(
    name="Home Assistant",
    command=tuple(python_command("_serve_home_assistant")),
    sync=True,
)


def find_pyftpdlib() -> Server | None:
    """Return the peer that receiver.sh has installed, or None."""
    folder = os.environ.get("BENCH_PYFTPDLIB")
    if not folder:
        return None
    path = os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), folder)))
    return Server(
        name="pyftpdlib",
        command=tuple(python_command("_serve_pyftpdlib")),
        environment={"PYTHONPATH": path},
    )


def find_vsftpd() -> Server | None:
    """Return the peer that receiver.sh has fetched, or None."""
    binary = os.environ.get("BENCH_VSFTPD")
    if not binary:
        return None
    return Server(
        name="vsftpd",
        command=tuple(python_command("_serve_vsftpd", binary)),
        environment={"LD_LIBRARY_PATH": os.environ["BENCH_VSFTPD_LIBRARIES"]},
        login=Login("anonymous", folder="uploads/"),
    )


@contextmanager
def serving(
    server: Server, place: Path, certificate: Path, private_key: Path
) -> Iterator[RunningServer]:
    """Run a server in a new folder below ``place``; both are gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="server-", dir=place))
    data = folder / "data"
    data.mkdir()
    arguments = ServeArguments(
        folder=data,
        certificate=certificate,
        private_key=private_key,
        passive_ports=_PASSIVE_PORTS,
        cameras=CAMERAS,
        sync=server.sync,
    )
    try:
        with ServerProcess(
            [*server.command, *arguments.command()],
            folder / "log",
            server.environment,
            server.cores,
        ) as process:
            yield RunningServer(server, process, process.ready()["port"], data)
    finally:
        shutil.rmtree(folder)
