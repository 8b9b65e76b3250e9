"""Files that come under a temporary name become a detection under their final one."""

import ftplib
import io

import pytest

from custom_components.hikvision_nvr.model import CaptureKind, DetectionType

from .conftest import JPEG, MakeSite, Site, login, run

NAME = "10.55.48.12_01_20251119124208101_MOTION_DETECTION.jpg"
PLACE = f"front/2025-11-19/{NAME}"


@pytest.mark.parametrize("suffix", [".tmp", ".part", ".TEMP", ".uploading"])
async def test_event_fires_on_the_final_name(site: Site, suffix: str) -> None:
    def attempt() -> None:
        client = login(site.port)
        client.cwd("/today")
        client.storbinary(f"STOR {NAME}{suffix}", io.BytesIO(JPEG))
        assert site.detections == []
        client.rename(f"{NAME}{suffix}", NAME)
        assert client.nlst("/today") == [NAME]
        client.quit()

    await run(attempt)
    assert site.files() == {PLACE: JPEG}
    [detection] = site.detections
    assert detection.type is DetectionType.MOTION
    assert detection.file_name == NAME
    capture = await site.store.captures.get(detection.capture_id)
    assert capture == site.captures[-1]
    assert capture is not None
    assert capture.kind is CaptureKind.SNAPSHOT
    assert capture.complete is True


async def test_upload_to_s3_waits_for_the_final_name(make_site: MakeSite) -> None:
    site = await make_site(offsite=True)
    client = await run(lambda: login(site.port))
    await run(lambda: client.storbinary("STOR a.jpg.tmp", io.BytesIO(JPEG)))
    assert await site.store.uploads.pick() is None
    assert (await site.store.uploads.backlog()).files == 1
    await run(lambda: client.rename("a.jpg.tmp", "a.jpg"))
    upload = await site.store.uploads.pick()
    assert upload is not None
    assert upload.capture.name == "a.jpg"
    assert upload.path.read_bytes() == JPEG
    await run(client.quit)


async def test_final_name_that_is_taken(site: Site) -> None:
    def attempt() -> None:
        client = login(site.port)
        client.storbinary(f"STOR {NAME}", io.BytesIO(b"\xff\xd8other\xff\xd9"))
        client.storbinary("STOR a.tmp", io.BytesIO(JPEG))
        client.rename("a.tmp", NAME)
        client.quit()

    await run(attempt)
    assert sorted(site.files().values()) == sorted([JPEG, b"\xff\xd8other\xff\xd9"])
    assert len(site.detections) == 1


async def test_same_file_again_is_kept_once(site: Site) -> None:
    def attempt() -> None:
        client = login(site.port)
        for _ in range(2):
            client.storbinary("STOR a.tmp", io.BytesIO(JPEG))
            client.rename("a.tmp", NAME)
        client.quit()

    await run(attempt)
    assert site.files() == {PLACE: JPEG}
    assert len(site.detections) == 1
    days = await site.store.captures.days("front")
    assert [count for _, count in days] == [1]


async def test_evidence_keeps_the_name_it_arrived_under(site: Site) -> None:
    def attempt() -> None:
        client = login(site.port)
        client.storbinary(f"STOR {NAME}", io.BytesIO(JPEG))
        client.rename(NAME, "harmless.jpg")
        assert client.size("harmless.jpg") == len(JPEG)
        client.quit()

    await run(attempt)
    assert site.files() == {PLACE: JPEG}
    assert len(site.detections) == 1


@pytest.mark.parametrize("target", ["/", "..", "x/.."])
async def test_rename_to_nothing_is_refused(site: Site, target: str) -> None:
    def attempt() -> str:
        client = login(site.port)
        client.storbinary("STOR a.tmp", io.BytesIO(JPEG))
        with pytest.raises(ftplib.error_perm) as caught:
            client.rename("a.tmp", target)
        client.rename("a.tmp", NAME)
        client.quit()
        return str(caught.value)

    assert (await run(attempt)).startswith("553")
    assert site.files() == {PLACE: JPEG}
