"""The timeline card and the dashboard, as their owner sees and uses them."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
import re
import time
from typing import Any, Literal

from playwright.sync_api import CDPSession, Locator, Page, expect
import pytest

from tests.recording.files import decode

from .card import (
    SECOND,
    open_card,
    put,
    screenshot,
    serious_findings,
    signed_in,
    timeline,
)
from .conftest import CameraUnderTest
from .demo import Demo
from .footage import put_h265
from .home_assistant import HomeAssistant

DASHBOARD = "card-test"
READY = "card-ready"
PLAYING = "video => video.currentTime > 0.3 && !video.paused && video.videoWidth > 0"


@pytest.fixture(scope="module")
def footage_since(demo: Demo) -> datetime:
    """Record the front door for a while, and return since when."""
    found = demo.endpoints["ha"]
    home_assistant = HomeAssistant(found["url"], found["token"])
    home_assistant.command(
        "call_service",
        domain="switch",
        service="turn_on",
        target={"entity_id": "switch.front_door_recording"},
    )
    since = datetime.now().astimezone()
    patience = time.monotonic() + 90
    while sum(end - start for start, end in _day(home_assistant)["coverage"]) < 15_000:
        assert time.monotonic() < patience, "nothing is recorded"
        time.sleep(1)
    return since


def _day(
    home_assistant: HomeAssistant, camera: str = "camera.front_door"
) -> dict[str, Any]:
    """Return what the card is told of the last hours."""
    now = int(time.time() * 1000)
    # The browser's driver has a loop in this thread, and this one wants its own.
    with ThreadPoolExecutor(1) as thread:
        day: dict[str, Any] = thread.submit(
            home_assistant.command,
            "hikvision_nvr/timeline",
            camera=camera,
            start=now - 12 * 3_600_000,
            end=now + 60_000,
            newest_first=True,
        ).result()
    return day


def _exports(demo: Demo) -> set[Path]:
    """Return the films that were saved."""
    return set((demo.state / "config" / "media").rglob("*Z_*Z.mp4"))


def _see(
    home_assistant: HomeAssistant,
    camera: CameraUnderTest,
    event: str,
    seconds: float = 0,
) -> datetime:
    """Let a camera see something, some seconds ago by its own clock."""
    uploader = camera.uploader
    taken = datetime.now(uploader.time_zone) - timedelta(seconds=seconds)
    picture = uploader.picture(event, taken)
    with home_assistant.listen() as events:
        uploader.by_ftplib(picture)
        events.detection_of(picture.name)
    return picture.taken


def _plays(card: Locator) -> None:
    video = card.locator("hikvision-nvr-player video")
    video.page.wait_for_function(
        PLAYING, arg=video.element_handle(), timeout=30 * SECOND
    )


def _position(card: Locator) -> float:
    """Return where the playhead is, in seconds since 1970."""
    track = card.locator("hikvision-nvr-strip .track")
    return float(track.get_attribute("aria-valuenow") or 0)


def _until(condition: Callable[[], bool], page: Page) -> None:
    """Wait until the page has followed."""
    patience = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < patience, "the page does not follow"
        page.wait_for_timeout(50)


def test_a_day_is_watched_scrubbed_kept_and_downloaded(
    demo: Demo,
    home_assistant: HomeAssistant,
    front_door: CameraUnderTest,
    footage_since: datetime,
    tmp_path: Path,
) -> None:
    """What happens appears at once; the past is found, played, kept and taken away."""
    # Of types of their own: what others have just shown would be the same incident.
    _see(home_assistant, front_door, "VEHICLE_DETECTION", 40 * 60)
    _see(home_assistant, front_door, "REGION_ENTRANCE", 25 * 60)
    seen = _see(home_assistant, front_door, "FIELD_DETECTION", 6)
    put(
        home_assistant,
        DASHBOARD,
        {
            "views": [
                {"type": "panel", "cards": [timeline(front_door.entities["camera"])]}
            ]
        },
    )
    with signed_in(home_assistant) as browser:
        page = browser.page
        card = open_card(page, home_assistant, DASHBOARD)
        expect(card.locator(".pill.live")).to_be_visible()
        if demo.endpoints["rtsp"]:
            live = card.locator("hikvision-nvr-live video")
            live.wait_for(state="attached", timeout=30 * SECOND)
            page.wait_for_function(
                "video => video.videoWidth > 0",
                arg=live.element_handle(),
                timeout=60 * SECOND,
            )
        screenshot(page, "card-live.png")

        # Something happens: it is there without loading anything again.
        count = card.locator(".chip", has_text="Region entrance").locator("small")
        expect(count).to_have_text("1")
        _see(home_assistant, front_door, "REGION_ENTRANCE")
        expect(count).to_have_text("2", timeout=20 * SECOND)

        # Back to what was seen while it was recorded.
        strip = card.locator("hikvision-nvr-strip")
        intrusion = card.locator("hikvision-nvr-film button", has_text="Intrusion").last
        intrusion.click()
        _plays(card)
        assert abs(_position(card) - seen.timestamp()) < 40
        picture = intrusion.locator("img")
        page.wait_for_function(
            "image => image.naturalWidth > 0",
            arg=picture.element_handle(),
            timeout=20 * SECOND,
        )
        screenshot(page, "card-footage.png")

        # Keep it, and let it go.
        card.get_by_role("button", name="Keep", exact=True).click()
        release = card.get_by_role("button", name="Release", exact=True)
        expect(release).to_be_visible(timeout=20 * SECOND)
        assert len(_day(home_assistant)["holds"]) == 1
        screenshot(page, "card-kept.png")
        release.click()
        expect(card.get_by_role("button", name="Keep", exact=True)).to_be_visible()
        assert _day(home_assistant)["holds"] == []

        # Take it away.
        with page.expect_download(timeout=60 * SECOND) as download:
            card.locator(".picked .download").click()
        film = tmp_path / download.value.suggested_filename
        assert film.suffix == ".mp4"
        download.value.save_as(film)
        assert decode(film).seconds > 5

        # Put a part of it among the day's clips.
        before_save = _exports(demo)
        card.locator(".cut").click()
        card.locator(".selected .save").click()
        expect(card.get_by_text("among the day’s clips")).to_be_visible(
            timeout=30 * SECOND
        )
        card.locator(".selected .close").click()
        expect(card.locator(".selected")).to_have_count(0)
        (saved,) = _exports(demo) - before_save
        assert decode(saved).seconds > 1

        # By keyboard: pause, ten seconds back, an earlier event, its picture.
        track = strip.locator(".track")
        track.focus()
        page.keyboard.press("Space")
        expect(card.locator(".play")).to_have_attribute("aria-label", "Play")
        at = _position(card)
        page.keyboard.press("ArrowLeft")
        expect.soft(card.locator(".pill")).not_to_have_text("Live")
        _until(lambda: _position(card) < at, page)
        vehicle = card.locator(".picked", has_text="Vehicle")
        for _ in range(60):
            page.keyboard.press("p")
            card.evaluate("card => card.updateComplete")
            if vehicle.count():
                break
        image = card.locator(".stage .picture img")
        page.wait_for_function(
            "image => image.naturalWidth > 0",
            arg=image.element_handle(timeout=20 * SECOND),
            timeout=20 * SECOND,
        )
        expect(card.locator(".picked")).to_contain_text("Vehicle")
        screenshot(page, "card-picture.png")

        # A part of the day.
        card.locator(".cut").click()
        expect(card.locator(".selected")).to_contain_text(
            re.compile(r"Chosen part: \d")
        )
        screenshot(page, "card-selection.png")
        page.keyboard.press("Escape")
        expect(card.locator(".selected")).to_have_count(0)

        # Another day, and back.
        card.locator(".day").click()
        expect(card.get_by_role("grid", name="Choose a day")).to_be_visible()
        screenshot(page, "card-calendar.png")
        page.keyboard.press("Escape")
        card.locator(".golive").click()
        expect(card.locator(".pill.live")).to_be_visible()
        assert serious_findings(page, "hikvision-nvr-timeline-card") == []
        assert browser.complaints == []


def test_a_page_that_is_put_back_goes_on_where_it_was(
    home_assistant: HomeAssistant, front_door: CameraUnderTest, footage_since: datetime
) -> None:
    """Home Assistant takes pages away while their tab is hidden."""
    put(
        home_assistant,
        DASHBOARD,
        {"views": [{"cards": [timeline(front_door.entities["camera"])]}]},
    )
    with signed_in(home_assistant) as browser:
        page = browser.page
        card = open_card(page, home_assistant, DASHBOARD)
        card.locator(".play").click()
        video = card.locator("hikvision-nvr-player video")
        page.wait_for_function(
            "video => video.videoWidth > 0",
            arg=video.element_handle(timeout=20 * SECOND),
            timeout=30 * SECOND,
        )
        card.locator(".back").click()
        # The live view was paused, so it still is.
        card.locator(".play[aria-label=Play]").click()
        _plays(card)
        before = _position(card)
        card.evaluate(
            """async (card) => {
                const place = card.parentNode;
                card.remove();
                await new Promise((resolve) => setTimeout(resolve, 500));
                place.append(card);
            }"""
        )
        _plays(card)
        assert before - 1 <= _position(card) < before + 10
        assert browser.complaints == []


# What is seen twice within half a minute is told once.
@pytest.mark.parametrize(("width", "minutes"), [(1280, 10), (390, 12)])
def test_the_ready_dashboard_on_any_screen(
    home_assistant: HomeAssistant,
    front_door: CameraUnderTest,
    driveway: CameraUnderTest,
    footage_since: datetime,
    width: int,
    minutes: int,
) -> None:
    """Every camera is there, by day and by night; nothing is cut off or unreadable."""
    _see(home_assistant, front_door, "REGION_ENTRANCE", minutes * 60)
    put(home_assistant, READY, {"strategy": {"type": "custom:hikvision-nvr"}})
    with signed_in(home_assistant, width=width) as browser:
        page = browser.page
        page.goto(f"{home_assistant.url}/{READY}")
        for camera in (front_door, driveway):
            heading = page.locator("hui-heading-card", has_text=camera.name)
            expect(heading.first).to_be_visible(timeout=60 * SECOND)
        backlog = page.locator("hui-tile-card", has_text="Upload backlog").first
        expect(backlog).to_be_attached()
        for look in _looks(page):
            screenshot(page, f"dashboard-{width}-{look}.png")
        card = open_card(page, home_assistant, f"{READY}/front-door")
        card.locator("hikvision-nvr-film li").last.wait_for(timeout=20 * SECOND)
        box = card.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        for look in _looks(page):
            screenshot(page, f"card-{width}-{look}.png")
            assert serious_findings(page, "hikvision-nvr-timeline-card") == [], look
        assert browser.complaints == []


def _looks(page: Page) -> Iterator[Literal["light", "dark"]]:
    """Let the page be light, then dark, as the browser's owner has chosen."""
    looks: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for look in looks:
        page.emulate_media(color_scheme=look)
        # Themes that reach the page before the configuration leave it light, with
        # nothing said about darkness.
        page.wait_for_function(
            """dark => {
                const { themes } = document.querySelector("home-assistant").hass;
                return Boolean(themes.darkMode) === dark;
            }""",
            arg=look == "dark",
        )
        # Pictures and the graph are still on their way.
        page.wait_for_timeout(SECOND)
        yield look


