"""A recorder that is killed loses a few seconds, and nothing of what it had."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
import os
from pathlib import Path
import random
import subprocess
import sys
import time
from typing import Any

import pytest

from custom_components.hikvision_nvr.store import Store
from custom_components.hikvision_nvr.store.mp4 import read_content
from custom_components.hikvision_nvr.store.segment import unpack_places

from .conftest import BERLIN, RtspCamera, nothing_known
from .crashing import ROUND
from .feeding import WALL, feeding
from .files import decode, segment_files

ROUNDS = 50 if os.environ.get("HIKVISION_NVR_FULL") else 4
STREAM_ROUNDS = 20 if os.environ.get("HIKVISION_NVR_FULL") else 2
LEAST_RECORDED = 2.5
"""Seconds after which the first fragment is there."""
PROGRAM = Path(__file__).with_name("crashing.py")
STREAM_PROGRAM = Path(__file__).with_name("recording_stream.py")
BEGIN = datetime.fromtimestamp(WALL, UTC) - timedelta(days=2)
END = datetime.fromtimestamp(WALL, UTC) + timedelta(days=30)


def a_store(folder: Path) -> Store:
    return Store(
        folder / "media",
        folder / "catalogue.sqlite",
        time_zone=BERLIN,
        offsite=False,
    )


async def the_catalogue_equals_the_disk(
    store: Store, root: Path, begin: datetime = BEGIN, end: datetime = END
) -> None:
    found = await store.recordings.footage("front", begin, end)
    assert {store.recordings.path(segment) for segment, _ in found} == set(
        segment_files(root)
    )
    for segment, places in found:
        with store.recordings.path(segment).open("rb") as file:
            content = read_content(file.fileno())
            assert os.fstat(file.fileno()).st_size == content.size
        assert list(content.fragments) == places
        assert (content.size, content.ticks) == (segment.size, segment.ticks)
        assert segment.complete
    totals = await store.recordings.segments.totals()
    recorded, _ = totals.get("front", (0, 0))
    assert recorded == sum(segment.size for segment, _ in found)


@pytest.mark.timeout(900)
async def test_killed_at_any_moment(clips: Any, tmp_path: Path) -> None:
    clip, root = clips(), tmp_path / "media"
    choices = random.Random(7)
    for number in range(ROUNDS):
        process = subprocess.Popen(
            [sys.executable, str(PROGRAM), str(tmp_path), str(clip), str(number)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        # A first line, so that it is killed while it records.
        said = process.stdout.readline()
        time.sleep(choices.uniform(0.05, 0.8))
        process.kill()
        rest = process.stdout.read().split()
        process.wait()
        fed = int((rest or [said])[-1] if len(rest) < 2 else rest[-2])
        store = a_store(tmp_path)
        await store.open()
        try:
            await store.recover(nothing_known)
            await the_catalogue_equals_the_disk(store, root)
            last = await store.recordings.segments.last_end("front")
        finally:
            await store.close()
        until = 0.0
        if last is not None:
            until = last.timestamp() - WALL - number * ROUND
        # The open fragment is two seconds, and one may be on its way to the disk.
        assert until >= fed - 2 - 2, (until, fed)
    for file in segment_files(root)[-3:]:
        decode(file)


@pytest.mark.timeout(900)
async def test_killed_while_a_camera_is_read(
    rtsp: Callable[..., RtspCamera], tmp_path: Path
) -> None:
    camera, root = rtsp(), tmp_path / "media"
    choices = random.Random(8)
    for _ in range(STREAM_ROUNDS):
        process = subprocess.Popen(
            [sys.executable, str(STREAM_PROGRAM), str(tmp_path), camera.url],
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"recording\n"
        time.sleep(choices.uniform(LEAST_RECORDED, LEAST_RECORDED + 2))
        killed = time.time()
        process.kill()
        process.communicate()
        store = a_store(tmp_path)
        await store.open()
        try:
            await store.recover(nothing_known)
            now, day = datetime.now(UTC), timedelta(days=1)
            await the_catalogue_equals_the_disk(store, root, now - day, now + day)
            last = await store.recordings.segments.last_end("front")
        finally:
            await store.close()
        assert last is not None
        # The open fragment, and one that may be on its way to the disk.
        assert last.timestamp() >= killed - 2 - 2
    for file in segment_files(root):
        decode(file)


async def test_a_cut_off_file_plays_up_to_its_last_whole_fragment(
    clips: Any, tmp_path: Path
) -> None:
    root = tmp_path / "media"
    with feeding(clips(), root) as feeder:
        feeder.feed(20)
        feeder.end()
    (file,) = segment_files(root)
    for size in (file.stat().st_size - 1, file.stat().st_size // 2, 2000):
        os.truncate(file, size)
        (tmp_path / "catalogue.sqlite").unlink(missing_ok=True)
        store = a_store(tmp_path)
        await store.open()
        await store.recover(nothing_known)
        await the_catalogue_equals_the_disk(store, root)
        await store.close()
        if segment_files(root):
            assert decode(file).frames % 50 == 0
    # Less than one fragment is nothing that anybody could look at.
    assert segment_files(root) == []


async def test_a_lost_catalogue_is_built_anew_from_the_files(
    clips: Any, tmp_path: Path
) -> None:
    root = tmp_path / "media"
    with feeding(clips(), root) as feeder:
        feeder.feed(150)
        saved = feeder.end()
    store = a_store(tmp_path)
    await store.open()
    await store.recover(nothing_known)
    await the_catalogue_equals_the_disk(store, root)
    found = await store.recordings.footage("front", BEGIN, END)
    assert [segment.info for segment, _ in found] == [one.info for one in saved]
    assert [places for _, places in found] == [
        unpack_places(one.places) for one in saved
    ]
    await store.close()


async def test_a_file_that_vanished_leaves_no_row(clips: Any, tmp_path: Path) -> None:
    root = tmp_path / "media"
    with feeding(clips(), root) as feeder:
        feeder.feed(150)
        feeder.end()
    for gone in (None, 0):
        store = a_store(tmp_path)
        await store.open()
        await store.recover(nothing_known)
        await the_catalogue_equals_the_disk(store, root)
        await store.close()
        if gone is not None:
            break
        segment_files(root)[gone or 0].unlink()


async def test_a_start_with_nothing_to_repair_reads_no_file(
    clips: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Years of footage must not be read at every start."""
    root = tmp_path / "media"
    with feeding(clips(), root) as feeder:
        feeder.feed(60)
        feeder.end()
    store = a_store(tmp_path)
    await store.open()
    await store.recover(nothing_known)
    await store.close()
    monkeypatch.setattr(
        "custom_components.hikvision_nvr.store.segment_recovery.read_content",
        lambda _: pytest.fail("a file was read"),
    )
    store = a_store(tmp_path)
    await store.open()
    await store.recover(nothing_known)
    await store.close()
