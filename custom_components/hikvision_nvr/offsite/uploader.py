"""Workers that drain the upload queue into the bucket.

The life of an upload: a worker picks it (it is then ``uploading``), sends it, and says
succeeded, failed (with a time to try again), released (S3 cannot be used, or the
recorder stops: as if never picked) or quarantined (there is nothing left to send).
Nothing is ever dropped.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from functools import partial
import logging
from typing import TYPE_CHECKING, Any, Final

from ..errors import (
    BucketNotFoundError,
    ClockSkewError,
    OffsiteAccessDeniedError,
    OffsiteAuthError,
    OffsiteError,
    OffsiteQuotaError,
    OffsiteUnreachableError,
    StorageError,
)
from ..store import Lane
from . import pace
from .bucket import Bucket
from .connection import Connection
from .failure import readable_errors
from .shielding import finished
from .traffic import Traffic
from .transfer import LocalFileError, UnsendableError, send
from .work_signal import WorkSignal

if TYPE_CHECKING:
    from ..store import Store, Upload

FEWEST_WORKERS: Final = 2
"""One for snapshots, which must not wait for clips, and one for what is oldest."""
MOST_WORKERS: Final = 16
STOP_SECONDS: Final = 2.0
_COMMIT_SECONDS: Final = 0.9
_STUMBLE_SECONDS: Final = 10.0

_UNUSABLE: Final = (
    OffsiteUnreachableError,
    OffsiteAuthError,
    OffsiteQuotaError,
    BucketNotFoundError,
    ClockSkewError,
)
"""Errors that say nothing about the capture: every other one would fail as well."""

_LOGGER = logging.getLogger(__package__)


class Uploader:
    """Uploads what the store queues, newest evidence first."""

    def __init__(
        self,
        bucket: Callable[[], Awaitable[Bucket]],
        store: Store,
        *,
        workers: int = 4,
    ) -> None:
        """Upload from the store's queue into what ``bucket`` opens."""
        self._bucket = bucket
        self._store = store
        self._queue = store.uploads
        self._lanes = lanes(workers)
        self._signal = WorkSignal(store.uploads)
        self._snapshot_signal = WorkSignal(store.uploads, snapshots=True)
        self._connection = Connection(self._try_one, store.changed)
        self._tasks: list[asyncio.Task[None]] = []
        self.traffic = Traffic()
        """Whether captures are being sent, for what must wait for them."""
        self.failures = 0
        """Attempts that failed since the start."""

    @property
    def connected(self) -> bool | None:
        """Whether S3 can be used; None until the first attempt."""
        return self._connection.connected

    @property
    def error(self) -> OffsiteError | None:
        """Why S3 cannot be used; None while it can, and until the first attempt."""
        return self._connection.error

    async def usable(self) -> None:
        """Return once S3 can be used."""
        await self._connection.usable()

    def start(self) -> None:
        """Begin to upload in the background."""
        self._run(self._connection.keep_trying, "offsite connection")
        for lane in self._lanes:
            self._run(partial(self._work, lane), "offsite worker")

    async def now(self) -> int:
        """Try at once what waits for its next try; return how many those are."""
        count = await self._queue.hurry()
        self._connection.try_now()
        return count

    async def retry(self) -> int:
        """Let what was quarantined be tried again; return how many those are."""
        count = await self._queue.retry_quarantined()
        self._store.changed()
        return count

    async def stop(self) -> None:
        """Stop within 2 seconds; what was on its way is released."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=STOP_SECONDS)
        self._tasks.clear()

    def _run(self, work: Callable[[], Awaitable[None]], name: str) -> None:
        self._tasks.append(asyncio.create_task(_for_ever(work), name=name))

    async def _work(self, lane: Lane) -> None:
        signal = self._snapshot_signal if lane is Lane.SNAPSHOTS else self._signal
        upload: Upload | None = None
        while True:
            if upload is None:
                await self._connection.usable()
                seen = signal.now
                upload = await self._handed_over(self._queue.pick(lane))
                if upload is None:
                    await signal.after(seen)
                    continue
            with self.traffic:
                error, upload = await self._attempt(upload, then=lane)
            if isinstance(error, (*_UNUSABLE, OffsiteAccessDeniedError)):
                self._connection.lost(error)

    async def _try_one(self) -> OffsiteError | None:
        """Upload one capture, or just ask for the bucket when none is due."""
        upload = await self._handed_over(self._queue.pick())
        if upload is not None:
            with self.traffic:
                error, _ = await self._attempt(upload)
            if not isinstance(error, LocalFileError):
                return error
        try:
            bucket = await self._bucket()
            with readable_errors(bucket.settings):
                await bucket.check()
        except OffsiteError as refused:
            return refused
        return None

    async def _handed_over(
        self, taking: Coroutine[Any, Any, Upload | None]
    ) -> Upload | None:
        """Await what takes an upload; if cancelled meanwhile, give the upload back."""
        task = asyncio.ensure_future(taking)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            with suppress(asyncio.CancelledError, StorageError):
                if (upload := await task) is not None:
                    await self._queue.release(upload)
            raise

    async def _attempt(
        self, upload: Upload, then: Lane | None = None
    ) -> tuple[OffsiteError | None, Upload | None]:
        """Try to upload one capture and note the outcome.

        Returns what went wrong; after a success, the next upload of the lane ``then``.
        """
        try:
            bucket = await self._bucket()
            with readable_errors(bucket.settings):
                key = await send(bucket, upload, self._queue)
        except asyncio.CancelledError:
            await finished(self._queue.release(upload), within=_COMMIT_SECONDS)
            raise
        except UnsendableError as error:
            self.failures += 1
            reason = str(error)
            _LOGGER.error(
                "%s is not uploaded: %s", upload.capture.relative_path, reason
            )
            await self._commit(lambda: self._queue.quarantine(upload, reason))
            return error, None
        except _UNUSABLE as error:
            self.failures += 1
            await self._commit(lambda: self._queue.release(upload))
            return error, None
        except OffsiteError as error:
            # Also where access is denied: it may be denied for this key alone, which
            # must not stand in the way of the others.
            await self._fail(upload, error)
            return error, None
        except Exception:
            _LOGGER.exception("Upload of %s failed", upload.capture.relative_path)
            unexpected = OffsiteError("unexpected failure, see the log")
            await self._fail(upload, unexpected)
            return unexpected, None
        following = await self._noted(
            lambda: self._handed_over(self._queue.succeeded(upload, key, then))
        )
        return None, following

    async def _fail(self, upload: Upload, error: OffsiteError) -> None:
        self.failures += 1
        again = pace.retry_at(upload.attempts)
        _LOGGER.debug("%s failed: %s", upload.capture.relative_path, error)
        await self._commit(lambda: self._queue.failed(upload, str(error), again))
        self._signal.retry_set()
        self._snapshot_signal.retry_set()

    async def _commit(self, note: Callable[[], Coroutine[Any, Any, None]]) -> None:
        await self._noted(lambda: finished(note(), within=_COMMIT_SECONDS))

    async def _noted[T](self, note: Callable[[], Awaitable[T]]) -> T:
        while True:
            try:
                noted = await note()
            except StorageError as error:
                # The disk may be full. An outcome that is never noted costs only
                # another attempt, which finds its own object.
                _LOGGER.error("An upload's outcome cannot be noted yet: %s", error)
                await asyncio.sleep(_STUMBLE_SECONDS)
            else:
                self._store.changed()
                return noted


def lanes(workers: int) -> list[Lane]:
    """Return what each worker takes first: newest evidence, but not only."""
    workers = min(max(workers, FEWEST_WORKERS), MOST_WORKERS)
    return [
        Lane.SNAPSHOTS,
        *[Lane.NEWEST] * (workers - FEWEST_WORKERS),
        Lane.OLDEST,
    ]


async def _for_ever(work: Callable[[], Awaitable[None]]) -> None:
    """Run ``work``, and again if it stumbles: uploads must never end silently."""
    while True:
        try:
            await work()
        except Exception:
            _LOGGER.exception("Uploading stumbled and goes on")
            await asyncio.sleep(_STUMBLE_SECONDS)
