"""Messages of RTSP 1.0 (RFC 2326): requests that we send, replies that come."""

from collections.abc import Mapping
from dataclasses import dataclass
import re

VERSION = "RTSP/1.0"
MOST_HEAD = 16 << 10
MOST_BODY = 256 << 10
"""Bytes of a message's head and body: what is larger is no answer of a camera."""

_NUMBER = re.compile(r"[0-9]{1,10}")
_REPLY = re.compile(r"RTSP/[0-9]\.[0-9] +([0-9]{3})(?: |$)")
_REQUEST = re.compile(r"([A-Z_]{2,20}) +\S+ +RTSP/[0-9]\.[0-9]$")
_NEXT_INFO = re.compile(r"\s*,\s*(?=url=)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Message:
    """A reply, which has a ``status``, or a request of the camera with its ``method``.

    ``fields`` has the headers in their order, names in lower case.
    """

    status: int | None
    method: str
    fields: tuple[tuple[str, str], ...]
    body: bytes = b""

    def all(self, name: str) -> list[str]:
        """Return each value of a header."""
        return [value for one, value in self.fields if one == name]

    def first(self, name: str) -> str:
        """Return the first value of a header, empty without it."""
        return next((value for one, value in self.fields if one == name), "")

    def number(self, name: str) -> int | None:
        """Return a header that is a number, None when it is none."""
        return to_number(self.first(name))


@dataclass(frozen=True, slots=True)
class TrackInfo:
    """What the reply to PLAY says of a track (RTP-Info, RFC 2326, section 12.33)."""

    url: str
    sequence: int | None
    timestamp: int | None


def format_request(
    method: str, url: str, sequence: int, headers: Mapping[str, str]
) -> bytes:
    """Return a request (RFC 2326, section 6). Header values must not break lines."""
    lines = [f"{method} {url} {VERSION}", f"CSeq: {sequence}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if any("\r" in line or "\n" in line for line in lines):
        raise ValueError("A request would have another line")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def format_reply(status: int, reason: str, sequence: int) -> bytes:
    """Return the answer to a request of the camera."""
    return f"{VERSION} {status} {reason}\r\nCSeq: {sequence}\r\n\r\n".encode()


def parse_head(head: bytes) -> Message:
    """Read a message's head, without the blank line. Raises ValueError.

    Lines that are no header are left out: cameras send such.
    """
    text = head.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    start, *lines = text.split("\n")
    status, method = None, ""
    if found := _REPLY.match(start):
        status = int(found[1])
    elif found := _REQUEST.match(start.rstrip()):
        method = found[1]
    else:
        raise ValueError("What came is no message of RTSP")
    fields: list[tuple[str, str]] = []
    for line in lines:
        if line[:1] in {" ", "\t"} and fields:
            name, value = fields[-1]
            fields[-1] = (name, f"{value} {line.strip()}")
            continue
        name, colon, value = line.partition(":")
        if colon:
            fields.append((name.strip().lower(), value.strip()))
    return Message(status, method, tuple(fields))


def body_size(message: Message) -> int:
    """Return how many bytes follow a head. Raises ValueError for too many."""
    size = message.number("content-length") or 0
    if size > MOST_BODY:
        raise ValueError(f"A message of {size} bytes is too large")
    return size


def to_number(text: str) -> int | None:
    """Return a number of ASCII digits, which ``str.isdigit`` does not ask for."""
    return int(text) if _NUMBER.fullmatch(text) else None


def parse_session(value: str) -> tuple[str, int]:
    """Return a session's id and its timeout in seconds (RFC 2326, section 12.37)."""
    name, *parameters = value.split(";")
    for parameter in parameters:
        key, _, text = parameter.strip().partition("=")
        if key.lower() == "timeout" and (seconds := to_number(text.strip())):
            return name.strip(), seconds
    return name.strip(), 60


def parse_channels(transport: str, asked: int) -> tuple[int, int]:
    """Return the channels of RTP and RTCP that a camera has chosen.

    ``asked`` is the first of the two that it was asked for, which counts when its
    Transport header (RFC 2326, section 12.39) does not say. Raises ValueError for a
    transport that is none of TCP.
    """
    name, *parameters = transport.split(";")
    if transport and "TCP" not in name.upper():
        raise ValueError("The camera does not send over TCP")
    for parameter in parameters:
        key, _, value = parameter.strip().partition("=")
        if key.lower() == "interleaved":
            first, _, second = value.partition("-")
            number = to_number(first.strip())
            if number is None or number > 255:
                break
            other = to_number(second.strip())
            return number, other if other is not None and other < 256 else number + 1
    return asked, asked + 1


def parse_rtp_info(value: str) -> list[TrackInfo]:
    """Return what RTP-Info says of each track. A URL may hold commas."""
    found: list[TrackInfo] = []
    for part in _NEXT_INFO.split(value):
        known: dict[str, str] = {}
        for parameter in part.split(";"):
            key, equals, text = parameter.strip().partition("=")
            if equals:
                known.setdefault(key.lower(), text.strip())
        if "url" in known:
            found.append(
                TrackInfo(
                    known["url"],
                    to_number(known.get("seq", "")),
                    to_number(known.get("rtptime", "")),
                )
            )
    return found
