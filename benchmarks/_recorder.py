"""Our recorder as the benchmarks set it up: the one place that knows its settings."""

from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from benchmarks._accounts import HOST, PASSWORD, USERNAME
from custom_components.hikvision_nvr.model import (
    Brand,
    Camera,
    CertificateSettings,
    EngineSettings,
    ReceiverSettings,
)
from custom_components.hikvision_nvr.receiver.passwords import hash_password


def engine_settings(
    folder: Path,
    *,
    cameras: int,
    certificate: Path,
    private_key: Path,
    passive_ports: tuple[int, int],
) -> EngineSettings:
    """Return the settings of a recorder without S3 whose files are below ``folder``."""
    # One hash for all: only the first login of each camera computes it anyway.
    password_hash = hash_password(PASSWORD)
    return EngineSettings(
        storage_root=folder / "storage",
        state_folder=folder / "state",
        time_zone=ZoneInfo("UTC"),
        receiver=ReceiverSettings(
            host=HOST,
            port=0,
            passive_ports=passive_ports,
            certificate=CertificateSettings(
                certificate=certificate, private_key=private_key, generate=False
            ),
        ),
        s3=None,
        cameras=tuple(
            Camera(
                id=f"camera-{number}",
                name=f"Camera {number}",
                folder=f"camera{number}",
                brand=Brand.AUTO,
                username=USERNAME.format(number),
                password_hash=password_hash,
            )
            for number in range(cameras)
        ),
    )


def entry_data(
    folder: Path,
    *,
    port: int,
    certificate: Path,
    private_key: Path,
    passive_ports: tuple[int, int],
) -> dict[str, Any]:
    """Return what the config flow would have stored for such a recorder."""
    first, last = passive_ports
    return {
        "storage_folder": str(folder / "storage"),
        "ftps_port": port,
        "passive_ports": f"{first}-{last}",
        "certificate": "files",
        "certificate_file": str(certificate),
        "private_key_file": str(private_key),
        "listen_address": HOST,
    }


def camera_subentries(cameras: int) -> list[dict[str, Any]]:
    """Return what the camera flow would have stored for each camera."""
    password_hash = hash_password(PASSWORD)
    return [
        {
            "data": {
                "folder": f"camera{number}",
                "host": HOST,
                "rtsp_port": 554,
                "rtsp_username": "",
                "rtsp_password": "",
                "channel": 1,
                "brand": "auto",
                "upload_username": USERNAME.format(number),
                "upload_password_hash": password_hash,
                "motion_hold": 10,
            },
            "subentry_id": f"camera-{number}",
            "subentry_type": "camera",
            "title": f"Camera {number}",
            "unique_id": f"camera{number}",
        }
        for number in range(cameras)
    ]
