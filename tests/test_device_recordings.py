"""What a camera's device has recorded, in the media browser, and gaps that are filled."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from homeassistant.components.media_player import BrowseError
from homeassistant.components.media_source import (
    Unresolvable,
    async_browse_media,
    async_resolve_media,
)
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.hikvision_nvr import device_media
from custom_components.hikvision_nvr.device import DeviceRecording
from custom_components.hikvision_nvr.errors import (
    DeviceOfflineError,
    DeviceReplayBusyError,
)
from tests.simulators.byte_stream import make_byte_stream
from tests.simulators.stream import RtspServer, StreamSettings, gstreamer_python

from .ports import free_port
from .recorder import FakeEngine, camera_subentry, recorder_entry

NOON = datetime(2026, 11, 20, 11, 0, tzinfo=UTC)
SOURCE = "media-source://hikvision_nvr"
CAMERA = f"{SOURCE}/entry-Recorder/camera/Front door"
DEVICE = f"{SOURCE}/entry-Recorder/day/Front door/device/2026-11-20"


@pytest.fixture
def entry(home: HomeAssistant, tmp_path: Path) -> MockConfigEntry:
    """A recorder with a camera whose device is known, and one without."""
    entry = recorder_entry(
        tmp_path / "storage",
        cameras=[
            camera_subentry(
                "Front door",
                http_port=80,
            ),
            camera_subentry("Garden", host="192.0.2.12"),
        ],
    )
    entry.add_to_hass(home)
    return entry


@pytest.fixture
def replayed(tmp_path: Path, socket_enabled: None) -> Iterator[str]:
    """A device's replay of some seconds; the address of it."""
    python = gstreamer_python()
    if python is None:
        pytest.skip("GStreamer's RTSP server is not installed")
    settings = StreamSettings(
        host="127.0.0.1",
        port=free_port(),
        username="admin",
        password="secret",
        channel=1,
        clip=make_byte_stream(tmp_path / "clip.stream", codec="h264"),
        frames_per_second=25,
        replays=True,
    )
    server = RtspServer(python, settings, tmp_path / "rtsp.log")
    yield (
        settings.url.replace("Channels", "tracks")
        + "?starttime=20261120T110000Z&endtime=20261120T110020Z"
    )
    server.stop()


@pytest.fixture(autouse=True)
async def sources(home: HomeAssistant, engine: FakeEngine) -> None:
    assert await async_setup_component(home, "media_source", {})


async def test_a_days_recordings_on_the_device_are_items_of_an_hour(
    home: HomeAssistant, engine: FakeEngine
) -> None:
    await home.config.async_set_time_zone("Europe/Berlin")
    engine.device_footage.known = [
        DeviceRecording(start=NOON, end=NOON + timedelta(minutes=20)),
        DeviceRecording(
            start=NOON + timedelta(minutes=50), end=NOON + timedelta(minutes=75)
        ),
    ]
    camera = await async_browse_media(home, CAMERA)
    assert [child.title for child in camera.children or ()] == [
        "Events",
        "On the device",
    ]
    on_device = (camera.children or ())[1]
    days = await async_browse_media(home, on_device.media_content_id)
    today = dt_util.now().date()
    titles = [child.title for child in days.children or ()]
    assert titles[:2] == [
        today.isoformat(),
        (today - timedelta(days=1)).isoformat(),
    ]
    assert len(titles) <= 200
    folder = await async_browse_media(home, DEVICE)
    *items, turned = folder.children or ()
    assert [child.title for child in items] == [
        "13:00–13:15 (15 min)",
        "12:50–13:00 (10 min)",
        "12:00–12:20 (20 min)",
    ]
    assert all(child.can_play for child in items)
    other_way = await async_browse_media(home, turned.media_content_id)
    assert [child.title for child in (other_way.children or ())[:3]] == [
        child.title for child in items[::-1]
    ]
    other = await async_browse_media(home, f"{SOURCE}/entry-Recorder/camera/Garden")
    assert [child.title for child in other.children or ()] == ["Events"]


async def test_a_device_that_does_not_answer_is_told(
    home: HomeAssistant, engine: FakeEngine
) -> None:
    engine.device_footage.error = DeviceOfflineError("away", host="192.0.2.11")
    with pytest.raises(BrowseError) as raised:
        await async_browse_media(home, DEVICE)
    assert raised.value.translation_key == "device_offline"
    engine.device_footage.error = DeviceReplayBusyError("busy", camera="Front door")
    with pytest.raises(Unresolvable) as refused:
        await async_resolve_media(home, _replay(), None)
    assert refused.value.translation_key == "device_replay_busy"


def _replay(minutes: int = 0) -> str:
    start = NOON + timedelta(minutes=minutes)
    end = start + timedelta(minutes=5)
    return (
        f"{SOURCE}/entry-Recorder/footage/Front door"
        f"/{start:%Y%m%dT%H%M%S}.000000Z/{end:%Y%m%dT%H%M%S}.000000Z/device"
    )


async def test_a_replay_is_watched_by_one_at_a_time_and_given_back(
    home: HomeAssistant,
    engine: FakeEngine,
    replayed: str,
    hass_client: ClientSessionGenerator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Home Assistant's own stream serves it from the device's RTSP replay."""
    monkeypatch.setattr(device_media, "_LOOK", 0.05)
    monkeypatch.setattr(device_media, "_REST", 0.5)
    engine.device_footage.url = replayed
    client = await hass_client()
    played = await async_resolve_media(home, _replay(), None)
    assert played.mime_type == "application/x-mpegURL"
    async with asyncio.timeout(20):
        answer = await client.get(played.url)
        assert answer.status == 200
        text = await answer.text()
        assert "avc1" in text
    assert engine.device_footage.closed == []
    # Who chooses another one ends the first, before the device is asked again.
    await async_resolve_media(home, _replay(10), None)
    assert engine.device_footage.closed == ["token-1"]
    assert [start for _, start, _ in engine.device_footage.opened] == [
        NOON,
        NOON + timedelta(minutes=10),
    ]
    # What is over by itself is given back as well.
    async with asyncio.timeout(20):
        while engine.device_footage.closed != ["token-1", "token-2"]:
            await asyncio.sleep(0.05)


async def test_gaps_are_filled_by_a_job(
    home: HomeAssistant, engine: FakeEngine
) -> None:
    answer: Any = await home.services.async_call(
        "hikvision_nvr",
        "fill_gaps",
        {
            "entity_id": "camera.front_door",
            "start": NOON.isoformat(),
            "end": (NOON + timedelta(hours=1)).isoformat(),
        },
        blocking=True,
        return_response=True,
    )
    assert answer == {"job_id": "job-1"}
    ((kind, arguments),) = engine.jobs.asked
    assert kind == "fill_gaps"
    assert arguments == {
        "camera": "Front door",
        "start_us": int(NOON.timestamp() * 1e6),
        "end_us": int((NOON + timedelta(hours=1)).timestamp() * 1e6),
    }
    assert engine.jobs.once == [True]
    with pytest.raises(HomeAssistantError) as raised:
        await home.services.async_call(
            "hikvision_nvr",
            "fill_gaps",
            {
                "entity_id": "camera.garden",
                "start": NOON.isoformat(),
                "end": (NOON + timedelta(hours=1)).isoformat(),
            },
            blocking=True,
        )
    assert raised.value.translation_key == "device_recordings_unavailable"
