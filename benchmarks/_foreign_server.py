"""Runs a peer that is a program of its own, with processes that it starts."""

from collections.abc import Mapping, Sequence
import ctypes
import os
import signal
import socket
import sys
import threading

from benchmarks._accounts import HOST
from benchmarks._serve_arguments import say, wait_for_end

_PR_SET_CHILD_SUBREAPER = 36
"""Of prctl(2): children of a session that has ended become ours, and so their cost."""


def free_port() -> int:
    """Return a port that nobody uses now."""
    with socket.create_server((HOST, 0)) as probe:
        return int(probe.getsockname()[1])


def serve(
    name: str, command: Sequence[str], environment: Mapping[str, str], port: int
) -> None:
    """Say that the server is ready, and keep it until the benchmark has enough."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
    process = os.posix_spawnp(command[0], command, environment)
    ended = threading.Event()
    threading.Thread(target=_reap, args=(process, ended), daemon=True).start()
    while not ended.wait(0.05):
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) == 0:
                break
    else:
        sys.exit(f"{name} ended at once")
    say({"port": port})
    wait_for_end()
    if not ended.is_set():
        os.kill(process, signal.SIGTERM)
        ended.wait(5)


def _reap(process: int, ended: threading.Event) -> None:
    """Wait for the server, and for the children that it leaves to others."""
    while os.waitpid(-1, 0)[0] != process:
        pass
    ended.set()
