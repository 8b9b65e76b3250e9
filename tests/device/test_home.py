"""A device in the house: its entities, its words, its moods, and the worst of networks.

The devices are simulated, everything else is real: sockets, receiver, store, engine.
"""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
import re
import socket
import threading
import time
from typing import Any
from unittest.mock import AsyncMock
import xml.etree.ElementTree as ET

from homeassistant.components.camera import async_get_image, async_get_stream_source
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import entity_registry as er, issue_registry as ir
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
    async_fire_time_changed,
)
from pytest_socket import socket_allow_hosts

from custom_components.hikvision_nvr import (
    devices as devices_module,
    network_scan,
    provision_intents,
)
from custom_components.hikvision_nvr.device import client as client_module
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
    running_recorder,
    state,
    submit,
    until,
)
from tests.simulators import device_profiles as profiles
from tests.simulators.device import PICTURE
from tests.simulators.device_profiles import Misbehaviour, Profile

from .conftest import Simulate

ROOT = Path(__file__).parents[2]
FTP_LIST = "/ISAPI/System/Network/ftp"
FTP = f"{FTP_LIST}/1"


def tags(document: str) -> list[str]:
    """Return what is in a document, but for the linkage."""
    root = ET.fromstring(document)
    return [
        f"{one.tag.rpartition('}')[2]}={(one.text or '').strip()}"
        for one in root.iter()
        if not (one.text or "").strip().upper().startswith("FTP")
    ]


# Switches


