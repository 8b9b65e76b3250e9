"""A Home Assistant that sets the recorder of a folder up once; says how long that took.

Its loop is probed every 10 ms meanwhile, and the recorder is reloaded once: a start in
a process that has loaded everything already.
"""

import time

# Home Assistant's test plugin has a package custom_components of its own: ours must
# be imported before Home Assistant looks for it.
import custom_components.hikvision_nvr  # noqa: F401  # isort: skip

import asyncio
from pathlib import Path
import sys
from typing import Any

from homeassistant.loader import DATA_CUSTOM_COMPONENTS
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_test_home_assistant,
)

from benchmarks._accounts import HOST
from benchmarks._certificate import write_certificate
from benchmarks._large_catalogue import CAMERAS
from benchmarks._recorder import camera_subentries, entry_data
from benchmarks._s3_service import ACCESS_KEY, BUCKET, REGION, SECRET_KEY
from benchmarks._serve_arguments import say
from benchmarks._serve_home_assistant import LoopProbe

ENTRY_ID = "benchmark"
# Nobody listens on the discard port: S3 is down, as it is when a backlog grows.
_S3_THAT_IS_DOWN = f"http://{HOST}:9"
_PASSIVE_PORTS = (21000, 21099)
_SETTLE = 0.5


def configuration(folder: Path) -> Path:
    """Return Home Assistant's configuration folder of a benchmark's folder."""
    return folder / "configuration"


def state(folder: Path) -> Path:
    """Return the recorder's own folder, which holds the catalogue."""
    return configuration(folder) / ".storage" / "hikvision_nvr" / ENTRY_ID


def _cameras() -> list[dict[str, Any]]:
    subentries = camera_subentries(len(CAMERAS))
    for folder, subentry in zip(CAMERAS, subentries, strict=True):
        subentry["data"]["folder"] = folder
    return subentries


def _entry(folder: Path) -> MockConfigEntry:
    certificate, private_key = write_certificate(folder)
    data = entry_data(
        folder,
        port=0,
        certificate=certificate,
        private_key=private_key,
        passive_ports=_PASSIVE_PORTS,
    )
    data["discovery_interval"] = 0
    data["s3"] = {
        "endpoint_url": _S3_THAT_IS_DOWN,
        "region": REGION,
        "bucket": BUCKET,
        "prefix": "",
        "access_key_id": ACCESS_KEY,
        "secret_access_key": SECRET_KEY,
    }
    return MockConfigEntry(
        domain="hikvision_nvr",
        entry_id=ENTRY_ID,
        title="Recorder",
        data=data,
        subentries_data=_cameras(),
    )


async def _measure(folder: Path) -> None:
    async with async_test_home_assistant(config_dir=str(configuration(folder))) as hass:
        hass.data.pop(DATA_CUSTOM_COMPONENTS)
        hass.config.media_dirs = {"local": str(folder / "media")}
        assert await async_setup_component(hass, "http", {})
        entry = _entry(folder)
        entry.add_to_hass(hass)
        await asyncio.sleep(_SETTLE)
        probe = LoopProbe()
        began = time.perf_counter()
        assert await hass.config_entries.async_setup(entry.entry_id)
        set_up = time.perf_counter() - began
        await hass.async_block_till_done()
        probe.stop()
        # The first status has come: what the sensors need was counted.
        waiting = await entry.runtime_data.engine.run(
            entry.runtime_data.engine.store.uploads.backlog()
        )
        began = time.perf_counter()
        assert await hass.config_entries.async_reload(entry.entry_id)
        reloaded = time.perf_counter() - began
        await hass.config_entries.async_unload(entry.entry_id)
        await hass.async_stop(force=True)
    say(
        {
            "setup": set_up,
            "reload": reloaded,
            "late": max(late for _, late in probe.late),
            "waiting": waiting.files,
        }
    )


if __name__ == "__main__":
    asyncio.run(_measure(Path(sys.argv[1])))
