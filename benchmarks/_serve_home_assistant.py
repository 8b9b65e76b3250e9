"""A Home Assistant with our recorder, its engine and the entities of all cameras.

It notes when the state of a camera's event entity changed for a file, and how late its
event loop was, probed every 10 ms.
"""

from array import array
import asyncio
import socket
import time

# Home Assistant's test plugin has a package custom_components of its own: ours must
# be imported before Home Assistant looks for it.
import custom_components.hikvision_nvr  # noqa: F401  # isort: skip

from homeassistant.const import EVENT_STATE_CHANGED
from homeassistant.core import Event, EventStateChangedData, HomeAssistant, callback
from homeassistant.loader import DATA_CUSTOM_COMPONENTS
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_test_home_assistant,
)

from benchmarks._accounts import HOST
from benchmarks._recorder import camera_subentries, entry_data
from benchmarks._serve_arguments import (
    ServeArguments,
    read_arguments,
    say,
    wait_for_end,
)

_PROBE = 0.010


class LoopProbe:
    """Measures how late the running loop is."""

    def __init__(self) -> None:
        """Start probing."""
        # Packed: what it keeps is measured as the memory of Home Assistant.
        self._moments, self._late = array("d"), array("d")
        self._loop = asyncio.get_running_loop()
        self._plan()

    def _plan(self) -> None:
        self._due = self._loop.time() + _PROBE
        self._handle = self._loop.call_at(self._due, self._probe)

    def _probe(self) -> None:
        now = self._loop.time()
        self._moments.append(now)
        self._late.append(now - self._due)
        self._plan()

    @property
    def late(self) -> list[tuple[float, float]]:
        """When it looked, and by how many seconds it was late."""
        return list(zip(self._moments, self._late, strict=True))

    def stop(self) -> None:
        """Stop probing."""
        self._handle.cancel()


async def _set_up(hass: HomeAssistant, arguments: ServeArguments) -> MockConfigEntry:
    hass.data.pop(DATA_CUSTOM_COMPONENTS)
    hass.config.media_dirs = {"local": str(arguments.folder / "media")}
    await hass.config.async_set_time_zone("UTC")
    assert await async_setup_component(hass, "http", {})
    with socket.create_server((HOST, 0)) as probe:
        port = probe.getsockname()[1]
    entry = MockConfigEntry(
        domain="hikvision_nvr",
        title="Recorder",
        data=entry_data(
            arguments.folder,
            port=port,
            certificate=arguments.certificate,
            private_key=arguments.private_key,
            passive_ports=arguments.passive_ports,
        ),
        subentries_data=camera_subentries(arguments.cameras),
    )
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    return entry


async def _serve(arguments: ServeArguments) -> None:
    changed: dict[str, float] = {}

    @callback
    def note(event: Event[EventStateChangedData]) -> None:
        state = event.data["new_state"]
        if state is not None and state.domain == "event":
            file = state.attributes.get("file")
            if file is not None:
                changed.setdefault(file, time.monotonic())

    configuration = arguments.folder / "configuration"
    configuration.mkdir()
    async with async_test_home_assistant(config_dir=str(configuration)) as hass:
        entry = await _set_up(hass, arguments)
        hass.bus.async_listen(EVENT_STATE_CHANGED, note)
        probe = LoopProbe()
        say({"port": entry.runtime_data.engine.receiver.port})
        await asyncio.to_thread(wait_for_end)
        probe.stop()
        await hass.config_entries.async_unload(entry.entry_id)
        await hass.async_stop(force=True)
    say({"changed": changed, "late": probe.late})


def main() -> None:
    """Serve until the benchmark has enough."""
    asyncio.run(_serve(read_arguments()))


if __name__ == "__main__":
    main()
