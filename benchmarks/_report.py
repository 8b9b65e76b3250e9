"""What a benchmark prints: a table, notes, and one JSON object as the last line."""

from collections.abc import Iterable, Sequence
import json
import math
import statistics


def percentile(values: Iterable[float], percent: float) -> float:
    """Return the smallest value that ``percent`` per cent of all do not exceed."""
    ordered = sorted(values)
    if not ordered:
        return math.nan
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def median(values: Iterable[float]) -> float:
    """Return the median, not a number when there is nothing."""
    ordered = list(values)
    return statistics.median(ordered) if ordered else math.nan


def print_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table: the first column to the left, all others to the right."""
    table = [heads, *rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for number, row in enumerate(table):
        cells = [row[0].ljust(widths[0])]
        cells += [
            cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)
        ]
        print("  ".join(cells).rstrip())
        if number == 0:
            print("  ".join("-" * width for width in widths))
    print()


def print_result(
    benchmark: str, ratios: dict[str, float], figures: dict[str, float]
) -> None:
    """Print the last line. A value that could not be measured is left out."""
    print(
        json.dumps(
            {
                "benchmark": benchmark,
                "ratios": _rounded(ratios),
                "figures": _rounded(figures),
            }
        ),
        flush=True,
    )


def _rounded(values: dict[str, float]) -> dict[str, float]:
    return {
        key: float(f"{value:.4g}")
        for key, value in values.items()
        if math.isfinite(value)
    }
