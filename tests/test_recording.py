"""Recording as Home Assistant shows it: switch, sensors, media browser, services."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from homeassistant.components.media_source import (
    async_browse_media,
    async_resolve_media,
)
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import entity_registry as er, issue_registry as ir
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.hikvision_nvr.diagnostics import (
    async_get_config_entry_diagnostics,
)
from custom_components.hikvision_nvr.errors import CatalogueError, FootageNotFoundError
from custom_components.hikvision_nvr.model import (
    GapReason,
    RecordingMode,
    RecordingState,
    RecordingStatus,
    StoragePressure,
    StreamReader,
)
from custom_components.hikvision_nvr.store.mp4 import Fragment
from custom_components.hikvision_nvr.store.segment import Segment, SegmentInfo

from .recorder import STATUS, FakeEngine, camera_subentry, recorder_entry

FRONT = "camera-front-door"
START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
RECORDING = RecordingStatus(
    state=RecordingState.RECORDING,
    bitrate=4_100_000,
    recorded=7200,
    bytes=3_600_000_000,
    dropped=2,
    last_gap=(START, START + timedelta(seconds=30), GapReason.STREAM),
)


@pytest.fixture
def entry(home: HomeAssistant, tmp_path: Path) -> MockConfigEntry:
    """A recorder with a camera that is recorded and one that is not."""
    entry = recorder_entry(
        tmp_path / "storage",
        cameras=[
            camera_subentry("Front door", recording_mode="continuous"),
            camera_subentry("Garden", host="192.0.2.12"),
        ],
    )
    entry.add_to_hass(home)
    return entry


def status(recording: RecordingStatus = RECORDING, **more: Any) -> Any:
    return replace(STATUS, recordings={FRONT: recording}, recording_days=12.5, **more)


def value(home: HomeAssistant, entity_id: str) -> str:
    state = home.states.get(entity_id)
    assert state is not None, entity_id
    return state.state


async def test_sensors_and_the_camera_follow_the_recording(
    home: HomeAssistant, engine: FakeEngine
) -> None:
    await engine.tell(home, status())
    assert value(home, "camera.front_door") == "recording"
    assert value(home, "sensor.front_door_recording") == "recording"
    assert value(home, "sensor.front_door_recorded") == "2.0"
    assert value(home, "sensor.front_door_bit_rate") == "4.1"
    assert value(home, "sensor.front_door_recordings") == "3.6"
    assert value(home, "sensor.front_door_dropped_groups_of_pictures") == "2"
    gap = home.states.get("sensor.front_door_last_gap")
    assert gap is not None
    assert gap.state == "2026-11-22T12:00:30+00:00"
    assert gap.attributes["reason"] == "stream"
    assert value(home, "sensor.recorder_recording_capacity") == "12.5"
    assert value(home, "switch.front_door_recording") == "on"

    failed = RecordingStatus(state=RecordingState.FAILED, error="stream_stalled")
    await engine.tell(home, status(failed))
    assert value(home, "camera.front_door") == "idle"
    state = home.states.get("sensor.front_door_recording")
    assert state is not None
    assert state.state == "failed"
    assert state.attributes["error"] == "stream_stalled"
    assert value(home, "sensor.front_door_last_gap") == "unknown"


async def test_a_camera_that_is_not_recorded_has_no_such_entities(
    home: HomeAssistant, engine: FakeEngine, entity_registry: er.EntityRegistry
) -> None:
    await engine.tell(home, status())
    ours = {one.unique_id for one in entity_registry.entities.values()}
    assert f"{FRONT}_recording" in ours
    assert not any(
        one.startswith("camera-garden_record") or one == "camera-garden_last_gap"
        for one in ours
    )
    assert engine.settings.cameras[1].recording.mode is RecordingMode.OFF


async def test_the_switch_reaches_the_engine(
    home: HomeAssistant, engine: FakeEngine
) -> None:
    await engine.tell(home, status())
    for service in ("turn_off", "turn_on"):
        await home.services.async_call(
            "switch",
            service,
            {"entity_id": "switch.front_door_recording"},
            blocking=True,
        )
    assert engine.recording.switched == [(FRONT, False), (FRONT, True)]
    engine.recording.error = CatalogueError("disk full")
    with pytest.raises(HomeAssistantError):
        await home.services.async_call(
            "switch",
            "turn_off",
            {"entity_id": "switch.front_door_recording"},
            blocking=True,
        )
    await engine.tell(home, status(RecordingStatus(enabled=False)))
    assert value(home, "switch.front_door_recording") == "off"


@pytest.mark.parametrize(
    ("pressure", "issue"),
    [
        (StoragePressure.OTHERS, "storage_others"),
        (StoragePressure.FULL, "storage_full"),
    ],
)
async def test_a_disk_with_too_little_room_is_a_matter_of_repair(
    home: HomeAssistant,
    engine: FakeEngine,
    issue_registry: ir.IssueRegistry,
    pressure: StoragePressure,
    issue: str,
) -> None:
    await engine.tell(home, status(storage_pressure=pressure))
    found = issue_registry.async_get_issue("hikvision_nvr", f"{issue}_entry-Recorder")
    assert found is not None
    await engine.tell(home, status())
    assert not issue_registry.async_get_issue(
        "hikvision_nvr", f"{issue}_entry-Recorder"
    )


async def test_the_form_becomes_what_the_engine_works_with(
    home: HomeAssistant, tmp_path: Path, engines: list[FakeEngine]
) -> None:
    entry = recorder_entry(
        tmp_path,
        cameras=[
            camera_subentry(
                "Front door",
                recording_mode="schedule",
                recording_audio=False,
                recording_reader="ffmpeg",
                recording_basic=True,
                pre_roll=7,
                post_roll=20,
                schedule_days=["sat", "sun"],
                schedule_begin="22:00:00",
                schedule_end="06:30:00",
                recording_days=14,
                recording_size=500,
            )
        ],
    )
    entry.add_to_hass(home)
    assert await home.config_entries.async_setup(entry.entry_id)
    await home.async_block_till_done()
    (camera,) = engines[0].settings.cameras
    recording = camera.recording
    assert recording.url == (
        "rtsp://viewer:s3cret%2Fpass@192.0.2.11:554/Streaming/Channels/101"
    )
    assert recording.schedule is not None
    assert recording.schedule.weekdays == {5, 6}
    assert recording.schedule.begin.isoformat() == "22:00:00"
    assert recording.schedule.end.isoformat() == "06:30:00"
    assert not recording.audio
    assert recording.reader is StreamReader.FFMPEG
    assert recording.basic
    assert (recording.days, recording.max_bytes) == (14, 500 * 10**9)
    assert recording.pre_roll == timedelta(seconds=7)
    assert "s3cret" not in repr(engines[0].settings)


async def test_diagnostics_tell_which_reader_a_camera_has_and_why(
    home: HomeAssistant, entry: MockConfigEntry, engine: FakeEngine
) -> None:
    await engine.tell(
        home,
        status(
            RecordingStatus(
                reader=StreamReader.FFMPEG, reader_reason="stream_unsupported"
            )
        ),
    )
    told = await async_get_config_entry_diagnostics(home, entry)
    recording = told["status"]["recordings"][FRONT]
    assert (recording["reader"], recording["reader_reason"]) == (
        "ffmpeg",
        "stream_unsupported",
    )


async def test_options_say_how_long_recordings_stay(
    home: HomeAssistant, entry: MockConfigEntry, engines: list[FakeEngine]
) -> None:
    assert await home.config_entries.async_setup(entry.entry_id)
    await home.async_block_till_done()
    flow = await home.config_entries.options.async_init(entry.entry_id)
    assert "recordings" in flow["menu_options"]
    flow = await home.config_entries.options.async_configure(
        flow["flow_id"], {"next_step_id": "recordings"}
    )
    done = await home.config_entries.options.async_configure(
        flow["flow_id"],
        {
            "recording_days": 30,
            "detection_days": 90,
            "recording_size": 2000,
            "sync_interval": "2",
        },
    )
    assert done["type"] is FlowResultType.CREATE_ENTRY
    await home.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED
    settings = engines[-1].settings
    assert (settings.retention.days, settings.retention.detection_days) == (30, 90)
    assert settings.retention.max_bytes == 2000 * 10**9
    assert settings.sync_interval == 2


def add_footage(
    engine: FakeEngine, start: datetime, *, video: str = "avc1.4D0028", **more: Any
) -> Segment:
    recordings = engine.store.recordings
    number = len(recordings.segments.known) + 1
    segment = Segment(
        id=number,
        info=SegmentInfo(
            camera="Front door",
            run="00000000",
            sequence=number,
            start_us=int(start.timestamp() * 1_000_000),
            video=video,
            audio=more.get("audio"),
        ),
        end_us=int(start.timestamp() * 1_000_000) + 60_000_000,
        size=3_001_000,
        ticks=60 * 90_000,
        init_size=1000,
        complete=True,
    )
    recordings.segments.known.append(segment)
    recordings.fragments[number] = [
        Fragment(1000 + 100_000 * one, one * 180_000, True) for one in range(30)
    ]
    path = recordings.path(segment)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(3_001_000))
    return segment


async def children(home: HomeAssistant, media_id: str) -> list[Any]:
    found = await async_browse_media(home, media_id)
    return list(found.children or ())


async def test_from_the_day_to_an_hour_that_plays(
    home: HomeAssistant,
    engine: FakeEngine,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    await async_setup_component(home, "media_source", {})
    for minutes in (0, 1, 5, 70):
        add_footage(engine, START + timedelta(minutes=minutes))
    root = "media-source://hikvision_nvr/entry-Recorder"
    events, folder = await children(home, f"{root}/camera/Front door")
    assert (events.title, folder.title) == ("Events", "Recordings")
    (day,) = await children(home, folder.media_content_id)
    assert day.title == "2026-11-22"
    newer, older, turned = await children(home, day.media_content_id)
    assert turned.title == "Oldest first"
    assert older.title.endswith("(3 min)")
    assert newer.title.endswith("(1 min)")

    resolved = await async_resolve_media(home, older.media_content_id, None)
    # Any other spelling, and the frontend does not play it.
    assert resolved.mime_type == "application/x-mpegURL"
    client = await hass_client_no_auth()
    response = await client.get(resolved.url)
    playlist = await response.text()
    assert response.status == 200
    assert playlist.count("#EXT-X-MAP") == 3
    assert playlist.count("#EXT-X-DISCONTINUITY") == 2
    assert playlist.count("#EXTINF:6.000000") == 30
    assert 'CLASS="gap"' in playlist
    assert "DURATION=180.000" in playlist
    base = resolved.url.rpartition("/")[0]
    part = await client.get(f"{base}/1.mp4", headers={"Range": "bytes=1000-1999"})
    assert part.status == 206
    assert len(await part.read()) == 1000

    # The address is good for this footage and for nothing else.
    assert (await client.get(f"{base}/4.mp4")).status == 404
    assert (await client.get(f"{base}/99.mp4")).status == 404
    wrong = resolved.url.replace(base.rpartition("/")[2], "A" * 32)
    assert (await client.get(wrong)).status == 404


async def test_what_a_browser_may_not_know_is_said_before_it_tries(
    home: HomeAssistant,
    engine: FakeEngine,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    """Without it, the frontend's player asks for the same file for ever."""
    await async_setup_component(home, "media_source", {})
    add_footage(engine, START, video="hvc1.1.6.L120.90", audio="flac")
    root = "media-source://hikvision_nvr/entry-Recorder"
    (item,) = await children(home, f"{root}/day/Front door/recordings/2026-11-22")
    assert "H.265" in item.title
    resolved = await async_resolve_media(home, item.media_content_id, None)
    client = await hass_client_no_auth()
    master = await (await client.get(resolved.url)).text()
    assert master.count('CODECS="hvc1.1.6.L120.90,flac"') == 2
    media = resolved.url.replace("index", "media")
    assert "#EXTINF" in await (await client.get(media)).text()


