"""What was intended with a camera when the power went: the next start sees to it."""

import asyncio
from collections.abc import Callable
import json
from pathlib import Path
from typing import Any

from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.hikvision_nvr import (
    devices as devices_module,
    provision_intents,
)
from custom_components.hikvision_nvr.receiver.passwords import hash_password
from tests.device_owner import add, fail_to_add, press, until
from tests.simulators import device_profiles as profiles
from tests.simulators.device import SimulatedDevice

from .conftest import Simulate

FTP = "/ISAPI/System/Network/ftp/1"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provision_intents, "LOOK_AGAIN", 0.02)
    monkeypatch.setattr(provision_intents, "ASK_AGAIN", 0.05)


@pytest.fixture
def intended(
    home: HomeAssistant, recorder: MockConfigEntry
) -> Callable[[], list[dict[str, Any]]]:
    """Return what is kept of what was intended."""
    folder = Path(
        home.config.path(".storage/hikvision_nvr", recorder.entry_id, "intents")
    )
    return lambda: [json.loads(one.read_text()) for one in folder.glob("*.json")]


type Intended = Callable[[], list[dict[str, Any]]]


async def begin_anew(home: HomeAssistant, entry: MockConfigEntry) -> None:
    """Start again as after a power cut: nothing is remembered but what is on a disk."""
    await home.async_block_till_done()
    # An open dialog ends with its process, and cannot put anything back.
    home.config_entries.subentries._progress.clear()
    assert await home.config_entries.async_unload(entry.entry_id)
    del home.data[provision_intents._PROCESS]
    assert await home.config_entries.async_setup(entry.entry_id)
    await home.async_block_till_done()


def save_configuration(home: HomeAssistant, entry: MockConfigEntry) -> None:
    """Write the accounts to the disk, as Home Assistant does a moment later."""
    path = Path(home.config.path(".storage", "core.config_entries"))
    path.write_text(
        json.dumps([dict(one.data) for one in entry.subentries.values()], default=str)
    )


async def provision(home: HomeAssistant, camera_id: str) -> None:
    await press(home, camera_id, "button", "press", "provision")
    await home.async_block_till_done()


async def half_added(
    home: HomeAssistant, entry: MockConfigEntry, device: SimulatedDevice
) -> None:
    """Set a new camera up until the connection is lost; its dialog stays open."""
    device.lost_paths.add(FTP)
    await fail_to_add(home, entry, device)
    device.lost_paths.clear()


async def test_a_camera_that_was_being_added_is_there_and_delivers(
    home: HomeAssistant,
    recorder: MockConfigEntry,
    simulate: Simulate,
    intended: Intended,
    caplog: pytest.LogCaptureFixture,
) -> None:
    device = simulate(profiles.FTPS)
    await half_added(home, recorder, device)
    # While its dialog is open, it is the dialog that decides.
    assert await home.config_entries.async_reload(recorder.entry_id)
    assert not recorder.subentries

    await begin_anew(home, recorder)
    assert "was being set up when Home Assistant was cut off" in caplog.text
    (camera,) = recorder.subentries.values()
    assert (camera.title, camera.unique_id) == ("Gate", "Gate")
    await until(lambda: not intended()[0]["edits"])
    upload = await home.async_add_executor_job(device.detect)
    assert upload.error == ""
    # It is known until Home Assistant's own configuration is on the disk.
    save_configuration(home, recorder)
    await until(lambda: not intended())


async def test_a_camera_that_was_removed_before_its_device_answers_stays_away(
    home: HomeAssistant,
    recorder: MockConfigEntry,
    simulate: Simulate,
    intended: Intended,
) -> None:
    device = simulate(profiles.FTPS)
    await half_added(home, recorder, device)
    device.stop()
    await begin_anew(home, recorder)
    (camera_id,) = recorder.subentries
    save_configuration(home, recorder)
    await until(lambda: "title" not in intended()[0]["note"])
    assert intended()[0]["edits"]

    home.config_entries.async_remove_subentry(recorder, camera_id)
    await begin_anew(home, recorder)
    assert not recorder.subentries
    assert intended() == []


