"""Recordings are purged by Home Assistant's service: real engine, real files."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
)

from custom_components.hikvision_nvr.model import OffsiteRecordings
from custom_components.hikvision_nvr.store import Store
from custom_components.hikvision_nvr.store.mp4 import Fragment
from custom_components.hikvision_nvr.store.segment import (
    SavedSegment,
    SegmentInfo,
    pack_place,
)

from .ports import free_port
from .recorder import camera_subentry, recorder_entry

pytestmark = pytest.mark.usefixtures("socket_enabled")

BERLIN = ZoneInfo("Europe/Berlin")
SIZE = 1000
DAY = datetime(2026, 10, 1, tzinfo=BERLIN)
"""The first day that is kept."""


@pytest.fixture
async def recorder(
    home: HomeAssistant, tmp_path: Path
) -> AsyncIterator[MockConfigEntry]:
    """A recorder that really keeps, with two cameras and no bucket."""
    await home.config.async_set_time_zone("Europe/Berlin")
    entry = recorder_entry(
        tmp_path / "storage",
        s3=None,
        ftps_port=free_port(),
        cameras=[
            camera_subentry("Front door"),
            camera_subentry("Garden", host="192.0.2.12"),
        ],
    )
    entry.add_to_hass(home)
    assert await home.config_entries.async_setup(entry.entry_id)
    await home.async_block_till_done()
    yield entry
    assert await home.config_entries.async_unload(entry.entry_id)
    await home.config.async_set_time_zone("UTC")


async def record(
    entry: MockConfigEntry,
    camera: str,
    *starts: datetime,
    size: int = SIZE,
    complete: bool = True,
) -> list[Path]:
    """Have segments of a minute, as a recording leaves them; return their files."""
    engine = entry.runtime_data.engine

    async def add(store: Store) -> list[Path]:
        saved, paths = [], []
        for start in starts:
            info = SegmentInfo(
                camera=camera,
                run="00000000",
                sequence=0,
                start_us=int(start.timestamp() * 1_000_000),
                video="avc1.4D0028",
                audio=None,
            )
            path = store._root.path / info.relative_path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(bytes(size))
            paths.append(path)
            saved.append(
                SavedSegment(
                    info=info,
                    size=size,
                    ticks=60 * 90_000,
                    init_size=100,
                    places=pack_place(Fragment(100, 0, True)),
                    complete=complete,
                )
            )
        await store.recordings.segments.save(saved)
        return paths

    paths: list[Path] = await engine.run(add(engine.store))
    return paths


async def purge(home: HomeAssistant, **data: Any) -> dict[str, Any]:
    answer = await home.services.async_call(
        "hikvision_nvr",
        "purge",
        {"scope": "recordings", **data},
        blocking=True,
        return_response=True,
    )
    assert isinstance(answer, dict)
    return answer


async def totals(entry: MockConfigEntry) -> dict[str, tuple[int, int]]:
    engine = entry.runtime_data.engine
    found: dict[str, tuple[int, int]] = await engine.run(
        engine.store.recordings.segments.totals()
    )
    return found


def are_there(paths: Sequence[Path]) -> list[bool]:
    return [path.exists() for path in paths]


async def test_a_dry_run_is_the_default_and_tells_what_would_go(
    home: HomeAssistant, recorder: MockConfigEntry
) -> None:
    front = await record(
        recorder, "Front door", DAY - timedelta(days=2), DAY - timedelta(hours=1)
    )
    garden = await record(recorder, "Garden", DAY - timedelta(days=1), size=500)
    tried = await purge(home, before="2026-10-01")
    job_id = tried.pop("job_id")
    assert job_id
    assert tried == {
        "dry_run": True,
        "scope": "recordings",
        "before": "2026-10-01",
        "matched": 3,
        "bytes": 2500,
        "deleted": 0,
        "held": 0,
        "watched": 0,
        "not_offsite": 0,
        "remaining": 0,
        "by_camera": {"Front door": 2, "Garden": 1},
        "bytes_by_camera": {"Front door": 2000, "Garden": 500},
        "sample": [
            str(path).partition("storage/")[2] for path in (front[0], *garden, front[1])
        ],
        "failed": 0,
        "complete": True,
    }
    assert are_there([*front, *garden]) == [True] * 3


async def test_what_ended_before_the_day_goes_from_disk_and_catalogue(
    home: HomeAssistant, recorder: MockConfigEntry, tmp_path: Path
) -> None:
    """The day begins in Home Assistant's time zone, and no file reaches into it."""
    starts = [
        DAY - timedelta(days=400),
        DAY - timedelta(seconds=60),
        DAY - timedelta(seconds=59),
        DAY,
    ]
    files = await record(recorder, "Front door", *starts)
    written = await record(
        recorder, "Front door", DAY - timedelta(days=1), complete=False
    )
    ends = async_capture_events(home, "hikvision_nvr_job")
    done = await purge(home, before="2026-10-01", dry_run=False)
    assert (done["matched"], done["deleted"], done["failed"]) == (2, 2, 0)
    assert are_there(files) == [False, False, True, True]
    # What is still written stays, and so does what was not meant.
    assert are_there(written) == [True]
    assert (await totals(recorder))["Front door"] == (3 * SIZE, 180)
    # A day that is gone leaves no folder behind.
    days = tmp_path / "storage" / "Front door" / "recordings"
    assert sorted(path.name for path in days.iterdir()) == ["2026-09-29", "2026-09-30"]
    await home.async_block_till_done()
    (end,) = ends
    assert (end.data["kind"], end.data["state"]) == ("purge_recordings", "done")
    assert home.states.get("sensor.recorder_job") is not None


