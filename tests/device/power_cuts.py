"""Sets a camera up in a process that dies at a given point, and starts anew after it.

Everything is imported once; a round is two children: one that dies, one that begins
with what the disk has. Each line that is printed tells of a round.

    python -m tests.device.power_cuts known|new FOLDER DEVICE_PORT FTPS_PORT POINT...

A point is the number of a step, or the beginning of its name.
"""

# Home Assistant's test plugin has a package custom_components of its own: ours must
# be imported before Home Assistant looks for it.
import custom_components.hikvision_nvr  # noqa: F401  # isort: skip

import asyncio
from collections.abc import Callable
from functools import wraps
import inspect
import json
import os
from pathlib import Path
import signal
import sys
from types import SimpleNamespace
from typing import Any

from homeassistant.config_entries import ConfigEntries, ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.loader import DATA_CUSTOM_COMPONENTS
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import async_test_home_assistant

from custom_components.hikvision_nvr import provision_intents
from custom_components.hikvision_nvr.device import Backups, Intents, IsapiClient
from custom_components.hikvision_nvr.receiver.passwords import hash_password
from tests.device_owner import add, entity, until
from tests.recorder import camera_subentry, recorder_entry
from tests.simulators.device import HOST
from tests.simulators.device_profiles import FTPS

NAME = "Front door"
USERNAME, PASSWORD = "admin", "Pa:ss@1/#"
OLD_PASSWORD = "Old-Password-1"
_STEPS = (
    (Intents, "keep"),
    (Intents, "forget"),
    (Backups, "keep"),
    (IsapiClient, "put"),
    (IsapiClient, "post"),
    (ConfigEntries, "async_update_subentry"),
    (ConfigEntries, "async_add_subentry"),
)


def die_at(point: str, told: Path) -> None:
    """Let the process die before or after a step; write down which it was."""
    count = 0

    def one_more(name: str) -> None:
        nonlocal count
        count += 1
        if str(count) == point or (not point.isdigit() and name.startswith(point)):
            told.write_text(f"{count} {name}")
            os.kill(os.getpid(), signal.SIGKILL)

    def named(work: str, arguments: tuple[Any, ...]) -> str:
        about = next((one for one in arguments if isinstance(one, str)), "")
        return f"{work} {about}".strip()

    def watched(work: Callable[..., Any], name: str) -> Callable[..., Any]:
        if inspect.iscoroutinefunction(work):

            @wraps(work)
            async def watching(*args: Any, **kwargs: Any) -> Any:
                one_more(f"before {named(name, args)}")
                result = await work(*args, **kwargs)
                one_more(f"after {named(name, args)}")
                return result

            return watching

        @wraps(work)
        def watching_now(*args: Any, **kwargs: Any) -> Any:
            one_more(f"before {named(name, args)}")
            result = work(*args, **kwargs)
            one_more(f"after {named(name, args)}")
            return result

        return watching_now

    for owner, name in _STEPS:
        work = getattr(owner, name)
        setattr(owner, name, watched(work, f"{owner.__name__}.{name}"))


class House:
    """A Home Assistant whose configuration is on the disk."""

    def __init__(self, folder: Path, device_port: int, ftps_port: int) -> None:
        """Remember where everything is."""
        self._folder = folder
        self._device_port = device_port
        self._ftps_port = ftps_port

    async def set_up(self, point: str, *, new: bool) -> None:
        """Set the camera up, and die meanwhile."""
        async with async_test_home_assistant(config_dir=str(self._folder)) as hass:
            await self._prepare(hass)
            cameras = [] if new else [self._camera()]
            entry = recorder_entry(
                self._folder / "storage",
                s3=None,
                ftps_port=self._ftps_port,
                cameras=cameras,
            )
            entry.add_to_hass(hass)
            entries = hass.config_entries
            await entries._store.async_save(entries._data_to_save())
            assert await entries.async_setup(entry.entry_id)
            await hass.async_block_till_done()
            die_at(point, self._folder / "died")
            if new:
                device = SimpleNamespace(
                    host=HOST,
                    port=self._device_port,
                    username=USERNAME,
                    password=PASSWORD,
                    name=NAME,
                    profile=FTPS,
                )
                await add(hass, entry, device)  # type: ignore[arg-type]
            else:
                await until(lambda: hass.states.get("camera.front_door"))
                (camera_id,) = entry.subentries
                await hass.services.async_call(
                    "hikvision_nvr",
                    "provision",
                    {
                        "entity_id": entity(hass, camera_id, "camera", "camera"),
                        "dry_run": False,
                    },
                    blocking=True,
                )
            await self._settled(hass)
            await hass.async_stop(force=True)

    async def start_anew(self) -> dict[str, Any]:
        """Begin with what the disk has; returns what has become of the camera."""
        async with async_test_home_assistant(config_dir=str(self._folder)) as hass:
            await self._prepare(hass)
            await hass.config_entries.async_initialize()
            (entry,) = hass.config_entries.async_entries("hikvision_nvr")
            assert await hass.config_entries.async_setup(entry.entry_id)
            await hass.async_block_till_done()
            await self._settled(hass)
            told = {
                "cameras": [one.title for one in entry.subentries.values()],
                "delivers": await self._delivers(entry),
            }
            await hass.async_stop(force=True)
            return told

    async def _delivers(self, entry: ConfigEntry) -> list[bool]:
        """Let the device deliver to each camera's account."""
        told = []
        for camera in entry.subentries.values():
            camera_login = provision_intents.engine_camera(camera).device
            assert camera_login is not None
            client = IsapiClient(camera_login)
            try:
                answer = await client.get("/simulator/deliver")
                told.append((answer.text or "") == "delivered")
            finally:
                await client.close()
        return told

    async def _settled(self, hass: HomeAssistant) -> None:
        """Wait until nothing is intended any more that is not kept."""
        intents = self._folder / ".storage/hikvision_nvr/entry-Recorder/intents"
        await until(lambda: not list(intents.glob("*.json")), 30)
        await hass.async_block_till_done()

    async def _prepare(self, hass: HomeAssistant) -> None:
        provision_intents.LOOK_AGAIN = 0.2  # type: ignore[misc]
        hass.data.pop(DATA_CUSTOM_COMPONENTS)
        hass.config.media_dirs = {"local": str(self._folder / "media")}
        assert await async_setup_component(hass, "http", {})

    def _camera(self) -> Any:
        return camera_subentry(
            NAME,
            host=HOST,
            http_port=self._device_port,
            rtsp_username=USERNAME,
            rtsp_password=PASSWORD,
            upload_password_hash=hash_password(OLD_PASSWORD),
        )


def _in_a_child(work: Callable[[], Any]) -> int:
    """Return how a child has ended that did this."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:  # noqa: BLE001
            import traceback

            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main(kind: str, folder: str, device_port: str, ftps_port: str, *points: str) -> int:
    """Do a round for each point."""
    for number, point in enumerate(points):
        where = Path(folder, str(number))
        (where / ".storage").mkdir(parents=True)
        house = House(where, int(device_port), int(ftps_port))
        how = _in_a_child(lambda: asyncio.run(house.set_up(point, new=kind == "new")))
        result = where / "result"
        anew = _in_a_child(
            lambda: result.write_text(json.dumps(asyncio.run(house.start_anew())))
        )
        if how not in (0, -signal.SIGKILL) or anew != 0:
            return 1
        died = where / "died"
        told = json.loads(result.read_text())
        told["died"] = died.read_text() if died.exists() else None
        print(json.dumps(told), flush=True)
        # The device begins the next round as it was at first.
        sys.stdin.readline()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
