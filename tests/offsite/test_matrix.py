"""The whole life of a bucket on each kind of service.

moto does what AWS documents, rclone knows no conditional writes, tags and classes, and
Ceph RGW is a service that is used in production. The last one is started by
``scripts/test --ceph`` alone, because it takes half a minute and many packages.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
import io
import os
from pathlib import Path
import random
import subprocess
import sys
import tarfile
from typing import Any
import uuid

from botocore.exceptions import ClientError
import pytest
import pytest_socket

from custom_components.hikvision_nvr.errors import (
    BucketNotFoundError,
    OffsiteAuthError,
    OffsiteError,
)
from custom_components.hikvision_nvr.jobs import JobRun
from custom_components.hikvision_nvr.model import CaptureKind, S3Settings
from custom_components.hikvision_nvr.offsite import Offsite

from .ceph import ceph_is_installed, ceph_server
from .conftest import (
    BERLIN,
    EVENT,
    LocalStore,
    Remote,
    captures,
    describe,
    open_remote,
    settings_for,
)
from .servers import ACCESS_KEY, SECRET_KEY

CEPH = "HIKVISION_NVR_CEPH"
"""The environment variable that adds Ceph to the services."""

CLIP_SIZE = 20 << 20
"""Bytes, more than one part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A kind of service, and what is known of it."""

    name: str
    url: str
    signatures: bool
    capabilities: dict[str, object]
    markers: bool = True


@pytest.fixture(scope="session")
def ceph() -> Iterator[str]:
    assert ceph_is_installed(), "scripts/test --ceph installs it"
    pytest_socket.enable_socket()
    with ceph_server() as url:
        yield url


CEPH_ONLY = pytest.param(
    "ceph",
    marks=pytest.mark.skipif(
        not os.environ.get(CEPH), reason="run by scripts/test --ceph"
    ),
)


@pytest.fixture(params=["moto", "rclone", CEPH_ONLY])
def service(request: pytest.FixtureRequest) -> Service:
    """Return a running service of each kind."""
    url: str = request.getfixturevalue(request.param)
    match request.param:
        case "moto":
            return Service(
                name="moto",
                url=url,
                signatures=False,
                capabilities={
                    "conditional_put": True,
                    "conditional_complete": True,
                    "copy": True,
                    "tagging": True,
                    "multi_delete": True,
                },
            )
        case "rclone":
            return Service(
                name="rclone",
                url=url,
                signatures=True,
                capabilities={
                    "conditional_put": False,
                    "conditional_complete": False,
                    "copy": True,
                    "multi_delete": True,
                    "restore": False,
                },
                markers=False,
            )
        case _:
            return Service(
                name="ceph",
                url=url,
                signatures=True,
                capabilities={
                    "conditional_put": True,
                    "conditional_complete": False,
                    "copy": True,
                    "tagging": True,
                    "multi_delete": True,
                    "checksum": False,
                    "restore": False,
                },
            )


@pytest.fixture
def remote(service: Service) -> Remote:
    return open_remote(service.url, f"bucket-{uuid.uuid4().hex}")


@pytest.fixture
def settings(service: Service, remote: Remote) -> S3Settings:
    return settings_for(service.url, remote.name, "house")


@pytest.fixture
async def offsite(settings: S3Settings, local: LocalStore) -> AsyncIterator[Offsite]:
    offsite = Offsite(settings, local.store, BERLIN, describe)
    await offsite.start()
    yield offsite
    await offsite.stop()


async def run_job(offsite: Offsite, kind: str, **arguments: Any) -> dict[str, Any]:
    """Do the work of a job and return its result."""
    return await offsite.job_kinds()[kind](JobRun(arguments))


async def sort(offsite: Offsite) -> dict[str, Any]:
    return await run_job(
        offsite,
        "sort",
        camera=None,
        patterns=["*.jpg", "*.mp4"],
        grace=0,
        dry_run=False,
    )


async def archive(offsite: Offsite, camera: str) -> dict[str, Any]:
    return await run_job(
        offsite,
        "archive",
        camera=camera,
        first=None,
        last=None,
        pattern="*2021-12-*",
        storage_class="GLACIER",
        limit=31,
        dry_run=False,
    )


async def verify(offsite: Offsite) -> dict[str, Any]:
    return await run_job(
        offsite,
        "verify",
        camera=None,
        first=None,
        last=None,
        checks=["archives", "catalogue", "manifests"],
        repair=False,
        full=False,
    )


async def purge(offsite: Offsite, scope: str, *, dry_run: bool) -> dict[str, Any]:
    return await run_job(
        offsite,
        "purge",
        before="2100-01-01",
        camera=None,
        pattern="*",
        scope=scope,
        dry_run=dry_run,
        max_delete=10_000,
    )


def downloaded(service: Service, remote: Remote, folder: Path) -> dict[str, bytes]:
    """Return the bucket's captures as rclone, another client, downloads them."""
    rclone = Path(sys.executable).with_name("rclone")
    where = f":s3:{remote.name}/house"
    subprocess.run(
        [str(rclone), "copy", where, str(folder), "--exclude", "/_hikvision_nvr/**"],
        check=True,
        capture_output=True,
        timeout=120,
        env={
            **os.environ,
            "RCLONE_CONFIG": "",
            "RCLONE_S3_PROVIDER": "Other",
            "RCLONE_S3_ENDPOINT": service.url,
            "RCLONE_S3_ACCESS_KEY_ID": ACCESS_KEY,
            "RCLONE_S3_SECRET_ACCESS_KEY": SECRET_KEY,
            "RCLONE_S3_REGION": "us-east-1",
        },
    )
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


