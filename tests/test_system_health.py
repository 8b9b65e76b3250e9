"""System health tells how the recorders are."""

import json
from pathlib import Path
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    get_system_health_info,
)

from custom_components import hikvision_nvr

from .recorder import STATUS, FakeEngine, recorder_entry

TEXTS: dict[str, Any] = json.loads(
    Path(hikvision_nvr.__file__)
    .with_name("translations")
    .joinpath("en.json")
    .read_text()
)["system_health"]["info"]


async def test_all_recorders_together(
    home: HomeAssistant,
    entry: MockConfigEntry,
    engine: FakeEngine,
    engines: list[FakeEngine],
    tmp_path: Path,
) -> None:
    assert await async_setup_component(home, "system_health", {})
    second = recorder_entry(tmp_path / "second", title="Second", s3=None)
    second.add_to_hass(home)
    assert await home.config_entries.async_setup(second.entry_id)
    before = await get_system_health_info(home, "hikvision_nvr")
    assert before["storage_free"] == "0.0 GB"
    assert "offsite" not in before

    await engine.tell(home, STATUS)
    info = await get_system_health_info(home, "hikvision_nvr")
    assert info == {
        "recorders": 2,
        "running": 2,
        "cameras": 2,
        "connected": 1,
        "storage_used": "2.5 GB",
        "storage_free": "80.0 GB",
        "backlog": 3,
        "offsite": True,
    }
    assert set(info) == set(TEXTS)

    assert await home.config_entries.async_unload(second.entry_id)
    info = await get_system_health_info(home, "hikvision_nvr")
    assert (info["recorders"], info["running"]) == (2, 1)