def test_in_a_language_that_runs_to_the_left(
    home_assistant: HomeAssistant, front_door: CameraUnderTest, footage_since: datetime
) -> None:
    """The past is on the right."""
    put(
        home_assistant,
        DASHBOARD,
        {"views": [{"cards": [timeline(front_door.entities["camera"])]}]},
    )
    with signed_in(home_assistant, language="he") as browser:
        page = browser.page
        card = open_card(page, home_assistant, DASHBOARD)
        track = card.locator("hikvision-nvr-strip .track")
        box = track.bounding_box()
        assert box is not None
        now = _position(card)
        track.click(position={"x": box["width"] - 3, "y": 55})
        page.wait_for_timeout(300)
        assert _position(card) < now - 3600
        screenshot(page, "card-rtl.png")
        assert browser.complaints == []


def test_plain_cards_show_the_cameras_as_well(
    home_assistant: HomeAssistant, front_door: CameraUnderTest
) -> None:
    """Home Assistant's own picture cards need nothing of ours."""
    camera, motion = (front_door.entities[one] for one in ("camera", "binary_sensor"))
    cards = [
        {"type": "picture-entity", "entity": camera, "camera_view": "auto"},
        {
            "type": "picture-glance",
            "title": "Glance",
            "camera_image": camera,
            "entities": [motion],
        },
    ]
    put(home_assistant, DASHBOARD, {"views": [{"cards": cards}]})
    with signed_in(home_assistant) as browser:
        page = browser.page
        page.goto(f"{home_assistant.url}/{DASHBOARD}")
        for name in ("hui-picture-entity-card", "hui-picture-glance-card"):
            image = page.locator(f"{name} img").first
            image.wait_for(timeout=60 * SECOND)
            page.wait_for_function(
                "image => image.naturalWidth > 0",
                arg=image.element_handle(),
                timeout=30 * SECOND,
            )
        assert browser.complaints == []


