"""How long it takes from a device's event to Home Assistant's state.

The peer reads the same event stream with aiohttp and nothing else: it notes when the
bytes of an event have arrived, which nobody can do faster in Python. Both run in the
process of the Home Assistant that is measured.
"""

import argparse
import asyncio
from pathlib import Path
import re
import socket
import sys
import tempfile
import time

# Home Assistant's test plugin has a package custom_components of its own: ours must
# be imported before Home Assistant looks for it.
import custom_components.hikvision_nvr  # noqa: F401  # isort: skip

from aiohttp import ClientSession, DigestAuthMiddleware
from homeassistant.const import EVENT_STATE_CHANGED
from homeassistant.core import Event, EventStateChangedData, HomeAssistant, callback
from homeassistant.loader import DATA_CUSTOM_COMPONENTS
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_test_home_assistant,
)

from benchmarks._report import median, percentile, print_result, print_table
from custom_components.hikvision_nvr.device.alert_stream import PATH
from tests.recorder import camera_subentry, recorder_entry
from tests.simulators.device import SimulatedDevice
from tests.simulators.device_profiles import Profile

CHANNELS = 32
TYPES = ("VMD", "linedetection", "fielddetection", "PIR", "regionEntrance")
PACE = 0.05
"""Seconds between two events, of which each is a detection of its own."""
LIMIT = 50.0
"""Milliseconds that the 95th percentile may take."""

type Times = dict[str, float]


def _entry(folder: Path, device: SimulatedDevice) -> MockConfigEntry:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    return recorder_entry(
        folder / "storage",
        s3=None,
        ftps_port=port,
        cameras=[
            camera_subentry(
                f"Camera {number}",
                host=device.host,
                http_port=device.port,
                rtsp_username=device.username,
                rtsp_password=device.password,
                channel=number,
                event_stream=True,
            )
            for number in range(1, CHANNELS + 1)
        ],
    )


async def _read_alone(device: SimulatedDevice, noted: Times) -> None:
    """Be the peer: note when the bytes of each event are here."""
    login = DigestAuthMiddleware(device.username, device.password)
    url = f"http://{device.host}:{device.port}{PATH}"
    async with (
        ClientSession(middlewares=(login,)) as session,
        session.get(url) as response,
    ):
        async for data in response.content.iter_any():
            now = time.monotonic()
            for number in re.findall(rb"<regionID>(\d+)<", data):
                noted.setdefault(number.decode(), now)


async def _measure(
    hass: HomeAssistant, folder: Path, device: SimulatedDevice, count: int
) -> tuple[Times, Times, Times]:
    sent: Times = {}
    shown: Times = {}
    alone: Times = {}

    @callback
    def note(event: Event[EventStateChangedData]) -> None:
        state = event.data["new_state"]
        if state is not None and state.domain == "event":
            region = state.attributes.get("region")
            if region is not None:
                shown.setdefault(region, time.monotonic())

    hass.data.pop(DATA_CUSTOM_COMPONENTS)
    hass.config.media_dirs = {"local": str(folder / "media")}
    assert await async_setup_component(hass, "http", {})
    entry = _entry(folder, device)
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    hass.bus.async_listen(EVENT_STATE_CHANGED, note)
    peer = asyncio.create_task(_read_alone(device, alone))
    await asyncio.to_thread(device.wait_for, lambda: device.listeners == 2, 30)
    # The first look at the device is over by then.
    await asyncio.sleep(5)
    for number in range(count):
        sent[str(number)] = time.monotonic()
        device.send_event(
            TYPES[number // CHANNELS % len(TYPES)],
            channel=1 + number % CHANNELS,
            region=str(number),
        )
        await asyncio.sleep(PACE)
    await asyncio.sleep(1)
    peer.cancel()
    await hass.config_entries.async_unload(entry.entry_id)
    return sent, shown, alone


async def _run(count: int) -> int:
    # aiohttp answers a digest only where it is offered first.
    profile = Profile(kind="NVR", channels=CHANNELS, protocols=(), offers_basic=False)
    with tempfile.TemporaryDirectory() as name, SimulatedDevice(profile) as device:
        folder = Path(name)
        (folder / "configuration").mkdir()
        async with async_test_home_assistant(
            config_dir=str(folder / "configuration")
        ) as hass:
            sent, shown, alone = await _measure(hass, folder, device, count)
            await hass.async_stop(force=True)
    if len(shown) < count or len(alone) < count:
        print(f"of {count} events {len(shown)} were shown, {len(alone)} read alone")
        return 1
    ours = [(shown[number] - at) * 1000 for number, at in sent.items()]
    peers = [(alone[number] - at) * 1000 for number, at in sent.items()]
    print_table(
        ("milliseconds", "median", "p95", "worst"),
        [
            (name, f"{median(of):.2f}", f"{percentile(of, 95):.2f}", f"{max(of):.2f}")
            for name, of in (
                ("event to Home Assistant's state", ours),
                ("event to bytes, aiohttp alone", peers),
            )
        ],
    )
    p95 = percentile(ours, 95)
    print(
        f"limit for the 95th percentile: {LIMIT:g} ms, {'kept' if p95 <= LIMIT else 'NOT kept'}"
    )
    print_result(
        "device_events",
        {"state_p95_to_aiohttp_alone": p95 / percentile(peers, 95)},
        {"state_p95_ms": p95, "state_median_ms": median(ours)},
    )
    return 0


def main() -> int:
    """Run it; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer events")
    return asyncio.run(_run(64 if parser.parse_args().quick else CHANNELS * len(TYPES)))


if __name__ == "__main__":
    sys.exit(main())
