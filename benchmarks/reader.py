"""Our own RTSP reader against FFmpeg: as a library in our recorder, and as programs.

    scripts/bench reader [--quick] [--rounds N] [--codec h264|h265]

A real RTSP server with digest authentication feeds 12 streams of 1080p25 at 4 Mbit/s to
each side in turn: our recorder with its own reader, the same recorder with PyAV, one
``ffmpeg -c copy`` a camera; then with G.711, which becomes FLAC in our files and AAC in
ffmpeg's. Catalogue, syncing and rotation run as they do in a house. A ratio is the median
over the rounds of our figure by the other's in the same round: lower is better. All of
our files are decoded afterwards.

``rss_vs_pyav_12`` compares whole processes at their greatest. What of that is the cameras'
say ``mb_a_camera`` and ``mb_a_camera_pyav``: what the engine has resident at the end of a
run beyond one without cameras, for each of the 12.
"""

import benchmarks._without_home_assistant  # noqa: F401  # isort: skip

import argparse
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
import shutil
import subprocess
import sys
import tempfile

from benchmarks._machine import describe_machine, file_system
from benchmarks._report import median, print_result, print_table
from benchmarks.recording import (
    Form,
    Run,
    check_files,
    folder_for_files,
    make_clip,
    rtsp_python,
    run_ffmpeg,
    run_ours,
    settings,
)
from tests.simulators.stream import RtspServer

STREAMS = 12
AAC = ("-c:a", "aac")
IDLE = "engine without cameras"
_IDLE_SECONDS = 2.0


@dataclass(frozen=True)
class Side:
    """One of those that are compared."""

    name: str
    reader: str | None
    sound: bool = False


SIDES = (
    Side("own reader", "own"),
    Side("PyAV", "ffmpeg"),
    Side("ffmpeg", None),
    Side("own reader, FLAC", "own", sound=True),
    Side("ffmpeg, AAC", None, sound=True),
)


def run_side(side: Side, clip: Path, codec: str, form: Form) -> Run:
    """Let one side record."""
    audio = "pcmu" if side.sound else None
    where = replace(settings(clip, STREAMS), codec=codec, audio=audio)
    with folder_for_files() as name:
        folder = Path(name)
        server = RtspServer(rtsp_python(), where, folder / "rtsp.log")
        try:
            if side.reader is None:
                codecs = AAC if side.sound else ("-an",)
                run = run_ffmpeg(where.urls, folder, form.seconds, codecs)
            else:
                run = run_ours(where.urls, folder, form, form.seconds, side.reader)
        finally:
            server.stop()
        if side.reader is not None:
            check_files(folder, STREAMS, form.seconds)
    return run


def run_idle(form: Form) -> Run:
    """Let our engine run without a camera, to know what the cameras add."""
    with folder_for_files() as name:
        return run_ours([], Path(name), replace(form, idle=1), _IDLE_SECONDS)


def report(runs: dict[str, list[Run]]) -> None:
    """Print the table and the result."""
    print_table(
        ("", "CPU % of a core", "RSS MB at most", "at the end"),
        [
            (
                name,
                f"{median(run.cpu for run in found) * 100:.1f}",
                f"{median(run.memory for run in found) / 1e6:.0f}",
                f"{median(run.settled for run in found) / 1e6:.0f}"
                if found[0].settled
                else "",
            )
            for name, found in runs.items()
        ],
    )

    def ratio(ours: str, theirs: str, figure: str) -> float:
        pairs = zip(runs.get(ours, ()), runs.get(theirs, ()), strict=False)
        return median(
            getattr(one, figure) / getattr(other, figure) for one, other in pairs
        )

    def a_camera(side: str) -> float:
        pairs = zip(runs[side], runs[IDLE], strict=True)
        return median(
            (run.settled - idle.settled) / STREAMS / 1e6 for run, idle in pairs
        )

    own = [run for side in SIDES if side.reader == "own" for run in runs[side.name]]
    print_result(
        "reader",
        {
            f"cpu_vs_ffmpeg_{STREAMS}": ratio("own reader", "ffmpeg", "cpu"),
            f"cpu_vs_pyav_{STREAMS}": ratio("own reader", "PyAV", "cpu"),
            f"cpu_vs_ffmpeg_aac_{STREAMS}": ratio(
                "own reader, FLAC", "ffmpeg, AAC", "cpu"
            ),
            f"rss_vs_pyav_{STREAMS}": ratio("own reader", "PyAV", "memory"),
        },
        {
            "dropped": sum(run.dropped for run in own),
            "loop_p99_gain_ms": median(run.loop_gain for run in own),
            "mb_a_camera": a_camera("own reader"),
            "mb_a_camera_pyav": a_camera("PyAV"),
        },
    )


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--codec", choices=("h264", "h265"), default="h264")
    options = parser.parse_args()
    rounds = options.rounds or (1 if options.quick else 3)
    form = Form(rounds, (STREAMS,), 10 if options.quick else 20, 4, 0)
    print("\n".join(describe_machine()))
    sides = [side for side in SIDES if side.reader or shutil.which("ffmpeg")]
    if shutil.which("ffmpeg"):
        version = subprocess.run(
            ["ffmpeg", "-version"], capture_output=True, text=True, check=True
        )
        print(f"Peer:    {version.stdout.splitlines()[0]}")
    print(f"Disk:    {file_system(Path(tempfile.gettempdir()))}\n")
    runs: dict[str, list[Run]] = defaultdict(list)
    with folder_for_files() as name:
        clip = Path(name) / f"clip.{options.codec}"
        make_clip(clip, options.codec)
        for number in range(rounds):
            runs[IDLE].append(run_idle(form))
            for side in sides if number % 2 == 0 else sides[::-1]:
                print(
                    f"    round {number + 1}: {side.name}", file=sys.stderr, flush=True
                )
                runs[side.name].append(run_side(side, clip, options.codec, form))
    report(runs)


if __name__ == "__main__":
    main()
