"""A store on a temporary disk."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from custom_components.hikvision_nvr.model import (
    Capture,
    CaptureKind,
    DetectionType,
    Sighting,
)
from custom_components.hikvision_nvr.store import Store

BERLIN = ZoneInfo("Europe/Berlin")
EVENT = datetime(2026, 11, 21, 23, 30, 0, tzinfo=UTC)
"""On 22 November in Berlin."""


def sighting(
    event_time: datetime = EVENT, kind: CaptureKind = CaptureKind.SNAPSHOT
) -> Sighting:
    return Sighting(
        kind=kind,
        type=DetectionType.MOTION,
        raw_type="MOTION_DETECTION",
        channel="01",
        event_time=event_time,
    )


def describe(_camera: str, _path: str, _arrived: datetime) -> Sighting:
    return sighting()


async def keep(
    store: Store,
    content: bytes = b"picture",
    name: str = "a.jpg",
    *,
    camera: str = "front",
    event_time: datetime = EVENT,
    arrived: datetime = EVENT,
    kind: CaptureKind = CaptureKind.SNAPSHOT,
) -> Capture:
    incoming = store.receive()
    await incoming.write(content)
    return await store.keep(
        incoming,
        camera=camera,
        name=name,
        sighting=sighting(event_time, kind),
        arrived=arrived,
        detection_id="incident",
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "media"


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    return tmp_path / "state" / "catalogue.sqlite"


@pytest.fixture
async def open_store(
    root: Path, catalogue: Path
) -> AsyncIterator[Callable[[], AsyncIterator[Store]]]:
    """Return a function that opens the store; each call is another start."""
    opened: list[Store] = []

    async def start(*, offsite: bool = True) -> Store:
        for store in opened:
            await store.close()
        opened.clear()
        store = Store(root, catalogue, time_zone=BERLIN, offsite=offsite)
        await store.open()
        opened.append(store)
        return store

    yield start  # type: ignore[misc]
    for store in opened:
        await store.close()


@pytest.fixture
async def store(open_store: Callable[[], object]) -> Store:
    return await open_store()  # type: ignore[misc, no-any-return]