async def test_motion_detection_is_read_and_written_on_the_device(
    home: HomeAssistant,
    recorder: MockConfigEntry,
    simulate: Simulate,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(devices_module, "POLL_INTERVAL", 0.1)
    monkeypatch.setattr(devices_module, "SETTINGS_EVERY", 1)
    device = simulate(profiles.FTPS)
    path = "/ISAPI/System/Video/inputs/channels/1/motionDetection"
    before = device.documents[path]
    camera_id = await add(home, recorder, device, set_up=False)
    assert state(home, camera_id, "switch", "motion_detection") == "on"

    # Somebody turns it off on the camera's own page.
    device.documents[path] = before.replace(">true<", ">false<")
    await until(lambda: state(home, camera_id, "switch", "motion_detection") == "off")
    await press(home, camera_id, "switch", "turn_on", "motion_detection")
    assert device.writes[-1] == path
    assert tags(device.documents[path]) == tags(before)
    await until(lambda: state(home, camera_id, "switch", "motion_detection") == "on")
    await press(home, camera_id, "switch", "turn_off", "motion_detection")
    assert ">false<" in device.documents[path]


async def test_each_events_upload_is_read_and_written_on_the_device(
    home: HomeAssistant,
    recorder: MockConfigEntry,
    simulate: Simulate,
    entity_registry: er.EntityRegistry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(devices_module, "POLL_INTERVAL", 0.1)
    monkeypatch.setattr(devices_module, "SETTINGS_EVERY", 1)
    device = simulate(profiles.FTPS)
    path = "/ISAPI/Event/triggers/linedetection-1"
    # What the recorder does not know.
    device.documents[path] = device.documents[path].replace(
        "<eventDescription>", "<vendorField>kept</vendorField><eventDescription>"
    )
    before = device.documents[path]
    camera_id = await add(home, recorder, device, set_up=False)
    keys = ("upload_motion", "upload_line_crossing", "upload_intrusion")
    # They are there for those who want them.
    for key in keys:
        name = entity(home, camera_id, "switch", key)
        assert entity_registry.async_get(name).disabled_by is not None
        entity_registry.async_update_entity(name, disabled_by=None)
    assert await home.config_entries.async_reload(recorder.entry_id)
    await reachable(home, recorder, camera_id)
    for key in keys:
        await until(lambda key=key: _shown(home, camera_id, key) == "off")

    await press(home, camera_id, "switch", "turn_on", "upload_line_crossing")
    assert "<notificationMethod>FTP" in _plain(device.documents[path])
    assert "<notificationRecurrence>beginning" in _plain(device.documents[path])
    assert set(tags(before)) <= set(tags(device.documents[path]))
    assert "vendorField=kept" in tags(device.documents[path])
    assert "notificationMethod=center" in tags(device.documents[path])
    assert device.writes == [path]
    await until(
        lambda: [_shown(home, camera_id, key) for key in keys] == ["off", "on", "off"]
    )
    await press(home, camera_id, "switch", "turn_off", "upload_line_crossing")
    assert tags(device.documents[path]) == tags(before)
    assert "FTP" not in device.documents[path]

    # A change on the camera's page is seen, too.
    listed = "/ISAPI/Event/triggers"
    device.documents[listed] = device.documents[listed].replace(
        "<id>center</id><notificationMethod>center<",
        "<id>FTP</id><notificationMethod>FTP<",
        1,
    )
    await until(lambda: _shown(home, camera_id, "upload_motion") == "on")


def _shown(home: HomeAssistant, camera_id: str, key: str) -> str | None:
    found = home.states.get(entity(home, camera_id, "switch", key))
    return None if found is None else found.state


def _plain(document: str) -> str:
    """Return a document without prefixes of namespaces."""
    return document.replace("ns0:", "")


# Streams and stills


async def test_live_view_is_the_sub_stream_and_the_main_one_can_be_had(
    home: HomeAssistant,
    recorder: MockConfigEntry,
    simulate: Simulate,
    entity_registry: er.EntityRegistry,
) -> None:
    device = simulate(profiles.FTPS)
    camera_id = await add(home, recorder, device, set_up=False, event_stream=False)
    live = entity(home, camera_id, "camera", "camera")
    main = entity(home, camera_id, "camera", "main_stream")
    assert (await async_get_stream_source(home, live)).endswith("/102")
    assert entity_registry.async_get(main).disabled_by is not None
    assert entity_registry.async_get(main).original_name == "Main stream"
    entity_registry.async_update_entity(main, disabled_by=None)
    assert await home.config_entries.async_reload(recorder.entry_id)
    await home.async_block_till_done()
    source = await async_get_stream_source(home, main)
    assert source.endswith("@127.0.0.1:554/Streaming/Channels/101")
    # The account's password is encoded as addresses want it.
    assert "Pa%3Ass%401%2F%23" in source
    await reachable(home, recorder, camera_id)
    assert (await async_get_image(home, main)).content == PICTURE

    # Its owner wants the main one on the dashboard.
    flow = await recorder.start_subentry_reconfigure_flow(home, camera_id)
    shown = {
        str(key): key.description["suggested_value"]
        for key in flow["data_schema"].schema
        if key.description and "suggested_value" in key.description
    }
    sections = {
        str(key): {} for key in flow["data_schema"].schema if str(key) not in shown
    } | {"advanced": {}}
    sections["device"] = {
        "http_port": device.port,
        "live_stream": "main",
        "event_stream": False,
    }
    known = {str(key) for key in flow["data_schema"].schema}
    values = {key: one for key, one in (shown | sections).items() if key in known}
    values.pop("upload_password", None)
    flow = await submit(home, flow, values)
    assert flow["reason"] == "reconfigure_successful", flow
    await home.async_block_till_done()
    assert (await async_get_stream_source(home, live)).endswith("/101")


# Detections


async def test_every_smart_type_is_an_event_type_with_plate_and_region(
    home: HomeAssistant, recorder: MockConfigEntry, simulate: Simulate
) -> None:
    device = simulate(profiles.FTPS)
    camera_id = await add(home, recorder, device, set_up=False)
    event = entity(home, camera_id, "event", "detection")
    told = async_capture_events(home, "hikvision_nvr_detection")
    for sent, kind in (
        ("VMD", "motion"),
        ("linedetection", "line_crossing"),
        ("fielddetection", "intrusion"),
        ("regionEntrance", "region_entrance"),
        ("regionExiting", "region_exit"),
        ("shelteralarm", "tamper"),
        ("videoloss", "video_loss"),
        ("facedetection", "face"),
        ("vehicledetection", "vehicle"),
        ("PIR", "pir"),
        ("IO", "alarm_input"),
        ("audioexception", "audio"),
        ("somethingNew", "other"),
    ):
        told.clear()
        device.send_event(sent, region="4", plate="KA 123 X")
        await until(lambda: told)
        assert told[0].data["type"] == kind
        assert told[0].data["raw_type"] == sent
        shown = home.states.get(event).attributes
        assert (shown["event_type"], shown["plate"], shown["region"]) == (
            kind,
            "KA 123 X",
            "4",
        )
        assert kind in shown["event_types"]
    # A plate that comes with ANPR is a vehicle, and one incident with it.
    device.send_event("ANPR", plate="KA 123 X")
    device.send_event("linedetection", state="inactive")
    await home.async_block_till_done()
    assert len(told) == 1


# Devices of every kind


@pytest.mark.parametrize(
    ("profile", "delivers", "seen"),
    [
        (profiles.PLAIN_FTP, True, True),
        (profiles.SFTP, True, True),
        (profiles.SHA256, True, True),
        (profiles.OLD, True, False),
        (profiles.RECORDER, False, False),
        (profiles.LOCKING, True, True),
    ],
    ids=lambda one: one.model if isinstance(one, Profile) else str(one),
)
async def test_each_kind_of_device_is_added_as_far_as_it_can(
    home: HomeAssistant,
    recorder: MockConfigEntry,
    simulate: Simulate,
    profile: Profile,
    delivers: bool,
    seen: bool,
) -> None:
    device = simulate(profile)
    flow = await submit(home, await begin(home, recorder), login(device))
    if profile.is_recorder:
        assert flow["step_id"] == "channels"
        assert flow["description_placeholders"]["channels"] == "8"
        home.config_entries.subentries.async_abort(flow["flow_id"])
        return
    assert flow["step_id"] == "device_camera"
    assert ("set_up" in {str(key) for key in flow["data_schema"].schema}) == delivers
    flow = await submit(
        home, flow, {"name": "Gate", "event_stream": True, "set_up": True}
    )
    flow = await submit(home, flow, CHOICES | {"accept_plain": True})
    flow = await submit(home, flow, {})
    if not seen:
        # It has no test of its own: whether it delivers is not known yet.
        assert flow["step_id"] == "provision_failed"
        flow = await submit(home, flow, {"next_step_id": "keep"})
    assert flow["type"] is FlowResultType.CREATE_ENTRY
    await home.async_block_till_done()
    (camera,) = recorder.subentries.values()
    await reachable(home, recorder, camera.subentry_id)
    upload = await home.async_add_executor_job(device.detect)
    assert upload.error == ""
    assert device.failed_logins == 0


async def test_a_device_that_behaves_badly_is_shown_as_such_and_comes_back(
    home: HomeAssistant,
    recorder: MockConfigEntry,
    simulate: Simulate,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(devices_module, "POLL_INTERVAL", 0.1)
    monkeypatch.setattr(client_module, "TIMEOUT", 0.5)
    device = simulate(profiles.BAD)
    flow = await submit(home, await begin(home, recorder), login(device))
    assert flow["errors"] == {"base": "device_answer_unusable"}
    home.config_entries.subentries.async_abort(flow["flow_id"])

    device.misbehaviour = Misbehaviour.WRONG_CONTENT_TYPE
    camera_id = await add(home, recorder, device, set_up=False, event_stream=False)
    connected = entity(home, camera_id, "binary_sensor", "device_connected")
    switch = entity(home, camera_id, "switch", "motion_detection")
    for misbehaviour, error in (
        (Misbehaviour.TRUNCATED, "device_answer_unusable"),
        (Misbehaviour.ENDLESS, "device_answer_unusable"),
        (Misbehaviour.WEB_PAGE, "not_a_device"),
        (Misbehaviour.SLOW, "device_offline"),
    ):
        device.misbehaviour = misbehaviour
        await until(
            lambda error=error: home.states.get(connected).attributes["error"] == error
        )
        assert home.states.get(connected).state == "off"
        assert home.states.get(switch).state == "unavailable"
    device.misbehaviour = Misbehaviour.NONE
    await until(lambda: home.states.get(connected).state == "on")
    await until(lambda: home.states.get(switch).state == "on")


async def test_a_recorder_with_64_channels_is_64_cameras_and_one_connection(
    home: HomeAssistant, recorder: MockConfigEntry, simulate: Simulate
) -> None:
    device = simulate(
        Profile(kind="NVR", model="DS-9664NI-I8", channels=64, protocols=())
    )
    flow = await submit(home, await begin(home, recorder), login(device))
    channels = [str(number) for number in range(1, 65)]
    assert flow["description_placeholders"]["channels"] == "64"
    flow = await submit(home, flow, {"channels": channels, "event_stream": True})
    assert flow["type"] is FlowResultType.CREATE_ENTRY
    await home.async_block_till_done()
    cameras = {one.data["channel"]: one for one in recorder.subentries.values()}
    assert sorted(cameras) == [*range(1, 65)]
    await reachable(home, recorder, cameras[64].subentry_id)
    await until(lambda: device.listeners == 1)
    device.send_event("fielddetection", channel=64)
    last = entity(home, cameras[64].subentry_id, "event", "detection")
    await until(
        lambda: home.states.get(last).attributes.get("event_type") == "intrusion"
    )
    names = {one.data["upload_username"] for one in cameras.values()}
    assert len(names) == 64


# Bad input


@pytest.mark.parametrize(
    ("host", "entered", "reached"),
    [
        ("localhost", "localhost", "localhost"),
        ("::1", "[::1]", "[::1]"),
        ("::1", "::1", "[::1]"),
    ],
)
async def test_names_and_ipv6_go_all_the_way(
    home: HomeAssistant,
    recorder: MockConfigEntry,
    simulate: Simulate,
    host: str,
    entered: str,
    reached: str,
) -> None:
    socket_allow_hosts(["127.0.0.1", "::1", "localhost"])
    device = simulate(profiles.FTPS, host=host)
    flow = await submit(home, await begin(home, recorder), login(device, host=entered))
    assert flow["step_id"] == "device_camera", flow
    flow = await submit(
        home, flow, {"name": "Gate", "event_stream": True, "set_up": False}
    )
    assert flow["type"] is FlowResultType.CREATE_ENTRY
    await home.async_block_till_done()
    (camera,) = recorder.subentries.values()
    assert camera.data["host"] == entered.strip("[]")
    await reachable(home, recorder, camera.subentry_id)
    live = entity(home, camera.subentry_id, "camera", "camera")
    assert f"@{reached}:554/" in await async_get_stream_source(home, live)
    assert (await async_get_image(home, live)).content == PICTURE


async def test_a_name_cannot_deliver_in_clear(
    home: HomeAssistant, recorder: MockConfigEntry, simulate: Simulate
) -> None:
    """An account without encryption is bound to an address; names can be lied about."""
    socket_allow_hosts(["127.0.0.1", "::1", "localhost"])
    device = simulate(profiles.PLAIN_FTP, host="localhost")
    flow = await submit(home, await begin(home, recorder), login(device))
    flow = await submit(
        home, flow, {"name": "Gate", "event_stream": False, "set_up": True}
    )
    flow = await submit(home, flow, CHOICES | {"accept_plain": True})
    assert flow["errors"] == {"base": "host_not_an_address"}
    assert device.writes == []
    home.config_entries.subentries.async_abort(flow["flow_id"])


async def test_an_account_without_rights_is_told_so(
    home: HomeAssistant,
    recorder: MockConfigEntry,
    simulate: Simulate,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(devices_module, "POLL_INTERVAL", 0.1)
    device = simulate(profiles.FTPS)
    device.forbidden_paths.add("/ISAPI/System/deviceInfo")
    flow = await submit(home, await begin(home, recorder), login(device))
    assert flow["errors"] == {"base": "device_forbidden"}
    device.forbidden_paths.clear()
    flow = await submit(home, flow, login(device))
    assert flow["step_id"] == "device_camera"
    home.config_entries.subentries.async_abort(flow["flow_id"])

    # It may look, but not change: that is told and nothing is left half written.
    device.forbidden_paths.add(FTP)
    camera_id = await add(home, recorder, device, set_up=False, event_stream=False)
    device.forbidden_paths.add("/ISAPI/System/deviceInfo")
    assert await home.config_entries.async_reload(recorder.entry_id)
    issue = f"device_forbidden_{camera_id}"
    await until(lambda: ir.async_get(home).async_get_issue("hikvision_nvr", issue))
    device.forbidden_paths.clear()
    await until(lambda: not ir.async_get(home).async_get_issue("hikvision_nvr", issue))


async def test_a_clock_in_1970_is_shown_and_does_not_date_what_happens(
    home: HomeAssistant, recorder: MockConfigEntry, simulate: Simulate
) -> None:
    device = simulate(profiles.FTPS)
    device.clock_offset = device.now().replace(year=1970, month=1, day=2) - device.now()
    camera_id = await add(home, recorder, device, set_clock=False)
    offset = float(state(home, camera_id, "sensor", "device_clock_offset"))
    assert offset == pytest.approx(-device.clock_offset.total_seconds(), abs=3)
    told = async_capture_events(home, "hikvision_nvr_detection")
    upload = await home.async_add_executor_job(device.detect)
    assert upload.name.split("_")[2].startswith("1970")
    await until(lambda: told)
    assert told[0].data["event_time"][:10] == told[0].data["arrived"][:10]


# The device goes, and comes back


async def test_a_reboot_is_seen_and_survived(
    home: HomeAssistant,
    recorder: MockConfigEntry,
    simulate: Simulate,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(devices_module, "FIRST_PAUSE", 0.02)
    device = simulate(profiles.FTPS)
    camera_id = await add(home, recorder, device)
    motion = entity(home, camera_id, "binary_sensor", "motion")
    storage = entity(home, camera_id, "sensor", "device_storage")
    await press(home, camera_id, "button", "press", "reboot")
    assert device.reboots == 1
    # It is gone while it starts, and knows nobody's login any more.
    await home.async_add_executor_job(device.stop)
    await until(lambda: home.states.get(motion).state == "unavailable")
    await until(lambda: home.states.get(storage).state == "unavailable")
    device._nonces.clear()
    await home.async_add_executor_job(device.start)
    await until(lambda: home.states.get(motion).state == "off")
    await until(lambda: home.states.get(storage).state == "ok")
    device.send_event("VMD")
    await until(lambda: home.states.get(motion).state == "on")
    assert device.failed_logins == 0
    assert not progress(home)


@pytest.fixture
def closed_door() -> Iterator[Any]:
    """Something at a port that hangs up at once, and counts who knocks."""
    listeners: list[socket.socket] = []
    knocks: list[float] = []

    def listen(host: str, port: int) -> list[float]:
        listener = socket.create_server((host, port))
        listeners.append(listener)

        def hang_up() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    knocks.append(time.monotonic())
                    connection.close()

        threading.Thread(target=hang_up, daemon=True).start()
        return knocks

    def close() -> None:
        for listener in listeners:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    listen.close = close  # type: ignore[attr-defined]
    yield listen
    close()


async def test_an_hour_without_the_stream_is_endured_without_hammering(
    home: HomeAssistant,
    recorder: MockConfigEntry,
    simulate: Simulate,
    closed_door: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every pause is a thousandth of what it is, and so is the hour: 3.6 seconds."""
    scale = 1000
    for pause in ("FIRST_PAUSE", "LONGEST_PAUSE", "POLL_INTERVAL"):
        monkeypatch.setattr(
            devices_module, pause, getattr(devices_module, pause) / scale
        )
    longest = devices_module.LONGEST_PAUSE
    device = simulate(profiles.FTPS)
    camera_id = await add(home, recorder, device)
    motion = entity(home, camera_id, "binary_sensor", "motion")
    delivery = device.delivery()
    await home.async_add_executor_job(device.stop)
    knocks = closed_door(device.host, device.port)
    await until(lambda: home.states.get(motion).state == "unavailable")
    begun = time.monotonic()
    knocks.clear()
    uploaded = False
    while time.monotonic() - begun < 3600 / scale:
        await asyncio.sleep(0.3)
        if not uploaded:
            # What it uploads is taken all the same, and tells of motion.
            await home.async_add_executor_job(
                device._deliver, delivery, "1_MOTION_DETECTION.jpg", PICTURE
            )
            await until(lambda: home.states.get(motion).state == "on")
            uploaded = True
    hour = time.monotonic() - begun
    # A few in the longest pause; without longer and longer ones it were sixty and more.
    assert hour / longest / 6 < len(knocks) < 10 * hour / longest
    closed_door.close()
    await home.async_add_executor_job(device.start)
    again = time.monotonic()
    await until(lambda: device.listeners == 1)
    assert time.monotonic() - again < 2
    coordinator = recorder.runtime_data
    await until(lambda: coordinator.device_status(camera_id).stream is True)
    told = async_capture_events(home, "hikvision_nvr_detection")
    device.send_event("linedetection")
    await until(lambda: told)


@pytest.mark.parametrize("taken", [True, False])
async def test_a_connection_lost_while_writing_is_finished_when_the_device_is_back(
    home: HomeAssistant,
    recorder: MockConfigEntry,
    simulate: Simulate,
    monkeypatch: pytest.MonkeyPatch,
    taken: bool,
) -> None:
    """Whether the device has the new password cannot be known: it gets it again."""
    monkeypatch.setattr(provision_intents, "ASK_AGAIN", 0.1)
    device = simulate(profiles.FTPS)
    camera_id = await add(home, recorder, device)
    old = device.delivery()["password"]
    (device.cut_paths if taken else device.lost_paths).add(FTP)
    with pytest.raises(Exception, match="answer"):
        await press(home, camera_id, "button", "press", "provision")
    assert (device.delivery()["password"] != old) == taken
    await home.async_block_till_done()
    device.requests.clear()
    device.cut_paths.clear()
    device.lost_paths.clear()
    await until(lambda: ("POST", f"{FTP_LIST}/test") in device.requests)
    assert await home.async_add_executor_job(
        verify_password,
        device.delivery()["password"],
        recorder.subentries[camera_id].data["upload_password_hash"],
    )
    upload = await home.async_add_executor_job(device.detect)
    assert upload.error == ""
    assert "FTP" in device.documents["/ISAPI/Event/triggers/VMD-1"]


async def test_a_dialog_that_is_closed_leaves_the_device_as_it_was(
    home: HomeAssistant,
    recorder: MockConfigEntry,
    simulate: Simulate,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(devices_module, "DELIVERY_TIME", 0.2)
    device = simulate(profiles.FTPS)
    device.test_delivers = False
    flow = await fail_to_add(home, recorder, device)
    assert device.delivery()["enabled"] == "true"
    home.config_entries.subentries.async_abort(flow["flow_id"])
    await home.async_block_till_done()
    await until(lambda: device.delivery()["enabled"] == "false")
    assert "FTP" not in device.documents["/ISAPI/Event/triggers/VMD-1"]
    assert await home.config_entries.async_reload(recorder.entry_id)
    assert not recorder.subentries


# What is read and written


async def test_the_documentation_names_all_that_is_read_and_written(
    home: HomeAssistant, recorder: MockConfigEntry, simulate: Simulate
) -> None:
    device = simulate(profiles.FTPS)
    camera_id = await add(home, recorder, device, ntp_server="192.0.2.123")
    await press(home, camera_id, "switch", "turn_off", "motion_detection")
    await press(home, camera_id, "button", "press", "snapshot")
    await press(home, camera_id, "button", "press", "reboot")
    recording = simulate(profiles.RECORDER, serial="DS-NVR-1", mac="bcad28000002")
    values = login(recording)
    values["advanced"]["rtsp_port"] = 555
    flow = await submit(home, await begin(home, recorder), values)
    assert flow["step_id"] == "channels"
    home.config_entries.subentries.async_abort(flow["flow_id"])

    text = (ROOT / "docs" / "devices.md").read_text()
    begin_of_written = text.index("## Written")
    end_of_written = text.index("**Never touched:**")
    written = _paths(text[begin_of_written:end_of_written])
    read = _paths(text[text.index("## Read") : begin_of_written]) | written
    requests = {*device.requests, *recording.requests}
    assert {method for method, _ in requests} == {"GET", "PUT", "POST"}
    for method, path in requests:
        named = read if method == "GET" else written
        assert any(re.fullmatch(one, path) for one in named), (method, path)
    # All that is named as written was, by what an owner has pressed.
    put = [path for method, path in requests if method != "GET"]
    for one in written:
        if not one.startswith(
            ("/ISAPI/Event/schedules/line", "/ISAPI/Event/schedules/field")
        ):
            assert any(re.fullmatch(one, path) for path in put), one
    assert not any("httpHosts" in path for _, path in requests)


def _paths(text: str) -> set[str]:
    """Return the paths in a table as patterns."""
    return {
        re.sub(r"\\\{\w+\\\}", r"[\\w-]+", re.escape(found))
        for found in re.findall(r"`(/ISAPI/[^`]+)`", text)
    }


# Looking for devices


@pytest.mark.parametrize(("interval", "looks"), [(60, 2), (0, 0)])
async def test_the_network_is_looked_at_in_the_chosen_interval(
    home: HomeAssistant,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    interval: int,
    looks: int,
) -> None:
    seen: list[list[str]] = []

    async def look(interfaces: list[str]) -> list[Any]:
        seen.append(interfaces)
        return []

    monkeypatch.setattr(network_scan, "scan", look)
    monkeypatch.setattr(
        network_scan.network,
        "async_get_enabled_source_ips",
        AsyncMock(return_value=[ip_address("192.0.2.1"), ip_address("2001:db8::1")]),
    )
    async with running_recorder(
        home, tmp_path / "storage", discovery_interval=interval
    ):
        await until(lambda: len(seen) == min(looks, 1))
        for seconds in (59, 61):
            async_fire_time_changed(home, dt_util.utcnow() + timedelta(seconds=seconds))
            await until(lambda n=1 + seconds // 60: len(seen) == min(looks, n))
        await asyncio.sleep(0.1)
    # Both protocols speak IPv4.
    assert seen == [["192.0.2.1"]] * looks
