"""A real store behind the engine that only remembers, filled by what really writes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
import io
from pathlib import Path
import tempfile
from typing import Any

from homeassistant.util import dt as dt_util
from PIL import Image

from custom_components.hikvision_nvr.model import (
    Capture,
    CaptureKind,
    DetectionType,
    Sighting,
)
from custom_components.hikvision_nvr.store import Store
from custom_components.hikvision_nvr.store.segment import SavedSegment
from tests.recording.feeding import WALL, Feeder
from tests.simulators.byte_stream import make_byte_stream

from .recorder import JPEG, FakeEngine

FOOTAGE = datetime.fromtimestamp(WALL, UTC)
"""When footage that is fed begins."""


@asynccontextmanager
async def real_store(
    engine: FakeEngine,
    state: Path,
    *,
    offsite: bool = False,
    footage: tuple[float, ...] = (),
    pause: float = 0.0,
) -> AsyncIterator[Store]:
    """Put a real store in the place of the engine's, with so many minutes of footage.

    With a ``pause`` (seconds) between one stretch of footage and the next.
    """
    root = engine.settings.storage_root
    saved = record(root, *footage, pause=pause) if footage else []
    store = Store(
        root,
        state / "state" / "catalogue.sqlite",
        time_zone=dt_util.get_default_time_zone(),
        offsite=offsite,
    )
    await store.open()
    await store.recordings.segments.save(saved)
    engine.store = store  # type: ignore[assignment]
    try:
        yield store
    finally:
        await store.close()


async def keep(
    store: Store,
    name: str,
    when: datetime,
    content: bytes = JPEG,
    *,
    camera: str = "front",
    detection_id: str | None = None,
    **sighting: Any,
) -> Capture:
    """Let a camera deliver a file."""
    incoming = store.receive()
    await incoming.write(content)
    seen = Sighting(
        kind=CaptureKind.CLIP if name.endswith(".mp4") else CaptureKind.SNAPSHOT,
        type=DetectionType.MOTION,
        raw_type="MOTION_DETECTION",
        channel="01",
        event_time=when,
    )
    return await store.keep(
        incoming,
        camera=camera,
        name=name,
        sighting=replace(seen, **sighting),
        arrived=when + timedelta(seconds=1),
        detection_id=detection_id,
    )


def picture(width: int = 1280, height: int = 720, colour: str = "navy") -> bytes:
    """Return a JPEG."""
    content = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(content, "JPEG")
    return content.getvalue()


@cache
def clip() -> Path:
    """Return a stream that cameras send over and over."""
    folder = Path(tempfile.mkdtemp(prefix="clip-"))
    return make_byte_stream(folder / "clip.stream", seconds=4)


def record(root: Path, *minutes: float, pause: float = 0.0) -> list[SavedSegment]:
    """Record the camera ``front`` for so long, several times with a pause (seconds).

    Before the store is opened: it lets nobody else write.
    """
    feeder = Feeder(clip(), root)
    try:
        for number, length in enumerate(minutes):
            if number:
                feeder.pipeline.finish()
                feeder.clock.now += pause
                feeder.pipeline = feeder.new_pipeline()
            feeder.feed(length * 60)
    finally:
        saved = feeder.end()
    return saved
