"""The bucket's layout: what a key means, and which keys nobody may touch."""

from datetime import date

import pytest

from custom_components.hikvision_nvr.errors import OffsiteError
from custom_components.hikvision_nvr.offsite.keys import (
    Layout,
    ObjectKind,
    Place,
    normalise_prefix,
    require_camera,
    with_suffix,
)

DAY = date(2026, 11, 21)
LAYOUT = Layout.below("site")


@pytest.mark.parametrize(
    ("typed", "prefix"),
    [("", ""), ("/", ""), ("a", "a/"), ("/a//b/", "a/b/"), (" a/b ", "a/b/")],
)
def test_prefix_is_normalised(typed: str, prefix: str) -> None:
    assert normalise_prefix(typed) == prefix


def test_keys_are_those_of_the_toolkit() -> None:
    assert LAYOUT.capture_key("front/2026-11-21/a.jpg") == "site/front/2026-11-21/a.jpg"
    assert LAYOUT.archive_key("front", DAY) == "site/front/archive/2026-11-21.tar.gz"
    assert LAYOUT.archive_key("front", DAY, 2).endswith("/2026-11-21.2.tar.gz")
    assert LAYOUT.index_key("front", DAY).endswith("/archive/2026-11-21.index.json.gz")
    assert LAYOUT.index_key("front", DAY, 2).endswith("/2026-11-21.2.index.json.gz")


@pytest.mark.parametrize(
    ("key", "kind", "name", "day", "part"),
    [
        ("a.jpg", ObjectKind.UNSORTED, "a.jpg", None, 1),
        ("2026-11-21/a b%ü.jpg", ObjectKind.CAPTURE, "a b%ü.jpg", DAY, 1),
        ("archive/2026-11-21.tar.gz", ObjectKind.ARCHIVE, None, DAY, 1),
        ("archive/2026-11-21.12.tar.gz", ObjectKind.ARCHIVE, None, DAY, 12),
        ("archive/2026-11-21.index.json.gz", ObjectKind.INDEX, None, DAY, 1),
        ("archive/2026-11-21.3.index.json.gz", ObjectKind.INDEX, None, DAY, 3),
        ("", ObjectKind.MARKER, "", None, 1),
        ("2026-11-21/", ObjectKind.MARKER, None, None, 1),
        ("archive/", ObjectKind.MARKER, None, None, 1),
    ],
)
def test_key_is_read(
    key: str, kind: ObjectKind, name: str | None, day: date | None, part: int
) -> None:
    name = key.removeprefix("archive/") if name is None else name
    expected = Place(kind=kind, camera="front", name=name, day=day, part=part)
    if kind is ObjectKind.MARKER:
        expected = Place(kind=kind, camera="front", name=key)
    assert LAYOUT.parse(f"site/front/{key}") == expected


@pytest.mark.parametrize(
    "key",
    [
        "other/front/a.jpg",
        "site/test.io",
        "site/_hikvision_nvr/probe-1",
        "site/archive/2026-11-21.tar.gz",
        "site/front/2026-13-01/a.jpg",
        "site/front/2026-11-21/deeper/a.jpg",
        "site/front/archive/2026-11-21.01.tar.gz",
        "site/front/archive/notes.txt",
        "site/front/holiday/a.jpg",
        "site/",
    ],
)
def test_what_is_not_ours_is_not_read(key: str) -> None:
    assert LAYOUT.parse(key) is None


def test_keys_read_back_as_written() -> None:
    for part in (1, 2, 17):
        archive = LAYOUT.parse(LAYOUT.archive_key("front", DAY, part))
        index = LAYOUT.parse(LAYOUT.index_key("front", DAY, part))
        assert archive is not None
        assert index is not None
        assert (archive.day, archive.part) == (index.day, index.part) == (DAY, part)


def test_suffix_goes_before_the_extension() -> None:
    assert with_suffix("front.door/2026-11-21/a.b.jpg", "1") == (
        "front.door/2026-11-21/a.b~1.jpg"
    )
    assert with_suffix("front.door/plain", "1") == "front.door/plain~1"


@pytest.mark.parametrize("name", ["", "archive", "_hikvision_nvr", "a/b"])
def test_reserved_names_are_no_cameras(name: str) -> None:
    with pytest.raises(OffsiteError):
        require_camera(name)
