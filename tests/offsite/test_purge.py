"""Purging deletes what it said it would, no more, and never what is reserved."""

from datetime import UTC, date, datetime, timedelta

from aiohttp import web
import pytest

from custom_components.hikvision_nvr.errors import OffsiteError
from custom_components.hikvision_nvr.offsite.bucket import Bucket
from custom_components.hikvision_nvr.offsite.purge import Purger, PurgeScope
from custom_components.hikvision_nvr.offsite.transfer import send

from .conftest import BERLIN, LocalStore, Remote
from .proxy import S3Proxy

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
    assert {method for method, _ in proxy.requests} == {"GET"}


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
        "remaining": 0,
        "by_camera": {"A": 2, "B": 1},
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
