"""A headless Chromium that remembers what a page complained about."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
import re
import shutil

from playwright.sync_api import ConsoleMessage, Page, sync_playwright

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# What pages complain about without our doing.
FOREIGN = (
    # The icons of other integrations come from a server in the internet.
    re.compile(r"/api/brands/integration/(?!hikvision_nvr/)"),
)


@dataclass
class Browser:
    """One page and its console."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            address = message.location.get("url", "")
            self._complain(f"{message.text} ({address})")

    def _complain(self, text: str) -> None:
        if not any(known.search(text) for known in FOREIGN):
            self.complaints.append(text)

    def watch(self) -> None:
        """Begin to note complaints."""
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self._complain(str(error)))


@contextmanager
def chromium(*, time_zone: str | None = None) -> Iterator[Browser]:
    """Open a window of the size that the documentation shows.

    Without ``time_zone`` it is in the machine's, which need not be Home Assistant's.
    """
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    assert program, f"none of {', '.join(PROGRAMS)} is installed"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=program, args=list(FLAGS), headless=True
        )
        page = started.new_page(
            viewport={"width": 1280, "height": 1130},
            color_scheme="light",
            timezone_id=time_zone,
        )
        browser = Browser(page)
        browser.watch()
        yield browser
        started.close()
