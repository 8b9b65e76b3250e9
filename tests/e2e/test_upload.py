"""The main way: an upload becomes a detection, a picture in Home Assistant and in S3."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.simulators.camera import LINE_CROSSING, MOTION, TIMING
from tests.simulators.s3_server import Fault

from .bucket import Bucket
from .conftest import CameraUnderTest
from .home_assistant import HomeAssistant
from .uploads import Picture, Uploader


def _curl(uploader: Uploader, picture: Picture, folder: Path) -> None:
    assert uploader.by_curl(picture, folder) == 0


def _ftplib(uploader: Uploader, picture: Picture, _folder: Path) -> None:
    uploader.by_ftplib(picture, folder=f"{uploader.camera} camera")


@pytest.mark.parametrize("upload", [_curl, _ftplib])
def test_upload_becomes_event_picture_and_object(
    upload: Callable[[Uploader, Picture, Path], None],
    home_assistant: HomeAssistant,
    bucket: Bucket,
    front_door: CameraUnderTest,
    recorder: dict[str, str],
    tmp_path: Path,
) -> None:
    """What a camera uploads is seen everywhere, and is the same everywhere."""
    entities = front_door.entities
    picture = front_door.uploader.picture(MOTION)
    with home_assistant.listen() as events:
        upload(front_door.uploader, picture, tmp_path)

        told = events.detection_of(picture.name)
        assert told["camera"] == "Front door"
        assert told["type"] == "motion"
        assert told["raw_type"] == MOTION
        assert told["channel"] == "01"
        assert datetime.fromisoformat(told["event_time"]) == picture.taken
        assert told["device_id"]

        state = events.new_state(entities["event"])
        attributes = state["attributes"]
        assert attributes["event_type"] == "motion"
        assert attributes["file"] == picture.name
        assert attributes["raw_type"] == MOTION
        assert attributes["device_class"] == "motion"
        assert home_assistant.state(entities["binary_sensor"])["state"] == "on"

        events.new_state(entities["image"])
        shown = home_assistant.get(f"/api/image_proxy/{entities['image']}")
        assert shown.headers["Content-Type"] == "image/jpeg"
        assert shown.content == picture.content

        assert bucket.wait_for(picture.key("Front door")) == picture.sha256
    home_assistant.wait_for_state(recorder["upload_backlog_files"], "0")
    uploaded = home_assistant.state(recorder["last_upload"])["state"]
    assert datetime.now(UTC) - datetime.fromisoformat(uploaded) < timedelta(minutes=1)


def test_motion_ends_after_the_hold_time(
    home_assistant: HomeAssistant, driveway: CameraUnderTest
) -> None:
    """Motion is on with the upload and off when nothing follows."""
    sensor = driveway.entities["binary_sensor"]
    home_assistant.wait_for_state(sensor, "off")
    with home_assistant.listen() as events:
        driveway.uploader.by_ftplib(driveway.uploader.picture(MOTION))
        events.new_state(sensor, lambda state: state["state"] == "on")
        events.new_state(sensor, lambda state: state["state"] == "off")


def test_burst_is_one_event(
    home_assistant: HomeAssistant, bucket: Bucket, driveway: CameraUnderTest
) -> None:
    """Three pictures of one line crossing are one event, and three objects."""
    uploader = driveway.uploader
    first = uploader.picture(LINE_CROSSING)
    burst = [first] + [
        uploader.picture(LINE_CROSSING, first.taken + timedelta(seconds=number))
        for number in (1, 2)
    ]
    other = uploader.picture(MOTION, first.taken + timedelta(seconds=3))
    with home_assistant.listen() as events:
        uploader.by_ftplib(*burst, other)
        # The last one is of another type: what was to be told before it, was told.
        events.detection_of(other.name)
        told = events.detections()
    assert [detection["file"] for detection in told] == [first.name, other.name]
    assert [detection["type"] for detection in told] == ["line_crossing", "motion"]
    for picture in burst:
        assert bucket.wait_for(picture.key("Driveway")) == picture.sha256


def test_scheduled_picture_is_no_detection(
    home_assistant: HomeAssistant, bucket: Bucket, driveway: CameraUnderTest
) -> None:
    """A TIMING picture is shown and kept, but nothing was seen."""
    picture = driveway.uploader.picture(TIMING)
    with home_assistant.listen() as events:
        driveway.uploader.by_ftplib(picture)
        events.new_state(driveway.entities["image"])
        assert bucket.wait_for(picture.key("Driveway")) == picture.sha256
        assert events.detections() == []


def test_camera_entity_gives_pictures(
    home_assistant: HomeAssistant, driveway: CameraUnderTest
) -> None:
    """The camera's still picture is a JPEG."""
    driveway.uploader.by_ftplib(driveway.uploader.picture(TIMING))
    shown = home_assistant.get(f"/api/camera_proxy/{driveway.entities['camera']}")
    assert shown.ok, shown.text
    assert shown.content.startswith(b"\xff\xd8")


def test_backlog_grows_and_drains(
    home_assistant: HomeAssistant,
    bucket: Bucket,
    front_door: CameraUnderTest,
    recorder: dict[str, str],
) -> None:
    """Without S3 uploads wait and are counted; with it they go, and the count with them."""
    backlog = recorder["upload_backlog_files"]
    pictures = [front_door.uploader.picture(MOTION) for _ in range(2)]
    with home_assistant.listen() as events:
        bucket.set_fault(Fault.UNAVAILABLE)
        try:
            front_door.uploader.by_ftplib(*pictures)
            events.new_state(backlog, lambda state: state["state"] == "2")
            events.new_state(
                recorder["offsite_connected"], lambda state: state["state"] == "off"
            )
        finally:
            bucket.set_fault(Fault.NONE)
        for picture in pictures:
            assert bucket.wait_for(picture.key("Front door"), 60) == picture.sha256
    home_assistant.wait_for_state(backlog, "0")
    home_assistant.wait_for_state(recorder["offsite_connected"], "on")
