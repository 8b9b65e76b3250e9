"""Our recording against one ``ffmpeg -c copy`` a camera.

    scripts/bench recording [--quick] [--rounds N] [--soak MINUTES]

A real RTSP server with digest authentication feeds 1, 4 and 12 streams of 1080p25 at
4 Mbit/s to each side in turn. A ratio is the median over the rounds of our figure by
ffmpeg's in the same round: lower is better. All of our files are decoded afterwards.
"""

import benchmarks._without_home_assistant  # noqa: F401  # isort: skip

import argparse
import asyncio
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
import json
import math
import os
from pathlib import Path
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from zoneinfo import ZoneInfo

import av
import av.filter
from av.video.frame import PictureType

from benchmarks._machine import describe_machine, file_system
from benchmarks._process import ServerProcess, python_command
from benchmarks._report import median, percentile, print_result, print_table
from custom_components.hikvision_nvr.recording.playlist import media_playlist
from custom_components.hikvision_nvr.store import Store
from custom_components.hikvision_nvr.store.mp4 import Fragment
from custom_components.hikvision_nvr.store.segment import (
    SavedSegment,
    SegmentInfo,
    pack_place,
)
from tests.simulators.stream import RtspServer, StreamSettings, gstreamer_python

RATE = 25
KEY_INTERVAL = 50
BITS = 4_000_000
CLIP_SECONDS = 20
SETTLE = 4.0
"""Seconds from the start of a side until it is measured."""


@dataclass(frozen=True)
class Form:
    """How much is measured."""

    rounds: int
    streams: tuple[int, ...]
    seconds: float
    idle: float
    soak: float


@dataclass
class Run:
    """What one side took for some streams: a part of one core, and bytes."""

    cpu: float
    memory: int
    """The most that was resident at any time."""
    settled: int = 0
    """What was resident at the end, when nothing begins any more."""
    first: float = math.nan
    dropped: int = 0
    loop_gain: float = math.nan
    loop_gain_at_start: float = math.nan


