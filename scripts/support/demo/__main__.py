"""The demo as a program: ``python -m demo ROOT [options]``."""

import asyncio
from pathlib import Path
import sys

from .app import run
from .failure import DemoError
from .options import read_options


def main() -> int:
    """Run the demo; returns the exit code."""
    root, *arguments = sys.argv[1:]
    options = read_options(Path(root), arguments)
    try:
        asyncio.run(run(options))
    except DemoError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
