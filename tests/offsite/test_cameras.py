"""The cameras of a bucket, told without listing every capture."""

from datetime import date

import pytest

from custom_components.hikvision_nvr.offsite import cameras as module
from custom_components.hikvision_nvr.offsite.bucket import Bucket
from custom_components.hikvision_nvr.offsite.cameras import list_cameras

from .conftest import Remote
from .proxy import S3Proxy


async def test_cameras_are_found_although_the_root_has_no_object(
    bucket: Bucket, remote: Remote
) -> None:
    for key in ("CAM1/2026-11-20/a.jpg", "CAM2/b.jpg", "_hikvision_nvr/probe"):
        remote.put(key)
    assert [entry.camera for entry in await list_cameras(bucket)] == ["CAM1", "CAM2"]


async def test_summary_of_a_toolkit_bucket(
    bucket: Bucket, remote: Remote, proxy: S3Proxy
) -> None:
    for key in (
        "test.io",
        "CAM/",
        "CAM/1.jpg",
        "CAM/2.JPG",
        "CAM/2026-11-19/",
        "CAM/2026-11-20/x.jpg",
        "CAM/2026-11-18/x.jpg",
        "CAM/archive/2026-10-01.tar.gz",
        "CAM/archive/2026-10-02.tar.gz",
        "CAM/archive/2026-10-02.index.json.gz",
    ):
        remote.put(key, b"12345")
    (summary,) = await list_cameras(bucket)
    assert summary.as_dict() == {
        "camera": "CAM",
        "unsorted": 2,
        "unsorted_bytes": 10,
        "days": 3,
        "oldest_day": "2026-11-18",
        "newest_day": "2026-11-20",
        "archives": 2,
        "archive_bytes": 10,
        "complete": True,
    }
    # One for the cameras, one for the folder, one for the archives.
    assert len(proxy.requests) == 3


async def test_camera_without_anything_sorted(bucket: Bucket, remote: Remote) -> None:
    remote.put("CAM/1.jpg")
    (summary,) = await list_cameras(bucket)
    assert (summary.days, summary.oldest_day, summary.archives) == (0, None, 0)


async def test_crowd_of_unsorted_files_is_not_listed_to_its_end(
    bucket: Bucket, remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_PAGES", 0)
    for key in ("CAM/1.jpg", "CAM/2024-02-29/x.jpg", "CAM/2026-11-20/x.jpg"):
        remote.put(key)
    (summary,) = await list_cameras(bucket)
    assert summary.complete is False
    assert summary.days == 2
    assert summary.oldest_day == date(2024, 2, 29)
    assert summary.newest_day == date(2026, 11, 20)
