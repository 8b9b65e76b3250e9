"""The demo's cameras were found in the network, set up, and seen to deliver."""

from datetime import datetime
import hashlib
from typing import Any

import pytest
import requests
from requests.auth import HTTPDigestAuth

from tests.simulators.camera import MOTION

from .conftest import CameraUnderTest
from .demo import Demo
from .home_assistant import HomeAssistant

TEST = "connection test"


@pytest.fixture
def device(demo: Demo) -> dict[str, Any]:
    """Return the web service of the first camera."""
    found: dict[str, Any] = demo.endpoints["devices"][0]
    return found


def _document(device: dict[str, Any], path: str) -> str:
    """Ask the camera as an independent client does."""
    answer = requests.get(
        f"{device['url']}{path}",
        auth=HTTPDigestAuth(device["username"], device["password"]),
        timeout=10,
    )
    answer.raise_for_status()
    return answer.text


def _make_it_see(device: dict[str, Any], event: str) -> None:
    """Let the simulated camera detect something."""
    requests.post(
        f"{device['url']}/simulator/event?event={event}",
        auth=HTTPDigestAuth(device["username"], device["password"]),
        timeout=10,
    ).raise_for_status()


def test_cameras_were_found_and_set_up_by_the_recorder(
    demo: Demo, front_door: CameraUnderTest, driveway: CameraUnderTest
) -> None:
    """The recorder's address and account are on each camera, and its test arrived.

    The demo adds cameras through nothing but the dialogs in which Home Assistant offers
    what it has found in the network; without discovery it would not have started.
    """
    assert len(demo.endpoints["devices"]) == 2
    for device, camera in zip(
        demo.endpoints["devices"], (front_door, driveway), strict=True
    ):
        settings = _document(device, "/ISAPI/System/Network/ftp/1")
        account = camera.uploader.account
        assert f">{account.host}<" in settings
        assert f">{account.port}<" in settings
        assert f">{account.username}<" in settings
        assert ">true<" in settings
        trigger = _document(device, "/ISAPI/Event/triggers/VMD-1")
        assert "notificationMethod>FTP<" in trigger
        assert f"{camera.name}: {TEST}" in demo.log


def test_devices_are_connected_and_heard(
    home_assistant: HomeAssistant, front_door: CameraUnderTest
) -> None:
    """Home Assistant shows the device as connected, with its event stream."""
    (connected,) = (
        entity["entity_id"]
        for entity in home_assistant.entities()
        if entity["unique_id"].endswith("_device_connected")
        and "front_door" in entity["entity_id"]
    )
    home_assistant.wait_for_state(connected, "on")
    assert home_assistant.state(connected)["attributes"]["event_stream"] is True


def test_alert_and_upload_are_one_event(
    home_assistant: HomeAssistant,
    device: dict[str, Any],
    front_door: CameraUnderTest,
) -> None:
    """An alert of the event stream is told once, and its upload is its picture."""
    uploader = front_door.uploader
    picture = uploader.picture(MOTION, taken=datetime.now(uploader.time_zone))
    with home_assistant.listen() as events:
        _make_it_see(device, "VMD")
        told = events.wait_for(
            "the alert",
            lambda event: (
                event["event_type"] == "hikvision_nvr_detection"
                and event["data"]["camera"] == "Front door"
            ),
        )["data"]
        assert told["file"] is None
        uploader.by_ftplib(picture)
        pictured = events.wait_for(
            "its picture",
            lambda event: event["event_type"] == "hikvision_nvr_detection_picture",
        )["data"]
        assert pictured["detection_id"] == told["detection_id"]
        assert pictured["file"] == picture.name
        assert len(events.detections()) == 1
    image = home_assistant.get(f"/api/image_proxy/{front_door.entities['image']}")
    assert hashlib.sha256(image.content).hexdigest() == picture.sha256