async def test_captures_arrive_as_they_were(
    service: Service,
    offsite: Offsite,
    local: LocalStore,
    remote: Remote,
    tmp_path: Path,
) -> None:
    clip = random.Random(20261122).randbytes(CLIP_SIZE)
    contents = {
        "plain.jpg": b"picture",
        "ä + 100 % ü.jpg": b"another picture",
        "empty.jpg": b"",
    }
    expected = {"front/2026-11-21/clip.mp4": clip}
    for name, content in contents.items():
        capture = await local.keep(content, name)
        expected[capture.relative_path] = content
    await local.keep(clip, "clip.mp4", kind=CaptureKind.CLIP)
    await local.drained()
    assert downloaded(service, remote, tmp_path / "downloaded") == expected
    assert remote.unfinished_uploads() == []


async def test_what_the_service_can_do_is_found_out(
    service: Service, offsite: Offsite, local: LocalStore
) -> None:
    await local.keep()
    await local.drained()
    async with asyncio.timeout(20):
        while offsite.capabilities is None:
            await asyncio.sleep(0.01)
    known = offsite.capabilities
    assert {
        name: getattr(known, name) for name in service.capabilities
    } == service.capabilities
    if service.name == "ceph":
        assert "GLACIER" in known.storage_classes
        assert "DEEP_ARCHIVE" not in known.storage_classes


@pytest.mark.parametrize("size", [7, CLIP_SIZE], ids=["small", "in-parts"])
async def test_other_content_under_a_key_is_not_overwritten(
    offsite: Offsite, local: LocalStore, remote: Remote, size: int
) -> None:
    remote.put("house/front/2026-11-21/a.jpg", b"who was here first")
    content = random.Random(size).randbytes(size)
    capture = await local.keep(content)
    await local.drained()
    assert remote.read("house/front/2026-11-21/a.jpg") == b"who was here first"
    suffixed = f"house/front/2026-11-21/a~{capture.sha256[:8]}.jpg"
    assert remote.read(suffixed) == content


async def test_a_bucket_of_the_toolkit_is_taken_over(
    service: Service, offsite: Offsite, local: LocalStore, remote: Remote
) -> None:
    old = datetime(2021, 12, 20, 9, tzinfo=UTC)
    pictures = {
        f"{old + timedelta(minutes=number):%Y%m%dT%H%M%SZ}{suffix}": b"%d" % number
        for number, suffix in enumerate((".jpg", ".JPG", ".jpg", ".mp4"))
    }
    remote.put("house/test.io", b"touched")
    if service.markers:
        remote.put("house/CAM/", b"", ContentType="application/x-directory")
    for name, content in pictures.items():
        remote.put(f"house/CAM/{name}", content, Metadata={"mtime": "1640000000"})
    assert (await sort(offsite))["moved"] == len(pictures)
    sorted_keys = {f"house/CAM/2021-12-20/{name}" for name in pictures}
    assert sorted_keys <= set(remote.listed("house/CAM/"))
    (camera,) = await offsite.list_cameras()
    assert (camera.camera, camera.days, camera.unsorted) == ("CAM", 1, 0)

    await archive(offsite, "CAM")
    key = "house/CAM/archive/2021-12-20.tar.gz"
    assert not sorted_keys & set(remote.listed("house/CAM/"))
    assert remote.head(key)["StorageClass"] == "GLACIER"
    (total,) = await local.store.bucket.totals()
    assert (total.camera, total.storage_class) == ("CAM", "GLACIER")
    if service.name != "moto":
        # moto refuses to read from this class, as AWS does.
        with tarfile.open(fileobj=io.BytesIO(remote.read(key)), mode="r:gz") as tar:
            members = {
                member.name: tar.extractfile(member).read()  # type: ignore[union-attr]
                for member in tar
            }
        assert members == {
            f"CAM/2021-12-20/{name}": content for name, content in pictures.items()
        }
    assert (await verify(offsite))["intact"]

    assert (await purge(offsite, "archives", dry_run=True))["deleted"] == 0
    assert remote.head(key)
    assert (await purge(offsite, "archives", dry_run=False))["deleted"] == 2
    assert await local.store.bucket.totals() == ()
    assert remote.listed("house/test.io") == ["house/test.io"]


