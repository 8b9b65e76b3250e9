"""Jobs are worked one at a time, survive a restart, and can be stopped."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from custom_components.hikvision_nvr.errors import (
    JobCancelledError,
    JobUnknownError,
    OffsiteError,
    RecorderError,
)
from custom_components.hikvision_nvr.jobs import JobRun, JobRunner, ParkedError
from custom_components.hikvision_nvr.model import JobEnd, JobState
from custom_components.hikvision_nvr.store import Store
from custom_components.hikvision_nvr.store.jobs import KEPT

BERLIN = ZoneInfo("Europe/Berlin")


class Counting:
    """A work that counts to ``n``, an item at a time, as a test lets it."""

    def __init__(self) -> None:
        self.began: asyncio.Queue[JobRun] = asyncio.Queue()
        self.go_on = asyncio.Semaphore(0)
        self.at_once = self.most_at_once = 0

    async def work(self, job: JobRun) -> dict[str, Any]:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.began.put_nowait(job)
        first = job.checkpoint.get("counted", 0)
        n = job.arguments["n"]
        job.expect(n, n * 100)
        try:
            for number in range(first, n):
                if job.cancelled:
                    return {"counted": number, "from": first}
                await self.go_on.acquire()
                job.done(size=100)
                await job.save(counted=number + 1)
        finally:
            self.at_once -= 1
        return {"counted": n, "from": first}

    def release(self, items: int) -> None:
        for _ in range(items):
            self.go_on.release()


class Recorder:
    """A store and a runner, as often as a test starts them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.counting = Counting()
        self.ends: list[JobEnd] = []
        self.kinds: dict[str, Callable[[JobRun], Awaitable[dict[str, Any]]]] = {
            "count": self.counting.work
        }

    async def start(self, stack: AsyncExitStack) -> JobRunner:
        store = Store(
            self._folder / "media",
            self._folder / "catalogue.sqlite",
            time_zone=BERLIN,
            offsite=False,
        )
        await store.open()
        stack.push_async_callback(store.close)
        jobs = JobRunner(store, self.ends.append)
        jobs.add_kinds(self.kinds)
        await jobs.start()
        stack.push_async_callback(jobs.stop)
        return jobs


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    return Recorder(tmp_path)


@pytest.fixture
async def jobs(recorder: Recorder) -> AsyncIterator[JobRunner]:
    async with AsyncExitStack() as stack:
        yield await recorder.start(stack)


async def test_result_comes_back_to_who_waits(
    jobs: JobRunner, recorder: Recorder
) -> None:
    recorder.counting.release(3)
    assert await jobs.run("count", {"n": 3}) == {"counted": 3, "from": 0}
    status = jobs.status()
    assert status is not None
    assert (status.kind, status.state, status.percent) == ("count", JobState.DONE, 100)
    assert status.ended is not None
    (end,) = recorder.ends
    assert (end.state, end.result) == (JobState.DONE, {"counted": 3, "from": 0})


async def test_job_goes_on_when_the_caller_goes_away(
    jobs: JobRunner, recorder: Recorder
) -> None:
    job_id = await jobs.submit("count", {"n": 2})
    caller = asyncio.create_task(jobs.result(job_id))
    await recorder.counting.began.get()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    recorder.counting.release(2)
    assert (await jobs.result(job_id))["counted"] == 2


async def test_result_of_a_job_that_has_ended_already(
    jobs: JobRunner, recorder: Recorder
) -> None:
    recorder.counting.release(1)
    job_id = await jobs.submit("count", {"n": 1})
    await jobs.result(job_id)
    assert (await jobs.result(job_id))["counted"] == 1


async def test_jobs_are_worked_one_at_a_time_in_order(
    jobs: JobRunner, recorder: Recorder
) -> None:
    ids = [await jobs.submit("count", {"n": number}) for number in (3, 2, 1)]
    recorder.counting.release(6)
    for job_id in ids:
        await jobs.result(job_id)
    assert recorder.counting.most_at_once == 1
    assert [end.id for end in recorder.ends] == ids


