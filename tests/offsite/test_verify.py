"""What is not as it should be is found, and repaired only on request."""

from datetime import date, datetime, timedelta
import gzip
from hashlib import sha256
from typing import Any

from aiohttp import web
import pytest

from custom_components.hikvision_nvr.jobs import JobRun
from custom_components.hikvision_nvr.model import DetectionType
from custom_components.hikvision_nvr.offsite.archive import Archiver
from custom_components.hikvision_nvr.offsite.bucket import Bucket
from custom_components.hikvision_nvr.offsite.purge import Purger
from custom_components.hikvision_nvr.offsite.restore import Restorer, Wish
from custom_components.hikvision_nvr.offsite.transfer import send
from custom_components.hikvision_nvr.offsite.verify import Scope, Verifier

from .conftest import BERLIN, LocalStore, Remote, describe, missing
from .proxy import S3Proxy
from .test_archive import index, noise
from .test_archive_days import uploaded
from .test_restore import toolkit_archive

DAY = date(2026, 11, 20)
ARCHIVE = "CAM/archive/2026-11-20.tar.gz"
INDEX = "CAM/archive/2026-11-20.index.json.gz"


@pytest.fixture
def verifier(bucket: Bucket, local: LocalStore) -> Verifier:
    return Verifier(bucket, local.store, describe)


@pytest.fixture
async def archived(
    bucket: Bucket, local: LocalStore, remote: Remote
) -> dict[str, bytes]:
    content = {f"{number}.jpg": noise(number, 1000) for number in range(5)}
    for name, data in content.items():
        remote.put(f"CAM/2026-11-20/{name}", data)
    archiver = Archiver(bucket, local.store, BERLIN)
    await archiver.archive("CAM", DAY, storage_class="STANDARD")
    return content


def scope(*checks: str, **options: Any) -> Scope:
    return Scope(checks=checks or ("archives", "catalogue"), **options)


async def test_what_is_right_is_intact(
    verifier: Verifier,
    bucket: Bucket,
    local: LocalStore,
    archived: dict[str, bytes],
) -> None:
    await uploaded(bucket, local, b"late", "late.jpg")
    result = await verifier.verify(scope("archives", "catalogue", "manifests"))
    assert (result["intact"], result["differences"]) == (True, 0)
    assert result["checked"]["archives"] == 1
    assert result["checked"]["captures"] == 1
    full = await verifier.verify(scope("archives", full=True))
    assert (full["intact"], full["checked"]["members"]) == (True, 5)


async def test_only_what_is_meant_is_looked_at(
    verifier: Verifier, archived: dict[str, bytes]
) -> None:
    for chosen in (
        scope("archives", camera="OTHER"),
        scope("archives", first=DAY + timedelta(days=1)),
        scope("archives", last=DAY - timedelta(days=1)),
    ):
        assert (await verifier.verify(chosen))["checked"].get("archives", 0) == 0


async def test_replaced_archive_is_found_without_reading_it(
    verifier: Verifier, remote: Remote, archived: dict[str, bytes]
) -> None:
    remote.put(ARCHIVE, noise(9, remote.head(ARCHIVE)["ContentLength"]))
    result = await verifier.verify(scope("archives", repair=True))
    assert (result["intact"], result["by_kind"]) == (False, {"archive_changed": 1})


async def test_full_reading_finds_bytes_that_an_unchanged_etag_hides(
    verifier: Verifier, proxy: S3Proxy, archived: dict[str, bytes]
) -> None:
    async def fault(request: web.Request) -> web.StreamResponse | None:
        if request.method != "GET" or not request.path.endswith("tar.gz"):
            return None
        answer = await proxy.forward(request)
        assert isinstance(answer, web.Response)
        assert isinstance(answer.body, bytes)
        at = answer.body.index(archived["3.jpg"][:100])
        spoiled = bytearray(answer.body)
        spoiled[at] ^= 1
        return web.Response(headers=answer.headers, body=bytes(spoiled))

    proxy.fault = fault
    assert (await verifier.verify(scope("archives")))["intact"]
    result = await verifier.verify(scope("archives", full=True))
    assert not result["intact"]