def test_the_card_is_chosen_and_set_up_without_code(
    home_assistant: HomeAssistant, front_door: CameraUnderTest
) -> None:
    """The visual editor offers the recorder's cameras, and no others."""
    put(
        home_assistant,
        DASHBOARD,
        {"views": [{"cards": [timeline(front_door.entities["camera"])]}]},
    )
    with signed_in(home_assistant) as browser:
        page = browser.page
        page.goto(f"{home_assistant.url}/{DASHBOARD}?edit=1")
        edit = page.locator("hui-card-options").get_by_role("button", name="Edit").first
        edit.click(timeout=60 * SECOND)
        editor = page.locator("hui-dialog-edit-card")
        form = editor.locator("hui-form-editor")
        for text in ("Camera", "Show pictures of events", "Start without sound"):
            label = form.get_by_text(text).first
            expect(label).to_be_visible(timeout=30 * SECOND)
        screenshot(page, "card-editor.png")
        assert browser.complaints == []


class Fingers:
    """Fingers on the screen, told to the browser as its touch screen would."""

    def __init__(self, page: Page) -> None:
        self._session: CDPSession = page.context.new_cdp_session(page)
        self._session.send(
            "Emulation.setTouchEmulationEnabled", {"enabled": True, "maxTouchPoints": 5}
        )

    def move(self, y: float, *paths: tuple[float, float]) -> None:
        """Put a finger down at the begin of each path, move them, lift them."""
        for count in range(1, len(paths) + 1):
            self._tell("touchStart", y, [begin for begin, _ in paths[:count]])
        for step in range(1, 11):
            self._tell(
                "touchMove",
                y,
                [begin + (end - begin) * step / 10 for begin, end in paths],
            )
        self._tell("touchEnd", y, [])

    def _tell(self, kind: str, y: float, places: list[float]) -> None:
        points = [{"x": x, "y": y, "id": number} for number, x in enumerate(places)]
        self._session.send(
            "Input.dispatchTouchEvent", {"type": kind, "touchPoints": points}
        )


