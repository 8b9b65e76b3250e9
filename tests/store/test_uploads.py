"""The upload queue hands out what waits, in order, and forgets nothing."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from custom_components.hikvision_nvr.model import CaptureKind
from custom_components.hikvision_nvr.store import Lane, Store

from .conftest import EVENT, keep

type OpenStore = Callable[..., Awaitable[Store]]


async def picked(store: Store, lane: Lane = Lane.NEWEST) -> list[str]:
    names = []
    while upload := await store.uploads.pick(lane):
        names.append(upload.capture.name)
    return names


async def fill(store: Store) -> None:
    for number, hours in enumerate((2, 0, 3, 1)):
        await keep(
            store,
            name=f"{hours}h.jpg",
            event_time=EVENT - timedelta(hours=hours),
            arrived=EVENT + timedelta(minutes=number),
        )
    await keep(store, name="0h.mp4", kind=CaptureKind.CLIP, arrived=EVENT)


async def test_newest_event_first_and_snapshots_before_clips(store: Store) -> None:
    await fill(store)
    assert await picked(store) == ["0h.jpg", "1h.jpg", "2h.jpg", "3h.jpg", "0h.mp4"]


async def test_oldest_arrival_first(store: Store) -> None:
    for number, name in enumerate(("first", "second", "third")):
        await keep(
            store,
            name=f"{name}.jpg",
            event_time=EVENT - timedelta(hours=number),
            arrived=EVENT + timedelta(minutes=number),
        )
    names = await picked(store, Lane.OLDEST)
    assert names == ["first.jpg", "second.jpg", "third.jpg"]


async def test_upload_is_handed_out_once(store: Store) -> None:
    await keep(store)
    uploads = await asyncio.gather(*(store.uploads.pick() for _ in range(5)))
    assert sum(upload is not None for upload in uploads) == 1


async def test_success_ends_the_waiting(store: Store) -> None:
    capture = await keep(store)
    upload = await store.uploads.pick()
    assert upload is not None
    assert upload.path.read_bytes() == b"picture"
    assert (await store.uploads.backlog()).files == 1
    await store.uploads.succeeded(upload, "site/front/2026-11-22/a.jpg")
    assert (await store.uploads.backlog()).files == 0
    known = await store.captures.get(capture.id)
    assert known is not None
    assert known.object_key == "site/front/2026-11-22/a.jpg"
    assert known.uploaded == await store.captures.last_upload()


async def test_failure_waits_for_its_time(store: Store) -> None:
    await keep(store)
    upload = await store.uploads.pick()
    assert upload is not None
    retry_at = datetime.now(UTC) + timedelta(hours=1)
    await store.uploads.failed(upload, "SlowDown", retry_at)
    assert await store.uploads.pick() is None
    assert await store.uploads.next_due() == retry_at
    assert (await store.uploads.backlog()).files == 1


async def test_a_clock_that_was_ahead_holds_up_nothing(store: Store) -> None:
    """What failed meanwhile is planned for a day that has not come."""
    await keep(store)
    upload = await store.uploads.pick()
    assert upload
    now = datetime.now(UTC)
    await store.uploads.failed(upload, "SlowDown", now + timedelta(hours=30))
    due = await store.uploads.next_due()
    assert due is not None
    assert due - now < timedelta(minutes=1)
    again = await store.uploads.pick()
    assert again
    assert again.attempts == 1


async def test_failure_counts_and_release_does_not(store: Store) -> None:
    await keep(store)
    seen = []
    for fails in (False, True, False, True, False):
        upload = await store.uploads.pick()
        assert upload is not None
        seen.append(upload.attempts)
        if fails:
            await store.uploads.failed(upload, "SlowDown", EVENT)
        else:
            await store.uploads.release(upload)
    assert seen == [0, 0, 1, 1, 2]


async def test_interrupted_upload_is_tried_again_after_a_restart(
    open_store: OpenStore,
) -> None:
    store = await open_store()
    capture = await keep(store)
    assert await store.uploads.pick() is not None
    store = await open_store()
    upload = await store.uploads.pick()
    assert upload is not None
    assert upload.capture.id == capture.id


async def test_uploaded_capture_is_not_queued_again_after_a_restart(
    open_store: OpenStore,
) -> None:
    store = await open_store()
    await keep(store)
    upload = await store.uploads.pick()
    assert upload is not None
    await store.uploads.succeeded(upload, "front/2026-11-22/a.jpg")
    await store.captures.purged(["front/2026-11-22/a.jpg"])
    store = await open_store()
    assert await store.uploads.pick() is None


async def test_quarantined_upload_is_out_of_the_way(store: Store) -> None:
    await keep(store)
    upload = await store.uploads.pick()
    assert upload is not None
    await store.uploads.quarantine(upload, "the file is gone")
    assert await store.uploads.pick() is None
    assert await store.uploads.next_due() is None
    assert (await store.uploads.backlog()).files == 0


async def test_backlog_tells_files_bytes_and_oldest(store: Store) -> None:
    await keep(store, b"12345", "a.jpg", arrived=EVENT)
    await keep(store, b"123", "b.jpg", arrived=EVENT + timedelta(minutes=1))
    backlog = await store.uploads.backlog()
    assert (backlog.files, backlog.bytes, backlog.oldest) == (2, 8, EVENT)


async def test_waiting_ends_when_something_is_kept(store: Store) -> None:
    seen = store.uploads.arrivals
    waiting = asyncio.create_task(store.uploads.wait_for_new(seen))
    await asyncio.sleep(0)
    assert not waiting.done()
    await keep(store)
    async with asyncio.timeout(5):
        await waiting


async def test_waiting_on_counts_the_day(store: Store) -> None:
    capture = await keep(store)
    assert await store.captures.waiting_on("front", capture.day) == 1
    upload = await store.uploads.pick()
    assert upload is not None
    await store.uploads.succeeded(upload, capture.relative_path)
    assert await store.captures.waiting_on("front", capture.day) == 0