async def test_index_of_an_archive_of_the_toolkit_is_made_on_request(
    verifier: Verifier, remote: Remote
) -> None:
    content = {f"{number}.jpg": noise(number, 100_000) for number in range(5)}
    packed = toolkit_archive(content)
    remote.put(ARCHIVE, packed)
    result = await verifier.verify(scope("archives"))
    assert (result["intact"], result["by_kind"]) == (
        False,
        {"archive_without_index": 1},
    )
    assert missing(remote, INDEX)
    result = await verifier.verify(scope("archives", repair=True))
    assert (result["intact"], result["repaired"]) == (True, 1)
    for member in index(remote)["members"]:
        part = packed[member["offset"] :][: member["length"]]
        name = member["name"].rpartition("/")[2]
        assert content[name] in gzip.decompress(part)
    full = await verifier.verify(scope("archives", full=True))
    assert (full["intact"], full["checked"]["members"]) == (True, 5)


async def test_archive_in_glacier_cannot_get_an_index(
    verifier: Verifier, remote: Remote
) -> None:
    remote.put(ARCHIVE, toolkit_archive({"a.jpg": b"a"}), StorageClass="GLACIER")
    result = await verifier.verify(scope("archives", repair=True))
    assert (result["intact"], result["repaired"]) == (False, 0)


