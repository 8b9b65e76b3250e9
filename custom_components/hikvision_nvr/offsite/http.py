"""HTTP/1.1 for uploads: connections that stay open, one request after the other.

It does what a PUT and a HEAD need and nothing else (RFC 9110, RFC 9112). A general
client spends more time on each request than S3 needs to store a snapshot.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
import ssl
from typing import Final

CONNECT_SECONDS: Final = 10.0
IDLE_SECONDS: Final = 15.0
"""After that a connection is not used again: the service may be closing it."""
MOST_HEAD: Final = 64 * 1024
MOST_BODY: Final = 256 * 1024
"""Bytes of an answer. What S3 answers to uploads is far below; more is not S3."""

type Chunks = Callable[[], AsyncIterator[memoryview]]


class BadAnswerError(ConnectionError):
    """What came back is not HTTP/1.1, or breaks off."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer; the headers' names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Connections:
    """Connections to one service."""

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        """Connect to this address, with TLS if there is a context for it."""
        self._host = host
        self._port = port
        self._tls = tls
        self._idle: list[_Connection] = []
        self._open: set[_Connection] = set()

    async def request(
        self,
        head: bytes,
        *,
        bodiless: bool,
        chunks: Chunks | None,
        asks: bool,
        most_body: int = MOST_BODY,
    ) -> Answer:
        """Send a request and return its answer.

        ``head`` is the request line and the headers. ``bodiless`` is for HEAD, whose
        answer has no body whatever its headers say. With ``asks`` the body waits for
        the service's consent. An answer of more than ``most_body`` bytes is none.
        Raises ConnectionError.
        """
        while True:
            connection = self._take()
            reused = connection is not None
            if connection is None:
                connection = await self._connect()
            try:
                answer = await connection.request(
                    head, bodiless, chunks, asks=asks, most_body=most_body
                )
            except ConnectionError:
                if reused and not connection.heard:
                    # Closed by the service while it was idle.
                    continue
                raise
            finally:
                self._give_back(connection)
            return answer

    async def close(self) -> None:
        """Close all connections and wait until they are."""
        self._idle.clear()
        ended = [connection.ended for connection in self._open]
        for connection in tuple(self._open):
            connection.abort()
        if ended:
            await asyncio.wait(ended)

    def _take(self) -> _Connection | None:
        now = asyncio.get_running_loop().time()
        while self._idle:
            connection = self._idle.pop()
            if connection.usable and now - connection.idle_since < IDLE_SECONDS:
                return connection
            connection.abort()
        return None

    def _give_back(self, connection: _Connection) -> None:
        if connection.usable:
            connection.idle_since = asyncio.get_running_loop().time()
            self._idle.append(connection)
        else:
            connection.abort()

    async def _connect(self) -> _Connection:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                _, connection = await loop.create_connection(
                    lambda: _Connection(self._open),
                    self._host,
                    self._port,
                    ssl=self._tls,
                    happy_eyeballs_delay=0.25,
                )
        except ConnectionError:
            raise
        except OSError as error:
            # Names that are not found and certificates that are not trusted as well.
            raise ConnectionError(str(error)) from error
        return connection


