"""Files are listed a page at a time, whatever lies beside them."""

from datetime import date

import pytest

from custom_components.hikvision_nvr.errors import OffsiteError
from custom_components.hikvision_nvr.offsite.archive import Archiver
from custom_components.hikvision_nvr.offsite.bucket import Bucket
from custom_components.hikvision_nvr.offsite.listing import ListScope, list_files

from .conftest import BERLIN, LocalStore, Remote

DAY = date(2026, 11, 20)


@pytest.fixture(autouse=True)
def filled(remote: Remote) -> None:
    for key in (
        "CAM/",
        "CAM/left.jpg",
        "CAM/right.jpg",
        "CAM/2026-11-19/0.jpg",
        "CAM/2026-11-20/",
        *(f"CAM/2026-11-20/{number}.jpg" for number in range(5)),
        "CAM/archive/2021-01-01.tar.gz",
        "CAM/archive/2021-01-01.index.json.gz",
        "CAM/archive/2021-01-02.tar.gz",
        "OTHER/2026-11-20/x.jpg",
        "test.io",
    ):
        remote.put(key, b"12345")


async def everything(bucket: Bucket, scope: ListScope, day: date | None) -> list[str]:
    names: list[str] = []
    cursor = None
    while True:
        page = await list_files(
            bucket, "CAM", day=day, scope=scope, limit=2, cursor=cursor
        )
        assert len(page.files) <= 2
        names += [file.key for file in page.files]
        cursor = page.cursor
        if cursor is None:
            return names


@pytest.mark.parametrize(
    ("scope", "day", "expected"),
    [
        (
            ListScope.CAPTURES,
            DAY,
            [f"CAM/2026-11-20/{number}.jpg" for number in range(5)],
        ),
        (
            ListScope.CAPTURES,
            None,
            [
                "CAM/2026-11-19/0.jpg",
                *(f"CAM/2026-11-20/{number}.jpg" for number in range(5)),
            ],
        ),
        (ListScope.UNSORTED, None, ["CAM/left.jpg", "CAM/right.jpg"]),
        (
            ListScope.ARCHIVES,
            None,
            ["CAM/archive/2021-01-01.tar.gz", "CAM/archive/2021-01-02.tar.gz"],
        ),
        (ListScope.ARCHIVES, date(2021, 1, 2), ["CAM/archive/2021-01-02.tar.gz"]),
    ],
)
async def test_pages_together_are_everything_once(
    bucket: Bucket, scope: ListScope, day: date | None, expected: list[str]
) -> None:
    assert await everything(bucket, scope, day) == expected


async def test_what_is_inside_archives(bucket: Bucket, local: LocalStore) -> None:
    archiver = Archiver(bucket, local.store, BERLIN)
    await archiver.archive("CAM", DAY, storage_class="STANDARD")
    assert await everything(bucket, ListScope.ARCHIVED, DAY) == [
        f"CAM/archive/2026-11-20.tar.gz#CAM/2026-11-20/{number}.jpg"
        for number in range(5)
    ]
    with pytest.raises(OffsiteError, match="date"):
        await list_files(bucket, "CAM", scope=ListScope.ARCHIVED)


async def test_answer_is_plain(bucket: Bucket) -> None:
    page = await list_files(bucket, "CAM", day=date(2026, 11, 19))
    (file,) = page.as_dict()["files"]
    assert file["name"] == "0.jpg"
    assert file["size"] == 5
    assert file["storage_class"] == "STANDARD"
    assert page.cursor is None


async def test_reserved_folder_is_no_camera(bucket: Bucket) -> None:
    with pytest.raises(OffsiteError):
        await list_files(bucket, "_hikvision_nvr")
