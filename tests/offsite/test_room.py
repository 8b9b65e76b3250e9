"""When the disk is full, a capture makes room only if the bucket has it, there and then."""

from collections.abc import Callable
from datetime import date

import pytest

from custom_components.hikvision_nvr.errors import OffsiteError
from custom_components.hikvision_nvr.model import Capture
from custom_components.hikvision_nvr.offsite.archive import Archiver
from custom_components.hikvision_nvr.offsite.bucket import Bucket
from custom_components.hikvision_nvr.offsite.proof import proven_offsite
from custom_components.hikvision_nvr.store.capture_removal import CaptureRemoval

from .conftest import BERLIN, LocalStore, Remote
from .proxy import S3Proxy
from .test_archive_days import uploaded

DAY = date(2026, 11, 20)
NAMES = ("a.jpg", "b.jpg", "c.jpg")


def emptied(remote: Remote) -> None:
    for key in remote.listed():
        remote.client.delete_object(Bucket=remote.name, Key=key)


def made_anew(remote: Remote) -> None:
    emptied(remote)
    remote.client.delete_bucket(Bucket=remote.name)
    remote.client.create_bucket(Bucket=remote.name)


def deleted(remote: Remote) -> None:
    emptied(remote)
    remote.client.delete_bucket(Bucket=remote.name)


def replaced(remote: Remote) -> None:
    for key in remote.listed("CAM/"):
        remote.put(key, b"x" * remote.head(key)["ContentLength"])


@pytest.fixture
async def room(bucket: Bucket, local: LocalStore) -> CaptureRemoval:
    """Three captures that were uploaded, and what makes room of them."""
    for name in NAMES:
        await uploaded(bucket, local, name.encode(), name)
    removal = local.store.recordings.retention.captures
    removal.proof = lambda captures: proven_offsite(bucket, local.store, captures)
    return removal


async def names(removal: CaptureRemoval) -> list[str]:
    return [one.name for one in await removal.remove(await removal.oldest(10))]


async def left(local: LocalStore) -> list[Capture]:
    found = await local.store.captures.local_on("CAM", DAY)
    return [one for one in found if local.store.path(one).exists()]


async def test_what_the_bucket_has_makes_room(
    room: CaptureRemoval, local: LocalStore, remote: Remote, proxy: S3Proxy
) -> None:
    remote.client.delete_object(Bucket=remote.name, Key="CAM/2026-11-20/b.jpg")
    proxy.requests.clear()
    assert await names(room) == ["a.jpg", "c.jpg"]
    assert [one.name for one in await left(local)] == ["b.jpg"]
    # One listing for all of a day.
    assert len(proxy.requests) == 1


@pytest.mark.parametrize("loss", [emptied, made_anew, deleted, replaced])
async def test_what_it_has_no_more_stays(
    room: CaptureRemoval,
    local: LocalStore,
    remote: Remote,
    loss: Callable[[Remote], None],
) -> None:
    loss(remote)
    assert await names(room) == []
    assert len(await left(local)) == len(NAMES)


@pytest.mark.parametrize("is_there", [True, False])
async def test_an_archive_counts_while_it_is_there(
    room: CaptureRemoval,
    bucket: Bucket,
    local: LocalStore,
    remote: Remote,
    is_there: bool,
) -> None:
    await Archiver(bucket, local.store, BERLIN).archive("CAM", DAY)
    if not is_there:
        emptied(remote)
    assert await names(room) == (list(NAMES) if is_there else [])


async def test_while_s3_is_down_none_goes(
    room: CaptureRemoval, local: LocalStore, proxy: S3Proxy
) -> None:
    proxy.down = True
    assert await names(room) == []
    assert await room.oldest(10) == []
    assert len(await left(local)) == len(NAMES)


async def test_a_service_that_never_answers_holds_nothing_up(
    room: CaptureRemoval, local: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "custom_components.hikvision_nvr.store.capture_removal._ANSWER_WITHIN", 0.01
    )

    async def proof(_captures: object) -> set[str]:
        await local.changes.wait()
        raise OffsiteError("too late")

    local.changes.clear()
    room.proof = proof
    assert await names(room) == []
    assert len(await left(local)) == len(NAMES)