async def test_an_account_that_only_the_device_has_is_taken_over(
    home: HomeAssistant,
    recorder: MockConfigEntry,
    simulate: Simulate,
    intended: Intended,
) -> None:
    """The device was written, and the power went before the configuration was saved."""
    device = simulate(profiles.FTPS)
    camera_id = await add(home, recorder, device)
    before = dict(recorder.subentries[camera_id].data)
    await provision(home, camera_id)
    home.config_entries.async_update_subentry(
        recorder, recorder.subentries[camera_id], data=before
    )
    await home.async_block_till_done()
    assert (await home.async_add_executor_job(device.detect)).error

    await begin_anew(home, recorder)
    after = recorder.subentries[camera_id].data["upload_password_hash"]
    assert after != before["upload_password_hash"]
    assert (await home.async_add_executor_job(device.detect)).error == ""
    save_configuration(home, recorder)
    await until(lambda: not intended())


async def test_an_account_that_its_owner_has_entered_since_stays(
    home: HomeAssistant,
    recorder: MockConfigEntry,
    simulate: Simulate,
    intended: Intended,
) -> None:
    device = simulate(profiles.FTPS)
    camera_id = await add(home, recorder, device)
    camera = recorder.subentries[camera_id]
    own = await home.async_add_executor_job(hash_password, "Chosen-by-me")
    home.config_entries.async_update_subentry(
        recorder, camera, data={**camera.data, "upload_password_hash": own}
    )
    await home.async_block_till_done()
    assert intended() == []
    await begin_anew(home, recorder)
    assert recorder.subentries[camera_id].data["upload_password_hash"] == own


async def test_a_device_that_refuses_for_good_keeps_the_account_that_it_has(
    home: HomeAssistant,
    recorder: MockConfigEntry,
    simulate: Simulate,
    intended: Intended,
    caplog: pytest.LogCaptureFixture,
) -> None:
    device = simulate(profiles.FTPS)
    camera_id = await add(home, recorder, device)
    save_configuration(home, recorder)
    await until(lambda: not intended())
    before = recorder.subentries[camera_id].data["upload_password_hash"]
    device.lost_paths.add(FTP)
    with pytest.raises(Exception, match="answer"):
        await provision(home, camera_id)
    # It answers again, and does not take the account.
    device.refused_paths.add(FTP)
    device.lost_paths.clear()
    await begin_anew(home, recorder)
    await until(lambda: "could not be set up to its end" in caplog.text)
    await until(
        lambda: recorder.subentries[camera_id].data["upload_password_hash"] == before
    )
    await home.async_block_till_done()
    assert intended() == []
    assert (await home.async_add_executor_job(device.detect)).error == ""


async def test_no_upload_after_the_end_of_it_is_told(
    home: HomeAssistant,
    recorder: MockConfigEntry,
    simulate: Simulate,
    intended: Intended,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(devices_module, "DELIVERY_TIME", 0.2)
    device = simulate(profiles.FTPS)
    await half_added(home, recorder, device)
    device.test_delivers = False
    await begin_anew(home, recorder)
    save_configuration(home, recorder)
    async with asyncio.timeout(15):
        while "Gate was set up, but no upload has arrived" not in caplog.text:
            await asyncio.sleep(0.02)
    await until(lambda: not intended())


async def test_what_cannot_be_read_keeps_no_recorder_from_starting(
    home: HomeAssistant,
    recorder: MockConfigEntry,
    simulate: Simulate,
    caplog: pytest.LogCaptureFixture,
) -> None:
    device = simulate(profiles.FTPS)
    camera_id = await add(home, recorder, device)
    folder = Path(
        home.config.path(".storage/hikvision_nvr", recorder.entry_id, "intents")
    )
    (folder / "damaged.json").write_text('{"folder": "Front')
    await begin_anew(home, recorder)
    assert "damaged.json cannot be read" in caplog.text
    assert camera_id in recorder.subentries
    assert (await home.async_add_executor_job(device.detect)).error == ""
