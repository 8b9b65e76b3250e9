"""Room is made by age, size and free space: oldest first, and never of what must stay."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
import os
from pathlib import Path
import shutil
import subprocess
from typing import Any

import pytest

from custom_components.hikvision_nvr.errors import (
    OffsiteUnreachableError,
    StorageError,
    StorageFullError,
)
from custom_components.hikvision_nvr.model import (
    Capture,
    CaptureKind,
    DetectionType,
    OffsiteRecordings,
    RetentionSettings,
    Sighting,
    StoragePressure,
)
from custom_components.hikvision_nvr.store import Store, retention
from custom_components.hikvision_nvr.store.mp4 import Fragment
from custom_components.hikvision_nvr.store.segment import (
    SavedSegment,
    Segment,
    SegmentInfo,
    pack_place,
)
from custom_components.hikvision_nvr.store.uploads import Upload
from tests.mounts import can_mount

from .conftest import BERLIN, a_camera

NOW = datetime.now(UTC)
SIZE = 100_000

type Open = Callable[..., Any]


@pytest.fixture(autouse=True)
def _trusted_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ages be believed at once; one test says otherwise."""
    monkeypatch.setattr(retention, "_CLOCK_TRUST", 0.0)


@pytest.fixture
async def open_store(tmp_path: Path) -> AsyncIterator[Open]:
    """Return what opens a store."""
    opened: list[Store] = []

    async def start(
        settings: RetentionSettings | None = None,
        *,
        root: Path | None = None,
        offsite: bool = False,
        reserve: int = 0,
        **camera: Any,
    ) -> Store:
        store = Store(
            root or tmp_path / "media",
            tmp_path / "catalogue.sqlite",
            time_zone=BERLIN,
            offsite=offsite,
            reserve=reserve,
            cameras=[a_camera(**camera)],
            retention=settings or RetentionSettings(),
        )
        await store.open()
        opened.append(store)
        return store

    yield start
    for store in opened:
        await store.close()


async def add(
    store: Store, *starts: datetime, camera: str = "front", size: int = SIZE
) -> None:
    """Add segments of a minute, with files of so many bytes."""
    saved = []
    for start in starts:
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
        path.write_bytes(bytes(size))
        saved.append(
            SavedSegment(
                info=info,
                size=size,
                ticks=60 * 90_000,
                init_size=1000,
                places=pack_place(Fragment(1000, 0, True)),
                complete=True,
            )
        )
    await store.recordings.segments.save(saved)


async def left(store: Store, camera: str = "front") -> list[datetime]:
    """Return when the segments begin that are left, in the catalogue and on disk."""
    segments: list[Segment] = await store.recordings.segments.between(
        camera, NOW - timedelta(days=900), NOW + timedelta(days=900)
    )
    files = sorted(
        (store._root.path / camera / "recordings").glob("*/*/*.mp4"),
        key=lambda path: path.name,
    )
    assert [store.recordings.path(one) for one in segments] == files
    return [one.start for one in segments]


async def keep(
    store: Store,
    name: str = "a.jpg",
    *,
    uploaded: bool,
    arrived: datetime = NOW - timedelta(days=400),
) -> Capture:
    incoming = store.receive()
    await incoming.write(bytes(SIZE))
    capture = await store.keep(
        incoming,
        camera="front",
        name=name,
        sighting=Sighting(
            kind=CaptureKind.SNAPSHOT,
            type=None,
            raw_type=None,
            channel=None,
            event_time=NOW - timedelta(days=400),
        ),
        arrived=arrived,
        detection_id=None,
    )
    if uploaded:
        picked = Upload(capture=capture, path=store.path(capture), attempts=0)
        await store.uploads.succeeded(picked, capture.relative_path)
    return capture


def ago(**age: float) -> datetime:
    return (NOW - timedelta(**age)).replace(microsecond=0)


async def test_by_days(open_store: Open) -> None:
    store = await open_store(RetentionSettings(days=3))
    await add(store, ago(days=5), ago(days=3, hours=1), ago(days=2), ago(hours=1))
    assert await store.recordings.retention.apply() == 2
    assert await left(store) == [ago(days=2), ago(hours=1)]
    # The folders of days that are gone are gone as well.
    days = os.listdir(store._root.path / "front" / "recordings")
    assert len(days) <= 2


