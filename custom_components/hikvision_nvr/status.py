"""Tells the recorder's state when it changes."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
import logging
from typing import TYPE_CHECKING

from .camera_activity import CameraActivity
from .errors import StorageError
from .jobs import JobRunner
from .model import DeviceStatus, RecorderStatus, RecordingStatus, UploadFigures
from .receiver import Receiver
from .store import Store

if TYPE_CHECKING:
    from .offsite import Offsite

_LOGGER = logging.getLogger(__name__)

_SHORTEST = 1.0
"""Seconds between two reports: a burst of uploads is one change."""
_LONGEST = 60.0
"""Seconds after which the free space is looked at in any case."""


class StatusReporter:
    """Reports at the start, after changes, and now and then."""

    def __init__(
        self,
        store: Store,
        offsite: Offsite | None,
        receiver: Receiver,
        activity: CameraActivity,
        jobs: JobRunner,
        devices: Callable[[], Mapping[str, DeviceStatus]],
        recordings: Callable[[], Mapping[str, RecordingStatus]],
        report: Callable[[RecorderStatus], None],
    ) -> None:
        """Watch these rooms."""
        self._store = store
        self._offsite = offsite
        self._receiver = receiver
        self._activity = activity
        self._jobs = jobs
        self._devices = devices
        self._recordings = recordings
        self._report = report
        self._changed = asyncio.Event()
        store.on_change(self._changed.set)

    async def run(self) -> None:
        """Report until cancelled."""
        last: RecorderStatus | None = None
        told: str | None = None
        while True:
            self._changed.clear()
            try:
                status = await self._status()
            except StorageError as err:
                # A disk that is gone for a moment must not end the reports.
                if str(err) != told:
                    told = str(err)
                    _LOGGER.error("The recorder's state cannot be read: %s", told)
            except Exception:
                _LOGGER.exception("The recorder's state cannot be read")
            else:
                told = None
                if status != last:
                    self._report(status)
                    last = status
            await asyncio.sleep(_SHORTEST)
            try:
                async with asyncio.timeout(_LONGEST):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def _status(self) -> RecorderStatus:
        store, offsite = self._store, self._offsite
        footage = await store.recordings.segments.totals()
        return RecorderStatus(
            storage_used=store.used + sum(size for size, _ in footage.values()),
            storage_free=await store.free(),
            backlog=None if offsite is None else await store.uploads.backlog(),
            last_upload=None if offsite is None else await store.captures.last_upload(),
            offsite_connected=None if offsite is None else offsite.connected,
            offsite_error=self._offsite_error(),
            uploads_today=store.uploads_today,
            receiver=self._receiver.status(),
            cameras=self._activity.statuses(),
            devices=self._devices(),
            storage_pressure=store.recordings.retention.pressure,
            recording_days=store.recordings.retention.days_that_fit,
            recordings=self._recordings(),
            job=self._jobs.status(),
            uploads=None if offsite is None else await self._upload_figures(offsite),
            bucket=await store.bucket.totals(),
            manifests=await store.manifests.heads(),
            manifest_conflicts=(
                frozenset() if offsite is None else offsite.manifest_conflicts
            ),
            offsite_lock_missing=offsite is not None and offsite.lock_missing,
        )

    async def _upload_figures(self, offsite: Offsite) -> UploadFigures:
        return replace(
            await self._store.upload_meter.figures(),
            failures=offsite.failures,
            quarantined=await self._store.uploads.quarantined(),
        )

    def _offsite_error(self) -> str | None:
        if self._offsite is None or self._offsite.error is None:
            return None
        return self._offsite.error.key
