"""Tamper evidence: a chain of manifests a camera, and what a walk along it finds."""

from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime, timedelta
import gzip
from hashlib import sha256
import json
from pathlib import Path
from typing import Any

from aiohttp import web
import pytest

from custom_components.hikvision_nvr.errors import OffsiteError
from custom_components.hikvision_nvr.jobs import JobRun
from custom_components.hikvision_nvr.model import CaptureKind, S3Settings
from custom_components.hikvision_nvr.offsite import (
    ManifestVerdict,
    Offsite,
    manifest_keeper,
    manifest_writer,
)
from custom_components.hikvision_nvr.offsite.bucket import Bucket
from custom_components.hikvision_nvr.offsite.manifest_writer import ManifestWriter
from custom_components.hikvision_nvr.offsite.transfer import send

from .conftest import BERLIN, DAY, EVENT, LocalStore, Remote, describe
from .proxy import S3Proxy

FOLDER = "_hikvision_nvr/manifests/front/"


@pytest.fixture
async def offsite(settings: S3Settings, local: LocalStore) -> AsyncIterator[Offsite]:
    offsite = Offsite(settings, local.store, BERLIN, describe)
    await offsite.start()
    yield offsite
    await offsite.stop()


@pytest.fixture
async def chain(offsite: Offsite, local: LocalStore) -> Offsite:
    """Return a recorder with a chain of three manifests, of a capture each."""
    for days in (3, 2, 1):
        await local.keep(
            f"picture {days}".encode(), event_time=EVENT - timedelta(days=days)
        )
        await local.drained()
        assert await offsite.write_manifests() == 1
    return offsite


def key_of(number: int) -> str:
    return f"{FOLDER}{number:08d}.json.gz"


def read(remote: Remote, number: int) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(gzip.decompress(remote.read(key_of(number))))
    return values


def write(remote: Remote, number: int, values: Mapping[str, Any]) -> str:
    """Put a manifest in place of another one and return its hash."""
    body = gzip.compress(json.dumps(values).encode())
    remote.put(key_of(number), body)
    return sha256(body).hexdigest()


def hash_in_bucket(remote: Remote, key: str) -> str:
    return sha256(remote.read(key)).hexdigest()


def fault_of(verdict: ManifestVerdict) -> tuple[int, str] | None:
    broken = verdict.broken
    assert verdict.intact == (broken is None and not verdict.differences)
    return None if broken is None else (broken.number, broken.fault.value)


async def test_a_day_that_is_over_is_listed(
    offsite: Offsite, local: LocalStore, remote: Remote
) -> None:
    snapshot = await local.keep(b"a picture", "ä b.jpg")
    clip = await local.keep(
        b"a clip",
        "c.mp4",
        event_time=EVENT + timedelta(minutes=1),
        kind=CaptureKind.CLIP,
    )
    await local.keep(b"another picture", camera="garden")
    await local.drained()
    assert await offsite.write_manifests() == 2

    manifest = read(remote, 1)
    written = datetime.fromisoformat(manifest.pop("written"))
    assert abs(datetime.now(UTC) - written) < timedelta(minutes=5)
    assert manifest == {
        "version": 1,
        "camera": "front",
        "number": 1,
        "day": "2026-11-21",
        "previous_sha256": None,
        "captures": [
            {
                "name": "ä b.jpg",
                "key": "front/2026-11-21/ä b.jpg",
                "size": len(b"a picture"),
                "sha256": hash_in_bucket(remote, snapshot.relative_path),
                "type": "motion",
                "event_time": "2026-11-21T10:00:00+00:00",
                "arrived": "2026-11-21T10:00:00+00:00",
            },
            {
                "name": "c.mp4",
                "key": "front/2026-11-21/c.mp4",
                "size": len(b"a clip"),
                "sha256": hash_in_bucket(remote, clip.relative_path),
                "type": "motion",
                "event_time": "2026-11-21T10:01:00+00:00",
                "arrived": "2026-11-21T10:01:00+00:00",
            },
        ],
    }
    assert remote.head(key_of(1))["Metadata"]["sha256"] == hash_in_bucket(
        remote, key_of(1)
    )
    assert await offsite.write_manifests() == 0


async def test_each_manifest_carries_the_hash_of_the_one_before(
    chain: Offsite, local: LocalStore, remote: Remote
) -> None:
    assert remote.listed(FOLDER) == [key_of(1), key_of(2), key_of(3)]
    assert [read(remote, number)["previous_sha256"] for number in (1, 2, 3)] == [
        None,
        hash_in_bucket(remote, key_of(1)),
        hash_in_bucket(remote, key_of(2)),
    ]
    (head,) = await local.store.manifests.heads()
    assert (head.number, head.sha256) == (3, hash_in_bucket(remote, key_of(3)))