async def test_manifests_prove_what_was_changed(
    offsite: Offsite, local: LocalStore, remote: Remote
) -> None:
    first = await local.keep(b"first", event_time=EVENT - timedelta(days=1))
    await local.drained()
    assert await offsite.write_manifests() == 1
    await local.keep(b"second")
    await local.drained()
    assert await offsite.write_manifests() == 1
    verdict = await offsite.verify_manifests("front", content=True)
    assert (verdict.intact, verdict.manifests, verdict.read) == (True, 2, 2)

    remote.put(f"house/{first.relative_path}", b"forged")
    verdict = await offsite.verify_manifests("front", content=True)
    assert (verdict.broken, verdict.differences) == (None, 1)
    key = "house/_hikvision_nvr/manifests/front/00000001.json.gz"
    remote.put(key, remote.read(key)[:-1])
    verdict = await offsite.verify_manifests("front")
    assert verdict.broken is not None
    assert (verdict.broken.number, verdict.manifests) == (1, 0)


async def test_wrong_keys_and_buckets_lose_nothing(
    service: Service, settings: S3Settings, local: LocalStore, remote: Remote
) -> None:
    await local.keep()
    wrong: list[tuple[S3Settings, type[OffsiteError]]] = [
        (replace(settings, bucket="no-such-bucket"), BucketNotFoundError)
    ]
    if service.signatures:
        wrong += [
            (replace(settings, secret_access_key="wrong"), OffsiteAuthError),
            (replace(settings, access_key_id="AKIAWRONG"), OffsiteAuthError),
        ]
    for unusable, error in wrong:
        offsite = Offsite(unusable, local.store, BERLIN, describe)
        await offsite.start()
        await local.until(lambda tried=offsite: tried.connected is False)
        assert isinstance(offsite.error, error)
        await offsite.stop()
        assert await local.waiting() == 1
    offsite = Offsite(settings, local.store, BERLIN, describe)
    await offsite.start()
    await local.drained()
    await offsite.stop()
    assert captures(Remote(remote.client, remote.name)) != []


async def test_recorders_with_prefixes_share_a_bucket(
    settings: S3Settings, local: LocalStore, remote: Remote, tmp_path: Path
) -> None:
    """Also where one recorder's prefix is below another's, or begins like it."""
    prefixes = ("", "house", "house/annexe", "house2")
    stores = [local] + [
        LocalStore(tmp_path / name / "media", tmp_path / name / "catalogue.sqlite")
        for name in ("1", "2", "3")
    ]
    recorders = []
    for number, (prefix, store) in enumerate(zip(prefixes, stores, strict=True)):
        if number:
            await store.store.open()
        recorder = Offsite(
            replace(settings, prefix=prefix), store.store, BERLIN, describe
        )
        await recorder.start()
        recorders.append(recorder)
        await store.keep(b"recorder %d" % number, camera="CAM")
        folder = f"{prefix}/CAM" if prefix else "CAM"
        remote.put(f"{folder}/20211220T090000Z.jpg", b"old %d" % number)
    for number, (prefix, recorder) in enumerate(zip(prefixes, recorders, strict=True)):
        await stores[number].drained()
        assert await recorder.write_manifests() == 1
        sorted_ = await sort(recorder)
        assert sorted_["moved"] == 1, prefix
    for recorder in recorders:
        assert (await verify(recorder))["intact"]
        (camera,) = [
            one for one in await recorder.list_cameras() if one.camera == "CAM"
        ]
        assert (camera.days, camera.unsorted) == (2, 0)
    before = set(captures(remote))
    assert (await purge(recorders[1], "captures", dry_run=False))["deleted"] == 2
    gone = before - set(captures(remote))
    assert gone == {
        "house/CAM/2026-11-21/a.jpg",
        "house/CAM/2021-12-20/20211220T090000Z.jpg",
    }
    assert (await purge(recorders[0], "captures", dry_run=False))["deleted"] == 2
    for number, recorder in enumerate(recorders):
        await recorder.stop()
        if number:
            await stores[number].store.close()


@pytest.mark.parametrize("service", [CEPH_ONLY], indirect=True)
async def test_large_listings_are_paged(
    service: Service, offsite: Offsite, remote: Remote
) -> None:
    """More objects than a page of a listing or of a deletion has."""
    count = 1_030
    with ThreadPoolExecutor(16) as pool:
        keys = [f"house/CAM/2021-12-20/{number:04}.jpg" for number in range(count)]
        await asyncio.to_thread(lambda: list(pool.map(remote.put, keys)))
    assert (await purge(offsite, "captures", dry_run=False))["deleted"] == count
    with pytest.raises(ClientError):
        remote.head("house/CAM/2021-12-20/1029.jpg")
