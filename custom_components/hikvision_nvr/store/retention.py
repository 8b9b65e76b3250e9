"""Makes room: deletes the oldest recordings and captures by age, size and free space.

Only files with names of ours are deleted, never through a symbolic link, and no capture
that is not proven to be elsewhere. Of captures, only room is a reason here: how many
days they stay is the owner's choice, which a job carries out.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
import logging
import os
from pathlib import PurePosixPath
import sqlite3
import time

from ..errors import RecorderError
from ..model import Camera, Capture, RetentionSettings, StoragePressure
from .catalogue import Catalogue
from .file_threads import FileThreads
from .folders import folder_below, remove_file
from .incoming import storage_error
from .root import StorageRoot
from .rows import to_capture, to_us
from .segment import segment_path
from .segments import SegmentCatalogue

_LOGGER = logging.getLogger(__name__)

_INTERVAL = 60.0
_SHORTEST = 2.0
"""Seconds between two passes."""
_BATCH = 64
_MOST_BY_AGE = 256
"""Files that one pass deletes for their age: a clock that is wrong must not empty the
disk before anybody notices."""
_MOST_BY_SPACE = 2048
_CLOCK_TRUST = 3600.0
"""Seconds without a step of the clock after which ages are believed."""
_CLOCK_STEP = 120.0
_WATCHED = 2 * 3600.0
"""Seconds for which footage is spared that somebody looks at."""
_SHARE = 0.05
_MOST_SHARE = 10 << 30
_LARGEST_SHARE = 0.2
_OTHERS_GREW = 0.01
"""Part of the disk by which others must have grown to be the reason."""
_PRESSURE_LASTS = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class _Victim:
    """A file that may be deleted: a segment's row or a capture's."""

    path: str
    size: int
    time_us: int
    segment_id: int | None = None
    capture: Capture | None = None


@dataclass(slots=True)
class _Space:
    total: int
    free: int
    ours: int


class Retention:
    """Deletes what is too old or too much, a little at a time."""

    def __init__(
        self,
        root: StorageRoot,
        catalogue: Catalogue,
        threads: FileThreads,
        settings: RetentionSettings,
        cameras: Iterable[Camera],
        *,
        offsite: bool,
        reserve: int,
        drop: Callable[[Sequence[Capture]], Awaitable[list[Capture]]],
    ) -> None:
        """Keep ``reserve`` bytes free at least.

        ``offsite`` says whether S3 is set up; ``drop`` deletes captures of one day and
        camera and returns those that are gone.
        """
        self._root = root
        self._catalogue = catalogue
        self._segments = SegmentCatalogue(catalogue)
        self._threads = threads
        self._settings = settings
        self._cameras: Mapping[str, Camera] = {one.folder: one for one in cameras}
        self._offsite = offsite
        self._reserve = reserve
        self._drop = drop
        self._wake = asyncio.Event()
        self._spared: dict[tuple[str, int, int], float] = {}
        self._clock = time.time() - time.monotonic()
        self._trusted_from = time.monotonic() + _CLOCK_TRUST
        self._others: int | None = None
        self._pressed_until = 0.0
        self._failed = False
        self.pressure: StoragePressure | None = None
        self.days_that_fit: float | None = None

    def wake(self) -> None:
        """Look soon: a segment begins, or the disk is full."""
        self._wake.set()

    def spare(self, camera: str, start: datetime, end: datetime) -> None:
        """Spare footage for a while."""
        now = time.monotonic()
        self._spared = {key: end for key, end in self._spared.items() if end > now}
        self._spared[camera, to_us(start), to_us(end)] = now + _WATCHED

    async def run(self, on_change: Callable[[], None]) -> None:
        """Make room until cancelled. ``on_change`` hears when the pressure changes."""
        while True:
            before = self.pressure, self.days_that_fit
            try:
                await self.apply()
                self._failed = False
            except RecorderError as err:
                if not self._failed:
                    _LOGGER.warning("No room can be made: %s", err)
                self._failed = True
            if (self.pressure, self.days_that_fit) != before:
                on_change()
            await asyncio.sleep(_SHORTEST)
            try:
                async with asyncio.timeout(_INTERVAL):
                    await self._wake.wait()
            except TimeoutError:
                continue
            finally:
                self._wake.clear()

    async def apply(self) -> int:
        """Delete what is due now; return how many files that were.

        Raises StorageError.
        """
        removed = 0
        if self._clock_is_trusted():
            removed += await self._by_age()
        removed += await self._by_size()
        return removed + await self._by_space()

    def _clock_is_trusted(self) -> bool:
        """Tell whether ages can be believed: the clock was not set for an hour."""
        now = time.monotonic()
        clock = time.time() - now
        if abs(clock - self._clock) > _CLOCK_STEP:
            self._trusted_from = now + _CLOCK_TRUST
        self._clock = clock
        return now >= self._trusted_from

    async def _by_age(self) -> int:
        now = datetime.now(UTC)
        removed = 0
        for camera in await self._segments.totals():
            known = self._cameras.get(camera)
            days = self._settings.days
            if known is not None and known.recording.days is not None:
                days = known.recording.days
            if days is None:
                continue
            limits = [(0, days), (1, max(days, self._settings.detection_days or 0))]
            for detected, limit in limits:
                before = to_us(now - timedelta(days=limit))
                victims = await self._oldest(
                    camera=camera, detected=detected, before_us=before
                )
                removed += await self._remove(victims)
                if removed >= _MOST_BY_AGE:
                    return removed
        return removed

    async def _by_size(self) -> int:
        removed = 0
        totals = await self._segments.totals()
        for folder, camera in self._cameras.items():
            most = camera.recording.max_bytes
            if most is not None and folder in totals:
                removed += await self._free_footage(totals[folder][0] - most, folder)
        if self._settings.max_bytes is not None:
            totals = await self._segments.totals()
            size = sum(size for size, _ in totals.values())
            removed += await self._free_footage(size - self._settings.max_bytes)
        return removed

    async def _by_space(self) -> int:
        space = await self._space()
        rate = await self._segments.rate(datetime.now(UTC))
        reserve = self._reserve_of(space, rate)
        removed = 0
        if (missing := reserve - space.free) > 0:
            removed = await self._free(missing)
        self._judge(space, missing, removed)
        self.days_that_fit = self._forecast(space, reserve, rate)
        return removed

    def _reserve_of(self, space: _Space, rate: float | None) -> int:
        hour = 3600 * (rate or 0)
        share = min(space.total * _SHARE, _MOST_SHARE)
        own = min(max(share, hour), space.total * _LARGEST_SHARE)
        return max(self._reserve, round(own))

    def _judge(self, space: _Space, missing: int, removed: int) -> None:
        """Find out whether the owner must know why there is no room."""
        now = time.monotonic()
        others = space.total - space.free - space.ours
        if self._others is None or others < self._others:
            self._others = others
        if missing <= 0:
            if now >= self._pressed_until:
                self.pressure, self._others = None, others
            elif self.pressure is StoragePressure.FULL:
                self.pressure = None
            return
        if not removed:
            self.pressure = StoragePressure.FULL
        elif others - self._others > space.total * _OTHERS_GREW:
            self.pressure = StoragePressure.OTHERS
        self._pressed_until = now + _PRESSURE_LASTS

    def _forecast(
        self, space: _Space, reserve: int, rate: float | None
    ) -> float | None:
        if not rate:
            return None
        room = space.ours + space.free - reserve
        if self._settings.max_bytes is not None:
            room = min(room, self._settings.max_bytes)
        return round(max(0, room) / rate / 86_400, 1)

    async def _free_footage(self, size: int, camera: str | None = None) -> int:
        """Delete the oldest footage until so many bytes are free."""
        removed = 0
        while size > 0 and removed < _MOST_BY_SPACE:
            victims = _as_many(await self._oldest_for_space(camera), size)
            done = await self._remove(victims)
            if not done:
                break
            removed += done
            size -= sum(victim.size for victim in victims)
        return removed

    async def _free(self, size: int) -> int:
        """Delete the oldest footage and captures until so many bytes are free."""
        removed = 0
        while size > 0 and removed < _MOST_BY_SPACE:
            found = await self._oldest_for_space(None)
            if self._offsite:
                found += await self._oldest_captures()
            found.sort(key=lambda victim: victim.time_us)
            victims = _as_many(found[:_BATCH], size)
            done = await self._remove(victims)
            if not done:
                break
            removed += done
            size -= sum(victim.size for victim in victims)
        return removed

    async def _oldest_for_space(self, camera: str | None) -> list[_Victim]:
        if self._settings.detection_days is None:
            return await self._oldest(camera=camera)
        # What belongs to detections stays for as long as there is anything else.
        return await self._oldest(camera=camera, detected=0) or await self._oldest(
            camera=camera
        )

    async def _oldest(
        self,
        *,
        camera: str | None = None,
        detected: int | None = None,
        before_us: int = 1 << 62,
    ) -> list[_Victim]:
        """Return segments that may be deleted, oldest first."""
        conditions = ["complete = 1", "start_us < ?"]
        values: list[int | str] = [before_us]
        if camera is not None:
            conditions.append("camera = ?")
            values.append(camera)
        if detected is not None:
            conditions.append(f"detected = {detected:d}")

        def work(connection: sqlite3.Connection) -> list[_Victim]:
            cameras: list[str | None] = [None]
            if camera is None and detected == 0:
                # The index is by camera: a few looks instead of a long search.
                cameras = [
                    name
                    for (name,) in connection.execute("SELECT camera FROM recorded")
                ]
            found: list[_Victim] = []
            for one in cameras:
                extra = [] if one is None else ["camera = ?"]
                rows = connection.execute(
                    "SELECT id, camera, start_us, end_us, run, sequence, bytes"
                    f" FROM segments WHERE {' AND '.join([*conditions, *extra])}"
                    " AND NOT EXISTS (SELECT 1 FROM holds"
                    " WHERE holds.camera = segments.camera"
                    " AND holds.start_us < segments.end_us"
                    " AND holds.end_us > segments.start_us)"
                    f" ORDER BY start_us LIMIT {_BATCH}",
                    (*values, *([] if one is None else [one])),
                )
                found += [
                    _Victim(
                        path=segment_path(
                            row["camera"], row["start_us"], row["run"], row["sequence"]
                        ),
                        size=row["bytes"],
                        time_us=row["start_us"],
                        segment_id=row["id"],
                    )
                    for row in rows
                    if not self._is_watched(
                        row["camera"], row["start_us"], row["end_us"]
                    )
                ]
            found.sort(key=lambda victim: victim.time_us)
            return found[:_BATCH]

        return await self._catalogue.read(work)

    async def _oldest_captures(self) -> list[_Victim]:
        """Return captures that the bucket has, those that came first before others."""

        def work(connection: sqlite3.Connection) -> list[_Victim]:
            rows = connection.execute(
                "SELECT * FROM captures WHERE local = 1 AND uploaded_us IS NOT NULL"
                " AND kind <> 'export'"
                " AND (object_key IS NOT NULL OR archive_key IS NOT NULL)"
                " AND NOT EXISTS (SELECT 1 FROM uploads WHERE capture_id = captures.id)"
                " AND NOT EXISTS (SELECT 1 FROM holds"
                " WHERE holds.camera = captures.camera"
                " AND captures.event_us BETWEEN holds.start_us AND holds.end_us)"
                f" ORDER BY arrived_us LIMIT {_BATCH}"
            )
            return [
                _Victim(
                    path=capture.relative_path,
                    size=capture.size,
                    time_us=to_us(capture.arrived),
                    capture=capture,
                )
                for capture in map(to_capture, rows)
            ]

        return await self._catalogue.read(work)

    def _is_watched(self, camera: str, start_us: int, end_us: int) -> bool:
        now = time.monotonic()
        return any(
            one == camera and begin < end_us and end > start_us and until > now
            for (one, begin, end), until in tuple(self._spared.items())
        )

    async def _remove(self, victims: list[_Victim]) -> int:
        """Delete files, then their rows: what has a row is on the disk."""
        segments = [one for one in victims if one.segment_id is not None]
        removed = 0
        if segments:
            await self._remove_segments(segments)
            removed += len(segments)
        days: dict[tuple[str, date], list[Capture]] = {}
        for victim in victims:
            if (capture := victim.capture) is not None:
                days.setdefault((capture.camera, capture.day), []).append(capture)
        for (camera, day), captures in days.items():
            if await self._is_real_folder(camera, day):
                removed += len(await self._drop(captures))
        return removed

    async def _remove_segments(self, victims: list[_Victim]) -> None:
        def unlink() -> None:
            root = self._root.enter()
            try:
                for victim in victims:
                    remove_file(root, PurePosixPath(victim.path))
            finally:
                os.close(root)

        try:
            await self._threads.run(unlink)
        except OSError as err:
            raise storage_error(self._root.path, err) from err
        await self._segments.forget(
            [one.segment_id for one in victims if one.segment_id is not None]
        )

    async def _is_real_folder(self, camera: str, day: date) -> bool:
        """Tell whether a day's folder is where it seems to be, not behind a link."""

        def look() -> bool:
            root = self._root.enter()
            try:
                with folder_below(
                    root, PurePosixPath(camera, day.isoformat()), make=False
                ):
                    return True
            except FileNotFoundError:
                # Its captures are gone already, only their rows are left.
                return True
            except OSError:
                return False
            finally:
                os.close(root)

        try:
            return await self._threads.run(look)
        except OSError as err:
            raise storage_error(self._root.path, err) from err

    async def _space(self) -> _Space:
        def look() -> _Space:
            disk = os.statvfs(self._root.path)
            return _Space(
                total=disk.f_blocks * disk.f_frsize,
                free=disk.f_bavail * disk.f_frsize,
                ours=0,
            )

        try:
            space = await self._threads.run(look)
        except OSError as err:
            raise storage_error(self._root.path, err) from err
        totals = await self._segments.totals()
        space.ours = sum(size for size, _ in totals.values())
        return space


def _as_many(victims: list[_Victim], size: int) -> list[_Victim]:
    """Return as many of them as are needed to free so many bytes."""
    chosen: list[_Victim] = []
    for victim in victims:
        if size <= 0:
            break
        chosen.append(victim)
        size -= victim.size
    return chosen
