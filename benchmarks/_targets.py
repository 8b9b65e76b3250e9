"""What each figure must reach, as the issues of this project have set it.

A benchmark prints more than this; what has no target is reported without one.
"""

from dataclasses import dataclass
import math


@dataclass(frozen=True)
class Target:
    """A bound, and what the figure is of."""

    bound: float
    what: str
    at_least: bool = False
    unit: str = ""

    def is_met(self, value: float) -> bool:
        """Tell whether a figure is good enough."""
        return value >= self.bound if self.at_least else value <= self.bound

    @property
    def text(self) -> str:
        """The bound as it is written in a table."""
        return f"{'≥' if self.at_least else '≤'} {self.bound:g}{self.unit}"


def _faster(bound: float, what: str) -> Target:
    """Return the target of a rate of ours by a peer's."""
    return Target(bound, what, at_least=True, unit=" ×")


def _less(bound: float, what: str) -> Target:
    """Return the target of what we need by what a peer needs."""
    return Target(bound, what, unit=" ×")


def _most(bound: float, unit: str, what: str) -> Target:
    return Target(bound, what, unit=f" {unit}".rstrip())


_LOOP = "how much later Home Assistant's loop gets, p99"

TARGETS: dict[str, dict[str, Target]] = {
    "receiver": {
        "tls10_files_vs_pyftpdlib": _faster(1.0, "files a second, 10 connections"),
        "tls10_files_vs_vsftpd": _faster(1.0, "files a second, 10 connections"),
        "reconnect_vs_pyftpdlib": _faster(1.0, "files a second, a login for each"),
        "big_vs_pyftpdlib": _faster(0.8, "one file of 512 MB"),
        "rss_mb_50": _most(100, "MB", "peak memory with 50 connections"),
        "callback_p95_ms": _most(15, "ms", "last byte to detection, p95"),
        "state_p95_ms": _most(30, "ms", "last byte to Home Assistant's state, p95"),
        "loop_p99_gain_ms": _most(5, "ms", f"{_LOOP}, 50 cameras flat out"),
    },
    "sftp": {
        "files10_vs_openssh": _faster(0.6, "files a second, 10 connections"),
        "reconnect_vs_openssh": _faster(2.5, "files a second, a login for each"),
        "big_vs_openssh": _faster(0.45, "one file of 512 MB"),
        "rss_mb_50": _most(100, "MB", "peak memory with 50 connections"),
    },
    "offsite": {
        "upload_vs_awscli": _faster(1.2, "upload of 2,000 files of 200 KB"),
        "upload_vs_rclone": _faster(1.0, "the same, as many at a time"),
        "drain_rss_gain_mb": _most(20, "MB", "memory gained by a backlog of 100,000"),
        "pick_ms": _most(1, "ms", "to pick the next of 100,000, median"),
        "loop_p99_gain_ms": _most(5, "ms", f"{_LOOP}, draining"),
    },
    "sort": {"sort_vs_serial": _faster(10, "sorting 1,000 objects")},
    "archive": {
        "archive_vs_toolkit_method": _faster(3, "archiving 1,000 files of 200 KB"),
        "extra_rss_mb": _most(64, "MB", "memory beyond that of doing nothing"),
    },
    "recording": {
        "cpu_vs_ffmpeg_12": _less(1.3, "processor time for 12 streams"),
        "rss_vs_ffmpeg_12": _less(0.35, "memory for 12 streams"),
        "dropped": _most(0, "", "frames dropped"),
        "loop_p99_gain_ms": _most(5, "ms", f"{_LOOP}, 12 streams"),
        "first_frame_s": _most(3.5, "s", "from the start to the first frame"),
        "playlist_ms": _most(10, "ms", "a playlist of an hour"),
        "soak_rss_gain_mb": _most(10, "MB", "memory gained in the soak"),
    },
    "reader": {
        "cpu_vs_ffmpeg_12": _less(0.5, "processor time for 12 streams"),
        "cpu_vs_pyav_12": _less(0.5, "processor time for 12 streams"),
        "cpu_vs_ffmpeg_aac_12": _less(0.3, "the same with sound"),
        "rss_vs_pyav_12": _less(0.5, "memory for 12 streams"),
        "dropped": _most(0, "", "frames dropped"),
        "loop_p99_gain_ms": _most(5, "ms", f"{_LOOP}, 12 streams"),
    },
    "device_events": {
        "state_p95_ms": _most(50, "ms", "event to Home Assistant's state, p95"),
    },
    "catalogue": {
        "slowest_ms": _most(20, "ms", "the slowest question to a million rows"),
    },
    "recording_catalogue": {
        key: _most(20, "ms", "of five million segments")
        for key in (
            "day_ms",
            "has_footage_ms",
            "days_ms",
            "hour_with_fragments_ms",
            "gaps_ms",
            "totals_ms",
            "rate_ms",
            "oldest_ms",
            "oldest_undetected_ms",
            "due_by_age_ms",
        )
    },
    "startup": {
        "slowest_setup_s": _most(1.5, "s", "set-up with a million captures"),
    },
    "card": {
        "drag_frames_per_second": Target(
            60, "scrolling a day of 5,000 events", at_least=True, unit=" /s"
        ),
    },
    "load": {
        "lost": _most(0, "", "snapshots lost"),
        "dropped": _most(0, "", "frames dropped"),
        "loop_p99_ms": _most(20, "ms", "how late Home Assistant's loop is, p99"),
        "rss_gain_mb": _most(20, "MB", "memory gained after the first minute"),
    },
}


def judged(benchmark: str, key: str, value: float) -> tuple[str, str]:
    """Return a figure's target and whether it is met, both empty if it has none."""
    target = TARGETS.get(benchmark, {}).get(key)
    if target is None:
        return "", ""
    met = math.isfinite(value) and target.is_met(value)
    return target.text, "met" if met else "missed"


def meaning(benchmark: str, key: str) -> str:
    """Return what a figure is of, empty where its name has to say it."""
    target = TARGETS.get(benchmark, {}).get(key)
    return "" if target is None else target.what
