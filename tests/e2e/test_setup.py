"""From nothing to a recorder that works, and back, through the pages of the owner."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
import socket
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from playwright.sync_api import Page, expect
import pytest
import requests

from tests.simulators.camera import LINE_CROSSING, MOTION, hikvision_name
from tests.simulators.device import HOST, SimulatedDevice
from tests.simulators.device_profiles import FTPS
from tests.simulators.scene import Scene

from .bucket import Bucket, until
from .card import open_card, screenshot, signed_in
from .demo import Demo, answers
from .dialogs import (
    PATIENCE,
    SECOND,
    Dialog,
    add_camera,
    add_integration,
    choose_from_menu,
    open_integration,
)
from .home_assistant import HomeAssistant

BUCKET = "home-cctv"
SCENE = Scene("Garage", "driveway")


@dataclass(frozen=True, slots=True)
class Garage:
    """A camera that nobody has set up, and what its clock shows."""

    device: SimulatedDevice
    zone: ZoneInfo

    def now(self) -> datetime:
        """Tell the time."""
        return datetime.now(self.zone)

    def deliver(self, event: str, taken: datetime) -> str:
        """Deliver a picture; returns the key that it should get in the bucket."""
        name = hikvision_name(self.device.address, taken, event)
        upload = self.device.deliver(name, SCENE.snapshot(taken, 0.4))
        assert upload.error == ""
        return f"Garage/{taken:%Y-%m-%d}/{name}"


@pytest.fixture
def garage(home_assistant: HomeAssistant) -> Iterator[Garage]:
    """Run the camera."""
    zone = ZoneInfo(home_assistant.get("/api/config").json()["time_zone"])
    device = SimulatedDevice(
        FTPS, name="Garage", serial="DS-2TD2117-6GARAGE", mac="bc:ad:28:09:09:09"
    )
    with device:
        yield Garage(device, zone)
    # Other tests count on there being one recorder, also when this one has failed.
    for title in ("Home", "Beach house"):
        if left := _entry(home_assistant, title):
            requests.delete(
                f"{home_assistant.url}/api/config/config_entries/entry/{left['entry_id']}",
                headers={"Authorization": f"Bearer {home_assistant.token}"},
                timeout=30,
            ).raise_for_status()


def test_from_nothing_to_a_recorder_that_works_and_back(
    demo: Demo,
    home_assistant: HomeAssistant,
    bucket: Bucket,
    garage: Garage,
) -> None:
    """An owner sets all up, sees it work, mends it, changes it and removes it."""
    bucket.client.create_bucket(Bucket=BUCKET)
    bucket = replace(bucket, name=BUCKET)
    port = _free_port()
    with signed_in(home_assistant) as browser:
        page = browser.page
        _set_up_recorder(page, demo, port)
        _set_up_camera(page, demo, garage)
        _see_a_live_event(page, home_assistant, garage, bucket)

        # The rest at night, on a phone.
        page.set_viewport_size({"width": 390, "height": 844})
        page.emulate_media(color_scheme="dark")
        _browse_to_an_archived_picture(page, home_assistant, garage, bucket)
        _mend_what_a_repair_tells(page, home_assistant, garage, bucket)
        _reconfigure(page, home_assistant)
        _remove(page, home_assistant)
        assert browser.complaints == []

    assert not answers(HOST, port)
    # What was delivered is the owner's, and outlives the recorder.
    kept = demo.state / "config" / "media" / "garage" / "Garage"
    assert len(list(kept.glob("*/*.jpg"))) == 2
    assert len(bucket.keys("Garage/")) == 1


def _set_up_recorder(page: Page, demo: Demo, port: int) -> None:
    """Add the integration, with S3."""
    found = demo.endpoints
    dialog = add_integration(page, found["ha"]["url"])
    passive = _free_port()
    dialog.enter(
        Name="Home",
        Storage_folder=str(demo.state / "config" / "media" / "garage"),
        FTPS_port=port,
        Passive_ports=f"{passive}-{passive + 9}",
    )
    dialog.unfold("Advanced").enter(Listen_address=HOST).submit()
    dialog.at("Keep a copy elsewhere?").choose("Upload to an S3 bucket")
    dialog.at("S3 bucket").enter(
        Endpoint_URL=found["s3"]["endpoint_url"],
        Bucket="no-such-bucket",
        Access_key_ID=found["s3"]["access_key_id"],
        Secret_access_key=found["s3"]["secret_access_key"],
    )
    dialog.submit()
    # What is wrong is told at once, and nothing has to be entered twice.
    wrong = dialog.element.get_by_text("There is no such bucket in this region")
    expect(wrong.first).to_be_visible(timeout=PATIENCE)
    screenshot(page, "setup-s3-refused.png")
    dialog.enter(Bucket=BUCKET)
    dialog.submit()
    dialog.finish()


def _set_up_camera(page: Page, demo: Demo, garage: Garage) -> None:
    """Add the camera and let the recorder set it up."""
    dialog = add_camera(page, demo.endpoints["ha"]["url"], "Home")
    dialog.choose("A Hikvision camera or recorder")
    dialog.at("Log in to the camera").enter(
        Host=HOST, Password_on_the_camera=garage.device.password
    )
    dialog.unfold("Advanced").enter(Web_port=garage.device.port)
    if streams := demo.endpoints["rtsp"]:
        # Another camera's video, by the same account.
        dialog.enter(RTSP_port=urlsplit(streams[0]).port or 0)
    dialog.submit()
    dialog.at("Add the camera").enter(Name="Garage").submit()
    dialog.at("Set up its deliveries").submit()
    dialog.at("This will be written to the camera")
    changes = dialog.element.locator("table")
    for setting in ("Server and port", "Encryption (TLS)", "Upload password"):
        expect(changes.get_by_text(setting, exact=True)).to_be_visible()
    assert garage.device.writes == []
    screenshot(page, "setup-preview.png")
    dialog.submit()
    dialog.at("Success").finish()
    assert garage.device.writes


def _see_a_live_event(
    page: Page, home_assistant: HomeAssistant, garage: Garage, bucket: Bucket
) -> None:
    """Look at the new camera on the ready dashboard while something happens."""
    card = open_card(page, home_assistant, "hikvision-nvr-cameras/garage")
    key = garage.deliver(MOTION, garage.now())
    chip = card.locator(".chip", has_text="Motion")
    expect(chip.locator("small")).to_have_text("1", timeout=PATIENCE)
    bucket.wait_for(key)


def _browse_to_an_archived_picture(
    page: Page, home_assistant: HomeAssistant, garage: Garage, bucket: Bucket
) -> None:
    """Find a picture that is in an archive of the bucket and nowhere else."""
    now = garage.now()
    yesterday = now - timedelta(days=1)
    day = f"{yesterday:%Y-%m-%d}"
    bucket.wait_for(garage.deliver(LINE_CROSSING, yesterday))
    recorder = {"config_entry_id": _entry(home_assistant)["entry_id"]}
    archived = _beside_the_browser(
        home_assistant.call,
        "archive",
        {**recorder, "date": day, "storage_class": "GLACIER_IR"},
    )
    assert archived["archived"] == 1
    purged = _beside_the_browser(
        home_assistant.call,
        "purge",
        {
            **recorder,
            "before": f"{now:%Y-%m-%d}",
            "scope": "local",
            "dry_run": False,
        },
    )
    assert purged["deleted"] == 1

    page.goto(f"{home_assistant.url}/media-browser/browser")
    for level in ("Hikvision NVR", "Home", "Garage", "Archives", day, "Line crossing"):
        page.locator(".child", has_text=level).first.click(timeout=PATIENCE)
    picture = page.locator("img[src*='/api/hikvision_nvr/']")
    picture.wait_for(timeout=PATIENCE)
    page.wait_for_function(
        "image => image.naturalWidth > 0",
        arg=picture.element_handle(),
        timeout=PATIENCE,
    )
    screenshot(page, "setup-archived.png")


def _mend_what_a_repair_tells(
    page: Page, home_assistant: HomeAssistant, garage: Garage, bucket: Bucket
) -> None:
    """Lose the bucket, be told, make it again, and follow the repair to its end."""
    for key in bucket.keys(""):
        bucket.client.delete_object(Bucket=BUCKET, Key=key)
    bucket.client.delete_bucket(Bucket=BUCKET)
    key = garage.deliver(MOTION, garage.now())
    page.goto(f"{home_assistant.url}/config/repairs")
    told = page.get_by_text("The bucket of Home is gone")
    told.click(timeout=60 * SECOND)
    dialog = Dialog(page).at("Where is the bucket?")
    screenshot(page, "setup-repair.png")
    # Not yet: it says so instead of pretending.
    dialog.submit()
    expect(dialog.element.get_by_text("That did not work")).to_be_visible(
        timeout=PATIENCE
    )
    bucket.client.create_bucket(Bucket=BUCKET)
    dialog.submit()
    dialog.finish()
    expect(told).to_have_count(0, timeout=PATIENCE)
    bucket.wait_for(key)


def _reconfigure(page: Page, home_assistant: HomeAssistant) -> None:
    """Call the recorder something else; the rest stays as it is."""
    before = _entry(home_assistant)["entry_id"]
    row = open_integration(page, home_assistant.url, "Home")
    choose_from_menu(page, row, "Reconfigure")
    dialog = Dialog(page).at("Change the recorder").enter(Name="Beach house")
    dialog.submit()
    dialog.at("Keep a copy elsewhere?").choose("Upload to an S3 bucket")
    secret = dialog.at("S3 bucket").field("Secret access key")
    expect(secret).to_have_value("")
    dialog.submit()
    dialog.at("Reconfiguration was successful").finish()
    changed = until("the new name", lambda: _entry(home_assistant, "Beach house"))
    assert changed["entry_id"] == before


def _remove(page: Page, home_assistant: HomeAssistant) -> None:
    """Remove the recorder with all that belongs to it."""
    row = open_integration(page, home_assistant.url, "Beach house")
    choose_from_menu(page, row, "Delete")
    asked = page.locator("dialog-box")
    asked.locator("ha-button", has_text="Delete").click(timeout=PATIENCE)
    expect(row).to_have_count(0, timeout=PATIENCE)
    until("the end of the recorder", lambda: not _entry(home_assistant, "Beach house"))
    names = [
        entity["entity_id"]
        for entity in _beside_the_browser(home_assistant.entities)
        if "garage" in entity["entity_id"] or "home" in entity["entity_id"]
    ]
    assert names == []


def _entry(home_assistant: HomeAssistant, title: str = "Home") -> dict[str, Any]:
    """Return a recorder by its name, empty if there is none."""
    entries = _beside_the_browser(
        home_assistant.command, "config_entries/get", domain="hikvision_nvr"
    )
    return next((entry for entry in entries if entry["title"] == title), {})


def _beside_the_browser[**P, T](
    call: Callable[P, T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Ask Home Assistant; the browser's driver has a loop in this thread already."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(call, *args, **kwargs).result()


def _free_port() -> int:
    """Return a port of this machine that nobody uses."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
