"""Runs jobs in processes that a test may kill at any moment.

It reads one JSON object a line, forks for each, prints the child's process id, and
prints how the child ended. Forking saves the second that all imports take.

With ``die_at`` the child kills itself at that step of its job on the disk: before a file
or folder is deleted, and before or after a transaction of the catalogue. How many steps
the job had is then in the file ``steps``.
"""

import asyncio
from datetime import datetime
import json
import os
from pathlib import Path
import random
import signal
import sys
from typing import Any
from zoneinfo import ZoneInfo

from aiobotocore.session import AioSession

from custom_components.hikvision_nvr import local_purge
from custom_components.hikvision_nvr.jobs import JobRunner
from custom_components.hikvision_nvr.local_jobs import LocalJobs
from custom_components.hikvision_nvr.model import (
    CaptureKind,
    DetectionType,
    S3Settings,
    Sighting,
)
from custom_components.hikvision_nvr.offsite import Offsite, archive_sink, client
from custom_components.hikvision_nvr.offsite.transfer import send
from custom_components.hikvision_nvr.store import Store
from custom_components.hikvision_nvr.store.catalogue import Catalogue, Work
from custom_components.hikvision_nvr.store.mp4 import Fragment
from custom_components.hikvision_nvr.store.segment import (
    SavedSegment,
    SegmentInfo,
    pack_place,
)
from tests.offsite.servers import ACCESS_KEY, SECRET_KEY

BERLIN = ZoneInfo("Europe/Berlin")
START = "_hikvision_nvr/start"
"""Asked for when the job begins: what is killed is the job."""
SMALLEST_PART = 5 << 20


SEGMENTS_AT_ONCE = 4


class Steps:
    """Counts the steps of a job on the disk, and kills the process at one of them."""

    def __init__(self, die_at: int) -> None:
        self.count = 0
        self._die_at = die_at
        self._begun = False

    def begin(self) -> None:
        """Count from now on."""
        self._begun = True
        sys.addaudithook(self._seen)
        write = Catalogue.write

        async def counted[T](catalogue: Catalogue, work: Work[T]) -> T:
            self._step()
            done = await write(catalogue, work)
            self._step()
            return done

        Catalogue.write = counted  # type: ignore[method-assign]

    def end(self) -> None:
        """Count no more."""
        self._begun = False

    def _seen(self, event: str, _arguments: tuple[Any, ...]) -> None:
        if event in {"os.remove", "os.rmdir"}:
            self._step()

    def _step(self) -> None:
        if not self._begun:
            return
        self.count += 1
        if self.count == self._die_at:
            os.kill(os.getpid(), signal.SIGKILL)


async def record(store: Store, media: Path, orders: list[tuple[str, int, int]]) -> None:
    """Leave whole segments of a minute, as a recording does: start, seed, size."""
    saved = []
    for start, seed, size in orders:
        info = SegmentInfo(
            camera="CAM",
            run="00000000",
            sequence=0,
            start_us=int(datetime.fromisoformat(start).timestamp() * 1_000_000),
            video="avc1.4D0028",
            audio=None,
        )
        path = media / info.relative_path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(random.Random(seed).randbytes(size))
        saved.append(
            SavedSegment(
                info=info,
                size=size,
                ticks=60 * 90_000,
                init_size=100,
                places=pack_place(Fragment(100, 0, True)),
                complete=True,
            )
        )
    await store.recordings.segments.save(saved)


def describe(_camera: str, name: str, arrived: datetime) -> Sighting:
    """Read ``YYYYMMDDTHHMMSSZ`` from the start of a name."""
    try:
        moment = datetime.strptime(name[:15], "%Y%m%dT%H%M%S").replace(tzinfo=BERLIN)
    except ValueError:
        moment = arrived
    return Sighting(
        kind=CaptureKind.SNAPSHOT,
        type=DetectionType.MOTION,
        raw_type=None,
        channel=None,
        event_time=moment,
    )


async def work(order: dict[str, Any]) -> None:
    """Do what is ordered: keep and upload captures, then begin or resume the job."""
    folder = Path(order["folder"])
    settings = S3Settings(
        endpoint_url=order["url"],
        region="us-east-1",
        bucket=order["bucket"],
        prefix=order["prefix"],
        access_key_id=ACCESS_KEY,
        secret_access_key=SECRET_KEY,
    )
    archive_sink.PART_SIZE = SMALLEST_PART  # type: ignore[misc]
    local_purge._BATCH = SEGMENTS_AT_ONCE  # type: ignore[misc]
    store = Store(
        folder / "media", folder / "catalogue.sqlite", time_zone=BERLIN, offsite=True
    )
    await store.open()
    offsite = Offsite(settings, store, BERLIN, describe)
    jobs = JobRunner(store)
    jobs.add_kinds(offsite.job_kinds())
    local = LocalJobs(store, folder / "media", describe, BERLIN, offsite.proven)
    jobs.add_kinds(local.kinds())
    bucket = await offsite._bucket()
    for name, seed, size in order.get("keep", ()):
        incoming = store.receive()
        await incoming.write(random.Random(seed).randbytes(size))
        sighting = describe("CAM", name, datetime.now(BERLIN))
        await store.keep(
            incoming,
            camera="CAM",
            name=name,
            sighting=sighting,
            arrived=sighting.event_time,
            detection_id=None,
        )
        upload = await store.uploads.pick()
        assert upload is not None
        await store.uploads.succeeded(upload, await send(bucket, upload))
    await record(store, folder / "media", order.get("recordings", []))
    await bucket.head(order["prefix"] + START)
    steps = Steps(order.get("die_at", 0))
    if "die_at" in order:
        steps.begin()
    if "kind" in order:
        job_id = await jobs.submit(order["kind"], order["arguments"])
    else:
        open_jobs = await store.jobs.open()
        job_id = open_jobs[0].id if open_jobs else ""
    await jobs.start()
    if job_id:
        await jobs.result(job_id)
    steps.end()
    (folder / "steps").write_text(str(steps.count))
    await jobs.stop()
    await offsite.stop()
    await store.close()


async def warm_up() -> None:
    """Read botocore's models once for all children."""
    session = AioSession()
    client.AioSession = lambda: session
    settings = S3Settings(
        endpoint_url="http://127.0.0.1:9",
        region="us-east-1",
        bucket="none",
        prefix="",
        access_key_id=ACCESS_KEY,
        secret_access_key=SECRET_KEY,
    )
    async with client.open_bucket(settings):
        return


def main() -> None:
    """Fork a child for each line."""
    asyncio.run(warm_up())
    for line in sys.stdin:
        child = os.fork()
        if not child:
            status = 1
            try:
                asyncio.run(work(json.loads(line)))
                status = 0
            finally:
                os._exit(status)
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
