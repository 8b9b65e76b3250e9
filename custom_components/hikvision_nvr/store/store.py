"""The store as the other rooms use it."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time as dt_time, timedelta, tzinfo
from functools import partial
import logging
import os
from pathlib import Path, PurePosixPath
import sqlite3
import time
import uuid

from ..errors import StorageError
from ..model import (
    Camera,
    Capture,
    Describe,
    Detection,
    RetentionSettings,
    Sighting,
)
from .bucket_catalogue import BucketCatalogue
from .captures import CaptureCatalogue
from .catalogue import Catalogue
from .describe import describe_capture
from .file_threads import FileThreads
from .folders import delete_file
from .incoming import IncomingFile, PlacedFile, Placement, storage_error
from .jobs import JobTable
from .manifests import ManifestCatalogue
from .names import is_temporary_name
from .notes import Notes
from .recordings import Recordings
from .recovery import UnknownFile, find_unknown_files, read_unknown_file
from .retention import Retention
from .root import StorageRoot, is_gone
from .rows import delete_capture, insert_capture, update_capture
from .segments import insert_detection, picture_rank
from .timeline import Timeline
from .upload_meter import UploadMeter
from .uploads import UploadQueue, insert_upload

_LOGGER = logging.getLogger(__name__)
_FILE_THREADS = 4
_HOLD_TIME = timedelta(minutes=10)
"""How long a file with a temporary name waits for its final one."""
_RECOVERY_MARGIN = 2 * 24 * 3600.0
"""Seconds: how wrong the clock may have been when a crash left files behind."""


class Store:
    """Keeps captures safe, knows them, and queues them for upload."""

    def __init__(
        self,
        root: Path,
        catalogue: Path,
        *,
        time_zone: tzinfo,
        offsite: bool,
        reserve: int = 0,
        cameras: Iterable[Camera] = (),
        retention: RetentionSettings = RetentionSettings(),  # noqa: B008 - frozen
        sync_interval: float = 10,
    ) -> None:
        """Use ``root`` for files and ``catalogue`` for the database's file.

        ``time_zone`` decides which day an event belongs to. With ``offsite`` each
        capture is queued for upload. Uploads leave ``reserve`` bytes free.
        ``retention`` says what is deleted for it, ``cameras`` may have limits of
        their own. Recordings are synced every ``sync_interval`` seconds.
        """
        self._root = StorageRoot(root)
        self._placement = Placement(root)
        self._catalogue = Catalogue(catalogue)
        self._threads = FileThreads(_FILE_THREADS)
        self._time_zone = time_zone
        self._offsite = offsite
        self._reserve = reserve
        self._used = 0
        self._arrivals = (date.min, 0)
        self._closed = False
        self._unknown: list[UnknownFile] = []
        self._on_change: Callable[[], None] | None = None
        self.captures = CaptureCatalogue(self._catalogue)
        self.timeline = Timeline(self._catalogue)
        self.bucket = BucketCatalogue(self._catalogue)
        self.jobs = JobTable(self._catalogue)
        self.manifests = ManifestCatalogue(self._catalogue)
        self.uploads = UploadQueue(self._catalogue, root)
        self.upload_meter = UploadMeter(self._catalogue, time_zone)
        self.notes = Notes(self._catalogue)
        self.recordings = Recordings(
            self._root,
            self._catalogue,
            self._threads,
            Retention(
                self._root,
                self._catalogue,
                self._threads,
                retention,
                cameras,
                reserve=reserve,
                drop=self.drop,
            ),
            sync_interval=sync_interval,
            reserve=reserve,
        )

    async def open(self) -> None:
        """Open the store. Raises StorageError."""
        try:
            await self._run(self._catalogue.open)
            expected = await self._meta("storage_id")
            if self._catalogue.new:
                expected = None
            storage_id = await self._run(lambda: self._root.open(expected))
            await self._run(self._root.clear_incoming)
            await self._remember("storage_id", storage_id)
            # Found before the first upload can arrive, so that none is found here.
            self._unknown = await self._find_unknown()
            recovered = await self._meta("recordings_recovered")
            await self.recordings.find(None if recovered is None else float(recovered))
            self._used = await self.captures.total_size()
            today = self._today()
            midnight = datetime.combine(today, dt_time.min, self._time_zone)
            self._arrivals = (today, await self.captures.count_since(midnight))
            if self._offsite:
                await self.uploads.restore()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Finish what runs and let go of files, locks and threads. Idempotent."""
        if self._closed:
            return
        self._closed = True
        await self._run(self._catalogue.close)
        await self._run(self._root.close)
        self._threads.close()

    def on_change(self, callback: Callable[[], None]) -> None:
        """Call this when what the store holds or the backlog has changed."""
        self._on_change = callback

    def changed(self) -> None:
        """Say that the backlog or the connection to S3 has changed."""
        if self._on_change is not None:
            self._on_change()

    def receive(self) -> IncomingFile:
        """Start an upload."""
        return IncomingFile(
            uuid.uuid4().hex,
            self._placement,
            self._threads,
            self._reserve,
            on_full=self.recordings.retention.wake,
        )

    async def resume(self, capture_id: str, size: int) -> IncomingFile:
        """Start an upload with the first ``size`` bytes of a capture.

        Raises StorageError when they cannot be read.
        """
        capture = await self.captures.get(capture_id)
        if capture is None:
            raise StorageError(f"Capture {capture_id} is not known")
        incoming = self.receive()
        try:
            await incoming.begin_with(self.path(capture), size)
        except BaseException:
            await incoming.discard()
            raise
        return incoming

    async def keep(
        self,
        incoming: IncomingFile,
        *,
        camera: str,
        name: str,
        sighting: Sighting,
        arrived: datetime,
        detection_id: str | None,
        held: bool = False,
        upload: bool = True,
    ) -> Capture:
        """Make a complete upload a capture; when this returns, it is safe.

        The same bytes under the same name are kept once: a camera that did not hear
        our answer sends them again. With ``held`` the upload to S3 waits some minutes
        for ``rename``, without ``upload`` there is none. Raises StorageError when the
        upload cannot be kept, and nothing of it is left then.
        """
        day = self._day(sighting)
        insert = partial(self._insert, held=held, upload=upload)

        def describe(placed: PlacedFile) -> Capture:
            return describe_capture(
                incoming.id,
                camera=camera,
                day=day,
                name=placed.name,
                size=placed.size,
                sha256=placed.sha256,
                sighting=sighting,
                content=placed.content,
                arrived=arrived,
                detection_id=detection_id,
            )

        described: list[Capture] = []

        def add(placed: PlacedFile, kept: asyncio.Future[PlacedFile]) -> bool:
            """Give the row to the catalogue, in the thread that has placed the file."""
            if placed.again:
                return False
            capture = describe(placed)
            described.append(capture)

            def work(connection: sqlite3.Connection) -> PlacedFile:
                insert(capture, connection)
                return placed

            self._catalogue.write_for(kept, work)
            return True

        try:
            placed = await incoming.place(camera, day, name, add)
            if placed.again:
                return await self._same(describe(placed), name, insert, held=held)
            (capture,) = described
            self._added(capture, held=held)
        except sqlite3.IntegrityError:
            # The name was used before by a file that is no longer on the disk.
            try:
                return await self._add(described[0], name, insert, held=held)
            except StorageError:
                await self._unplace(described)
                raise
        except StorageError:
            await self._unplace(described)
            raise
        return capture

    async def _same(
        self,
        capture: Capture,
        wanted: str,
        insert: Callable[[Capture, sqlite3.Connection], None],
        *,
        held: bool,
    ) -> Capture:
        """Return the capture of a file that was there when it was sent again.

        Raises StorageError when a purge has deleted it at this moment.
        """
        known = await self.captures.at(capture.camera, capture.day, capture.name)
        if known is None:
            known = await self._add(capture, wanted, insert, held=held)
        if known.object_key or known.archive_key:
            return known
        gone = partial(is_gone, self.path(known), known.relative_path)
        if not await self._run(gone):
            return known
        if known.id == capture.id:
            await self._catalogue.write(partial(delete_capture, known.id))
            self._used -= known.size
            self.changed()
        raise StorageError(f"{known.relative_path} was deleted meanwhile")

    async def _unplace(self, captures: Sequence[Capture]) -> None:
        """Delete the files of captures that the catalogue could not take."""
        for capture in captures:
            path = self.path(capture)
            await self._run(partial(path.unlink, missing_ok=True))

    async def note_detection(self, camera: str, detection: Detection) -> None:
        """Note what a camera's device tells, which no file may. Raises CatalogueError."""
        await self._catalogue.write(
            lambda connection: insert_detection(
                connection,
                detection.id,
                camera,
                detection.type,
                detection.event_time,
                plate=detection.plate,
                region=detection.region,
            )
        )

    async def rename(
        self,
        capture: Capture,
        *,
        name: str,
        sighting: Sighting,
        detection_id: str | None,
    ) -> Capture:
        """Give a capture that was held its final name. Raises StorageError."""
        renamed = replace(
            capture,
            day=self._day(sighting),
            kind=sighting.kind,
            type=sighting.type,
            raw_type=sighting.raw_type,
            channel=sighting.channel,
            event_time=sighting.event_time,
            name_time=sighting.name_time,
            plate=sighting.plate,
            detection_id=detection_id,
            object_key=None,
            uploaded=None,
        )
        placed, again = await self._run(
            partial(
                self._placement.place,
                self.path(capture),
                capture.camera,
                renamed.day,
                name,
                capture.size,
                capture.sha256,
            )
        )
        renamed = replace(renamed, name=placed)
        if again:
            known = await self.captures.at(capture.camera, renamed.day, placed)
            if known is not None:
                await self._catalogue.write(partial(delete_capture, capture.id))
                self._used -= capture.size
                self.changed()
                return known
        renamed = await self._write_named(renamed, name, self._update)
        if self._offsite:
            self.uploads.enqueued()
        self.changed()
        return renamed

    def path(self, capture: Capture) -> Path:
        """Return where the capture's file is, or was before it was purged."""
        return self._placement.root / capture.relative_path

    async def bring_back(
        self,
        incoming: IncomingFile,
        *,
        camera: str,
        day: date,
        name: str,
        sighting: Sighting,
        object_key: str | None,
        archive_key: str | None,
    ) -> Capture:
        """Keep a file again that was read from the bucket; it is not uploaded again.

        Raises StorageError when it cannot be kept; nothing of it is left then.
        """
        placed = await incoming.place(camera, day, name)
        known = await self.captures.at(camera, day, placed.name)
        # What was only ever seen in the bucket may have no SHA-256 so far.
        if known is not None and known.sha256 in ("", placed.sha256):
            await self._catalogue.write(
                lambda connection: connection.execute(
                    "UPDATE captures SET local = 1, sha256 = ? WHERE id = ?",
                    (placed.sha256, known.id),
                )
            )
            back = replace(known, local=True, sha256=placed.sha256)
            if not known.local:
                self._used += known.size
        else:
            found = describe_capture(
                incoming.id,
                camera=camera,
                day=day,
                name=placed.name,
                size=placed.size,
                sha256=placed.sha256,
                # A time that is not from now tells nothing of the camera's clock.
                sighting=replace(sighting, name_time=None),
                content=placed.content,
                arrived=sighting.event_time,
            )
            found = replace(
                found,
                object_key=object_key,
                archive_key=archive_key,
                # Not now: it is no upload that took as long as the file is old.
                uploaded=found.arrived,
            )
            back = await self._write_named(found, name, _insert_offsite)
            self._used += back.size
        self.changed()
        return back

    async def upload_again(self, captures: Sequence[Capture]) -> None:
        """Queue captures that the bucket has lost."""

        def work(connection: sqlite3.Connection) -> None:
            for capture in captures:
                connection.execute(
                    "UPDATE captures SET object_key = NULL, archive_key = NULL,"
                    " uploaded_us = NULL WHERE id = ?",
                    (capture.id,),
                )
                insert_upload(connection, capture.id)

        await self._catalogue.write(work)
        self.uploads.enqueued()
        self.changed()

    async def drop(self, captures: Sequence[Capture]) -> list[Capture]:
        """Delete the files of captures of one day and camera; return which went.

        One that the bucket has, in an archive or not, stays in the catalogue; any other
        is forgotten. A file that cannot be deleted stays with its row, and so does what
        lies behind a link: that is no folder of ours. Raises StorageError when the
        storage is not there, where nothing that is missing is gone.
        """
        gone = await self._run(lambda: self._unlink(captures))
        if not gone:
            return []
        kept = [one.id for one in gone if one.object_key or one.archive_key]
        lost = [one.id for one in gone if not (one.object_key or one.archive_key)]

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany(
                "UPDATE captures SET local = 0 WHERE id = ?", [(one,) for one in kept]
            )
            connection.executemany(
                "DELETE FROM captures WHERE id = ?", [(one,) for one in lost]
            )

        await self._catalogue.write(work)
        self._used -= sum(one.size for one in gone)
        self.changed()
        return gone

    def _unlink(self, captures: Sequence[Capture]) -> list[Capture]:
        gone: list[Capture] = []
        failed: list[str] = []
        root = self._root.enter()
        try:
            for capture in captures:
                try:
                    delete_file(root, PurePosixPath(capture.relative_path))
                except OSError as err:
                    failed.append(f"{capture.relative_path} ({err})")
                else:
                    gone.append(capture)
        finally:
            os.close(root)
        if failed:
            _LOGGER.warning(
                "%d captures cannot be deleted, such as %s", len(failed), failed[0]
            )
        for camera, day in {(one.camera, one.day) for one in gone}:
            self._placement.remove_if_empty(camera, day)
        return gone

    @property
    def used(self) -> int:
        """The bytes of all captures."""
        return self._used

    @property
    def uploads_today(self) -> int:
        """How many captures have arrived since midnight."""
        day, count = self._arrivals
        return count if day == self._today() else 0

    async def free(self) -> int:
        """Return the bytes that can still be written."""
        return await self._run(self._root.free)

    async def recover(self, describe: Describe) -> int:
        """Add the files that the catalogue did not know at ``open``; return how many.

        It may be cancelled: the next start goes on with it.
        """
        started = time.time()
        added = 0
        begun = await self.recordings.recover()
        await self._remember("recordings_recovered", str(begun))
        while self._unknown:
            capture = await read_unknown_file(self._unknown[0], describe, self._threads)
            if capture is not None:
                await self._adopt(capture)
                added += 1
            del self._unknown[0]
        await self._remember("recovered", str(started))
        if added:
            _LOGGER.warning(
                "Added %d files to the catalogue that it did not know", added
            )
        return added

    async def _adopt(self, capture: Capture) -> None:
        for known in await self.captures.unnamed_with_content(
            capture.camera, capture.sha256
        ):
            moved = is_temporary_name(known.name) and not await self._run(
                self.path(known).exists
            )
            if moved:
                # A crash came between the file's final name and its row.
                capture = replace(capture, id=known.id, arrived=known.arrived)
                await self._catalogue.write(partial(self._update, capture))
                return
        await self._add(
            capture, capture.name, partial(self._insert, held=False, upload=True)
        )

    async def _find_unknown(self) -> list[UnknownFile]:
        recovered = await self._meta("recovered")
        since = 0.0 if recovered is None else float(recovered) - _RECOVERY_MARGIN
        return await find_unknown_files(
            self._placement.root,
            changed_since=since,
            captures=self.captures,
            threads=self._threads,
        )

    async def _add(
        self,
        capture: Capture,
        wanted: str,
        insert: Callable[[Capture, sqlite3.Connection], None],
        *,
        held: bool = False,
    ) -> Capture:
        added = await self._write_named(capture, wanted, insert)
        if added.id == capture.id:
            self._added(added, held=held)
        return added

    def _added(self, capture: Capture, *, held: bool) -> None:
        """Count a capture that the catalogue knows from now on."""
        self._used += capture.size
        self._count_arrival()
        if self._offsite and not held:
            self.uploads.enqueued()
        self.changed()

    async def _write_named(
        self,
        capture: Capture,
        wanted: str,
        write: Callable[[Capture, sqlite3.Connection], None],
    ) -> Capture:
        """Write a row; a name that another row has is changed, on the disk too."""
        while True:
            try:
                await self._catalogue.write(partial(write, capture))
            except sqlite3.IntegrityError:
                known = await self.captures.at(
                    capture.camera, capture.day, capture.name
                )
                if known is not None and known.sha256 == capture.sha256:
                    return known
                # The name was used before by a file that is no longer on the disk.
                moved = await self._run(
                    partial(
                        self._placement.move_aside,
                        capture.camera,
                        capture.day,
                        capture.name,
                        wanted,
                    )
                )
                capture = replace(capture, name=moved)
            else:
                return capture

    def _insert(
        self,
        capture: Capture,
        connection: sqlite3.Connection,
        *,
        held: bool,
        upload: bool,
    ) -> None:
        insert_capture(connection, capture)
        _note_detection(connection, capture)
        if self._offsite and upload:
            due = datetime.now(UTC) + _HOLD_TIME if held else None
            insert_upload(connection, capture.id, due=due)

    def _update(self, capture: Capture, connection: sqlite3.Connection) -> None:
        update_capture(connection, capture)
        _note_detection(connection, capture)
        if self._offsite:
            insert_upload(connection, capture.id)

    def _day(self, sighting: Sighting) -> date:
        return sighting.event_time.astimezone(self._time_zone).date()

    def _today(self) -> date:
        return datetime.now(self._time_zone).date()

    def _count_arrival(self) -> None:
        today, count = self._today(), self.uploads_today
        self._arrivals = (today, count + 1)

    async def _meta(self, key: str) -> str | None:
        def work(connection: sqlite3.Connection) -> str | None:
            row = connection.execute(
                "SELECT value FROM meta WHERE key = ?", (key,)
            ).fetchone()
            return None if row is None else str(row["value"])

        return await self._catalogue.read(work)

    async def _remember(self, key: str, value: str) -> None:
        await self._catalogue.write(
            lambda connection: connection.execute(
                "INSERT INTO meta VALUES (?, ?)"
                " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                (key, value),
            )
        )

    async def _run[T](self, work: Callable[[], T]) -> T:
        try:
            return await self._threads.run(work)
        except OSError as err:
            raise storage_error(self._placement.root, err) from err


def _note_detection(connection: sqlite3.Connection, capture: Capture) -> None:
    """Let the footage of a capture's detection be known as such."""
    if capture.type is not None:
        insert_detection(
            connection,
            capture.detection_id or capture.id,
            capture.camera,
            capture.type,
            capture.event_time,
            plate=capture.plate,
            capture=(capture.id, picture_rank(capture.kind, capture.complete)),
        )


def _insert_offsite(capture: Capture, connection: sqlite3.Connection) -> None:
    insert_capture(connection, capture)
    connection.execute(
        "UPDATE captures SET archive_key = ? WHERE id = ?",
        (capture.archive_key, capture.id),
    )
