"""Jobs: long work that is asked for once, survives a restart, and can be stopped.

The life of a job: it is added to the catalogue; when its turn comes the runner hands
it to the work of its kind; the work says how far it is, and looks between two items
whether it shall go on; its result is noted. One job works at a time, because two that
delete would each prove their work on what the other deletes. Who asked may wait for the
result, or go away: the job does not depend on it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
import logging
import time
from typing import Any, Final

from .errors import JobCancelledError, JobUnknownError, RecorderError, StorageError
from .model import JobEnd, JobState, JobStatus
from .store import Store, StoredJob

_LOGGER = logging.getLogger(__name__)

_STUMBLE_SECONDS: Final = 10.0
_LONGEST_SLEEP: Final = 3600.0
"""Seconds. A wall clock may be set while a job waits for its time."""


class ParkedError(Exception):
    """A job has nothing to do until a time, and lets others work meanwhile."""

    def __init__(self, until: datetime) -> None:
        """Wait until then."""
        super().__init__(f"until {until}")
        self.until = until


class JobRun:
    """What the work of a job sees of it.

    ``arguments`` and ``checkpoint`` are plain JSON values; the latter is empty at
    first, and after a restart as it was saved last.
    """

    def __init__(
        self,
        arguments: Mapping[str, Any],
        checkpoint: Mapping[str, Any] | None = None,
        *,
        save: Callable[[Mapping[str, Any]], Awaitable[None]] | None = None,
        on_progress: Callable[[], None] | None = None,
    ) -> None:
        """Begin; without ``save`` nothing outlives the run."""
        self.arguments = arguments
        self.checkpoint: dict[str, Any] = dict(checkpoint or {})
        self.items_done = 0
        self.bytes_done = 0
        self.items_total: int | None = None
        self.bytes_total: int | None = None
        self.cancelled = False
        self.began = time.monotonic()
        self._save = save
        self._on_progress = on_progress

    def check(self) -> None:
        """Raise JobCancelledError if the job shall not go on."""
        if self.cancelled:
            raise JobCancelledError("The job was cancelled")

    def expect(self, items: int, size: int | None = None) -> None:
        """Say how much there is to do in all."""
        self.items_total = items
        self.bytes_total = size
        self._progressed()

    def done(self, items: int = 1, size: int = 0) -> None:
        """Say that so many more items, of so many bytes, are done."""
        self.items_done += items
        self.bytes_done += size
        self._progressed()

    async def save(self, **values: Any) -> None:
        """Add to the checkpoint; when this returns it survives a power cut."""
        self.checkpoint |= values
        if self._save is not None:
            await self._save(self.checkpoint)

    def status(self, job: StoredJob) -> JobStatus:
        """Return the progress as sensors show it."""
        share = self._share()
        elapsed = time.monotonic() - self.began
        return JobStatus(
            id=job.id,
            kind=job.kind,
            state=JobState.RUNNING,
            items_done=self.items_done,
            items_total=self.items_total,
            bytes_done=self.bytes_done,
            bytes_total=self.bytes_total,
            percent=None if share is None else int(share * 100),
            seconds_left=round(elapsed / share - elapsed) if share else None,
        )

    def _share(self) -> float | None:
        if self.bytes_total:
            return min(1.0, self.bytes_done / self.bytes_total)
        if self.items_total:
            return min(1.0, self.items_done / self.items_total)
        return None

    def _progressed(self) -> None:
        if self._on_progress is not None:
            self._on_progress()


type JobWork = Callable[[JobRun], Awaitable[dict[str, Any]]]
"""The work of a kind of jobs: returns its result, plain JSON values.

