"""A Home Assistant whose recorder drains a backlog; says how late its loop was.

Its loop is probed every 10 ms: first without the recorder, then while the recorder
drains the backlog of the store that is in the folder. The resident memory of the
process is noted on the way.
"""

# Home Assistant's test plugin has a package custom_components of its own: ours must
# be imported before Home Assistant looks for it.
import custom_components.hikvision_nvr  # noqa: F401  # isort: skip

import argparse
import asyncio
from pathlib import Path
import resource
import socket
import time

from homeassistant.loader import DATA_CUSTOM_COMPONENTS
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_test_home_assistant,
)

from benchmarks._accounts import HOST
from benchmarks._certificate import write_certificate
from benchmarks._recorder import camera_subentries, entry_data
from benchmarks._s3_service import ACCESS_KEY, BUCKET, REGION, SECRET_KEY
from benchmarks._serve_arguments import say
from benchmarks._serve_home_assistant import LoopProbe

_CAMERAS = 4
_PASSIVE_PORTS = (21000, 21099)
_SETTLE = 3.0
_ENTRY_ID = "benchmark"
_WARM = 500
"""So many uploads come before the memory is compared: everything was loaded then."""


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def _entry(folder: Path, url: str) -> MockConfigEntry:
    certificate, private_key = write_certificate(folder)
    with socket.create_server((HOST, 0)) as probe:
        port = probe.getsockname()[1]
    data = entry_data(
        folder,
        port=port,
        certificate=certificate,
        private_key=private_key,
        passive_ports=_PASSIVE_PORTS,
    )
    data["s3"] = {
        "endpoint_url": url,
        "region": REGION,
        "bucket": BUCKET,
        "prefix": "",
        "access_key_id": ACCESS_KEY,
        "secret_access_key": SECRET_KEY,
    }
    return MockConfigEntry(
        domain="hikvision_nvr",
        entry_id=_ENTRY_ID,
        title="Recorder",
        data=data,
        subentries_data=camera_subentries(_CAMERAS),
    )


async def _measure(arguments: argparse.Namespace) -> None:
    folder: Path = arguments.folder
    configuration = folder / "configuration"
    state = configuration / ".storage" / "hikvision_nvr" / _ENTRY_ID
    state.parent.mkdir(parents=True)
    (folder / "state").rename(state)
    async with async_test_home_assistant(config_dir=str(configuration)) as hass:
        hass.data.pop(DATA_CUSTOM_COMPONENTS)
        hass.config.media_dirs = {"local": str(folder / "media")}
        assert await async_setup_component(hass, "http", {})
        await asyncio.sleep(_SETTLE)
        probe = LoopProbe()
        idle_from = time.monotonic()
        await asyncio.sleep(arguments.seconds)
        idle_until = time.monotonic()
        entry = _entry(folder, arguments.url)
        entry.add_to_hass(hass)
        assert await hass.config_entries.async_setup(entry.entry_id)
        await hass.async_block_till_done()
        engine = entry.runtime_data.engine
        await asyncio.sleep(_SETTLE)
        drain_from = time.monotonic()
        memory: list[tuple[int, int]] = []
        wanted = arguments.files - arguments.drained
        while True:
            left = (await engine.run(engine.store.uploads.backlog())).files
            memory.append((arguments.files - left, _resident()))
            if left <= wanted:
                break
            await asyncio.sleep(1.0)
        seconds = time.monotonic() - drain_from
        probe.stop()
        await hass.config_entries.async_unload(entry.entry_id)
        await hass.async_stop(force=True)
    warm = [size for done, size in memory if done >= _WARM]
    say(
        {
            "idle": [late for at, late in probe.late if idle_from <= at < idle_until],
            "drain": [late for at, late in probe.late if at >= drain_from],
            "memory_gain": max(warm) - warm[0],
            "rate": (memory[-1][0] - memory[0][0]) / seconds,
        }
    )


def main() -> None:
    """Measure once."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("url")
    parser.add_argument("files", type=int)
    parser.add_argument("drained", type=int)
    parser.add_argument("seconds", type=float)
    asyncio.run(_measure(parser.parse_args()))


if __name__ == "__main__":
    main()
