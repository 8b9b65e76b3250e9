"""Captures drain into the bucket whatever happens in between, and none is dropped."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import pairwise
import logging
from pathlib import Path
import time

from aiohttp import web
import pytest

from custom_components.hikvision_nvr.errors import (
    BucketNotFoundError,
    CatalogueError,
    OffsiteAuthError,
    OffsiteUnreachableError,
)
from custom_components.hikvision_nvr.model import S3Settings
from custom_components.hikvision_nvr.offsite import Offsite, pace, uploader as module
from custom_components.hikvision_nvr.offsite.bucket import Bucket
from custom_components.hikvision_nvr.offsite.uploader import Uploader
from custom_components.hikvision_nvr.store import Lane

from .conftest import (
    BERLIN,
    EVENT,
    LocalStore,
    Remote,
    captures,
    describe,
)
from .proxy import S3Proxy

type StartUploader = Callable[[], Uploader]


async def keep_hours(local: LocalStore, hours: list[int]) -> None:
    """Keep captures of the given hours, in this order of arrival."""
    for hour in hours:
        event = datetime(2026, 11, 21, hour, tzinfo=UTC)
        await local.keep(f"{hour}".encode(), f"{hour:02}.jpg", event_time=event)


def names(paths: list[str]) -> list[str]:
    return [path.rpartition("/")[2].removesuffix(".jpg") for path in paths]


async def test_every_capture_arrives_once_with_its_bytes(
    local: LocalStore, remote: Remote, proxy: S3Proxy, start_uploader: StartUploader
) -> None:
    kept = [
        await local.keep(f"picture {number}".encode(), f"{number}.jpg")
        for number in range(30)
    ]
    uploader = start_uploader()
    await local.drained()
    assert captures(remote) == sorted(capture.relative_path for capture in kept)
    for capture in kept:
        assert sha256(remote.read(capture.relative_path)).hexdigest() == capture.sha256
        known = await local.store.captures.get(capture.id)
        assert known is not None
        assert known.object_key == capture.relative_path
    assert len(proxy.puts()) == 30
    assert uploader.connected is True


async def test_capture_that_comes_later_is_uploaded_at_once(
    local: LocalStore, remote: Remote, start_uploader: StartUploader
) -> None:
    uploader = start_uploader()
    await local.until(lambda: uploader.connected is True)
    capture = await local.keep()
    await local.drained()
    assert captures(remote) == [capture.relative_path]


@pytest.mark.parametrize(
    ("lane", "order"),
    [
        (Lane.NEWEST, ["12", "11", "10", "09", "08"]),
        (Lane.SNAPSHOTS, ["12", "11", "10", "09", "08"]),
        # The trial after an outage takes the newest, the lane then the oldest.
        (Lane.OLDEST, ["12", "10", "11", "08", "09"]),
    ],
)
async def test_after_an_outage_the_backlog_drains_in_order(
    local: LocalStore,
    remote: Remote,
    proxy: S3Proxy,
    bucket: Bucket,
    start_uploader: StartUploader,
    monkeypatch: pytest.MonkeyPatch,
    lane: Lane,
    order: list[str],
) -> None:
    monkeypatch.setattr(module, "lanes", lambda _workers: [lane])
    await bucket.refuses_overwrite()
    proxy.requests.clear()
    proxy.down = True
    uploader = start_uploader()
    await keep_hours(local, [10, 11, 12, 8, 9])
    if lane is Lane.OLDEST:
        await _set_arrivals(local, [10, 11, 12, 8, 9])
    await local.until(lambda: uploader.connected is False)
    assert await local.waiting() == 5
    proxy.down = False
    await local.drained()
    assert names(proxy.puts()) == order
    assert uploader.connected is True
    assert len(captures(remote)) == 5


async def _set_arrivals(local: LocalStore, hours: list[int]) -> None:
    """Let the captures have arrived in the order of ``hours``."""

    def work(connection: object) -> None:
        for number, hour in enumerate(hours):
            connection.execute(  # type: ignore[attr-defined]
                "UPDATE uploads SET arrived_us = ? WHERE capture_id ="
                " (SELECT id FROM captures WHERE name = ?)",
                (number, f"{hour:02}.jpg"),
            )

    await local.store._catalogue.write(work)


async def test_outage_is_logged_once_and_its_end_once(
    local: LocalStore,
    proxy: S3Proxy,
    start_uploader: StartUploader,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, logger="custom_components.hikvision_nvr.offsite")
    proxy.down = True
    tried = 0
    uploader = start_uploader()

    def count(_attempts: int) -> float:
        nonlocal tried
        tried += 1
        if tried == 5:
            proxy.down = False
        return 0.01

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pace, "probe_seconds", count)
        await local.keep()
        await local.drained()
    lines = [
        record.message
        for record in caplog.records
        if record.name == "custom_components.hikvision_nvr.offsite"
    ]
    assert tried >= 5
    assert uploader.connected is True
    assert len(lines) == 2
    assert "pause" in lines[0]
    assert "again" in lines[1]


async def test_outage_in_the_middle_counts_no_attempt(
    local: LocalStore, proxy: S3Proxy, start_uploader: StartUploader
) -> None:
    uploader = start_uploader()
    await local.until(lambda: uploader.connected is True)
    proxy.down = True
    await local.keep()
    await local.until(lambda: uploader.connected is False)
    await uploader.stop()
    upload = await local.store.uploads.pick()
    assert upload is not None
    assert upload.attempts == 0


async def test_wrong_keys_pause_and_keep_everything(
    unconditional: tuple[Bucket, Remote],
    local: LocalStore,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(pace, "probe_seconds", lambda _attempts: 0.01)
    bucket, remote = unconditional
    wrong = replace(bucket.settings, secret_access_key="wrong")
    kept = [await local.keep(name=f"{number}.jpg") for number in range(5)]
    offsite = Offsite(wrong, local.store, BERLIN, describe)
    await offsite.start()
    await local.until(lambda: offsite.connected is False)
    assert isinstance(offsite.error, OffsiteAuthError)
    await offsite.stop()
    assert "refuses the access key" in caplog.text
    assert remote.listed() == []
    assert await local.waiting() == 5
    waiting = [await local.store.uploads.pick() for _ in kept]
    assert all(upload is not None and upload.attempts == 0 for upload in waiting)


async def test_missing_bucket_pauses_until_it_is_there(
    local: LocalStore,
    remote: Remote,
    start_uploader: StartUploader,
) -> None:
    remote.client.delete_bucket(Bucket=remote.name)
    capture = await local.keep()
    uploader = start_uploader()
    await local.until(lambda: uploader.connected is False)
    assert await local.waiting() == 1
    remote.client.create_bucket(Bucket=remote.name)
    await local.drained()
    assert captures(remote) == [capture.relative_path]


async def test_why_s3_cannot_be_used_is_known_while_it_cannot(
    local: LocalStore, remote: Remote, proxy: S3Proxy, start_uploader: StartUploader
) -> None:
    remote.client.delete_bucket(Bucket=remote.name)
    uploader = start_uploader()
    assert uploader.error is None
    await local.until(lambda: uploader.connected is False)
    assert isinstance(uploader.error, BucketNotFoundError)
    # Another reason is a change as well.
    proxy.down = True
    await local.until(lambda: isinstance(uploader.error, OffsiteUnreachableError))
    assert uploader.connected is False
    proxy.down = False
    remote.client.create_bucket(Bucket=remote.name)
    await local.until(lambda: uploader.connected is True)
    assert uploader.error is None


async def test_one_capture_that_fails_does_not_hold_up_the_others(
    local: LocalStore,
    remote: Remote,
    proxy: S3Proxy,
    start_uploader: StartUploader,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failures = 0

    async def fault(request: web.Request) -> web.StreamResponse | None:
        nonlocal failures
        if request.method == "PUT" and request.path.endswith("bad.jpg"):
            failures += 1
            if failures < 4:
                body = "<Error><Code>AccessDenied</Code></Error>"
                return web.Response(status=403, text=body)
        return None

    proxy.fault = fault
    await local.keep(b"bad", "bad.jpg", event_time=EVENT + timedelta(hours=1))
    for number in range(5):
        await local.keep(name=f"{number}.jpg")
    start_uploader()
    await local.drained()
    assert failures == 4
    assert len(captures(remote)) == 6


async def test_failed_upload_waits_for_its_time(
    local: LocalStore,
    proxy: S3Proxy,
    start_uploader: StartUploader,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    uploader = start_uploader()
    await local.until(lambda: uploader.connected is True)
    planned: list[int] = []

    def in_a_moment(attempts: int) -> datetime:
        planned.append(attempts)
        return datetime.now(UTC) + timedelta(seconds=0.3)

    monkeypatch.setattr(pace, "retry_at", in_a_moment)
    failed_at: list[float] = []

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if request.method == "PUT" and request.path.endswith("a.jpg"):
            failed_at.append(time.monotonic())
            if len(failed_at) <= 2:
                return web.Response(status=418)
        return None

    proxy.fault = fault
    await local.keep()
    await local.drained()
    assert planned == [0, 1]
    assert all(later - earlier >= 0.3 for earlier, later in pairwise(failed_at))


async def test_damaged_file_is_quarantined_and_the_rest_goes_on(
    local: LocalStore,
    remote: Remote,
    start_uploader: StartUploader,
    caplog: pytest.LogCaptureFixture,
) -> None:
    damaged = await local.keep(b"good", "damaged.jpg")
    local.store.path(damaged).write_bytes(b"evil")
    fine = await local.keep(b"fine", "fine.jpg")
    uploader = start_uploader()
    await local.drained()
    assert captures(remote) == [fine.relative_path]
    # It does not keep its day from being archived, and it is not forgotten.
    assert await local.store.captures.waiting_on("front", EVENT.date()) == 0
    known = await local.store.captures.get(damaged.id)
    assert known is not None
    assert known.uploaded is None
    assert "damaged.jpg is not uploaded" in caplog.text
    await local.until(lambda: uploader.connected is True)


async def test_while_the_disk_is_unplugged_nothing_is_given_up(
    local: LocalStore, remote: Remote, start_uploader: StartUploader, tmp_path: Path
) -> None:
    capture = await local.keep()
    (tmp_path / "media").rename(tmp_path / "unplugged")
    (tmp_path / "media").mkdir()
    uploader = start_uploader()
    await local.until(lambda: uploader.failures > 2)
    assert await local.store.uploads.quarantined() == 0
    (tmp_path / "media").rmdir()
    (tmp_path / "unplugged").rename(tmp_path / "media")
    await local.drained()
    assert captures(remote) == [capture.relative_path]


async def test_disk_that_comes_back_while_s3_is_asked_loses_nothing(
    local: LocalStore,
    remote: Remote,
    proxy: S3Proxy,
    start_uploader: StartUploader,
    tmp_path: Path,
) -> None:
    capture = await local.keep()
    (tmp_path / "media").rename(tmp_path / "unplugged")
    asked = False

    async def plug_in(request: web.Request) -> web.StreamResponse | None:
        nonlocal asked
        if request.method == "HEAD" and capture.name in request.path and not asked:
            asked = True
            (tmp_path / "unplugged").rename(tmp_path / "media")
        return None

    proxy.fault = plug_in
    start_uploader()
    await local.drained()
    assert asked
    assert captures(remote) == [capture.relative_path]


async def test_stop_in_mid_flight_releases_within_two_seconds(
    local: LocalStore, remote: Remote, proxy: S3Proxy, start_uploader: StartUploader
) -> None:
    uploader = start_uploader()
    await local.until(lambda: uploader.connected is True)
    reached, go_on = asyncio.Event(), asyncio.Event()
    held = 0

    async def fault(request: web.Request) -> web.StreamResponse | None:
        nonlocal held
        if request.method == "PUT" and "/front/" in request.path:
            held += 1
            if held == 4:
                reached.set()
            await go_on.wait()
        return None

    proxy.fault = fault
    for number in range(6):
        await local.keep(name=f"{number}.jpg")
    await reached.wait()
    began = time.monotonic()
    await uploader.stop()
    assert time.monotonic() - began < 2
    go_on.set()
    waiting = []
    while upload := await local.store.uploads.pick():
        waiting.append(upload)
    assert sorted(upload.capture.name for upload in waiting) == [
        f"{number}.jpg" for number in range(6)
    ]
    assert all(upload.attempts == 0 for upload in waiting)


async def test_stop_while_picking_loses_nothing(
    bucket: Bucket, local: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await local.keep()
    original = local.store.uploads.pick
    picked = asyncio.Event()

    async def slow_pick(lane: Lane = Lane.NEWEST) -> object:
        upload = await original(lane)
        picked.set()
        await asyncio.sleep(0.05)
        return upload

    monkeypatch.setattr(local.store.uploads, "pick", slow_pick)

    async def opened() -> Bucket:
        return bucket

    uploader = Uploader(opened, local.store)
    uploader.start()
    await picked.wait()
    await uploader.stop()
    assert await original() is not None


async def test_nothing_is_asked_while_nothing_waits(
    local: LocalStore,
    proxy: S3Proxy,
    start_uploader: StartUploader,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    uploader = start_uploader()
    await local.until(lambda: uploader.connected is True)
    await local.keep()
    await local.drained()
    looks = 0
    read, write = local.store._catalogue.read, local.store._catalogue.write

    async def counted_read(work: object) -> object:
        nonlocal looks
        looks += 1
        return await read(work)  # type: ignore[arg-type]

    async def counted_write(work: object) -> object:
        nonlocal looks
        looks += 1
        return await write(work)  # type: ignore[arg-type]

    # Let the workers find out that nothing is left.
    await asyncio.sleep(0.2)
    monkeypatch.setattr(local.store._catalogue, "read", counted_read)
    monkeypatch.setattr(local.store._catalogue, "write", counted_write)
    asked = len(proxy.requests)
    await asyncio.sleep(0.4)
    assert len(proxy.requests) == asked
    assert looks == 0


async def test_outcome_is_noted_although_the_catalogue_fails_once(
    local: LocalStore,
    remote: Remote,
    start_uploader: StartUploader,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_STUMBLE_SECONDS", 0.01)
    original = local.store.uploads.succeeded
    failures = 0

    async def succeeded(*args: object) -> object:
        nonlocal failures
        failures += 1
        if failures == 1:
            raise CatalogueError("disk full")
        return await original(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(local.store.uploads, "succeeded", succeeded)
    capture = await local.keep()
    start_uploader()
    await local.drained()
    assert failures == 2
    assert captures(remote) == [capture.relative_path]


async def test_worker_survives_what_nobody_foresaw(
    local: LocalStore,
    remote: Remote,
    start_uploader: StartUploader,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_STUMBLE_SECONDS", 0.01)
    original = local.store.uploads.pick
    failures = 0

    async def pick(lane: Lane = Lane.NEWEST) -> object:
        nonlocal failures
        failures += 1
        if failures <= 6:
            raise CatalogueError("disk full")
        return await original(lane)

    monkeypatch.setattr(local.store.uploads, "pick", pick)
    capture = await local.keep()
    start_uploader()
    await local.drained()
    assert captures(remote) == [capture.relative_path]


async def test_start_with_s3_down_works_and_uploads_later(
    settings: S3Settings,
    local: LocalStore,
    remote: Remote,
    proxy: S3Proxy,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pace, "probe_seconds", lambda _attempts: 0.01)
    proxy.down = True
    capture = await local.keep()
    offsite = Offsite(settings, local.store, BERLIN, describe)
    assert offsite.connected is None
    await offsite.start()
    await local.until(lambda: offsite.connected is False)
    proxy.down = False
    await local.drained()
    await offsite.stop()
    assert captures(remote) == [capture.relative_path]


async def test_two_recorders_share_a_bucket_below_their_prefixes(
    settings: S3Settings, local: LocalStore, remote: Remote
) -> None:
    capture = await local.keep()
    below = replace(settings, prefix="house")
    offsite = Offsite(below, local.store, BERLIN, describe)
    await offsite.start()
    await local.drained()
    await offsite.stop()
    assert remote.listed() == [f"house/{capture.relative_path}"]


def test_retries_spread_and_never_wait_longer_than_a_quarter_of_an_hour() -> None:
    now = datetime.now(UTC)
    waits = [(pace.retry_at(40) - now).total_seconds() for _ in range(200)]
    assert max(waits) <= 15 * 60 + 1
    assert max(waits) - min(waits) > 60
    assert all((pace.retry_at(0) - now).total_seconds() <= 6 for _ in range(50))
    assert max(pace.probe_seconds(60) for _ in range(200)) <= 300
