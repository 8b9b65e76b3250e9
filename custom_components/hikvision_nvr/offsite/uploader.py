"""Workers that drain the upload queue into the bucket.

The life of an upload: a worker picks it (it is then ``uploading``), sends it, and says
succeeded, failed (with a time to try again), released (S3 cannot be used, or the
recorder stops: as if never picked) or quarantined (there is nothing left to send).
Nothing is ever dropped.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
import logging
import time
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
from ..store.file_threads import FileThreads
from . import pace
from .bucket import Bucket
from .connection import Connection
from .failure import readable_errors
from .shielding import finished
from .traffic import Traffic
from .transfer import (
    LocalFileError,
    Prepared,
    UnsendableError,
    is_small,
    prepare,
    send,
)
from .work_signal import WorkSignal

if TYPE_CHECKING:
    from ..store import Store, Upload

FEWEST_WORKERS: Final = 2
"""One for snapshots, which must not wait for clips, and one for what is oldest."""
MOST_WORKERS: Final = 16
STOP_SECONDS: Final = 2.0
_COMMIT_SECONDS: Final = 0.9
_STUMBLE_SECONDS: Final = 10.0
_AHEAD: Final = 12
"""Uploads that all workers together have ready beside those that they send."""
_AHEAD_SECONDS: Final = 0.2
"""The newest evidence waits no longer than this for what was made ready before it came:
on a slow line nothing is."""
_TINY: Final = 32 * 1024
"""Of smaller files a worker has one ready: they go no faster with more, which only keeps
the interpreter from Home Assistant's loop."""

_UNUSABLE: Final = (
    OffsiteUnreachableError,
    OffsiteAuthError,
    OffsiteQuotaError,
    BucketNotFoundError,
    ClockSkewError,
)
"""Errors that say nothing about the capture: every other one would fail as well."""

_TOGETHER_SECONDS: Final = 0.003
"""Successes that come so close share a transaction, and with it a sync of the disk."""
_READERS: Final = 1
"""Threads that read ahead: one reads faster than all workers send, and each more of them
has to wait for the interpreter as often."""

_LOGGER = logging.getLogger(__package__)


