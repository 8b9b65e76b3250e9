"""Small pictures: made once, of what cameras send, in bounds."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from http import HTTPStatus
import io
import os
from pathlib import Path
import threading
import time
from types import SimpleNamespace

import av
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from PIL import Image
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.hikvision_nvr import thumbnails
from custom_components.hikvision_nvr.store import Store
from custom_components.hikvision_nvr.thumbnails import Thumbnails, shrink_picture

from .media import clip, keep, picture, real_store
from .recorder import JPEG, NOON, FakeEngine, camera_subentry, recorder_entry

SECOND = timedelta(seconds=1)


@pytest.fixture
def platforms() -> list[Platform]:
    """None are needed."""
    return []


@pytest.fixture
def entry(home: HomeAssistant, tmp_path: Path) -> MockConfigEntry:
    """A recorder of two cameras."""
    entry = recorder_entry(
        tmp_path / "storage",
        cameras=[camera_subentry("front"), camera_subentry("yard", host="192.0.2.12")],
    )
    entry.add_to_hass(home)
    return entry


@pytest.fixture
async def store(engine: FakeEngine, tmp_path: Path) -> AsyncIterator[Store]:
    """The recorder's store, empty."""
    async with real_store(engine, tmp_path) as store:
        yield store


def mp4() -> bytes:
    """Return a clip as cameras upload it."""
    content = io.BytesIO()
    with (
        av.open(str(clip()), "r", format="h264") as source,
        av.open(content, "w", format="mp4") as target,
    ):
        stream = target.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(source.demux(video=0)):
            if packet.size:
                packet.stream = stream
                packet.pts = packet.dts = number
                target.mux(packet)
    return content.getvalue()


async def test_snapshots_and_clips_have_one(
    engine: FakeEngine,
    store: Store,
    entry: MockConfigEntry,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    snapshot = await keep(store, "a.jpg", NOON, picture(3840, 2160, "red"))
    film = await keep(store, "b.mp4", NOON, mp4())
    upright = await keep(store, "c.jpg", NOON, picture(600, 1200))
    base = entry.runtime_data.thumbnail_access.async_url("front")
    client = await hass_client_no_auth()

    async def size(capture_id: str) -> tuple[int, int]:
        answer = await client.get(f"{base}{capture_id}")
        assert answer.status == HTTPStatus.OK
        assert answer.content_type == "image/jpeg"
        assert "immutable" in answer.headers["Cache-Control"]
        with Image.open(io.BytesIO(await answer.read())) as image:
            return image.size

    assert await size(snapshot.id) == (320, 180)
    assert await size(film.id) == (320, 240)
    assert await size(upright.id) == (160, 320)
    # Once made it is there, whatever becomes of the file.
    store.path(snapshot).unlink()
    assert await size(snapshot.id) == (320, 180)


async def test_who_may_not_see_a_camera_sees_no_thumbnail_of_it(
    engine: FakeEngine,
    store: Store,
    entry: MockConfigEntry,
    hass_client_no_auth: ClientSessionGenerator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    capture = await keep(store, "a.jpg", NOON, picture())
    access = entry.runtime_data.thumbnail_access
    base = access.async_url("front")
    client = await hass_client_no_auth()

    async def status(url: str) -> int:
        return (await client.get(url)).status

    assert await status(f"{base}{capture.id}") == HTTPStatus.OK
    assert await status(f"{access.async_url('yard')}{capture.id}") == 404
    assert await status(f"{base}unknown") == 404
    assert await status(f"{base}footage/1") == 404
    wrong = "/api/hikvision_nvr/thumbnail/entry-Recorder/x/"
    assert await status(f"{wrong}{capture.id}") == 404
    assert await status(f"{wrong}footage/1") == 404
    # The address stays for a while, so that browsers keep what they have, and ends.
    assert access.async_url("front") == base
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 7 * 3600)
    assert access.async_url("front") != base
    assert await status(f"{base}{capture.id}") == HTTPStatus.OK
    monkeypatch.setattr(time, "monotonic", lambda: now + 13 * 3600)
    assert await status(f"{base}{capture.id}") == 404


def giant() -> bytes:
    """Return a JPEG whose header promises far more than it has."""
    content = bytearray(picture(64, 64))
    frame = content.index(b"\xff\xc0")
    content[frame + 5 : frame + 9] = (8_100).to_bytes(2) * 2
    return bytes(content)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no picture at all",
        giant(),
        picture()[:100],
        b"\x89PNG\r\n\x1a\n" + bytes(90),
    ],
    ids=["empty", "text", "giant", "cut off", "png"],
)
async def test_what_is_no_picture_has_none_and_harms_nobody(
    home: HomeAssistant, store: Store, entry: MockConfigEntry, content: bytes
) -> None:
    made = entry.runtime_data.thumbnails
    snapshot = await keep(store, "a.jpg", NOON, content or b"x")
    film = await keep(store, "a.mp4", NOON, content or b"x")
    if not content:
        store.path(snapshot).write_bytes(b"")
    assert await made.async_of_capture(snapshot) is None
    assert await made.async_of_capture(film) is None
    other = await keep(store, "a.avi", NOON, b"y")
    assert await made.async_of_capture(other) is None


