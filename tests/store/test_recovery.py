"""A start after a crash, a lost catalogue or a missing disk."""

from collections.abc import Awaitable, Callable
from datetime import date
import errno
import fcntl
import json
import os
from pathlib import Path
import sqlite3

import pytest

from custom_components.hikvision_nvr.errors import (
    CatalogueError,
    StorageInUseError,
    StorageMissingError,
    StorageNotWritableError,
)
from custom_components.hikvision_nvr.model import CaptureKind
from custom_components.hikvision_nvr.store import Store, prepare_storage_root

from .conftest import BERLIN, describe, keep

type OpenStore = Callable[..., Awaitable[Store]]

DAY = date(2026, 11, 22)


async def test_file_that_a_crash_left_without_a_row_is_added(
    open_store: OpenStore, root: Path
) -> None:
    store = await open_store()
    await keep(store)
    (root / "front/2026-11-22/crash.jpg").write_bytes(b"evidence")
    store = await open_store()
    assert await store.recover(describe) == 1
    captures = await store.captures.on_day("front", DAY)
    assert {capture.name for capture in captures} == {"a.jpg", "crash.jpg"}
    assert (await store.uploads.backlog()).files == 2
    assert await store.recover(describe) == 0


async def test_crash_in_the_middle_of_a_rename_leaves_one_capture(
    open_store: OpenStore, root: Path
) -> None:
    store = await open_store()
    # A temporary name does not say what it is.
    held = await keep(store, b"evidence", "a.jpg.tmp", kind=CaptureKind.OTHER)
    other = await keep(store, b"other", "b.jpg")
    # What Store.rename has done when the row is still the old one.
    store.path(held).rename(root / "front/2026-11-22/a.jpg")
    store = await open_store()
    assert await store.recover(describe) == 1
    captures = await store.captures.on_day("front", DAY)
    assert {(capture.id, capture.name) for capture in captures} == {
        (held.id, "a.jpg"),
        (other.id, "b.jpg"),
    }
    assert (await store.uploads.backlog()).files == 2


async def test_half_an_upload_is_deleted_at_the_start(
    open_store: OpenStore, root: Path
) -> None:
    await open_store()
    part = root / ".incoming" / "0123.part"
    part.write_bytes(b"half")
    await open_store()
    assert not part.exists()


async def test_recovery_goes_on_where_it_was_cut_off(
    open_store: OpenStore, root: Path
) -> None:
    store = await open_store()
    for name in ("a", "b", "c"):
        path = root / "front" / "2026-11-22" / f"{name}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    store = await open_store()
    store = await open_store()
    assert await store.recover(describe) == 3


@pytest.mark.parametrize("damage", ["lost", "overwritten"])
async def test_catalogue_is_built_anew_from_the_files(
    open_store: OpenStore, root: Path, catalogue: Path, damage: str
) -> None:
    store = await open_store()
    before = [await keep(store, str(n).encode(), f"{n}.jpg") for n in range(5)]
    await store.close()
    for path in catalogue.parent.iterdir():
        if damage == "lost":
            path.unlink()
        else:
            path.write_bytes(b"This is no database. " * 1000)
    store = Store(root, catalogue, time_zone=BERLIN, offsite=True)
    await store.open()
    try:
        assert await store.recover(describe) == 5
        after = await store.captures.on_day("front", DAY)
        assert {(c.name, c.sha256) for c in after} == {
            (c.name, c.sha256) for c in before
        }
    finally:
        await store.close()


async def test_foreign_folders_and_links_are_left_alone(
    open_store: OpenStore, root: Path, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(b"not a capture")
    for folder in ("archive/2026-11-22", "_other/2026-11-22", "front/notes"):
        (root / folder).mkdir(parents=True)
        (root / folder / "x.jpg").write_bytes(b"x")
    (root / "front/2026-11-22").mkdir()
    (root / "front/2026-11-22/link.jpg").symlink_to(secret)
    (root / "front/2026-13-77").mkdir()
    (root / "back").symlink_to(tmp_path)
    store = await open_store()
    assert await store.recover(describe) == 0


async def test_storage_without_its_marker_is_refused(
    open_store: OpenStore, root: Path, catalogue: Path
) -> None:
    store = await open_store()
    await store.close()
    root.rename(root.with_name("unmounted"))
    root.mkdir()
    with pytest.raises(StorageMissingError):
        await Store(root, catalogue, time_zone=BERLIN, offsite=True).open()
    assert list(root.iterdir()) == []


async def test_storage_of_another_recorder_is_refused(
    open_store: OpenStore, root: Path, catalogue: Path
) -> None:
    store = await open_store()
    await store.close()
    (root / ".hikvision_nvr").write_text(json.dumps({"id": "another"}))
    with pytest.raises(StorageMissingError):
        await Store(root, catalogue, time_zone=BERLIN, offsite=True).open()


async def test_two_recorders_cannot_share_a_folder(
    store: Store, root: Path, tmp_path: Path
) -> None:
    other = Store(root, tmp_path / "other.sqlite", time_zone=BERLIN, offsite=True)
    with pytest.raises(StorageInUseError):
        await other.open()
    await keep(store)


async def test_catalogue_of_a_newer_release_is_not_touched(
    open_store: OpenStore, root: Path, catalogue: Path
) -> None:
    store = await open_store()
    await keep(store)
    await store.close()
    with sqlite3.connect(catalogue) as connection:
        connection.execute("PRAGMA user_version = 999")
    connection.close()
    with pytest.raises(CatalogueError) as caught:
        await Store(root, catalogue, time_zone=BERLIN, offsite=True).open()
    assert caught.value.placeholders == {"version": "999", "known": "1"}


def test_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageNotWritableError):
        prepare_storage_root(tmp_path / "file" / "folder")


@pytest.mark.parametrize("marker", ["a folder", "no JSON", "a number", "gone"])
async def test_marker_that_says_nothing_is_no_storage_of_ours(
    open_store: OpenStore, root: Path, catalogue: Path, marker: str
) -> None:
    store = await open_store()
    capture = await keep(store)
    path = root / ".hikvision_nvr"
    if marker == "gone":
        path.unlink()
    else:
        path.write_text({"no JSON": "{", "a number": '{"id": 1}'}.get(marker, ""))
    # The disk may have been changed while the recorder runs.
    with pytest.raises(StorageMissingError, match="unplugged"):
        await store.drop([capture])
    assert (root / capture.relative_path).exists()
    await store.close()
    if marker == "a folder":
        path.unlink()
        path.mkdir()
        with pytest.raises(StorageNotWritableError):
            await Store(root, catalogue, time_zone=BERLIN, offsite=True).open()


@pytest.mark.parametrize(
    ("refusal", "works"), [(errno.ENOLCK, True), (errno.EIO, False)]
)
async def test_share_without_locks_can_be_used(
    root: Path,
    catalogue: Path,
    monkeypatch: pytest.MonkeyPatch,
    refusal: int,
    works: bool,
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(refusal, os.strerror(refusal))

    monkeypatch.setattr(fcntl, "flock", refuse)
    store = Store(root, catalogue, time_zone=BERLIN, offsite=True)
    if works:
        await store.open()
        await keep(store)
        await store.close()
    else:
        with pytest.raises(StorageNotWritableError):
            await store.open()