def _shown(card: Locator) -> tuple[float, float]:
    """Return which part of the day the strip shows, in seconds since 1970."""
    start, end = card.locator("hikvision-nvr-strip").evaluate("strip => strip.view")
    return start / 1000, end / 1000


def test_fingers_zoom_the_day_move_along_it_and_drag_the_playhead(
    home_assistant: HomeAssistant, front_door: CameraUnderTest, footage_since: datetime
) -> None:
    """On a phone: two fingers pinch, one beside the playhead drags the day, one on it it."""
    put(
        home_assistant,
        DASHBOARD,
        {
            "views": [
                {"type": "panel", "cards": [timeline(front_door.entities["camera"])]}
            ]
        },
    )
    with signed_in(home_assistant, width=390) as browser:
        page = browser.page
        fingers = Fingers(page)
        card = open_card(page, home_assistant, DASHBOARD)
        # While the page is still busy the browser takes a pinch for itself.
        page.wait_for_timeout(2 * SECOND)
        box = card.locator("hikvision-nvr-strip .track").bounding_box()
        assert box is not None
        left, width, y = box["x"], box["width"], box["y"] + 55

        def time_at(x: float) -> float:
            start, end = _shown(card)
            return start + (x - left) / width * (end - start)

        def knob() -> float:
            start, end = _shown(card)
            return left + (_position(card) - start) / (end - start) * width

        # The fingers stay where they are on the day: twice as far apart is half of it.
        low, high = _shown(card)
        middle = left + width / 2
        held = time_at(middle - 50), time_at(middle + 50)
        fingers.move(y, (middle - 50, middle - 100), (middle + 50, middle + 100))
        start, end = _shown(card)
        assert end - start == pytest.approx((high - low) / 2, rel=0.02)
        grasped = time_at(middle - 100), time_at(middle + 100)
        assert grasped == pytest.approx(held, abs=(end - start) / 50)
        # It was the day that was zoomed, and not the page.
        assert page.evaluate("visualViewport.scale") == 1
        fingers.move(y, (middle - 100, middle - 50), (middle + 100, middle + 50))
        assert _shown(card) == pytest.approx((low, high), abs=60)

        # An hour with the playhead in its middle: it is dragged, and the day stays.
        card.locator("hikvision-nvr-strip").evaluate(
            """strip => {
                const { position } = strip;
                strip.fit([position - 450_000, position + 450_000]);
            }"""
        )
        expect(card.locator(".pill.live")).to_be_visible()
        before, shown = knob(), _shown(card)
        target = before - 60
        expected = max(time_at(target), low)
        fingers.move(y, (before, target))
        assert _position(card) == pytest.approx(expected, abs=(high - low) / 24 / 50)
        assert _shown(card) == pytest.approx(shown, abs=1)
        expect(card.locator(".pill.live")).to_have_count(0)
        screenshot(page, "card-touch.png")

        # Beside it the finger takes the day along, and the playhead stays at its time.
        card.locator(".golive").click()
        expect(card.locator(".pill.live")).to_be_visible()
        start, end = _shown(card)
        beside = knob() - 120
        fingers.move(y, (beside, beside + 40))
        moved = _shown(card)
        room = max(0, start - low)
        assert start - moved[0] == pytest.approx(
            min(40 / width * (end - start), room), abs=(end - start) / 50
        )
        expect(card.locator(".pill.live")).to_be_visible()
        assert browser.complaints == []


