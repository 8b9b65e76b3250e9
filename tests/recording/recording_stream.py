"""Records a camera with our own reader until it is killed.

Run as a program: folder, address of the stream. It says once that it records.
"""

import asyncio
from pathlib import Path
import sys
from zoneinfo import ZoneInfo

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.recording.crashing import without_home_assistant


async def record(folder: Path, url: str) -> None:
    from custom_components.hikvision_nvr.model import (
        Brand,
        Camera,
        RecordingMode,
        RecordingSettings,
        RecordingState,
        StreamReader,
    )
    from custom_components.hikvision_nvr.recording import Recording
    from custom_components.hikvision_nvr.store import Store

    camera = Camera(
        id="camera-1",
        name="Front door",
        folder="front",
        brand=Brand.AUTO,
        username="front",
        password_hash="",
        recording=RecordingSettings(
            mode=RecordingMode.CONTINUOUS, url=url, reader=StreamReader.OWN
        ),
    )
    store = Store(
        folder / "media",
        folder / "catalogue.sqlite",
        time_zone=ZoneInfo("UTC"),
        offsite=False,
        sync_interval=0.05,
    )
    await store.open()
    await store.recover(lambda *_: None)  # type: ignore[arg-type, return-value]
    changed = asyncio.Event()
    recording = Recording(
        store.recordings,
        [camera],
        time_zone=ZoneInfo("UTC"),
        on_change=changed.set,
    )
    await recording.start()
    while recording.statuses()[camera.id].state is not RecordingState.RECORDING:
        await changed.wait()
        changed.clear()
    print("recording", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    without_home_assistant()
    asyncio.run(record(Path(sys.argv[1]), sys.argv[2]))
