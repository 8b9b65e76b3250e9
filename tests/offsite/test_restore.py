"""What is archived comes back: a picture, an hour, a day, out of Glacier or at once."""

import asyncio
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
import gzip
from hashlib import sha256
import io
import tarfile
from typing import Any

from aiohttp import web
import pytest

from custom_components.hikvision_nvr.errors import (
    OffsiteUnreachableError,
    RestoreError,
)
from custom_components.hikvision_nvr.jobs import JobRun, ParkedError
from custom_components.hikvision_nvr.offsite.archive import Archiver
from custom_components.hikvision_nvr.offsite.bucket import Bucket
from custom_components.hikvision_nvr.offsite.multipart import PART_SIZE
from custom_components.hikvision_nvr.offsite.restore import Restorer, Wish

from .conftest import BERLIN, LocalStore, Remote, describe
from .proxy import S3Proxy
from .test_archive import noise

DAY = date(2026, 11, 20)
WHOLE_DAY = Wish(camera="CAM", day=DAY, extract=True)


def picture(hour: int) -> str:
    return f"20261120T{hour:02}0000Z.jpg"


@pytest.fixture
def restorer(bucket: Bucket, local: LocalStore) -> Restorer:
    return Restorer(bucket, local.store, describe, BERLIN)


@pytest.fixture
def pictures(remote: Remote) -> dict[str, bytes]:
    content = {picture(hour): noise(hour, 1000 + hour) for hour in range(8, 14)}
    for name, data in content.items():
        remote.put(f"CAM/2026-11-20/{name}", data)
    return content


type Archive = Callable[[str], Any]


@pytest.fixture
def archive(bucket: Bucket, local: LocalStore, pictures: dict[str, bytes]) -> Archive:
    async def make(storage_class: str) -> None:
        archiver = Archiver(bucket, local.store, BERLIN)
        await archiver.archive("CAM", DAY, storage_class=storage_class)

    return make


async def kept(local: LocalStore) -> dict[str, bytes]:
    found = {}
    for capture in await local.store.captures.local_on("CAM", DAY):
        content = local.store.path(capture).read_bytes()
        assert sha256(content).hexdigest() == capture.sha256
        found[capture.name] = content
    return found


def ongoing(proxy: S3Proxy) -> list[str]:
    """Let restores take time: the service says so for as long as a test wants."""
    waiting = ["yes"]

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if request.method != "HEAD" or not waiting:
            return None
        answer = await proxy.forward(request)
        if "x-amz-restore" in answer.headers:
            answer.headers["x-amz-restore"] = 'ongoing-request="true"'
        return answer

    proxy.fault = fault
    return waiting


@pytest.mark.parametrize("storage_class", ["STANDARD", "GLACIER_IR"])
async def test_day_in_an_instant_class_comes_back_at_once(
    restorer: Restorer,
    local: LocalStore,
    archive: Archive,
    pictures: dict[str, bytes],
    storage_class: str,
) -> None:
    await archive(storage_class)
    result = await restorer.restore(WHOLE_DAY)
    assert (result["extracted"], result["failed"]) == (6, 0)
    assert result["requested"] is False
    assert await kept(local) == pictures
    # What the bucket has is not uploaded a second time.
    assert await local.waiting() == 0


async def test_one_picture_is_one_range_request(
    restorer: Restorer,
    local: LocalStore,
    remote: Remote,
    archive: Archive,
    proxy: S3Proxy,
    pictures: dict[str, bytes],
) -> None:
    await archive("GLACIER_IR")
    ranges: list[str] = []

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if request.method == "GET" and request.path.endswith("tar.gz"):
            ranges.append(request.headers["Range"])
        return None

    proxy.fault = fault
    wish = Wish(camera="CAM", day=DAY, patterns=(picture(9).lower(),), extract=True)
    result = await restorer.restore(wish)
    assert result["files"] == [f"CAM/2026-11-20/{picture(9)}"]
    assert await kept(local) == {picture(9): pictures[picture(9)]}
    (asked,) = ranges
    first, last = asked.removeprefix("bytes=").split("-")
    assert int(last) - int(first) < 3000
    assert remote.head("CAM/archive/2026-11-20.tar.gz")["ContentLength"] > 6000


async def test_range_of_time_is_in_the_houses_time_zone(
    restorer: Restorer, local: LocalStore, archive: Archive
) -> None:
    await archive("STANDARD")
    # Berlin is an hour ahead of the names, which are in UTC.
    wish = Wish(camera="CAM", day=DAY, first=time(10), last=time(11, 30), extract=True)
    await restorer.restore(wish)
    assert sorted(await kept(local)) == [picture(9), picture(10)]


