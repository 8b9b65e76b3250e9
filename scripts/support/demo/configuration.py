"""Writes the configuration that the demo's Home Assistant starts with."""

from datetime import UTC, datetime
import json
import os
from pathlib import Path
import shutil
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .plan import Layout, Plan
from .ports import HOST

CONFIGURATION = """\
# Written by scripts/demo at each start.
homeassistant:
  name: hikvision_nvr demo
  time_zone: {time_zone}
  language: en
  country: DE
  unit_system: metric
  internal_url: {url}
  external_url: {url}
  # In a container Home Assistant would take the machine's own /media.
  media_dirs:
    local: "{media}"

# Only what the demo shows: default_config would look for devices in the network.
config:
frontend:
history:
logbook:
media_source:
stream:
system_health:

automation: !include automations.yaml
script: !include scripts.yaml

logger:
  default: warning
  logs:
    custom_components.hikvision_nvr: info
    # "We found a custom integration …" is the point of this demo.
    homeassistant.loader: error
    # Text to speech, which Home Assistant always loads, asks for a program that
    # nothing here needs.
    haffmpeg: critical
"""


def local_time_zone() -> str:
    """Name this machine's time zone, which the simulated cameras keep too."""
    candidates = [os.environ.get("TZ", "").removeprefix(":")]
    zone_file = Path("/etc/localtime")
    if zone_file.is_symlink():
        candidates.append(os.path.realpath(zone_file).rpartition("zoneinfo/")[2])
    for name in candidates:
        try:
            return ZoneInfo(name).key
        except ZoneInfoNotFoundError, ValueError, OSError:
            continue
    return "UTC"


def _store(layout: Layout, key: str, version: tuple[int, int], data: Any) -> None:
    """Write one of Home Assistant's own storage files."""
    folder = layout.config / ".storage"
    folder.mkdir(exist_ok=True)
    content = {
        "version": version[0],
        "minor_version": version[1],
        "key": key,
        "data": data,
    }
    (folder / key).write_text(json.dumps(content, indent=2))


def _write_http(layout: Layout, plan: Plan) -> None:
    """Settle the HTTP server's address before Home Assistant looks.

    An ``http:`` block in the YAML file would be taken as a change to confirm, and
    undone five minutes later. Home Assistant migrates this older version itself.
    """
    settled = {
        "server_host": [HOST],
        "server_port": plan.http_port,
        "cors_allowed_origins": ["https://cast.home-assistant.io"],
        "login_attempts_threshold": -1,
        "ip_ban_enabled": True,
        "ssl_profile": "modern",
        "use_x_frame_options": True,
        "created_at": datetime.now(UTC).isoformat(),
        "error": None,
        "error_message": None,
    }
    data = {"stable": settled, "pending": None, "yaml_migration_done": True}
    _store(layout, "http", (2, 2), data)


def write_configuration(
    layout: Layout, plan: Plan, integration: Path, package: Path | None
) -> str:
    """Write what Home Assistant reads at start; returns the time zone."""
    time_zone = local_time_zone()
    (layout.config / "configuration.yaml").write_text(
        CONFIGURATION.format(time_zone=time_zone, url=plan.url, media=layout.media)
    )
    for name, empty in (("automations.yaml", "[]"), ("scripts.yaml", "{}")):
        if not (layout.config / name).exists():
            (layout.config / name).write_text(f"{empty}\n")
    _write_http(layout, plan)
    # The simulated cameras are found where they are.
    _store(layout, "core.network", (1, 1), {"configured_adapters": ["lo"]})
    if not (layout.config / ".storage" / "onboarding").exists():
        # Only the user is left to onboard. The other steps would ask for devices,
        # weather and radio stations, which is traffic that a demo has no use for.
        done = ["core_config", "analytics", "integration"]
        _store(layout, "onboarding", (4, 1), {"done": done})
    _install(layout.config / "custom_components", integration, package)
    return time_zone


def _install(folder: Path, integration: Path, package: Path | None) -> None:
    """Let Home Assistant load the repository itself, or what a release is made of."""
    folder.mkdir(exist_ok=True)
    place = folder / integration.name
    if place.is_symlink() or not place.exists():
        place.unlink(missing_ok=True)
    else:
        shutil.rmtree(place)
    if package is None:
        place.symlink_to(integration, target_is_directory=True)
    else:
        shutil.unpack_archive(package, place, "zip")