class _Connection(asyncio.Protocol):
    """One connection: a request, its answer, and so on."""

    def __init__(self, among: set[_Connection]) -> None:
        loop = asyncio.get_running_loop()
        self._among = among
        self._transport: asyncio.Transport | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._parser: _Parser | None = None
        self._answer: asyncio.Future[Answer] | None = None
        self._consent = asyncio.Event()
        self._keeps = True
        self.ended: asyncio.Future[None] = loop.create_future()
        self.heard = False
        self.idle_since = 0.0

    @property
    def usable(self) -> bool:
        """Whether another request can be sent."""
        return self._keeps and self._answer is None and not self.ended.done()

    async def request(
        self,
        head: bytes,
        bodiless: bool,
        chunks: Chunks | None,
        *,
        asks: bool,
        most_body: int,
    ) -> Answer:
        """Send a request and return its answer. Raises ConnectionError."""
        if self.ended.done():
            raise ConnectionResetError("closed while idle")
        self.heard = False
        self._consent.clear()
        self._parser = _Parser(bodiless=bodiless, most_body=most_body)
        answer = self._answer = asyncio.get_running_loop().create_future()
        try:
            if not await self._send(head, chunks, answer, asks=asks):
                # The service did not want the rest: nothing more fits in here.
                self._keeps = False
            got: Answer = await answer
        except BaseException:
            self._keeps = False
            # Nobody asks it any more.
            if answer.done() and not answer.cancelled():
                answer.exception()
            raise
        finally:
            self._answer = self._parser = None
        return got

    async def _send(
        self,
        head: bytes,
        chunks: Chunks | None,
        answer: asyncio.Future[Answer],
        *,
        asks: bool,
    ) -> bool:
        """Send all of a request; False when the answer came before the end of it."""
        assert self._transport is not None
        if asks or chunks is None:
            self._transport.write(head)
            head = b""
        if chunks is None:
            return True
        if asks and not await self._consented(answer):
            return False
        async for chunk in chunks():
            if answer.done():
                return False
            if self._transport.is_closing():
                raise ConnectionResetError("the service closed the connection")
            self._transport.writelines([head, chunk] if head else [chunk])
            head = b""
            if not self._writable.is_set():
                await self._writable.wait()
        return True

    async def _consented(self, answer: asyncio.Future[Answer]) -> bool:
        answer.add_done_callback(lambda _: self._consent.set())
        await self._consent.wait()
        return not answer.done()

    def abort(self) -> None:
        """Close at once."""
        self._keeps = False
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._among.add(self)

    def data_received(self, data: bytes) -> None:
        """Read the answer."""
        self.heard = True
        if self._parser is None or self._answer is None:
            # Nobody has asked.
            self.abort()
            return
        try:
            answer = self._parser.feed(data)
        except ValueError as error:
            self._fail(BadAnswerError(f"not an HTTP answer: {error}"))
            return
        if self._parser.consents:
            self._consent.set()
        if answer is not None:
            self._keeps = self._keeps and self._parser.keeps
            self._settle(answer)

    def eof_received(self) -> bool:
        """The service has closed its side: so do we."""
        if self._parser is not None:
            answer = self._parser.end()
            if answer is not None:
                self._keeps = False
                self._settle(answer)
        return False

    def pause_writing(self) -> None:
        """Wait until what was written is on its way."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Go on."""
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits."""
        self._keeps = False
        self._among.discard(self)
        lost = ConnectionResetError("the service closed the connection")
        lost.__cause__ = exc
        self._fail(lost)
        self._writable.set()
        self._consent.set()
        if not self.ended.done():
            self.ended.set_result(None)

    def _settle(self, answer: Answer) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(answer)
            # A body that is still being sent need not be.
            self._writable.set()

    def _fail(self, error: ConnectionError) -> None:
        self._keeps = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)
        if self._transport is not None:
            self._transport.abort()


class _Parser:
    """Reads one answer (RFC 9112, sections 2 to 7)."""

    def __init__(self, *, bodiless: bool, most_body: int) -> None:
        self._bodiless = bodiless
        self._most_body = most_body
        self._buffer = bytearray()
        self._pieces: list[bytes] = []
        self._missing = 0
        self._status = 0
        self._headers: dict[str, str] | None = None
        self._length: int | None = None
        self._chunked = False
        self._body = bytearray()
        self.keeps = False
        self.consents = False

    def feed(self, data: bytes) -> Answer | None:
        """Take bytes; return the answer once it is whole. Raises ValueError."""
        if self._missing:
            # Most of a long body comes so, and is joined only once.
            self._pieces.append(data)
            self._missing -= len(data)
            return self._joined() if self._missing <= 0 else None
        if self._headers is None:
            rest = self._after_head(bytes(self._buffer) + data)
            if rest is None:
                return None
            data = rest
        if self._length is not None:
            self._pieces.append(data)
            self._missing = self._length - len(data)
            return self._joined() if self._missing <= 0 else None
        self._buffer += data
        if len(self._buffer) + len(self._body) > self._most_body:
            raise ValueError("too long a body")
        return self._unchunked() if self._chunked else None

    def _after_head(self, data: bytes) -> bytes | None:
        """Read the head; return what follows it, None if it is not whole yet."""
        self._buffer.clear()
        start = 0
        while self._headers is None:
            end = data.find(b"\r\n\r\n", start)
            if end < 0:
                if len(data) - start > MOST_HEAD:
                    raise ValueError("too long a head")
                self._buffer += data[start:]
                return None
            self._read_head(data[start:end].decode("latin-1"))
            start = end + 4
        return data[start:]

    def end(self) -> Answer | None:
        """Take the end of the connection; return an answer that ends with it."""
        if self._headers is None or self._chunked or self._length is not None:
            return None
        return self._made(bytes(self._buffer))

    def _read_head(self, text: str) -> None:
        line, *fields = text.split("\r\n")
        version, _, rest = line.partition(" ")
        if not version.startswith("HTTP/1."):
            raise ValueError("no HTTP/1")
        self._status = int(rest[:3])
        if self._status == HTTPStatus.CONTINUE:
            self.consents = True
            return
        if self._status < HTTPStatus.OK:
            return
        headers: dict[str, str] = {}
        for field in fields:
            name, colon, value = field.partition(":")
            if not colon:
                raise ValueError("no header")
            headers[name.strip().lower()] = value.strip()
        self._headers = headers
        self.keeps = (
            version == "HTTP/1.1" and headers.get("connection", "").lower() != "close"
        )
        if self._bodiless or self._status in (
            HTTPStatus.NO_CONTENT,
            HTTPStatus.NOT_MODIFIED,
        ):
            self._length = 0
        elif "chunked" in headers.get("transfer-encoding", "").lower():
            self._chunked = True
        elif "content-length" in headers:
            self._length = int(headers["content-length"])
            if not 0 <= self._length <= self._most_body:
                raise ValueError("too long a body")

    def _joined(self) -> Answer:
        if self._missing < 0:
            # More than was asked for belongs to nobody.
            self.keeps = False
            self._pieces[-1] = self._pieces[-1][: self._missing]
        return self._made(b"".join(self._pieces))

    def _unchunked(self) -> Answer | None:
        while (end := self._buffer.find(b"\r\n")) >= 0:
            size = int(bytes(self._buffer[:end]).partition(b";")[0], 16)
            if size < 0:
                raise ValueError("no chunk")
            if size == 0:
                if self._buffer.find(b"\r\n\r\n", end) < 0:
                    return None
                return self._made(bytes(self._body))
            if len(self._buffer) < end + 2 + size + 2:
                return None
            self._body += self._buffer[end + 2 : end + 2 + size]
            del self._buffer[: end + 2 + size + 2]
        return None

    def _made(self, body: bytes) -> Answer:
        assert self._headers is not None
        return Answer(self._status, self._headers, body)
