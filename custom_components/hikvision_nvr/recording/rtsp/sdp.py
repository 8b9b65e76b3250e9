"""Descriptions of streams: SDP (RFC 4566), and what cameras make of it.

What is known of their ways: blanks at the ends of lines, headers of their own
(``a=Media_header``), frame rates that are none (``a=framerate:0S``), absolute control
URLs, further media for metadata, H.264 without parameter sets.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from .messages import to_number

_STATIC = {0: ("PCMU", 8000, 1), 8: ("PCMA", 8000, 1)}
"""Payload types that need no rtpmap (RFC 3551, section 6), of what can be recorded."""
_MOST_MEDIA = 32
_MOST_SET = 1024
"""Bytes: no parameter set of a camera comes near."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """One medium: ``codec`` is its encoding name in capitals, empty where none is told.

    ``rate`` is ticks a second of its RTP timestamps.
    """

    kind: str
    payload_type: int
    codec: str = ""
    rate: int = 0
    channels: int = 1
    control: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Description:
    """A stream: its own control URL, and its media in their order."""

    control: str
    media: tuple[Media, ...]


def parse_description(body: bytes) -> Description:
    """Read a description. What cannot be understood is left out."""
    control = ""
    media: list[Media] = []
    formats: list[str] = []
    for raw in body.decode("utf-8", "replace").splitlines():
        kind, equals, value = raw.strip().partition("=")
        if not equals:
            continue
        if kind == "m":
            if len(media) == _MOST_MEDIA:
                break
            formats = value.split()[3:]
            media.append(_medium(value.split()))
        elif kind == "a":
            name, _, text = value.partition(":")
            name, text = name.strip().lower(), text.strip()
            if name == "control":
                if media:
                    media[-1] = replace(media[-1], control=text)
                else:
                    control = text
            elif media and name in {"rtpmap", "fmtp"}:
                media[-1] = _with(media[-1], formats, name, text)
    return Description(control, tuple(media))


def _medium(fields: list[str]) -> Media:
    kind = fields[0].lower() if fields else ""
    numbers = [to_number(one) for one in fields[3:]]
    payload_type = numbers[0] if numbers and numbers[0] is not None else -1
    codec, rate, channels = _STATIC.get(payload_type, ("", 0, 1))
    return Media(
        kind=kind, payload_type=payload_type, codec=codec, rate=rate, channels=channels
    )


def _with(medium: Media, formats: list[str], name: str, text: str) -> Media:
    """Return a medium with one more attribute; only its first format counts."""
    number, _, rest = text.partition(" ")
    if to_number(number) != medium.payload_type or not formats:
        return medium
    if name == "fmtp":
        parameters = dict(medium.parameters)
        for part in rest.split(";"):
            key, equals, value = part.strip().partition("=")
            if equals:
                parameters[key.strip().lower()] = value.strip()
        return replace(medium, parameters=parameters)
    codec, *more = rest.strip().split("/")
    rate = to_number(more[0].strip()) if more else None
    channels = to_number(more[1].strip()) if len(more) > 1 else None
    return replace(
        medium,
        codec=codec.strip().upper(),
        rate=rate or medium.rate,
        channels=channels or 1,
    )


def parameter_sets(medium: Media) -> tuple[bytes, ...]:
    """Return what a description has of them: RFC 6184, 8.1, and RFC 7798, 7.1."""
    names = ("sprop-vps", "sprop-sps", "sprop-pps", "sprop-parameter-sets")
    texts = [
        one.strip()
        for name in names
        for one in medium.parameters.get(name, "").split(",")
    ]
    found = []
    for text in texts:
        try:
            unit = base64.b64decode(text + "=" * (-len(text) % 4))
        except ValueError:
            continue
        # Some firmware leaves the start code of the byte stream in front.
        unit = unit.removeprefix(b"\x00\x00\x00\x01")
        if 4 <= len(unit) <= _MOST_SET:
            found.append(unit)
    return tuple(found)


def configuration(medium: Media) -> bytes:
    """Return AAC's AudioSpecificConfig (RFC 3640, section 4.1), empty without one."""
    try:
        return binascii.unhexlify(medium.parameters.get("config", ""))
    except ValueError:
        return b""


def control_url(base: str, control: str) -> str:
    """Return the URL of a medium or of the whole (RFC 2326, section C.1.1).

    A relative one is put behind all of the base, its query included: that is how
    cameras and other clients read it, whatever RFC 3986 says.
    """
    if not control or control == "*":
        return base
    if control.lower().startswith(("rtsp://", "rtsps://")):
        return control
    return f"{base.rstrip('/')}/{control.lstrip('/')}"
