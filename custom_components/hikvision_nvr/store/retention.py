"""Makes room: deletes the oldest recordings and captures by age, size and free space.

Only files with names of ours are deleted, never through a symbolic link, and no capture
that is not proven to be elsewhere. Of captures, only room is a reason here: how many
days they stay is the owner's choice, which a job carries out.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
import contextlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
import logging
import os
import time

from ..errors import RecorderError
from ..model import Camera, Capture, RetentionSettings, StoragePressure
from .capture_removal import CaptureRemoval
from .catalogue import Catalogue
from .file_threads import FileThreads
from .incoming import storage_error
from .root import StorageRoot
from .rows import to_us
from .segment_removal import OldSegment, SegmentRemoval
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
_SHARE = 0.05
_MOST_SHARE = 10 << 30
_LARGEST_SHARE = 0.2
_OTHERS_GREW = 0.01
"""Part of the disk by which others must have grown to be the reason."""
_PRESSURE_LASTS = 24 * 3600.0


type _Victim = OldSegment | Capture


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
        reserve: int,
        drop: Callable[[Sequence[Capture]], Awaitable[list[Capture]]],
    ) -> None:
        """Keep ``reserve`` bytes free at least.

        ``drop`` deletes captures of one day and camera and returns those that are gone.
        """
        self._root = root
        self._catalogue = catalogue
        self._segments = SegmentCatalogue(catalogue)
        self._threads = threads
        self._settings = settings
        self._cameras: Mapping[str, Camera] = {one.folder: one for one in cameras}
        self._reserve = reserve
        self._wake = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._clock = time.time() - time.monotonic()
        self._trusted_from = time.monotonic() + _CLOCK_TRUST
        self._others: int | None = None
        self._pressed_until = 0.0
        self._failed = False
        self.footage = SegmentRemoval(root, catalogue, threads)
        self.captures = CaptureRemoval(catalogue, drop)
        self.pressure: StoragePressure | None = None
        self.days_that_fit: float | None = None

    def wake(self) -> None:
        """Look soon: a segment begins, or the disk is full. From any thread."""
        # The loop may be gone when a disk was too slow for the stop to wait.
        with contextlib.suppress(RuntimeError):
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._wake.set)

    async def run(self, on_change: Callable[[], None]) -> None:
        """Make room until cancelled. ``on_change`` hears when the pressure changes."""
        self._loop = asyncio.get_running_loop()
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
            longer = max(days, self._settings.detection_days or 0)
            for detected, limit in ((False, days), (True, longer)):
                victims = await self.footage.oldest(
                    limit=_BATCH,
                    camera=camera,
                    detected=detected,
                    before_us=to_us(now - timedelta(days=limit)),
                )
                removed += len(await self._remove_footage(victims))
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
        # On top of the reserve: nothing is received that would touch it, so that room
        # which ended where it begins would be none.
        return self._reserve + round(own)

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
            found = await self._oldest_footage(camera)
            victims = _as_many(found or await self._oldest_waiting(camera), size)
            if not victims:
                break
            gone = await self._remove_footage(victims)
            removed += len(gone)
            size -= sum(one.size for one in gone)
        return removed

    async def _free(self, size: int) -> int:
        """Delete the oldest footage and captures until so many bytes are free."""
        removed = tried = 0
        while size > 0 and tried < _MOST_BY_SPACE:
            found: list[_Victim] = [
                *await self._oldest_footage(None),
                *await self.captures.oldest(_BATCH),
            ]
            victims = _as_many(sorted(found, key=_since)[:_BATCH], size)
            if not victims:
                victims = _as_many(await self._oldest_waiting(None), size)
            if not victims:
                break
            # Footage first: nobody has to be asked for it.
            gone: list[_Victim] = [
                *await self._remove_footage(
                    [one for one in victims if isinstance(one, OldSegment)]
                ),
                *await self._remove_captures(
                    [one for one in victims if isinstance(one, Capture)]
                ),
            ]
            tried += len(victims)
            removed += len(gone)
            size -= sum(one.size for one in gone)
        return removed

    async def _oldest_footage(self, camera: str | None) -> list[OldSegment]:
        if self._settings.detection_days is not None:
            # What belongs to detections stays for as long as there is anything else.
            found = await self.footage.oldest(
                limit=_BATCH, camera=camera, detected=False
            )
            if found:
                return found
        return await self.footage.oldest(limit=_BATCH, camera=camera)

    async def _oldest_waiting(self, camera: str | None) -> list[OldSegment]:
        """Return footage on its way offsite: it goes when there is nothing else.

        A line that is too slow for it must not end the recording, nor keep captures
        from being received.
        """
        return await self.footage.oldest(limit=_BATCH, camera=camera, offsite_due=True)

    async def _remove_footage(self, victims: Sequence[OldSegment]) -> list[OldSegment]:
        if not victims:
            return []
        removed = await self.footage.remove(victims)
        for err in removed.errors.values():
            raise storage_error(self._root.path, err) from err
        return removed.gone

    async def _remove_captures(self, victims: Sequence[Capture]) -> list[Capture]:
        return await self.captures.remove(victims) if victims else []

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


def _since(victim: _Victim) -> int:
    """Return since when a file is here (microseconds since 1970 UTC)."""
    if isinstance(victim, OldSegment):
        return victim.start_us
    return to_us(victim.arrived)


def _as_many[T: _Victim](victims: Sequence[T], size: int) -> list[T]:
    """Return as many of them as are needed to free so many bytes."""
    chosen: list[T] = []
    for victim in victims:
        if size <= 0:
            break
        chosen.append(victim)
        size -= victim.size
    return chosen