async def test_progress_is_shown_while_it_works(
    jobs: JobRunner, recorder: Recorder
) -> None:
    job_id = await jobs.submit("count", {"n": 4})
    await jobs.submit("count", {"n": 0})
    run = await recorder.counting.began.get()
    recorder.counting.release(1)
    while run.items_done < 1:
        await asyncio.sleep(0)
    status = jobs.status()
    assert status is not None
    assert (status.id, status.state, status.waiting) == (job_id, JobState.RUNNING, 1)
    assert (status.items_done, status.items_total) == (1, 4)
    assert (status.bytes_done, status.bytes_total) == (100, 400)
    assert status.percent == 25
    assert status.seconds_left is not None
    recorder.counting.release(3)
    await jobs.result(job_id)


async def test_restart_resumes_where_it_was(recorder: Recorder) -> None:
    async with AsyncExitStack() as first:
        jobs = await recorder.start(first)
        job_id = await jobs.submit("count", {"n": 5})
        later = await jobs.submit("count", {"n": 0})
        run = await recorder.counting.began.get()
        recorder.counting.release(2)
        while run.checkpoint.get("counted") != 2:
            await asyncio.sleep(0)
        await asyncio.wait_for(_saved(jobs, job_id, 2), 5)
    async with AsyncExitStack() as second:
        jobs = await recorder.start(second)
        recorder.counting.release(3)
        assert await jobs.result(job_id) == {"counted": 5, "from": 2}
        assert await jobs.result(later) == {"counted": 0, "from": 0}
    async with AsyncExitStack() as third:
        jobs = await recorder.start(third)
        status = jobs.status()
        assert status is not None
        assert (status.id, status.state) == (later, JobState.DONE)


async def _saved(jobs: JobRunner, job_id: str, counted: int) -> None:
    while True:
        job = await jobs._table.get(job_id)
        if job is not None and job.checkpoint.get("counted") == counted:
            return


async def test_cancel_stops_between_two_items(
    jobs: JobRunner, recorder: Recorder
) -> None:
    job_id = await jobs.submit("count", {"n": 100})
    run = await recorder.counting.began.get()
    recorder.counting.release(1)
    while run.items_done < 1:
        await asyncio.sleep(0)
    assert await jobs.cancel(job_id) == [job_id]
    recorder.counting.release(1)
    assert (await jobs.result(job_id))["counted"] == 2
    assert recorder.ends[0].state is JobState.CANCELLED


async def test_cancel_of_what_waits_keeps_it_from_beginning(
    jobs: JobRunner, recorder: Recorder
) -> None:
    first = await jobs.submit("count", {"n": 1})
    second = await jobs.submit("count", {"n": 1})
    await recorder.counting.began.get()
    assert await jobs.cancel(second) == [second]
    with pytest.raises(JobCancelledError):
        await jobs.result(second)
    recorder.counting.release(1)
    await jobs.result(first)
    assert recorder.counting.began.empty()
    assert await jobs.cancel() == []
    assert await jobs.cancel("nobody") == []


async def test_cancel_of_all(jobs: JobRunner, recorder: Recorder) -> None:
    ids = [await jobs.submit("count", {"n": 9}) for _ in range(3)]
    await recorder.counting.began.get()
    assert await jobs.cancel() == ids
    recorder.counting.release(1)
    assert (await jobs.result(ids[0]))["counted"] == 1
    status = jobs.status()
    assert status is not None
    assert status.waiting == 0


