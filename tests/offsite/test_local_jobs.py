"""On the disk: a folder of others is sorted, and only what is offsite is purged."""

from datetime import date, datetime
import os
from pathlib import Path
import time
from typing import Any

import pytest

from custom_components.hikvision_nvr.errors import StorageError
from custom_components.hikvision_nvr.jobs import JobRun
from custom_components.hikvision_nvr.local_jobs import LocalJobs
from custom_components.hikvision_nvr.offsite.archive import Archiver
from custom_components.hikvision_nvr.offsite.bucket import Bucket
from custom_components.hikvision_nvr.offsite.proof import proven_offsite

from .conftest import BERLIN, LocalStore, Remote, describe
from .test_archive import noise
from .test_archive_days import uploaded

DAY = date(2026, 11, 20)
SORT = {"camera": None, "patterns": ["*.jpg", "*.mp4"], "grace": 60, "dry_run": False}
PURGE = {
    "before": "2026-11-21",
    "camera": None,
    "pattern": "*",
    "dry_run": False,
    "max_delete": 100,
    "include_not_offsite": False,
}


@pytest.fixture
def jobs(bucket: Bucket, local: LocalStore) -> LocalJobs:
    return LocalJobs(
        local.store,
        local.store._placement.root,
        describe,
        BERLIN,
        lambda captures: proven_offsite(bucket, local.store, captures),
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "vsftpd"
    folder.mkdir()
    return folder


def put(path: Path, content: bytes = b"picture", *, age: float = 3600) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    then = time.time() - age
    os.utime(path, (then, then))


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


async def test_folder_is_sorted_like_a_bucket(jobs: LocalJobs, folder: Path) -> None:
    put(folder / "CAM" / "20261120T100000Z.jpg", b"a")
    put(folder / "CAM" / "20261120T230000Z.JPG", b"b")
    put(folder / "CAM" / "noname.mp4", b"c", age=0)
    then = datetime(2024, 2, 24, 23, 30, tzinfo=BERLIN).timestamp()
    os.utime(folder / "CAM" / "noname.mp4", (then, then))
    put(folder / "CAM" / "notes.txt", b"d")
    put(folder / "CAM" / "20261120T110000Z.jpg", b"young", age=0)
    put(folder / "CAM" / "2026-11-19" / "old.jpg", b"e")
    put(folder / "_private" / "20261120T100000Z.jpg", b"f")
    put(folder / "root.jpg", b"g")
    result = await jobs.sort_folder(JobRun({**SORT, "folder": str(folder)}))
    assert tree(folder) == {
        "CAM/2024-02-24/noname.mp4": b"c",
        "CAM/2026-11-19/old.jpg": b"e",
        "CAM/2026-11-20/20261120T100000Z.jpg": b"a",
        "CAM/2026-11-21/20261120T230000Z.JPG": b"b",
        "CAM/20261120T110000Z.jpg": b"young",
        "CAM/notes.txt": b"d",
        "_private/20261120T100000Z.jpg": b"f",
        "root.jpg": b"g",
    }
    assert (result["moved"], result["skipped"], result["failed"]) == (3, 2, 0)
    assert result["by_camera"] == {"CAM": 3}


async def test_folder_sort_overwrites_nothing(jobs: LocalJobs, folder: Path) -> None:
    name = "20261120T100000Z.jpg"
    put(folder / "CAM" / "2026-11-20" / name, b"first")
    put(folder / "CAM" / name, b"second")
    put(folder / "OTHER" / "2026-11-20" / name, b"same")
    put(folder / "OTHER" / name, b"same")
    result = await jobs.sort_folder(JobRun({**SORT, "folder": str(folder)}))
    assert (result["moved"], result["renamed"], result["duplicates"]) == (1, 1, 1)
    assert tree(folder) == {
        f"CAM/2026-11-20/{name}": b"first",
        "CAM/2026-11-20/20261120T100000Z~1.jpg": b"second",
        f"OTHER/2026-11-20/{name}": b"same",
    }


async def test_folder_sort_dry_run_one_camera_and_links(
    jobs: LocalJobs, folder: Path, tmp_path: Path
) -> None:
    name = "20261120T100000Z.jpg"
    put(folder / "A" / name)
    put(folder / "B" / name)
    put(tmp_path / "secret.jpg")
    (folder / "A" / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    before = tree(folder)
    arguments = {**SORT, "folder": str(folder), "camera": "A"}
    result = await jobs.sort_folder(JobRun({**arguments, "dry_run": True}))
    assert (result["moved"], tree(folder)) == (1, before)
    await jobs.sort_folder(JobRun(arguments))
    assert (folder / "A" / "2026-11-20" / name).is_file()
    assert (folder / "A" / "link.jpg").is_symlink()
    assert (folder / "B" / name).is_file()


async def test_folder_sort_leaves_the_recorders_own_storage(
    jobs: LocalJobs, local: LocalStore
) -> None:
    root = local.store._placement.root
    for folder in (root, root.parent, root / "CAM"):
        with pytest.raises(StorageError, match="own storage"):
            await jobs.sort_folder(JobRun({**SORT, "folder": str(folder)}))


async def test_folder_that_is_not_there_is_an_error(
    jobs: LocalJobs, tmp_path: Path
) -> None:
    with pytest.raises(StorageError):
        await jobs.sort_folder(JobRun({**SORT, "folder": str(tmp_path / "gone")}))


async def on_disk(local: LocalStore) -> list[str]:
    root = local.store._placement.root
    return sorted(path.name for path in (root / "CAM").rglob("*") if path.is_file())


async def test_only_what_the_bucket_has_is_purged(
    jobs: LocalJobs, bucket: Bucket, local: LocalStore
) -> None:
    await uploaded(bucket, local, noise(1, 1000), "offsite.jpg")
    event = datetime(2026, 11, 20, 12, tzinfo=BERLIN)
    await local.keep(b"waits", "waits.jpg", camera="CAM", event_time=event)
    result = await jobs.purge.purge_local(JobRun(PURGE))
    assert (result["deleted"], result["not_offsite"]) == (1, 1)
    assert await on_disk(local) == ["waits.jpg"]
    assert local.store.used == len(b"waits")
    # It is still known, with its place in the bucket.
    (known,) = [
        one
        for one in await local.store.captures.all_on("CAM", DAY)
        if one.name == "offsite.jpg"
    ]
    assert (known.local, known.object_key) == (False, "CAM/2026-11-20/offsite.jpg")
    assert await local.waiting() == 1


@pytest.mark.parametrize("damage", ["gone", "replaced"])
async def test_word_of_the_catalogue_is_no_proof(
    jobs: LocalJobs, bucket: Bucket, local: LocalStore, remote: Remote, damage: str
) -> None:
    await uploaded(bucket, local, noise(1, 1000), "a.jpg")
    if damage == "gone":
        remote.client.delete_object(Bucket=remote.name, Key="CAM/2026-11-20/a.jpg")
    else:
        remote.put("CAM/2026-11-20/a.jpg", noise(2, 1000))
    result = await jobs.purge.purge_local(JobRun(PURGE))
    assert (result["deleted"], result["not_offsite"]) == (0, 1)
    assert await on_disk(local) == ["a.jpg"]


@pytest.mark.parametrize("intact", [True, False])
async def test_archive_is_a_proof_if_its_index_proves_it(
    jobs: LocalJobs, bucket: Bucket, local: LocalStore, remote: Remote, intact: bool
) -> None:
    await uploaded(bucket, local, noise(1, 1000), "a.jpg")
    archiver = Archiver(bucket, local.store, BERLIN)
    done = await archiver.archive("CAM", DAY, storage_class="GLACIER")
    if not intact:
        remote.put(done.key, noise(3, done.bytes_out))
    result = await jobs.purge.purge_local(JobRun(PURGE))
    assert result["deleted"] == int(intact)
    assert await on_disk(local) == ([] if intact else ["a.jpg"])


async def test_purge_without_a_bucket_needs_to_be_told(local: LocalStore) -> None:
    event = datetime(2026, 11, 20, 12, tzinfo=BERLIN)
    await local.keep(b"only here", camera="CAM", event_time=event)
    jobs = LocalJobs(local.store, local.store._placement.root, describe, BERLIN, None)
    assert (await jobs.purge.purge_local(JobRun(PURGE)))["deleted"] == 0
    everything = {**PURGE, "include_not_offsite": True}
    tried = await jobs.purge.purge_local(JobRun({**everything, "dry_run": True}))
    assert (tried["matched"], tried["deleted"]) == (1, 0)
    assert (await jobs.purge.purge_local(JobRun(everything)))["deleted"] == 1
    assert await on_disk(local) == []
    assert await local.store.captures.all_on("CAM", DAY) == []
    assert await local.waiting() == 0


async def test_purge_takes_the_oldest_up_to_its_limit(
    jobs: LocalJobs, local: LocalStore
) -> None:
    for number in range(4):
        event = datetime(2026, 11, 17 + number, 12, tzinfo=BERLIN)
        await local.keep(
            bytes(number + 1), f"{number}.jpg", camera="CAM", event_time=event
        )
    arguments = {**PURGE, "include_not_offsite": True, "max_delete": 2}
    result = await jobs.purge.purge_local(JobRun(arguments))
    assert (result["matched"], result["deleted"], result["remaining"]) == (4, 2, 2)
    assert await on_disk(local) == ["2.jpg", "3.jpg"]
    # An empty day leaves no folder behind, and a late file of it finds its place.
    root = local.store._placement.root / "CAM"
    assert sorted(path.name for path in root.iterdir()) == ["2026-11-19", "2026-11-20"]
    await local.keep(
        b"late",
        "late.jpg",
        camera="CAM",
        event_time=datetime(2026, 11, 17, 12, tzinfo=BERLIN),
    )
    assert await on_disk(local) == ["2.jpg", "3.jpg", "late.jpg"]


@pytest.mark.parametrize(
    ("change", "left"),
    [
        ({"camera": "CAM2"}, ["a.jpg", "b.mp4"]),
        ({"pattern": "*.MP4"}, ["a.jpg"]),
        ({"before": "2026-11-20"}, ["a.jpg", "b.mp4"]),
    ],
)
async def test_purge_keeps_what_is_not_meant(
    jobs: LocalJobs, local: LocalStore, change: dict[str, Any], left: list[str]
) -> None:
    event = datetime(2026, 11, 20, 12, tzinfo=BERLIN)
    for name in ("a.jpg", "b.mp4"):
        await local.keep(name.encode(), name, camera="CAM", event_time=event)
    await jobs.purge.purge_local(
        JobRun({**PURGE, "include_not_offsite": True, **change})
    )
    assert await on_disk(local) == left


async def test_purged_captures_leave_the_media_browser(
    jobs: LocalJobs, local: LocalStore, bucket: Bucket
) -> None:
    await uploaded(bucket, local, noise(1, 1000), "a.jpg")
    store = local.store
    assert await store.captures.days("CAM") == [(DAY, 1)]
    await jobs.purge.purge_local(JobRun(PURGE))
    assert await store.captures.days("CAM") == []
    assert await store.captures.on_day("CAM", DAY) == []
    assert await store.captures.latest_snapshot("CAM") is None
