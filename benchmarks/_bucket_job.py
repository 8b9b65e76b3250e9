"""Runs a job on a bucket with our rooms, alone in a process, and says what it took."""

import benchmarks._without_home_assistant  # noqa: F401  # isort: skip

import asyncio
from datetime import datetime
import json
from pathlib import Path
import resource
import sys
import time
from typing import Any
from zoneinfo import ZoneInfo

from benchmarks._s3_service import ACCESS_KEY, REGION, SECRET_KEY
from benchmarks._serve_arguments import say
from custom_components.hikvision_nvr.jobs import JobRunner
from custom_components.hikvision_nvr.model import CaptureKind, S3Settings, Sighting
from custom_components.hikvision_nvr.offsite import Offsite
from custom_components.hikvision_nvr.store import Store

_ZONE = ZoneInfo("UTC")


def describe(_camera: str, name: str, arrived: datetime) -> Sighting:
    """Read the time as in ``20260304T120000-0001.jpg``."""
    try:
        moment = datetime.strptime(name[:15], "%Y%m%dT%H%M%S").replace(tzinfo=_ZONE)
    except ValueError:
        moment = arrived
    return Sighting(
        kind=CaptureKind.SNAPSHOT,
        type=None,
        raw_type=None,
        channel=None,
        event_time=moment,
    )


async def _work(folder: Path, url: str, bucket: str, kind: str, arguments: Any) -> None:
    settings = S3Settings(
        endpoint_url=url,
        region=REGION,
        bucket=bucket,
        prefix="",
        access_key_id=ACCESS_KEY,
        secret_access_key=SECRET_KEY,
    )
    store = Store(
        folder / "media", folder / "catalogue.sqlite", time_zone=_ZONE, offsite=True
    )
    await store.open()
    offsite = Offsite(settings, store, _ZONE, describe)
    jobs = JobRunner(store)
    jobs.add_kinds(offsite.job_kinds())
    await jobs.start()
    # The client is made and connected by what a recorder has long done before.
    await offsite.list_cameras()
    before = resource.getrusage(resource.RUSAGE_SELF)
    began = time.monotonic()
    result = await jobs.run(kind, arguments)
    seconds = time.monotonic() - began
    after = resource.getrusage(resource.RUSAGE_SELF)
    await jobs.stop()
    await offsite.stop()
    await store.close()
    say(
        {
            "seconds": seconds,
            "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
            "extra_memory": (after.ru_maxrss - before.ru_maxrss) * 1024,
            "result": result,
        }
    )


if __name__ == "__main__":
    asyncio.run(_work(Path(sys.argv[1]), *sys.argv[2:5], json.loads(sys.argv[5])))
