"""Brings what was about to be written to devices to its end after a power cut.

A camera's upload password is in two places: on the device and, as a hash, in Home
Assistant's configuration, which is saved a second after each change. An intent is kept
before the first of them is changed and forgotten when the second is on the disk.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
import os
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from uuid import uuid4

from homeassistant.config_entries import STORAGE_KEY, ConfigEntry, ConfigSubentry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.storage import STORAGE_DIR
from homeassistant.util.hass_dict import HassKey

from .const import (
    CONF_FOLDER,
    CONF_PROVISIONED,
    CONF_SECURITY,
    CONF_UPLOAD_PASSWORD_HASH,
    DOMAIN,
    LOGGER,
    SUBENTRY_CAMERA,
)
from .coordinator import RecorderCoordinator
from .device import Intent, Intents
from .errors import (
    DeviceError,
    DeviceOfflineError,
    NotRunningError,
    ProvisioningError,
)
from .settings import engine_camera, state_folder

LOOK_AGAIN: Final = 5.0
"""Seconds until the next look whether the configuration is saved."""
ASK_AGAIN: Final = 60.0
"""Seconds until a device is asked again that did not answer."""

_KEYS = (CONF_SECURITY, CONF_UPLOAD_PASSWORD_HASH, CONF_PROVISIONED)
"""What setting up a device changes of its camera."""
_PROCESS: HassKey[str] = HassKey(f"{DOMAIN}_process")


def new_camera_note(
    hass: HomeAssistant, title: str, data: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what is kept of a camera that is being added."""
    return {"process": _process(hass), "title": title, "camera": dict(data)}


