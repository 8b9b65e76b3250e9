"""A large house on a small machine: 50 cameras, 12 recordings, a bucket.

    scripts/bench load [--quick] [--minutes M]

Each of 50 cameras delivers a snapshot of 200 KB a second by FTPS, 12 streams of 1080p25
at 4 Mbit/s are recorded, and all snapshots go to S3, in one Home Assistant. Cameras,
RTSP server and S3 server run on the same cores. Afterwards every snapshot is compared
by its SHA-256, on the disk and in the bucket, and every frame that was dropped counts.

Before that the same Home Assistant without recordings has 1 to 50 of these cameras:
what one costs is drawn in docs/images/cost.svg.
"""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import file_digest, sha256
import json
import os
from pathlib import Path
import shutil
import sys
import tempfile
import time

from benchmarks._accounts import Login
from benchmarks._load import Load, LoadResult, run_load
from benchmarks._machine import describe_machine, file_system
from benchmarks._measure import WrongFilesError, progress
from benchmarks._plot import Line, line_plot
from benchmarks._process import ROOT, ServerProcess, python_command
from benchmarks._report import percentile, print_result, print_table
from benchmarks._s3_service import BUCKET, S3Service, s3_service
from benchmarks._uploads import SNAPSHOT_SIZE, snapshot
from benchmarks.recording import make_clip, rtsp_python, settings
from tests.simulators.stream import RtspServer

CAMERAS = 50
RECORDINGS = 12
LIMIT_MS = 20.0
"""Of how late Home Assistant's loop may be, at the 99th percentile."""
PLOT = ROOT / "docs" / "images" / "cost.svg"
_STREAM_BYTES = 4_000_000 // 8
_SETTLE = 5.0
_DRAIN_SECONDS = 120
_MINUTE = 60


@dataclass(frozen=True)
class Form:
    """How long is measured."""

    minutes: int
    points: tuple[int, ...]
    seconds: int

    @property
    def room(self) -> int:
        """Bytes that it needs on the disk."""
        snapshots = CAMERAS * SNAPSHOT_SIZE * _MINUTE * (self.minutes + 2) * 2
        return snapshots + RECORDINGS * _STREAM_BYTES * _MINUTE * (self.minutes + 1)


_FULL = Form(minutes=10, points=(1, 5, 10, 20, 30, 40, 50), seconds=30)
_QUICK = Form(minutes=1, points=(1, 10, 50), seconds=10)


@dataclass
class House:
    """A Home Assistant with all cameras, and the bucket that it uploads to."""

    folder: Path
    process: ServerProcess
    port: int
    service: S3Service
    sent: list[str] = field(default_factory=list)
    """Names of all snapshots that were acknowledged."""

    def load(self, cameras: int, seconds: int, hours: int) -> LoadResult:
        """Let cameras deliver, each once a second. Raises WrongFilesError."""
        wanted = cameras * seconds
        load = Load(connections=cameras, files=wanted, interval=1.0, hours=hours)
        result = run_load(load, self.port, Login())
        self.sent += [sent.name for sent in result.sent] + result.warm_up
        if result.errors or len(result.sent) != wanted:
            raise WrongFilesError(
                f"{len(result.sent)} of {wanted} snapshots: {result.errors[:3]}\n"
                + self.process.log()
            )
        return result

    def drain(self) -> float:
        """Wait until as many objects are in the bucket; return the seconds."""
        begun = time.monotonic()
        while len(self._objects()) < len(self.sent):
            if time.monotonic() > begun + _DRAIN_SECONDS:
                raise WrongFilesError(
                    f"{len(self._objects())} of {len(self.sent)} are in the bucket"
                )
            time.sleep(0.25)
        return time.monotonic() - begun

    def check(self) -> None:
        """Compare every snapshot, on the disk and in the bucket."""
        storage = self.folder / "storage"
        stored = [
            path
            for path in storage.glob("*/*/*.jpg")
            if path.parent.parent.name != ".incoming"
        ]
        for where, paths in (("disk", stored), ("bucket", self._objects())):
            found = {path.name: path for path in paths}
            if found.keys() != set(self.sent) or len(paths) != len(self.sent):
                raise WrongFilesError(
                    f"{len(paths)} files on the {where}, {len(self.sent)} were sent"
                )
            for name, path in found.items():
                with path.open("rb") as file:
                    digest = file_digest(file, "sha256").hexdigest()
                if digest != sha256(snapshot(name)).hexdigest():
                    raise WrongFilesError(f"{name} differs on the {where}")

    def resident(self) -> int:
        """Return the bytes of memory that Home Assistant has now."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def _objects(self) -> list[Path]:
        return list((self.service.folder / BUCKET).glob("camera*/*/*.jpg"))


@contextmanager
def house(place: Path, *, rtsp_port: int = 0, recorded: int = 0) -> Iterator[House]:
    """Run a Home Assistant in an empty folder; all of it is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="house-", dir=place))
    data = folder / "data"
    data.mkdir()
    try:
        with s3_service(folder / "service") as service:
            arguments = {
                "folder": str(data),
                "url": service.url,
                "cameras": CAMERAS,
                "recorded": recorded,
                "rtsp_port": rtsp_port,
                "rtsp_username": "admin",
                "rtsp_password": "Pa:ss@1/#",
            }
            command = python_command("_serve_load", json.dumps(arguments))
            with ServerProcess(command, folder / "log") as process:
                port = process.ready()["port"]
                time.sleep(_SETTLE)
                yield House(data, process, port, service)
    finally:
        shutil.rmtree(folder)


