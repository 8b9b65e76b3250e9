"""Whether tests may mount disks of their own."""

import os
import shutil
import subprocess
import sys


def can_mount() -> bool:
    """Whether this process may have a mount namespace with a disk of its own."""
    if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("nsenter") is None:
        return False
    probe = ["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0