def known_camera_note(
    hass: HomeAssistant, before: Mapping[str, Any], after: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what is kept of a camera that is set up again."""
    return {
        "process": _process(hass),
        "former": {key: before[key] for key in _KEYS if key in before},
        "data": {key: after[key] for key in _KEYS if key in after},
    }


async def async_forget_intent(hass: HomeAssistant, entry_id: str, folder: str) -> None:
    """Forget what was intended with a camera, whether or not the recorder runs."""
    await hass.async_add_executor_job(_intents(hass, entry_id).forget, folder)


async def async_take_over(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Give the configuration what a power cut has kept from it.

    To be called before the recorder starts, and while nothing is being set up.
    """
    intents = _intents(hass, entry.entry_id)

    for intent in await hass.async_add_executor_job(intents.all):
        own = intent.note["process"] == _process(hass)
        is_new = "title" in intent.note
        camera = _camera(entry, intent.folder)
        if camera is None and is_new:
            if own:
                # Its dialog is still open.
                continue
            LOGGER.warning(
                "%s was being set up when Home Assistant was cut off", intent.folder
            )
            camera = ConfigSubentry(
                data=MappingProxyType(intent.note["camera"]),
                subentry_type=SUBENTRY_CAMERA,
                title=intent.note["title"],
                unique_id=intent.folder,
            )
            hass.config_entries.async_add_subentry(entry, camera)
        elif camera is None or _is_superseded(camera, intent):
            # It was removed meanwhile, or its owner has entered another account.
            await hass.async_add_executor_job(intents.forget, intent.folder)
            continue
        elif not is_new and (not own or intent.edits):
            former = intent.note["former"].get(CONF_UPLOAD_PASSWORD_HASH)
            if camera.data[CONF_UPLOAD_PASSWORD_HASH] == former:
                hass.config_entries.async_update_subentry(
                    entry, camera, data=_changed(camera.data, intent.note["data"])
                )
        await hass.async_add_executor_job(
            intents.keep,
            replace(intent, note={**intent.note, "process": _process(hass)}),
        )


@callback
def async_start_settling(hass: HomeAssistant, coordinator: RecorderCoordinator) -> None:
    """Finish in the background what is not on both sides yet."""
    coordinator.config_entry.async_create_background_task(
        hass, _async_settle(hass, coordinator), f"{DOMAIN} intents"
    )


async def _async_settle(hass: HomeAssistant, coordinator: RecorderCoordinator) -> None:
    intents = _intents(hass, coordinator.config_entry.entry_id)
    found = await hass.async_add_executor_job(intents.all)
    cameras = {one.data[CONF_FOLDER]: one for one in coordinator.cameras.values()}
    try:
        await asyncio.gather(
            *(
                _async_settle_one(hass, coordinator, cameras[one.folder], one)
                for one in found
                if one.folder in cameras
            )
        )
    except NotRunningError:
        return


async def _async_settle_one(
    hass: HomeAssistant,
    coordinator: RecorderCoordinator,
    camera: ConfigSubentry,
    intent: Intent,
) -> None:
    """Finish one on the device and here. Raises NotRunningError."""
    finishing = asyncio.ensure_future(_async_finish(hass, coordinator, camera, intent))
    try:
        await _async_saved(hass, camera)
        if "title" in intent.note and not finishing.done():
            # Should it be removed before its device answers, it must not come back.
            note = known_camera_note(hass, camera.data, camera.data)
            intents = _intents(hass, coordinator.config_entry.entry_id)
            await hass.async_add_executor_job(intents.keep, replace(intent, note=note))
        if not await finishing:
            return
    finally:
        finishing.cancel()
    await coordinator.engine.run(
        coordinator.engine.devices.forget_intent(intent.folder)
    )


async def _async_saved(hass: HomeAssistant, camera: ConfigSubentry) -> None:
    """Wait until a camera's account is on the disk."""
    saved = Path(hass.config.path(STORAGE_DIR, STORAGE_KEY))
    password_hash = camera.data[CONF_UPLOAD_PASSWORD_HASH]
    while True:
        if await hass.async_add_executor_job(_has_on_disk, saved, password_hash):
            return
        await asyncio.sleep(LOOK_AGAIN)


async def _async_finish(
    hass: HomeAssistant,
    coordinator: RecorderCoordinator,
    camera: ConfigSubentry,
    intent: Intent,
) -> bool:
    """Write to the device what it may not have; returns whether that is settled."""
    engine = coordinator.engine
    while intent.edits:
        try:
            seen = await engine.run(
                engine.devices.finish(engine_camera(camera), intent)
            )
        except DeviceError as err:
            offline = err.__cause__ if isinstance(err, ProvisioningError) else err
            if isinstance(offline, DeviceOfflineError):
                await asyncio.sleep(ASK_AGAIN)
                continue
            LOGGER.warning("%s could not be set up to its end: %s", camera.title, err)
            left = await engine.run(engine.devices.intent(intent.folder))
            former = intent.note.get("former")
            if left is None and former is not None:
                # The device refuses the account: it has the one from before.
                hass.config_entries.async_update_subentry(
                    coordinator.config_entry, camera, data=_changed(camera.data, former)
                )
            return left is None or not left.edits
        if not seen:
            LOGGER.warning("%s was set up, but no upload has arrived", camera.title)
        return True
    return True


def _is_superseded(camera: ConfigSubentry, intent: Intent) -> bool:
    """Tell whether a camera's account is neither that from before nor the intended."""
    return camera.data[CONF_UPLOAD_PASSWORD_HASH] not in {
        intent.note.get(kept, {}).get(CONF_UPLOAD_PASSWORD_HASH)
        for kept in ("former", "data", "camera")
    }


def _has_on_disk(saved: Path, text: str) -> bool:
    """Tell whether the saved configuration holds a text, and make it stay (blocking)."""
    try:
        with saved.open(encoding="utf-8") as file:
            if text not in file.read():
                return False
            os.fsync(file.fileno())
    except OSError:
        return False
    return True


def _changed(data: Mapping[str, Any], provisioned: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in data.items() if key not in _KEYS}
    return {**kept, **provisioned}


def _camera(entry: ConfigEntry, folder: str) -> ConfigSubentry | None:
    return next(
        (
            one
            for one in entry.get_subentries_of_type(SUBENTRY_CAMERA)
            if one.data[CONF_FOLDER] == folder
        ),
        None,
    )


def _intents(hass: HomeAssistant, entry_id: str) -> Intents:
    return Intents(state_folder(hass, entry_id) / "intents")


def _process(hass: HomeAssistant) -> str:
    """Return what tells this run of Home Assistant from those before."""
    return hass.data.setdefault(_PROCESS, uuid4().hex)
