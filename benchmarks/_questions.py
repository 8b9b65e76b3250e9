"""Questions to a catalogue: each is asked many times, and timed."""

from collections.abc import Awaitable, Callable, Mapping
import time

from benchmarks._report import median
from custom_components.hikvision_nvr.store import Store

type Question = Callable[[Store], Awaitable[object]]
type Taken = dict[str, list[float]]
"""Milliseconds of each time that a question was asked, by its name."""


async def ask(store: Store, questions: Mapping[str, Question], times: int) -> Taken:
    """Ask a running store each question so many times, one after the other."""
    return {
        name: [await _milliseconds(question(store)) for _ in range(times)]
        for name, question in questions.items()
    }


async def _milliseconds(answer: Awaitable[object]) -> float:
    began = time.perf_counter()
    await answer
    return (time.perf_counter() - began) * 1000


def small_vs_large(small: Taken, large: Taken) -> float:
    """Return by how much the question that grows most is faster where there is less."""
    return min(median(small[name]) / median(times) for name, times in large.items())


def print_slow(
    taken: Taken, limit: float, figure: Callable[[list[float]], float]
) -> None:
    """Name the questions of which this figure is over the limit, in milliseconds."""
    slow = [name for name, times in taken.items() if figure(times) > limit]
    print(f"Over {limit:.0f} ms: {', '.join(slow) or 'none'}\n")
