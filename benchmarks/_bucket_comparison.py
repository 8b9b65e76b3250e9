"""One of our jobs compared with the toolkit's method, in turn for several rounds."""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks._bucket_runs import Check, Fill, JobTaken, run_ours, run_toolkit
from benchmarks._machine import describe_machine
from benchmarks._measure import place, progress
from benchmarks._report import median, print_table

_ROUNDS, _QUICK_ROUNDS = 9, 1


@dataclass(frozen=True)
class Form:
    """How much is measured: files of ``size`` bytes, and how often."""

    files: int
    size: int
    rounds: int


def read_form(description: str | None, *, files: int, quick: int, size: int) -> Form:
    """Read the command line, and print what is measured and where."""
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help=f"{quick} files, once")
    parser.add_argument("--rounds", type=int)
    options = parser.parse_args()
    form = Form(
        quick if options.quick else files,
        size,
        options.rounds or (_QUICK_ROUNDS if options.quick else _ROUNDS),
    )
    print(
        "\n".join([*describe_machine(), f"Files:   {form.files} of {size // 1000} KB"])
    )
    return form


@dataclass
class Comparison:
    """What the job took, round by round, with us and by the toolkit's method."""

    ours: list[JobTaken] = field(default_factory=list)
    toolkit: list[JobTaken] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """How many times as fast we are: the median over the rounds."""
        return median(
            theirs.seconds / our.seconds
            for our, theirs in zip(self.ours, self.toolkit, strict=True)
        )

    def rate(self, amount: float) -> float:
        """Return how much of ``amount`` we do in a second, the median."""
        return median(amount / run.seconds for run in self.ours)

    def print_rates(self, unit: str, amount: float) -> None:
        """Print a table with what of ``amount`` was done in a second."""
        print_table(
            ["", f"{unit}/s", "CPU s", "MB more"],
            [
                [
                    name,
                    f"{median(amount / run.seconds for run in runs):.1f}",
                    f"{median(run.cpu for run in runs):.1f}",
                    f"{median(run.extra_memory for run in runs) / 1e6:.0f}",
                ]
                for name, runs in (
                    ("ours", self.ours),
                    ("toolkit's method", self.toolkit),
                )
            ],
        )


def compare(
    form: Form,
    fill: Fill,
    check: Check,
    job: tuple[str, Mapping[str, Any]],
    action: tuple[str, ...],
) -> Comparison:
    """Let both do it: our ``job`` with its arguments, the toolkit's ``action``.

    Raises WrongFilesError when ``check`` finds that one of them did not.
    """
    compared = Comparison()
    kind, arguments = job
    with place() as where:
        for number in range(form.rounds):
            progress(f"round {number + 1}: ours")
            compared.ours.append(run_ours(where, fill, kind, arguments, check))
            progress(f"round {number + 1}: the toolkit's method")
            compared.toolkit.append(run_toolkit(where, fill, check, *action))
    return compared
