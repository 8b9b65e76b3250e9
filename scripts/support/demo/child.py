"""Runs a command that ends when the demo does, even if the demo is killed.

Used as a program: ``python child.py PARENT COMMAND…``. It turns into the command, so
the process id stays.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Ask the kernel for a signal at the parent's death, then become the command."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        # The parent may have died before the kernel knew of our wish.
        if os.getppid() != parent:
            sys.exit("the demo is gone")
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