def test_the_latest_events_are_events_also_after_a_restart(
    home_assistant: HomeAssistant,
    front_door: CameraUnderTest,
    driveway: CameraUnderTest,
    recorder: dict[str, str],
) -> None:
    """What the recorder's entities go through is no news; a press leads to the footage."""
    _see(home_assistant, front_door, "AUDIO_DETECTION", 20 * 60)
    home_assistant.wait_for_state(recorder["upload_backlog_files"], "0", 60)
    home_assistant.reload()
    home_assistant.wait_for_state(recorder["offsite_connected"], "on", 60)
    put(home_assistant, READY, {"strategy": {"type": "custom:hikvision-nvr"}})
    with signed_in(home_assistant) as browser:
        page = browser.page
        page.goto(f"{home_assistant.url}/{READY}")
        events = page.locator("hikvision-nvr-events-card")
        audio = events.get_by_role("button").filter(has_text="Audio").first
        expect(audio).to_contain_text(front_door.name, timeout=60 * SECOND)
        picture = audio.locator("img")
        page.wait_for_function(
            "image => image.naturalWidth > 0",
            arg=picture.element_handle(),
            timeout=20 * SECOND,
        )
        for word in ("Unavailable", "Unknown", "unavailable", "unknown"):
            expect(events.get_by_text(word)).to_have_count(0)
        # Nothing waits, so there is no oldest.
        tiles = page.locator("hui-tile-card")
        expect(tiles.filter(has_text="Offsite connection")).to_contain_text("Connected")
        expect(
            page.locator("hui-tile-card:visible", has_text="Oldest waiting upload")
        ).to_have_count(0)
        expect(page.locator("hui-tile-card:visible", has_text="Unknown")).to_have_count(
            0
        )
        assert serious_findings(page, "hikvision-nvr-events-card") == []
        screenshot(page, "card-events.png")

        # Something happens: it is there without loading anything again.
        exits = events.get_by_role("button").filter(has_text="Region exit")
        expect(exits).to_have_count(0)
        _see(home_assistant, driveway, "REGION_EXITING_DETECTION")
        expect(exits).to_have_count(1, timeout=20 * SECOND)
        expect(exits).to_contain_text(driveway.name)

        audio.click()
        page.wait_for_url("**/front-door", timeout=20 * SECOND)
        card = page.locator("hikvision-nvr-timeline-card").first
        picked = card.locator(".picked")
        expect(picked).to_contain_text("Audio", timeout=30 * SECOND)
        assert browser.complaints == []


