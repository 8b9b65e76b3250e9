"""Our engine as it records, in a thread beside a loop that stands for Home Assistant's.

Reads one line of JSON: addresses of the streams, the folder, how long the loop is
watched before anything is recorded, for how long while the streams begin and while they
run, and perhaps which reader to use. When its input ends it stops and says what it saw.
"""

import benchmarks._without_home_assistant  # noqa: F401  # isort: skip

import asyncio
from datetime import UTC, datetime, timedelta
import json
from pathlib import Path
import sys
import threading
import time

from custom_components.hikvision_nvr.engine import Engine
from custom_components.hikvision_nvr.model import (
    Brand,
    Camera,
    RecordingMode,
    RecordingSettings,
    StreamReader,
)
from tests.engine import StatusListener, engine_settings

_PROBE = 0.010


def _camera(number: int, url: str, reader: StreamReader) -> Camera:
    return Camera(
        id=f"camera-{number}",
        name=f"Camera {number}",
        folder=f"camera-{number}",
        brand=Brand.AUTO,
        username=f"camera-{number}",
        password_hash="",
        recording=RecordingSettings(
            mode=RecordingMode.CONTINUOUS, url=url, reader=reader
        ),
    )


async def _watch(seconds: float) -> list[float]:
    """Return by how many milliseconds timers were late."""
    loop = asyncio.get_running_loop()
    late = []
    end = loop.time() + seconds
    while (due := loop.time() + _PROBE) < end:
        await asyncio.sleep(_PROBE)
        late.append((loop.time() - due) * 1000)
    return late


async def _main() -> None:
    arguments = json.loads(await asyncio.to_thread(sys.stdin.readline))
    listener = StatusListener()
    reader = StreamReader(arguments.get("reader", StreamReader.AUTO))
    cameras = (
        _camera(number, url, reader) for number, url in enumerate(arguments["urls"])
    )
    engine = Engine(engine_settings(Path(arguments["folder"]), *cameras), listener)
    idle = await _watch(arguments["idle"])
    begun = time.time()
    await asyncio.to_thread(engine.start)
    print(json.dumps({"began": begun}), flush=True)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    threading.Thread(
        target=lambda: (sys.stdin.read(), loop.call_soon_threadsafe(ended.set)),
        daemon=True,
    ).start()
    # The probe itself takes time, which must not count as ours.
    starting = await _watch(arguments["starting"])
    busy = await _watch(arguments["busy"])
    print(json.dumps({"watched": True}), flush=True)
    await ended.wait()
    segments = engine.store.recordings.segments
    first: list[float] = []
    for number in range(len(arguments["urls"])):
        found = await engine.run(
            segments.between(
                f"camera-{number}",
                datetime.fromtimestamp(begun, UTC) - timedelta(hours=1),
                datetime.now(UTC),
            )
        )
        first.append(found[0].info.start_us / 1e6 - begun if found else float("inf"))
    statuses = engine.recording.statuses().values()
    await asyncio.to_thread(engine.stop)
    print(
        json.dumps(
            {
                "idle": idle,
                "starting": starting,
                "busy": busy,
                "first": max(first, default=0.0),
                "dropped": sum(status.dropped for status in statuses),
                "states": [status.state for status in statuses],
            }
        )
    )


if __name__ == "__main__":
    asyncio.run(_main())