async def test_glacier_is_asked_once_and_polled_until_it_is_ready(
    restorer: Restorer,
    local: LocalStore,
    archive: Archive,
    proxy: S3Proxy,
    pictures: dict[str, bytes],
) -> None:
    await archive("GLACIER")
    waiting = ongoing(proxy)
    job = JobRun({})
    proxy.requests.clear()
    for tier, pause in (
        ("Bulk", timedelta(hours=1)),
        ("Expedited", timedelta(minutes=5)),
    ):
        with pytest.raises(ParkedError) as parked:
            await restorer.restore(
                Wish(camera="CAM", day=DAY, tier=tier, extract=True), job
            )
        left = parked.value.until - datetime.now(UTC)
        assert pause - timedelta(minutes=1) < left <= pause
    assert job.checkpoint == {"requested": True}
    assert await kept(local) == {}
    asked = [path for method, path in proxy.requests if path.endswith("?restore")]
    assert len(asked) == 1
    waiting.clear()
    result = await restorer.restore(WHOLE_DAY, job)
    assert (result["ready"], result["requested"]) == (True, True)
    assert await kept(local) == pictures


async def test_request_says_days_and_tier(
    restorer: Restorer, archive: Archive, proxy: S3Proxy
) -> None:
    await archive("DEEP_ARCHIVE")
    bodies: list[str] = []

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if request.method == "POST" and "restore" in request.query:
            bodies.append((await request.read()).decode())
        return None

    proxy.fault = fault
    await restorer.restore(Wish(camera="CAM", day=DAY, tier="Bulk", days=9))
    assert "<Days>9</Days>" in bodies[0]
    assert "<Tier>Bulk</Tier>" in bodies[0]


async def test_without_extracting_nothing_comes_to_the_disk(
    restorer: Restorer, local: LocalStore, remote: Remote, archive: Archive
) -> None:
    await archive("GLACIER")
    result = await restorer.restore(Wish(camera="CAM", day=DAY))
    assert (result["ready"], result["extracted"]) == (True, 0)
    assert await kept(local) == {}
    assert remote.read("CAM/archive/2026-11-20.tar.gz")


async def test_service_that_is_away_while_glacier_works_is_asked_again(
    restorer: Restorer, archive: Archive, proxy: S3Proxy
) -> None:
    await archive("GLACIER")
    proxy.down = True
    with pytest.raises(OffsiteUnreachableError):
        await restorer.restore(WHOLE_DAY)
    with pytest.raises(ParkedError):
        await restorer.restore(WHOLE_DAY, JobRun({}, {"requested": True}))


async def test_service_without_restore_is_read_at_once(
    restorer: Restorer, local: LocalStore, archive: Archive, proxy: S3Proxy
) -> None:
    """Ceph has a class GLACIER that is just another pool."""
    await archive("GLACIER")

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if request.method == "POST" and "restore" in request.query:
            return web.Response(status=501)
        return None

    proxy.fault = fault
    result = await restorer.restore(Wish(camera="CAM", day=DAY))
    assert result["ready"] is True


async def test_nothing_to_restore_is_said(restorer: Restorer, archive: Archive) -> None:
    with pytest.raises(RestoreError, match="nothing of CAM on 2026-01-01"):
        await restorer.restore(Wish(camera="CAM", day=date(2026, 1, 1)))
    await archive("STANDARD")
    with pytest.raises(RestoreError, match="nothing of CAM"):
        await restorer.restore(Wish(camera="CAM", day=DAY, patterns=("*.mp4",)))


async def test_single_objects_of_the_day_come_back_too(
    restorer: Restorer, local: LocalStore, remote: Remote, archive: Archive
) -> None:
    await archive("STANDARD")
    remote.put("CAM/2026-11-20/late.mp4", noise(1, PART_SIZE + 5))
    result = await restorer.restore(
        Wish(camera="CAM", day=DAY, patterns=("late*",), extract=True)
    )
    assert (result["objects"], result["archives"]) == (1, [])
    assert await kept(local) == {"late.mp4": noise(1, PART_SIZE + 5)}
    # The object was brought here: it is no upload of today that took so many days.
    figures = await local.store.upload_meter.figures()
    assert (figures.today, figures.last_day, figures.usual_delay) == (0, 0, None)