async def test_a_camera_can_have_days_of_its_own(open_store: Open) -> None:
    store = await open_store(RetentionSettings(days=3), days=10)
    await add(store, ago(days=5), ago(days=11))
    await add(store, ago(days=5), camera="other")
    await store.recordings.retention.apply()
    assert await left(store) == [ago(days=5)]
    assert await left(store, "other") == []


async def test_footage_of_detections_is_kept_longer(open_store: Open) -> None:
    store = await open_store(RetentionSettings(days=3, detection_days=30))
    seen, early, late = ago(days=5), ago(days=5, minutes=5), ago(days=40)
    await add(store, seen, early, late)
    for name, start in (("a.jpg", seen), ("b.jpg", late)):
        incoming = store.receive()
        await incoming.write(name.encode())
        await store.keep(
            incoming,
            camera="front",
            name=name,
            sighting=Sighting(
                kind=CaptureKind.SNAPSHOT,
                type=DetectionType.MOTION,
                raw_type=None,
                channel=None,
                event_time=start + timedelta(seconds=30),
            ),
            arrived=start,
            detection_id=name,
        )
    await store.recordings.retention.apply()
    assert await left(store) == [seen]


async def test_by_size_in_total_and_of_one_camera(open_store: Open) -> None:
    store = await open_store(RetentionSettings(max_bytes=5 * SIZE), max_bytes=2 * SIZE)
    mine = [ago(hours=hour) for hour in (9, 7, 5, 3, 1)]
    others = [ago(hours=hour) for hour in (10, 8, 6, 4, 2)]
    await add(store, *mine)
    await add(store, *others, camera="other")
    await store.recordings.retention.apply()
    assert await left(store) == mine[-2:]
    assert await left(store, "other") == others[-3:]


async def test_what_is_held_stays_until_it_is_released(open_store: Open) -> None:
    store = await open_store(RetentionSettings(days=3, max_bytes=0))
    segments = store.recordings.segments
    held = ago(days=10)
    await add(store, held, ago(days=9), ago(hours=1))
    await segments.hold("front", held, held + timedelta(seconds=10))
    await store.recordings.retention.apply()
    assert await left(store) == [held]
    assert await segments.release("front", held, held + timedelta(minutes=1)) == 1
    await store.recordings.retention.apply()
    assert await left(store) == []


async def test_what_still_has_to_go_offsite_outlives_its_days_and_goes_last(
    open_store: Open,
) -> None:
    store = await open_store(RetentionSettings(days=3))
    await store.recordings.uploads.choose({"front": OffsiteRecordings.ALL})
    waits, sent, new = ago(days=9), ago(days=8), ago(hours=1)
    await add(store, sent)
    upload = await store.recordings.uploads.pick()
    assert upload is not None
    await store.recordings.uploads.succeeded(upload)
    await add(store, waits)
    await add(store, new, camera="other")
    await store.recordings.retention.apply()
    assert await left(store) == [waits]
    # Where there is no other room it goes, so that recording goes on.
    await store.recordings.retention._free(1)
    assert (await left(store), await left(store, "other")) == ([waits], [])
    await store.recordings.retention._free(1)
    assert await left(store) == []
    assert await store.recordings.uploads.pick() is None


async def test_what_somebody_looks_at_is_spared(open_store: Open) -> None:
    store = await open_store(RetentionSettings(days=3))
    await add(store, ago(days=10), ago(days=9))
    await store.recordings.footage(
        "front", ago(days=10), ago(days=10) + timedelta(minutes=1), watch=True
    )
    await store.recordings.retention.apply()
    assert await left(store) == [ago(days=10)]


async def test_a_clock_that_was_just_set_deletes_nothing_by_age(
    open_store: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "_CLOCK_TRUST", 3600.0)
    store = await open_store(RetentionSettings(days=3))
    await add(store, ago(days=10))
    assert await store.recordings.retention.apply() == 0


async def test_one_pass_deletes_only_so_much_by_age(
    open_store: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "_MOST_BY_AGE", 64)
    store = await open_store(RetentionSettings(days=3))
    await add(store, *(ago(days=10, minutes=n) for n in range(100)), size=10)
    assert await store.recordings.retention.apply() == 64


