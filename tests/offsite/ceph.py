"""Ceph's RADOS Gateway from Debian: an S3 service that is used in production."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
import os
from pathlib import Path
import shutil
import socket
import subprocess
import tempfile
import time
import uuid

from .servers import ACCESS_KEY, SECRET_KEY

COLD_CLASS = "GLACIER"
"""A class beside STANDARD, which archives are written to."""

_CONFIGURATION = """
[global]
fsid = {fsid}
mon host = v1:127.0.0.1:{monitor}
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind msgr2 = false
auth cluster required = none
auth service required = none
auth client required = none
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
mon allow pool size one = true
mon max pg per osd = 1000
osd crush chooseleaf type = 0
mon data = {folder}/mon
osd data = {folder}/osd
run dir = {folder}/run
admin socket = {folder}/run/$name.asok
pid file = {folder}/run/$name.pid
log file = {folder}/$name.log
keyring = {folder}/keyring
bluestore block size = 8589934592
bluestore block create = true
osd memory target = 1073741824
[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:{gateway}
rgw data = {folder}/rgw
rgw dns name = 127.0.0.1
"""


def ceph_is_installed() -> bool:
    """Tell whether Debian's packages are there; ``scripts/test --ceph`` brings them."""
    return all(
        shutil.which(program)
        for program in ("ceph-mon", "ceph-osd", "radosgw", "radosgw-admin", "ceph")
    )


@contextmanager
def ceph_server() -> Iterator[str]:
    """Run a cluster of one of each daemon, on loopback; it takes half a minute."""
    # Sockets are in it, whose paths may have 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="ceph-", dir="/tmp"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        for name in ("mon", "osd", "rgw", "run"):
            (folder / name).mkdir()
        (folder / "keyring").touch()
        cluster = _Cluster(stack, folder)
        cluster.start_monitor()
        cluster.start_storage()
        yield cluster.start_gateway()


class _Cluster:
    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self._stack = stack
        self._folder = folder
        self._fsid = str(uuid.uuid4())
        self._monitor, self._gateway = _free_port(), _free_port()
        configuration = folder / "ceph.conf"
        configuration.write_text(
            _CONFIGURATION.format(
                fsid=self._fsid,
                folder=folder,
                monitor=self._monitor,
                gateway=self._gateway,
            )
        )
        self._environment = {**os.environ, "CEPH_CONF": str(configuration)}

    def start_monitor(self) -> None:
        addresses = f"[v1:127.0.0.1:{self._monitor}]"
        plan = str(self._folder / "monmap")
        self._run(
            *("monmaptool", "--create", "--addv", "a", addresses),
            *("--fsid", self._fsid, plan),
        )
        self._run("ceph-mon", "--mkfs", "-i", "a", "--monmap", plan)
        self._serve("ceph-mon", "-f", "-i", "a")
        self._run("ceph", "mon", "stat")

    def start_storage(self) -> None:
        self._run("ceph-osd", "-i", "0", "--mkfs")
        # Without "ceph osd new" the daemon registers itself.
        self._serve("ceph-osd", "-f", "-i", "0")
        self._until("ceph", "osd", "find", "0")
        self._run("ceph", "osd", "crush", "add", "osd.0", "1", "root=default", "host=h")

    def start_gateway(self) -> str:
        """Make a user and a class beside STANDARD, and return the address."""
        self._run(
            *("radosgw-admin", "user", "create", "--uid=t", "--display-name=t"),
            *("--access-key", ACCESS_KEY, "--secret-key", SECRET_KEY),
        )
        placement = ("--placement-id", "default-placement")
        in_class = (*placement, "--storage-class", COLD_CLASS)
        self._run(
            *("radosgw-admin", "zonegroup", "placement", "add"),
            *("--rgw-zonegroup", "default", *in_class),
        )
        self._run(
            *("radosgw-admin", "zone", "placement", "add", "--rgw-zone", "default"),
            *(*in_class, "--data-pool", "default.rgw.buckets.data"),
        )
        gateway = self._serve("radosgw", "-f", "-n", "client.rgw")
        _wait_for(self._gateway, gateway)
        return f"http://127.0.0.1:{self._gateway}"

    def _run(self, *command: str) -> None:
        subprocess.run(
            command,
            env=self._environment,
            check=True,
            capture_output=True,
            timeout=180,
        )

    def _until(self, *command: str) -> None:
        end = time.monotonic() + 60
        while True:
            try:
                self._run(*command)
            except subprocess.CalledProcessError:
                assert time.monotonic() < end, f"{command} does not succeed"
                time.sleep(0.2)
            else:
                return

    def _serve(self, *command: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            command,
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._stack.callback(_end, process)
        return process


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 120
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            assert process.poll() is None, "the gateway ended"
            assert time.monotonic() < end, "the gateway does not listen"
            time.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