async def test_what_was_purged_here_is_the_same_capture_again(
    restorer: Restorer, bucket: Bucket, local: LocalStore
) -> None:
    from .test_archive_days import uploaded

    await uploaded(bucket, local, noise(1, 1000), "a.jpg")
    archiver = Archiver(bucket, local.store, BERLIN)
    await archiver.archive("CAM", DAY, storage_class="STANDARD")
    (before,) = await local.store.captures.local_on("CAM", DAY)
    await local.store.drop([before])
    assert await kept(local) == {}
    assert local.store.used == 0
    await restorer.restore(WHOLE_DAY)
    (after,) = await local.store.captures.local_on("CAM", DAY)
    assert after.id == before.id
    assert await kept(local) == {"a.jpg": noise(1, 1000)}
    assert local.store.used == 1000
    again = await restorer.restore(WHOLE_DAY)
    assert again["extracted"] == 1
    assert local.store.used == 1000


async def test_damaged_archive_gives_back_nothing_damaged(
    restorer: Restorer, local: LocalStore, archive: Archive, proxy: S3Proxy
) -> None:
    await archive("STANDARD")

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if request.method != "GET" or not request.path.endswith("tar.gz"):
            return None
        answer = await proxy.forward(request)
        assert isinstance(answer, web.Response)
        assert isinstance(answer.body, bytes)
        spoiled = bytearray(answer.body)
        spoiled[len(spoiled) // 2] ^= 1
        return web.Response(status=206, headers=answer.headers, body=bytes(spoiled))

    proxy.fault = fault
    result = await restorer.restore(WHOLE_DAY)
    assert (result["extracted"], result["failed"]) == (0, 6)
    assert await kept(local) == {}


def toolkit_archive(content: dict[str, bytes]) -> bytes:
    """Return an archive as hikvision-aws-toolkit makes it: gzip members, no end."""
    packed = b""
    for name, data in content.items():
        info = tarfile.TarInfo(f"CAM/2026-11-20/{name}")
        info.size = len(data)
        padding = bytes(-len(data) % 512)
        packed += gzip.compress(info.tobuf(tarfile.GNU_FORMAT) + data + padding, 9)
    return packed


async def test_archive_of_the_toolkit_is_read_whole(
    restorer: Restorer, local: LocalStore, remote: Remote
) -> None:
    content = {picture(hour): noise(hour, 300_000) for hour in range(8, 14)}
    remote.put("CAM/archive/2026-11-20.tar.gz", toolkit_archive(content))
    wish = Wish(camera="CAM", day=DAY, patterns=("*T09*", "*T10*"), extract=True)
    result = await restorer.restore(wish)
    assert (result["extracted"], result["errors"]) == (2, [])
    assert await kept(local) == {
        name: data
        for name, data in content.items()
        if name in (picture(9), picture(10))
    }


async def test_cut_off_archive_of_the_toolkit_leaves_nothing_half(
    restorer: Restorer, local: LocalStore, remote: Remote
) -> None:
    content = {picture(hour): noise(hour, 300_000) for hour in (8, 9)}
    remote.put("CAM/archive/2026-11-20.tar.gz", toolkit_archive(content)[:-1000])
    result = await restorer.restore(WHOLE_DAY)
    assert (result["extracted"], result["failed"]) == (0, 1)
    assert await kept(local) == {}
    incoming = local.store._placement.root / ".incoming"
    assert list(incoming.iterdir()) == []


async def test_names_in_an_archive_are_no_paths(
    restorer: Restorer, local: LocalStore, remote: Remote
) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name in ("../../../etc/passwd", "/abs.jpg", "CAM/2026-11-20/ok.jpg"):
            info = tarfile.TarInfo(name)
            info.size = 4
            archive.addfile(info, io.BytesIO(b"evil"))
        link = tarfile.TarInfo("link.jpg")
        link.type = tarfile.SYMTYPE
        link.linkname = "/etc/passwd"
        archive.addfile(link)
    remote.put("CAM/archive/2026-11-20.tar.gz", packed.getvalue())
    await restorer.restore(WHOLE_DAY)
    folder = local.store._placement.root / "CAM" / "2026-11-20"
    assert sorted(path.name for path in folder.iterdir()) == [
        "abs.jpg",
        "ok.jpg",
        "passwd",
    ]


async def test_cancelled_restore_stops_between_two_files(
    restorer: Restorer, local: LocalStore, archive: Archive
) -> None:
    await archive("STANDARD")
    job = JobRun({})
    done = job.done

    def cancel(items: int = 1, size: int = 0) -> None:
        done(items, size)
        job.cancelled = job.items_done == 2

    job.done = cancel  # type: ignore[method-assign]
    result = await restorer.restore(WHOLE_DAY, job)
    assert (result["extracted"], result["complete"]) == (2, False)
    await asyncio.sleep(0)
    assert len(await kept(local)) == 2
