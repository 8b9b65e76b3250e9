"""Chooses the ports, so that two demos can run side by side."""

import random
import socket

from .failure import DemoError

HOST = "127.0.0.1"
# Below what Linux and macOS give to outgoing connections.
SERVERS = (20000, 30000)
PASSIVE = (30000, 32000)
PASSIVE_COUNT = 50


def is_free(port: int) -> bool:
    """Tell whether a server could listen there now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def any_free() -> int:
    """Find a free port.

    Not one that the system would choose: those it also gives to outgoing
    connections, one of which could have it before the server is up.
    """
    for _ in range(100):
        port = random.randrange(*SERVERS)
        if is_free(port):
            return port
    raise DemoError("No free port found.")


def choose(
    what: str, asked: int | None, last: int | None, usual: int | None = None
) -> int:
    """Take the port that was asked for, else the last one, the usual one, or any.

    Asking for 0 leaves the usual one to others.
    """
    if asked:
        if not is_free(asked):
            raise DemoError(
                f"Port {asked} for {what} is taken. Choose another one, or leave the "
                "option out and the demo finds one."
            )
        return asked
    for port in (last, usual if asked is None else None):
        if port and is_free(port):
            return port
    return any_free()


def passive_range(preferred: str | None) -> str:
    """Find a range of free ports for the receiver's data connections."""
    starts = [*range(*PASSIVE, PASSIVE_COUNT)]
    if preferred:
        starts.insert(0, int(preferred.partition("-")[0]))
    for start in starts:
        if all(is_free(port) for port in range(start, start + PASSIVE_COUNT)):
            return f"{start}-{start + PASSIVE_COUNT - 1}"
    raise DemoError(
        f"No {PASSIVE_COUNT} free ports in a row found for data connections."
    )
