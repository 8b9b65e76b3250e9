"""Drains a backlog with our uploader, alone in a process, and says what it took.

With a 0 for the number of workers it only picks: how long does the queue take?
"""

import benchmarks._without_home_assistant  # noqa: F401  # isort: skip

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
import resource
import sqlite3
import sys
import time
from zoneinfo import ZoneInfo

from benchmarks._backlog import open_store
from benchmarks._s3_service import ACCESS_KEY, REGION, SECRET_KEY
from benchmarks._serve_arguments import say
from custom_components.hikvision_nvr.model import CaptureKind, S3Settings, Sighting
from custom_components.hikvision_nvr.offsite import Offsite
from custom_components.hikvision_nvr.store import Store
from custom_components.hikvision_nvr.store.rows import to_us

_LOOK = 0.05
_LATER = timedelta(minutes=50)
_PICKS = 500


def describe(_camera: str, _name: str, arrived: datetime) -> Sighting:
    """Stand in for the names' reader, which an upload does not need."""
    return Sighting(
        kind=CaptureKind.SNAPSHOT,
        type=None,
        raw_type=None,
        channel=None,
        event_time=arrived,
    )


async def _drain(folder: Path, url: str, bucket: str, workers: int) -> None:
    store = open_store(folder)
    settings = S3Settings(
        endpoint_url=url,
        region=REGION,
        bucket=bucket,
        prefix="",
        access_key_id=ACCESS_KEY,
        secret_access_key=SECRET_KEY,
        workers=workers,
    )
    await store.open()
    changed = asyncio.Event()
    store.on_change(changed.set)
    offsite = Offsite(settings, store, ZoneInfo("UTC"), describe)
    # A recorder that runs has its client and knows the service, as after an outage.
    await _let_wait(store, until_us=to_us(datetime.now(UTC) + _LATER))
    await offsite.start()
    while offsite.capabilities is None:  # noqa: ASYNC110
        await asyncio.sleep(_LOOK)
    began = time.monotonic()
    await _let_wait(store, until_us=0)
    store.uploads.enqueued()
    while (await store.uploads.backlog()).files:
        await changed.wait()
        changed.clear()
        # As often as the recorder's own status.
        await asyncio.sleep(_LOOK)
    seconds = time.monotonic() - began
    await offsite.stop()
    await store.close()
    usage = resource.getrusage(resource.RUSAGE_SELF)
    say(
        {
            "seconds": seconds,
            "cpu": usage.ru_utime + usage.ru_stime,
            "peak_memory": usage.ru_maxrss * 1024,
        }
    )


async def _let_wait(store: Store, *, until_us: int) -> None:
    def work(connection: sqlite3.Connection) -> None:
        connection.execute("UPDATE uploads SET due_us = ?", (until_us,))

    await store._catalogue.write(work)


async def _pick(folder: Path) -> None:
    store = open_store(folder)
    await store.open()
    times = []
    for _ in range(_PICKS):
        began = time.perf_counter()
        upload = await store.uploads.pick()
        times.append(time.perf_counter() - began)
        assert upload is not None
    await store.close()
    say({"milliseconds": [seconds * 1000 for seconds in times]})


def main() -> None:
    """Drain once, or pick."""
    folder, url, bucket, workers = sys.argv[1:]
    if int(workers):
        asyncio.run(_drain(Path(folder), url, bucket, int(workers)))
    else:
        asyncio.run(_pick(Path(folder)))


if __name__ == "__main__":
    main()
