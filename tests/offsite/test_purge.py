"""Purging deletes what it said it would, no more, and never what is reserved."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
import uuid

from aiohttp import web
import pytest

from custom_components.hikvision_nvr.errors import OffsiteError
from custom_components.hikvision_nvr.jobs import JobRun
from custom_components.hikvision_nvr.offsite.archive import Archiver
from custom_components.hikvision_nvr.offsite.archive_job import ArchiveJob, DayChoice
from custom_components.hikvision_nvr.offsite.bucket import Bucket
from custom_components.hikvision_nvr.offsite.client import open_bucket
from custom_components.hikvision_nvr.offsite.discovery import discover
from custom_components.hikvision_nvr.offsite.purge import Purger, PurgeScope
from custom_components.hikvision_nvr.offsite.transfer import send

from .conftest import BERLIN, LocalStore, Remote, client_of, settings_for
from .proxy import S3Proxy
from .test_archive_days import uploaded

KEPT = [
    "_hikvision_nvr/2020-01-01/probe",
    "_hikvision_nvr/probe-1",
    "A/archive/notes.txt",
    "A/holiday/a.jpg",
    "test.io",
]
CAPTURES = [
    "A/2026-11-18/1.jpg",
    "A/2026-11-19/1.jpg",
    "A/2026-11-20/1.jpg",
    "B/2026-11-17/1.jpg",
]
ARCHIVES = [
    "A/archive/2026-10-01.2.tar.gz",
    "A/archive/2026-10-01.index.json.gz",
    "A/archive/2026-10-01.tar.gz",
    "A/archive/2026-11-20.tar.gz",
]
BEFORE = date(2026, 11, 20)


@pytest.fixture
def filled(remote: Remote) -> Remote:
    for key in (*KEPT, *CAPTURES, *ARCHIVES, "A/loose.jpg"):
        remote.put(key, b"12345")
    return remote


@pytest.fixture
def purger(bucket: Bucket, local: LocalStore) -> Purger:
    return Purger(bucket, local.store, BERLIN)


@pytest.mark.parametrize("scope", PurgeScope)
async def test_dry_run_is_the_default_and_deletes_nothing(
    purger: Purger, filled: Remote, proxy: S3Proxy, scope: PurgeScope
) -> None:
    before = filled.listed()
    result = await purger.purge(date(2100, 1, 1), scope=scope)
    assert result.dry_run is True
    assert result.matched > 0
    assert result.deleted == 0
    assert filled.listed() == before
    assert {method for method, _ in proxy.requests} <= {"GET", "HEAD"}


async def test_captures_before_the_day_go(purger: Purger, filled: Remote) -> None:
    result = await purger.purge(BEFORE, dry_run=False)
    gone = ["A/2026-11-18/1.jpg", "A/2026-11-19/1.jpg", "B/2026-11-17/1.jpg"]
    assert result.as_dict() == {
        "dry_run": False,
        "scope": "captures",
        "before": "2026-11-20",
        "matched": 3,
        "bytes": 15,
        "deleted": 3,
        "hidden": 0,
        "retained": 0,
        "remaining": 0,
        "by_camera": {"A": 2, "B": 1},
        "bytes_by_camera": {"A": 10, "B": 5},
        "retained_by_camera": {},
        "by_class": {"STANDARD": 3},
        "early_deletion_cost": 0.0,
        "sample": ["B/2026-11-17/1.jpg", "A/2026-11-18/1.jpg", "A/2026-11-19/1.jpg"],
        "failed": 0,
        "errors": [],
        "complete": True,
    }
    expected = {*KEPT, *CAPTURES, *ARCHIVES, "A/loose.jpg"} - set(gone)
    assert set(filled.listed()) == expected


async def test_only_the_chosen_camera(purger: Purger, filled: Remote) -> None:
    result = await purger.purge(BEFORE, camera="B", dry_run=False)
    assert result.by_camera == {"B": 1}
    assert "A/2026-11-18/1.jpg" in filled.listed()


async def test_archives_go_with_their_index(purger: Purger, filled: Remote) -> None:
    filled.put("A/archive/2026-09-01.tar.gz", b"1", StorageClass="GLACIER")
    result = await purger.purge(BEFORE, scope=PurgeScope.ARCHIVES, dry_run=False)
    assert result.deleted == 4
    assert result.by_class == {"GLACIER": 1, "STANDARD": 3}
    assert set(filled.listed()) == {
        *KEPT,
        *CAPTURES,
        "A/archive/2026-11-20.tar.gz",
        "A/loose.jpg",
    }


async def test_unsorted_files_go_by_the_day_they_came(
    purger: Purger, filled: Remote
) -> None:
    today = datetime.now(UTC).astimezone(BERLIN).date()
    scope = PurgeScope.UNSORTED
    assert (await purger.purge(today, scope=scope, dry_run=False)).matched == 0
    tomorrow = today + timedelta(days=2)
    result = await purger.purge(tomorrow, scope=scope, dry_run=False)
    assert result.sample == ("A/loose.jpg",)
    assert set(filled.listed()) == {*KEPT, *CAPTURES, *ARCHIVES}


async def test_no_more_than_max_delete_and_the_oldest_first(
    purger: Purger, filled: Remote
) -> None:
    result = await purger.purge(BEFORE, dry_run=False, max_delete=2)
    assert (result.matched, result.deleted, result.remaining) == (3, 2, 1)
    left = [key for key in filled.listed() if key in CAPTURES]
    assert left == ["A/2026-11-19/1.jpg", "A/2026-11-20/1.jpg"]


async def test_more_than_a_batch_is_deleted(
    purger: Purger, remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "custom_components.hikvision_nvr.offsite.purge.DELETE_BATCH", 10
    )
    for number in range(25):
        remote.put(f"A/2026-11-18/{number}.jpg")
    result = await purger.purge(BEFORE, dry_run=False)
    assert result.deleted == 25
    assert len(result.sample) == 20
    assert remote.listed() == []


@pytest.mark.parametrize("name", ["_hikvision_nvr", "archive", "A/archive"])
async def test_what_is_no_camera_cannot_be_purged(
    purger: Purger, filled: Remote, name: str
) -> None:
    with pytest.raises(OffsiteError):
        await purger.purge(date(2100, 1, 1), camera=name, dry_run=False)
    assert set(KEPT) <= set(filled.listed())


async def test_catalogue_knows_what_is_gone(
    bucket: Bucket, local: LocalStore, purger: Purger
) -> None:
    kept = await local.keep()
    upload = await local.store.uploads.pick()
    assert upload is not None
    await local.store.uploads.succeeded(upload, await send(bucket, upload))
    await purger.purge(date(2100, 1, 1), dry_run=False)
    known = await local.store.captures.get(kept.id)
    assert known is not None
    assert known.object_key is None
    # It was offsite: it does not wait again.
    assert await local.waiting() == 0
    assert local.store.path(kept).exists()


async def test_refused_deletions_are_reported_and_not_noted(
    purger: Purger, filled: Remote, proxy: S3Proxy
) -> None:
    async def fault(request: web.Request) -> web.StreamResponse | None:
        if request.method == "POST":
            return web.Response(
                text="<DeleteResult><Error><Key>A/2026-11-18/1.jpg</Key>"
                "<Code>AccessDenied</Code></Error></DeleteResult>"
            )
        return None

    proxy.fault = fault
    result = await purger.purge(BEFORE, dry_run=False)
    assert (result.deleted, result.failed) == (2, 1)
    assert result.errors == ("A/2026-11-18/1.jpg: AccessDenied",)


async def test_a_purged_archive_is_no_place_of_a_capture_any_more(
    bucket: Bucket, local: LocalStore, purger: Purger
) -> None:
    await uploaded(bucket, local, b"picture", "a.jpg")
    day = date(2026, 11, 20)
    await Archiver(bucket, local.store, BERLIN).archive("CAM", day)
    (archived,) = await local.store.captures.all_on("CAM", day)
    assert archived.archive_key is not None
    await purger.purge(date(2100, 1, 1), scope=PurgeScope.ARCHIVES, dry_run=False)
    (known,) = await local.store.captures.all_on("CAM", day)
    assert (known.archive_key, known.local) == (None, True)
    assert await local.store.captures.offsite_days("CAM") == []


LOCK: dict[str, Any] = {
    "ObjectLockMode": "COMPLIANCE",
    "ObjectLockRetainUntilDate": datetime.now(UTC) + timedelta(days=30),
}


@pytest.fixture
def versioned(moto: str) -> Remote:
    """Make a bucket with versions and Object Lock; each camera has a free capture."""
    remote = Remote(client_of(moto), f"bucket-{uuid.uuid4().hex}")
    remote.client.create_bucket(Bucket=remote.name, ObjectLockEnabledForBucket=True)
    for camera, locked in (("A", 2), ("B", 1)):
        for number in range(locked):
            remote.put(f"{camera}/2026-11-18/locked{number}.jpg", b"123", **LOCK)
        remote.put(f"{camera}/2026-11-18/free.jpg", b"12345")
    remote.put("B/2026-11-18/held.jpg", b"1", ObjectLockLegalHoldStatus="ON")
    return remote


@pytest.mark.parametrize("by_botocore", [False, True])
@pytest.mark.parametrize("asked", [False, True])
async def test_what_an_object_lock_keeps_stays_in_sight_and_is_reported(
    proxy: S3Proxy,
    versioned: Remote,
    local: LocalStore,
    asked: bool,
    by_botocore: bool,
) -> None:
    async with open_bucket(settings_for(proxy.url, versioned.name)) as bucket:
        if asked:
            bucket.capabilities = await discover(bucket)
            assert bucket.capabilities.object_lock is True
        if by_botocore:
            bucket._sender = None
        purger = Purger(bucket, local.store, BERLIN)
        kept = [key for key in versioned.listed() if not key.endswith("free.jpg")]
        tried = await purger.purge(BEFORE)
        done = await purger.purge(BEFORE, dry_run=False)
        again = await purger.purge(BEFORE, dry_run=False)
    for result in (tried, done):
        assert (result.retained, result.matched) == (4, 2)
        assert result.retained_by_camera == {"A": 2, "B": 2}
        assert result.by_camera == {"A": 1, "B": 1}
    # What was deleted is out of sight, and the bucket keeps its version.
    assert (done.deleted, done.hidden, done.failed) == (2, 2, 0)
    assert versioned.listed() == kept
    answer = versioned.client.list_object_versions(Bucket=versioned.name)
    markers = [marker["Key"] for marker in answer["DeleteMarkers"]]
    assert sorted(key for key in markers if not key.startswith("_")) == [
        "A/2026-11-18/free.jpg",
        "B/2026-11-18/free.jpg",
    ]
    assert (again.deleted, again.retained) == (0, 4)


async def test_what_a_lock_keeps_does_not_use_up_the_limit(
    proxy: S3Proxy, versioned: Remote, local: LocalStore
) -> None:
    async with open_bucket(settings_for(proxy.url, versioned.name)) as bucket:
        purger = Purger(bucket, local.store, BERLIN)
        result = await purger.purge(BEFORE, dry_run=False, max_delete=2)
    # What the limit does not reach is not asked about.
    assert (result.deleted, result.retained, result.remaining) == (2, 2, 2)


async def test_no_lock_is_looked_for_where_there_are_none(
    bucket: Bucket, purger: Purger, filled: Remote, proxy: S3Proxy
) -> None:
    found = await discover(bucket)
    bucket.capabilities = replace(found, object_lock=False)
    proxy.requests.clear()
    await purger.purge(BEFORE, dry_run=False)
    assert "HEAD" not in {method for method, _ in proxy.requests}


@pytest.mark.parametrize("dry_run", [True, False])
async def test_a_day_that_a_lock_keeps_is_not_archived_yet(
    proxy: S3Proxy, versioned: Remote, local: LocalStore, dry_run: bool
) -> None:
    """Its captures would be paid for twice, and be out of sight."""
    versioned.put("A/2026-11-17/free.jpg", b"12345")
    before = versioned.listed()
    async with open_bucket(settings_for(proxy.url, versioned.name)) as bucket:
        bucket.capabilities = await discover(bucket)
        archiver = Archiver(bucket, local.store, BERLIN)
        choice = DayChoice(camera="A", first=date(2026, 11, 1), last=BEFORE)
        # What is locked came last.
        versioned.put("A/2026-11-18/z.jpg", b"1", **LOCK)
        result = await ArchiveJob(bucket, local.store, archiver).run(
            choice,
            storage_class="STANDARD",
            limit=31,
            dry_run=dry_run,
            job=JobRun({}),
        )
    (skipped,) = result["skipped"]
    assert (skipped["date"], "Object Lock" in skipped["reason"]) == ("2026-11-18", True)
    assert [day["date"] for day in result["days"]] == ["2026-11-17"]
    assert {key for key in before if "2026-11-18" in key} <= set(versioned.listed())
