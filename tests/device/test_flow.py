"""A device's cameras inside Home Assistant: added, set up, heard, seen and repaired.

The devices are simulated, everything else is real: sockets, receiver, store, engine.
"""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
import ftplib
from pathlib import Path
import re
import socket
from typing import Any

from homeassistant.components.camera import async_get_image
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import (
    device_registry as dr,
    entity_registry as er,
    issue_registry as ir,
)
from homeassistant.helpers.service_info.dhcp import DhcpServiceInfo
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
)
from pytest_socket import socket_allow_hosts

from custom_components.hikvision_nvr import devices as devices_module, network_scan
from custom_components.hikvision_nvr.device import scan
from custom_components.hikvision_nvr.receiver.passwords import verify_password
from tests.device_owner import (
    CHOICES,
    add,
    begin,
    entity,
    fail_to_add,
    login,
    press,
    progress,
    reachable,
    state,
    submit,
    until,
)
from tests.simulators import device_profiles as profiles
from tests.simulators.device import PICTURE
from tests.simulators.device_profiles import Misbehaviour, Profile
from tests.simulators.discovery import Answerer, sadp_reply, ws_reply
from tests.simulators.onvif import OnvifCamera

from .conftest import Simulate, certificate_bundle

# Adding and setting up


async def test_a_camera_is_added_by_address_and_password_and_seen_to_deliver(
    home: HomeAssistant, recorder: MockConfigEntry, simulate: Simulate
) -> None:
    device = simulate(profiles.PLAIN_FTP)
    flow = await submit(home, await begin(home, recorder), login(device))
    assert flow["step_id"] == "device_camera"
    assert flow["description_placeholders"]["model"] == device.profile.model
    assert flow["description_placeholders"]["serial"] == device.serial

    flow = await submit(
        home, flow, {"name": "Front door", "event_stream": False, "set_up": True}
    )
    assert flow["step_id"] == "provision"
    # Nothing but plain FTP: its owner decides.
    flow = await submit(home, flow, CHOICES)
    assert flow["errors"] == {"accept_plain": "plain_not_accepted"}
    flow = await submit(home, flow, CHOICES | {"accept_plain": True})
    assert flow["step_id"] == "preview"
    changes = flow["description_placeholders"]["changes"]
    assert "| Server and port | 0.0.0.0 21 | 127.0.0.1 " in changes
    assert "| Upload pictures: Motion | off | on |" in changes
    assert device.writes == []

    flow = await submit(home, flow, {})
    assert flow["type"] is FlowResultType.CREATE_ENTRY
    await home.async_block_till_done()
    (camera,) = recorder.subentries.values()
    assert camera.title == "Front door"
    assert camera.data["security"] == "plain"
    assert device.delivery()["userName"] == "front-door"
    assert await home.async_add_executor_job(
        verify_password,
        device.delivery()["password"],
        camera.data["upload_password_hash"],
    )
    # It goes on to deliver with that account.
    upload = await home.async_add_executor_job(device.detect)
    assert upload.error == ""
    await until(
        lambda: state(home, camera.subentry_id, "binary_sensor", "motion") == "on"
    )


@pytest.mark.parametrize(
    ("profile", "sftp", "field", "value"),
    [
        (profiles.SFTP, True, "uploadProtocolType", "SFTP"),
        (profiles.FTPS, False, "useSSL", "true"),
        (profiles.SHA256, False, "enabled", "true"),
    ],
)
async def test_the_safest_protocol_of_both_is_used(
    home: HomeAssistant,
    recorder: MockConfigEntry,
    simulate: Simulate,
    profile: Profile,
    field: str,
    value: str,
) -> None:
    device = simulate(profile)
    camera_id = await add(home, recorder, device)
    assert device.delivery()[field] == value
    secure = field != "enabled"
    camera = recorder.subentries[camera_id]
    assert camera.data.get("security") == (None if secure else "plain")
    upload = await home.async_add_executor_job(device.detect)
    assert upload.error == ""
    await until(lambda: state(home, camera_id, "binary_sensor", "motion") == "on")


async def test_a_recorders_channels_become_cameras_that_are_heard(
    home: HomeAssistant, recorder: MockConfigEntry, simulate: Simulate
) -> None:
    device = simulate(profiles.RECORDER, name="Cellar")
    flow = await submit(home, await begin(home, recorder), login(device))
    assert flow["step_id"] == "channels"
    assert (await submit(home, flow, {"channels": [], "event_stream": True}))[
        "errors"
    ] == {"channels": "no_channel"}
    flow = await submit(home, flow, {"channels": ["1", "3"], "event_stream": True})
    assert flow["type"] is FlowResultType.CREATE_ENTRY
    await home.async_block_till_done()
    cameras = {one.data["channel"]: one for one in recorder.subentries.values()}
    assert {one.title for one in cameras.values()} == {"Camera 01", "Camera 03"}
    for camera in cameras.values():
        await reachable(home, recorder, camera.subentry_id)
    assert device.listeners == 1

    device.send_event("fielddetection", channel=3, region="2")
    third = entity(home, cameras[3].subentry_id, "event", "detection")
    await until(lambda: home.states.get(third).attributes.get("capture_id"))
    told = home.states.get(third).attributes
    assert (told["event_type"], told["region"]) == ("intrusion", "2")
    first = entity(home, cameras[1].subentry_id, "event", "detection")
    assert home.states.get(first).state == "unknown"

    # The rest can be added later.
    flow = await submit(home, await begin(home, recorder), login(device))
    (field,) = (
        kind for key, kind in flow["data_schema"].schema.items() if key == "channels"
    )
    assert [one["value"] for one in field.config["options"]] == [
        "2",
        *"45678",
    ]


