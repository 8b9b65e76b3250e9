"""Runs jobs in processes that a test may kill at any moment.

It reads one JSON object a line, forks for each, prints the child's process id, and
prints how the child ended. Forking saves the second that all imports take.
"""

import asyncio
from datetime import datetime
import json
import os
from pathlib import Path
import random
import sys
from typing import Any
from zoneinfo import ZoneInfo

from aiobotocore.session import AioSession

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
from tests.offsite.servers import ACCESS_KEY, SECRET_KEY

BERLIN = ZoneInfo("Europe/Berlin")
START = "_hikvision_nvr/start"
"""Asked for when the job begins: what is killed is the job."""
SMALLEST_PART = 5 << 20


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
    await bucket.head(order["prefix"] + START)
    if "kind" in order:
        job_id = await jobs.submit(order["kind"], order["arguments"])
    else:
        open_jobs = await store.jobs.open()
        job_id = open_jobs[0].id if open_jobs else ""
    await jobs.start()
    if job_id:
        await jobs.result(job_id)
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
