"""A camera of another brand: it tells its stream by ONVIF."""

from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
import hashlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import re
import threading
from typing import Self

HOST = "127.0.0.1"
_UTC = "<Year>{0.year}</Year><Month>{0.month}</Month><Day>{0.day}</Day>"


@dataclass(slots=True, kw_only=True)
class OnvifCamera:
    """Answers the four questions that lead to a stream; checks the login's digest."""

    username: str = "onvif"
    password: str = "S3cret&<x>"
    host: str = HOST
    wanted_port: int = 0
    service: str = "/onvif/device_service"
    asks_always: bool = False
    """Whether it wants a login for the time as well."""
    stream: str = "rtsp://192.0.2.99:8554/cam/realmonitor?channel=1&amp;subtype=0"
    clock_offset: timedelta = timedelta()
    asked: list[str] = field(default_factory=list)
    answer: str = ""
    """What it answers to everything instead."""
    _server: ThreadingHTTPServer | None = None

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server is not None
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        """Listen."""
        camera = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                content = camera.respond(self.path, self.rfile.read(length).decode())
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_arguments: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer((self.host, self.wanted_port), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Vanish."""
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()

    def respond(self, path: str, question: str) -> bytes:
        """Return the answer to a question."""
        found = re.search(r"<s:Body><(\w+)", question)
        name = found[1] if found else ""
        self.asked.append(name)
        return (
            self.answer or self._envelope(self._body(path, name, question))
        ).encode()

    def _body(self, path: str, name: str, question: str) -> str:
        now = datetime.now(UTC) + self.clock_offset
        if name in ("GetSystemDateAndTime", "GetCapabilities") and path != self.service:
            return "<s:Fault><s:Text>no such service</s:Text></s:Fault>"
        if name == "GetSystemDateAndTime" and not self.asks_always:
            return (
                "<tds:R><UTCDateTime>"
                f"<Time><Hour>{now.hour}</Hour><Minute>{now.minute}</Minute>"
                f"<Second>{now.second}</Second></Time><Date>{_UTC.format(now)}</Date>"
                "</UTCDateTime></tds:R>"
            )
        if not self._may(question, now):
            return "<s:Fault><s:Value>ter:NotAuthorized</s:Value></s:Fault>"
        if name == "GetCapabilities":
            return "<tds:R><XAddr>http://192.0.2.99/onvif/media_1</XAddr></tds:R>"
        if path != "/onvif/media_1":
            return "<s:Fault><s:Text>wrong service</s:Text></s:Fault>"
        if name == "GetProfiles":
            return (
                '<tds:R><Profiles token="main&amp;1"/><Profiles token="sub"/></tds:R>'
            )
        assert "<ProfileToken>main&amp;1</ProfileToken>" in question
        return f"<tds:R><Uri>{self.stream}</Uri></tds:R>"

    def _may(self, question: str, now: datetime) -> bool:
        fields = dict(
            re.findall(r"<(Username|Nonce|Created|Password)\b[^>]*>([^<]*)<", question)
        )
        if not fields:
            return False
        digest = hashlib.sha1(
            b64decode(fields["Nonce"])
            + fields["Created"].encode()
            + self.password.encode()
        ).digest()
        created = datetime.fromisoformat(fields["Created"])
        return (
            fields["Username"] == self.username
            and fields["Password"] == b64encode(digest).decode()
            and abs(created - now) < timedelta(seconds=10)
        )

    @staticmethod
    def _envelope(body: str) -> str:
        return (
            '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" '
            f'xmlns:tds="urn:x"><s:Body>{body}</s:Body></s:Envelope>'
        )
