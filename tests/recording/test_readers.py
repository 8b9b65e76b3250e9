"""Which reader a camera has: our own, until FFmpeg gets pictures where it got none."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
import json
from pathlib import Path
import time
from typing import Any

import pytest

from custom_components.hikvision_nvr.errors import (
    StreamEndedError,
    StreamError,
    StreamStalledError,
    StreamUnauthorizedError,
    StreamUnreachableError,
    StreamUnsupportedError,
)
from custom_components.hikvision_nvr.model import (
    RecordingState,
    StreamReader,
    VideoCodec,
)
from custom_components.hikvision_nvr.recording import readers, recorder
from custom_components.hikvision_nvr.recording.readers import Readers
from custom_components.hikvision_nvr.recording.source import Sink, VideoFormat
from tests.simulators.rtsp_fault_server import Behaviour, FaultServer

from .conftest import RtspCamera, a_camera

URL = "rtsp://admin:secret@192.0.2.1/stream"
FORMAT = VideoFormat(codec=VideoCodec.H264, parameter_sets=())


class Scripted:
    """A source that ends as the test says, with a picture or without."""

    made: list[tuple[StreamReader, Sink]]

    def __init__(self, reader: StreamReader, sink: Sink) -> None:
        self.made.append((reader, sink))

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def join(self, timeout: float) -> bool:
        return True


class FakeNotes:
    """Notes that are a dictionary."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    async def get(self, name: str) -> str | None:
        return self.texts.get(name)

    async def set(self, name: str, text: str) -> None:
        self.texts[name] = text


class Nobody:
    """A sink that keeps nothing."""

    def opened(self, *_: object) -> None: ...

    def video(self, *_: object) -> None: ...

    def audio(self, *_: object) -> None: ...

    def closed(self, *_: object) -> None: ...


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[tuple[StreamReader, Sink]]:
    """What was opened, by which reader."""
    made: list[tuple[StreamReader, Sink]] = []
    monkeypatch.setattr(Scripted, "made", made, raising=False)
    monkeypatch.setattr(
        readers,
        "PyAvSource",
        lambda _url, _audio, sink: Scripted(StreamReader.FFMPEG, sink),
    )
    monkeypatch.setattr(
        readers.RtspReader,
        "source",
        lambda _self, _url, _audio, sink, basic: Scripted(StreamReader.OWN, sink),
    )
    return made


class Chosen:
    """The readers of one camera."""

    def __init__(self, notes: FakeNotes, made: Any, **settings: Any) -> None:
        self.camera = a_camera(settings.pop("url", URL), **settings)
        self.readers = Readers(notes, [self.camera], lambda: None)  # type: ignore[arg-type]
        self.made = made
        self.notes = notes

    async def attempt(
        self, error: StreamError | None, *, pictures: bool = False
    ) -> StreamReader:
        """Open the stream once; return which reader it was."""
        self.readers.factory("camera-1")(URL, True, Nobody())
        reader, sink = self.made[-1]
        sink.opened(FORMAT, None)
        if pictures:
            sink.video([b"x"], 0, 0, 0.0)
        if error is not None:
            sink.closed(error)
        # What was learnt goes to the loop.
        for _ in range(3):
            await asyncio.sleep(0)
        return reader


OWN, FFMPEG = StreamReader.OWN, StreamReader.FFMPEG
SILENT = StreamStalledError("silent")


async def test_ffmpeg_is_tried_where_our_own_reader_gets_nothing(
    opened: Any,
) -> None:
    notes = FakeNotes()
    chosen = Chosen(notes, opened)
    await chosen.readers.start()
    assert await chosen.attempt(SILENT) is OWN
    assert await chosen.attempt(StreamEndedError("x"), pictures=True) is FFMPEG
    assert chosen.readers.used("camera-1") == (FFMPEG, "stream_stalled")
    assert await chosen.attempt(StreamUnreachableError("x")) is FFMPEG
    # It is remembered after a restart, but not for another address.
    again = Chosen(notes, opened)
    await again.readers.start()
    assert await again.attempt(None, pictures=True) is FFMPEG
    assert again.readers.used("camera-1") == (FFMPEG, "stream_stalled")
    other = Chosen(notes, opened, url="rtsp://admin:secret@192.0.2.2/stream")
    await other.readers.start()
    assert await other.attempt(None) is OWN
    assert "secret" not in json.dumps(notes.texts)


