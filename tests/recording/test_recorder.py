"""One camera's recording: when it is wanted, what is remembered, what is exported."""

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from custom_components.hikvision_nvr.errors import FootageNotFoundError
from custom_components.hikvision_nvr.jobs import JobRun
from custom_components.hikvision_nvr.model import (
    CaptureKind,
    Detection,
    DetectionType,
    RecordingMode,
    RecordingState,
    Schedule,
)
from custom_components.hikvision_nvr.recording import Exporter
from custom_components.hikvision_nvr.recording.clock import Clocks
from custom_components.hikvision_nvr.recording.schedule import began
from custom_components.hikvision_nvr.store import Store

from .conftest import BERLIN, RtspCamera, a_camera
from .feeding import WALL, feeding
from .files import decode, segment_files
from .test_streams import fragments

type Make = Callable[..., RtspCamera]
type Record = Callable[..., Any]
NIGHT = Schedule(weekdays=frozenset({4}), begin=time(22), end=time(6, 30))
"""From Friday to Saturday."""


@pytest.mark.parametrize(
    ("local", "expected"),
    [
        (datetime(2026, 11, 20, 21, 59), None),
        (datetime(2026, 11, 20, 22, 0), datetime(2026, 11, 20, 22)),
        (datetime(2026, 11, 21, 6, 29), datetime(2026, 11, 20, 22)),
        (datetime(2026, 11, 21, 6, 30), None),
        (datetime(2026, 11, 22, 5, 0), None),
    ],
)
def test_a_schedule_that_goes_on_past_midnight(
    local: datetime, expected: datetime | None
) -> None:
    begun = began(NIGHT, local.replace(tzinfo=BERLIN))
    assert begun == (expected and expected.replace(tzinfo=BERLIN))


def test_a_schedule_of_whole_days() -> None:
    whole = Schedule(weekdays=frozenset({5, 6}), begin=time(0), end=time(0))
    zone = ZoneInfo("Europe/Berlin")
    # Summer time ends in the night to this Sunday, which has 25 hours.
    for hour in range(24):
        assert began(whole, datetime(2026, 10, 25, hour, 30, tzinfo=zone))
    assert began(whole, datetime(2026, 10, 26, 0, 0, tzinfo=zone)) is None


async def test_outside_of_its_schedule_a_camera_is_left_alone(
    rtsp: Make, record: Record, tmp_path: Path
) -> None:
    never = Schedule(weekdays=frozenset(), begin=time(0), end=time(0))
    camera = a_camera(rtsp().url, mode=RecordingMode.SCHEDULE, schedule=never)
    async with record(camera) as recorded:
        await recorded.until_state(RecordingState.STANDBY)
    assert segment_files(tmp_path / "media") == []


async def test_what_was_switched_off_stays_off_after_a_restart(
    rtsp: Make, record: Record, tmp_path: Path
) -> None:
    camera = a_camera(rtsp().url)
    async with record(camera) as recorded:
        await recorded.until_footage(fragments(1))
        await recorded.recording.set_enabled(camera.id, False)
        await recorded.until_state(RecordingState.OFF)
    before = segment_files(tmp_path / "media")
    async with record(camera) as recorded:
        await recorded.until(lambda status: not status.enabled)
        assert recorded.status.state is RecordingState.OFF
        assert segment_files(tmp_path / "media") == before
        await recorded.recording.set_enabled(camera.id, True)
        await recorded.until_state(RecordingState.RECORDING)
        # What was not wanted is not missing.
        assert recorded.status.last_gap is None


async def test_a_detection_records_what_came_before_it_and_some_time_after(
    rtsp: Make, record: Record, tmp_path: Path
) -> None:
    camera = a_camera(
        rtsp().url,
        mode=RecordingMode.DETECTIONS,
        pre_roll=timedelta(seconds=2),
        post_roll=timedelta(seconds=1),
    )
    async with record(camera) as recorded:
        await recorded.until_state(RecordingState.STANDBY)
        now = datetime.now(UTC)
        detection = Detection(
            id="detection-1",
            camera_id=camera.id,
            type=DetectionType.MOTION,
            raw_type=None,
            channel=None,
            plate=None,
            event_time=now,
            arrived=now,
            file_name="a.jpg",
            capture_id="capture-1",
        )
        recorded.recording.detected(detection)
        await recorded.until_state(RecordingState.RECORDING)
        await recorded.until_state(RecordingState.STANDBY)
        ((segment, _),) = await recorded.until_footage(fragments(2))
        assert segment.start < now < segment.end