async def test_a_late_file_is_listed_in_a_further_manifest_of_its_day(
    chain: Offsite, local: LocalStore, remote: Remote
) -> None:
    before = {key: remote.read(key) for key in remote.listed(FOLDER)}
    await local.keep(b"late", "late.jpg", event_time=EVENT - timedelta(days=3))
    await local.drained()
    assert await chain.write_manifests() == 1
    late = read(remote, 4)
    assert late["day"] == read(remote, 1)["day"]
    assert [capture["name"] for capture in late["captures"]] == ["late.jpg"]
    assert {key: remote.read(key) for key in before} == before
    assert fault_of(await chain.verify_manifests("front")) is None


async def test_today_is_not_listed(offsite: Offsite, local: LocalStore) -> None:
    await local.keep(event_time=datetime.now(UTC))
    await local.drained()
    assert await offsite.write_manifests() == 0


async def test_a_day_waits_for_its_uploads_but_not_for_ever(
    bucket: Bucket,
    local: LocalStore,
    remote: Remote,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await local.keep(b"one", "one.jpg")
    await local.keep(b"two", "two.jpg", event_time=EVENT + timedelta(minutes=1))
    upload = await local.store.uploads.pick()
    assert upload is not None
    await local.store.uploads.succeeded(upload, await send(bucket, upload))

    async def opened() -> Bucket:
        return bucket

    writer = ManifestWriter(opened, local.store, BERLIN)
    assert await writer.write_due() == 0
    monkeypatch.setattr(manifest_writer, "LONGEST_WAIT", timedelta(0))
    assert await writer.write_due() == 1
    assert [capture["name"] for capture in read(remote, 1)["captures"]] == [
        upload.capture.name
    ]


async def test_a_large_day_has_several_manifests(
    offsite: Offsite,
    local: LocalStore,
    remote: Remote,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(manifest_writer, "MOST_CAPTURES", 2)
    for number in range(5):
        await local.keep(b"%d" % number, f"{number}.jpg")
    await local.drained()
    assert await offsite.write_manifests() == 3
    names = [
        [capture["name"] for capture in read(remote, number)["captures"]]
        for number in (1, 2, 3)
    ]
    assert names == [["0.jpg", "1.jpg"], ["2.jpg", "3.jpg"], ["4.jpg"]]
    verdict = await offsite.verify_manifests("front", content=True)
    assert (verdict.captures, verdict.read, verdict.intact) == (5, 5, True)


async def test_manifests_are_written_without_being_asked_for(
    settings: S3Settings,
    local: LocalStore,
    remote: Remote,
    bucket: Bucket,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(manifest_keeper, "FIRST_SECONDS", 0)
    await local.keep()
    upload = await local.store.uploads.pick()
    assert upload is not None
    await local.store.uploads.succeeded(upload, await send(bucket, upload))
    offsite = Offsite(settings, local.store, BERLIN, describe)
    await offsite.start()
    await local.until(lambda: bool(remote.listed(FOLDER)))
    await offsite.stop()
    assert read(remote, 1)["day"] == DAY.isoformat()


async def test_while_s3_is_down_nothing_is_noted(
    offsite: Offsite, local: LocalStore, remote: Remote, proxy: S3Proxy
) -> None:
    await local.keep()
    await local.drained()

    async def fault(request: web.Request) -> web.StreamResponse | None:
        return web.Response(status=503) if "manifests" in request.path else None

    proxy.fault = fault
    with pytest.raises(OffsiteError):
        await offsite.write_manifests()
    assert await local.store.manifests.heads() == ()
    proxy.fault = None
    assert await offsite.write_manifests() == 1
    assert fault_of(await offsite.verify_manifests("front")) is None


class PowerCutError(BaseException):
    """The machine went off."""


@pytest.mark.parametrize("late", [False, True], ids=["alone", "with-a-late-file"])
async def test_a_crash_between_object_and_catalogue_leaves_one_chain(
    offsite: Offsite,
    local: LocalStore,
    remote: Remote,
    monkeypatch: pytest.MonkeyPatch,
    late: bool,
) -> None:
    await local.keep(b"first", "first.jpg", event_time=EVENT - timedelta(days=1))
    await local.drained()
    assert await offsite.write_manifests() == 1
    await local.keep(b"second", "second.jpg")
    await local.drained()

    async def cut(*_: object, **__: object) -> None:
        raise PowerCutError

    with monkeypatch.context() as patched, pytest.raises(PowerCutError):
        patched.setattr(local.store.manifests, "written", cut)
        await offsite.write_manifests()
    assert remote.listed(FOLDER) == [key_of(1), key_of(2)]
    assert fault_of(await offsite.verify_manifests("front")) is None

    if late:
        # Its day is older, so that it is what is listed next.
        await local.keep(b"late", "late.jpg", event_time=EVENT - timedelta(days=2))
        await local.drained()
    assert await offsite.write_manifests() == int(late)
    names = [
        [capture["name"] for capture in read(remote, number)["captures"]]
        for number in range(1, 3 + late)
    ]
    assert names == [["first.jpg"], ["second.jpg"], *([["late.jpg"]] if late else [])]
    verdict = await offsite.verify_manifests("front")
    assert (verdict.intact, verdict.manifests) == (True, 2 + late)
    (head,) = await local.store.manifests.heads()
    assert head.number == 2 + late


async def test_a_new_catalogue_goes_on_with_the_chain(
    chain: Offsite,
    settings: S3Settings,
    local: LocalStore,
    remote: Remote,
    tmp_path: Path,
) -> None:
    await chain.stop()
    await local.store.close()
    anew = LocalStore(tmp_path / "media", tmp_path / "anew" / "catalogue.sqlite")
    await anew.store.open()
    try:
        await anew.store.recover(describe)
        await anew.keep(b"late", "late.jpg", event_time=EVENT - timedelta(days=3))
        offsite = Offsite(settings, anew.store, BERLIN, describe)
        await offsite.start()
        await anew.drained()
        assert await offsite.write_manifests() == 1
        assert [capture["name"] for capture in read(remote, 4)["captures"]] == [
            "late.jpg"
        ]
        verdict = await offsite.verify_manifests("front", content=True)
        assert (verdict.intact, verdict.manifests, verdict.read) == (True, 4, 4)
        await offsite.stop()
    finally:
        await anew.store.close()


async def test_a_chain_that_someone_else_continues_is_told_and_left_alone(
    chain: Offsite, local: LocalStore, remote: Remote
) -> None:
    forged = read(remote, 3) | {
        "number": 4,
        "previous_sha256": hash_in_bucket(remote, key_of(3)),
        "captures": [read(remote, 3)["captures"][0] | {"name": "never-was.jpg"}],
    }
    write(remote, 4, forged)
    await local.keep(b"more", "more.jpg")
    await local.keep(b"other", camera="garden")
    await local.drained()
    assert await chain.write_manifests() == 1
    assert chain.manifest_conflicts == {"front"}
    assert read(remote, 4)["captures"][0]["name"] == "never-was.jpg"
    assert fault_of(await chain.verify_manifests("front")) == (4, "foreign")
    assert fault_of(await chain.verify_manifests("garden")) is None

    remote.client.delete_object(Bucket=remote.name, Key=key_of(4))
    assert await chain.write_manifests() == 1
    assert chain.manifest_conflicts == frozenset()
    verdict = await chain.verify_manifests("front")
    assert (verdict.intact, verdict.manifests) == (True, 4)


def take_out_a_capture(remote: Remote) -> None:
    write(remote, 2, read(remote, 2) | {"captures": []})


def take_out_and_rewrite_all_that_follows(remote: Remote) -> None:
    digest = write(remote, 2, read(remote, 2) | {"captures": []})
    write(remote, 3, read(remote, 3) | {"previous_sha256": digest})


def put_one_in_place_of_another(remote: Remote) -> None:
    remote.put(key_of(2), remote.read(key_of(1)))


def write_rubbish(remote: Remote) -> None:
    remote.put(key_of(2), b"\x1f\x8brubbish")


def hide_something_behind_its_end(remote: Remote) -> None:
    remote.put(key_of(2), remote.read(key_of(2)) + b"more")


def delete(number: int) -> Callable[[Remote], None]:
    def work(remote: Remote) -> None:
        remote.client.delete_object(Bucket=remote.name, Key=key_of(number))

    return work


def delete_all(remote: Remote) -> None:
    for number in (1, 2, 3):
        delete(number)(remote)


@pytest.mark.parametrize(
    ("tamper", "broken", "without_catalogue"),
    [
        (take_out_a_capture, (2, "changed"), (2, "changed")),
        # Only the catalogue's memory tells a chain that was written anew.
        (take_out_and_rewrite_all_that_follows, (2, "changed"), None),
        (put_one_in_place_of_another, (2, "changed"), (2, "changed")),
        (write_rubbish, (2, "changed"), (2, "unreadable")),
        (hide_something_behind_its_end, (2, "changed"), (2, "unreadable")),
        (delete(1), (1, "missing"), (1, "missing")),
        (delete(2), (2, "missing"), (2, "missing")),
        (delete(3), (3, "missing"), None),
        (delete_all, (1, "missing"), None),
    ],
)
async def test_verify_names_the_first_broken_link(
    chain: Offsite,
    local: LocalStore,
    remote: Remote,
    settings: S3Settings,
    tmp_path: Path,
    tamper: Callable[[Remote], None],
    broken: tuple[int, str],
    without_catalogue: tuple[int, str] | None,
) -> None:
    assert fault_of(await chain.verify_manifests("front")) is None
    tamper(remote)
    verdict = await chain.verify_manifests("front")
    assert fault_of(verdict) == broken
    assert verdict.broken is not None
    assert verdict.broken.key == key_of(broken[0])
    assert verdict.manifests == broken[0] - 1

    stranger = LocalStore(tmp_path / "empty", tmp_path / "none" / "catalogue.sqlite")
    await stranger.store.open()
    offsite = Offsite(settings, stranger.store, BERLIN, describe)
    try:
        assert fault_of(await offsite.verify_manifests("front")) == without_catalogue
    finally:
        await offsite.stop()
        await stranger.store.close()


async def test_verify_reads_the_captures_if_it_is_told_to(
    chain: Offsite, remote: Remote
) -> None:
    keys = [read(remote, number)["captures"][0]["key"] for number in (1, 2, 3)]
    remote.put(keys[0], b"another picture")
    remote.client.delete_object(Bucket=remote.name, Key=keys[1])
    assert fault_of(await chain.verify_manifests("front")) is None
    verdict = await chain.verify_manifests("front", content=True)
    assert (verdict.read, verdict.differences, verdict.broken) == (2, 2, None)
    assert verdict.errors == (
        f"{keys[0]}: its bytes have another SHA-256 than its manifest",
        f"{keys[1]}: it is not in the bucket",
    )
    assert not verdict.intact


async def test_verify_finds_chains_of_cameras_that_are_gone(
    chain: Offsite, remote: Remote, settings: S3Settings, tmp_path: Path
) -> None:
    for key in remote.listed("front/"):
        remote.client.delete_object(Bucket=remote.name, Key=key)
    delete(2)(remote)
    remote.put("_hikvision_nvr/manifests/_not a camera/00000001.json.gz")
    stranger = LocalStore(tmp_path / "empty", tmp_path / "none" / "catalogue.sqlite")
    await stranger.store.open()
    offsite = Offsite(settings, stranger.store, BERLIN, describe)
    arguments = {
        "camera": None,
        "first": None,
        "last": None,
        "checks": ["manifests"],
        "repair": False,
        "full": False,
    }
    try:
        result = await offsite.job_kinds()["verify"](JobRun(arguments))
    finally:
        await offsite.stop()
        await stranger.store.close()
    assert not result["intact"]
    (verdict,) = result["manifests"]
    assert (verdict["camera"], verdict["broken"]["number"]) == ("front", 2)


async def test_what_was_archived_or_purged_is_no_difference(
    chain: Offsite, local: LocalStore, remote: Remote
) -> None:
    archived, purged, _ = (
        read(remote, number)["captures"][0]["key"] for number in (1, 2, 3)
    )
    await local.store.captures.archived([archived], "front/archive/2026-11-18.tar.gz")
    await local.store.captures.purged([purged])
    for key in (archived, purged):
        remote.client.delete_object(Bucket=remote.name, Key=key)
    verdict = await chain.verify_manifests("front", content=True)
    assert (verdict.intact, verdict.read) == (True, 1)


async def test_a_camera_without_manifests_has_an_empty_chain(offsite: Offsite) -> None:
    verdict = await offsite.verify_manifests("garden")
    assert verdict.as_dict() == {
        "camera": "garden",
        "intact": True,
        "manifests": 0,
        "captures": 0,
        "first_day": None,
        "last_day": None,
        "head": None,
        "broken": None,
        "read": 0,
        "differences": 0,
        "errors": [],
    }


async def test_chain_on_a_service_that_overwrites_what_it_is_asked(
    unconditional: tuple[Bucket, Remote],
    local: LocalStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bucket, remote = unconditional

    async def opened() -> Bucket:
        return bucket

    writer = ManifestWriter(opened, local.store, BERLIN)

    async def cut(*_: object, **__: object) -> None:
        raise PowerCutError

    for number in (1, 2):
        await local.keep(b"%d" % number, f"{number}.jpg")
        upload = await local.store.uploads.pick()
        assert upload is not None
        await local.store.uploads.succeeded(upload, await send(bucket, upload))
        with monkeypatch.context() as patched, pytest.raises(PowerCutError):
            patched.setattr(local.store.manifests, "written", cut)
            await writer.write_due()
        before = remote.read(key_of(number))
        assert await writer.write_due() == 0
        assert remote.read(key_of(number)) == before
    assert remote.listed(FOLDER) == [key_of(1), key_of(2)]
    assert read(remote, 2)["previous_sha256"] == hash_in_bucket(remote, key_of(1))
