"""What the recorder does by itself, at its time and only if the owner wants it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)

from .recorder import FakeEngine, camera_subentry, recorder_entry

type Start = Callable[..., Any]


@pytest.fixture(autouse=True)
async def greenwich(home: HomeAssistant) -> None:
    """Let the house be where times are easy to read."""
    await home.config.async_set_time_zone("UTC")


@pytest.fixture
def start(home: HomeAssistant, engines: list[FakeEngine], tmp_path: Path) -> Start:
    async def started(
        *, options: dict[str, Any] | None = None, s3: bool = True, **camera: Any
    ) -> FakeEngine:
        entry: MockConfigEntry = recorder_entry(
            tmp_path / "storage",
            cameras=[camera_subentry("Front door", **camera), camera_subentry("Shed")],
            **({} if s3 else {"s3": None}),
        )
        entry.add_to_hass(home)
        home.config_entries.async_update_entry(entry, options=options or {})
        assert await home.config_entries.async_setup(entry.entry_id)
        await home.async_block_till_done()
        return engines[0]

    return started


async def at(home: HomeAssistant, freezer: FrozenDateTimeFactory, moment: str) -> None:
    freezer.move_to(moment)
    async_fire_time_changed(home, dt_util.utcnow())
    await home.async_block_till_done()


async def test_bucket_is_sorted_ten_minutes_past_each_hour(
    home: HomeAssistant, start: Start, freezer: FrozenDateTimeFactory
) -> None:
    freezer.move_to("2026-11-22 12:05:00+00:00")
    engine = await start(options={"sort_hourly": True})
    await at(home, freezer, "2026-11-22 12:09:59+00:00")
    assert engine.jobs.asked == []
    await at(home, freezer, "2026-11-22 12:10:00+00:00")
    await at(home, freezer, "2026-11-22 13:10:00+00:00")
    assert [kind for kind, _ in engine.jobs.asked] == ["sort", "sort"]
    assert engine.jobs.asked[0][1] == {
        "camera": None,
        "patterns": ["*.jpg", "*.mp4"],
        "grace": 600.0,
        "dry_run": False,
    }
    # A sort that still runs is not joined by another.
    assert engine.jobs.once == [True, True]


@pytest.mark.parametrize(
    ("options", "s3"), [({}, True), ({"sort_hourly": True}, False)]
)
async def test_nothing_is_sorted_unless_wished_and_possible(
    home: HomeAssistant,
    start: Start,
    freezer: FrozenDateTimeFactory,
    options: dict[str, Any],
    s3: bool,
) -> None:
    freezer.move_to("2026-11-22 12:05:00+00:00")
    engine = await start(options=options, s3=s3)
    await at(home, freezer, "2026-11-22 12:10:00+00:00")
    assert engine.jobs.asked == []


async def test_what_a_camera_keeps_no_longer_is_deleted_at_night(
    home: HomeAssistant, start: Start, freezer: FrozenDateTimeFactory
) -> None:
    await home.config.async_set_time_zone("Asia/Tokyo")
    freezer.move_to("2026-11-21 18:00:00+00:00")
    engine = await start(
        keep_local_days=7, keep_offsite_days=30, keep_archives_days=365
    )
    # 03:40 of the 22nd in Tokyo.
    await at(home, freezer, "2026-11-21 18:40:00+00:00")
    purge = {
        "camera": "Front door",
        "pattern": "*",
        "dry_run": False,
        "max_delete": 10_000,
    }
    assert engine.jobs.asked == [
        (
            "purge_local",
            {**purge, "before": "2026-11-15", "include_not_offsite": False},
        ),
        ("purge", {**purge, "before": "2026-10-23", "scope": "captures"}),
        ("purge", {**purge, "before": "2025-11-22", "scope": "archives"}),
    ]
    await home.config.async_set_time_zone("UTC")
    await home.async_block_till_done()


async def test_without_a_bucket_the_disk_is_all_there_is(
    home: HomeAssistant, start: Start, freezer: FrozenDateTimeFactory
) -> None:
    freezer.move_to("2026-11-22 03:00:00+00:00")
    engine = await start(s3=False, keep_local_days=7, keep_offsite_days=30)
    await at(home, freezer, "2026-11-22 03:40:00+00:00")
    ((kind, arguments),) = engine.jobs.asked
    assert kind == "purge_local"
    assert arguments["include_not_offsite"] is True


async def test_everything_is_kept_for_ever_by_default_and_after_an_unload(
    home: HomeAssistant, start: Start, freezer: FrozenDateTimeFactory
) -> None:
    freezer.move_to("2026-11-22 03:00:00+00:00")
    engine = await start(keep_local_days=0)
    await at(home, freezer, "2026-11-22 03:40:00+00:00")
    assert engine.jobs.asked == []
    (entry,) = home.config_entries.async_entries("hikvision_nvr")
    assert await home.config_entries.async_unload(entry.entry_id)
    await at(home, freezer, "2026-11-23 03:40:00+00:00")
    assert engine.jobs.asked == []
