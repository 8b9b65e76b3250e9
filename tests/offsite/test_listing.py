"""Files are listed a page at a time, whatever lies beside them."""

from datetime import date

from aiohttp import web
import pytest

from custom_components.hikvision_nvr.errors import OffsiteError
from custom_components.hikvision_nvr.offsite.archive import Archiver
from custom_components.hikvision_nvr.offsite.bucket import Bucket
from custom_components.hikvision_nvr.offsite.list_answer import parse_listing
from custom_components.hikvision_nvr.offsite.listing import ListScope, list_files

from .conftest import BERLIN, LocalStore, Remote
from .proxy import S3Proxy

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


ODD = ["a+b %41.jpg", "Hof \u95e8.jpg", "a&amp;<b>.jpg"]


async def test_odd_names_are_listed_as_they_are(bucket: Bucket, remote: Remote) -> None:
    for name in ODD:
        remote.put(f"ODD/2026-11-20/{name}", b"1")
    folder = "ODD/2026-11-20/"
    found = [entry.key async for entry in bucket.objects(folder)]
    assert sorted(found) == sorted(folder + name for name in ODD)
    pages = [page async for page in bucket.pages("ODD/", folders=True)]
    assert [page.folders for page in pages] == [(folder,)]
    # botocore, which takes over where a service redirects, reads the same.
    bucket._sender = None
    assert [entry.key async for entry in bucket.objects(folder)] == found


def listing(inside: str, before: str = "") -> bytes:
    return f"{before}<ListBucketResult>{inside}</ListBucketResult>".encode()


ENTRY = (
    "<Contents><Key>k</Key><Size>1</Size><ETag>&quot;e&quot;</ETag>"
    "<LastModified>2026-11-20T10:00:00.000Z</LastModified></Contents>"
)


def test_a_listing_without_a_namespace_is_read() -> None:
    answer = parse_listing(listing(ENTRY))
    (entry,) = answer.objects
    assert (entry.key, entry.size, entry.etag) == ("k", 1, "e")
    assert entry.modified.isoformat() == "2026-11-20T10:00:00+00:00"
    assert (entry.storage_class, answer.next_token) == (None, None)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html></html>",
        listing(ENTRY)[:-10],
        listing(ENTRY.replace("<Key>k</Key>", "")),
        listing(ENTRY.replace("<Size>1", "<Size>one")),
        listing(ENTRY.replace("2026-11-20", "yesterday")),
        # What is not listed would be taken for gone.
        listing(f"{ENTRY}<IsTruncated>true</IsTruncated>"),
        listing(ENTRY, '<!DOCTYPE l [<!ENTITY a "aa">]>'),
        b"<a>" * 100_000,
    ],
)
def test_what_is_no_listing_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_listing(body)


async def test_a_service_that_lists_the_same_page_for_ever_is_an_error(
    bucket: Bucket, proxy: S3Proxy
) -> None:
    more = "<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>"

    async def fault(_request: web.Request) -> web.Response:
        return web.Response(body=listing(ENTRY + more), content_type="application/xml")

    proxy.fault = fault
    with pytest.raises(ConnectionError):
        _ = [page async for page in bucket.pages("CAM/")]