async def test_no_link_is_followed(open_store: Open, tmp_path: Path) -> None:
    """Neither a file nor a folder that is a link leads to what is deleted."""
    store = await open_store(RetentionSettings(days=3))
    await add(store, ago(days=5), ago(days=10))
    precious = tmp_path / "precious"
    recordings = store._root.path / "front" / "recordings"
    (old, newer) = sorted(recordings.glob("*/*/*.mp4"))
    # The newer one becomes a link itself, the folder of the older one another.
    precious.mkdir()
    target = precious / "film.mp4"
    target.write_bytes(b"film")
    newer.unlink()
    newer.symlink_to(target)
    moved = precious / old.parent.name
    shutil.move(old.parent, moved)
    old.parent.symlink_to(moved)
    with pytest.raises(retention.RecorderError):
        await store.recordings.retention.apply()
    assert target.read_bytes() == b"film"
    assert (moved / old.name).exists()


async def test_a_storage_that_is_gone_loses_no_row(
    open_store: Open, tmp_path: Path
) -> None:
    store = await open_store(RetentionSettings(days=3))
    await add(store, ago(days=10))
    root = tmp_path / "media"
    root.rename(tmp_path / "away")
    root.mkdir()
    with pytest.raises(retention.RecorderError):
        await store.recordings.retention.apply()
    (tmp_path / "away").rename(tmp_path / "back")
    root.rmdir()
    (tmp_path / "back").rename(root)
    assert await left(store) == [ago(days=10)]


class SmallDisk:
    """A disk of some MiB that others can fill."""

    def __init__(self, path: Path, size: int) -> None:
        self.path = path
        self.size = size
        self.root = path / "media"
        self.other = path / "other"

    def fill(self, size: int) -> None:
        self.other.write_bytes(bytes(size))

    @property
    def free(self) -> int:
        return shutil.disk_usage(self.path).free


@pytest.fixture
def disk(tmp_path: Path) -> Any:
    """A tmpfs of 16 MiB."""
    if not can_mount():
        pytest.skip("Only root on Linux can mount a small disk")
    path = tmp_path / "disk"
    path.mkdir()
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(path)], check=True
    )
    yield SmallDisk(path, 16 << 20)
    subprocess.run(["umount", "-l", str(path)], check=True)


async def test_others_fill_the_disk_the_oldest_goes_and_the_owner_is_told(
    open_store: Open, disk: SmallDisk
) -> None:
    reserve = 4 << 20
    store = await open_store(root=disk.root, reserve=reserve)
    await add(store, *(ago(hours=hour) for hour in range(80, 0, -1)))
    keeper = store.recordings.retention
    await keeper.apply()
    assert keeper.pressure is None
    assert len(await left(store)) == 80
    disk.fill(7 << 20)
    assert disk.free < reserve
    await keeper.apply()
    assert disk.free >= reserve
    kept = await left(store)
    assert 0 < len(kept) < 80
    assert kept == [ago(hours=hour) for hour in range(len(kept), 0, -1)]
    assert keeper.pressure is StoragePressure.OTHERS


async def test_our_own_growth_is_no_reason_to_worry(
    open_store: Open, disk: SmallDisk
) -> None:
    store = await open_store(root=disk.root, reserve=4 << 20)
    keeper = store.recordings.retention
    await keeper.apply()
    for hour in range(200, 0, -10):
        await add(store, *(ago(hours=hour, minutes=-n) for n in range(10)))
        await keeper.apply()
        assert disk.free >= 4 << 20
    assert keeper.pressure is None
    assert keeper.days_that_fit is not None


async def test_a_full_disk_with_nothing_to_delete_is_told(
    open_store: Open, disk: SmallDisk
) -> None:
    store = await open_store(root=disk.root, reserve=4 << 20, offsite=True)
    waiting = await keep(store, uploaded=False)
    disk.fill(13 << 20)
    keeper = store.recordings.retention
    await keeper.apply()
    assert keeper.pressure is StoragePressure.FULL
    assert store.path(waiting).exists()
    disk.fill(0)
    await keeper.apply()
    assert keeper.pressure is None