def test_a_browser_that_cannot_play_h265_says_so(
    demo: Demo,
    home_assistant: HomeAssistant,
    driveway: CameraUnderTest,
    tmp_path: Path,
) -> None:
    """In words instead of a black picture; and what it offers instead works."""
    seen = _see(home_assistant, driveway, "SHELTER_ALARM", 35 * 60)
    storage = demo.state / "config" / "media" / "hikvision_nvr"
    put_h265(storage, driveway.name, seen - timedelta(seconds=20), 40)
    home_assistant.reload()
    camera = driveway.entities["camera"]
    patience = time.monotonic() + 60
    while not any(
        start <= seen.timestamp() * 1000 < end
        for start, end in _day(home_assistant, camera)["coverage"]
    ):
        assert time.monotonic() < patience, "the footage is not found"
        time.sleep(1)
    put(home_assistant, DASHBOARD, {"views": [{"cards": [timeline(camera)]}]})
    with signed_in(home_assistant) as browser:
        page = browser.page
        card = open_card(page, home_assistant, DASHBOARD)
        assert not page.evaluate(
            "MediaSource.isTypeSupported('video/mp4; codecs=\"hvc1.1.6.L93.B0\"')"
        ), "this browser can, so it proves nothing"
        card.locator("hikvision-nvr-film button", has_text="Tamper").last.click()
        problem = card.locator(".problem")
        expect(problem).to_contain_text(
            "This recording is H.265, which this browser cannot decode. Watch it in "
            "another browser or in the app, or download it.",
            timeout=30 * SECOND,
        )
        screenshot(page, "card-h265.png")
        with page.expect_download(timeout=60 * SECOND) as download:
            card.locator(".picked .download").click()
        film = tmp_path / download.value.suggested_filename
        download.value.save_as(film)
        decoded = decode(film)
        assert decoded.video == "hevc"
        assert decoded.seconds > 5
        assert browser.complaints == []
