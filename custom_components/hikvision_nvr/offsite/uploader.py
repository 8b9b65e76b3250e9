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
    OffsiteUnreachableError,
    StorageError,
)
from . import pace
from .bucket import Bucket
from .connection import Connection
from .failure import readable_errors
from .shielding import finished
from .transfer import LocalFileError, UnsendableError, send
from .work_signal import WorkSignal

if TYPE_CHECKING:
    from ..store import Store, Upload

NEWEST_FIRST_WORKERS: Final = 3
OLDEST_FIRST_WORKERS: Final = 1
STOP_SECONDS: Final = 2.0
_COMMIT_SECONDS: Final = 0.9
_STUMBLE_SECONDS: Final = 10.0

_UNUSABLE: Final = (
    OffsiteUnreachableError,
    OffsiteAuthError,
    BucketNotFoundError,
    ClockSkewError,
)
"""Errors that say nothing about the capture: every other one would fail as well."""

_LOGGER = logging.getLogger(__package__)


class Uploader:
    """Uploads what the store queues, newest evidence first."""

    def __init__(self, bucket: Callable[[], Awaitable[Bucket]], store: Store) -> None:
        """Upload from the store's queue into what ``bucket`` opens."""
        self._bucket = bucket
        self._store = store
        self._queue = store.uploads
        self._signal = WorkSignal(store.uploads)
        self._connection = Connection(self._try_one, store.changed)
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def connected(self) -> bool | None:
        """Whether S3 can be used; None until the first attempt."""
        return self._connection.connected

    @property
    def error(self) -> OffsiteError | None:
        """Why S3 cannot be used; None while it can, and until the first attempt."""
        return self._connection.error

    def start(self) -> None:
        """Begin to upload in the background."""
        lanes = [False] * NEWEST_FIRST_WORKERS + [True] * OLDEST_FIRST_WORKERS
        self._run(self._connection.keep_trying, "offsite connection")
        for oldest_first in lanes:
            work = partial(self._work, oldest_first=oldest_first)
            self._run(work, "offsite worker")

    async def stop(self) -> None:
        """Stop within 2 seconds; what was on its way is released."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=STOP_SECONDS)
        self._tasks.clear()

    def _run(self, work: Callable[[], Awaitable[None]], name: str) -> None:
        self._tasks.append(asyncio.create_task(_for_ever(work), name=name))

    async def _work(self, *, oldest_first: bool) -> None:
        while True:
            await self._connection.usable()
            seen = self._signal.now
            upload = await self._pick(oldest_first=oldest_first)
            if upload is None:
                await self._signal.after(seen)
                continue
            error = await self._attempt(upload)
            if isinstance(error, (*_UNUSABLE, OffsiteAccessDeniedError)):
                self._connection.lost(error)

    async def _try_one(self) -> OffsiteError | None:
        """Upload one capture, or just ask for the bucket when none is due."""
        upload = await self._pick(oldest_first=False)
        if upload is not None:
            error = await self._attempt(upload)
            if not isinstance(error, LocalFileError):
                return error
        try:
            bucket = await self._bucket()
            with readable_errors(bucket.settings):
                await bucket.check()
        except OffsiteError as refused:
            return refused
        return None

    async def _pick(self, *, oldest_first: bool) -> Upload | None:
        picking = asyncio.ensure_future(self._queue.pick(oldest_first=oldest_first))
        try:
            return await asyncio.shield(picking)
        except asyncio.CancelledError:
            # The queue hands it out all the same; give it back.
            with suppress(asyncio.CancelledError):
                if (upload := await picking) is not None:
                    await self._queue.release(upload)
            raise

    async def _attempt(self, upload: Upload) -> OffsiteError | None:
        """Try to upload one capture, note the outcome, return what went wrong."""
        try:
            bucket = await self._bucket()
            with readable_errors(bucket.settings):
                key = await send(bucket, upload)
        except asyncio.CancelledError:
            await finished(self._queue.release(upload), within=_COMMIT_SECONDS)
            raise
        except UnsendableError as error:
            reason = str(error)
            _LOGGER.error(
                "%s is not uploaded: %s", upload.capture.relative_path, reason
            )
            await self._commit(lambda: self._queue.quarantine(upload, reason))
            return error
        except _UNUSABLE as error:
            await self._commit(lambda: self._queue.release(upload))
            return error
        except OffsiteError as error:
            # Also where access is denied: it may be denied for this key alone, which
            # must not stand in the way of the others.
            await self._fail(upload, error)
            return error
        except Exception:
            _LOGGER.exception("Upload of %s failed", upload.capture.relative_path)
            unexpected = OffsiteError("unexpected failure, see the log")
            await self._fail(upload, unexpected)
            return unexpected
        await self._commit(lambda: self._queue.succeeded(upload, key))
        return None

    async def _fail(self, upload: Upload, error: OffsiteError) -> None:
        again = pace.retry_at(upload.attempts)
        _LOGGER.debug("%s failed: %s", upload.capture.relative_path, error)
        await self._commit(lambda: self._queue.failed(upload, str(error), again))
        self._signal.retry_set()

    async def _commit(self, note: Callable[[], Coroutine[Any, Any, None]]) -> None:
        while True:
            try:
                await finished(note(), within=_COMMIT_SECONDS)
            except StorageError as error:
                # The disk may be full. An outcome that is never noted costs only
                # another attempt, which finds its own object.
                _LOGGER.error("An upload's outcome cannot be noted yet: %s", error)
                await asyncio.sleep(_STUMBLE_SECONDS)
            else:
                self._store.changed()
                return


async def _for_ever(work: Callable[[], Awaitable[None]]) -> None:
    """Run ``work``, and again if it stumbles: uploads must never end silently."""
    while True:
        try:
            await work()
        except Exception:
            _LOGGER.exception("Uploading stumbled and goes on")
            await asyncio.sleep(_STUMBLE_SECONDS)
