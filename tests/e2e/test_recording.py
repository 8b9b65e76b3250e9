"""Recordings as their owner meets them: switched, browsed, played, exported."""

from datetime import datetime, timedelta
import time
from typing import Any

from PIL import Image
from playwright.sync_api import Page, expect
import requests

from tests.recording.files import decode

from .browser import chromium
from .conftest import CameraUnderTest
from .demo import Demo
from .home_assistant import HomeAssistant
from .test_browser import SECOND, _screenshot, _until

PLAYER = "video"


def _switch(home_assistant: HomeAssistant, entity_id: str, to: str) -> None:
    home_assistant.command(
        "call_service",
        domain="switch",
        service=f"turn_{to}",
        target={"entity_id": entity_id},
    )


def _children(home_assistant: HomeAssistant, media_id: str) -> list[dict[str, Any]]:
    found = home_assistant.command(
        "media_source/browse_media", media_content_id=media_id
    )
    children: list[dict[str, Any]] = found["children"]
    return children


def _footage(home_assistant: HomeAssistant, camera: str) -> list[dict[str, Any]]:
    """Return what the media browser has of a camera's recordings today."""
    place = "media-source://hikvision_nvr"
    for name in ("Recorder", camera, "Recordings", ""):
        children = _children(home_assistant, place)
        place = next(
            child["media_content_id"]
            for child in children
            if child["title"].startswith(name)
        )
    return _children(home_assistant, place)


def _playlist(home_assistant: HomeAssistant, item: dict[str, Any]) -> str:
    resolved = home_assistant.command(
        "media_source/resolve_media", media_content_id=item["media_content_id"]
    )
    assert resolved["mime_type"] == "application/x-mpegURL"
    # Players send no token: the address alone must do.
    path = resolved["url"].partition("?")[0]
    response = requests.get(f"{home_assistant.url}{path}", timeout=30)
    response.raise_for_status()
    return response.text


def test_recording_is_switched_browsed_played_and_exported(
    demo: Demo, home_assistant: HomeAssistant, front_door: CameraUnderTest
) -> None:
    """Three segments with gaps between them play as one, in Home Assistant's own page."""
    camera, switch = front_door.entities["camera"], "switch.front_door_recording"
    _switch(home_assistant, switch, "on")
    for _ in range(2):
        home_assistant.wait_for_state(camera, "recording")
        with home_assistant.listen() as events:
            _switch(home_assistant, switch, "off")
            events.new_state(camera, lambda state: state["state"] == "idle")
            # On a fast machine it would be too short to be called a gap.
            time.sleep(2)
            _switch(home_assistant, switch, "on")
            events.new_state(camera, lambda state: state["state"] == "recording")
    _switch(home_assistant, switch, "off")
    home_assistant.wait_for_state(camera, "idle")

    item = _footage(home_assistant, front_door.name)[0]
    playlist = _playlist(home_assistant, item)
    assert playlist.count("#EXT-X-MAP") >= 3
    assert playlist.count("#EXT-X-DISCONTINUITY") == playlist.count("#EXT-X-MAP") - 1
    end = datetime.now(front_door.uploader.time_zone)
    exported = home_assistant.call(
        "export",
        {
            "entity_id": camera,
            "start": (end - timedelta(minutes=20)).isoformat(),
            "end": end.isoformat(),
        },
    )
    (file,) = exported["files"]
    assert file["gaps"] >= 2
    resolved = home_assistant.command(
        "media_source/resolve_media", media_content_id=file["media_id"]
    )
    assert resolved["mime_type"] == "video/mp4"
    with chromium() as browser:
        page = browser.page
        _log_in(page, demo)
        _open_recordings(page, front_door.name)
        page.locator(".child", has_text=item["title"]).first.click()
        _play_and_seek(page)
        _screenshot(page, "recording.png")
        page.goto(f"{home_assistant.url}{resolved['url']}")
        _play_and_seek(page)
        assert browser.complaints == []
    _switch(home_assistant, switch, "on")
    home_assistant.wait_for_state(camera, "recording")


def test_home_assistants_own_record_and_snapshot_work_beside_the_recorder(
    demo: Demo, home_assistant: HomeAssistant, front_door: CameraUnderTest
) -> None:
    """``camera.record`` and ``camera.snapshot`` take their stream from the camera."""
    camera = front_door.entities["camera"]
    folder = demo.state / "config" / "media"
    film, picture = folder / "recorded.mp4", folder / "snapshot.jpg"
    home_assistant.command(
        "call_service",
        domain="camera",
        service="snapshot",
        service_data={"filename": str(picture)},
        target={"entity_id": camera},
    )
    with Image.open(picture) as image:
        image.load()
        assert image.width >= 320
    home_assistant.command(
        "call_service",
        domain="camera",
        service="record",
        service_data={"filename": str(film), "duration": 3, "lookback": 0},
        target={"entity_id": camera},
    )
    patience = time.monotonic() + 40
    while not film.exists():
        assert time.monotonic() < patience, "nothing was recorded"
        time.sleep(0.2)
    decoded = decode(film)
    assert decoded.seconds >= 2
    assert decoded.size[0] >= 320


def test_a_detection_is_recorded_with_what_came_before_it(
    home_assistant: HomeAssistant, driveway: CameraUnderTest
) -> None:
    """The driveway records on detections only: standby, then some seconds."""
    camera, uploader = driveway.entities["camera"], driveway.uploader
    home_assistant.wait_for_state(camera, "idle", 60)
    with home_assistant.listen() as events:
        detected = datetime.now(uploader.time_zone)
        uploader.by_ftplib(uploader.picture(taken=detected))
        events.new_state(camera, lambda state: state["state"] == "recording")
        events.new_state(camera, lambda state: state["state"] == "idle", 60)
    item = _footage(home_assistant, driveway.name)[0]
    playlist = _playlist(home_assistant, item)
    times = [
        datetime.fromisoformat(line.partition(":")[2])
        for line in playlist.splitlines()
        if line.startswith("#EXT-X-PROGRAM-DATE-TIME")
    ]
    # What the camera's device tells meanwhile may be recorded after it.
    shortest, longest = timedelta(seconds=2), timedelta(seconds=12)
    assert any(shortest < detected - begin < longest for begin in times), times


def _log_in(page: Page, demo: Demo) -> None:
    found = demo.endpoints["ha"]
    page.goto(found["url"])
    page.locator("input[name=username]").fill(found["username"])
    page.locator("input[name=password]").fill(found["password"])
    page.keyboard.press("Enter")
    page.wait_for_url("**/hikvision-nvr/**", timeout=60 * SECOND)
    page.goto(f"{found['url']}/media-browser/browser")


def _open_recordings(page: Page, camera: str) -> None:
    today = f"{datetime.now().astimezone():%Y-}"
    for name in ("Hikvision NVR", "Recorder", camera, "Recordings", today):
        page.locator(".child", has_text=name).first.click(timeout=30 * SECOND)


def _play_and_seek(page: Page) -> None:
    """See the picture move, at the beginning and after a jump close to the end."""
    video = page.locator(PLAYER).first
    expect(video).to_be_attached(timeout=30 * SECOND)
    element = video.element_handle()
    page.evaluate("element => { element.muted = true; element.play(); }", element)
    _until(page, element, "element => element.currentTime > 0.5")
    _until(page, element, "element => element.videoWidth > 0")
    length = page.evaluate("element => element.duration", element)
    target = length - 2
    page.evaluate(
        "([element, target]) => { element.currentTime = target; }", [element, target]
    )
    _until(page, element, f"element => element.currentTime > {target + 0.5}")
    assert page.evaluate("element => element.error", element) is None
