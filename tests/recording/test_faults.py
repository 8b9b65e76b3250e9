"""What goes wrong around a recording, and what is lost by it."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
import os
from pathlib import Path
import re
import shutil
import subprocess
import time
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from custom_components.hikvision_nvr.errors import StorageFullError
from custom_components.hikvision_nvr.model import GapReason, RecordingState
from custom_components.hikvision_nvr.recording.playlist import media_playlist
from custom_components.hikvision_nvr.store import Store, segment_writer
from custom_components.hikvision_nvr.store.mp4 import read_content
from tests.mounts import can_mount

from .conftest import BERLIN, RtspCamera, a_camera, nothing_known
from .feeding import WALL, Feeder, feeding
from .files import decode, segment_files
from .test_streams import fragments

type Make = Callable[..., RtspCamera]
type Record = Callable[..., Any]

FRAGMENT = 2.0
SYNC = 2.0
"""Seconds: the shortest that can be chosen."""


async def test_a_camera_without_a_free_session_is_told_and_tried_again(
    rtsp: Make, record: Record, tmp_path: Path
) -> None:
    """It answers 453, not enough bandwidth, until another viewer has left."""
    camera = rtsp(sessions=0)
    async with record(a_camera(camera.url)) as recorded:
        status = await recorded.until_state(RecordingState.FAILED)
        assert status.error == "stream_busy"
        camera.stop()
        camera.start(sessions=1)
        await recorded.until_state(RecordingState.RECORDING)
        await recorded.until_footage(fragments(1))


async def test_h265_with_a_minute_between_key_frames_loses_nothing(
    rtsp: Make, record: Record, tmp_path: Path
) -> None:
    camera = rtsp({"seconds": 12, "key_interval": 1500}, codec="h265")
    async with record(a_camera(camera.url)) as recorded:
        found = await recorded.until_footage(fragments(3))
    places = found[0][1]
    assert [place.key for place in places[:3]] == [True, False, False]
    (file,) = segment_files(tmp_path / "media")
    decoded = decode(file)
    assert decoded.frames > 100
    assert decoded.frames == pytest.approx(decoded.seconds * 25 + 1, abs=1)


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A tmpfs of 1 MiB."""
    if not can_mount():
        pytest.skip("Only root on Linux can mount a small disk")
    path = tmp_path / "disk"
    path.mkdir()
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(path)], check=True
    )
    yield path
    subprocess.run(["umount", "-l", str(path)], check=True)


def test_a_disk_that_is_full_in_the_middle_of_a_fragment(
    clips: Any, tiny_disk: Path
) -> None:
    """Half a fragment is taken back; once there is room, the recording goes on."""
    filler, root = tiny_disk / "other", tiny_disk / "media"
    feeder = Feeder(clips(), root)
    try:
        feeder.feed(4.04)
        feeder.settle()
        (file,) = segment_files(root)
        whole = file.stat().st_size
        # Room for a page of the next fragment, and not for all of it.
        filler.write_bytes(bytes(shutil.disk_usage(tiny_disk).free - 4096))
        feeder.feed(2)
        feeder.settle()
        assert file.stat().st_size == whole
        feeder.feed(4)
        (error,) = feeder.told.errors
        assert isinstance(error, StorageFullError)
        assert feeder.space.is_set()
        filler.unlink()
        feeder.feed(10)
        feeder.settle()
    finally:
        saved = feeder.end()
    assert feeder.told.begins[-1][1] is GapReason.STORAGE
    files = segment_files(root)
    assert len(files) == len(saved) == 2
    for path in files:
        with path.open("rb") as content:
            assert read_content(content.fileno()).size == path.stat().st_size
        assert decode(path).frames >= 100


@pytest.mark.parametrize(
    "change",
    [datetime(2026, 10, 25, 1, tzinfo=UTC), datetime(2026, 3, 29, 1, tzinfo=UTC)],
)
async def test_daylight_saving_is_nothing_to_recordings(
    clips: Any, tmp_path: Path, change: datetime
) -> None:
    """An hour comes twice, or never: names, order and times stay those of UTC."""
    root, zone = tmp_path / "media", ZoneInfo("Europe/Berlin")
    begin = change - timedelta(seconds=90)
    assert begin.astimezone(zone).utcoffset() != change.astimezone(zone).utcoffset()
    with feeding(clips(), root) as feeder:
        feeder.clock.offset += begin.timestamp() - WALL
        feeder.feed(180)
        saved = feeder.end()
    assert len({one.info.run for one in saved}) == 1
    assert len(feeder.told.begins) == 1
    files = segment_files(root)
    assert [path.parent.name for path in files] == ["00", "00", "01", "01"]
    store = Store(root, tmp_path / "catalogue.sqlite", time_zone=BERLIN, offsite=False)
    await store.open()
    try:
        await store.recover(nothing_known)
        found = await store.recordings.footage(
            "front", begin, begin + timedelta(minutes=5)
        )
        assert [store.recordings.path(one) for one, _ in found] == files
        for (before, _), (after, _) in pairwise(found):
            assert abs(after.start - before.end) < timedelta(milliseconds=50)
        text = media_playlist(
            found, begin, begin + timedelta(minutes=5), lambda one: f"{one.id}.mp4"
        )
        assert await store.recordings.segments.days("front", zone) == [change.date()]
    finally:
        await store.close()
    times = [
        datetime.fromisoformat(told)
        for told in re.findall(r"PROGRAM-DATE-TIME:(.*)", text)
    ]
    assert times == sorted(times)
    assert "gap" not in text


async def test_a_power_cut_loses_the_open_fragment_and_the_unsynced_seconds(
    clips: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a disk has for sure is what was synced: all else is cut off here."""
    root = tmp_path / "media"
    synced: dict[int, int] = {}
    real = os.fdatasync

    def fdatasync(descriptor: int) -> None:
        real(descriptor)
        status = os.fstat(descriptor)
        synced[status.st_ino] = status.st_size

    monkeypatch.setattr(segment_writer.os, "fdatasync", fdatasync)
    feeder = Feeder(clips(), root, sync_interval=SYNC)
    cuts: list[tuple[float, Path]] = []
    fed, begun = 0.0, time.monotonic()
    try:
        # In step with the clock, because that is what the writer syncs by.
        while fed < 11:
            feeder.feed(0.2)
            fed += 0.2
            time.sleep(max(0.0, begun + fed - time.monotonic()))
            if fed > 4.5 and len(cuts) < (fed - 4.5) / 0.7:
                cuts.append((fed, tmp_path / f"cut-{len(cuts)}"))
                _copy_what_is_synced(root, cuts[-1][1], dict(synced))
    finally:
        feeder.end()
    assert len(cuts) >= 8
    for seconds, copy in cuts:
        store = Store(
            copy, tmp_path / f"{copy.name}.sqlite", time_zone=BERLIN, offsite=False
        )
        await store.open()
        try:
            await store.recover(nothing_known)
            last = await store.recordings.segments.last_end("front")
        finally:
            await store.close()
        assert last is not None
        lost = WALL + seconds - last.timestamp()
        assert lost <= FRAGMENT + SYNC + 0.6, (lost, seconds)
        for file in segment_files(copy):
            decode(file)


def _copy_what_is_synced(root: Path, copy: Path, synced: dict[int, int]) -> None:
    for path in [root / ".hikvision_nvr", *segment_files(root)]:
        target = copy / path.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        content = path.read_bytes()
        if path.suffix == ".mp4":
            content = content[: synced.get(path.stat().st_ino, 0)]
        target.write_bytes(content)