async def test_index_without_archive_goes_only_when_it_is_old(
    verifier: Verifier,
    remote: Remote,
    archived: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    remote.client.delete_object(Bucket=remote.name, Key=ARCHIVE)
    result = await verifier.verify(scope("archives", repair=True))
    assert result["by_kind"] == {"index_without_archive": 1}
    assert not missing(remote, INDEX)
    monkeypatch.setattr(
        "custom_components.hikvision_nvr.offsite.verify._ORPHAN_AGE",
        timedelta(seconds=-5),
    )
    result = await verifier.verify(scope("archives", repair=True))
    assert (result["intact"], result["repaired"]) == (True, 1)
    assert missing(remote, INDEX)


async def test_lost_object_is_uploaded_again_on_request(
    verifier: Verifier, bucket: Bucket, local: LocalStore, remote: Remote
) -> None:
    await uploaded(bucket, local, b"picture", "a.jpg")
    remote.client.delete_object(Bucket=remote.name, Key="CAM/2026-11-20/a.jpg")
    result = await verifier.verify(scope("catalogue"))
    assert result["details"] == [
        {"kind": "object_missing", "what": "CAM/2026-11-20/a.jpg"}
    ]
    assert await local.waiting() == 0
    result = await verifier.verify(scope("catalogue", repair=True))
    assert (result["intact"], result["repaired"]) == (True, 1)
    assert await local.waiting() == 1


async def test_captures_of_a_lost_archive_are_uploaded_again_on_request(
    verifier: Verifier, bucket: Bucket, local: LocalStore, remote: Remote
) -> None:
    await uploaded(bucket, local, b"picture", "a.jpg")
    archiver = Archiver(bucket, local.store, BERLIN)
    await archiver.archive("CAM", DAY, storage_class="STANDARD")
    assert (await verifier.verify(scope("catalogue")))["intact"]
    for key in (ARCHIVE, INDEX):
        remote.client.delete_object(Bucket=remote.name, Key=key)
    result = await verifier.verify(scope("catalogue", repair=True))
    assert result["by_kind"] == {"archive_missing": 1}
    assert result["repaired"] == 1
    assert await local.waiting() == 1


@pytest.mark.parametrize("damage", ["gone", "changed"])
async def test_what_this_machine_has_not_either_is_not_repaired(
    verifier: Verifier, bucket: Bucket, local: LocalStore, remote: Remote, damage: str
) -> None:
    await uploaded(bucket, local, b"picture", "a.jpg")
    remote.client.delete_object(Bucket=remote.name, Key="CAM/2026-11-20/a.jpg")
    (capture,) = await local.store.captures.local_on("CAM", DAY)
    if damage == "gone":
        local.store.path(capture).unlink()
    else:
        local.store.path(capture).write_bytes(b"pictura")
    result = await verifier.verify(scope("catalogue", repair=True))
    assert (result["intact"], result["repaired"]) == (False, 0)
    assert await local.waiting() == 0


async def test_object_of_another_size_and_unknown_ones_are_told(
    verifier: Verifier, bucket: Bucket, local: LocalStore, remote: Remote
) -> None:
    await uploaded(bucket, local, b"picture", "a.jpg")
    remote.put("CAM/2026-11-20/a.jpg", b"other size")
    remote.put("CAM/2026-11-20/b.jpg", b"of others")
    result = await verifier.verify(scope("catalogue"))
    assert result["by_kind"] == {"object_changed": 1}
    assert (result["unknown"], result["added"]) == ({"captures": 1}, 0)
    assert result["unknown_sample"] == ["CAM/2026-11-20/b.jpg"]
    assert [one.name for one in await local.store.captures.all_on("CAM", DAY)] == [
        "a.jpg"
    ]


async def totals(local: LocalStore) -> dict[str, tuple[int, int]]:
    return {
        total.storage_class: (total.objects, total.bytes)
        for total in await local.store.bucket.totals()
    }


async def test_unknown_objects_are_added_to_the_catalogue_on_request(
    verifier: Verifier, local: LocalStore, remote: Remote
) -> None:
    remote.put("CAM/2026-11-20/", b"")
    remote.put("CAM/2026-11-20/20261120T110000Z.jpg", b"of the toolkit")
    told = {
        "sha256": sha256(b"ours").hexdigest(),
        "event-time": "2026-11-20T12:00:00+01:00",
        "event-type": "line_crossing",
    }
    remote.put("CAM/2026-11-20/ours.jpg", b"ours", Metadata=told)
    remote.put(ARCHIVE, b"x" * 100, StorageClass="GLACIER")
    remote.put("CAM/loose.jpg", b"not sorted")
    result = await verifier.verify(scope("catalogue", repair=True))
    assert (result["intact"], result["differences"]) == (True, 0)
    assert result["unknown"] == {"archives": 1, "captures": 2}
    assert result["added"] == 3
    # It is listed and counted, and is not taken for a file on the disk.
    theirs, ours = await local.store.captures.all_on("CAM", DAY)
    assert theirs.object_key == "CAM/2026-11-20/20261120T110000Z.jpg"
    assert (theirs.size, theirs.sha256, theirs.local) == (14, "", False)
    assert theirs.event_time.isoformat() == "2026-11-20T11:00:00+00:00"
    assert theirs.uploaded == remote.head(theirs.object_key)["LastModified"]
    assert ours.sha256 == told["sha256"]
    assert ours.event_time.isoformat() == "2026-11-20T11:00:00+00:00"
    assert ours.type is DetectionType.LINE_CROSSING
    assert await totals(local) == {"STANDARD": (2, 18), "GLACIER": (1, 100)}
    assert await local.store.captures.offsite_days("CAM") == [DAY]
    assert (await local.waiting(), local.store.used) == (0, 0)
    # It is not evidence of ours, and once is enough.
    assert await local.store.manifests.unlisted("CAM", DAY, 10) == []
    again = await verifier.verify(scope("catalogue", repair=True))
    assert (again["intact"], again["unknown"]) == (True, {})
    assert await totals(local) == {"STANDARD": (2, 18), "GLACIER": (1, 100)}
    # What is deleted later is known to be.
    remote.client.delete_object(Bucket=remote.name, Key=ours.object_key)
    remote.client.delete_object(Bucket=remote.name, Key=ARCHIVE)
    gone = await verifier.verify(scope("catalogue", repair=True))
    assert gone["by_kind"] == {"object_missing": 1}
    assert "GLACIER" not in await totals(local)


async def test_what_was_added_can_be_restored_under_its_name(
    verifier: Verifier, bucket: Bucket, local: LocalStore, remote: Remote
) -> None:
    remote.put("CAM/2026-11-20/20261120T110000Z.jpg", b"of the toolkit")
    await verifier.verify(scope("catalogue", repair=True))
    wish = Wish(camera="CAM", day=DAY, extract=True)
    await Restorer(bucket, local.store, describe, BERLIN).restore(wish, JobRun({}))
    (back,) = await local.store.captures.local_on("CAM", DAY)
    assert back.name == "20261120T110000Z.jpg"
    assert back.sha256 == sha256(b"of the toolkit").hexdigest()
    assert local.store.path(back).read_bytes() == b"of the toolkit"
    assert await totals(local) == {"STANDARD": (1, 14)}


async def test_an_upload_that_is_not_noted_yet_is_no_unknown_object(
    verifier: Verifier, bucket: Bucket, local: LocalStore, remote: Remote
) -> None:
    event = datetime(2026, 11, 20, 12, tzinfo=BERLIN)
    for content, name in ((b"one", "a.jpg"), (b"two", "b.jpg")):
        await local.keep(content, name, camera="CAM", event_time=event)
    remote.put("CAM/2026-11-20/b.jpg", b"of another")
    for _ in range(2):
        upload = await local.store.uploads.pick()
        assert upload is not None
        await send(bucket, upload)
    there = {
        key for key in remote.listed("CAM/2026-11-20/") if key != "CAM/2026-11-20/"
    }
    assert len(there) == 3
    result = await verifier.verify(scope("catalogue", repair=True))
    assert (result["differences"], result["unknown"]) == (0, {})
    assert await totals(local) == {}
    assert await local.waiting() == 2


async def test_an_object_that_came_back_is_known_again(
    verifier: Verifier, bucket: Bucket, local: LocalStore, remote: Remote
) -> None:
    key = "CAM/2026-11-20/a.jpg"
    await uploaded(bucket, local, b"picture", "a.jpg")
    purger = Purger(bucket, local.store, BERLIN)
    head = remote.head(key)
    await purger.purge(date(2100, 1, 1), dry_run=False)
    assert await totals(local) == {}
    remote.put(key, b"picture", Metadata=head["Metadata"])
    result = await verifier.verify(scope("catalogue", repair=True))
    assert (result["unknown"], result["added"]) == ({"captures": 1}, 1)
    (known,) = await local.store.captures.all_on("CAM", DAY)
    assert (known.object_key, known.local) == (key, True)
    assert await totals(local) == {"STANDARD": (1, 7)}


async def test_cancel_stops_between_two_cameras(
    verifier: Verifier, remote: Remote
) -> None:
    for camera in ("A", "B", "C"):
        remote.put(f"{camera}/archive/2026-11-20.tar.gz", b"x")
    job = JobRun({})
    done = job.done

    def cancel(items: int = 1, size: int = 0) -> None:
        done(items, size)
        job.cancelled = True

    job.done = cancel  # type: ignore[method-assign]
    result = await verifier.verify(scope("archives"), job)
    assert (result["differences"], result["complete"]) == (1, False)


async def test_what_is_added_counts_in_the_class_that_it_has(
    verifier: Verifier, bucket: Bucket, local: LocalStore, remote: Remote
) -> None:
    remote.put("CAM/2026-11-20/a.jpg", b"12345", StorageClass="GLACIER_IR")
    remote.put("CAM/2026-11-20/b.jpg", b"123", StorageClass="STANDARD_IA")
    remote.put("CAM/2026-11-20/c.jpg", b"1")
    # The row of one is there, and the catalogue has forgotten that it is offsite.
    noon = datetime(2026, 11, 20, 12, tzinfo=BERLIN)
    own = await local.keep(b"of ours", "own.jpg", camera="CAM", event_time=noon)
    upload = await local.store.uploads.pick()
    assert upload is not None
    await local.store.uploads.succeeded(upload, await send(bucket, upload))
    await local.store.captures.purged([f"CAM/{own.day}/own.jpg"])
    remote.put(
        f"CAM/{own.day}/own.jpg",
        b"of ours",
        StorageClass="GLACIER_IR",
        Metadata={"sha256": own.sha256},
    )
    await verifier.verify(scope("catalogue", repair=True))
    assert await totals(local) == {
        "STANDARD": (1, 1),
        "STANDARD_IA": (1, 3),
        "GLACIER_IR": (2, 12),
    }
    # What leaves the bucket leaves the class that it was counted in.
    await local.store.captures.purged(["CAM/2026-11-20/a.jpg", "CAM/2026-11-20/b.jpg"])
    assert await totals(local) == {"STANDARD": (1, 1), "GLACIER_IR": (1, 7)}