@pytest.mark.parametrize(
    ("profile", "changes", "error"),
    [
        (profiles.PLAIN_FTP, {"host": "http://127.0.0.1"}, {"host": "invalid_host"}),
        (
            profiles.PLAIN_FTP,
            {"rtsp_password": "wrong"},
            {"rtsp_password": "device_invalid_auth"},
        ),
        (
            Profile(misbehaviour=profiles.Misbehaviour.WEB_PAGE),
            {},
            {"host": "not_a_device"},
        ),
        (
            Profile(misbehaviour=profiles.Misbehaviour.TRUNCATED),
            {},
            {"base": "device_answer_unusable"},
        ),
        (
            Profile(misbehaviour=profiles.Misbehaviour.ENDLESS),
            {},
            {"base": "device_answer_unusable"},
        ),
    ],
)
async def test_what_is_wrong_is_said_and_can_be_corrected(
    home: HomeAssistant,
    recorder: MockConfigEntry,
    simulate: Simulate,
    profile: Profile,
    changes: dict[str, Any],
    error: dict[str, str],
) -> None:
    device = simulate(profile)
    flow = await submit(home, await begin(home, recorder), login(device, **changes))
    assert flow["errors"] == error
    device.misbehaviour = profiles.Misbehaviour.NONE
    flow = await submit(home, flow, login(device))
    assert flow["step_id"] == "device_camera"


async def test_nobody_at_the_address_and_a_locked_device_are_told_apart(
    home: HomeAssistant, recorder: MockConfigEntry, simulate: Simulate
) -> None:
    device = simulate(profiles.LOCKING)
    device.failed_logins = 5
    flow = await submit(home, await begin(home, recorder), login(device))
    assert flow["errors"] == {"base": "device_locked"}
    assert flow["description_placeholders"]["minutes"] == "30"
    device.stop()
    flow = await submit(home, flow, login(device))
    assert flow["errors"] == {"host": "device_offline"}


async def test_two_devices_with_one_name_are_two_cameras(
    home: HomeAssistant, recorder: MockConfigEntry, simulate: Simulate
) -> None:
    await add(home, recorder, simulate(profiles.PLAIN_FTP), set_up=False)
    second = simulate(profiles.PLAIN_FTP, serial="DS-OTHER-0002", mac="bcad28000002")
    values = login(second)
    values["advanced"]["rtsp_port"] = 555
    flow = await submit(home, await begin(home, recorder), values)
    suggested = next(
        key.description["suggested_value"]
        for key in flow["data_schema"].schema
        if key == "name"
    )
    assert suggested == "Front door 2"
    taken = {"name": "front DOOR", "event_stream": False, "set_up": False}
    flow = await submit(home, flow, taken)
    assert flow["errors"] == {"name": "name_in_use"}
    flow = await submit(home, flow, taken | {"name": suggested})
    assert flow["type"] is FlowResultType.CREATE_ENTRY
    await home.async_block_till_done()


async def test_the_same_device_is_not_added_twice(
    home: HomeAssistant, recorder: MockConfigEntry, simulate: Simulate
) -> None:
    device = simulate(profiles.PLAIN_FTP)
    await add(home, recorder, device, set_up=False)
    flow = await submit(home, await begin(home, recorder), login(device))
    assert flow["errors"] == {"base": "camera_in_use"}