async def test_footage_is_one_item_only_while_its_tracks_stay_the_same(
    home: HomeAssistant, engine: FakeEngine
) -> None:
    """Players end up in a loop where sound comes or goes within one item."""
    await async_setup_component(home, "media_source", {})
    add_footage(engine, START)
    add_footage(engine, START + timedelta(minutes=1), audio="flac")
    add_footage(engine, START + timedelta(minutes=2), audio="mp4a.40.2")
    add_footage(engine, START + timedelta(minutes=3), video="hvc1.1.6.L120.90")
    root = "media-source://hikvision_nvr/entry-Recorder"
    items = await children(home, f"{root}/day/Front door/recordings/2026-11-22")
    assert [item.can_play for item in items] == [True, True, True, False]


async def test_footage_that_was_deleted_meanwhile_is_not_found(
    home: HomeAssistant,
    engine: FakeEngine,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    await async_setup_component(home, "media_source", {})
    add_footage(engine, START)
    root = "media-source://hikvision_nvr/entry-Recorder"
    (item,) = await children(home, f"{root}/day/Front door/recordings/2026-11-22")
    resolved = await async_resolve_media(home, item.media_content_id, None)
    engine.store.recordings.segments.known.clear()
    client = await hass_client_no_auth()
    assert (await client.get(resolved.url)).status == 404


async def test_a_time_is_protected_and_released(
    home: HomeAssistant, engine: FakeEngine
) -> None:
    data = {
        "entity_id": "camera.front_door",
        "start": "2026-11-22T12:00:00+00:00",
        "end": "2026-11-22T12:05:00+00:00",
    }
    await home.services.async_call("hikvision_nvr", "protect", data, blocking=True)
    held = [("Front door", START, START + timedelta(minutes=5))]
    assert engine.store.recordings.segments.holds == held
    await home.services.async_call("hikvision_nvr", "unprotect", data, blocking=True)
    assert engine.store.recordings.segments.holds == []


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"end": "2026-11-22T11:00:00+00:00"}, "end_before_start"),
        ({"entity_id": "camera.nobody"}, "not_a_camera"),
    ],
)
async def test_a_wrong_time_or_camera_is_refused(
    home: HomeAssistant, engine: FakeEngine, change: dict[str, str], key: str
) -> None:
    data = {
        "entity_id": "camera.front_door",
        "start": "2026-11-22T12:00:00+00:00",
        "end": "2026-11-22T12:05:00+00:00",
    }
    with pytest.raises(ServiceValidationError) as refused:
        await home.services.async_call(
            "hikvision_nvr", "protect", data | change, blocking=True
        )
    assert refused.value.translation_key == key


