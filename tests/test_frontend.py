"""The card's module: served, told to the frontend, taken back, and never stale."""

from hashlib import sha256
from http import HTTPStatus
import json
from pathlib import Path
import shutil
import subprocess
import sys
from typing import Any

from homeassistant.components.frontend import DATA_EXTRA_MODULE_URL
from homeassistant.components.lovelace import LOVELACE_DATA
from homeassistant.config_entries import ConfigEntryDisabler
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.hikvision_nvr.frontend import MODULE, MODULE_URL

from .recorder import FakeEngine, recorder_entry

ROOT = Path(__file__).parents[1]
URL = f"{MODULE_URL}?v={sha256(MODULE.read_bytes()).hexdigest()[:12]}"


@pytest.fixture
def lovelace() -> dict[str, Any]:
    """How the dashboards' resources are kept."""
    return {}


@pytest.fixture
async def dashboards(
    home: HomeAssistant, engines: list[FakeEngine], lovelace: dict[str, Any]
) -> HomeAssistant:
    """Home Assistant with a frontend."""
    assert await async_setup_component(home, "lovelace", {"lovelace": lovelace})
    assert await async_setup_component(home, "frontend", {})
    return home


async def _set_up(hass: HomeAssistant, folder: Path, title: str) -> MockConfigEntry:
    entry = recorder_entry(folder / title, title=title)
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    return entry


def _resources(hass: HomeAssistant) -> list[str]:
    return [item["url"] for item in hass.data[LOVELACE_DATA].resources.async_items()]


async def test_the_module_is_served_and_a_resource_of_the_dashboards(
    dashboards: HomeAssistant,
    hass_client_no_auth: ClientSessionGenerator,
    tmp_path: Path,
) -> None:
    await _set_up(dashboards, tmp_path, "One")
    assert _resources(dashboards) == [URL]
    client = await hass_client_no_auth()
    response = await client.get(URL)
    assert response.status == HTTPStatus.OK
    assert "javascript" in response.headers["Content-Type"]
    assert await response.read() == MODULE.read_bytes()


async def test_two_recorders_have_one_resource_which_goes_with_the_last(
    dashboards: HomeAssistant, tmp_path: Path
) -> None:
    first = await _set_up(dashboards, tmp_path, "One")
    second = await _set_up(dashboards, tmp_path, "Two")
    assert _resources(dashboards) == [URL]
    await dashboards.config_entries.async_remove(first.entry_id)
    assert _resources(dashboards) == [URL]
    await dashboards.config_entries.async_remove(second.entry_id)
    assert _resources(dashboards) == []


async def test_a_reload_leaves_the_resource_and_disabling_takes_it(
    dashboards: HomeAssistant, tmp_path: Path
) -> None:
    entry = await _set_up(dashboards, tmp_path, "One")
    resources = dashboards.data[LOVELACE_DATA].resources
    (before,) = resources.async_items()
    assert await dashboards.config_entries.async_reload(entry.entry_id)
    assert resources.async_items() == [before]
    await dashboards.config_entries.async_set_disabled_by(
        entry.entry_id, ConfigEntryDisabler.USER
    )
    assert _resources(dashboards) == []
    await dashboards.config_entries.async_set_disabled_by(entry.entry_id, None)
    assert _resources(dashboards) == [URL]


async def test_an_older_version_is_replaced_and_others_are_left_alone(
    dashboards: HomeAssistant, tmp_path: Path
) -> None:
    resources = dashboards.data[LOVELACE_DATA].resources
    for url in (f"{MODULE_URL}?v=older", "/local/other.js", MODULE_URL):
        await resources.async_create_item({"res_type": "module", "url": url})
    await _set_up(dashboards, tmp_path, "One")
    assert _resources(dashboards) == [URL, "/local/other.js"]


@pytest.mark.parametrize("lovelace", [{"resource_mode": "yaml"}])
async def test_where_resources_are_kept_in_yaml_pages_load_the_module(
    dashboards: HomeAssistant, tmp_path: Path
) -> None:
    entry = await _set_up(dashboards, tmp_path, "One")
    extra = dashboards.data[DATA_EXTRA_MODULE_URL]
    assert URL in extra.urls
    assert await dashboards.config_entries.async_reload(entry.entry_id)
    assert URL in extra.urls
    await dashboards.config_entries.async_remove(entry.entry_id)
    assert URL not in extra.urls


async def test_a_home_assistant_without_a_frontend_records_as_well(
    home: HomeAssistant, engines: list[FakeEngine], tmp_path: Path
) -> None:
    entry = await _set_up(home, tmp_path, "One")
    assert engines[-1].running
    await home.config_entries.async_remove(entry.entry_id)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A copy of what the check of the module reads."""
    copy = tmp_path / "repository"
    for folder in ("frontend/src", "custom_components/hikvision_nvr/frontend"):
        shutil.copytree(
            ROOT / folder,
            copy / folder,
            ignore=shutil.ignore_patterns("__pycache__"),
        )
    for file in (ROOT / "frontend").iterdir():
        if file.is_file():
            shutil.copy(file, copy / "frontend")
    (copy / "scripts/support").mkdir(parents=True)
    shutil.copy(ROOT / "scripts/support/check_card.py", copy / "scripts/support")
    return copy


def _check(repository: Path) -> str:
    """Return what the check finds."""
    done = subprocess.run(
        [sys.executable, repository / "scripts/support/check_card.py"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert bool(done.returncode) == bool(done.stdout), done.stderr
    return done.stdout


def test_a_module_that_its_sources_did_not_make_is_found(repository: Path) -> None:
    assert _check(repository) == ""
    module = repository / MODULE.relative_to(ROOT)
    source = repository / "frontend/src/card.ts"
    before = source.read_bytes()
    source.write_bytes(before + b"\n")
    assert "stale" in _check(repository)
    source.write_bytes(before)
    assert _check(repository) == ""
    module.write_bytes(module.read_bytes() + b"\n")
    assert "by hand" in _check(repository)


def test_a_lock_file_that_names_a_host_is_found(repository: Path) -> None:
    lock = repository / "frontend/package-lock.json"
    content = json.loads(lock.read_text())
    content["packages"]["node_modules/lit"]["resolved"] = "https://example.invalid/lit"
    lock.write_text(json.dumps(content))
    assert "names a host" in _check(repository)
