"""A reader against servers that misbehave."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from custom_components.hikvision_nvr.errors import StreamError
from custom_components.hikvision_nvr.recording.rtsp import RtspReader
from custom_components.hikvision_nvr.recording.source import AudioFormat, VideoFormat
from tests.simulators.rtsp_fault_server import Behaviour, FaultServer

from .packetising import Packetiser, interleaved

PATIENCE = 10.0


@pytest.fixture(autouse=True)
def _sockets(request: pytest.FixtureRequest) -> None:
    """Let servers be reached on loopback, where sockets are forbidden otherwise."""
    if request.config.pluginmanager.has_plugin("socket"):
        request.getfixturevalue("socket_enabled")


@dataclass
class Got:
    """What a source tells its sink."""

    changed: asyncio.Event = field(default_factory=asyncio.Event)
    formats: list[tuple[VideoFormat, AudioFormat | None]] = field(default_factory=list)
    pictures: list[tuple[list[bytes], int, int]] = field(default_factory=list)
    sound: list[tuple[bytes, int]] = field(default_factory=list)
    errors: list[StreamError] = field(default_factory=list)
    broken: bool = False

    def __post_init__(self) -> None:
        self._loop = asyncio.get_running_loop()

    def _tell(self) -> None:
        self._loop.call_soon_threadsafe(self.changed.set)

    def opened(self, video: VideoFormat, audio: AudioFormat | None) -> None:
        self.formats.append((video, audio))
        self._tell()

    def video(
        self, units: Sequence[bytes], decode: int, present: int, arrived: float
    ) -> None:
        if self.broken:
            raise ZeroDivisionError
        self.pictures.append((list(units), decode, present))
        self._tell()

    def audio(self, data: bytes, present: int) -> None:
        self.sound.append((data, present))
        self._tell()

    def closed(self, error: StreamError) -> None:
        self.errors.append(error)
        self._tell()

    async def until(self, wanted: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not wanted():
                self.changed.clear()
                await self.changed.wait()

    async def until_pictures(self, count: int) -> None:
        await self.until(lambda: len(self.pictures) >= count or self.errors)
        assert not self.errors, self.errors

    async def until_closed(self) -> StreamError:
        await self.until(lambda: self.errors)
        (error,) = self.errors
        return error


@pytest.fixture
def reader() -> Iterator[RtspReader]:
    """A reader that leaves no thread behind."""
    made = RtspReader()
    yield made
    assert made.stop(5)


@pytest.fixture
def read(reader: RtspReader) -> Callable[..., Any]:
    """Return what reads an address until the end of its block."""

    @asynccontextmanager
    async def run(url: str, **more: Any) -> AsyncIterator[Got]:
        got = Got()
        source = reader.source(url, True, got, **more)
        source.start()
        try:
            yield got
        finally:
            source.stop()
            assert await asyncio.to_thread(source.join, 5)

    return run


@pytest.fixture
def faults(read: Any) -> Callable[..., Any]:
    """Return what reads a server that behaves as told."""

    @asynccontextmanager
    async def run(
        url: Callable[[FaultServer], str] | None = None,
        *,
        reading: dict[str, Any] | None = None,
        server: dict[str, Any] | None = None,
        **behaviour: Any,
    ) -> AsyncIterator[tuple[FaultServer, Got]]:
        async with FaultServer(Behaviour(**behaviour), **(server or {})) as made:
            address = made.url() if url is None else url(made)
            async with read(address, **(reading or {})) as got:
                yield made, got

    return run


class Film:
    """Packets of a stream: a key picture, then others, 25 a second."""

    def __init__(self, *, timestamp: int = 1000, channel: int = 0) -> None:
        self.sender = Packetiser(timestamp=timestamp)
        self._channel = channel
        self._number = 0

    def picture(self, **more: int) -> bytes:
        """Return the next picture on its channel."""
        head = b"\x65\x88" if self._number % 50 == 0 else b"\x41\x9a"
        unit = head + b"picture %d" % self._number
        packet = self.sender.packet(unit, marker=True, **more)
        self._number += 1
        self.sender.timestamp += 3600
        return interleaved(packet, self._channel)

    def pictures(self, count: int) -> list[bytes]:
        return [self.picture() for _ in range(count)]