class FakeJobs:
    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.error: Exception | None = None

    async def submit(self, kind: str, arguments: dict[str, Any]) -> str:
        self.asked.append((kind, arguments))
        return "job-1"

    async def result(self, job_id: str) -> dict[str, Any]:
        if self.error:
            raise self.error
        return {"files": [{"capture_id": "capture-9", "size": 7}]}


async def test_an_export_is_a_job_whose_file_can_be_played(
    home: HomeAssistant, engine: FakeEngine
) -> None:
    jobs = FakeJobs()
    engine.jobs = jobs  # type: ignore[assignment]
    data = {
        "entity_id": "camera.front_door",
        # Local times, as the form gives them.
        "start": "2026-11-22 04:00:00",
        "end": "2026-11-22 04:05:00",
    }
    answer = await home.services.async_call(
        "hikvision_nvr", "export", data, blocking=True, return_response=True
    )
    assert answer == {
        "job_id": "job-1",
        "files": [
            {
                "capture_id": "capture-9",
                "size": 7,
                "media_id": "media-source://hikvision_nvr/entry-Recorder/capture/capture-9",
            }
        ],
    }
    ((kind, arguments),) = jobs.asked
    assert kind == "export"
    assert arguments["camera"] == "Front door"
    assert arguments["end_us"] - arguments["start_us"] == 300_000_000
    assert arguments["upload"] is False

    later = await home.services.async_call(
        "hikvision_nvr",
        "export",
        {**data, "wait": False},
        blocking=True,
        return_response=True,
    )
    assert later == {"job_id": "job-1"}
    jobs.error = FootageNotFoundError("nothing", camera="Front door")
    with pytest.raises(HomeAssistantError) as failed:
        await home.services.async_call(
            "hikvision_nvr", "export", data, blocking=True, return_response=True
        )
    assert failed.value.translation_key == "footage_not_found"