@dataclass(frozen=True)
class Point:
    """What so many cameras cost: a part of one core, and bytes."""

    cameras: int
    cpu: float
    memory: int


def measure_growth(form: Form, place: Path) -> list[Point]:
    """Measure the same Home Assistant with more and more of its cameras at work."""
    with house(place) as home:
        progress("no camera delivers")
        before = home.process.cpu_seconds()
        time.sleep(form.seconds)
        used = home.process.cpu_seconds() - before
        points = [Point(0, used / form.seconds, home.resident())]
        # Each camera's first login is by scrypt, which no later one is.
        home.load(CAMERAS, 2, hours=40)
        for number, cameras in enumerate(form.points):
            progress(f"{cameras} cameras, a snapshot a second each")
            before = home.process.cpu_seconds()
            begun = time.monotonic()
            home.load(cameras, form.seconds, hours=4 + number)
            home.drain()
            seconds = time.monotonic() - begun
            used = home.process.cpu_seconds() - before - points[0].cpu * seconds
            # The uploads that were still under way belong to these seconds.
            points.append(
                Point(cameras, points[0].cpu + used / form.seconds, home.resident())
            )
        home.check()
        home.process.finish()
    return points


@dataclass(frozen=True)
class Loaded:
    """What the whole load came to."""

    snapshots: int
    cpu: float
    loop_p99: float
    loop_worst: float
    answer_p95: float
    memory: list[int]
    dropped: int
    drain: float


def measure_load(form: Form, place: Path, clip: Path) -> Loaded:
    """Let all cameras deliver while streams are recorded. Raises WrongFilesError."""
    where = settings(clip, RECORDINGS)
    server = RtspServer(rtsp_python(), where, place / "rtsp.log")
    try:
        with house(place, rtsp_port=where.port, recorded=RECORDINGS) as home:
            home.load(CAMERAS, 5, hours=40)
            home.drain()
            memory, answers = [home.resident()], []
            before, begun = home.process.cpu_seconds(), time.monotonic()
            for minute in range(form.minutes):
                progress(f"minute {minute + 1} of {form.minutes}: all cameras")
                # Each minute's names are of an hour of their own.
                result = home.load(CAMERAS, _MINUTE, hours=4 + minute)
                answers += [(one.answered - one.asked) * 1000 for one in result.sent]
                memory.append(home.resident())
            seconds = time.monotonic() - begun
            cpu = (home.process.cpu_seconds() - before) / seconds
            ended = time.monotonic()
            drain = home.drain()
            said = home.process.finish()
            home.check()
    finally:
        server.stop()
    if said["waiting"] or said["recording"] != RECORDINGS:
        raise WrongFilesError(f"{said['recording']} streams, {said['waiting']} wait")
    late = [x * 1000 for at, x in said["late"] if begun <= at <= ended]
    return Loaded(
        snapshots=len(home.sent),
        cpu=cpu,
        loop_p99=percentile(late, 99),
        loop_worst=max(late),
        answer_p95=percentile(answers, 95),
        memory=memory,
        dropped=said["dropped"],
        drain=drain,
    )


