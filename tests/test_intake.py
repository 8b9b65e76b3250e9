"""What comes in by any way is told at once, and noted as far as the disk lets it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
import io
import logging
from pathlib import Path
import sqlite3
from typing import Any

from PIL import Image
import pytest

from custom_components.hikvision_nvr.camera_activity import CameraActivity
from custom_components.hikvision_nvr.errors import CatalogueError, StorageFullError
from custom_components.hikvision_nvr.intake import Intake
from custom_components.hikvision_nvr.model import (
    Brand,
    Camera,
    Capture,
    Detection,
    DetectionType,
    DeviceEvent,
)
from custom_components.hikvision_nvr.store import Store

from .store.conftest import BERLIN

FRONT = Camera(
    id="camera-front",
    name="Front",
    folder="front",
    brand=Brand.HIKVISION,
    username="front",
    password_hash="",
)


def picture() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (16, 16), "navy").save(file, "JPEG")
    return file.getvalue()


@dataclass
class Site:
    """An intake with a store, and what came out of it."""

    intake: Intake
    store: Store
    catalogue: Path
    root: Path
    told: list[Detection] = field(default_factory=list)
    kept: list[Capture] = field(default_factory=list)

    def noted(self) -> list[tuple[Any, ...]]:
        """Return the detections of the catalogue, as another process sees them."""
        with sqlite3.connect(f"file:{self.catalogue}?mode=ro", uri=True) as connection:
            found = connection.execute("SELECT * FROM detections").fetchall()
        connection.close()
        return found


@pytest.fixture
async def site(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Site]:
    """An intake of one camera; its parameter is the reserve of the store."""
    told: list[Detection] = []
    kept: list[Capture] = []
    catalogue = tmp_path / "catalogue.sqlite"
    store = Store(
        tmp_path / "media",
        catalogue,
        time_zone=BERLIN,
        offsite=False,
        reserve=getattr(request, "param", 0),
    )
    await store.open()
    intake = Intake(
        store,
        [FRONT],
        CameraActivity([FRONT], lambda: None),
        time_zone=BERLIN,
        on_detection=told.append,
        on_capture=kept.append,
    )
    await intake.start()
    yield Site(intake, store, catalogue, tmp_path / "media", told, kept)
    await intake.drain()
    await store.close()


def event(**changes: Any) -> DeviceEvent:
    fields: dict[str, Any] = {
        "type": DetectionType.VEHICLE,
        "raw_type": "ANPR",
        "channel": 1,
        "active": True,
        "told": datetime.now(UTC),
    }
    return DeviceEvent(**(fields | changes))


async def test_what_a_device_repeats_is_written_only_when_there_is_more_of_it(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[tuple[str | None, str | None]] = []
    note = site.store.note_detection

    async def counted(camera: str, detection: Detection) -> None:
        written.append((detection.plate, detection.region))
        await note(camera, detection)

    monkeypatch.setattr(site.store, "note_detection", counted)
    for _ in range(3):
        site.intake.hear(FRONT, event())
    site.intake.hear(FRONT, event(region="2"))
    site.intake.hear(FRONT, event())
    site.intake.hear(FRONT, event(plate="AB 123"))
    await site.intake.drain()
    assert written == [(None, None), (None, "2"), ("AB 123", "2")]
    assert len(site.told) == len(site.noted()) == 1


async def test_an_event_that_was_told_late_is_dated_by_the_devices_clock(
    site: Site,
) -> None:
    happened = datetime.now(UTC) - timedelta(minutes=20)
    site.intake.hear(FRONT, event(told=happened, late=True))
    # A clock that runs ahead does not date what has not been yet.
    ahead = datetime.now(UTC) + timedelta(hours=1)
    site.intake.hear(
        FRONT, event(type=DetectionType.MOTION, raw_type="VMD", told=ahead, late=True)
    )
    first, second = site.told
    assert first.event_time == happened
    assert second.event_time <= datetime.now(UTC)


async def test_a_detection_that_cannot_be_noted_is_told_all_the_same(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def full(*_: object) -> None:
        raise CatalogueError("the disk is full")

    monkeypatch.setattr(site.store, "note_detection", full)
    site.intake.hear(FRONT, event())
    await site.intake.drain()
    assert len(site.told) == 1
    assert "A detection of Front is not noted: the disk is full" in caplog.text


@pytest.mark.parametrize("site", [1 << 60], indirect=True)
async def test_a_picture_that_the_disk_has_no_room_for_leaves_nothing(
    site: Site,
) -> None:
    incident, new = site.intake.hear(FRONT, event())
    assert new
    # More than stays in memory while it comes.
    large = picture() + bytes(3 << 20)
    with pytest.raises(StorageFullError):
        await site.intake.take_picture(FRONT, large, datetime.now(UTC), incident)
    assert list((site.root / ".incoming").iterdir()) == []
    assert site.kept == []
    assert incident.detection.capture_id is None


async def test_what_nobody_has_foreseen_is_in_the_log_and_ends_no_camera(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise ValueError("unforeseen")

    with monkeypatch.context() as patch:
        patch.setattr(site.store, "keep", broken)
        with pytest.raises(ValueError, match="unforeseen"):
            await site.intake.take_picture(FRONT, picture(), datetime.now(UTC))
        await asyncio.sleep(0)
    (record,) = (one for one in caplog.records if one.levelno == logging.ERROR)
    assert record.exc_info is not None
    capture = await site.intake.take_picture(FRONT, picture(), datetime.now(UTC))
    assert site.kept == [capture]


async def test_only_a_file_that_is_held_gets_another_name(site: Site) -> None:
    taken = datetime(2026, 11, 22, 12, tzinfo=UTC)
    capture = await site.intake.take_picture(FRONT, picture(), taken)
    await site.intake.rename(FRONT, capture.id, "other.jpg")
    await site.intake.rename(FRONT, "nobody's", "other.jpg")
    assert await site.store.captures.get(capture.id) == capture

    incoming = site.store.receive()
    await incoming.write(picture())
    held = await site.intake.take(FRONT, "a.jpg.tmp", incoming)
    assert held is not None
    await site.intake.rename(FRONT, held.id, "b.jpg.part")
    assert await site.store.captures.get(held.id) == held
    await site.intake.rename(FRONT, held.id, "a.jpg")
    named = await site.store.captures.get(held.id)
    assert named is not None
    assert named.name == "a.jpg"