def make_clip(path: Path, codec: str = "h264") -> None:
    """Encode a test picture with noise, which fills the bit rate."""
    graph = av.filter.Graph()
    source = graph.add("testsrc2", f"size=1920x1080:rate={RATE}")
    noise = graph.add("noise", "alls=20:allf=t")
    form = graph.add("format", "yuv420p")
    sink = graph.add("buffersink")
    for before, after in ((source, noise), (noise, form), (form, sink)):
        before.link_to(after)
    graph.configure()
    rate = (
        f"bitrate={BITS // 1000}:vbv-maxrate={BITS // 1000}:vbv-bufsize={BITS // 1000}"
    )
    keys = f"aud=1:bframes=0:scenecut=0:keyint={KEY_INTERVAL}:min-keyint={KEY_INTERVAL}"
    if codec == "h264":
        encoder = "libx264"
        options = {
            "profile": "main",
            "x264-params": f"{keys}:sliced-threads=0:nal-hrd=cbr:{rate}",
        }
    else:
        encoder = "libx265"
        options = {"x265-params": f"{keys}:open-gop=0:log-level=error:{rate}"}
    kind = "h264" if codec == "h264" else "hevc"
    with av.open(str(path), "w", format=kind) as container:
        stream = container.add_stream(
            encoder, rate=RATE, options={"preset": "ultrafast", **options}
        )
        stream.width, stream.height, stream.pix_fmt = 1920, 1080, "yuv420p"
        stream.bit_rate = BITS
        for number in range(CLIP_SECONDS * RATE):
            frame = graph.pull()
            frame.pts = number
            # The source calls each of its pictures a key picture, which would make each
            # of them one.
            frame.pict_type = PictureType.NONE
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def settings(clip: Path, streams: int) -> StreamSettings:
    """Return a server of so many streams, on a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return StreamSettings(
        host="127.0.0.1",
        port=port,
        username="admin",
        password="Pa:ss@1/#",
        channel=1,
        channels=streams,
        clip=clip,
        frames_per_second=RATE,
    )


def run_ours(
    urls: list[str], folder: Path, form: Form, seconds: float, reader: str = "auto"
) -> Run:
    """Record with our engine; without ``urls`` it has nothing to do."""
    with ServerProcess(python_command("_serve_recording"), folder / "log") as process:
        assert process._process.stdin is not None
        line = json.dumps(
            {
                "urls": urls,
                "folder": str(folder),
                "idle": form.idle,
                "starting": SETTLE,
                "busy": form.idle,
                "reader": reader,
            }
        ).encode()
        process._process.stdin.write(line + b"\n")
        process._process.stdin.flush()
        process.ready()
        process.ready()
        before = process.cpu_seconds()
        time.sleep(seconds)
        cpu = (process.cpu_seconds() - before) / seconds
        memory, settled = process.peak_memory(), _resident(process.pid)
        said = process.finish()
    if any(state != "recording" for state in said["states"]):
        raise RuntimeError(f"not all was recorded: {said['states']}")
    return Run(
        cpu,
        memory,
        settled,
        said["first"],
        said["dropped"],
        percentile(said["busy"], 99) - percentile(said["idle"], 99),
        percentile(said["starting"], 99) - percentile(said["idle"], 99),
    )


def run_ffmpeg(
    urls: list[str], folder: Path, seconds: float, codecs: tuple[str, ...] = ("-an",)
) -> Run:
    """Record with one ffmpeg a stream; ``codecs`` says what becomes of the sound."""
    with ExitStack() as stack:
        processes = []
        for number, url in enumerate(urls):
            command = ["ffmpeg", "-loglevel", "error", "-rtsp_transport", "tcp"]
            command += ["-i", url, "-c:v", "copy", *codecs, "-f", "segment"]
            command += ["-segment_time", "60", "-segment_format", "mp4"]
            options = "movflags=frag_keyframe+empty_moov+default_base_moof"
            command += ["-segment_format_options", options]
            command.append(str(folder / f"{number}-%d.mp4"))
            process = ServerProcess(command, folder / f"{number}.log")
            processes.append(stack.enter_context(process))
        time.sleep(SETTLE)
        before = sum(one.cpu_seconds() for one in processes)
        time.sleep(seconds)
        if not all(one.running() for one in processes):
            raise RuntimeError("ffmpeg ended: " + processes[0].log())
        cpu = (sum(one.cpu_seconds() for one in processes) - before) / seconds
        return Run(cpu, sum(one.peak_memory() for one in processes))


def check_files(folder: Path, streams: int, seconds: float) -> None:
    """Decode all that we recorded. Raises RuntimeError for the first fault."""
    files = sorted((folder / "media").glob("*/recordings/*/*/*.mp4"))
    if len({file.parts[-5] for file in files}) != streams:
        raise RuntimeError("a stream has no file")
    for file in files:
        with av.open(str(file)) as container:
            stream = container.streams.video[0]
            stream.codec_context.options = {"err_detect": "explode"}
            stream.thread_type = "AUTO"
            times = [frame.time for frame in container.decode(stream)]
        steps = [after - before for before, after in pairwise(times)]
        if max(steps) > 1.5 / RATE:
            raise RuntimeError(f"{file} has a hole of {max(steps):.2f} s")
    sizes: dict[str, int] = defaultdict(int)
    for file in files:
        sizes[file.parts[-5]] += file.stat().st_size
    if min(sizes.values()) < BITS / 8 * seconds * 0.9:
        raise RuntimeError(f"a stream of {min(sizes.values())} bytes is too short")


def soak(clip: Path, minutes: float) -> float:
    """Record 12 streams for long; return how many MB the memory grew meanwhile."""
    where = settings(clip, 12)
    with folder_for_files() as name:
        folder = Path(name)
        server = RtspServer(rtsp_python(), where, folder / "rtsp.log")
        try:
            with ServerProcess(
                python_command("_serve_recording"), folder / "log"
            ) as process:
                assert process._process.stdin is not None
                line = json.dumps(
                    {
                        "urls": where.urls,
                        "folder": str(folder),
                        "idle": 0,
                        "starting": 0,
                        "busy": 0,
                    }
                )
                process._process.stdin.write(line.encode() + b"\n")
                process._process.stdin.flush()
                process.ready()
                process.ready()
                # A few segments must have begun and ended before it is settled.
                time.sleep(min(180.0, minutes * 30))
                before = _resident(process.pid)
                time.sleep(max(0.0, minutes * 60 - 180.0) or minutes * 30)
                grown = _resident(process.pid) - before
                process.finish()
                return grown / 1e6
        finally:
            server.stop()


def _resident(pid: int) -> int:
    fields = Path(f"/proc/{pid}/statm").read_text().split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")


async def playlist_ms() -> float:
    """Return the milliseconds to answer a playlist of an hour, out of a catalogue."""
    start = datetime(2026, 11, 22, 12, tzinfo=UTC)
    with tempfile.TemporaryDirectory() as name:
        store = Store(
            Path(name) / "media",
            Path(name) / "catalogue.sqlite",
            time_zone=ZoneInfo("UTC"),
            offsite=False,
        )
        await store.open()
        saved = []
        for minute in range(60):
            begin = start + timedelta(minutes=minute)
            info = SegmentInfo(
                camera="camera",
                run="00000000",
                sequence=minute,
                start_us=int(begin.timestamp()) * 1_000_000,
                video="avc1.4D0028",
                audio=None,
            )
            places = [
                Fragment(1000 + 1_000_000 * number, number * 180_000, True)
                for number in range(30)
            ]
            saved.append(
                SavedSegment(
                    info=info,
                    size=30_001_000,
                    ticks=60 * 90_000,
                    init_size=1000,
                    places=b"".join(map(pack_place, places)),
                    complete=True,
                )
            )
            file = Path(name) / "media" / info.relative_path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
        await store.recordings.segments.save(saved)
        taken = []
        for _ in range(30):
            begun = time.perf_counter()
            footage = await store.recordings.footage(
                "camera", start, start + timedelta(hours=1)
            )
            text = media_playlist(
                footage, start, start + timedelta(hours=1), lambda one: f"{one.id}.mp4"
            )
            taken.append((time.perf_counter() - begun) * 1000)
        if text.count("#EXTINF") != 600:
            raise RuntimeError("the playlist is not what it should be")
        await store.close()
    return median(taken)


def folder_for_files() -> tempfile.TemporaryDirectory[str]:
    """Return a folder that is removed after use."""
    return tempfile.TemporaryDirectory(prefix="hikvision_nvr-benchmark-")


def rtsp_python() -> str:
    """Return a Python with GStreamer, or end the program."""
    python = gstreamer_python()
    if python is None:
        sys.exit("GStreamer's RTSP server is not installed")
    return python


def measure(clip: Path, form: Form) -> dict[tuple[int, str], list[Run]]:
    """Measure both sides in turn."""
    runs: dict[tuple[int, str], list[Run]] = defaultdict(list)
    sides = ["ours", "ffmpeg"] if shutil.which("ffmpeg") else ["ours"]
    for number in range(form.rounds):
        for streams in form.streams:
            for side in sides if number % 2 == 0 else sides[::-1]:
                print(
                    f"    round {number + 1}: {streams} streams, {side}",
                    file=sys.stderr,
                    flush=True,
                )
                where = settings(clip, streams)
                with folder_for_files() as name:
                    folder = Path(name)
                    server = RtspServer(rtsp_python(), where, folder / "rtsp.log")
                    try:
                        if side == "ours":
                            run = run_ours(where.urls, folder, form, form.seconds)
                        else:
                            run = run_ffmpeg(where.urls, folder, form.seconds)
                    finally:
                        server.stop()
                    if side == "ours":
                        check_files(folder, streams, form.seconds)
                runs[streams, side].append(run)
    return runs


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--soak", type=float, metavar="MINUTES")
    options = parser.parse_args()
    form = (
        Form(1, (12,), 10, 8, 2 if options.soak is None else options.soak)
        if options.quick
        else Form(2, (1, 4, 12), 30, 10, 30 if options.soak is None else options.soak)
    )
    rounds = options.rounds or form.rounds
    form = Form(rounds, form.streams, form.seconds, form.idle, form.soak)
    print("\n".join(describe_machine()))
    if shutil.which("ffmpeg"):
        version = subprocess.run(
            ["ffmpeg", "-version"], capture_output=True, text=True, check=True
        )
        print(f"Peer:    {version.stdout.splitlines()[0]}")
    print(f"Disk:    {file_system(Path(tempfile.gettempdir()))}\n")
    with folder_for_files() as name:
        clip = Path(name) / "clip.h264"
        make_clip(clip)
        runs = measure(clip, form)
        grown = soak(clip, form.soak) if form.soak else math.nan
    report(runs, form, grown)


def report(runs: dict[tuple[int, str], list[Run]], form: Form, grown: float) -> None:
    """Print the table and the result."""
    rows = []
    for (streams, side), found in sorted(runs.items()):
        rows.append(
            (
                f"{streams} streams, {side}",
                f"{median(run.cpu for run in found) * 100:.1f}",
                f"{median(run.memory for run in found) / 1e6:.0f}",
            )
        )
    print_table(("", "CPU % of a core", "RSS MB"), rows)
    ratios = {}
    for streams in form.streams:
        pairs = list(
            zip(
                runs.get((streams, "ours"), ()),
                runs.get((streams, "ffmpeg"), ()),
                strict=False,
            )
        )
        ratios[f"cpu_vs_ffmpeg_{streams}"] = median(
            ours.cpu / theirs.cpu for ours, theirs in pairs
        )
        ratios[f"rss_vs_ffmpeg_{streams}"] = median(
            ours.memory / theirs.memory for ours, theirs in pairs
        )
    ours = [run for (_, side), found in runs.items() if side == "ours" for run in found]
    most = runs[max(form.streams), "ours"]
    print_result(
        "recording",
        ratios,
        {
            "dropped": sum(run.dropped for run in ours),
            "loop_p99_gain_ms": median(run.loop_gain for run in most),
            "loop_p99_gain_at_start_ms": median(run.loop_gain_at_start for run in most),
            "first_frame_s": max(run.first for run in ours),
            "playlist_ms": asyncio.run(playlist_ms()),
            "soak_rss_gain_mb": grown,
        },
    )


if __name__ == "__main__":
    main()
