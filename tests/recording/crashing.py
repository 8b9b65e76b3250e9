"""Records as fast as it can until it is killed; says how far it is.

Run as a program: folder, clip, round. Media time passes with the test's own clocks, so
that minutes of footage take a second.
"""

import asyncio
from pathlib import Path
import sys
import time
from types import ModuleType
from zoneinfo import ZoneInfo

PACKAGE = "custom_components.hikvision_nvr"
ROOT = Path(__file__).parents[2]
ROUND = 10_000
"""Seconds of the clock between two rounds."""


def without_home_assistant() -> None:
    """Let the rooms be imported without what belongs to Home Assistant."""
    sys.path.insert(0, str(ROOT))
    package = ModuleType(PACKAGE)
    package.__path__ = [str(ROOT / PACKAGE.replace(".", "/"))]
    sys.modules[PACKAGE] = package


async def record(folder: Path, clip: Path, number: int) -> None:
    from custom_components.hikvision_nvr.model import VideoCodec
    from custom_components.hikvision_nvr.recording.pipeline import Pipeline
    from custom_components.hikvision_nvr.recording.source import VideoFormat
    from custom_components.hikvision_nvr.store import Store
    from tests.recording.feeding import (
        DELIMITER,
        TICKS,
        FakeClocks,
        Told,
        split_byte_stream as split,
    )

    store = Store(
        folder / "media",
        folder / "catalogue.sqlite",
        time_zone=ZoneInfo("UTC"),
        offsite=False,
        sync_interval=0.05,
    )
    await store.open()
    await store.recover(lambda *_: None)  # type: ignore[arg-type, return-value]
    await store.recordings.start(lambda _: None)
    clock = FakeClocks()
    clock.offset += number * ROUND
    pipeline = Pipeline(
        "front",
        store.recordings.writer,
        clock.clocks,
        Told(),
        wanted=lambda: True,
        pre_roll=0,
        stagger=0,
    )
    pipeline.opened(VideoFormat(codec=VideoCodec.H264, parameter_sets=()), None)
    units = [split(DELIMITER + rest) for rest in clip.read_bytes().split(DELIMITER)[1:]]
    for frame in range(1_000_000):
        pipeline.video(
            units[frame % len(units)], frame * TICKS, frame * TICKS, clock.now
        )
        clock.now += TICKS / 90_000
        if frame % 25 == 0:
            # What was said here was fed before.
            print(frame // 25, flush=True)
            await asyncio.sleep(0)
            # As a camera's minutes leave the writer all the time that it needs.
            while store.recordings.writer.queued("front"):
                time.sleep(0.001)
            time.sleep(0.001)


if __name__ == "__main__":
    without_home_assistant()
    asyncio.run(record(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))
