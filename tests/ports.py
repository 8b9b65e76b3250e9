"""Ports for the tests: free, and apart from those that data connections may use."""

import socket

PASSIVE = range(50_000, 51_050)
"""What the tests' recorders take for data connections."""


def free_port() -> int:
    """Return a port that nobody has and no recorder of the tests wants."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    return free_port() if port in PASSIVE else port
