"""An engine that runs without Home Assistant: its settings, and who listens to it."""

from pathlib import Path
import threading
from typing import Any
from zoneinfo import ZoneInfo

from custom_components.hikvision_nvr.model import (
    Camera,
    CertificateSettings,
    EngineSettings,
    ReceiverSettings,
    RecorderStatus,
    S3Settings,
)

HOST = "127.0.0.1"


def engine_settings(
    folder: Path,
    *cameras: Camera,
    port: int = 0,
    s3: S3Settings | None = None,
    own_certificate: bool = False,
    time_zone: str = "UTC",
) -> EngineSettings:
    """Return the settings of an engine on loopback whose files are below ``folder``."""
    return EngineSettings(
        storage_root=folder / "media",
        state_folder=folder / "state",
        time_zone=ZoneInfo(time_zone),
        receiver=ReceiverSettings(
            host=HOST,
            port=port,
            passive_ports=(0, 0),
            certificate=CertificateSettings(
                certificate=folder / "certificate.pem",
                private_key=folder / "key.pem",
                generate=not own_certificate,
                host_names=(HOST,),
            ),
        ),
        s3=s3,
        cameras=cameras,
    )


class StatusListener:
    """Hears of the recorder's status, and of nothing else."""

    def __init__(self) -> None:
        """Nothing was heard yet."""
        self.status: RecorderStatus | None = None
        self.changed = threading.Event()

    def on_status(self, status: RecorderStatus) -> None:
        """Remember the last one."""
        self.status = status
        self.changed.set()

    def __getattr__(self, name: str) -> Any:
        """Take whatever else an engine tells."""
        return lambda *_: None