def draw(points: list[Point]) -> None:
    """Write the plot of what cameras cost."""
    title = "What cameras cost that each send 200 KB a second"
    PLOT.parent.mkdir(exist_ok=True)
    PLOT.write_text(
        line_plot(
            title,
            "cameras",
            "processor: % of one core · memory: MB",
            [
                Line(
                    "processor, % of one core",
                    [(one.cameras, one.cpu * 100) for one in points],
                ),
                Line(
                    "memory of Home Assistant, MB",
                    [(one.cameras, one.memory / 1e6) for one in points],
                ),
            ],
        )
    )


def report(points: list[Point], loaded: Loaded, minutes: int) -> None:
    """Print everything."""
    print_table(
        ("cameras", "% of a core", "memory MB"),
        [
            (str(one.cameras), f"{one.cpu * 100:.1f}", f"{one.memory / 1e6:.0f}")
            for one in points
        ],
    )
    # The first minute fills caches and pools; what comes after it must stay.
    settled = loaded.memory[1:] if minutes > 1 else loaded.memory
    gain = (settled[-1] - settled[0]) / 1e6
    since = "after the first minute" if minutes > 1 else "in that minute"
    print_table(
        (f"{CAMERAS} cameras, {RECORDINGS} recordings, {minutes} min", ""),
        [
            ("snapshots, all of them found", f"{loaded.snapshots}"),
            ("frames dropped", f"{loaded.dropped}"),
            ("Home Assistant, cores", f"{loaded.cpu:.2f}"),
            (f"its loop late, p99 ms (limit {LIMIT_MS:g})", f"{loaded.loop_p99:.1f}"),
            ("its loop late, worst ms", f"{loaded.loop_worst:.0f}"),
            ("a snapshot's upload, p95 ms", f"{loaded.answer_p95:.0f}"),
            (
                "memory after each minute, MB",
                " ".join(f"{size / 1e6:.0f}" for size in loaded.memory[1:]),
            ),
            (f"memory gained {since}, MB", f"{gain:.1f}"),
            ("until all was in the bucket, s", f"{loaded.drain:.1f}"),
        ],
    )
    one, most = points[1], points[-1]
    print_result(
        "load",
        {
            "cost_of_a_camera_50_vs_1": (
                (most.cpu - points[0].cpu)
                / most.cameras
                / max(one.cpu - points[0].cpu, 1e-9)
            )
        },
        {
            "snapshots": loaded.snapshots,
            "lost": 0,
            "dropped": loaded.dropped,
            "loop_p99_ms": loaded.loop_p99,
            "rss_gain_mb": gain,
            "cores": loaded.cpu,
            "answer_p95_ms": loaded.answer_p95,
            "minutes": minutes,
        },
    )


def main() -> None:
    """Measure, draw and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one minute of the load")
    parser.add_argument("--minutes", type=int, help="how long the load lasts")
    arguments = parser.parse_args()
    form = _QUICK if arguments.quick else _FULL
    if arguments.minutes:
        form = Form(**{**vars(form), "minutes": arguments.minutes})
    machine = describe_machine()
    with tempfile.TemporaryDirectory(
        prefix="hikvision_nvr-benchmark-", dir=os.environ.get("TMPDIR", "/var/tmp")
    ) as name:
        place = Path(name)
        if shutil.disk_usage(place).free < form.room:
            sys.exit(f"The load needs {form.room / 1e9:.0f} GB of room in {place}.")
        make_clip(place / "clip.h264")
        points = measure_growth(form, place)
        loaded = measure_load(form, place, place / "clip.h264")
        disk = file_system(place)
    draw(points)
    print("\n".join(machine))
    print(f"Disk:    {disk}; cameras, RTSP and S3 servers run on the same cores\n")
    report(points, loaded, form.minutes)


if __name__ == "__main__":
    main()