async def test_failure_reaches_who_waits_and_the_next_job_works(
    recorder: Recorder,
) -> None:
    async def fail(job: JobRun) -> dict[str, Any]:
        raise OffsiteError("S3 is gone")

    async def break_down(job: JobRun) -> dict[str, Any]:
        raise ZeroDivisionError

    recorder.kinds |= {"fail": fail, "break": break_down}
    async with AsyncExitStack() as stack:
        jobs = await recorder.start(stack)
        with pytest.raises(OffsiteError, match="gone"):
            await jobs.run("fail", {})
        with pytest.raises(RecorderError):
            await jobs.run("break", {})
        recorder.counting.release(1)
        assert (await jobs.run("count", {"n": 1}))["counted"] == 1
        assert [end.state for end in recorder.ends] == [
            JobState.FAILED,
            JobState.FAILED,
            JobState.DONE,
        ]
        assert recorder.ends[0].error == "S3 is gone"


async def test_parked_job_lets_others_work_and_comes_back(recorder: Recorder) -> None:
    async def park(job: JobRun) -> dict[str, Any]:
        if not job.checkpoint:
            await job.save(asked=True)
            raise ParkedError(datetime.now(UTC) + timedelta(seconds=0.3))
        return {"ready": True}

    recorder.kinds["park"] = park
    async with AsyncExitStack() as stack:
        jobs = await recorder.start(stack)
        job_id = await jobs.submit("park", {})
        assert "waits_until" in await jobs.result(job_id)
        recorder.counting.release(1)
        await jobs.run("count", {"n": 1})
        assert (await jobs.result(job_id))["ready"] is True


async def test_parked_job_waits_over_a_restart_and_can_be_cancelled(
    recorder: Recorder,
) -> None:
    async def park(job: JobRun) -> dict[str, Any]:
        await job.save(asked=job.checkpoint.get("asked", 0) + 1)
        raise ParkedError(datetime.now(UTC) + timedelta(hours=1))

    recorder.kinds["park"] = park
    async with AsyncExitStack() as stack:
        jobs = await recorder.start(stack)
        job_id = await jobs.submit("park", {})
        await jobs.result(job_id)
    async with AsyncExitStack() as stack:
        jobs = await recorder.start(stack)
        recorder.counting.release(1)
        await jobs.run("count", {"n": 1})
        job = await jobs._table.get(job_id)
        assert job is not None
        assert (job.state, job.checkpoint) == (JobState.WAITING, {"asked": 1})
        assert await jobs.cancel(job_id) == [job_id]


async def test_same_job_is_not_added_twice_on_request(
    jobs: JobRunner, recorder: Recorder
) -> None:
    first = await jobs.submit("count", {"n": 2}, once=True)
    await recorder.counting.began.get()
    assert await jobs.submit("count", {"n": 2}, once=True) == first
    assert await jobs.submit("count", {"n": 1}, once=True) != first
    recorder.counting.release(3)
    await jobs.result(first)
    status = jobs.status()
    assert status is not None


async def test_kinds_that_are_not_there_are_refused(
    jobs: JobRunner, recorder: Recorder
) -> None:
    with pytest.raises(JobUnknownError):
        await jobs.submit("dance", {})
    with pytest.raises(JobUnknownError):
        await jobs.result("nobody")


async def test_job_of_a_kind_that_is_gone_after_a_restart_fails(
    recorder: Recorder,
) -> None:
    async with AsyncExitStack() as stack:
        jobs = await recorder.start(stack)
        job_id = await jobs.submit("count", {"n": 1})
        await recorder.counting.began.get()
    recorder.kinds.clear()
    async with AsyncExitStack() as stack:
        jobs = await recorder.start(stack)
        with pytest.raises(RecorderError, match="no job count"):
            await jobs.result(job_id)


async def test_only_the_last_jobs_are_remembered(
    jobs: JobRunner, recorder: Recorder
) -> None:
    ids = [await jobs.submit("count", {"n": 0}) for _ in range(KEPT + 2)]
    await jobs.result(ids[-1])
    assert await jobs._table.get(ids[0]) is None
    assert await jobs._table.get(ids[1]) is None
    assert await jobs._table.get(ids[2]) is not None
