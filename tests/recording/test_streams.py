"""Real streams become files that another decoder plays to the end."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
import os
from pathlib import Path
import signal
import time
from typing import Any

import pytest

from custom_components.hikvision_nvr.model import (
    GapReason,
    RecordingState,
    StreamReader,
)
from custom_components.hikvision_nvr.recording import pyav_stream
from custom_components.hikvision_nvr.recording.rtsp import session

from .conftest import RtspCamera, a_camera
from .files import decode, segment_files

type Make = Callable[..., RtspCamera]
type Record = Callable[..., Any]
OWN, FFMPEG = StreamReader.OWN, StreamReader.FFMPEG
BOTH = pytest.mark.parametrize("reader", [OWN, FFMPEG])


def fragments(count: int) -> Callable[[list[Any]], bool]:
    return lambda found: sum(len(places) for _, places in found) >= count


@pytest.mark.parametrize(
    ("codec", "audio", "expected", "reader"),
    [
        ("h264", None, ("h264", "avc1", None), OWN),
        ("h264", "pcmu", ("h264", "avc1", "flac"), OWN),
        ("h265", "pcma", ("hevc", "hvc1", "flac"), OWN),
        ("h264", "aac", ("h264", "avc1", "aac"), OWN),
        ("h264", "pcmu", ("h264", "avc1", "flac"), FFMPEG),
        ("h265", "aac", ("hevc", "hvc1", "aac"), FFMPEG),
    ],
)
async def test_each_codec_is_recorded_as_it_is(
    rtsp: Make,
    record: Record,
    tmp_path: Path,
    codec: str,
    audio: str | None,
    expected: tuple[str, str, str | None],
    reader: StreamReader,
) -> None:
    camera = rtsp(codec=codec, audio=audio)
    async with record(a_camera(camera.url, reader=reader)) as recorded:
        status = await recorded.until_state(RecordingState.RECORDING)
        assert status.reader is reader
        found = await recorded.until_footage(fragments(2))
    (segment, places) = found[0]
    assert all(place.key for place in places)
    (file,) = segment_files(tmp_path / "media")
    decoded = decode(file)
    assert (decoded.video, decoded.tag, decoded.audio) == expected
    assert decoded.size == (320, 240)
    # 25 frames a second, none missing.
    assert decoded.frames == pytest.approx(decoded.seconds * 25 + 1, abs=1)
    assert decoded.frames >= 100
    if audio:
        assert decoded.audio_seconds == pytest.approx(decoded.seconds, abs=0.5)
    assert abs(segment.start - datetime.now(UTC)) < timedelta(seconds=30)


async def test_sound_can_be_left_out(
    rtsp: Make, record: Record, tmp_path: Path
) -> None:
    camera = rtsp(audio="pcmu")
    async with record(a_camera(camera.url, audio=False)) as recorded:
        await recorded.until_footage(fragments(1))
    (file,) = segment_files(tmp_path / "media")
    assert decode(file).audio is None


async def test_minutes_between_key_frames_are_no_loss(
    rtsp: Make, record: Record, tmp_path: Path
) -> None:
    """Smart codecs send a key frame a minute: fragments are cut by time as well."""
    camera = rtsp({"seconds": 20, "key_interval": 1500})
    async with record(a_camera(camera.url)) as recorded:
        found = await recorded.until_footage(fragments(3))
    places = found[0][1]
    assert places[0].key
    assert not any(place.key for place in places[1:3])
    assert places[1].start == pytest.approx(2 * 90_000, rel=0.05)
    (file,) = segment_files(tmp_path / "media")
    assert decode(file).frames > 100


@BOTH
async def test_a_camera_that_restarts_with_another_picture_begins_a_new_file(
    rtsp: Make, record: Record, clips: Any, tmp_path: Path, reader: StreamReader
) -> None:
    camera = rtsp()
    async with record(a_camera(camera.url, reader=reader)) as recorded:
        await recorded.until_footage(fragments(1))
        camera.stop()
        await recorded.until_state(RecordingState.FAILED)
        # Less than two seconds would be no gap that is worth telling.
        await asyncio.sleep(2)
        camera.start(clip=clips(size=(640, 360)))
        await recorded.until_footage(lambda found: len(found) >= 2)
        status = recorded.status
        gaps = await recorded.store.recordings.segments.gaps(
            "front",
            datetime.now(UTC) - timedelta(minutes=5),
            datetime.now(UTC) + timedelta(minutes=5),
        )
    sizes = [decode(file).size for file in segment_files(tmp_path / "media")]
    assert sizes == [(320, 240), (640, 360)]
    assert status.last_gap is not None
    assert status.last_gap[2] is GapReason.STREAM
    assert gaps == [status.last_gap]


@BOTH
async def test_a_frozen_camera_is_given_up_and_what_it_sent_is_kept(
    rtsp: Make,
    record: Record,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    reader: StreamReader,
) -> None:
    monkeypatch.setattr(pyav_stream, "SILENCE", 1.0)
    monkeypatch.setattr(session, "SILENCE", 1.0)
    camera = rtsp()
    assert camera.server is not None
    async with record(a_camera(camera.url, reader=reader)) as recorded:
        await recorded.until_footage(fragments(1))
        os.kill(camera.server.pid, signal.SIGSTOP)
        try:
            status = await recorded.until_state(RecordingState.FAILED)
            assert status.error in ("stream_stalled", "stream_unreachable")
        finally:
            os.kill(camera.server.pid, signal.SIGCONT)
        await recorded.until_state(RecordingState.RECORDING)
    for file in segment_files(tmp_path / "media"):
        decode(file)


@BOTH
async def test_a_thread_that_is_stuck_does_not_hold_up_the_stop(
    rtsp: Make, record: Record, reader: StreamReader
) -> None:
    """FFmpeg cannot be interrupted while it waits for a byte."""
    camera = rtsp()
    assert camera.server is not None
    async with record(a_camera(camera.url, reader=reader)) as recorded:
        await recorded.until_footage(fragments(1))
        os.kill(camera.server.pid, signal.SIGSTOP)
        begun = time.monotonic()
        await recorded.recording.stop()
        assert time.monotonic() - begun < 5
        os.kill(camera.server.pid, signal.SIGCONT)
        # Its thread ends by itself, so that no later test finds it.
        (source,) = recorded.recording._recorders["camera-1"]._sources
        assert await asyncio.to_thread(source.join, 15)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"password": "wrong"}, "stream_unauthorized"),
        ({"channel": 7}, "stream_not_found"),
    ],
)
async def test_what_the_camera_refuses_is_told(
    rtsp: Make, record: Record, change: dict[str, Any], error: str
) -> None:
    camera = rtsp()
    wrong = a_camera(
        type(camera.settings)(
            **{
                name: getattr(camera.settings, name)
                for name in camera.settings.__dataclass_fields__
            }
            | change
        ).url
    )
    async with record(wrong) as recorded:
        status = await recorded.until_state(RecordingState.FAILED)
    assert status.error == error


async def test_a_camera_that_is_not_there_is_told(record: Record) -> None:
    async with record(a_camera("rtsp://127.0.0.1:9/Streaming/Channels/101")) as one:
        status = await one.until_state(RecordingState.FAILED)
    assert status.error == "stream_unreachable"
