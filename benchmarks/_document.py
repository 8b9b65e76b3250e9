"""Writes docs/benchmarks.md of what the benchmarks have said; no figure comes by hand.

    python -m benchmarks._document RESULTS DOCUMENT NAME...

RESULTS has for each benchmark NAME.txt, all that it printed, and NAME.json, how it was
run. Those that ran at other times stay as they were: each section says when.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
import json
from pathlib import Path
import sys
from typing import Any

from benchmarks._report import print_table
from benchmarks._targets import judged, meaning

_HEAD = """\
# Benchmarks

Written by `scripts/bench all`: no figure here was typed by hand. Everything ran on one
machine, each benchmark beside its peers in the same run; a ratio is the median over the
rounds of ours by the peer's in the same round. What a target is of stands beside it.
`scripts/bench NAME` runs one of them again. All that each printed is below, with what
it ran on.
"""


@dataclass(frozen=True)
class Result:
    """What one benchmark said, and how it was run."""

    name: str
    run: dict[str, Any]
    printed: str
    ratios: dict[str, float]
    figures: dict[str, float]

    @property
    def failed(self) -> bool:
        """Whether it did not come to an end."""
        return bool(self.run["status"])


def read_result(folder: Path, name: str) -> Result | None:
    """Return what a benchmark said the last time, None when it has never run."""
    try:
        run = json.loads((folder / f"{name}.json").read_text())
        printed = (folder / f"{name}.txt").read_text()
    except FileNotFoundError:
        return None
    said: dict[str, Any] = {}
    *lines, last = printed.rstrip().split("\n") or [""]
    if run["status"] == 0:
        said = json.loads(last)
        printed = "\n".join(lines)
    return Result(
        name,
        run,
        printed.strip(),
        said.get("ratios", {}),
        said.get("figures", {}),
    )


def rows(results: Iterable[Result]) -> list[tuple[str, ...]]:
    """Return one row for each ratio and each figure that has a target."""
    found = []
    for result in results:
        if result.failed:
            found.append((result.name, "did not come to its end", "", "", "failed"))
        for key, value in (*result.ratios.items(), *result.figures.items()):
            target, verdict = judged(result.name, key, value)
            if target or key in result.ratios:
                shown = f"{value:.4g}"
                found.append((result.name, key, shown, target, verdict))
    return found


_COLUMNS = ("benchmark", "figure", "found", "target", "")


def document(results: Sequence[Result]) -> str:
    """Return the whole text."""
    parts = [_HEAD, "## Targets\n"]
    parts.append(_markdown((*_COLUMNS, "what it is of"), _with_meaning(rows(results))))
    if any(result.name == "load" and not result.failed for result in results):
        parts.append("## What a camera costs\n")
        parts.append(
            "![Processor and memory by the number of cameras](images/cost.svg)\n"
        )
    common = max(results, key=lambda one: str(one.run["date"])).run["versions"]
    for result in results:
        parts.extend(_section(result, common))
    parts.append(f"## Versions\n\n{_listed(common)}\n")
    return "\n".join(parts)


def _section(result: Result, common: list[list[str]]) -> Iterator[str]:
    """Yield what a benchmark said; what ran is named where it differs from the rest."""
    run = result.run
    yield f"## {result.name}\n"
    yield f"`{run['command']}`, {run['date']}, {run['seconds']} s.\n"
    machine = [line for line in run["machine"] if line[:8] not in result.printed]
    printed = "\n".join([*machine, result.printed])
    yield f"```text\n{printed.strip()}\n```\n"
    if not result.failed:
        yield _markdown(
            ("figure", "found"),
            [
                (key, f"{value:.4g}")
                for key, value in (result.ratios | result.figures).items()
            ],
        )
    if other := [one for one in run["versions"] if one not in common]:
        yield f"With {_listed(other)}.\n"


def _listed(versions: list[list[str]]) -> str:
    return ", ".join(f"{name} {number}" for name, number in versions)


def _with_meaning(found: Iterable[tuple[str, ...]]) -> list[tuple[str, ...]]:
    return [(*row, meaning(row[0], row[1])) for row in found]


def _markdown(heads: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    table = [heads, ["---" for _ in heads], *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in table) + "\n"


def main() -> int:
    """Print the table of all results and write the document; 1 if any has failed."""
    folder, target, *names = sys.argv[1:]
    found = [read_result(Path(folder), name) for name in names]
    results = [result for result in found if result is not None]
    if not results:
        print("no benchmark has run yet", file=sys.stderr)
        return 1
    Path(target).write_text(document(results))
    print_table(_COLUMNS, rows(results))
    return int(any(result.failed for result in results))


if __name__ == "__main__":
    sys.exit(main())
