"""How much of each camera is in the bucket, kept up to date by the catalogue."""

from datetime import date

from custom_components.hikvision_nvr.model import Capture
from custom_components.hikvision_nvr.store import Store

from .conftest import keep, sighting

type Totals = dict[tuple[str, str], tuple[int, int]]

DAY = date(2026, 11, 22)
ARCHIVE = "front/archive/2026-11-22.tar.gz"


async def totals(store: Store) -> Totals:
    return {
        (total.camera, total.storage_class): (total.objects, total.bytes)
        for total in await store.bucket.totals()
    }


async def upload(store: Store, content: bytes, name: str, camera: str) -> Capture:
    capture = await keep(store, content, name, camera=camera)
    picked = await store.uploads.pick()
    assert picked is not None
    assert picked.capture.id == capture.id
    await store.uploads.succeeded(picked, capture.relative_path)
    return capture


async def test_only_what_is_in_the_bucket_is_counted(store: Store) -> None:
    assert await totals(store) == {}
    await upload(store, b"four", "a.jpg", "front")
    await upload(store, b"seven77", "b.jpg", "front")
    await upload(store, b"two", "a.jpg", "garden")
    await keep(store, b"not yet", "c.jpg")
    assert await totals(store) == {
        ("front", "STANDARD"): (2, 11),
        ("garden", "STANDARD"): (1, 3),
    }


async def test_an_archive_takes_the_place_of_its_captures(store: Store) -> None:
    one = await upload(store, b"four", "a.jpg", "front")
    await upload(store, b"seven77", "b.jpg", "front")
    # A crash may note an archive twice.
    for _ in range(2):
        await store.bucket.archive_written(
            ARCHIVE, camera="front", day=DAY, size=100, storage_class="GLACIER"
        )
    await store.captures.archived([one.relative_path], ARCHIVE)
    assert await totals(store) == {
        ("front", "GLACIER"): (1, 100),
        ("front", "STANDARD"): (1, 7),
    }
    await store.captures.purged([ARCHIVE])
    assert await totals(store) == {("front", "STANDARD"): (1, 7)}


async def test_what_was_purged_does_not_count_and_not_twice(store: Store) -> None:
    one = await upload(store, b"four", "a.jpg", "front")
    await upload(store, b"seven77", "b.jpg", "front")
    for _ in range(2):
        await store.captures.purged([one.relative_path, "front/unknown.jpg"])
    assert await totals(store) == {("front", "STANDARD"): (1, 7)}


async def test_a_file_that_is_renamed_is_uploaded_anew(store: Store) -> None:
    capture = await upload(store, b"four", "a.jpg.tmp", "front")
    await store.rename(
        capture, name="a.jpg", sighting=sighting(), detection_id="incident"
    )
    assert await totals(store) == {}
