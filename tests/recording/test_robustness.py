"""What a stream can do to its reader, seen from the files: the recording goes on."""

from collections.abc import Callable, Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pytest

from custom_components.hikvision_nvr.model import RecordingState, StreamReader
from custom_components.hikvision_nvr.recording import recorder
from custom_components.hikvision_nvr.recording.nal import split_byte_stream
from custom_components.hikvision_nvr.recording.source import Sink
from tests.simulators.rtsp_fault_server import Behaviour, FaultServer

from .conftest import a_camera
from .feeding import DELIMITER
from .files import decode, segment_files
from .rtsp.packetising import Packetiser, h264_fragments, interleaved

type Record = Callable[..., Any]

PACE = 0.01
TICKS = 900
"""Of a picture: a hundred a second, so that a test does not take long."""
GROUP = 25
BEFORE = 3 * GROUP - 1
"""Pictures before the fault, which hits the last one of a group."""


class Film:
    """The packets of a clip that is shown over and over."""

    def __init__(self, clip: Path, timestamp: int = 1000) -> None:
        self.sender = Packetiser(timestamp=timestamp)
        parts = clip.read_bytes().split(DELIMITER)[1:]
        self._units = cycle([split_byte_stream(DELIMITER + part) for part in parts])

    def packets(self, *cuts: int) -> list[bytes]:
        """Return those of the next picture, its last unit cut at these places."""
        *others, last = next(self._units)
        pieces = h264_fragments(last, cuts) if cuts else [last]
        packets = self.sender.packets([*others, *pieces])
        self.sender.timestamp += TICKS
        return list(map(interleaved, packets))

    def picture(self) -> bytes:
        return b"".join(self.packets())

    def __iter__(self) -> Iterator[bytes]:
        while True:
            yield self.picture()


type Fault = Callable[[Film], Iterator[bytes]]


def cut_off(film: Film) -> Iterator[bytes]:
    yield film.picture()[:30]


def junk(film: Film) -> Iterator[bytes]:
    yield b"\x00" * 100
    yield from film


def too_long(film: Film) -> Iterator[bytes]:
    yield b"$\x00\xff\xfe"
    # All that it pretends to be, and some more.
    yield bytes(70_000)
    yield from film


def short_packets(film: Film) -> Iterator[bytes]:
    for size in range(12):
        yield interleaved((b"\x80\x60" + bytes(10))[:size])
    yield from film


def lost_packets(film: Film) -> Iterator[bytes]:
    packets = film.packets(20, 40)
    # The middle of a picture never comes.
    yield b"".join([*packets[:-2], packets[-1]])
    yield from film


def jump(film: Film) -> Iterator[bytes]:
    film.sender.timestamp += 3600 * 90_000
    yield from film


def nothing(film: Film) -> Iterator[bytes]:
    yield from film


class Script:
    """What a server sends: the fault to the first that connects, all to the next."""

    def __init__(self, clip: Path, fault: Fault, timestamp: int) -> None:
        self._clip = clip
        self._fault = fault
        self._timestamp = timestamp
        self._begun = False

    def __iter__(self) -> Iterator[bytes]:
        film = Film(self._clip, self._timestamp)
        if self._begun:
            return iter(film)
        self._begun = True
        return self._faulty(film)

    def _faulty(self, film: Film) -> Iterator[bytes]:
        yield from islice(film, BEFORE)
        yield from self._fault(film)


WRAPS = (1 << 32) - BEFORE * TICKS


@pytest.mark.parametrize(
    ("fault", "ending", "timestamp", "connections", "runs"),
    [
        pytest.param(cut_off, "fin", 1000, 2, 2, id="closed in a packet"),
        pytest.param(cut_off, "rst", 1000, 2, 2, id="reset in a packet"),
        pytest.param(junk, "hold", 1000, 2, 2, id="junk"),
        pytest.param(too_long, "hold", 1000, 2, 2, id="length too large"),
        pytest.param(short_packets, "hold", 1000, 1, 1, id="short packets"),
        pytest.param(lost_packets, "hold", 1000, 1, 1, id="damaged picture"),
        pytest.param(nothing, "hold", WRAPS, 1, 1, id="timestamp wraps"),
        pytest.param(jump, "hold", 1000, 1, 2, id="timestamp jumps an hour"),
    ],
)
async def test_whatever_a_stream_does_the_recording_goes_on(
    record: Record,
    clips: Any,
    tmp_path: Path,
    fault: Fault,
    ending: str,
    timestamp: int,
    connections: int,
    runs: int,
) -> None:
    """It costs a new connection or a new file at most, and never the own reader."""
    script = Script(clips(key_interval=GROUP), fault, timestamp)
    async with (
        FaultServer(Behaviour(script=script, pause=PACE, ending=ending)) as server,
        record(a_camera(server.url())) as recorded,
    ):
        found = await recorded.until_footage(
            lambda found: sum(len(places) for _, places in found) >= 8
        )
        status = await recorded.until_state(RecordingState.RECORDING)
        assert server.connections == connections
    assert status.reader is StreamReader.OWN
    assert status.dropped == 0
    assert len({segment.info.run for segment, _ in found}) == runs
    decoded = [decode(file) for file in segment_files(tmp_path / "media")]
    assert len(decoded) == runs
    if runs == 2:
        # All that was whole is there. A reset takes what was not yet read along.
        assert decoded[0].frames == BEFORE or ending == "rst"
    else:
        lost = fault is lost_packets
        pictures = decoded[0].frames - 1 + lost
        assert decoded[0].seconds == pytest.approx(pictures * TICKS / 90_000)


class Stuck:
    """A source whose thread waits for ever, as FFmpeg's can."""

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def join(self, timeout: float) -> bool:
        return False


async def test_threads_that_are_stuck_do_not_become_more_and_more(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FFmpeg's thread hangs for long where a length is too large or junk comes."""
    monkeypatch.setattr(recorder, "_OPENING", 0.02)
    monkeypatch.setattr(recorder, "_LOOK", 0.01)
    monkeypatch.setattr(recorder, "_FIRST_PAUSE", 0.01)
    monkeypatch.setattr(recorder, "_LONGEST_PAUSE", 0.01)
    made: list[Stuck] = []

    def source(_url: str, _audio: bool, _sink: Sink) -> Stuck:
        made.append(Stuck())
        return made[-1]

    def failures() -> int:
        return sum(one.state is RecordingState.FAILED for one in recorded.seen)

    async with record(a_camera("rtsp://192.0.2.1/"), source=source) as recorded:
        await recorded.until(lambda _: failures() >= 8)
        assert recorded.status.error == "stream_stalled"
    assert len(made) == 3
