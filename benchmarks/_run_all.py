"""Runs benchmarks one after the other, keeps what they say, and writes the document.

    python -m benchmarks._run_all [--only NAME,NAME] [--quick]

Called by ``scripts/bench all``. Each benchmark is run as its user would, by
``scripts/bench NAME``, which fetches its peers first. What it said is kept in
``benchmarks/results`` and committed, so that another machine can run some of them anew.
"""

import argparse
from datetime import UTC, datetime
import json
from pathlib import Path
import subprocess
import sys
import time

from benchmarks import _document
from benchmarks._machine import describe_machine
from benchmarks._process import ROOT
from benchmarks._versions import versions

RESULTS = ROOT / "benchmarks" / "results"
DOCUMENT = ROOT / "docs" / "benchmarks.md"


def names() -> list[str]:
    """Return the benchmarks: the programs of this folder."""
    found = (path.stem for path in Path(__file__).parent.glob("*.py"))
    return sorted(name for name in found if not name.startswith("_"))


def run(name: str, *options: str) -> None:
    """Run one and keep what it says; its progress is seen meanwhile."""
    command = ["scripts/bench", name, *options]
    began, date, machine = time.monotonic(), datetime.now(UTC), describe_machine()
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as one:
        assert one.stdout is not None
        lines = []
        for line in one.stdout:
            print(line, end="", flush=True)
            lines.append(line)
    said = {
        "command": " ".join(command),
        "date": f"{date:%Y-%m-%d %H:%M} UTC",
        "seconds": round(time.monotonic() - began),
        "status": one.returncode,
        "machine": machine,
        "versions": versions(),
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"{name}.txt").write_text("".join(lines))
    (RESULTS / f"{name}.json").write_text(json.dumps(said, indent=2) + "\n")


def main() -> int:
    """Run and write; returns 1 if any benchmark failed."""
    parser = argparse.ArgumentParser(prog="scripts/bench all")
    parser.add_argument("--quick", action="store_true", help="the quick form of each")
    parser.add_argument(
        "--only", help="run these, with commas; the others stay as they were"
    )
    arguments = parser.parse_args()
    wanted = arguments.only.split(",") if arguments.only else names()
    if unknown := set(wanted) - set(names()):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")
    for name in wanted:
        run(name, *(["--quick"] if arguments.quick else []))
    sys.argv[1:] = [str(RESULTS), str(DOCUMENT), *names()]
    return _document.main()


if __name__ == "__main__":
    sys.exit(main())
