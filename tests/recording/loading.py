"""Lets the engine record a stream and says which libraries that has loaded.

Run as a program: folder, address, whether with sound, reader. It ends when the camera is
recorded.
"""

import json
from pathlib import Path
import sys
import threading
from typing import Any
from zoneinfo import ZoneInfo

LIBRARIES = ("PIL", "aiobotocore", "asyncssh", "av", "botocore")
"""Those that only some settings need."""


class Listener:
    """Wants to hear of changes only."""

    def __init__(self) -> None:
        self.changed = threading.Event()

    def on_status(self, _status: object) -> None:
        self.changed.set()

    def __getattr__(self, name: str) -> Any:
        return lambda *_: None


def loaded() -> list[str]:
    return [name for name in LIBRARIES if name in sys.modules]


def main(folder: Path, url: str, audio: bool, reader: str) -> None:
    from custom_components.hikvision_nvr.engine import Engine
    from custom_components.hikvision_nvr.model import (
        Brand,
        Camera,
        CertificateSettings,
        EngineSettings,
        ReceiverSettings,
        RecordingMode,
        RecordingSettings,
        RecordingState,
        StreamReader,
    )

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
    settings = EngineSettings(
        storage_root=folder / "media",
        state_folder=folder / "state",
        time_zone=ZoneInfo("UTC"),
        receiver=ReceiverSettings(
            host="127.0.0.1",
            port=0,
            passive_ports=(0, 0),
            certificate=CertificateSettings(
                certificate=folder / "certificate.pem",
                private_key=folder / "key.pem",
                generate=True,
                host_names=("localhost",),
            ),
        ),
        s3=None,
        cameras=(camera,),
    )
    listener = Listener()
    engine = Engine(settings, listener)
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
