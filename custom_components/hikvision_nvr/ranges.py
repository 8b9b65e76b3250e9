"""Sends what is no plain file on this machine: whole or a range of it (RFC 9110, 14)."""

from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol

from aiohttp import hdrs, web
from homeassistant.core import HomeAssistant

from .errors import NotRunningError, RecorderError
from .model import Capture
from .recording import FilmFile

if TYPE_CHECKING:
    from .engine import Engine
    from .offsite.reader import CaptureReader, OpenCapture

BLOCK = 1 << 20


class Source(Protocol):
    """Bytes of a known size that are read from one place to another."""

    size: int

    async def open(self, first: int, last: int) -> None:
        """Begin to read; ``last`` is the place of the last byte that is wanted."""

    async def read(self) -> bytes:
        """Return the next bytes, none at the end."""

    async def close(self) -> None:
        """Read no more, though there may be more."""


class FilmSource:
    """A film that is put together out of segments while it is read."""

    def __init__(self, hass: HomeAssistant, file: FilmFile) -> None:
        """Read in Home Assistant's threads."""
        self._hass = hass
        self._file = file
        self._next = 0
        self._end = 0
        self.size = file.size

    async def open(self, first: int, last: int) -> None:
        """Note what is wanted."""
        self._next, self._end = first, last + 1

    async def read(self) -> bytes:
        """Return the next bytes. Raises OSError."""
        size = min(BLOCK, self._end - self._next)
        if size <= 0:
            return b""
        data = await self._hass.async_add_executor_job(
            self._file.read, self._next, size
        )
        self._next += len(data)
        return data

    async def close(self) -> None:
        """Keep nothing open."""


class OffsiteSource:
    """A capture that only the bucket has, read by the range that is wanted."""

    def __init__(self, engine: Engine, reader: CaptureReader, capture: Capture) -> None:
        """Read on the engine's loop."""
        self._engine = engine
        self._reader = reader
        self._capture = capture
        self._opened: OpenCapture | None = None
        self.size = capture.size

    async def open(self, first: int, last: int) -> None:
        """Ask the bucket. Raises RecorderError."""
        self._opened = await self._engine.run(
            self._reader.open(self._capture, first, last)
        )

    async def read(self) -> bytes:
        """Return the next bytes. Raises RecorderError."""
        assert self._opened is not None
        return await self._engine.run(self._opened.read())

    async def close(self) -> None:
        """Let go of the connection, also when the engine has stopped meanwhile."""
        if self._opened is not None:
            with suppress(NotRunningError):
                await self._engine.run(self._opened.close())


async def send(
    request: web.Request, source: Source, headers: Mapping[str, str]
) -> web.StreamResponse:
    """Answer a request with what it wants of the source.

    Raises what ``open`` raises. What breaks off later breaks the connection, so that
    nobody takes half for the whole.
    """
    try:
        wanted = request.http_range
    except ValueError:
        return _unsatisfiable(source)
    first, last, status = 0, source.size - 1, HTTPStatus.OK
    if wanted.start is not None or wanted.stop is not None:
        first, beyond, _ = wanted.indices(source.size)
        last = beyond - 1
        status = HTTPStatus.PARTIAL_CONTENT
        if first > last or (wanted.start or 0) >= source.size:
            return _unsatisfiable(source)
    response = web.StreamResponse(
        status=status, headers={**headers, hdrs.ACCEPT_RANGES: "bytes"}
    )
    response.content_length = last + 1 - first
    if status is HTTPStatus.PARTIAL_CONTENT:
        response.headers[hdrs.CONTENT_RANGE] = f"bytes {first}-{last}/{source.size}"
    if request.method == hdrs.METH_HEAD or last < first:
        await response.prepare(request)
        return response
    await source.open(first, last)
    try:
        await response.prepare(request)
        while data := await source.read():
            await response.write(data)
        await response.write_eof()
    except RecorderError, OSError:
        # The answer has begun: it is too late for another one.
        if request.transport is not None:
            request.transport.abort()
    finally:
        await source.close()
    return response


def _unsatisfiable(source: Source) -> web.Response:
    return web.Response(
        status=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
        headers={hdrs.CONTENT_RANGE: f"bytes */{source.size}"},
    )