A work that was cancelled returns what it has done so far, or lets JobCancelledError
out. It must do no harm when it is run again from any point.
"""


@dataclass(frozen=True, slots=True)
class _Outcome:
    state: JobState
    result: dict[str, Any] | None
    error: Exception | None


class JobRunner:
    """Works the jobs of one recorder, one at a time, in the order of asking."""

    def __init__(
        self, store: Store, on_end: Callable[[JobEnd], None] | None = None
    ) -> None:
        """Keep jobs in the store; ``on_end`` hears of each that has ended."""
        self._store = store
        self._table = store.jobs
        self._on_end = on_end
        self._kinds: dict[str, JobWork] = {}
        self._waiters: dict[str, asyncio.Future[_Outcome]] = {}
        self._new = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._current: tuple[StoredJob, JobRun] | None = None
        self._last: JobStatus | None = None
        self._waiting: set[str] = set()
        self._cancelled: set[str] = set()

    def add_kinds(self, kinds: Mapping[str, JobWork]) -> None:
        """Learn the work of more kinds of jobs, before ``start``."""
        self._kinds |= kinds

    async def start(self) -> None:
        """Begin with what waits, and what a restart has interrupted."""
        await self._table.restore()
        self._waiting = {job.id for job in await self._table.open()}
        if (last := await self._table.last()) is not None:
            self._last = _last_status(last)
        self._task = asyncio.create_task(self._work_for_ever(), name="jobs")

    async def stop(self) -> None:
        """Stop; a job that works goes on after the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    def status(self) -> JobStatus | None:
        """Return the job that works now, else the last one; None before the first."""
        shown = self._last
        if self._current is not None:
            job, run = self._current
            shown = run.status(job)
        return None if shown is None else replace(shown, waiting=len(self._waiting))

    async def submit(
        self, kind: str, arguments: Mapping[str, Any], *, once: bool = False
    ) -> str:
        """Ask for a job and return its id; with ``once`` not beside the same one.

        Raises JobUnknownError for a kind that this recorder has not, StorageError.
        """
        if kind not in self._kinds:
            raise JobUnknownError(f"This recorder has no job {kind}")
        job_id = await self._table.add(kind, arguments, once=once)
        if self._current is None or self._current[0].id != job_id:
            self._waiting.add(job_id)
        self._new.set()
        self._store.changed()
        return job_id

    async def result(self, job_id: str) -> dict[str, Any]:
        """Wait for a job's result.

        One that has to wait for a time says only until when. Raises what the job failed with, and JobCancelledError when it was cancelled
        before it began. The caller may be cancelled, the job goes on.
        """
        waiter = self._waiters.get(job_id)
        if waiter is None:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters[job_id] = waiter
            job = await self._table.get(job_id)
            if job is None:
                self._waiters.pop(job_id, None)
                raise JobUnknownError(f"There is no job {job_id}")
            if job.ended is not None:
                # It may have ended before anybody waited.
                self._settle(job_id, _stored_outcome(job))
        outcome = await asyncio.shield(waiter)
        if outcome.error is not None:
            raise outcome.error
        return outcome.result or {}

    async def run(self, kind: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Ask for a job and wait for its result."""
        return await self.result(await self.submit(kind, arguments))

    async def cancel(self, job_id: str | None = None) -> list[str]:
        """Cancel a job, or all; return the ids of those that it reached.

        The one that works ends between two items, the others at once.
        """
        reached = []
        for job in await self._table.open():
            if job_id not in (None, job.id):
                continue
            reached.append(job.id)
            if await self._table.cancel(job.id):
                error = JobCancelledError("The job was cancelled before it began")
                self._ended(job, _Outcome(JobState.CANCELLED, None, error), JobRun({}))
            else:
                # It works, or is just being handed to its work.
                self._cancelled.add(job.id)
                if self._current is not None and self._current[0].id == job.id:
                    self._current[1].cancelled = True
        return reached

    async def _work_for_ever(self) -> None:
        while True:
            try:
                await self._work_next()
            except StorageError as error:
                _LOGGER.error("The next job cannot be taken yet: %s", error)
                await asyncio.sleep(_STUMBLE_SECONDS)

    async def _work_next(self) -> None:
        self._new.clear()
        job = await self._table.take()
        if job is None:
            await self._until_due()
            return
        self._waiting.discard(job.id)

        async def save(checkpoint: Mapping[str, Any]) -> None:
            await self._table.save(job.id, checkpoint)

        run = JobRun(
            job.arguments, job.checkpoint, save=save, on_progress=self._store.changed
        )
        run.cancelled = job.id in self._cancelled
        self._current = (job, run)
        self._store.changed()
        try:
            await self._work(job, run)
        finally:
            self._current = None
            self._cancelled.discard(job.id)
            self._store.changed()

    async def _until_due(self) -> None:
        due = await self._table.next_due()
        pause = None
        if due is not None:
            left = (due - datetime.now(UTC)).total_seconds()
            pause = min(_LONGEST_SLEEP, max(0.0, left))
        try:
            async with asyncio.timeout(pause):
                await self._new.wait()
        except TimeoutError:
            return

    async def _work(self, job: StoredJob, run: JobRun) -> None:
        try:
            work = self._kinds.get(job.kind)
            if work is None:
                raise JobUnknownError(f"This recorder has no job {job.kind}")
            result = await work(run)
        except ParkedError as parked:
            if not run.cancelled:
                await self._table.park(job.id, run.checkpoint, parked.until)
                self._waiting.add(job.id)
                waits = {"waits_until": parked.until.isoformat()}
                self._settle(job.id, _Outcome(JobState.WAITING, waits, None))
                return
            outcome = _Outcome(
                JobState.CANCELLED, None, JobCancelledError("The job was cancelled")
            )
        except JobCancelledError as error:
            outcome = _Outcome(JobState.CANCELLED, None, error)
        except RecorderError as error:
            _LOGGER.warning("The job %s has failed: %s", job.kind, error)
            outcome = _Outcome(JobState.FAILED, None, error)
        except Exception as error:
            _LOGGER.exception("The job %s has failed", job.kind)
            outcome = _Outcome(JobState.FAILED, None, RecorderError(repr(error)))
        else:
            state = JobState.CANCELLED if run.cancelled else JobState.DONE
            outcome = _Outcome(state, result, None)
        await self._end(job, outcome, run)

    async def _end(self, job: StoredJob, outcome: _Outcome, run: JobRun) -> None:
        error = None if outcome.error is None else str(outcome.error)
        await self._table.end(job.id, outcome.state, outcome.result, error)
        self._ended(job, outcome, run)

    def _ended(self, job: StoredJob, outcome: _Outcome, run: JobRun) -> None:
        error = None if outcome.error is None else str(outcome.error)
        self._waiting.discard(job.id)
        status = run.status(job)
        self._last = replace(
            status,
            state=outcome.state,
            percent=100 if outcome.state is JobState.DONE else status.percent,
            seconds_left=None,
            ended=datetime.now(UTC),
            error=error,
        )
        self._settle(job.id, outcome)
        self._store.changed()
        if self._on_end is not None:
            self._on_end(
                JobEnd(
                    id=job.id,
                    kind=job.kind,
                    state=outcome.state,
                    result=outcome.result,
                    error=error,
                )
            )

    def _settle(self, job_id: str, outcome: _Outcome) -> None:
        waiter = self._waiters.pop(job_id, None)
        if waiter is not None and not waiter.done():
            waiter.set_result(outcome)


def _stored_outcome(job: StoredJob) -> _Outcome:
    error: RecorderError | None = None
    if job.state is JobState.CANCELLED and job.result is None:
        error = JobCancelledError(job.error or "The job was cancelled")
    elif job.state is JobState.FAILED:
        error = RecorderError(job.error or "The job has failed")
    result = None if job.result is None else dict(job.result)
    return _Outcome(job.state, result, error)


def _last_status(job: StoredJob) -> JobStatus:
    return JobStatus(
        id=job.id,
        kind=job.kind,
        state=job.state,
        percent=100 if job.state is JobState.DONE else None,
        ended=job.ended,
        error=job.error,
    )
