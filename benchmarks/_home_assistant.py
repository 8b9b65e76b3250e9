"""What our recorder costs inside Home Assistant: delay of states, lag of its loop."""

from dataclasses import dataclass
import time

from benchmarks._load import Load, LoadResult
from benchmarks._measure import Place, load_once, progress
from benchmarks._report import percentile
from benchmarks._servers import CAMERAS, HOME_ASSISTANT

_SETTLE = 2.0


@dataclass(frozen=True)
class HomeAssistantFigures:
    """Milliseconds, but for the memory."""

    state_p95: float
    state_busy_p95: float
    idle_p99: float
    paced_p99: float
    busy_p99: float
    growth: int


def delays(result: LoadResult, noted: dict[str, float]) -> list[float]:
    """Return the milliseconds from each file's last byte to when it was noted.

    Raises KeyError when a file was never noted.
    """
    return [(noted[sent.name] - sent.ended) * 1000 for sent in result.sent]


def measure_home_assistant(
    where: Place, *, seconds: int, files: int
) -> HomeAssistantFigures:
    """Load a Home Assistant with all cameras: idle, once a second each, flat out."""
    with where.serving(HOME_ASSISTANT) as running:
        time.sleep(_SETTLE)
        memory = running.process.peak_memory()
        progress("Home Assistant, idle")
        idle = (time.monotonic(), time.monotonic() + seconds)
        time.sleep(seconds)
        progress(f"Home Assistant, {CAMERAS} cameras once a second each")
        paced = load_once(running, paced_load(seconds))
        progress(f"Home Assistant, {CAMERAS} cameras as fast as they can")
        # The store has the first load's names; these are told apart by their hour.
        busy = load_once(running, Load(connections=CAMERAS, files=files, hours=2))
        growth = running.process.peak_memory() - memory
        said = running.process.finish()
    late: list[tuple[float, float]] = said["late"]

    def lag(begin: float, end: float) -> float:
        return percentile((x * 1000 for at, x in late if begin <= at <= end), 99)

    return HomeAssistantFigures(
        state_p95=percentile(delays(paced, said["changed"]), 95),
        state_busy_p95=percentile(delays(busy, said["changed"]), 95),
        idle_p99=lag(*idle),
        paced_p99=lag(paced.started, paced.started + paced.seconds),
        busy_p99=lag(busy.started, busy.started + busy.seconds),
        growth=growth,
    )


def paced_load(seconds: int) -> Load:
    """Return the load of all cameras when each sends a snapshot a second."""
    return Load(connections=CAMERAS, files=CAMERAS * seconds, interval=1.0)
