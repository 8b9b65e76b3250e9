"""A disk that is full says so to the camera, whatever step it hits, and never lies.

As root on Linux the disk is a real one of a few MiB (tmpfs in a mount namespace of its
own). Elsewhere a limit on the size of files (RLIMIT_FSIZE) stands in for it: the
kernel refuses to write then too, but not in all of the steps.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
import itertools
import os
from pathlib import Path
import random
import shutil
import subprocess
import tempfile

import pytest

from tests.mounts import can_mount

from .delivery import (
    Client,
    FtpsClient,
    ProtocolClient,
    RefusedError,
    SftpClient,
    both_protocols,
)
from .process import ReceiverProcess, kept, receiver_process

SIZE = 6 << 20
"""Of the disk, in bytes."""
NAME = "10.55.48.12_01_2025111912{:02}08101_MOTION_DETECTION.jpg"

_MOUNT = """
set -eu
mount -t tmpfs -o size="$1",mode=0700 tmpfs "$2"
shift 2
exec "$@"
"""


CAN_MOUNT = can_mount()


class SmallDisk:
    """A receiver whose folder is on a small disk, seen through its process."""

    def __init__(self, receiver: ReceiverProcess, folder: Path) -> None:
        self.receiver = receiver
        # The mount exists in the process's own view of the file system only.
        self.folder = Path(f"/proc/{receiver.process.pid}/root{folder}")
        self.media = folder / "media"
        self.elsewhere = folder.with_name("read-only")

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

    @contextmanager
    def read_only(self) -> Iterator[None]:
        """Let nothing be made, renamed or deleted; what is open may be written."""
        inside = ("nsenter", "-m", "-t", str(self.receiver.process.pid), "--")

        def mount(*arguments: str | Path) -> None:
            subprocess.run([*inside, "mount", *arguments], check=True)

        # Made elsewhere: a mount that somebody writes to cannot be made read-only.
        self.elsewhere.mkdir(exist_ok=True)
        mount("--bind", self.media, self.elsewhere)
        mount("-o", "remount,bind,ro", self.elsewhere)
        mount("--bind", self.elsewhere, self.media)
        try:
            yield
        finally:
            subprocess.run([*inside, "umount", "--lazy", self.media], check=True)

    def check(
        self, acknowledged: dict[str, bytes], *, may_leave_temporary: bool = False
    ) -> None:
        """Check that exactly what was acknowledged is kept, whole."""
        media = self.folder / "media"
        with tempfile.TemporaryDirectory() as copy:
            # SQLite does not open a database by a path of another's view.
            shutil.copytree(self.folder / "state", copy, dirs_exist_ok=True)
            found = kept(media, Path(copy, "catalogue.sqlite"))
        if may_leave_temporary:
            found = replace(found, temporary=[])
        found.check()
        contents = {
            path.rsplit("/", 1)[1]: (media / path).read_bytes() for path in found.files
        }
        assert contents == acknowledged


@contextmanager
def small_disk(folder: Path, protocol: ProtocolClient) -> Iterator[SmallDisk]:
    folder.mkdir()
    mount = ("unshare", "-m", "sh", "-c", _MOUNT, "sh", str(SIZE), str(folder))
    with receiver_process(folder, *protocol.options, prefix=mount) as receiver:
        yield SmallDisk(receiver, folder)
        assert receiver.process.poll() is None


def content(size: int, seed: int) -> bytes:
    return random.Random(seed).randbytes(size)


def is_stored(client: Client, name: str, data: bytes) -> bool:
    """Deliver a file and return what the receiver says of it."""
    try:
        client.store(name, data)
    except RefusedError:
        return False
    return True


pytestmark = pytest.mark.slow

needs_disk = pytest.mark.skipif(
    not CAN_MOUNT, reason="only root can mount; the test with a limit runs instead"
)


@needs_disk
@pytest.mark.parametrize(
    ("protocol", "leave", "size"),
    [
        *itertools.product(
            [FtpsClient], [0, 4096, 65536, 300_000], [20_000, 200_000, 3_000_000]
        ),
        # The store is the same: these are about what the camera is told.
        *itertools.product([SftpClient], [0, 65536], [200_000, 3_000_000]),
    ],
)
def test_full_before_the_upload(
    tmp_path: Path, protocol: ProtocolClient, leave: int, size: int
) -> None:
    """Nothing left at all, too little for the file, too little for the catalogue."""
    with small_disk(tmp_path / "disk", protocol) as disk:
        acknowledged = {}
        client = protocol(disk.receiver)
        first = content(1000, 0)
        client.store(NAME.format(0), first)
        acknowledged[NAME.format(0)] = first
        disk.fill(leave)
        refusals = 0
        # With a little space some are taken, until one is not.
        for number in range(1, 30):
            data = content(size, number)
            if is_stored(client, NAME.format(number), data):
                acknowledged[NAME.format(number)] = data
                continue
            refusals += 1
            if refusals == 3:
                break
        assert refusals == 3
        disk.release()
        data = content(size, 99)
        client.store(NAME.format(59), data)
        acknowledged[NAME.format(59)] = data
        client.close()
        disk.check(acknowledged)


@needs_disk
@both_protocols
def test_filled_by_others_during_the_upload(
    tmp_path: Path, protocol: ProtocolClient
) -> None:
    with small_disk(tmp_path / "disk", protocol) as disk:
        client = protocol(disk.receiver)
        transfer = client.begin(NAME.format(1))
        transfer.send(content(2 << 20, 1))
        disk.fill(0)
        with pytest.raises(RefusedError):
            transfer.send(content(2 << 20, 2))
            transfer.finish()
        disk.check({})
        disk.release()
        client.store(NAME.format(1), content(1000, 3))
        client.close()
        disk.check({NAME.format(1): content(1000, 3)})


@needs_disk
@both_protocols
def test_read_only_during_the_upload(tmp_path: Path, protocol: ProtocolClient) -> None:
    """The session goes on, and what it cannot delete is not told to the camera."""
    with small_disk(tmp_path / "disk", protocol) as disk:
        client = protocol(disk.receiver)
        transfer = client.begin(NAME.format(1))
        transfer.send(content(2 << 20, 1))
        with disk.read_only():
            with pytest.raises(RefusedError):
                transfer.finish()
            assert not is_stored(client, NAME.format(2), content(3 << 20, 2))
        client.store(NAME.format(1), content(1000, 3))
        client.close()
        disk.check({NAME.format(1): content(1000, 3)}, may_leave_temporary=True)
        assert not [line for line in disk.receiver.said if "Traceback" in line]


@needs_disk
@both_protocols
def test_files_that_fill_the_disk_themselves(
    tmp_path: Path, protocol: ProtocolClient
) -> None:
    """Some fit, one is cut off in the middle, and small ones still fit after it."""
    with small_disk(tmp_path / "disk", protocol) as disk:
        client = protocol(disk.receiver)
        acknowledged = {}
        for number in range(1, 5):
            data = content(1_000_000, number)
            client.store(NAME.format(number), data)
            acknowledged[NAME.format(number)] = data
        assert not is_stored(client, NAME.format(10), content(4_000_000, 10))
        small = content(1000, 11)
        client.store(NAME.format(11), small)
        acknowledged[NAME.format(11)] = small
        client.close()
        disk.check(acknowledged)


@both_protocols
def test_file_that_the_kernel_refuses_to_write(
    tmp_path: Path, protocol: ProtocolClient
) -> None:
    """Without a disk of our own: the process may write no file above 1 MiB."""
    folder = tmp_path / "receiver"
    limit = ("sh", "-c", 'ulimit -f 2048; exec "$@"', "sh")
    with receiver_process(folder, *protocol.options, prefix=limit) as receiver:
        client = protocol(receiver)
        assert not is_stored(client, NAME.format(1), content(3 << 20, 1))
        small = content(200_000, 2)
        client.store(NAME.format(2), small)
        client.close()
        found = kept(folder / "media", folder / "state" / "catalogue.sqlite")
        found.check()
        assert [path.rsplit("/", 1)[1] for path in found.files] == [NAME.format(2)]