async def test_what_failed_is_not_tried_again_at_once(
    store: Store, entry: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = entry.runtime_data.thumbnails
    broken = await keep(store, "a.jpg", NOON, b"broken")
    assert await made.async_of_capture(broken) is None
    store.path(broken).write_bytes(picture())
    assert await made.async_of_capture(broken) is None
    now = time.monotonic()
    # Its own clock alone: the event loop's timers would all be due.
    later = SimpleNamespace(monotonic=lambda: now + 601)
    monkeypatch.setattr(thumbnails, "time", later)
    assert await made.async_of_capture(broken) is not None


async def test_many_at_once_are_made_two_at_a_time_and_each_once(
    store: Store, entry: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    captures = [
        await keep(store, f"{n}.jpg", NOON + n * SECOND, picture(64 + n, 64))
        for n in range(6)
    ]
    at_once, most, calls = 0, 0, 0
    lock = threading.Lock()

    def slow(source: Path | io.BytesIO) -> bytes | None:
        nonlocal at_once, most, calls
        with lock:
            at_once += 1
            calls += 1
            most = max(most, at_once)
        time.sleep(0.02)
        with lock:
            at_once -= 1
        return shrink_picture(source)

    monkeypatch.setattr(thumbnails, "shrink_picture", slow)
    made = entry.runtime_data.thumbnails
    paths = await asyncio.gather(*(made.async_of_capture(one) for one in captures * 3))
    assert None not in paths
    assert (most, calls) == (2, 6)


async def test_the_cache_has_a_limit_and_survives_what_it_finds(
    home: HomeAssistant, engine: FakeEngine, store: Store, tmp_path: Path
) -> None:
    folder = tmp_path / "thumbs"
    made = Thumbnails(home, engine, folder, most_bytes=20_000)  # type: ignore[arg-type]
    first = None
    for n in range(40):
        capture = await keep(
            store, f"{n}.jpg", NOON + n * SECOND, picture(300 + n, 200)
        )
        path = await made.async_of_capture(capture)
        assert path is not None
        os.utime(path, (n, n))
        first = first or path
        assert sum(one.stat().st_size for one in folder.iterdir()) <= 20_000
    assert first is not None
    assert not first.exists()
    # After a power cut a file may be empty: it is made again.
    path.write_bytes(b"")
    again = await made.async_of_capture(capture)
    assert again is not None
    assert again.stat().st_size
    assert not [one for one in folder.iterdir() if one.suffix != ".jpg"]


async def test_a_recorder_that_is_removed_leaves_none(
    home: HomeAssistant, store: Store, entry: MockConfigEntry
) -> None:
    capture = await keep(store, "a.jpg", NOON, JPEG)
    path = await entry.runtime_data.thumbnails.async_of_capture(capture)
    assert path is not None
    await home.config_entries.async_remove(entry.entry_id)
    assert not path.exists()
