"""Footage that the demo's own cameras do not send, for its recorder to find."""

from datetime import datetime
from pathlib import Path
import shutil
import tempfile

from custom_components.hikvision_nvr.model import VideoCodec
from custom_components.hikvision_nvr.recording.nal import split_byte_stream
from custom_components.hikvision_nvr.recording.pipeline import Pipeline
from custom_components.hikvision_nvr.recording.source import VideoFormat
from tests.recording.feeding import TICKS, feeding
from tests.simulators.byte_stream import make_byte_stream

DELIMITER = b"\x00\x00\x00\x01\x46\x01"
FRAMES_PER_SECOND = 25


def put_h265(storage: Path, camera: str, begin: datetime, seconds: int) -> None:
    """Record H.265 as the recorder does, and put it where it looks at its next start."""
    with tempfile.TemporaryDirectory() as name:
        clip = make_byte_stream(Path(name, "clip.h265"), codec="h265", seconds=4)
        units = [
            split_byte_stream(DELIMITER + rest)
            for rest in clip.read_bytes().split(DELIMITER)[1:]
        ]
        root = Path(name, "storage")
        with feeding(clip, root) as feeder:
            feeder.clock.offset = begin.timestamp() - feeder.clock.now
            feeder.pipeline = Pipeline(
                camera,
                feeder.writer,
                feeder.clock.clocks,
                feeder.told,
                wanted=lambda: True,
                pre_roll=0,
                stagger=0,
            )
            feeder.pipeline.opened(
                VideoFormat(codec=VideoCodec.H265, parameter_sets=()), None
            )
            for number in range(seconds * FRAMES_PER_SECOND):
                ticks = number * TICKS
                feeder.pipeline.video(
                    units[number % len(units)], ticks, ticks, feeder.clock.now
                )
                feeder.clock.now += TICKS / 90_000
        shutil.copytree(
            root / camera / "recordings",
            storage / camera / "recordings",
            dirs_exist_ok=True,
        )