async def test_nothing_is_recorded_under_a_date_that_cannot_be(
    rtsp: Make, record: Record, tmp_path: Path
) -> None:
    """A machine without a clock of its own begins in 1970, until it hears the time."""
    past = Clocks(wall=lambda: 1000.0)
    async with record(a_camera(rtsp().url), clocks=past) as recorded:
        status = await recorded.until_state(RecordingState.FAILED)
    assert status.error == "clock_wrong"
    assert segment_files(tmp_path / "media") == []


@pytest.fixture
async def exported(clips: Any, tmp_path: Path) -> Any:
    """Two stretches of footage with a gap between them, and an exporter."""
    root = tmp_path / "media"
    with feeding(clips(), root) as feeder:
        feeder.feed(70)
        feeder.pipeline.finish()
        feeder.clock.now += 30
        feeder.pipeline = feeder.new_pipeline()
        feeder.feed(20)
        feeder.end()
    store = Store(root, tmp_path / "catalogue.sqlite", time_zone=BERLIN, offsite=True)
    await store.open()
    await store.recover(lambda *_: None)  # type: ignore[arg-type, return-value]
    exporter = Exporter(store)
    yield store, exporter
    exporter.close()
    await store.close()


def job(begin: float, end: float, *, upload: bool = False) -> JobRun:
    return JobRun(
        {
            "camera": "front",
            "start_us": int((WALL + begin) * 1e6),
            "end_us": int((WALL + end) * 1e6),
            "upload": upload,
        }
    )


async def test_an_export_is_one_file_that_plays_from_its_beginning(
    exported: Any,
) -> None:
    store, exporter = exported
    run = job(11, 115)
    result = await exporter.run(run)
    (file,) = result["files"]
    path = Path(file["path"])
    decoded = decode(path)
    # From the key frame before the time that was asked for; the gap takes no time.
    # 10 to 70 seconds of the first stretch, 0 to 15 of the second.
    assert decoded.frames == pytest.approx((60 + 15) * 25, abs=51)
    assert file["gaps"] == 1
    assert path.read_bytes().find(b"moov") < path.read_bytes().find(b"mdat")
    assert run.bytes_done == run.bytes_total
    capture = await store.captures.get(file["capture_id"])
    assert capture is not None
    assert capture.kind is CaptureKind.EXPORT
    assert capture.complete
    # Asked for again, it is the same file and not another one.
    again = await exporter.run(job(11, 115))
    assert again["files"][0]["capture_id"] == capture.id


@pytest.mark.parametrize("upload", [True, False])
async def test_an_export_goes_offsite_only_if_that_was_asked_for(
    exported: Any, upload: bool
) -> None:
    store, exporter = exported
    await exporter.run(job(0, 10, upload=upload))
    assert (await store.uploads.pick() is not None) is upload
    # A restart queues what is not offsite, but not what should not be.
    await store.uploads.restore()
    assert (await store.uploads.pick() is not None) is upload


async def test_an_export_holds_its_footage_and_lets_go_of_it(exported: Any) -> None:
    store, exporter = exported
    with pytest.raises(FootageNotFoundError):
        await exporter.run(job(-5000, -4000))
    start = datetime.fromtimestamp(WALL - 9000, UTC)
    end = datetime.fromtimestamp(WALL + 9000, UTC)
    assert await store.recordings.segments.release("front", start, end) == 0


async def test_an_export_that_is_cancelled_leaves_nothing(exported: Any) -> None:
    store, exporter = exported
    run = job(0, 60)
    run.cancelled = True
    with pytest.raises(Exception, match="cancelled"):
        await exporter.run(run)
    assert await store.captures.days("front") == []
    assert list((store._root.path / ".incoming").iterdir()) == []


async def test_a_segment_that_cannot_be_read_does_not_spoil_an_export(
    exported: Any,
) -> None:
    store, exporter = exported
    first = segment_files(store._root.path)[0]
    first.write_bytes(b"nothing of this is a film" * 1000)
    result = await exporter.run(job(0, 120))
    assert decode(Path(result["files"][0]["path"])).frames > 400
