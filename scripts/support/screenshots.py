"""Takes the pictures of the documents from the demo, so that they show what is true.

Run by ``scripts/screenshots``. Nothing is drawn over them: what can be seen is what the
demo's Home Assistant shows, with a day that this script lets its cameras see.
"""

import argparse
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
import re
import secrets
import tempfile
import time
from zoneinfo import ZoneInfo

from PIL import Image
from playwright.sync_api import FloatRect, Page, expect
import requests

from tests.e2e.bucket import Bucket
from tests.e2e.card import open_card, put, signed_in, timeline
from tests.e2e.demo import Demo, answers
from tests.e2e.dialogs import (
    PATIENCE,
    SECOND,
    Dialog,
    add_camera,
    add_integration,
    choose_from_menu,
    open_integration,
)
from tests.e2e.home_assistant import HomeAssistant
from tests.e2e.uploads import Uploader
from tests.simulators.camera import LINE_CROSSING, MOTION
from tests.simulators.device import HOST, SimulatedDevice
from tests.simulators.device_profiles import FTPS

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
PICTURES = (
    "cameras-phone.png",
    "cameras.png",
    "dashboard.png",
    "media.png",
    "repair.png",
    "setup-delivery.png",
    "setup-preview.png",
    "setup-recorder.png",
    "setup-s3.png",
    "timeline-phone.png",
    "timeline.png",
)
"""All that are in the documents."""

WIDTH = 1280
PHONE = {"width": 390, "height": 844}
MARGIN = 12
LARGE = 250_000
COLOURS = 256
QUIET = """() => {
    let focused = document.activeElement;
    while (focused?.shadowRoot?.activeElement) {
        focused = focused.shadowRoot.activeElement;
    }
    focused?.blur();
    getSelection()?.removeAllRanges();
    const home = document.querySelector("home-assistant").shadowRoot;
    home.querySelector("home-assistant-main").style.visibility = "hidden";
}"""
"""Nothing has the focus, and nothing can be seen behind a dialog."""
VEHICLE = "VEHICLE_DETECTION"
SEEN = {
    "Front door": {
        MOTION: (6, 13, 24, 41, 58, 95, 140, 190, 260, 330, 410),
        LINE_CROSSING: (9, 33, 47, 120, 300),
        "FACE_DETECTION": (23, 200),
    },
    "Driveway": {
        MOTION: (5, 17, 66, 150, 240, 350),
        VEHICLE: (11, 29, 84, 210, 390),
        LINE_CROSSING: (16, 100),
    },
}
"""What each camera saw, so many minutes ago."""
FOOTAGE_MINUTES = 48
GAP_MINUTES = range(27, 31)
PORT = 2121
EXTERNAL_ADDRESS = "192.168.1.10"
HOUR = "front-door-hour"
"""A dashboard whose timeline shows an hour: more has not been recorded."""


