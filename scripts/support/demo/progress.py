"""Tells the user what is going on while the demo sets up."""

from collections.abc import Iterator
from contextlib import contextmanager
import sys
import time

STARTED = time.monotonic()


def say(text: str) -> None:
    """Print a line at once, also into a pipe."""
    print(text, flush=True)


def warn(text: str) -> None:
    """Print what the user should know but need not act on."""
    print(f"warning: {text}", file=sys.stderr, flush=True)


@contextmanager
def step(text: str) -> Iterator[None]:
    """Announce a step before it starts, and how long it took when it took long."""
    begun = time.monotonic()
    say(f"[{begun - STARTED:5.1f} s] {text}")
    yield
    if (taken := time.monotonic() - begun) >= 1:
        say(f"          done in {taken:.1f} s")
