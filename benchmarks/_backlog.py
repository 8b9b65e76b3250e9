"""A store with a backlog: files on the disk, and a catalogue that queues them."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
import itertools
import os
from pathlib import Path
import random
import sqlite3
import uuid
from zoneinfo import ZoneInfo

from custom_components.hikvision_nvr.model import Capture, CaptureKind, DetectionType
from custom_components.hikvision_nvr.store import Store
from custom_components.hikvision_nvr.store.rows import insert_capture
from custom_components.hikvision_nvr.store.uploads import insert_upload

CAMERA = "front"
_LAST = datetime(2026, 11, 21, 23, tzinfo=UTC)
_APART = timedelta(milliseconds=700)
_BATCH = 1000
_VARIANTS = 50
"""So many different contents: the others are links to them, which no reader sees."""


def open_store(folder: Path) -> Store:
    """Return the store below a folder; it is not open yet."""
    return Store(
        folder / "storage",
        folder / "state" / "catalogue.sqlite",
        time_zone=ZoneInfo("UTC"),
        offsite=True,
    )


async def make_backlog(
    folder: Path, *, files: int, size: int, apart: timedelta = _APART
) -> dict[str, str]:
    """Make a store with so many captures to upload; return SHA-256 by key."""
    store = open_store(folder)
    await store.open()
    made = await asyncio.to_thread(_made, folder / "storage", files, size, apart)
    for batch in itertools.batched(made, _BATCH, strict=False):
        await _add(store, batch)
    await store.close()
    return {capture.relative_path: capture.sha256 for capture in made}


def _made(root: Path, files: int, size: int, apart: timedelta) -> list[Capture]:
    source = random.Random(20261122)
    contents: list[tuple[Path, str]] = []
    captures: list[Capture] = []
    for number in range(files):
        event = _LAST - apart * (files - number)
        name = f"{event:%Y%m%dT%H%M%S}{event.microsecond // 1000:03}Z.jpg"
        path = root / CAMERA / event.date().isoformat() / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if number < _VARIANTS:
            content = source.randbytes(size)
            path.write_bytes(content)
            contents.append((path, sha256(content).hexdigest()))
        else:
            os.link(contents[number % _VARIANTS][0], path)
        captures.append(
            Capture(
                id=uuid.UUID(int=source.getrandbits(128)).hex,
                camera=CAMERA,
                day=event.date(),
                name=name,
                size=size,
                sha256=contents[number % _VARIANTS][1],
                kind=CaptureKind.SNAPSHOT,
                type=DetectionType.MOTION,
                raw_type="MOTION_DETECTION",
                channel="01",
                event_time=event,
                arrived=event,
                detection_id=None,
            )
        )
    return captures


async def _add(store: Store, captures: Iterable[Capture]) -> None:
    def work(connection: sqlite3.Connection) -> None:
        for capture in captures:
            insert_capture(connection, capture)
            insert_upload(connection, capture.id)

    await store._catalogue.write(work)
