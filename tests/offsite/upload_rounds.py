"""Uploads in processes that are killed at a given step, and then goes on with them.

Each round has a store and a prefix of its own. Everything is imported once; a round is
two children: one that dies at a step, one that brings the rest to its end.

    python -m tests.offsite.upload_rounds URL BUCKET FOLDER ROUNDS SEED
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import wraps
import json
import os
from pathlib import Path
import random
import signal
import sys
from typing import Any

from aiobotocore.session import AioSession

from custom_components.hikvision_nvr.model import CaptureKind, S3Settings, Sighting
from custom_components.hikvision_nvr.offsite import Offsite, client, pace, transfer
from custom_components.hikvision_nvr.offsite.bucket import Bucket
from custom_components.hikvision_nvr.offsite.multipart import MultipartUpload
from custom_components.hikvision_nvr.store import Store, UploadQueue

from .servers import ACCESS_KEY, SECRET_KEY

CLIP_SIZE = 11 << 20
MOST_STEPS = 60
_KILLED = -signal.SIGKILL
_STEPS = (
    (UploadQueue, "pick"),
    (UploadQueue, "succeeded"),
    (UploadQueue, "begun"),
    (Bucket, "put_new"),
    (Bucket, "put_part"),
    (Bucket, "head"),
    (MultipartUpload, "_create"),
    (MultipartUpload, "complete"),
)


def kill_at(step: int) -> None:
    """Let the process die before or after the given step, counted from 1."""
    count = 0

    def one_more() -> None:
        nonlocal count
        count += 1
        if count == step:
            os.kill(os.getpid(), signal.SIGKILL)

    def watched(work: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        @wraps(work)
        async def watching(*args: Any, **kwargs: Any) -> Any:
            one_more()
            result = await work(*args, **kwargs)
            one_more()
            return result

        return watching

    for owner, name in _STEPS:
        setattr(owner, name, watched(getattr(owner, name)))


def describe(_camera: str, _name: str, arrived: datetime) -> Sighting:
    return Sighting(
        kind=CaptureKind.SNAPSHOT,
        type=None,
        raw_type=None,
        channel=None,
        event_time=arrived,
    )


def open_store(folder: Path) -> Store:
    return Store(
        folder / "media", folder / "state" / "catalogue", time_zone=UTC, offsite=True
    )


async def fill(folder: Path, source: random.Random) -> list[str]:
    """Keep three snapshots and a clip; return their hashes."""
    store = open_store(folder)
    await store.open()
    now = datetime(2026, 11, 21, 10, tzinfo=UTC)
    hashes = []
    for number, size in enumerate((20_000, 200_000, 2_000_000, CLIP_SIZE)):
        clip = size == CLIP_SIZE
        incoming = store.receive()
        await incoming.write(source.randbytes(size))
        capture = await store.keep(
            incoming,
            camera="front",
            name=f"{number}.mp4" if clip else f"{number}.jpg",
            sighting=replace(
                describe("", "", now + timedelta(minutes=number)),
                kind=CaptureKind.CLIP if clip else CaptureKind.SNAPSHOT,
            ),
            arrived=now,
            detection_id=None,
        )
        hashes.append(capture.sha256)
    await store.close()
    return hashes


async def drain(folder: Path, settings: S3Settings) -> None:
    store = open_store(folder)
    await store.open()
    changed = asyncio.Event()
    store.on_change(changed.set)
    offsite = Offsite(settings, store, UTC, describe)
    await offsite.start()
    async with asyncio.timeout(120):
        while (await store.uploads.backlog()).files:
            await changed.wait()
            changed.clear()
    await offsite.stop()
    await store.close()


def in_child(work: Callable[[], None]) -> int:
    """Run work in a process of its own and return how it ended."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException as error:  # noqa: BLE001
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


async def _warm_up(settings: S3Settings) -> None:
    async with client.open_bucket(settings) as bucket:
        await bucket.check()


def main() -> None:
    url, bucket, folder, rounds, seed = sys.argv[1:]
    settings = S3Settings(
        endpoint_url=url,
        region="us-east-1",
        bucket=bucket,
        prefix="",
        access_key_id=ACCESS_KEY,
        secret_access_key=SECRET_KEY,
    )
    session = AioSession()
    client.AioSession = lambda: session  # type: ignore[attr-defined]
    pace.probe_seconds = lambda _attempts: 0.01
    transfer.PART_SIZE = 5 << 20  # type: ignore[misc]
    asyncio.run(_warm_up(settings))
    source = random.Random(int(seed))
    for number in range(int(rounds)):
        place = Path(folder) / str(number)
        here = replace(settings, prefix=f"round-{number}")
        step = source.randint(1, MOST_STEPS)
        hashes = asyncio.run(fill(place, source))

        def die(step: int = step, place: Path = place, here: S3Settings = here) -> None:
            kill_at(step)
            asyncio.run(drain(place, here))

        def go_on(place: Path = place, here: S3Settings = here) -> None:
            asyncio.run(drain(place, here))

        ended = in_child(die)
        assert ended in (0, _KILLED), ended
        assert in_child(go_on) == 0
        print(
            json.dumps(
                {
                    "prefix": here.prefix,
                    "step": step,
                    "killed": ended == _KILLED,
                    "hashes": hashes,
                }
            ),
            flush=True,
        )


if __name__ == "__main__":
    main()