async def test_a_week_later_our_own_reader_is_tried_again(
    opened: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = FakeNotes()
    chosen = Chosen(notes, opened)
    await chosen.readers.start()
    await chosen.attempt(StreamUnsupportedError("x"))
    await chosen.attempt(SILENT, pictures=True)
    later = time.time() + 8 * 86_400
    monkeypatch.setattr(time, "time", lambda: later)
    assert await chosen.attempt(SILENT, pictures=True) is OWN
    again = Chosen(notes, opened)
    await again.readers.start()
    assert await again.attempt(None) is OWN


async def test_where_neither_gets_pictures_both_are_tried_in_turn(opened: Any) -> None:
    chosen = Chosen(FakeNotes(), opened)
    await chosen.readers.start()
    assert [await chosen.attempt(SILENT) for _ in range(4)] == [OWN, FFMPEG] * 2
    assert chosen.notes.texts == {}


@pytest.mark.parametrize(
    "error", [StreamUnauthorizedError("x"), StreamUnreachableError("x")]
)
async def test_a_refused_password_and_a_camera_that_is_off_are_no_reason(
    opened: Any, error: StreamError
) -> None:
    chosen = Chosen(FakeNotes(), opened)
    await chosen.readers.start()
    assert [await chosen.attempt(error) for _ in range(3)] == [OWN] * 3


async def test_a_stream_that_once_had_pictures_stays_where_it_is(opened: Any) -> None:
    chosen = Chosen(FakeNotes(), opened)
    await chosen.readers.start()
    for _ in range(3):
        assert await chosen.attempt(SILENT, pictures=True) is OWN


@pytest.mark.parametrize("reader", [OWN, FFMPEG])
async def test_a_fixed_reader_stays(opened: Any, reader: StreamReader) -> None:
    chosen = Chosen(FakeNotes(), opened, reader=reader)
    chosen.notes.texts["reader:front"] = "damaged {"
    await chosen.readers.start()
    assert [await chosen.attempt(SILENT) for _ in range(3)] == [reader] * 3
    assert chosen.readers.used("camera-1") == (reader, None)


async def test_a_stream_that_needs_udp_is_recorded_by_ffmpeg(
    rtsp: Callable[..., RtspCamera], record: Callable[..., Any]
) -> None:
    camera = rtsp(transport="udp")
    async with record(a_camera(camera.url)) as recorded:
        status = await recorded.until_state(RecordingState.RECORDING)
        assert (status.reader, status.reader_reason) == (
            FFMPEG,
            "stream_unsupported",
        )


@asynccontextmanager
async def refusing() -> AsyncIterator[FaultServer]:
    challenge = 'Digest realm="x", nonce="{nonce}", algorithm=MD5'
    async with FaultServer(Behaviour(challenges=(challenge,))) as server:
        yield server


async def test_a_wrong_password_waits_a_quarter_of_an_hour(
    record: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A camera that is asked again and again locks the account."""
    waits: list[float] = []
    wait = recorder.Recorder._wait

    async def note(self: Any, seconds: float, *more: Any) -> None:
        waits.append(seconds)
        await wait(self, seconds, *more)

    monkeypatch.setattr(recorder.Recorder, "_wait", note)
    async with refusing() as server:
        url = server.url(login="admin:wrong@")
        async with record(a_camera(url)) as recorded:
            status = await recorded.until_state(RecordingState.FAILED)
            assert status.error == "stream_unauthorized"
            async with asyncio.timeout(5):
                while 900.0 not in waits:
                    await asyncio.sleep(0.01)
        logins = [one for one in server.requests if "authorization" in one.headers]
        assert len(logins) == 1