class Photographer:
    """Takes the pictures of one demo."""

    def __init__(self, demo: Demo, folder: Path) -> None:
        """Put the pictures into a folder."""
        found = demo.endpoints
        self._demo = demo
        self._folder = folder
        self._ha = HomeAssistant(found["ha"]["url"], found["ha"]["token"])
        self._bucket = Bucket.of(found["s3"])
        self._zone = self._ha.get("/api/config").json()["time_zone"]
        self._uploaders = {name: Uploader.of(found, name, self._zone) for name in SEEN}

    # --- what there is to see ----------------------------------------------------

    def live_a_day(self) -> None:
        """Have footage of the last hour, and let the cameras see something."""
        self._record()
        pictures = [
            (minutes, name, event)
            for name, events in SEEN.items()
            for event, times in events.items()
            for minutes in times
        ]
        for minutes, name, event in sorted(pictures, reverse=True):
            self._see(name, event, minutes)

    def _see(self, name: str, event: str, minutes: float = 0) -> None:
        uploader = self._uploaders[name]
        taken = datetime.now(uploader.time_zone) - timedelta(minutes=minutes)
        picture = uploader.picture(event, taken)
        with self._ha.listen() as events:
            uploader.by_ftplib(picture)
            events.detection_of(picture.name)

    def _record(self) -> None:
        """Repeat one minute that was recorded, back in time; the catalogue finds them."""
        storage = self._demo.state / "config" / "media" / "hikvision_nvr"
        recordings = storage / "Front door" / "recordings"
        end = time.monotonic() + 240
        while not (whole := sorted(recordings.glob("*/*/*_1.mp4"))):
            if time.monotonic() > end:
                raise SystemExit("The front door is not recorded.")
            time.sleep(1)
        # The next one has begun when this one is named; then it is whole.
        while not list(recordings.glob("*/*/*_2.mp4")):
            time.sleep(1)
        source = whole[-1]
        start, run, number = source.stem.split("_")
        content = source.read_bytes()
        began = datetime.strptime(start, "%Y%m%dT%H%M%S.%fZ").replace(tzinfo=UTC)
        found = re.search(rb'"start_us": (\d+)', content)
        assert found
        exact = int(found[1])
        other_run = secrets.token_hex(len(run) // 2)
        for minutes in range(2, FOOTAGE_MINUTES):
            if minutes in GAP_MINUTES:
                continue
            shift = timedelta(minutes=minutes)
            moment = began - shift
            copy = content.replace(
                found[0],
                b'"start_us": %d' % (exact - shift // timedelta(microseconds=1)),
            ).replace(run.encode(), other_run.encode())
            folder = recordings / f"{moment:%Y-%m-%d}" / f"{moment:%H}"
            folder.mkdir(parents=True, exist_ok=True)
            stamp = f"{moment:%Y%m%dT%H%M%S}.{moment.microsecond // 1000:03}Z"
            (folder / f"{stamp}_{other_run}_{number}.mp4").write_bytes(copy)
        (entry,) = self._ha.command("config_entries/get", domain="hikvision_nvr")
        requests.post(
            f"{self._ha.url}/api/config/config_entries/entry/{entry['entry_id']}/reload",
            headers={"Authorization": f"Bearer {self._ha.token}"},
            timeout=60,
        ).raise_for_status()
        self._wait(lambda: self._footage_seconds() > 60 * 30, "the footage")

    def _footage_seconds(self) -> float:
        now = int(time.time() * 1000)
        day = self._ha.command(
            "hikvision_nvr/timeline",
            camera="camera.front_door",
            start=now - 2 * 3_600_000,
            end=now,
        )
        seconds: float = sum(end - start for start, end in day["coverage"]) / 1000
        return seconds

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + 90
        while True:
            try:
                if condition():
                    return
            except AssertionError:
                # Home Assistant refuses while the recorder starts.
                pass
            if time.monotonic() > end:
                raise SystemExit(f"Waited in vain for {what}.")
            time.sleep(0.5)

    # --- the pictures ------------------------------------------------------------

    def take(self) -> None:
        """Take them all."""
        self._ha.command(
            "lovelace/dashboards/create",
            url_path=HOUR,
            title="Front door",
            mode="storage",
            show_in_sidebar=False,
            require_admin=False,
        )
        card = timeline("camera.front_door", hours=1)
        put(self._ha, HOUR, {"views": [{"type": "panel", "cards": [card]}]})
        with self._page() as page:
            self._dashboards(page)
            self._timeline(page)
            self._media(page)
            self._add_recorder(page)
        with self._page(dark=True, phone=True) as page:
            self._phone(page)
        with self._page() as page:
            self._set_external_address(page)
            self._add_cameras(page)
            self._repair(page)

    @contextmanager
    def _page(self, *, dark: bool = False, phone: bool = False) -> Iterator[Page]:
        width = PHONE["width"] if phone else WIDTH
        with signed_in(self._ha, width=width, time_zone=self._zone) as browser:
            browser.page.emulate_media(color_scheme="dark" if dark else "light")
            yield browser.page
            if browser.complaints:
                raise SystemExit("\n".join(browser.complaints))

    def _dashboards(self, page: Page) -> None:
        page.goto(f"{self._ha.url}/hikvision-nvr")
        self._wait_for_pictures(page)
        self._shot(page, "dashboard.png")
        page.set_viewport_size({"width": WIDTH, "height": 900})
        page.goto(f"{self._ha.url}/hikvision-nvr-cameras")
        self._wait_for_pictures(page)
        self._shot(page, "cameras.png")

    def _timeline(self, page: Page) -> None:
        page.set_viewport_size({"width": WIDTH, "height": 1010})
        card = open_card(page, self._ha, HOUR)
        card.locator("hikvision-nvr-film button", has_text="Line crossing").nth(
            -2
        ).click(timeout=PATIENCE)
        video = card.locator("hikvision-nvr-player video")
        page.wait_for_function(
            "video => video.currentTime > 3 && video.videoWidth > 0",
            arg=video.element_handle(timeout=PATIENCE),
            timeout=60 * SECOND,
        )
        page.wait_for_timeout(2000)
        self._shot(page, "timeline.png")

    def _phone(self, page: Page) -> None:
        page.goto(f"{self._ha.url}/hikvision-nvr-cameras")
        self._wait_for_pictures(page)
        self._shot(page, "cameras-phone.png")
        card = open_card(page, self._ha, HOUR)
        card.locator("hikvision-nvr-film button", has_text="Motion").nth(-2).click(
            timeout=PATIENCE
        )
        video = card.locator("hikvision-nvr-player video")
        page.wait_for_function(
            "video => video.currentTime > 2 && video.videoWidth > 0",
            arg=video.element_handle(timeout=PATIENCE),
            timeout=60 * SECOND,
        )
        page.wait_for_timeout(2000)
        self._shot(page, "timeline-phone.png")

    def _media(self, page: Page) -> None:
        page.set_viewport_size({"width": WIDTH, "height": 800})
        page.goto(f"{self._ha.url}/media-browser/browser")
        today = f"{datetime.now(ZoneInfo(self._zone)):%Y-%m-%d}"
        for level in ("Hikvision NVR", "Recorder", "Front door", "Events", today):
            page.locator(".child", has_text=level).first.click(timeout=PATIENCE)
        expect(page.locator(".child", has_text="Line crossing").first).to_be_visible(
            timeout=PATIENCE
        )
        page.mouse.move(2, 2)
        page.wait_for_timeout(4000)
        self._shot(page, "media.png")

    def _add_recorder(self, page: Page) -> None:
        page.set_viewport_size({"width": WIDTH, "height": 1130})
        dialog = add_integration(page, self._ha.url)
        real = dialog.field("Storage folder").input_value()
        dialog.enter(
            Name="Recorder", Storage_folder="/media/hikvision_nvr", FTPS_port=PORT
        )
        self._dialog_shot(dialog, "setup-recorder.png")
        # Nothing is made in that folder: the next step is all that is wanted.
        free = 23_000 + secrets.randbelow(1000)
        dialog.enter(Storage_folder=f"{real}_guide", FTPS_port=free).submit()
        dialog.at("Keep a copy elsewhere?").choose("Upload to an S3 bucket")
        dialog.at("S3 bucket").enter(
            Region="eu-central-1",
            Bucket="my-video-surveillance",
            Access_key_ID="AKIAIOSFODNN7EXAMPLE",
            Secret_access_key="not a real one",
        )
        self._dialog_shot(dialog, "setup-s3.png")

    def _set_external_address(self, page: Page) -> None:
        """Let the recorder say an address as it has in a house, not this machine's."""
        choose_from_menu(
            page, open_integration(page, self._ha.url, "Recorder"), "Reconfigure"
        )
        dialog = Dialog(page).at("Change the recorder").unfold("Advanced")
        dialog.enter(External_address=EXTERNAL_ADDRESS).submit()
        dialog.at("Keep a copy elsewhere?").choose("Upload to an S3 bucket")
        dialog.at("S3 bucket").submit()
        dialog.at("Reconfiguration was successful").finish()

    def _add_cameras(self, page: Page) -> None:
        dialog = add_camera(page, self._ha.url, "Recorder")
        dialog.choose("Another camera")
        dialog.at("Add another camera").enter(
            Name="Garden",
            Host="192.168.1.64",
            User_name_on_the_camera="viewer",
            Password_on_the_camera="secret",
        ).submit()
        self._dialog_shot(dialog.at("Enter this on the camera"), "setup-delivery.png")
        with SimulatedDevice(
            FTPS,
            name="Garage",
            serial="DS-2TD2117-6GUIDE",
            mac="bc:ad:28:08:08:08",
        ) as device:
            dialog = add_camera(page, self._ha.url, "Recorder")
            dialog.choose("A Hikvision camera or recorder")
            dialog.at("Log in to the camera").enter(
                Host=HOST, Password_on_the_camera=device.password
            )
            dialog.unfold("Advanced").enter(Web_port=device.port).submit()
            dialog.at("Add the camera").enter(Name="Garage").submit()
            dialog.at("Set up its deliveries").submit()
            self._dialog_shot(
                dialog.at("This will be written to the camera"), "setup-preview.png"
            )

    def _repair(self, page: Page) -> None:
        """Lose the bucket; the list of repairs tells."""
        for key in self._bucket.keys(""):
            self._bucket.client.delete_object(Bucket=self._bucket.name, Key=key)
        self._bucket.client.delete_bucket(Bucket=self._bucket.name)
        self._see("Driveway", MOTION)
        page.goto(f"{self._ha.url}/config/repairs")
        page.get_by_text("The bucket of Recorder is gone").click(timeout=60 * SECOND)
        self._dialog_shot(Dialog(page).at("Where is the bucket?"), "repair.png")

    # --- how they are taken ------------------------------------------------------

    def _wait_for_pictures(self, page: Page) -> None:
        """Wait until what moves moves, and what loads is there."""
        page.locator("hui-heading-card").first.wait_for(timeout=60 * SECOND)
        if self._demo.endpoints["rtsp"]:
            page.wait_for_timeout(12 * SECOND)
        page.wait_for_timeout(3 * SECOND)

    def _shot(self, page: Page, name: str, clip: FloatRect | None = None) -> None:
        """Keep what is shown, in fewer colours where it would be a large file."""
        taken = page.screenshot(clip=clip) if clip else page.screenshot()
        path = self._folder / name
        with Image.open(BytesIO(taken)) as image:
            plain = image.convert("RGB")
        plain.save(path, optimize=True)
        if path.stat().st_size > LARGE:
            palette = plain.quantize(COLOURS, kmeans=3)
            dithered = plain.quantize(
                palette=palette, dither=Image.Dither.FLOYDSTEINBERG
            )
            dithered.save(path, optimize=True)
        print(name, path.stat().st_size, flush=True)

    def _dialog_shot(self, dialog: Dialog, name: str) -> None:
        """Keep a dialog, without what is behind it."""
        page = dialog.page
        # Labels move when a field is filled, and the last field has the focus.
        page.evaluate(QUIET)
        page.mouse.move(2, 2)
        page.wait_for_timeout(1000)
        box = dialog.element.get_by_role("dialog").first.bounding_box()
        assert box is not None
        width, height = WIDTH, (page.viewport_size or {"height": 0})["height"]
        left, top = max(0.0, box["x"] - MARGIN), max(0.0, box["y"] - MARGIN)
        self._shot(
            page,
            name,
            {
                "x": left,
                "y": top,
                "width": min(box["width"] + 2 * MARGIN, width - left),
                "height": min(box["height"] + 2 * MARGIN, height - top),
            },
        )


def main() -> None:
    """Run a demo of its own, and take the pictures."""
    parser = argparse.ArgumentParser(prog="scripts/screenshots", description=__doc__)
    parser.add_argument(
        "--output", type=Path, default=IMAGES, help="where the pictures go"
    )
    output: Path = parser.parse_args().output
    output.mkdir(parents=True, exist_ok=True)
    with ExitStack() as ending:
        state = Path(ending.enter_context(tempfile.TemporaryDirectory()))
        options = () if answers(HOST, PORT) else ("--ftp-port", str(PORT))
        demo = Demo(state, options)
        demo.start()
        ending.callback(demo.stop)
        photographer = Photographer(demo, output)
        photographer.live_a_day()
        photographer.take()


if __name__ == "__main__":
    main()
