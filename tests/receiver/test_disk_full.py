"""A disk that is full says so to the camera, whatever step it hits, and never lies.

As root on Linux the disk is a real one of a few MiB (tmpfs in a mount namespace of its
own). Elsewhere a limit on the size of files (RLIMIT_FSIZE) stands in for it: the
kernel refuses to write then too, but not in all of the steps.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
import ftplib
import io
import os
from pathlib import Path
import random
import shutil
import ssl
import subprocess
import sys
import tempfile

import pytest

from .conftest import client_context, data_socket, login
from .process import ReceiverProcess, kept, receiver_process

SIZE = 6 << 20
"""Of the disk, in bytes."""
NAME = "10.55.48.12_01_2025111912{:02}08101_MOTION_DETECTION.jpg"
REFUSALS = ("426", "451", "452")

_MOUNT = """
set -eu
mount -t tmpfs -o size="$1",mode=0700 tmpfs "$2"
shift 2
exec "$@"
"""


def _can_mount() -> bool:
    if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("unshare") is None:
        return False
    probe = ["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


CAN_MOUNT = _can_mount()


class SmallDisk:
    """A receiver whose folder is on a small disk, seen through its process."""

    def __init__(self, receiver: ReceiverProcess, folder: Path) -> None:
        self.receiver = receiver
        # The mount exists in the process's own view of the file system only.
        self.folder = Path(f"/proc/{receiver.process.pid}/root{folder}")

    @property
    def free(self) -> int:
        disk = os.statvfs(self.folder)
        return disk.f_bavail * disk.f_frsize

    def fill(self, leave: int) -> None:
        """Take the space, but for so many bytes."""
        with (
            suppress(OSError),
            (self.folder / "ballast").open("wb", buffering=0) as ballast,
        ):
            while (wanted := self.free - leave) > 0:
                ballast.write(b"x" * wanted)
        assert self.free <= leave

    def release(self) -> None:
        (self.folder / "ballast").unlink()

    def check(self, acknowledged: dict[str, bytes]) -> None:
        """Check that exactly what was acknowledged is kept, whole."""
        media = self.folder / "media"
        with tempfile.TemporaryDirectory() as copy:
            # SQLite does not open a database by a path of another's view.
            shutil.copytree(self.folder / "state", copy, dirs_exist_ok=True)
            found = kept(media, Path(copy, "catalogue.sqlite"))
        found.check()
        contents = {
            path.rsplit("/", 1)[1]: (media / path).read_bytes() for path in found.files
        }
        assert contents == acknowledged


@contextmanager
def small_disk(folder: Path) -> Iterator[SmallDisk]:
    folder.mkdir()
    mount = ("unshare", "-m", "sh", "-c", _MOUNT, "sh", str(SIZE), str(folder))
    with receiver_process(folder, prefix=mount) as receiver:
        yield SmallDisk(receiver, folder)
        assert receiver.process.poll() is None


def content(size: int, seed: int) -> bytes:
    return random.Random(seed).randbytes(size)


def forget_tls_error() -> None:
    """Clear OpenSSL's queue of errors in this thread.

    A write of its own to a socket that was closed stays in the queue, and the next
    connection that is used would report it.
    """
    engine = client_context().wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO())
    with suppress(OSError):
        engine.do_handshake()


def stored(client: ftplib.FTP_TLS, name: str, data: bytes) -> str:
    """Deliver a file and return the code of the last reply."""
    try:
        return client.storbinary(f"STOR {name}", io.BytesIO(data))[:3]
    except ftplib.error_temp as err:
        return str(err)[:3]
    except OSError:
        # The receiver ends a transfer that it cannot keep, also before its end.
        forget_tls_error()
        with pytest.raises(ftplib.error_temp) as caught:
            client.voidresp()
        return str(caught.value)[:3]


pytestmark = pytest.mark.slow

needs_disk = pytest.mark.skipif(
    not CAN_MOUNT, reason="only root can mount; the test with a limit runs instead"
)


@needs_disk
@pytest.mark.parametrize("leave", [0, 4096, 65536, 300_000])
@pytest.mark.parametrize("size", [20_000, 200_000, 3_000_000])
def test_full_before_the_upload(tmp_path: Path, leave: int, size: int) -> None:
    """Nothing left at all, too little for the file, too little for the catalogue."""
    with small_disk(tmp_path / "disk") as disk:
        acknowledged = {}
        client = login(disk.receiver.port)
        first = content(1000, 0)
        client.storbinary(f"STOR {NAME.format(0)}", io.BytesIO(first))
        acknowledged[NAME.format(0)] = first
        disk.fill(leave)
        refusals = 0
        # With a little space some are taken, until one is not.
        for number in range(1, 30):
            data = content(size, number)
            reply = stored(client, NAME.format(number), data)
            if reply == "226":
                acknowledged[NAME.format(number)] = data
                continue
            assert reply in REFUSALS
            refusals += 1
            if refusals == 3:
                break
        assert refusals == 3
        assert client.sendcmd("NOOP").startswith("200")
        disk.release()
        data = content(size, 99)
        client.storbinary(f"STOR {NAME.format(59)}", io.BytesIO(data))
        acknowledged[NAME.format(59)] = data
        client.quit()
        disk.check(acknowledged)


@needs_disk
def test_filled_by_others_during_the_upload(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        client = login(disk.receiver.port)
        data = data_socket(client, f"STOR {NAME.format(1)}")
        data.sendall(content(2 << 20, 1))
        disk.fill(0)
        with pytest.raises((ftplib.error_temp, OSError)) as caught:
            data.sendall(content(2 << 20, 2))
            data.unwrap()
            data.close()
            raise ftplib.error_temp(client.getresp())
        forget_tls_error()
        if isinstance(caught.value, OSError):
            with pytest.raises(ftplib.error_temp) as caught:
                client.voidresp()
        assert str(caught.value)[:3] in REFUSALS
        data.close()
        forget_tls_error()
        disk.check({})
        disk.release()
        client.storbinary(f"STOR {NAME.format(1)}", io.BytesIO(content(1000, 3)))
        client.quit()
        disk.check({NAME.format(1): content(1000, 3)})


@needs_disk
def test_files_that_fill_the_disk_themselves(tmp_path: Path) -> None:
    """Some fit, one is cut off in the middle, and small ones still fit after it."""
    with small_disk(tmp_path / "disk") as disk:
        client = login(disk.receiver.port)
        acknowledged = {}
        for number in range(1, 5):
            data = content(1_000_000, number)
            client.storbinary(f"STOR {NAME.format(number)}", io.BytesIO(data))
            acknowledged[NAME.format(number)] = data
        assert stored(client, NAME.format(10), content(4_000_000, 10)) in REFUSALS
        small = content(1000, 11)
        client.storbinary(f"STOR {NAME.format(11)}", io.BytesIO(small))
        acknowledged[NAME.format(11)] = small
        client.quit()
        disk.check(acknowledged)


def test_file_that_the_kernel_refuses_to_write(tmp_path: Path) -> None:
    """Without a disk of our own: the process may write no file above 1 MiB."""
    folder = tmp_path / "receiver"
    limit = ("sh", "-c", 'ulimit -f 2048; exec "$@"', "sh")
    with receiver_process(folder, prefix=limit) as receiver:
        client = login(receiver.port)
        assert stored(client, NAME.format(1), content(3 << 20, 1)) in REFUSALS
        small = content(200_000, 2)
        client.storbinary(f"STOR {NAME.format(2)}", io.BytesIO(small))
        client.quit()
        found = kept(folder / "media", folder / "state" / "catalogue.sqlite")
        found.check()
        assert [path.rsplit("/", 1)[1] for path in found.files] == [NAME.format(2)]
