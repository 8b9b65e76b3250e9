"""Recordings go to S3 by choice, after every capture, and stay until they are there."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
import hashlib
from pathlib import Path
import threading
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from custom_components.hikvision_nvr.model import (
    CaptureKind,
    DetectionType,
    OffsiteRecordings,
    RetentionSettings,
    S3Settings,
    Sighting,
)
from custom_components.hikvision_nvr.offsite import Offsite, pace, recordings
from custom_components.hikvision_nvr.offsite.multipart import PART_SIZE
from custom_components.hikvision_nvr.offsite.traffic import Traffic, Yielding
from custom_components.hikvision_nvr.store import Store, retention
from custom_components.hikvision_nvr.store.mp4 import Fragment
from custom_components.hikvision_nvr.store.segment import (
    SavedSegment,
    SegmentInfo,
    pack_place,
)
from custom_components.hikvision_nvr.store.segments import insert_detection

from .conftest import Remote

NOW = datetime.now(UTC).replace(microsecond=0)
SIZE = 100_000
ALL = {"front": OffsiteRecordings.ALL}
DETECTIONS = {"front": OffsiteRecordings.DETECTIONS}


@pytest.fixture
async def store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Store]:
    monkeypatch.setattr(retention, "_CLOCK_TRUST", 0.0)
    opened = Store(
        tmp_path / "media",
        tmp_path / "catalogue.sqlite",
        time_zone=ZoneInfo("Europe/Berlin"),
        offsite=True,
        retention=RetentionSettings(days=1),
    )
    await opened.open()
    yield opened
    await opened.close()


async def add(
    store: Store,
    start: datetime,
    *,
    camera: str = "front",
    content: bytes = bytes(SIZE),
    complete: bool = True,
) -> str:
    """Add a segment with its file, as the writer does; return its path."""
    info = SegmentInfo(
        camera=camera,
        run="00000000",
        sequence=0,
        start_us=int(start.timestamp() * 1_000_000),
        video="avc1.4D0028",
        audio=None,
    )
    path = store._root.path / info.relative_path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    saved = SavedSegment(
        info=info,
        size=len(content),
        ticks=60 * 90_000,
        init_size=1000,
        places=pack_place(Fragment(1000, 0, True)),
        complete=complete,
    )
    await store.recordings.segments.save([saved])
    store.recordings.uploads.arrived()
    return info.relative_path


async def detect(store: Store, when: datetime) -> None:
    await store.recordings.segments._catalogue.write(
        lambda connection: insert_detection(
            connection, f"{when}", "front", DetectionType.MOTION, when
        )
    )
    store.recordings.uploads.arrived()


async def keep(store: Store, name: str, content: bytes) -> None:
    incoming = store.receive()
    await incoming.write(content)
    await store.keep(
        incoming,
        camera="front",
        name=name,
        sighting=Sighting(
            kind=CaptureKind.CLIP,
            type=None,
            raw_type=None,
            channel=None,
            event_time=NOW,
        ),
        arrived=NOW,
        detection_id=None,
    )


@asynccontextmanager
async def uploading(
    store: Store, settings: S3Settings, wanted: dict[str, OffsiteRecordings]
) -> AsyncIterator[Offsite]:
    await store.recordings.uploads.choose(wanted)
    offsite = Offsite(settings, store, ZoneInfo("UTC"), lambda *_: None)  # type: ignore[arg-type, return-value]
    await offsite.start()
    try:
        yield offsite
    finally:
        await offsite.stop()


async def until(condition: Callable[[], Any], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not await asyncio.to_thread(condition):
            await asyncio.sleep(0.05)


async def until_empty(store: Store) -> None:
    async with asyncio.timeout(20):
        while (await store.recordings.uploads.backlog())[0]:
            await asyncio.sleep(0.05)


def recordings_of(remote: Remote) -> list[str]:
    return [key for key in remote.listed() if "/recordings/" in key]


async def test_all_recordings_of_a_chosen_camera_go_offsite_as_they_are(
    store: Store, settings: S3Settings, remote: Remote
) -> None:
    """Also those larger than one part; nothing of the camera that was not chosen."""
    large = hashlib.sha256(b"a").digest() * ((PART_SIZE + 5_000_000) // 32)
    await store.recordings.uploads.choose(ALL)
    first = await add(store, NOW - timedelta(minutes=3), content=b"first" * 1000)
    second = await add(store, NOW - timedelta(minutes=2), content=large)
    await add(store, NOW - timedelta(minutes=2), camera="garden")
    await add(store, NOW - timedelta(minutes=1), complete=False)
    async with uploading(store, settings, ALL):
        await until_empty(store)
    assert recordings_of(remote) == [first, second]
    assert remote.read(first) == b"first" * 1000
    assert remote.read(second) == large
    metadata = remote.head(first)["Metadata"]
    assert metadata["sha256"] == hashlib.sha256(b"first" * 1000).hexdigest()
    assert metadata["start-time"] == (NOW - timedelta(minutes=3)).isoformat()
    assert remote.unfinished_uploads() == []
    # Once is enough: neither a detection nor a restart sends it again.
    await detect(store, NOW - timedelta(minutes=3))
    assert (await store.recordings.uploads.backlog())[0] == 0


async def test_only_footage_of_detections_also_of_those_told_later(
    store: Store, settings: S3Settings, remote: Remote
) -> None:
    await store.recordings.uploads.choose(DETECTIONS)
    quiet = await add(store, NOW - timedelta(minutes=30))
    late = await add(store, NOW - timedelta(minutes=20))
    await detect(store, NOW - timedelta(minutes=9, seconds=30))
    early = await add(store, NOW - timedelta(minutes=10))
    async with uploading(store, settings, DETECTIONS):
        await until(lambda: recordings_of(remote) == [early])
        await detect(store, NOW - timedelta(minutes=19, seconds=30))
        await until(lambda: recordings_of(remote) == [late, early])
        await until_empty(store)
    assert quiet not in remote.listed()


async def test_nothing_goes_offsite_unless_that_was_chosen(
    store: Store, settings: S3Settings, remote: Remote
) -> None:
    await add(store, NOW)
    async with uploading(store, settings, {"front": OffsiteRecordings.OFF}):
        await keep(store, "a.mp4", b"a capture")
        await until(remote.listed)
    assert recordings_of(remote) == []
    assert (await store.recordings.uploads.backlog())[0] == 0


async def test_what_was_chosen_before_is_not_sent_once_it_is_not_any_more(
    store: Store,
) -> None:
    await store.recordings.uploads.choose(ALL)
    await add(store, NOW)
    assert (await store.recordings.uploads.backlog())[0] == 1
    await store.recordings.uploads.choose(DETECTIONS)
    assert (await store.recordings.uploads.backlog())[0] == 0


async def test_a_capture_never_waits_for_a_recording(
    store: Store,
    settings: S3Settings,
    remote: Remote,
) -> None:
    """While captures are sent, not even the body that is half sent goes on."""
    traffic = Traffic()
    bandwidth = Yielding(traffic, (), ZoneInfo("UTC"))
    await asyncio.wait_for(bandwidth.take(1), 1)
    with traffic:
        taking = asyncio.create_task(bandwidth.take(1))
        done, _ = await asyncio.wait([taking], timeout=0.1)
        assert not done
        with traffic:
            pass
        done, _ = await asyncio.wait([taking], timeout=0.1)
        assert not done
    await asyncio.wait_for(taking, 1)

    await store.recordings.uploads.choose(ALL)
    path = await add(store, NOW, content=b"r" * 5_000_000)
    async with uploading(store, settings, ALL) as offsite:
        with offsite._uploader.traffic:
            await keep(store, "a.mp4", b"a capture")
            await until(lambda: len(remote.listed()) == 1)
            assert recordings_of(remote) == []
            # Nor does it begin while another capture is on its way.
            await asyncio.sleep(0.3)
            assert recordings_of(remote) == []
        await until(lambda: recordings_of(remote) == [path])


async def test_another_object_under_its_name_is_not_overwritten(
    store: Store, settings: S3Settings, remote: Remote
) -> None:
    await store.recordings.uploads.choose(ALL)
    same = await add(store, NOW - timedelta(minutes=2), content=b"same" * 100)
    other = await add(store, NOW - timedelta(minutes=1), content=b"other" * 100)
    remote.put(same, b"same" * 100)
    remote.put(other, b"somebody else's")
    async with uploading(store, settings, ALL):
        await until_empty(store)
    assert remote.read(other) == b"somebody else's"
    suffix = hashlib.sha256(b"other" * 100).hexdigest()[:8]
    assert recordings_of(remote) == sorted(
        [same, other, other.replace(".mp4", f"~{suffix}.mp4")]
    )


async def test_an_outage_is_waited_for_and_a_deleted_file_is_forgotten(
    store: Store,
    settings: S3Settings,
    remote: Remote,
) -> None:
    await store.recordings.uploads.choose(ALL)
    path = await add(store, NOW - timedelta(minutes=1))
    gone = await add(store, NOW - timedelta(minutes=2))
    (store._root.path / gone).unlink()
    remote.client.delete_bucket(Bucket=remote.name)
    async with uploading(store, settings, ALL) as offsite:
        await until(lambda: offsite.connected is False)
        assert (await store.recordings.uploads.backlog())[0] == 2
        remote.client.create_bucket(Bucket=remote.name)
        await offsite.upload_now()
        await until_empty(store)
    assert recordings_of(remote) == [path]


async def test_recording_whose_disk_was_unplugged_for_a_moment_is_not_forgotten(
    store: Store,
    settings: S3Settings,
    remote: Remote,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await store.recordings.uploads.choose(ALL)
    path = await add(store, NOW - timedelta(minutes=1))
    file = store._root.path / path
    elsewhere = file.with_suffix(".elsewhere")
    digests = recordings._digests
    read = threading.Event()

    def read_without_disk(path: Path, size: int) -> object:
        if read.is_set():
            return digests(path, size)
        read.set()
        file.rename(elsewhere)
        try:
            return digests(path, size)
        finally:
            elsewhere.rename(file)

    monkeypatch.setattr(recordings, "_digests", read_without_disk)
    monkeypatch.setattr(recordings, "_IDLE_SECONDS", 0.05)
    monkeypatch.setattr(pace, "RETRY_FIRST_SECONDS", 0.05)
    async with uploading(store, settings, ALL):
        await until(read.is_set)
        await until_empty(store)
    assert recordings_of(remote) == [path]


async def test_what_waits_for_its_upload_is_not_deleted(
    store: Store,
    settings: S3Settings,
    remote: Remote,
) -> None:
    await store.recordings.uploads.choose(ALL)
    path = await add(store, NOW - timedelta(days=5))
    await store.recordings.retention.apply()
    assert (store._root.path / path).exists()
    async with uploading(store, settings, ALL):
        await until_empty(store)
    await store.recordings.retention.apply()
    assert not (store._root.path / path).exists()
    assert recordings_of(remote) == [path]


async def test_a_full_disk_takes_what_waits_for_its_upload_at_the_very_last(
    store: Store,
) -> None:
    """S3 may be down for weeks, and the cameras are to be recorded all the same."""
    await add(store, NOW - timedelta(hours=5), camera="front")
    await store.recordings.uploads.choose({"garden": OffsiteRecordings.ALL})
    waits = await add(store, NOW - timedelta(hours=9), camera="garden")
    free = await add(store, NOW - timedelta(hours=1), camera="front")
    room = store.recordings.retention
    assert await room._free(SIZE * 2) == 2
    assert (store._root.path / waits).exists()
    assert not (store._root.path / free).exists()
    assert await room._free(SIZE) == 1
    assert not (store._root.path / waits).exists()
