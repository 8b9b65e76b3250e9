"""What a device has recorded itself: found by its search, fetched by its replay."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from custom_components.hikvision_nvr import device_footage
from custom_components.hikvision_nvr.device_footage import (
    KIND_FILL_GAPS,
    DeviceFootage,
)
from custom_components.hikvision_nvr.errors import (
    DeviceAuthError,
    DeviceRecordingsError,
    DeviceReplayBusyError,
    DeviceUnsupportedError,
    StreamBusyError,
)
from custom_components.hikvision_nvr.jobs import JobRun
from custom_components.hikvision_nvr.model import (
    Camera,
    DeviceLogin,
    GapReason,
    RecordingMode,
)
from custom_components.hikvision_nvr.recording import replay
from custom_components.hikvision_nvr.store.rows import to_us
from tests.simulators.device import SimulatedDevice
from tests.simulators.device_profiles import PLAIN_FTP
from tests.simulators.device_recordings import DeviceRecordings

from .conftest import Recorded, RtspCamera, a_camera
from .files import decode, segment_files

type Make = Callable[..., RtspCamera]
type Record = Callable[..., Any]

HOUR = timedelta(hours=1)
NOON = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - 3 * HOUR
"""Some hours ago, on a whole second."""


@pytest.fixture
def device() -> Iterator[SimulatedDevice]:
    """A camera with a memory card that has nothing yet."""
    with SimulatedDevice(PLAIN_FTP) as simulated:
        # Local time, as most firmware writes; the device lives an hour from UTC.
        simulated.recordings = DeviceRecordings(shift=HOUR)
        yield simulated


def the_camera(device: SimulatedDevice, url: str = "", **recording: Any) -> Camera:
    settings = {"mode": RecordingMode.OFF, **recording}
    return replace(
        a_camera(url, **settings),
        device=DeviceLogin(
            host=device.host,
            port=device.port,
            username=device.username,
            password=device.password,
        ),
    )


@asynccontextmanager
async def footage_of(
    record: Record, camera: Camera, **more: Any
) -> AsyncIterator[tuple[Recorded, DeviceFootage]]:
    async with record(camera, **more) as recorded:
        footage = DeviceFootage([camera], recorded.store, recorded.recording)
        try:
            yield recorded, footage
        finally:
            await footage.close()


def a_job(start: datetime, end: datetime, checkpoint: Any = None) -> JobRun:
    arguments = {"camera": "front", "start_us": to_us(start), "end_us": to_us(end)}
    return JobRun(arguments, checkpoint)


def seconds(value: float) -> timedelta:
    return timedelta(seconds=value)


def replays(camera: RtspCamera) -> list[str]:
    return [
        line.partition(" ")[2]
        for line in camera._log.read_text().splitlines()
        if line.startswith("replay")
    ]


# --- the search ----------------------------------------------------------------------


async def test_all_pages_of_a_search_are_read_and_joined(
    device: SimulatedDevice, record: Record
) -> None:
    assert device.recordings is not None
    device.recordings.page = 7
    for minute in range(0, 60, 2):
        start = NOON + timedelta(minutes=minute)
        # Files of two minutes; the one from 20 minutes on is missing.
        if minute != 20:
            device.recordings.add(101, start, start + timedelta(minutes=2))
    device.recordings.add(201, NOON, NOON + HOUR)
    async with footage_of(record, the_camera(device)) as (_, footage):
        found = await footage.find("front", NOON + timedelta(minutes=5), NOON + HOUR)
    assert [(one.start - NOON, one.end - NOON) for one in found] == [
        (timedelta(minutes=5), timedelta(minutes=20)),
        (timedelta(minutes=22), timedelta(minutes=60)),
    ]
    pages = [one for one in device.recordings.questions if one["maxResults"] == "40"]
    last = [one for one in pages if one["searchID"] == pages[-1]["searchID"]]
    assert [one["searchResultPostion"] for one in last] == ["0", "7", "14", "21"]


async def test_a_device_that_sends_its_first_page_for_ever_is_left(
    device: SimulatedDevice, record: Record
) -> None:
    assert device.recordings is not None
    device.recordings.page = 2
    device.recordings.ignores_position = True
    for minute in range(0, 50, 10):
        start = NOON + timedelta(minutes=minute)
        device.recordings.add(101, start, start + timedelta(minutes=2))
    async with footage_of(record, the_camera(device)) as (_, footage):
        found = await footage.find("front", NOON, NOON + HOUR)
    assert len(found) == 2
    assert len(device.recordings.questions) < 10


@pytest.mark.parametrize("clock_error", [0, 600, -600])
@pytest.mark.parametrize("local", [False, True])
async def test_times_are_right_whatever_the_device_means_by_them(
    device: SimulatedDevice, record: Record, local: bool, clock_error: int
) -> None:
    """The simulated device lives in a zone one hour from UTC, and its clock may be off."""
    assert device.recordings is not None
    device.clock_offset = seconds(clock_error)
    device.recordings.shift = seconds(clock_error) + (HOUR if local else timedelta())
    device.recordings.add(101, NOON, NOON + timedelta(minutes=30))
    now = datetime.now(UTC)
    device.recordings.add(101, now - timedelta(minutes=30), now)
    async with footage_of(record, the_camera(device)) as (_, footage):
        found = await footage.find("front", NOON - HOUR, NOON + 2 * HOUR)
    (one,) = found
    assert abs(one.start - NOON) <= seconds(1)
    assert abs(one.end - NOON - timedelta(minutes=30)) <= seconds(1)


async def test_a_refused_password_is_not_tried_again(
    device: SimulatedDevice, record: Record
) -> None:
    """Browsing some days with it would lock the account."""
    assert device.recordings is not None
    camera = the_camera(device)
    assert camera.device is not None
    wrong = replace(camera, device=replace(camera.device, password="wrong"))
    async with footage_of(record, wrong) as (_, footage):
        for _ in range(4):
            with pytest.raises(DeviceAuthError):
                await footage.find("front", NOON, NOON + HOUR)
    assert device.failed_logins == 1


async def test_a_camera_without_a_device_and_a_device_without_a_card(
    record: Record,
) -> None:
    camera = a_camera()
    async with footage_of(record, camera) as (_, footage):
        with pytest.raises(DeviceRecordingsError):
            await footage.find("front", NOON, NOON + HOUR)
    with SimulatedDevice(PLAIN_FTP) as device:
        async with footage_of(record, the_camera(device)) as (_, footage):
            with pytest.raises(DeviceUnsupportedError):
                await footage.find("front", NOON, NOON + HOUR)


# --- gaps are filled -----------------------------------------------------------------


@pytest.mark.parametrize("honours_end", [True, False])
async def test_what_is_missing_is_fetched_with_its_times_and_the_gap_is_filled(
    device: SimulatedDevice,
    rtsp: Make,
    record: Record,
    tmp_path: Path,
    honours_end: bool,
) -> None:
    assert device.recordings is not None
    device.recordings.add(101, NOON - HOUR, datetime.now(UTC))
    tape = rtsp(replays=True, honours_end=honours_end)
    async with footage_of(record, the_camera(device, tape.url)) as (recorded, footage):
        segments = recorded.store.recordings.segments
        await segments.add_gap("front", NOON, NOON + seconds(90), GapReason.STREAM)
        run = a_job(NOON, NOON + seconds(90))
        result = await footage.fill(run)
        assert result == {"filled_seconds": 90, "missing_seconds": 0}
        assert (run.items_done, run.items_total) == (90, 90)
        found = await segments.between("front", NOON - HOUR, NOON + HOUR)
        assert found[0].start == NOON
        assert abs(found[-1].end - NOON - seconds(90)) < seconds(0.1)
        assert all(one.complete for one in found)
        for before, after in pairwise(found):
            assert before.end == after.start
        assert await segments.gaps("front", NOON - HOUR, NOON + HOUR) == []
        assert await segments.gaps("front", NOON, NOON + HOUR, filled=True) == [
            (NOON, NOON + seconds(90), GapReason.STREAM)
        ]
        # A second time there is nothing to do, and nothing is asked for.
        asked = len(replays(tape))
        again = await footage.fill(a_job(NOON, NOON + seconds(90)))
        assert again == {"filled_seconds": 0, "missing_seconds": 0}
        assert len(replays(tape)) == asked
    files = segment_files(tmp_path / "media")
    assert sum(decode(file).frames for file in files) == pytest.approx(90 * 25, abs=2)
    # It was asked for by the device's own clock, which says local time.
    assert replays(tape) == [
        (
            f"starttime={NOON + HOUR:%Y%m%dT%H%M%SZ}"
            f"&endtime={NOON + HOUR + seconds(90):%Y%m%dT%H%M%SZ}"
        )
    ]


async def test_what_there_is_stays_as_it_is(
    device: SimulatedDevice, rtsp: Make, record: Record, tmp_path: Path
) -> None:
    """Only the time around it is fetched, and the file that was there is untouched."""
    assert device.recordings is not None
    device.recordings.add(101, NOON, NOON + seconds(20))
    device.recordings.add(101, NOON + seconds(30), datetime.now(UTC))
    tape = rtsp(replays=True)
    async with footage_of(record, the_camera(device, tape.url)) as (recorded, footage):
        await footage.fill(a_job(NOON + seconds(10), NOON + seconds(16)))
        (file,) = segment_files(tmp_path / "media")
        before = file.read_bytes()
        segments = recorded.store.recordings.segments
        await segments.add_gap(
            "front", NOON + seconds(16), NOON + seconds(40), GapReason.STORAGE
        )
        result = await footage.fill(a_job(NOON, NOON + seconds(40)))
        # Ten seconds are not on the device either.
        assert result == {"filled_seconds": 24, "missing_seconds": 10}
        assert file.read_bytes() == before
        found = await segments.between("front", NOON - HOUR, NOON + HOUR)
        assert [round((one.start - NOON).total_seconds()) for one in found] == [
            0,
            10,
            16,
            30,
        ]
        for one, other in pairwise(found):
            assert one.end <= other.start
        ((begin, end, reason),) = await segments.gaps("front", NOON - HOUR, NOON + HOUR)
        assert reason is GapReason.STORAGE
        assert abs(begin - NOON - seconds(20)) < seconds(0.1)
        assert end == NOON + seconds(30)


async def test_a_fill_that_was_cancelled_keeps_what_came_and_goes_on_from_there(
    device: SimulatedDevice,
    rtsp: Make,
    record: Record,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A fast machine replays a whole slice between two looks.
    monkeypatch.setattr(replay, "_LOOK", 0.005)
    assert device.recordings is not None
    device.recordings.add(101, NOON, datetime.now(UTC))
    tape = rtsp(replays=True)
    length = seconds(900)
    async with footage_of(record, the_camera(device, tape.url)) as (recorded, footage):
        run = a_job(NOON, NOON + length)

        class Stop(JobRun):
            def done(self, items: int = 1, size: int = 0) -> None:
                super().done(items, size)
                # In the second slice of five minutes.
                self.cancelled = self.items_done > 400

        first = Stop(run.arguments)
        with pytest.raises(Exception, match="cancelled"):
            await footage.fill(first)
        segments = recorded.store.recordings.segments
        missing = await segments.uncovered("front", NOON, NOON + length)
        got = sum((end - begin).total_seconds() for begin, end in missing)
        assert 300 < got < 600
        asked = len(replays(tape))
        second = a_job(NOON, NOON + length)
        result = await footage.fill(second)
        assert result["missing_seconds"] <= 1
        assert result["filled_seconds"] == pytest.approx(got, abs=2)
        assert len(replays(tape)) > asked
        (rest,) = await segments.uncovered("front", NOON, NOON + length) or [
            (NOON, NOON)
        ]
        assert rest[1] - rest[0] < seconds(2)


async def test_a_device_replays_for_one_at_a_time(
    device: SimulatedDevice, rtsp: Make, record: Record
) -> None:
    assert device.recordings is not None
    device.recordings.add(101, NOON, datetime.now(UTC))
    tape = rtsp(replays=True, sessions=1)
    async with footage_of(record, the_camera(device, tape.url)) as (_, footage):
        watched = await footage.open_replay("front", NOON, NOON + HOUR)
        assert "/Streaming/tracks/101?starttime=" in watched.url
        with pytest.raises(DeviceReplayBusyError):
            await footage.open_replay("front", NOON, NOON + HOUR)
        filling = asyncio.create_task(footage.fill(a_job(NOON, NOON + seconds(10))))
        done, _ = await asyncio.wait([filling], timeout=0.5)
        assert not done
        assert replays(tape) == []
        await footage.close_replay("front", watched.token)
        await footage.close_replay("front", watched.token)
        assert (await filling)["filled_seconds"] == 10
        again = await footage.open_replay("front", NOON, NOON + HOUR)
        await footage.close_replay("front", again.token)


async def test_a_device_whose_sessions_are_all_taken_is_told(
    device: SimulatedDevice,
    rtsp: Make,
    record: Record,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert device.recordings is not None
    monkeypatch.setattr(device_footage, "_PAUSE", 0.01)
    device.recordings.add(101, NOON, datetime.now(UTC))
    tape = rtsp(replays=True, sessions=0)
    async with footage_of(record, the_camera(device, tape.url)) as (_, footage):
        with pytest.raises(StreamBusyError):
            await footage.fill(a_job(NOON, NOON + seconds(10)))
    assert tape._log.read_text().count("refused") >= 3


def test_the_job_has_a_name() -> None:
    assert KIND_FILL_GAPS == "fill_gaps"