async def test_captures_that_are_offsite_make_room_others_never(
    open_store: Open, disk: SmallDisk
) -> None:
    store = await open_store(root=disk.root, reserve=4 << 20, offsite=True)
    safe = await keep(store, uploaded=True)
    waiting = await keep(store, "b.jpg", uploaded=False)
    Prover(store, safe)
    await add(store, ago(hours=2))
    used = store.used
    disk.fill((12 << 20) - SIZE)
    await store.recordings.retention.apply()
    assert not store.path(safe).exists()
    assert store.path(waiting).exists()
    assert store.used == used - safe.size
    # It is known to be in the bucket still, and is not told as being here.
    assert await store.captures.get(safe.id) is not None
    assert safe.id not in {
        one.id for one in await store.captures.on_day("front", safe.day)
    }


async def test_room_is_made_before_uploads_are_refused(
    open_store: Open, disk: SmallDisk
) -> None:
    """Room that ended where the reserve begins would be none for what arrives."""
    reserve = 4 << 20
    store = await open_store(root=disk.root, reserve=reserve, offsite=True)
    Prover(store, await keep(store, uploaded=True))
    disk.fill(disk.free - reserve - 4096)
    with pytest.raises(StorageFullError):
        await keep(store, "b.jpg", uploaded=False)
    await store.recordings.retention.apply()
    await keep(store, "b.jpg", uploaded=False)


