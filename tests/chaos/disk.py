"""A small disk of the recorder's own, which can be full, read-only and gone.

As root on Linux it is a tmpfs in a mount namespace that lives as long as the test: the
files outlive a recorder that is killed. The recorder sees it through a second mount,
so that it can become read-only while files on it are open, as a disk does whose file
system has met an error. Elsewhere a folder stands in for it, which has no faults.
"""

from contextlib import suppress
import os
from pathlib import Path
import subprocess

from tests.mounts import can_mount

SIZE = 192 << 20
"""Bytes: small enough for retention to have work in a long run."""

_HOLD = """
set -eu
mount -t tmpfs -o size="$1",mode=0700 tmpfs "$2"
mount --bind "$2" "$3"
mount --bind "$2" "$4"
mount -o remount,bind,ro "$4"
echo ready
exec cat
"""


class Disk:
    """The disk; ``path`` is where the recorder has it."""

    def __init__(self, folder: Path) -> None:
        """Make it below a folder; it is gone after ``close``."""
        self.path, self._whole = folder / "disk", folder / "whole-disk"
        self._read_only = folder / "read-only-disk"
        for mount_point in (self.path, self._whole, self._read_only):
            mount_point.mkdir()
        self.is_real = can_mount()
        self._holder: subprocess.Popen[bytes] | None = None
        if not self.is_real:
            return
        self._holder = subprocess.Popen(
            [
                *("unshare", "-m", "sh", "-c", _HOLD, "sh"),
                *(str(SIZE), str(self._whole), str(self.path), str(self._read_only)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == b"ready\n"

    @property
    def prefix(self) -> tuple[str, ...]:
        """What a command begins with that sees the disk."""
        if self._holder is None:
            return ()
        return ("nsenter", "-m", "-t", str(self._holder.pid), "--")

    @property
    def content(self) -> Path:
        """The disk as this process sees it, whatever the recorder is made to see."""
        if self._holder is None:
            return self.path
        return Path(f"/proc/{self._holder.pid}/root{self._whole}")

    @property
    def free(self) -> int:
        """Bytes that can still be written."""
        found = os.statvfs(self.content)
        return found.f_bavail * found.f_frsize

    def fill(self, leave: int) -> None:
        """Take the space, but for so many bytes."""
        with (
            suppress(OSError),
            (self.content / "ballast").open("ab", buffering=0) as ballast,
        ):
            while (wanted := self.free - leave) > 0:
                ballast.write(bytes(min(wanted, 1 << 20)))

    def make_read_only(self) -> None:
        """Let nothing more be written; what is open may still be."""
        self._run("umount", "--lazy", str(self.path))
        # A mount that somebody writes to already cannot be made read-only any more.
        self._run("mount", "--bind", str(self._read_only), str(self.path))

    def unplug(self) -> None:
        """Leave nothing but the empty folder that it was mounted on."""
        self._run("umount", "--lazy", str(self.path))

    def plug_in(self) -> None:
        """Let it be as it was."""
        with suppress(subprocess.CalledProcessError):
            self._run("umount", "--lazy", str(self.path))
        self._run("mount", "--bind", str(self._whole), str(self.path))

    def release(self) -> None:
        """Give the space back that ``fill`` took."""
        (self.content / "ballast").unlink(missing_ok=True)

    def left_outside(self) -> list[str]:
        """Return what was made in the empty folder below the disk."""
        return [str(one) for one in self.path.rglob("*")]

    def close(self) -> None:
        """Let it go, with all that is on it."""
        if self._holder is not None:
            self._holder.communicate()

    def _run(self, *command: str) -> None:
        subprocess.run([*self.prefix, *command], check=True, capture_output=True)
