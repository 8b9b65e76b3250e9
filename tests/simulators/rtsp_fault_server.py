"""An RTSP server that does what the test says, above all what no server should do.

It is no camera: it checks logins by code of its own, answers each method as it is told,
and sends after PLAY whatever bytes it is given.
"""

import asyncio
import base64
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
import hashlib
import re
import socket
import ssl
import struct
from types import TracebackType
from typing import Self

from custom_components.hikvision_nvr.receiver.accepting import stop_accepting

SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=faults\r\nt=0 0\r\na=control:*\r\n"
    "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
    "a=fmtp:96 packetization-mode=1\r\na=control:video\r\n"
)
SOUND = "m=audio 0 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=control:audio\r\n"
_RESET = struct.pack("ii", 1, 0)
_HASHES = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}
_PARAMETER = re.compile(r'(\w+)="?([^",]*)"?')


@dataclass
class Request:
    """What a client has asked for."""

    method: str
    url: str
    headers: dict[str, str]


@dataclass
class Behaviour:
    """What the server does.

    ``statuses`` has the answers to methods, once each, before they are answered as they
    should be; ``headers`` what is added to them. ``script`` is sent after PLAY, or
    before its answer when ``early``; then the connection is closed (``fin``), reset
    (``rst``) or kept (``hold``).
    """

    description: str = SDP
    challenges: tuple[str, ...] = ()
    username: str = "admin"
    password: str = "secret"
    stale_after: int | None = None
    says_stale: bool = True
    statuses: dict[str, list[int]] = field(default_factory=dict)
    headers: dict[str, dict[str, str]] = field(default_factory=dict)
    public: str = "OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER"
    silent: tuple[str, ...] = ()
    script: Iterable[bytes] = ()
    early: bool = False
    ending: str = "hold"
    pause: float = 0.0


class FaultServer:
    """Listens on loopback until the end of its block."""

    def __init__(
        self,
        behaviour: Behaviour,
        *,
        host: str = "127.0.0.1",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Behave like this."""
        self.behaviour = behaviour
        self.requests: list[Request] = []
        self.connections = 0
        self.closed = asyncio.Event()
        """Whether a client has closed its connection."""
        self._host = host
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._playing: set[asyncio.Task[None]] = set()
        self._nonce = 0
        self._left = behaviour.stale_after

    async def __aenter__(self) -> Self:
        """Begin to listen."""
        self._server = await asyncio.start_server(
            self._serve, self._host, 0, ssl=self._tls
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close all there is."""
        assert self._server is not None
        await stop_accepting(self._server)
        self._server.close()
        for playing in self._playing:
            playing.cancel()
        for writer in self._writers:
            writer.transport.abort()
        await self._server.wait_closed()

    @property
    def port(self) -> int:
        """The port it listens on."""
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def url(self, path: str = "/stream", *, login: str = "admin:secret@") -> str:
        """Return an address of it."""
        scheme = "rtsp" if self._tls is None else "rtsps"
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{scheme}://{login}{host}:{self.port}{path}"

    def asked(self, method: str) -> list[Request]:
        """Return the requests with a method."""
        return [one for one in self.requests if one.method == method]

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.connections += 1
        self._writers.add(writer)
        try:
            while request := await self._read(reader):
                self.requests.append(request)
                await self._answer(request, writer)
        except OSError, EOFError, asyncio.IncompleteReadError:
            pass
        finally:
            self.closed.set()
            self._writers.discard(writer)
            writer.transport.abort()

    async def _read(self, reader: asyncio.StreamReader) -> Request | None:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode().strip().split("\r\n")
        method, url, *_ = first.split(" ")
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        return Request(method, url, headers)

    async def _answer(self, request: Request, writer: asyncio.StreamWriter) -> None:
        does, method = self.behaviour, request.method
        if method in does.silent or method.startswith("RTSP/"):
            return None
        if not self._is_welcome(request):
            self._nonce += 1
            return self._say(request, writer, 401, self._challenges(request))
        if waiting := does.statuses.get(method):
            status = waiting.pop(0)
            return self._say(request, writer, status, does.headers.get(method, {}))
        body, headers = b"", dict(does.headers.get(method, {}))
        if method == "OPTIONS":
            headers.setdefault("Public", does.public)
        elif method == "DESCRIBE":
            body = does.description.encode()
            headers.setdefault("Content-Type", "application/sdp")
        elif method == "SETUP":
            headers.setdefault("Session", "12345678;timeout=60")
            headers.setdefault("Transport", request.headers["transport"])
        if method == "PLAY" and does.early:
            await self._play(writer)
            return self._say(request, writer, 200, headers)
        self._say(request, writer, 200, headers, body)
        if method == "PLAY":
            # Requests are read meanwhile.
            playing = asyncio.create_task(self._play(writer))
            self._playing.add(playing)
            playing.add_done_callback(self._playing.discard)
        return None

    async def _play(self, writer: asyncio.StreamWriter) -> None:
        for data in self.behaviour.script:
            if writer.transport.is_closing():
                return
            writer.write(data)
            if self.behaviour.pause:
                await writer.drain()
                await asyncio.sleep(self.behaviour.pause)
        if self.behaviour.ending == "fin":
            await writer.drain()
            writer.close()
        elif self.behaviour.ending == "rst":
            await writer.drain()
            connected = writer.get_extra_info("socket")
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()

    def _say(
        self,
        request: Request,
        writer: asyncio.StreamWriter,
        status: int,
        headers: Mapping[str, str | tuple[str, ...]],
        body: bytes = b"",
    ) -> None:
        lines = [f"RTSP/1.0 {status} So", f"CSeq: {request.headers.get('cseq', '0')}"]
        for name, value in headers.items():
            values = (value,) if isinstance(value, str) else value
            lines.extend(f"{name}: {one}" for one in values)
        if body:
            lines.append(f"Content-Length: {len(body)}")
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def _challenges(self, request: Request) -> dict[str, str | tuple[str, ...]]:
        stale = ", stale=true" if self._left == 0 and self.behaviour.says_stale else ""
        if self._left == 0:
            self._left = None
        return {
            "WWW-Authenticate": tuple(
                one.format(nonce=f"n{self._nonce}") + (stale if "nonce" in one else "")
                for one in self.behaviour.challenges
            )
        }

    def _is_welcome(self, request: Request) -> bool:
        does = self.behaviour
        if not does.challenges:
            return True
        said = request.headers.get("authorization", "")
        if said.startswith("Basic "):
            offered = any(one.startswith("Basic") for one in does.challenges)
            login = f"{does.username}:{does.password}".encode()
            return offered and base64.b64decode(said[6:]) == login
        if not said.startswith("Digest "):
            return False
        if self._left is not None:
            if self._left == 0:
                return False
            self._left -= 1
        known = dict(_PARAMETER.findall(said[7:]))
        digest: Callable[[str], str] = lambda text: (  # noqa: E731
            _HASHES[known.get("algorithm", "MD5")](text.encode()).hexdigest()
        )
        secret = digest(f"{does.username}:{known['realm']}:{does.password}")
        asked = digest(f"{request.method}:{request.url}")
        if known["nonce"] != f"n{self._nonce}" or known["uri"] != request.url:
            return False
        middle = known["nonce"]
        if "qop" in known:
            middle += f":{known['nc']}:{known['cnonce']}:auth"
        return digest(f"{secret}:{middle}:{asked}") == known["response"]
