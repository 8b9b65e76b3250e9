"""What is kept is whole, in its place, in the catalogue, and there once."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
import errno
import hashlib
import os
from pathlib import Path
import sqlite3
import threading

import pytest

from custom_components.hikvision_nvr.errors import (
    CatalogueError,
    StorageError,
    StorageFullError,
    StorageNotWritableError,
)
from custom_components.hikvision_nvr.model import Capture
from custom_components.hikvision_nvr.store import Store

from .conftest import EVENT, keep, sighting

type OpenStore = Callable[..., Awaitable[Store]]

DAY = date(2026, 11, 22)


def files(root: Path) -> set[str]:
    """Return the captures on the disk."""
    return {
        str(path.relative_to(root))
        for path in root.rglob("*")
        if path.is_file() and path.name != ".hikvision_nvr"
    }


async def test_capture_is_in_the_day_of_the_event(store: Store, root: Path) -> None:
    capture = await keep(store, b"picture")
    assert capture.relative_path == "front/2026-11-22/a.jpg"
    assert (root / capture.relative_path).read_bytes() == b"picture"
    assert capture.sha256 == hashlib.sha256(b"picture").hexdigest()
    assert await store.captures.get(capture.id) == capture
    assert files(root) == {"front/2026-11-22/a.jpg"}


async def test_large_file_is_whole(store: Store) -> None:
    blocks = [os.urandom(300_000) for _ in range(20)]
    incoming = store.receive()
    for block in blocks:
        await incoming.write(block)
    placed = await incoming.place("front", DAY, "clip.mp4")
    content = b"".join(blocks)
    assert placed.size == len(content)
    assert placed.sha256 == hashlib.sha256(content).hexdigest()


async def test_a_file_that_cannot_be_closed_is_closed_once(
    store: Store, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second time its number may be that of a file of somebody else."""
    closed: list[int] = []
    close = os.close

    def refuse(descriptor: int) -> None:
        name = os.readlink(f"/proc/self/fd/{descriptor}")
        close(descriptor)
        if "/.incoming/" in name:
            closed.append(descriptor)
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "close", refuse)
    with pytest.raises(StorageError):
        await keep(store)
    monkeypatch.undo()
    assert len(closed) == 1
    assert files(root) == set()
    await keep(store)


async def test_another_process_sees_the_row_when_keep_returns(
    store: Store, catalogue: Path
) -> None:
    capture = await keep(store)
    with sqlite3.connect(f"file:{catalogue}?mode=ro", uri=True) as connection:
        rows = connection.execute("SELECT id FROM captures").fetchall()
        waiting = connection.execute("SELECT capture_id FROM uploads").fetchall()
    connection.close()
    assert rows == waiting == [(capture.id,)]


async def test_same_bytes_again_are_kept_once(store: Store, root: Path) -> None:
    first = await keep(store)
    again = await keep(store)
    assert again == first
    assert files(root) == {first.relative_path}
    assert store.used == first.size
    backlog = await store.uploads.backlog()
    assert backlog.files == 1


async def test_same_bytes_again_under_a_temporary_name_are_kept_once(
    store: Store, root: Path
) -> None:
    first = await keep(store)
    held = await keep(store, name="a.jpg.tmp")
    renamed = await store.rename(
        held, name="a.jpg", sighting=sighting(), detection_id=None
    )
    assert renamed == first
    assert files(root) == {first.relative_path}
    assert store.used == first.size
    assert (await store.uploads.backlog()).files == 1


async def test_same_name_with_other_bytes_replaces_nothing(store: Store) -> None:
    captures = [await keep(store, content) for content in (b"one", b"two", b"three")]
    assert [capture.name for capture in captures] == ["a.jpg", "a~1.jpg", "a~2.jpg"]
    assert [store.path(capture).read_bytes() for capture in captures] == [
        b"one",
        b"two",
        b"three",
    ]


async def test_uploads_of_one_name_at_once_are_all_kept(store: Store) -> None:
    contents = [str(number).encode() for number in range(20)]
    captures = await asyncio.gather(*(keep(store, content) for content in contents))
    assert len({capture.name for capture in captures}) == len(contents)
    assert {store.path(capture).read_bytes() for capture in captures} == set(contents)


async def test_same_upload_twice_at_once_is_kept_once(store: Store, root: Path) -> None:
    captures = await asyncio.gather(*(keep(store) for _ in range(10)))
    assert len({capture.id for capture in captures}) == 1
    assert files(root) == {captures[0].relative_path}


async def test_name_of_a_purged_file_is_not_used_for_another(store: Store) -> None:
    purged = await keep(store, b"one")
    store.path(purged).unlink()
    capture = await keep(store, b"two")
    assert capture.name == "a~1.jpg"
    assert store.path(capture).read_bytes() == b"two"
    known = await store.captures.get(purged.id)
    assert known is not None
    assert known.sha256 == purged.sha256


