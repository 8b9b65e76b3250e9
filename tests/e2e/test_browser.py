"""What a user sees: the dashboard, the cameras' pictures, the integration's page."""

from datetime import datetime, timedelta
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.simulators.camera import LINE_CROSSING, MOTION

from .browser import chromium
from .conftest import CameraUnderTest
from .demo import ROOT, Demo
from .home_assistant import HomeAssistant

ARTIFACTS = ROOT / "artifacts" / "e2e"
SECOND = 1000


def test_what_a_user_sees(
    demo: Demo,
    home_assistant: HomeAssistant,
    front_door: CameraUnderTest,
    driveway: CameraUnderTest,
    recorder: dict[str, str],
) -> None:
    """A user logs in, sees both cameras, their pictures, and a healthy integration."""
    _have_something_to_show(home_assistant, front_door, driveway, recorder)
    found = demo.endpoints["ha"]
    with chromium() as browser:
        page = browser.page
        page.goto(found["url"])
        page.locator("input[name=username]").fill(found["username"])
        page.locator("input[name=password]").fill(found["password"])
        page.keyboard.press("Enter")
        # The dashboard is what opens first, without choosing anything.
        page.wait_for_url("**/hikvision-nvr/**", timeout=60 * SECOND)
        for camera in (front_door, driveway):
            _look_at_camera(page, camera)
        if demo.endpoints["rtsp"]:
            videos = page.locator("video")
            expect(videos).to_have_count(2, timeout=60 * SECOND)
            for video in videos.element_handles():
                _until(page, video, "element => element.currentTime > 0.5")
        _look_at_detection(page, home_assistant, front_door)
        expect(page.get_by_text("HTTP server configuration")).to_have_count(0)
        _screenshot(page, "dashboard.png")

        page.goto(f"{found['url']}/config/integrations/integration/hikvision_nvr")
        expect(page.get_by_text("Add camera").first).to_be_visible(timeout=30 * SECOND)
        for name in ("Recorder", front_door.name, driveway.name):
            expect(page.get_by_text(name, exact=True).first).to_be_visible()
        _screenshot(page, "integration.png")

        page.goto(f"{found['url']}/media-browser/browser")
        _browse_to_picture(page, front_door)
        assert browser.complaints == []


def _look_at_camera(page: Page, camera: CameraUnderTest) -> None:
    """See a camera's section and its last snapshot."""
    heading = page.locator("hui-heading-card", has_text=camera.name)
    expect(heading).to_be_visible(timeout=60 * SECOND)
    snapshot = page.locator(f"img[src*='{camera.entities['image']}']")
    snapshot.wait_for(timeout=30 * SECOND)
    _until(page, snapshot.element_handle(), "element => element.naturalWidth > 0")


def _look_at_detection(
    page: Page, home_assistant: HomeAssistant, camera: CameraUnderTest
) -> None:
    """See something happen: the page follows without being loaded again."""
    before = page.locator(f"img[src*='{camera.entities['image']}']").get_attribute(
        "src"
    )
    _see(home_assistant, camera, LINE_CROSSING)
    heading = page.locator("hui-heading-card", has_text=camera.name)
    expect(heading).to_contain_text("Detected")
    tile = page.locator("hui-tile-card", has_text="Last detection").first
    expect(tile).to_contain_text("Line crossing")
    log = page.locator("hui-logbook-card").get_by_text("Line crossing", exact=True)
    expect(log).to_have_count(2)
    snapshot = page.locator(f"img[src*='{camera.entities['image']}']")
    expect(snapshot).not_to_have_attribute("src", before or "")
    _until(page, snapshot.element_handle(), "element => element.naturalWidth > 0")


def _browse_to_picture(page: Page, camera: CameraUnderTest) -> None:
    """Go down the media browser, to a picture that opens."""
    today = f"{datetime.now(camera.uploader.time_zone):%Y-}"
    levels = (
        "Hikvision NVR",
        "Recorder",
        camera.name,
        "Events",
        today,
        "Line crossing",
    )
    for name in levels:
        page.locator(".child", has_text=name).first.click(timeout=30 * SECOND)
    picture = page.locator("img[src*='/api/hikvision_nvr/']")
    picture.wait_for(timeout=30 * SECOND)
    _until(page, picture.element_handle(), "element => element.naturalWidth > 0")
    _screenshot(page, "picture.png")


def _have_something_to_show(
    home_assistant: HomeAssistant,
    front_door: CameraUnderTest,
    driveway: CameraUnderTest,
    recorder: dict[str, str],
) -> None:
    """Let both cameras see things."""
    with home_assistant.listen() as events:
        for camera, event, minutes in (
            (driveway, "VEHICLE_DETECTION", 15),
            (front_door, MOTION, 12),
            (driveway, MOTION, 9),
            (front_door, MOTION, 6),
            (driveway, LINE_CROSSING, 3),
        ):
            _see(home_assistant, camera, event, minutes)
        events.new_state(recorder["last_upload"])


def _see(
    home_assistant: HomeAssistant, camera: CameraUnderTest, event: str, minutes: int = 0
) -> None:
    """Let a camera see something, some minutes ago by its own clock."""
    uploader = camera.uploader
    taken = datetime.now(uploader.time_zone) - timedelta(minutes=minutes)
    picture = uploader.picture(event, taken)
    with home_assistant.listen() as events:
        uploader.by_ftplib(picture)
        events.detection_of(picture.name)


def _until(page: Page, element: object, condition: str) -> None:
    """Wait until something is true of an element."""
    page.wait_for_function(condition, arg=element, timeout=60 * SECOND)


def _screenshot(page: Page, name: str) -> None:
    """Leave a picture for those who want to see what the test saw."""
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=Path(ARTIFACTS, name))