async def test_a_refused_upload_asks_for_room_at_once(
    open_store: Open, disk: SmallDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not at the next look, until which no camera could deliver."""
    monkeypatch.setattr(retention, "_INTERVAL", 3600.0)
    monkeypatch.setattr(retention, "_SHORTEST", 0.0)
    reserve = 4 << 20
    store = await open_store(root=disk.root, reserve=reserve, offsite=True)
    safe = await keep(store, uploaded=True)
    Prover(store, safe)
    keeper = store.recordings.retention
    looks: asyncio.Queue[int] = asyncio.Queue()
    look = keeper.apply

    async def counted() -> int:
        removed = await look()
        looks.put_nowait(removed)
        return removed

    monkeypatch.setattr(keeper, "apply", counted)
    keeping = asyncio.create_task(keeper.run(lambda: None))
    try:
        async with asyncio.timeout(20):
            assert await looks.get() == 0
            disk.fill(disk.free - reserve - 4096)
            with pytest.raises(StorageFullError):
                await keep(store, "b.jpg", uploaded=False)
            assert await looks.get() == 1
        await keep(store, "b.jpg", uploaded=False)
    finally:
        keeping.cancel()


async def test_what_came_under_a_wrong_clock_hides_nothing(
    open_store: Open, disk: SmallDisk
) -> None:
    reserve = 4 << 20
    store = await open_store(root=disk.root, reserve=reserve, offsite=True)
    ahead = await keep(store, uploaded=True, arrived=NOW + timedelta(days=400))
    bucket = Prover(store, ahead)
    disk.fill(disk.free - reserve)
    await store.recordings.retention.apply()
    assert not store.path(ahead).exists()

    later = await keep(store, "b.jpg", uploaded=True)
    bucket.has.add(later.id)
    await store.recordings.retention.apply()
    await store.recordings.retention.apply()
    assert not store.path(later).exists()


class Prover:
    """Stands for the bucket: what it has, what it was asked for, whether it answers."""

    def __init__(self, store: Store, *has: Capture) -> None:
        self.has = {one.id for one in has}
        self.asked: list[str] = []
        self.down = False
        store.recordings.retention.captures.proof = self.proof

    async def proof(self, captures: Sequence[Capture]) -> set[str]:
        self.asked += [one.id for one in captures]
        if self.down:
            raise OffsiteUnreachableError("S3 does not answer", endpoint="s3")
        return {one.id for one in captures} & self.has


async def test_the_catalogues_word_is_no_reason_to_delete_the_last_copy(
    open_store: Open, disk: SmallDisk, caplog: pytest.LogCaptureFixture
) -> None:
    """A bucket that was emptied, or made anew, has nothing of what was uploaded."""
    store = await open_store(root=disk.root, reserve=4 << 20, offsite=True)
    kept = [await keep(store, f"{n:03}.jpg", uploaded=True) for n in range(70)]
    bucket = Prover(store, kept[-1])
    disk.fill((12 << 20) - 70 * SIZE)
    keeper = store.recordings.retention
    await keeper.apply()
    # All were asked about, also behind a crowd that is not there; one has a copy.
    assert bucket.asked == [one.id for one in kept]
    assert [one for one in kept if not store.path(one).exists()] == kept[-1:]
    assert "stay on the disk" in caplog.text
    # They are not asked about each minute, and are once an hour has passed.
    bucket.has |= {one.id for one in kept}
    disk.fill((12 << 20) - 69 * SIZE)
    bucket.asked.clear()
    await keeper.apply()
    assert bucket.asked == []
    assert keeper.pressure is StoragePressure.FULL
    keeper.captures._round_ends = 0.0
    await keeper.apply()
    assert bucket.asked
    assert not store.path(kept[0]).exists()
    assert disk.free >= 4 << 20


async def test_while_s3_is_down_footage_makes_room_and_no_capture(
    open_store: Open, disk: SmallDisk
) -> None:
    store = await open_store(root=disk.root, reserve=4 << 20, offsite=True)
    older = await keep(store, uploaded=True)
    bucket = Prover(store, older)
    bucket.down = True
    await add(store, *(ago(hours=hour) for hour in (3, 2, 1)))
    disk.fill((12 << 20) - 3 * SIZE)
    keeper = store.recordings.retention
    await keeper.apply()
    assert disk.free >= 4 << 20
    assert store.path(older).exists()
    assert len(await left(store)) < 3
    # It is not asked again at once, and is believed again when it answers.
    bucket.down = False
    disk.fill(13 << 20)
    bucket.asked.clear()
    await keeper.apply()
    assert bucket.asked == []
    assert await left(store) == []
    assert store.path(older).exists()
    keeper.captures._again_at = 0.0
    await keeper.apply()
    assert not store.path(older).exists()


async def test_what_cannot_be_read_as_the_disk_goes_is_not_in_doubt(
    open_store: Open, disk: SmallDisk
) -> None:
    store = await open_store(root=disk.root, reserve=4 << 20, offsite=True)
    safe = await keep(store, uploaded=True)
    disk.fill(disk.free - (4 << 20))
    unplugged = disk.root.with_name("unplugged")

    async def unplug(_captures: Sequence[Capture]) -> set[str]:
        disk.root.rename(unplugged)
        return set()

    store.recordings.retention.captures.proof = unplug
    with pytest.raises(StorageError):
        await store.recordings.retention.apply()
    unplugged.rename(disk.root)
    Prover(store, safe)
    await store.recordings.retention.apply()
    assert not store.path(safe).exists()


async def test_without_s3_no_capture_is_deleted_to_make_room(
    open_store: Open, disk: SmallDisk
) -> None:
    store = await open_store(root=disk.root, reserve=4 << 20)
    only = await keep(store, uploaded=False)
    disk.fill(13 << 20)
    await store.recordings.retention.apply()
    assert store.path(only).exists()


async def test_a_year_of_twelve_cameras_is_browsed_by_index(open_store: Open) -> None:
    """Whatever has grown with the years, no question may walk all rows."""
    store = await open_store()
    plans: list[str] = []
    # The questions of the media browser, of playlists and of retention.
    script = """
        SELECT * FROM segments WHERE camera = 'a' AND start_us < 9 ORDER BY start_us;
        SELECT max(start_us) FROM segments WHERE camera = 'a' AND start_us < 9;
        SELECT end_us FROM segments WHERE camera = 'a' ORDER BY start_us DESC LIMIT 1;
        SELECT id FROM segments WHERE complete = 1 ORDER BY start_us LIMIT 64;
        SELECT id FROM segments WHERE complete = 1 AND detected = 0 AND camera = 'a'
            ORDER BY start_us LIMIT 64;
        SELECT * FROM gaps WHERE camera = 'a' AND start_us < 9 ORDER BY start_us;
        SELECT rowid, * FROM captures WHERE local = 1 AND uploaded_us IS NOT NULL
            AND arrived_us >= 9 AND (arrived_us, rowid) > (9, 9)
            ORDER BY arrived_us LIMIT 64
    """
    questions = script.split(";")

    def explain(connection: Any) -> None:
        for question in questions:
            rows = connection.execute(f"EXPLAIN QUERY PLAN {question}").fetchall()
            plans.append(" | ".join(row["detail"] for row in rows))

    await store._catalogue.read(explain)
    for question, plan in zip(questions, plans, strict=True):
        assert "USING" in plan, (question, plan)
        assert "TEMP B-TREE" not in plan, (question, plan)
