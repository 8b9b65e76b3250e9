"""The timeline card in a browser: where it is put, opened, looked at and examined."""

from collections.abc import Iterator
from contextlib import contextmanager
import json
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page

from .browser import Browser, chromium
from .demo import ROOT
from .home_assistant import HomeAssistant

ARTIFACTS = ROOT / "artifacts" / "e2e"
AXE = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
SECOND = 1000

type Card = dict[str, Any]


def put(home_assistant: HomeAssistant, url_path: str, config: dict[str, Any]) -> None:
    """Save a dashboard, which is made if it is not there."""
    known = home_assistant.command("lovelace/dashboards/list")
    if url_path not in [dashboard["url_path"] for dashboard in known]:
        home_assistant.command(
            "lovelace/dashboards/create",
            url_path=url_path,
            title=url_path,
            mode="storage",
            show_in_sidebar=False,
            require_admin=False,
        )
    home_assistant.command("lovelace/config/save", url_path=url_path, config=config)


def timeline(camera: str, **options: Any) -> Card:
    """Return the configuration of a timeline card."""
    return {"type": "custom:hikvision-nvr-timeline-card", "entity": camera, **options}


@contextmanager
def signed_in(
    home_assistant: HomeAssistant,
    *,
    width: int = 1280,
    language: str = "en",
    time_zone: str | None = None,
) -> Iterator[Browser]:
    """Open a browser that is signed in already."""
    tokens = {
        "access_token": home_assistant.token,
        "token_type": "Bearer",
        "refresh_token": "",
        "expires_in": 10**8,
        "expires": 10**13,
        "hassUrl": home_assistant.url,
        "clientId": f"{home_assistant.url}/",
    }
    stored = {"hassTokens": tokens, "selectedLanguage": language}
    script = "".join(
        f"localStorage.setItem({json.dumps(key)}, {json.dumps(json.dumps(value))});"
        for key, value in stored.items()
    )
    with chromium(time_zone=time_zone) as browser:
        page = browser.page
        page.set_viewport_size({"width": width, "height": 1130 if width > 600 else 844})
        page.add_init_script(script)
        yield browser


def open_card(page: Page, home_assistant: HomeAssistant, path: str) -> Locator:
    """Open a dashboard and return its first timeline card, which has loaded its day."""
    page.goto(f"{home_assistant.url}/{path}")
    card = page.locator("hikvision-nvr-timeline-card").first
    card.locator("hikvision-nvr-strip").wait_for(timeout=60 * SECOND)
    card.locator(".chip, .empty").first.wait_for(timeout=30 * SECOND)
    return card


def screenshot(page: Page, name: str) -> None:
    """Leave a picture for those who want to see what the test saw."""
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=Path(ARTIFACTS, name))


def serious_findings(page: Page, element: str) -> list[str]:
    """Return what axe finds wrong with an element and may not be shipped."""
    assert AXE.is_file(), "scripts/card installs axe-core"
    page.add_script_tag(path=AXE)
    found = page.evaluate(
        """async (element) => {
            const deep = (root) => root.querySelector(element) ??
                [...root.querySelectorAll("*")].reduce(
                    (found, one) => found ?? (one.shadowRoot && deep(one.shadowRoot)),
                    null);
            const { violations } = await axe.run(deep(document));
            return violations;
        }""",
        element,
    )
    return [
        f"{one['id']}: {one['help']} {[node['html'][:160] for node in one['nodes']][:4]}"
        for one in found
        if one["impact"] in ("serious", "critical")
    ]
