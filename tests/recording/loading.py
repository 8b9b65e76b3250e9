"""Lets the engine record a stream and says which libraries that has loaded.

Run as a program: folder, address, whether with sound, reader. It ends when the camera is
recorded.
"""

import json
from pathlib import Path
import sys

LIBRARIES = ("PIL", "aiobotocore", "asyncssh", "av", "botocore")
"""Those that only some settings need."""


def loaded() -> list[str]:
    return [name for name in LIBRARIES if name in sys.modules]


def main(folder: Path, url: str, audio: bool, reader: str) -> None:
    from custom_components.hikvision_nvr.engine import Engine
    from custom_components.hikvision_nvr.model import (
        Brand,
        Camera,
        RecordingMode,
        RecordingSettings,
        RecordingState,
        StreamReader,
    )
    from tests.engine import StatusListener, engine_settings

    print(json.dumps(loaded()))
    camera = Camera(
        id="camera-1",
        name="Front door",
        folder="front",
        brand=Brand.AUTO,
        username="front",
        password_hash="",
        recording=RecordingSettings(
            mode=RecordingMode.CONTINUOUS,
            url=url,
            audio=audio,
            reader=StreamReader(reader),
        ),
    )
    listener = StatusListener()
    engine = Engine(engine_settings(folder, camera), listener)
    engine.start()
    while engine.recording.statuses()[camera.id].state is not RecordingState.RECORDING:
        assert listener.changed.wait(20)
        listener.changed.clear()
    print(json.dumps(loaded()))
    engine.stop()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    from tests.recording.crashing import without_home_assistant

    without_home_assistant()
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "sound", sys.argv[4])
