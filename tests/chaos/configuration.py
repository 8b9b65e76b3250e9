"""The configuration that a Home Assistant of the chaos starts with.

It is what the owner's dialogs would have stored: a start is dear, and a dialog for each
of twelve cameras would be a reload for each.
"""

from contextlib import suppress
from dataclasses import dataclass
import json
import os
from pathlib import Path
import socket
from typing import Any

from custom_components.hikvision_nvr.receiver.passwords import hash_password
from tests.offsite.servers import ACCESS_KEY, SECRET_KEY

from .cameras import CAMERAS, camera_name, camera_password
from .s3 import BUCKET, REGION

ROOT = Path(__file__).parents[2]
HOST = "127.0.0.1"
ENTRY_ID = "chaos"
RTSP_PASSWORD = "Rtsp:secret@1/#"
RESERVE = 16
"""MiB that stay free on the disk."""
_CONFIGURATION = """\
homeassistant:
  name: chaos
  time_zone: UTC
  country: DE
  media_dirs:
    local: "{media}"
config:
history:
logbook:
stream:
witness:
logger:
  default: warning
  logs:
    custom_components.hikvision_nvr: info
    homeassistant.loader: error
    haffmpeg: critical
recorder:
  db_url: "sqlite:///{config}/history.db"
"""
_WITNESS = '''
"""Writes down each detection the moment that it is told, so that a kill cannot hide it."""
import json
import os
import time

from homeassistant.core import callback


async def async_setup(hass, config):
    file = os.open(hass.config.path("witness"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def note(**what):
        line = {"process": os.getpid(), "at": time.monotonic(), **what}
        os.write(file, json.dumps(line).encode() + b"\\n")

    @callback
    def told(event):
        note(file=event.data["file"], camera=event.data["camera"])

    hass.bus.async_listen("hikvision_nvr_detection", told)
    return True
'''


@dataclass(frozen=True, kw_only=True)
class Ports:
    """Where everything listens."""

    http: int
    ftps: int
    sftp: int
    passive: tuple[str, str]


def write_configuration(
    config: Path,
    ports: Ports,
    *,
    certificates: Path,
    disk: Path,
    s3_url: str,
    streams: list[str],
) -> None:
    """Write it into a folder that is not there yet.

    ``disk`` holds the recorder's storage folder; ``streams`` are the addresses of those
    cameras that are recorded.
    """
    (config / ".storage").mkdir(parents=True)
    (config / "configuration.yaml").write_text(
        _CONFIGURATION.format(media=disk, config=config)
    )
    integrations = config / "custom_components"
    (integrations / "witness").mkdir(parents=True)
    (integrations / "witness" / "__init__.py").write_text(_WITNESS)
    (integrations / "witness" / "manifest.json").write_text(
        json.dumps({"domain": "witness", "name": "Witness", "version": "1"})
    )
    (integrations / "hikvision_nvr").symlink_to(
        ROOT / "custom_components" / "hikvision_nvr"
    )
    _store(config, "http", (2, 2), _http_settings(ports.http))
    _store(config, "core.network", (1, 1), {"configured_adapters": ["lo"]})
    done = ["core_config", "analytics", "integration"]
    _store(config, "onboarding", (4, 1), {"done": done})
    entry = _entry(certificates, ports, disk / "recorder", s3_url, streams)
    _store(config, "core.config_entries", (1, 5), {"entries": [entry]})


def _store(config: Path, key: str, version: tuple[int, int], data: Any) -> None:
    content = {
        "version": version[0],
        "minor_version": version[1],
        "key": key,
        "data": data,
    }
    (config / ".storage" / key).write_text(json.dumps(content))


def _entry(
    folder: Path, ports: Ports, storage: Path, s3_url: str, streams: list[str]
) -> dict[str, Any]:
    now = "2026-01-01T00:00:00+00:00"
    hashes = [hash_password(camera_password(one)) for one in range(CAMERAS)]
    return {
        "created_at": now,
        "modified_at": now,
        "disabled_by": None,
        "discovery_keys": {},
        "domain": "hikvision_nvr",
        "entry_id": ENTRY_ID,
        "version": 1,
        "minor_version": 1,
        "options": {"sync_interval": "2"},
        "pref_disable_new_entities": False,
        "pref_disable_polling": False,
        "source": "user",
        "title": "Recorder",
        "unique_id": None,
        "data": {
            "storage_folder": str(storage),
            "ftps_port": ports.ftps,
            "sftp": True,
            "sftp_port": ports.sftp,
            "passive_ports": ports.passive[0],
            "certificate": "files",
            "certificate_file": str(folder / "certificate.pem"),
            "private_key_file": str(folder / "key.pem"),
            "listen_address": HOST,
            "discovery_interval": 0,
            "storage_reserve": RESERVE,
            "s3": {
                "endpoint_url": s3_url,
                "region": REGION,
                "bucket": BUCKET,
                "prefix": "",
                "access_key_id": ACCESS_KEY,
                "secret_access_key": SECRET_KEY,
            },
        },
        "subentries": [
            {
                "data": _camera(number, hashes[number], streams),
                "subentry_id": f"camera-{number}",
                "subentry_type": "camera",
                "title": camera_name(number),
                "unique_id": camera_name(number),
            }
            for number in range(CAMERAS)
        ],
    }


def _camera(number: int, password_hash: str, streams: list[str]) -> dict[str, Any]:
    port, channel, mode = 554, 1, "off"
    if number < len(streams):
        place = streams[number].rpartition("@")[2]
        port = int(place.partition("/")[0].rpartition(":")[2])
        channel, mode = number + 1, "continuous"
    return {
        "folder": camera_name(number),
        "host": HOST,
        "rtsp_port": port,
        "rtsp_username": "admin",
        "rtsp_password": RTSP_PASSWORD,
        "channel": channel,
        "brand": "auto",
        "upload_username": f"camera{number}",
        "upload_password_hash": password_hash,
        "motion_hold": 10,
        "recording_mode": mode,
    }


def _http_settings(port: int) -> dict[str, Any]:
    settled = {
        "server_host": [HOST],
        "server_port": port,
        "cors_allowed_origins": ["https://cast.home-assistant.io"],
        "login_attempts_threshold": -1,
        "ip_ban_enabled": True,
        "ssl_profile": "modern",
        "use_x_frame_options": True,
        "created_at": "2026-01-01T00:00:00+00:00",
        "error": None,
        "error_message": None,
    }
    return {"stable": settled, "pending": None, "yaml_migration_done": True}


def free_ports() -> Ports:
    """Choose ports below those that the kernel gives to outgoing connections."""
    found: list[int] = []
    port = 22_000 + os.getpid() % 4000
    while len(found) < 3 + 2 * 40:
        port += 1
        with socket.socket() as probe, suppress(OSError):
            probe.bind((HOST, port))
            found.append(port)
            continue
        if len(found) > 3:
            # Ranges are in a row.
            del found[3:]
    first, second = found[3:43], found[43:83]
    return Ports(
        http=found[0],
        ftps=found[1],
        sftp=found[2],
        passive=(f"{first[0]}-{first[-1]}", f"{second[0]}-{second[-1]}"),
    )
