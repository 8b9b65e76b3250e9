"""A Home Assistant under the load of a large house: cameras, streams, a bucket.

Its one argument is JSON: the folder, the bucket's address, how many cameras there are,
and the port of the RTSP server with how many of them are recorded. Its loop is probed
every 10 ms; when its input ends it says how late that was, and how recording went.
"""

# Home Assistant's test plugin has a package custom_components of its own: ours must
# be imported before Home Assistant looks for it.
import custom_components.hikvision_nvr  # noqa: F401  # isort: skip

import asyncio
import json
from pathlib import Path
import socket
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
from benchmarks._recorder import camera_subentries, entry_data
from benchmarks._s3_service import ACCESS_KEY, BUCKET, REGION, SECRET_KEY
from benchmarks._serve_arguments import say, wait_for_end
from benchmarks._serve_home_assistant import LoopProbe

_PASSIVE_PORTS = (20000, 20999)


def _cameras(arguments: dict[str, Any]) -> list[dict[str, Any]]:
    subentries = camera_subentries(arguments["cameras"])
    for number, subentry in enumerate(subentries[: arguments["recorded"]]):
        subentry["data"] |= {
            "rtsp_port": arguments["rtsp_port"],
            "rtsp_username": arguments["rtsp_username"],
            "rtsp_password": arguments["rtsp_password"],
            "channel": number + 1,
            "recording_mode": "continuous",
        }
    return subentries


def _entry(arguments: dict[str, Any]) -> MockConfigEntry:
    folder = Path(arguments["folder"])
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
    data["discovery_interval"] = 0
    data["s3"] = {
        "endpoint_url": arguments["url"],
        "region": REGION,
        "bucket": BUCKET,
        "prefix": "",
        "access_key_id": ACCESS_KEY,
        "secret_access_key": SECRET_KEY,
    }
    return MockConfigEntry(
        domain="hikvision_nvr",
        title="Recorder",
        data=data,
        subentries_data=_cameras(arguments),
    )


async def _serve(arguments: dict[str, Any]) -> None:
    folder = Path(arguments["folder"])
    configuration = folder / "configuration"
    configuration.mkdir()
    async with async_test_home_assistant(config_dir=str(configuration)) as hass:
        hass.data.pop(DATA_CUSTOM_COMPONENTS)
        hass.config.media_dirs = {"local": str(folder / "media")}
        await hass.config.async_set_time_zone("UTC")
        assert await async_setup_component(hass, "http", {})
        entry = _entry(arguments)
        entry.add_to_hass(hass)
        assert await hass.config_entries.async_setup(entry.entry_id)
        await hass.async_block_till_done()
        engine = entry.runtime_data.engine
        probe = LoopProbe()
        say({"port": engine.receiver.port})
        await asyncio.to_thread(wait_for_end)
        probe.stop()
        statuses = engine.recording.statuses().values()
        said = {
            "late": probe.late,
            "dropped": sum(status.dropped for status in statuses),
            "recording": sum(status.state == "recording" for status in statuses),
            "waiting": (await engine.run(engine.store.uploads.backlog())).files,
        }
        await hass.config_entries.async_unload(entry.entry_id)
        await hass.async_stop(force=True)
    say(said)


if __name__ == "__main__":
    asyncio.run(_serve(json.loads(sys.argv[1])))