async def test_camera_pattern_age_and_limit_choose(
    home: HomeAssistant, recorder: MockConfigEntry
) -> None:
    now = datetime.now(BERLIN).replace(hour=12, minute=0, second=0, microsecond=0)
    old = [now - timedelta(days=days) for days in (40, 39, 38, 3)]
    front = await record(recorder, "Front door", *old)
    garden = await record(recorder, "Garden", *old)
    chosen = {"camera": "Front door", "older_than_days": 30, "dry_run": False}
    # Names tell the time in UTC.
    day = front[1].name[:8]
    done = await purge(home, **chosen, pattern=f"{day}T*.MP4")
    assert (done["deleted"], done["by_camera"]) == (1, {"Front door": 1})
    assert are_there(front) == [True, False, True, True]
    done = await purge(home, **chosen, max_delete=1)
    assert (done["matched"], done["deleted"], done["remaining"]) == (2, 1, 1)
    assert are_there(front) == [False, False, True, True]
    assert are_there(garden) == [True] * 4
    tried = await purge(home, older_than_days=30, max_delete=2)
    assert (tried["matched"], tried["remaining"], tried["deleted"]) == (4, 2, 0)


async def test_what_is_protected_or_watched_stays(
    home: HomeAssistant, recorder: MockConfigEntry
) -> None:
    starts = [DAY - timedelta(days=days) for days in (4, 3, 2, 1)]
    files = await record(recorder, "Front door", *starts)
    moment = {
        "entity_id": "camera.front_door",
        "start": starts[0] + timedelta(seconds=30),
        "end": starts[0] + timedelta(seconds=31),
    }
    await home.services.async_call("hikvision_nvr", "protect", moment, blocking=True)
    engine = recorder.runtime_data.engine
    await engine.run(
        engine.store.recordings.footage(
            "Front door", starts[1], starts[1] + timedelta(seconds=1), watch=True
        )
    )
    arguments = {"before": "2026-10-01", "dry_run": False, "include_not_offsite": True}
    done = await purge(home, **arguments)
    assert (done["deleted"], done["held"], done["watched"]) == (2, 1, 1)
    assert are_there(files) == [True, True, False, False]
    await home.services.async_call("hikvision_nvr", "unprotect", moment, blocking=True)
    done = await purge(home, **arguments)
    assert (done["deleted"], done["held"], done["watched"]) == (1, 0, 1)
    assert are_there(files) == [False, True, False, False]


async def test_what_has_to_go_offsite_and_has_not_stays_unless_told_otherwise(
    home: HomeAssistant, recorder: MockConfigEntry
) -> None:
    engine = recorder.runtime_data.engine
    uploads = engine.store.recordings.uploads
    await engine.run(uploads.choose({"Front door": OffsiteRecordings.ALL}))
    (sent,) = await record(recorder, "Front door", DAY - timedelta(days=2))

    async def send() -> None:
        upload = await uploads.pick()
        assert upload is not None
        await uploads.succeeded(upload)

    await engine.run(send())
    (waits,) = await record(recorder, "Front door", DAY - timedelta(days=3))
    (garden,) = await record(recorder, "Garden", DAY - timedelta(days=3))
    done = await purge(home, before="2026-10-01", dry_run=False)
    assert (done["deleted"], done["not_offsite"]) == (2, 1)
    assert done["by_camera"] == {"Front door": 1, "Garden": 1}
    assert are_there([sent, waits, garden]) == [False, True, False]
    told = {"before": "2026-10-01", "dry_run": False, "include_not_offsite": True}
    done = await purge(home, **told)
    assert (done["deleted"], done["not_offsite"]) == (1, 0)
    assert not waits.exists()
    assert await engine.run(uploads.pick()) is None


async def test_more_than_a_batch_goes_and_what_cannot_is_told(
    home: HomeAssistant,
    recorder: MockConfigEntry,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("custom_components.hikvision_nvr.local_purge._BATCH", 3)
    # Several begin at the same moment, on the edge of a batch too.
    starts = [DAY - timedelta(minutes=10 + minute) for minute in range(5)]
    files = await record(recorder, "Front door", *starts)
    files += await record(recorder, "Garden", *starts)
    # A folder that is a link leads nowhere that is ours.
    precious = tmp_path / "precious"
    files[0].parent.rename(precious)
    files[0].parent.symlink_to(precious)
    done = await purge(home, before="2026-10-01", dry_run=False)
    assert (done["matched"], done["deleted"], done["failed"]) == (10, 5, 5)
    assert len(list(precious.iterdir())) == 5
    assert are_there(files[5:]) == [False] * 5
    assert (await totals(recorder))["Garden"] == (0, 0)


async def test_no_bucket_is_needed_and_one_limit_is(
    home: HomeAssistant, recorder: MockConfigEntry
) -> None:
    assert (await purge(home, before="2026-10-01"))["matched"] == 0
    with pytest.raises(ServiceValidationError):
        await purge(home)