@dataclass(frozen=True, slots=True)
class _Next:
    """An upload that was picked, and perhaps prepared."""

    upload: Upload
    prepared: Prepared | None = None


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
        self._most_ahead = max(1, _AHEAD // len(self._lanes))
        self._signal = WorkSignal(store.uploads)
        self._snapshot_signal = WorkSignal(store.uploads, snapshots=True)
        self._connection = Connection(self._try_one, store.changed)
        self._tasks: list[asyncio.Task[None]] = []
        self._together = _Together()
        self._readers: FileThreads | None = None
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
        self._readers = FileThreads(_READERS)
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
        readers, self._readers = self._readers, None
        if readers is not None:
            closing = asyncio.ensure_future(asyncio.to_thread(readers.close))
            # A disk that does not answer must not hold this up.
            await asyncio.wait({closing}, timeout=_COMMIT_SECONDS)

    def _run(self, work: Callable[[], Awaitable[None]], name: str) -> None:
        self._tasks.append(asyncio.create_task(_for_ever(work), name=name))

    async def _work(self, lane: Lane) -> None:
        signal = self._snapshot_signal if lane is Lane.SNAPSHOTS else self._signal
        ahead = _Ahead()
        current: _Next | None = None
        try:
            while True:
                if current is None:
                    await self._connection.usable()
                    seen = signal.now
                    upload = await self._handed_over(self._queue.pick(lane))
                    if upload is None:
                        await signal.after(seen)
                        continue
                    current = _Next(upload)
                current = await self._send_and_go_on(current, ahead, lane)
        finally:
            await self._forgo(ahead)

    async def _send_and_go_on(
        self, current: _Next, ahead: _Ahead, lane: Lane
    ) -> _Next | None:
        """Send an upload and return the next, which ``ahead`` may have ready."""
        began = time.monotonic()
        with self.traffic:
            error, key = await self._attempt(current.upload, current.prepared)
        if isinstance(error, (*_UNUSABLE, OffsiteAccessDeniedError)):
            self._connection.lost(error)
            await self._forgo(ahead)
            return None
        room = self._room_ahead(current.upload, time.monotonic() - began)
        if key is not None:
            then = lane if len(ahead) <= room else None
            ahead.begin(self._note_and_prepare(current.upload, key, then))
        following = await ahead.taken()
        if following is not None and not is_small(following.upload):
            # Nothing has to wait behind a clip that another worker could send.
            await self._forgo(ahead)
        elif following is not None and len(ahead) < room:
            ahead.begin(self._pick_and_prepare(lane))
        return following

    def _room_ahead(self, upload: Upload, seconds: float) -> int:
        """Return how many to have ready when one like this took so long."""
        most = self._most_ahead if upload.capture.size > _TINY else 1
        return min(most, int(_AHEAD_SECONDS / max(seconds, 0.001)))

    async def _note(self, upload: Upload, key: str, then: Lane | None) -> Upload | None:
        return await self._noted(
            lambda: self._handed_over(self._queue.succeeded(upload, key, then))
        )

    async def _note_and_prepare(
        self, upload: Upload, key: str, then: Lane | None
    ) -> _Next | None:
        try:
            await self._together.moment()
        except asyncio.CancelledError:
            await finished(self._queue.succeeded(upload, key), within=_COMMIT_SECONDS)
            raise
        return await self._prepared(await self._note(upload, key, then))

    async def _pick_and_prepare(self, lane: Lane) -> _Next | None:
        # Not before those who came earlier: the queue's order is the lane's.
        await self._together.moment()
        return await self._prepared(await self._handed_over(self._queue.pick(lane)))

    async def _prepared(self, upload: Upload | None) -> _Next | None:
        if upload is None:
            return None
        readers = self._readers
        if readers is None or not is_small(upload):
            return _Next(upload)
        try:
            # Whatever goes wrong goes wrong again when its turn has come.
            with suppress(Exception):
                async with asyncio.timeout(_AHEAD_SECONDS):
                    bucket = await self._bucket()
                    return _Next(upload, await prepare(bucket, upload, readers.run))
        except asyncio.CancelledError:
            await finished(self._queue.release(upload), within=_COMMIT_SECONDS)
            raise
        return _Next(upload)

    async def _forgo(self, ahead: _Ahead) -> None:
        """Give back what was picked ahead, and wake those who may take it."""
        for following in await ahead.cancelled():
            with suppress(StorageError):
                await finished(
                    self._queue.release(following.upload), within=_COMMIT_SECONDS
                )
        self._signal.retry_set()
        self._snapshot_signal.retry_set()

    async def _try_one(self) -> OffsiteError | None:
        """Upload one capture, or just ask for the bucket when none is due."""
        upload = await self._handed_over(self._queue.pick())
        if upload is not None:
            with self.traffic:
                error, key = await self._attempt(upload)
            if key is not None:
                await self._note(upload, key, None)
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
        self, upload: Upload, prepared: Prepared | None = None
    ) -> tuple[OffsiteError | None, str | None]:
        """Try to upload one capture; note what went wrong and return it.

        After a success, which is for the caller to note, returns the key.
        """
        try:
            bucket = await self._bucket()
            with readable_errors(bucket.settings):
                key = await send(bucket, upload, self._queue, prepared)
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
        return None, key

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


class _Together:
    """Lets those go on at once who come within a moment."""

    def __init__(self) -> None:
        self._moment: asyncio.Event | None = None

    async def moment(self) -> None:
        """Return at the end of the moment."""
        if self._moment is None:
            self._moment = asyncio.Event()
            asyncio.get_running_loop().call_later(_TOGETHER_SECONDS, self._over)
        await self._moment.wait()

    def _over(self) -> None:
        if self._moment is not None:
            self._moment.set()
            self._moment = None


class _Ahead:
    """What a worker has under way beside the upload that it sends.

    These are the notes of those before, and the ones that follow, in their order.
    """

    def __init__(self) -> None:
        self._tasks: deque[asyncio.Task[_Next | None]] = deque()

    def __len__(self) -> int:
        return len(self._tasks)

    def begin(self, work: Coroutine[Any, Any, _Next | None]) -> None:
        """Begin what notes, or brings the next upload, or both."""
        # At once: what is cancelled before it has begun would note nothing.
        self._tasks.append(asyncio.create_task(work, eager_start=True))

    async def taken(self) -> _Next | None:
        """Return the next upload once it is ready; None when none follows.

        When this is cancelled it is still there, for ``cancelled``.
        """
        while self._tasks:
            try:
                following = await asyncio.shield(self._tasks[0])
            except Exception:
                _LOGGER.exception("Preparing an upload stumbled")
                following = None
            self._tasks.popleft()
            if following is not None:
                return following
        return None

    async def cancelled(self) -> list[_Next]:
        """Stop what is under way; return what was ready."""
        tasks = tuple(self._tasks)
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_COMMIT_SECONDS)
        return [
            following
            for task in tasks
            if task.done() and not task.cancelled() and task.exception() is None
            if (following := task.result()) is not None
        ]


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
