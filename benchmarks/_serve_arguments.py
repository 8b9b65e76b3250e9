"""The command line that all server programs of the benchmarks share."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
import json
from pathlib import Path
import sys
from typing import Any


@dataclass(frozen=True)
class ServeArguments:
    """Where a server keeps its files and what it is reached by."""

    folder: Path
    certificate: Path
    private_key: Path
    passive_ports: tuple[int, int]
    cameras: int
    sync: bool

    def command(self) -> list[str]:
        """Return the arguments that ``read_arguments`` reads."""
        first, last = self.passive_ports
        return [
            str(self.folder),
            str(self.certificate),
            str(self.private_key),
            str(first),
            str(last),
            str(self.cameras),
            *([] if self.sync else ["--no-sync"]),
        ]


def read_arguments(given: Sequence[str] | None = None) -> ServeArguments:
    """Read the command line of a server program."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("certificate", type=Path)
    parser.add_argument("private_key", type=Path)
    parser.add_argument("first_port", type=int)
    parser.add_argument("last_port", type=int)
    parser.add_argument("cameras", type=int)
    parser.add_argument("--no-sync", action="store_true")
    found = parser.parse_args(given)
    return ServeArguments(
        folder=found.folder,
        certificate=found.certificate,
        private_key=found.private_key,
        passive_ports=(found.first_port, found.last_port),
        cameras=found.cameras,
        sync=not found.no_sync,
    )


def say(values: dict[str, Any]) -> None:
    """Write one line of JSON for the benchmark."""
    print(json.dumps(values), flush=True)


def wait_for_end() -> None:
    """Wait until the benchmark closes our standard input."""
    sys.stdin.buffer.read()
