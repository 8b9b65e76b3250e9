"""One Home Assistant for the whole chaos, and the plan that a seed makes of it."""

from collections.abc import Iterator
import os
from pathlib import Path
import random
import sys

import pytest

from tests.offsite.servers import moto_server

from .cameras import Cameras
from .chaos import Chaos
from .clock import Clock
from .disk import Disk
from .faults import Scene
from .recorder import Recorder
from .s3 import S3Service
from .streams import Streams

LONG = bool(os.environ.get("HIKVISION_NVR_CHAOS"))
"""The long form (scripts/test --chaos)."""
_SHORT_SEED = 143
"""Its plan is quick: one start of Home Assistant, and most of what goes wrong."""


def _seed() -> int:
    """Return the seed: the one that was asked for, one for all, or any."""
    if wanted := os.environ.get("HIKVISION_NVR_CHAOS_SEED"):
        return int(wanted)
    return random.SystemRandom().randrange(1 << 32) if LONG else _SHORT_SEED


@pytest.fixture(scope="session")
def chaos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chaos]:
    """Start everything; the tests share it, because a start is most of the time."""
    if sys.platform != "linux":
        pytest.skip("the recorder is watched through /proc")
    folder: Path = tmp_path_factory.mktemp("chaos")
    seed = _seed()
    disk, clock, streams = Disk(folder), Clock(folder), Streams(folder)
    try:
        with moto_server() as server, S3Service(server) as s3:
            recorder = Recorder(folder, disk, clock, s3.url, streams.urls)
            cameras = Cameras(seed, recorder.account)
            scene = Scene(recorder, disk, clock, s3, cameras, random.Random(seed))
            try:
                recorder.set_up()
                yield Chaos(scene, seed, has_streams=bool(streams.urls))
            finally:
                s3.mend()
                recorder.kill()
    finally:
        streams.stop()
        disk.close()