async def test_success_is_seen_and_not_assumed(
    home: HomeAssistant,
    recorder: MockConfigEntry,
    simulate: Simulate,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(devices_module, "DELIVERY_TIME", 0.3)
    device = simulate(profiles.FTPS)
    before = dict(device.documents)
    # It says that the test went well and delivers nothing.
    device.test_delivers = False
    flow = await fail_to_add(home, recorder, device)
    assert "no upload has arrived" in flow["description_placeholders"]["message"]

    written = device.delivery()
    flow = await submit(home, flow, {"next_step_id": "put_back"})
    assert flow["reason"] == "put_back"
    assert device.delivery()["enabled"] == "false"
    trigger = "/ISAPI/Event/triggers/VMD-1"
    assert ("FTP" in device.documents[trigger]) == ("FTP" in before[trigger])
    assert not recorder.subentries
    # The account that was made for it is gone.
    with pytest.raises(ftplib.error_perm, match="530"):
        await home.async_add_executor_job(device._deliver, written, "a.jpg", b"")


async def test_a_failed_set_up_can_be_tried_again(
    home: HomeAssistant,
    recorder: MockConfigEntry,
    simulate: Simulate,
) -> None:
    device = simulate(profiles.FTPS)
    device.refused_paths.add("/ISAPI/Event/triggers/VMD-1")
    flow = await fail_to_add(home, recorder, device)
    assert device.delivery()["enabled"] == "false"
    device.refused_paths.clear()
    flow = await submit(home, flow, {"next_step_id": "try_again"})
    assert flow["type"] is FlowResultType.CREATE_ENTRY
    await home.async_block_till_done()


# Events


@pytest.mark.parametrize("clock_offset", [0, -30])
async def test_an_event_and_its_upload_are_one_event_that_gets_its_picture(
    home: HomeAssistant,
    recorder: MockConfigEntry,
    simulate: Simulate,
    clock_offset: int,
) -> None:
    device = simulate(profiles.PLAIN_FTP)
    device.clock_offset = timedelta(seconds=clock_offset)
    camera_id = await add(home, recorder, device, set_clock=False)
    told = async_capture_events(home, "hikvision_nvr_detection")
    pictured = async_capture_events(home, "hikvision_nvr_detection_picture")
    event = entity(home, camera_id, "event", "detection")

    device.send_event("VMD")
    await until(lambda: told)
    assert told[0].data["capture_id"] is None
    assert told[0].data["file"] is None
    fired = home.states.get(event).state
    assert state(home, camera_id, "binary_sensor", "motion") == "on"

    upload = await home.async_add_executor_job(device.detect)
    assert upload.error == ""
    await until(lambda: pictured)
    assert pictured[0].data["detection_id"] == told[0].data["detection_id"]
    assert pictured[0].data["file"] == upload.name
    shown = home.states.get(event)
    assert shown.attributes["file"] == upload.name
    assert shown.attributes["media_id"] == pictured[0].data["media_id"]
    assert shown.state == fired
    device.send_event("VMD")
    await home.async_add_executor_job(device.detect)
    await home.async_block_till_done()
    assert len(told) == len(pictured) == 1


async def test_without_an_upload_the_picture_of_the_moment_is_fetched_and_kept(
    home: HomeAssistant, recorder: MockConfigEntry, simulate: Simulate
) -> None:
    device = simulate(profiles.RECORDER)
    flow = await submit(home, await begin(home, recorder), login(device))
    await submit(home, flow, {"channels": ["1"], "event_stream": True})
    await home.async_block_till_done()
    (camera,) = recorder.subentries.values()
    await reachable(home, recorder, camera.subentry_id)
    pictured = async_capture_events(home, "hikvision_nvr_detection_picture")
    device.send_event("linedetection", plate="KA123")
    await until(lambda: pictured)
    data = pictured[0].data
    assert data["type"] == "line_crossing"
    assert data["plate"] == "KA123"
    assert re.fullmatch(r"\d{17}_LINE_DETECTION\.jpg", data["file"])
    kept = list(Path(recorder.data["storage_folder"]).rglob(data["file"]))
    assert len(kept) == 1
    image = entity(home, camera.subentry_id, "image", "last_snapshot")
    await until(lambda: home.states.get(image).state != "unknown")


async def test_motion_lasts_as_long_as_the_device_says(
    home: HomeAssistant, recorder: MockConfigEntry, simulate: Simulate
) -> None:
    device = simulate(profiles.PLAIN_FTP)
    camera_id = await add(home, recorder, device)
    coordinator = recorder.runtime_data
    heard: list[Any] = []
    coordinator.async_listen_goes_on(camera_id, heard.append)
    for _ in range(3):
        device.send_event("VMD")
    await until(lambda: len(heard) == 2)
    device.send_event("VMD", state="inactive")
    device.send_event("tamperdetection")
    event = entity(home, camera_id, "event", "detection")
    await until(lambda: home.states.get(event).attributes["event_type"] == "tamper")
    assert len(heard) == 2


async def test_a_dead_stream_is_unavailable_and_comes_back_however_late(
    home: HomeAssistant,
    recorder: MockConfigEntry,
    simulate: Simulate,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # An hour at the usual pauses is some sixty tries.
    monkeypatch.setattr(devices_module, "FIRST_PAUSE", 0.005)
    monkeypatch.setattr(devices_module, "LONGEST_PAUSE", 0.02)
    device = simulate(profiles.FTPS)
    camera_id = await add(home, recorder, device)
    motion = entity(home, camera_id, "binary_sensor", "motion")
    connected = entity(home, camera_id, "binary_sensor", "device_connected")
    await until(lambda: home.states.get(motion).state == "off")

    device.stop()
    await until(lambda: home.states.get(motion).state == "unavailable")
    await until(lambda: home.states.get(connected).state == "off")
    await asyncio.sleep(1.2)

    device.start()
    await until(lambda: home.states.get(connected).state == "on")
    await until(lambda: home.states.get(motion).state == "off")
    assert device.listeners == 1
    device.send_event("VMD")
    await until(lambda: home.states.get(motion).state == "on")


# A device in the house


async def test_what_the_device_shows_and_does(
    home: HomeAssistant,
    recorder: MockConfigEntry,
    simulate: Simulate,
    device_registry: dr.DeviceRegistry,
) -> None:
    device = simulate(profiles.FTPS)
    device.clock_offset = timedelta(seconds=-90)
    camera_id = await add(home, recorder, device, set_clock=False)
    offset = float(state(home, camera_id, "sensor", "device_clock_offset"))
    assert offset == pytest.approx(90, abs=3)
    assert state(home, camera_id, "sensor", "device_storage") == "ok"
    page = device_registry.async_get_device_by_identifier(
        ("hikvision_nvr", camera_id), recorder.entry_id
    )
    assert page.configuration_url == f"http://127.0.0.1:{device.port}"
    assert page.sw_version == f"{device.profile.firmware} build 220112"
    assert page.model == device.profile.model
    assert page.serial_number == device.serial
    assert (dr.CONNECTION_NETWORK_MAC, device.mac) in page.connections

    await press(home, camera_id, "switch", "turn_off", "motion_detection")
    path = "/ISAPI/System/Video/inputs/channels/1/motionDetection"
    assert ">false<" in device.documents[path]
    assert "samplingInterval>2<" in device.documents[path]
    await until(lambda: state(home, camera_id, "switch", "motion_detection") == "off")
    await press(home, camera_id, "button", "press", "reboot")
    assert device.reboots == 1
    captured: list[Any] = []
    recorder.runtime_data.async_listen_captures("Front door", captured.append)
    await press(home, camera_id, "button", "press", "snapshot")
    await until(lambda: captured)

    still = await async_get_image(home, entity(home, camera_id, "camera", "camera"))
    assert still.content == PICTURE
    answer = await home.services.async_call(
        "hikvision_nvr",
        "snapshot",
        {"entity_id": entity(home, camera_id, "camera", "camera")},
        blocking=True,
        return_response=True,
    )
    (told,) = answer.values()
    assert told["media_id"].startswith("media-source://hikvision_nvr/")


async def test_it_is_set_up_again_by_its_button_and_by_the_action(
    home: HomeAssistant, recorder: MockConfigEntry, simulate: Simulate
) -> None:
    device = simulate(profiles.FTPS)
    original = device.delivery()
    camera_id = await add(home, recorder, device)
    first = device.delivery()["password"]
    device.documents["/ISAPI/Snapshot/channels/1"] = device.documents[
        "/ISAPI/Snapshot/channels/1"
    ].replace(">3<", ">9<")

    await home.services.async_call(
        "button",
        "press",
        {"entity_id": entity(home, camera_id, "button", "provision")},
        blocking=True,
    )
    await home.async_block_till_done()
    assert device.delivery()["password"] != first
    assert ">3<" in device.documents["/ISAPI/Snapshot/channels/1"]
    upload = await home.async_add_executor_job(device.detect)
    assert upload.error == ""
    await reachable(home, recorder, camera_id)

    async def provision(**data: Any) -> dict[str, Any]:
        answer = await home.services.async_call(
            "hikvision_nvr",
            "provision",
            {"entity_id": entity(home, camera_id, "camera", "camera"), **data},
            blocking=True,
            return_response=True,
        )
        (told,) = answer.values()
        return told

    device.writes.clear()
    told = await provision(capture_count=5)
    assert not told["written"]
    assert {
        "setting": "capture_count",
        "event": None,
        "before": "3",
        "after": "5",
    } in told["changes"]
    assert device.writes == []
    assert (await provision(capture_count=5, dry_run=False))["written"]
    assert ">5<" in device.documents["/ISAPI/Snapshot/channels/1"]
    await home.async_block_till_done()
    await reachable(home, recorder, camera_id)
    assert (await provision(put_back=True))["put_back"]
    assert device.delivery()["enabled"] == original["enabled"]


async def test_a_camera_that_was_not_set_up_is_offered_as_a_repair(
    home: HomeAssistant, recorder: MockConfigEntry, simulate: Simulate
) -> None:
    assert await async_setup_component(home, "repairs", {})
    device = simulate(profiles.PLAIN_FTP)
    camera_id = await add(home, recorder, device, set_up=False)
    issue_id = f"camera_not_set_up_{camera_id}"
    await until(lambda: ir.async_get(home).async_get_issue("hikvision_nvr", issue_id))
    manager = home.data["repairs"]["flow_manager"]
    flow = await manager.async_init("hikvision_nvr", data={"issue_id": issue_id})
    # It begins with a form, and not with a complaint about one.
    assert (flow["step_id"], flow["errors"]) == ("choose", {})
    flow = await manager.async_configure(flow["flow_id"], CHOICES)
    assert flow["errors"] == {"base": "plain_not_accepted"}
    flow = await manager.async_configure(
        flow["flow_id"], CHOICES | {"accept_plain": True}
    )
    assert flow["step_id"] == "preview"
    assert device.writes == []
    flow = await manager.async_configure(flow["flow_id"], {})
    assert flow["type"] is FlowResultType.CREATE_ENTRY
    await home.async_block_till_done()
    assert recorder.subentries[camera_id].data["security"] == "plain"
    upload = await home.async_add_executor_job(device.detect)
    assert upload.error == ""
    await reachable(home, recorder, camera_id)
    assert not ir.async_get(home).async_get_issue("hikvision_nvr", issue_id)


async def test_a_changed_password_is_asked_for_and_not_tried_meanwhile(
    home: HomeAssistant,
    recorder: MockConfigEntry,
    simulate: Simulate,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(devices_module, "FIRST_PAUSE", 0.02)
    monkeypatch.setattr(devices_module, "POLL_INTERVAL", 0.05)
    device = simulate(profiles.LOCKING)
    camera_id = await add(home, recorder, device, set_up=False)
    device.password = "Changed-1"
    device._nonces.clear()
    device.drop_streams()

    await until(lambda: progress(home))
    # A dozen polls and reconnections later it is still one try, and one dialog.
    await asyncio.sleep(0.5)
    assert device.failed_logins <= 2
    (flow,) = progress(home)
    assert flow["step_id"] == "reauth_camera"

    async def enter(password: str) -> dict[str, Any]:
        return await home.config_entries.flow.async_configure(
            flow["flow_id"], {"rtsp_username": "admin", "rtsp_password": password}
        )

    result = await enter("wrong")
    assert result["errors"] == {"rtsp_password": "device_invalid_auth"}
    result = await enter("Changed-1")
    assert result["reason"] == "reauth_successful"
    await home.async_block_till_done()
    await reachable(home, recorder, camera_id)
    assert state(home, camera_id, "binary_sensor", "device_connected") == "on"


# Discovery


@pytest.fixture
def sadp(monkeypatch: pytest.MonkeyPatch) -> Iterator[Answerer]:
    """The network, in which devices answer on loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("", 0))
        port = int(probe.getsockname()[1])

    def scan_loopback(_interfaces: list[str]) -> Any:
        return scan(["127.0.0.1"], sadp_port=port, ws_port=port, seconds=0.3)

    monkeypatch.setattr(network_scan, "scan", scan_loopback)
    with Answerer(port=port) as answerer:
        yield answerer


async def test_a_camera_in_the_network_is_offered_once_and_added(
    home: HomeAssistant,
    recorder: MockConfigEntry,
    simulate: Simulate,
    sadp: Answerer,
) -> None:
    device = simulate(profiles.FTPS)
    sadp.replies = [
        sadp_reply(address="127.0.0.1", port=device.port, serial=device.serial),
        # Without a password yet: nobody can add it.
        sadp_reply(address="192.0.2.9", serial="DS-NEW", mac="-", activated=False),
    ]
    for _ in range(2):
        await network_scan.async_scan(home, recorder.runtime_data)
        await home.async_block_till_done()
    (offered,) = progress(home)
    assert offered["step_id"] == "device"
    name = offered["context"]["title_placeholders"]["name"]
    assert name == f"DS-2CD2146G2-ISU {device.serial}"

    # The same list is in the dialog of the recorder.
    menu = await home.config_entries.subentries.async_init(
        (recorder.entry_id, "camera"), context={"source": "user"}
    )
    assert menu["menu_options"] == ["discovered", "device", "other"]
    flow = await submit(home, menu, {"next_step_id": "discovered"})
    flow = await submit(home, flow, {"found": "DS-NEW"})
    assert flow["step_id"] == "device"

    async def answer(values: dict[str, Any]) -> dict[str, Any]:
        return await home.config_entries.flow.async_configure(
            offered["flow_id"], values
        )

    await answer(login(device))
    await answer({"name": "Gate", "event_stream": False, "set_up": True})
    await answer(CHOICES)
    result = await answer({})
    assert result["reason"] == "cameras_added"
    await home.async_block_till_done()
    (camera,) = recorder.subentries.values()
    assert (camera.title, camera.data["serial"]) == ("Gate", device.serial)
    upload = await home.async_add_executor_job(device.detect)
    assert upload.error == ""
    await network_scan.async_scan(home, recorder.runtime_data)
    await home.async_block_till_done()
    assert not progress(home)


async def test_what_is_added_otherwise_is_not_offered_any_more(
    home: HomeAssistant,
    recorder: MockConfigEntry,
    simulate: Simulate,
    sadp: Answerer,
) -> None:
    device = simulate(profiles.FTPS)
    sadp.replies = [
        sadp_reply(address="127.0.0.1", port=device.port, serial=device.serial)
    ]
    await network_scan.async_scan(home, recorder.runtime_data)
    await home.async_block_till_done()
    assert len(progress(home)) == 1
    await add(home, recorder, device, set_up=False, event_stream=False)
    await network_scan.async_scan(home, recorder.runtime_data)
    assert not progress(home)


async def test_a_camera_that_moved_is_followed_and_keeps_its_entities(
    home: HomeAssistant,
    recorder: MockConfigEntry,
    simulate: Simulate,
    sadp: Answerer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    socket_allow_hosts(["127.0.0.1", "127.0.0.2"])
    monkeypatch.setattr(devices_module, "POLL_INTERVAL", 0.2)
    device = simulate(profiles.FTPS)
    camera_id = await add(home, recorder, device, set_up=False)
    entities = er.async_entries_for_config_entry(er.async_get(home), recorder.entry_id)
    connected = entity(home, camera_id, "binary_sensor", "device_connected")
    sadp.replies = [
        sadp_reply(address="127.0.0.2", port=device.port, serial=device.serial)
    ]

    async def look() -> str:
        await network_scan.async_scan(home, recorder.runtime_data)
        await home.async_block_till_done()
        return recorder.subentries[camera_id].data["host"]

    # Somebody says so and plays it well, but the device is where it was.
    twin = simulate(profiles.FTPS, host="127.0.0.2", port=device.port)
    assert await look() == "127.0.0.1"
    assert twin.requests == []
    twin.stop()
    device.stop()
    await until(lambda: home.states.get(connected).state == "off")
    # Whoever is there is not the device.
    other = simulate(
        profiles.FTPS, host="127.0.0.2", port=device.port, serial="DS-ANOTHER"
    )
    assert await look() == "127.0.0.1"
    other.stop()
    device.host = "127.0.0.2"
    device.start()
    assert await look() == "127.0.0.2"
    await reachable(home, recorder, camera_id)
    await until(lambda: home.states.get(connected).state == "on")
    assert [one.entity_id for one in entities] == [
        one.entity_id
        for one in er.async_entries_for_config_entry(
            er.async_get(home), recorder.entry_id
        )
    ]


async def test_dhcp_tells_of_new_cameras_and_of_those_that_moved(
    home: HomeAssistant, recorder: MockConfigEntry, simulate: Simulate
) -> None:
    socket_allow_hosts(["127.0.0.1", "127.0.0.2"])

    async def lease(ip: str, mac: str) -> dict[str, Any]:
        return await home.config_entries.flow.async_init(
            "hikvision_nvr",
            context={"source": "dhcp"},
            data=DhcpServiceInfo(ip=ip, hostname="camera", macaddress=mac),
        )

    device = simulate(profiles.FTPS)
    flow = await lease("127.0.0.1", "bcad28000001")
    assert flow["step_id"] == "device"
    home.config_entries.flow.async_abort(flow["flow_id"])
    camera_id = await add(home, recorder, device, set_up=False)
    assert (await lease("127.0.0.1", "bcad28000001"))["reason"] == "already_configured"

    device.stop()
    device.host = "127.0.0.2"
    device.start()
    connected = entity(home, camera_id, "binary_sensor", "device_connected")
    await until(lambda: home.states.get(connected).state == "off")
    assert (await lease("127.0.0.2", "bcad28000001"))["reason"] == "already_configured"
    await home.async_block_till_done()
    assert recorder.subentries[camera_id].data["host"] == "127.0.0.2"


async def test_without_a_recorder_a_camera_waits(home: HomeAssistant) -> None:
    flow = await home.config_entries.flow.async_init(
        "hikvision_nvr",
        context={"source": "dhcp"},
        data=DhcpServiceInfo(ip="127.0.0.1", hostname="c", macaddress="bcad28000001"),
    )
    assert flow["reason"] == "no_recorder"


async def test_a_camera_of_another_brand_tells_its_stream_by_onvif(
    home: HomeAssistant, recorder: MockConfigEntry, sadp: Answerer
) -> None:
    with OnvifCamera() as camera:
        sadp.to_all = False
        sadp.replies = [
            ws_reply(f"http://127.0.0.1:{camera.port}/onvif/device_service")
        ]
        await network_scan.async_scan(home, recorder.runtime_data)
        await home.async_block_till_done()
        assert not progress(home)
        menu = await home.config_entries.subentries.async_init(
            (recorder.entry_id, "camera"), context={"source": "user"}
        )
        flow = await submit(home, menu, {"next_step_id": "discovered"})
        flow = await submit(home, flow, {"found": "127.0.0.1"})
        assert flow["step_id"] == "other"
        values = {
            "name": "Shed",
            "host": "127.0.0.1",
            "rtsp_port": 554,
            "rtsp_username": camera.username,
            "rtsp_password": "wrong",
            "channel": 1,
            "brand": "dahua",
            "motion_hold": 10,
            "find_stream": True,
            "advanced": {},
        }
        if "recording" in {str(key) for key in flow["data_schema"].schema}:
            values["recording"] = {}
        flow = await submit(home, flow, values)
        assert flow["errors"] == {"find_stream": "no_stream_found"}
        flow = await submit(home, flow, values | {"rtsp_password": camera.password})
        assert flow["step_id"] == "delivery"
        await submit(
            home,
            flow,
            {"upload_username": "shed", "upload_password": "Tell-Nobody1"},
        )
        await home.async_block_till_done()
    (shed,) = recorder.subentries.values()
    found = home.data["camera"].get_entity("camera.shed")
    assert (await found.stream_source()).endswith(
        "@127.0.0.1:8554/cam/realmonitor?channel=1&subtype=0"
    )
    assert "http_port" not in shed.data


async def test_an_onvif_port_can_be_entered_behind_the_address(
    home: HomeAssistant, recorder: MockConfigEntry
) -> None:
    with OnvifCamera() as camera:
        menu = await home.config_entries.subentries.async_init(
            (recorder.entry_id, "camera"), context={"source": "user"}
        )
        flow = await submit(home, menu, {"next_step_id": "other"})
        values = {
            "name": "Shed",
            "rtsp_port": 554,
            "rtsp_username": camera.username,
            "rtsp_password": camera.password,
            "channel": 1,
            "brand": "dahua",
            "motion_hold": 10,
            "advanced": {},
        }
        if "recording" in {str(key) for key in flow["data_schema"].schema}:
            values["recording"] = {}
        host = f"127.0.0.1:{camera.port}"
        # Only for ONVIF: the stream's port has a field of its own.
        flow = await submit(home, flow, values | {"host": host, "find_stream": False})
        assert flow["errors"] == {"host": "invalid_host"}
        flow = await submit(home, flow, values | {"host": host, "find_stream": True})
        assert flow["step_id"] == "delivery"
        await submit(
            home, flow, {"upload_username": "shed", "upload_password": "Tell-Nobody1"}
        )
        await home.async_block_till_done()
    (shed,) = recorder.subentries.values()
    assert (shed.data["host"], shed.data["rtsp_port"]) == ("127.0.0.1", 8554)


async def test_with_https_the_certificate_is_remembered_and_a_new_one_accepted_by_hand(
    home: HomeAssistant, recorder: MockConfigEntry, simulate: Simulate, tmp_path: Path
) -> None:
    first, second = [
        await home.async_add_executor_job(certificate_bundle, tmp_path, name)
        for name in "ab"
    ]
    device = simulate(profiles.FTPS, certificate=first)
    values = login(device)
    values["advanced"]["https"] = True
    flow = await submit(home, await begin(home, recorder), values)
    await submit(home, flow, {"name": "Gate", "event_stream": False, "set_up": False})
    await home.async_block_till_done()
    (gate,) = recorder.subentries.values()
    connected = entity(home, gate.subentry_id, "binary_sensor", "device_connected")
    await until(lambda: home.states.get(connected).state == "on")

    device.stop()
    device._certificate = second
    device.start()
    device.requests.clear()
    assert await home.config_entries.async_reload(recorder.entry_id)
    issue = f"device_certificate_changed_{gate.subentry_id}"
    await until(lambda: ir.async_get(home).async_get_issue("hikvision_nvr", issue))
    assert home.states.get(connected).state == "off"
    assert device.requests == []

    flow = await recorder.start_subentry_reconfigure_flow(home, gate.subentry_id)
    shown = {
        str(key): key.description["suggested_value"]
        for key in flow["data_schema"].schema
        if key.description and "suggested_value" in key.description
    }
    sections = {"advanced": {}, "device": {"http_port": device.port}}
    if "recording" in {str(key) for key in flow["data_schema"].schema}:
        sections["recording"] = {}
    flow = await submit(home, flow, shown | sections)
    assert flow["reason"] == "reconfigure_successful"
    await home.async_block_till_done()
    await until(lambda: home.states.get(connected).state == "on")
    assert recorder.subentries[gate.subentry_id].data["serial"] == device.serial


# What stands in the way

FTP = "/ISAPI/System/Network/ftp/1"


async def test_a_camera_needs_a_name_and_a_device_that_answers(
    home: HomeAssistant, recorder: MockConfigEntry, simulate: Simulate
) -> None:
    device = simulate(profiles.FTPS)
    flow = await submit(home, await begin(home, recorder), login(device))
    flow = await submit(
        home, flow, {"name": "..", "event_stream": False, "set_up": True}
    )
    assert flow["errors"] == {"name": "unusable_name"}
    flow = await submit(
        home, flow, {"name": "Gate", "event_stream": False, "set_up": True}
    )
    device.stop()
    flow = await submit(home, flow, CHOICES)
    assert (flow["step_id"], flow["errors"]) == (
        "provision",
        {"base": "device_offline"},
    )
    device.start()
    flow = await submit(home, flow, CHOICES)
    assert flow["step_id"] == "preview"


async def test_what_cannot_be_put_back_is_named(
    home: HomeAssistant,
    recorder: MockConfigEntry,
    simulate: Simulate,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(devices_module, "DELIVERY_TIME", 0.1)
    device = simulate(profiles.FTPS)
    device.test_delivers = False
    flow = await fail_to_add(home, recorder, device)
    # The dialog goes on when the recorder is back.
    assert await home.config_entries.async_unload(recorder.entry_id)
    flow = await submit(home, flow, {"next_step_id": "put_back"})
    assert flow["step_id"] == "provision_failed"
    assert "not running" in flow["description_placeholders"]["message"]
    assert await home.config_entries.async_setup(recorder.entry_id)
    device.refused_paths.add(FTP)
    flow = await submit(home, flow, {"next_step_id": "put_back"})
    assert flow["reason"] == "not_put_back"
    assert flow["description_placeholders"]["paths"] == FTP


async def test_a_device_that_wants_https_and_shows_no_certificate_is_no_way_in(
    home: HomeAssistant, recorder: MockConfigEntry, simulate: Simulate
) -> None:
    device = simulate(profiles.PLAIN_FTP)
    device.misbehaviour = Misbehaviour.REDIRECT
    flow = await submit(home, await begin(home, recorder), login(device))
    assert flow["errors"] == {"host": "device_offline"}
    assert device.failed_logins == 0


async def test_set_up_again_changes_nothing_here_when_the_device_refuses(
    home: HomeAssistant,
    recorder: MockConfigEntry,
    simulate: Simulate,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(devices_module, "DELIVERY_TIME", 0.1)
    device = simulate(profiles.FTPS)
    camera_id = await add(home, recorder, device)
    before = dict(recorder.subentries[camera_id].data)
    device.refused_paths.add(FTP)
    with pytest.raises(HomeAssistantError, match="refused"):
        await press(home, camera_id, "button", "press", "provision")
    await home.async_block_till_done()
    assert dict(recorder.subentries[camera_id].data) == before
    assert (await home.async_add_executor_job(device.detect)).error == ""

    # Written, and never seen to deliver: the account is the new one on both sides.
    device.refused_paths.clear()
    device.test_delivers = False
    with pytest.raises(HomeAssistantError, match="no upload has arrived"):
        await press(home, camera_id, "button", "press", "provision")
    await home.async_block_till_done()
    await reachable(home, recorder, camera_id)
    after = recorder.subentries[camera_id].data["upload_password_hash"]
    assert after != before["upload_password_hash"]
    assert (await home.async_add_executor_job(device.detect)).error == ""


async def test_a_repair_tells_what_is_in_its_way(
    home: HomeAssistant,
    recorder: MockConfigEntry,
    simulate: Simulate,
) -> None:
    assert await async_setup_component(home, "repairs", {})
    device = simulate(profiles.FTPS)
    camera_id = await add(home, recorder, device, set_up=False)
    issue_id = f"camera_not_set_up_{camera_id}"
    await until(lambda: ir.async_get(home).async_get_issue("hikvision_nvr", issue_id))
    manager = home.data["repairs"]["flow_manager"]
    flow = await manager.async_init("hikvision_nvr", data={"issue_id": issue_id})

    device.forbidden_paths.add(FTP.rpartition("/")[0])
    flow = await manager.async_configure(flow["flow_id"], CHOICES)
    assert (flow["step_id"], flow["errors"]) == ("choose", {"base": "failed"})
    assert "may not use" in flow["description_placeholders"]["message"]
    device.forbidden_paths.clear()
    flow = await manager.async_configure(flow["flow_id"], CHOICES)
    assert flow["step_id"] == "preview"
    device.refused_paths.add(FTP)
    flow = await manager.async_configure(flow["flow_id"], {})
    assert (flow["step_id"], flow["errors"]) == ("preview", {"base": "failed"})
    assert FTP in flow["description_placeholders"]["message"]

    assert await home.config_entries.async_unload(recorder.entry_id)
    flow = await manager.async_configure(flow["flow_id"], {})
    assert flow["reason"] == "not_running"
    assert await home.config_entries.async_setup(recorder.entry_id)


async def test_the_picture_of_a_recorders_camera_is_where_the_recorder_has_it(
    home: HomeAssistant,
    recorder: MockConfigEntry,
    simulate: Simulate,
    caplog: pytest.LogCaptureFixture,
) -> None:
    device = simulate(profiles.RECORDER)
    flow = await submit(home, await begin(home, recorder), login(device))
    flow = await submit(home, flow, {"channels": ["3"], "event_stream": True})
    await home.async_block_till_done()
    (camera,) = recorder.subentries.values()
    await reachable(home, recorder, camera.subentry_id)
    device.forbidden_paths.add("/ISAPI/Streaming/channels/301/picture")
    await press(home, camera.subentry_id, "button", "press", "snapshot")
    proxy = "/ISAPI/ContentMgmt/StreamingProxy/channels/301/picture"
    assert ("GET", proxy) in device.requests
    kept = list(Path(recorder.data["storage_folder"]).rglob("*_TIMING.jpg"))
    assert [one.read_bytes() for one in kept] == [PICTURE]

    # Nowhere: the detection is told all the same.
    device.forbidden_paths.add(proxy)
    told = async_capture_events(home, "hikvision_nvr_detection")
    device.send_event("VMD", channel=3)
    await until(lambda: "no picture of a detection" in caplog.text)
    await until(lambda: told)
