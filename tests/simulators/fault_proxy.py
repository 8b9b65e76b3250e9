"""A proxy in front of an S3 server that does to requests what networks and services do.

It works on bytes of a connection, so that it can break one off anywhere. ``faults`` is
a queue: each request to a capture takes the next one, and passes when there is none.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from custom_components.hikvision_nvr.receiver.accepting import stop_accepting

_STALLED: Final = 3600.0
_CLOCK_TOLERANCE: Final = timedelta(minutes=15)
"""What AWS allows (RequestTimeTooSkewed)."""


class Fault(StrEnum):
    """What happens to a request."""

    NONE = "none"
    ERROR_500 = "500"
    SLOW_DOWN = "503 SlowDown"
    RESET_IN_BODY = "reset in the middle of the body"
    STALL = "nothing is read and nothing is answered"
    LOST_ANSWER = "carried out, and the answer is lost"
    TRUNCATED_ANSWER = "carried out, and the answer breaks off"
    WRONG_ETAG = "carried out, and another ETag is answered"
    EXPIRED_TOKEN = "400 ExpiredToken"
    QUOTA = "403 QuotaExceeded"


_REFUSALS: Final = {
    Fault.ERROR_500: ("500 Internal Server Error", "InternalError"),
    Fault.SLOW_DOWN: ("503 Slow Down", "SlowDown"),
    Fault.EXPIRED_TOKEN: ("400 Bad Request", "ExpiredToken"),
    Fault.QUOTA: ("403 Forbidden", "QuotaExceeded"),
}


@dataclass(frozen=True)
class Seen:
    """A request as it came in."""

    method: str
    path: str
    body: bytes
    fault: Fault


class FaultProxy:
    """Stands between the recorder and an S3 server."""

    def __init__(self, target: str) -> None:
        """Forward to this server."""
        parts = urlsplit(target)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._connections: set[asyncio.Task[None]] = set()
        self.url = ""
        self.faults: deque[Fault] = deque()
        self.always = Fault.NONE
        self.meant: Callable[[str, str], bool] = is_capture_upload
        self.clock = timedelta()
        """How far the service's clock is ahead."""
        self.seen: list[Seen] = []

    @asynccontextmanager
    async def run(self) -> AsyncIterator[FaultProxy]:
        """Listen on the loopback."""
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            await stop_accepting(server)
            server.close()
            for task in tuple(self._connections):
                task.cancel()
            await asyncio.gather(*self._connections, return_exceptions=True)

    async def _accept(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            while await self._serve(reader, writer):
                pass
        except OSError, asyncio.IncompleteReadError, asyncio.CancelledError:
            writer.transport.abort()
        finally:
            self._connections.discard(task)
            writer.close()

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Serve one request; False when the connection is over."""
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        method, path, _ = lines[0].split(" ")
        fields = [line.partition(":") for line in lines[1:] if line]
        headers = {name.lower(): value.strip() for name, _, value in fields}
        fault = self._fault(method, path)
        length = int(headers.get("content-length", 0))
        if headers.get("expect", "").lower() == "100-continue":
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if fault is Fault.RESET_IN_BODY:
            await reader.readexactly(length // 2)
            self.seen.append(Seen(method, path, b"", fault))
            writer.transport.abort()
            return False
        if fault is Fault.STALL:
            self.seen.append(Seen(method, path, b"", fault))
            await asyncio.sleep(_STALLED)
        body = await reader.readexactly(length)
        self.seen.append(Seen(method, path, body, fault))
        if (refusal := self._refusal(fault, headers)) is not None:
            writer.write(refusal)
            return True
        answer = await self._forwarded(head, body, bodiless=method == "HEAD")
        if fault is Fault.LOST_ANSWER:
            writer.transport.abort()
            return False
        if fault is Fault.TRUNCATED_ANSWER:
            writer.write(answer[: len(answer) // 3])
            await writer.drain()
            writer.transport.abort()
            return False
        if fault is Fault.WRONG_ETAG:
            answer = _with_etag(answer, "0" * 32)
        writer.write(answer)
        await writer.drain()
        return False

    def _fault(self, method: str, path: str) -> Fault:
        if not self.meant(method, path):
            return Fault.NONE
        return self.faults.popleft() if self.faults else self.always

    def _refusal(self, fault: Fault, headers: dict[str, str]) -> bytes | None:
        if fault in _REFUSALS:
            return _error(*_REFUSALS[fault])
        if self.clock and "x-amz-date" in headers:
            signed = datetime.strptime(headers["x-amz-date"], "%Y%m%dT%H%M%SZ")
            now = datetime.now(UTC) + self.clock
            if abs(now - signed.replace(tzinfo=UTC)) > _CLOCK_TOLERANCE:
                return _error("403 Forbidden", "RequestTimeTooSkewed")
        return None

    async def _forwarded(self, head: bytes, body: bytes, *, bodiless: bool) -> bytes:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        try:
            lines = [
                line
                for line in head.split(b"\r\n")
                if not line.lower().startswith((b"connection:", b"expect:"))
            ]
            writer.write(b"\r\n".join([lines[0], b"connection: close", *lines[1:]]))
            writer.write(body)
            await writer.drain()
            return _closing(await reader.read())
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


def is_capture_upload(method: str, path: str) -> bool:
    """Whether a request brings the bytes of a capture."""
    return method == "PUT" and "/_hikvision_nvr/" not in path


def _error(status: str, code: str) -> bytes:
    body = f"<Error><Code>{code}</Code><Message>simulated</Message></Error>".encode()
    return (
        f"HTTP/1.1 {status}\r\ncontent-type: application/xml\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    ).encode() + body


def _closing(answer: bytes) -> bytes:
    head, separator, body = answer.partition(b"\r\n\r\n")
    lines = [
        line
        for line in head.split(b"\r\n")
        if not line.lower().startswith((b"connection:", b"keep-alive:"))
    ]
    return b"\r\n".join([*lines, b"connection: close"]) + separator + body


def _with_etag(answer: bytes, etag: str) -> bytes:
    head, separator, body = answer.partition(b"\r\n\r\n")
    lines = [
        f'ETag: "{etag}"'.encode() if line.lower().startswith(b"etag:") else line
        for line in head.split(b"\r\n")
    ]
    return b"\r\n".join(lines) + separator + body