@pytest.mark.parametrize("moment", ["before its row is read", "after it"])
async def test_what_is_purged_while_it_is_sent_again_is_not_acknowledged(
    store: Store, root: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    purged = await keep(store)
    ask = store.captures.at

    async def purging(camera: str, day: date, name: str) -> Capture | None:
        if moment == "after it":
            known = await ask(camera, day, name)
            await store.drop([purged])
            return known
        await store.drop([purged])
        return await ask(camera, day, name)

    with monkeypatch.context() as patch:
        patch.setattr(store.captures, "at", purging)
        with pytest.raises(StorageError, match="deleted meanwhile"):
            await keep(store)
    assert await store.captures.on_day("front", DAY) == []
    assert files(root) == set()
    assert store.used == 0
    # The camera, which was not told that it was kept, sends it once more.
    again = await keep(store)
    assert store.path(again).read_bytes() == b"picture"
    assert store.used == len(b"picture")


async def test_discarded_upload_leaves_nothing(store: Store, root: Path) -> None:
    incoming = store.receive()
    await incoming.write(b"x" * 3_000_000)
    await incoming.discard()
    assert files(root) == set()


async def test_full_disk_is_said_and_leaves_nothing(
    store: Store, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", no_space)
        with pytest.raises(StorageFullError):
            await keep(store, b"x" * 3_000_000)
    assert files(root) == set()
    assert (await store.uploads.backlog()).files == 0
    await keep(store)


async def test_beside_an_unplugged_disk_nothing_is_made(
    store: Store, root: Path, tmp_path: Path
) -> None:
    incoming = store.receive()
    # More than stays in memory: the file is on the disk that is about to go.
    await incoming.write(os.urandom(2_000_000))
    await incoming.write(b"end")
    root.rename(tmp_path / "unplugged")
    root.mkdir()
    with pytest.raises(StorageNotWritableError):
        await store.keep(
            incoming,
            camera="front",
            name="a.jpg",
            sighting=sighting(),
            arrived=EVENT,
            detection_id=None,
        )
    assert list(root.iterdir()) == []


async def test_failed_sync_is_no_success(
    store: Store, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", broken)
        with pytest.raises(StorageNotWritableError):
            await keep(store)
    assert files(root) == set()


async def test_row_that_cannot_be_written_leaves_nothing(
    store: Store, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_row(*_: object, **__: object) -> None:
        raise CatalogueError("The catalogue cannot be written")

    with monkeypatch.context() as patch:
        patch.setattr(
            "custom_components.hikvision_nvr.store.store.insert_upload", no_row
        )
        with pytest.raises(CatalogueError):
            await keep(store)
    assert files(root) == set()
    assert await store.captures.on_day("front", DAY) == []


async def test_newest_snapshot_is_by_event_not_by_arrival(store: Store) -> None:
    await keep(store, b"late", "late.png", event_time=EVENT - timedelta(hours=1))
    newest = await keep(store, b"new", "new.png")
    await keep(store, b"older", "older.png", event_time=EVENT - timedelta(minutes=1))
    assert await store.captures.latest_snapshot("front") == newest
    assert await store.captures.latest_snapshot("back") is None


async def test_days_and_captures_newest_first(store: Store) -> None:
    for hours in (0, 1, 30):
        await keep(
            store,
            name=f"{hours}.jpg",
            event_time=EVENT - timedelta(hours=hours),
        )
    assert await store.captures.days("front") == [
        (date(2026, 11, 22), 1),
        (date(2026, 11, 21), 1),
        (date(2026, 11, 20), 1),
    ]
    [capture] = await store.captures.on_day("front", date(2026, 11, 20))
    assert capture.name == "30.jpg"


async def test_without_offsite_nothing_waits_until_it_is_set_up(
    open_store: OpenStore,
) -> None:
    store = await open_store(offsite=False)
    capture = await keep(store)
    assert (await store.uploads.backlog()).files == 0
    store = await open_store(offsite=True)
    upload = await store.uploads.pick()
    assert upload is not None
    assert upload.capture.id == capture.id


async def test_catalogue_on_a_full_disk_takes_nothing_and_goes_on_when_there_is_room(
    store: Store, root: Path
) -> None:
    def limit(pages: int) -> Callable[[sqlite3.Connection], None]:
        return lambda connection: connection.execute(
            f"PRAGMA max_page_count = {pages}"
        ).close()

    # Fewer than it has: not one more can be had.
    await store._catalogue.write(limit(1))
    names = [f"{number:03}-{'x' * 200}.jpg" for number in range(200)]
    kept = []
    with pytest.raises(CatalogueError, match="cannot be written"):
        for name in names:
            kept += [await keep(store, name.encode(), name)]
    assert files(root) == {one.relative_path for one in kept}
    await store._catalogue.write(limit(1 << 20))
    again = names[len(kept)]
    assert (await keep(store, again.encode(), again)).name == again


async def test_what_shares_a_transaction_fails_alone(store: Store) -> None:
    writer_is_held, go_on = threading.Event(), threading.Event()
    statements: list[str] = []

    def hold(connection: sqlite3.Connection) -> None:
        connection.set_trace_callback(statements.append)
        writer_is_held.set()
        go_on.wait(20)

    held = asyncio.create_task(store._catalogue.write(hold))
    await asyncio.to_thread(writer_is_held.wait, 20)

    def note(key: str) -> Awaitable[object]:
        return store._catalogue.write(
            lambda connection: (
                connection.execute(
                    "INSERT INTO meta VALUES (?, 'noted')", (key,)
                ).rowcount
            )
        )

    notes = asyncio.gather(*map(note, "abacd"), return_exceptions=True)
    # All five are queued once this turn of the loop is over.
    asyncio.get_running_loop().call_soon(go_on.set)
    first, second, again, *others = await notes
    await held
    assert [first, second, *others] == [1, 1, 1, 1]
    assert isinstance(again, sqlite3.IntegrityError)
    assert [await store.notes.get(key) for key in "abcd"] == ["noted"] * 4
    # That of the one that has held the writer, and one more.
    assert statements.count("COMMIT") == 2
