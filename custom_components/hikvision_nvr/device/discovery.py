"""Finds cameras in the network by SADP and by WS-Discovery.

Hikvision's devices speak the first, ONVIF's, of all brands, the second.
Whoever is in the network can send what it likes: answers are bounded in size and
number, read without entities, and believed for nothing but whom to ask.
"""

import asyncio
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address
import logging
import re
import socket
import struct
from typing import Any, Final, override
import uuid
from xml.etree.ElementTree import Element

from yarl import URL

from . import xml
from .describe import normal_mac

_LOGGER = logging.getLogger(__name__)

GROUP: Final = "239.255.255.250"
SADP_PORT: Final = 37020
WS_PORT: Final = 3702
MAX_REPLY: Final = 8 << 10
"""Bytes."""
MAX_REPLIES: Final = 256
"""In one scan."""
MAX_ADDRESS_REPLIES: Final = 16
"""From one address in one scan: a device answers once on each interface."""
SCAN_TIME: Final = 3.0
"""Seconds that answers may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundDevice:
    """A device that has answered. ``serial`` and ``mac`` are empty where not told.

    ``activated`` is False for a device that has no password yet. ``onvif`` is the
    address of its ONVIF service, empty where it answered by SADP only.
    """

    address: str
    http_port: int
    serial: str = ""
    mac: str = ""
    model: str = ""
    firmware: str = ""
    activated: bool = True
    onvif: str = ""

    @property
    def key(self) -> str:
        """What stays the same when the device gets another address."""
        return self.serial or self.mac or self.address


async def scan(
    interfaces: Iterable[str],
    *,
    sadp_port: int = SADP_PORT,
    ws_port: int = WS_PORT,
    seconds: float = SCAN_TIME,
) -> list[FoundDevice]:
    """Ask on these interfaces (IPv4 addresses of this machine) and return who answers.

    An interface that cannot be used is passed over.
    """
    collector = _Collector()
    loop = asyncio.get_running_loop()
    with ExitStack() as stack:
        listener = _listener(sadp_port)
        if listener is not None:
            stack.callback(listener.close)
        asking: list[tuple[socket.socket, int, bytes]] = []
        for address in dict.fromkeys(interfaces):
            if listener is not None:
                _join(listener, address)
            for port, probe in ((sadp_port, sadp_probe()), (ws_port, ws_probe())):
                sender = _sender(address)
                if sender is not None:
                    stack.callback(sender.close)
                    asking.append((sender, port, probe))
        sockets = [one for one, _, _ in asking]
        if listener is not None:
            sockets.append(listener)
        for one in sockets:
            transport, _ = await loop.create_datagram_endpoint(
                lambda: collector, sock=one
            )
            stack.callback(transport.abort)
            for sender, port, probe in asking:
                if sender is one:
                    transport.sendto(probe, (GROUP, port))
        await asyncio.sleep(seconds)
    return collector.devices()


def sadp_probe() -> bytes:
    """Return the question of SADP."""
    return (
        '<?xml version="1.0" encoding="utf-8"?><Probe>'
        f"<Uuid>{str(uuid.uuid4()).upper()}</Uuid><Types>inquiry</Types></Probe>"
    ).encode()


def ws_probe() -> bytes:
    """Return the question of WS-Discovery (ONVIF Core Specification, section 7.3)."""
    addressing = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
    discovery = "http://schemas.xmlsoap.org/ws/2005/04/discovery"
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" '
        f'xmlns:a="{addressing}" xmlns:d="{discovery}" '
        'xmlns:dn="http://www.onvif.org/ver10/network/wsdl"><s:Header>'
        f"<a:MessageID>urn:uuid:{uuid.uuid4()}</a:MessageID>"
        "<a:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To>"
        f"<a:Action>{discovery}/Probe</a:Action></s:Header><s:Body><d:Probe>"
        "<d:Types>dn:NetworkVideoTransmitter</d:Types></d:Probe></s:Body></s:Envelope>"
    ).encode()


def read_reply(data: bytes, sender: str) -> FoundDevice | None:
    """Return the device that an answer tells of, None for anything else."""
    if len(data) > MAX_REPLY:
        return None
    try:
        root = xml.parse(data)
    except xml.XmlError:
        return None
    name = xml.local_name(root)
    if name == "ProbeMatch":
        return _read_sadp(root)
    if name == "Envelope":
        return _read_ws(root, sender)
    return None


def _read_sadp(root: Element) -> FoundDevice | None:
    address = _unicast(xml.text(root, "IPv4Address"))
    serial = xml.text(root, "DeviceSN")
    mac = normal_mac(xml.text(root, "MAC"))
    if address is None or not (re.fullmatch(r"[\w\-]{4,64}", serial) or mac):
        return None
    kind, description = (
        xml.text(root, one) for one in ("DeviceType", "DeviceDescription")
    )
    return FoundDevice(
        address=address,
        http_port=_port(xml.text(root, "HttpPort")),
        serial=serial if re.fullmatch(r"[\w\-]{4,64}", serial) else "",
        mac=mac,
        # The type is a number in some firmware, the model in other.
        model=_printable(description or ("" if kind.isdigit() else kind)),
        firmware=_printable(xml.text(root, "SoftwareVersion")),
        activated=xml.text(root, "Activated").lower() != "false",
    )


def _read_ws(root: Element, sender: str) -> FoundDevice | None:
    services = xml.find_anywhere(root, "XAddrs")
    types = xml.find_anywhere(root, "Types")
    scopes = xml.find_anywhere(root, "Scopes")
    if services is None or types is None:
        return None
    if "NetworkVideoTransmitter" not in (types.text or ""):
        return None
    for text in (services.text or "").split():
        try:
            url = URL(text)
        except ValueError:
            continue
        # Whoever answers may speak for itself only.
        if url.scheme in ("http", "https") and url.host == sender:
            told = dict(re.findall(r"/(hardware|name|MAC)/([^\s/]+)", _text(scopes)))
            return FoundDevice(
                address=sender,
                http_port=url.port or 80,
                mac=normal_mac(told.get("MAC", "")),
                model=_printable(URL(told.get("hardware", ""), encoded=True).path),
                onvif=str(url),
            )
    return None


class _Collector(asyncio.DatagramProtocol):
    """Takes the answers of one scan."""

    def __init__(self) -> None:
        self._found: dict[str, FoundDevice] = {}
        self._taken = 0
        self._from: dict[str, int] = {}

    @override
    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        sender = str(addr[0])
        number = self._from.get(sender, 0) + 1
        if self._taken >= MAX_REPLIES or number > MAX_ADDRESS_REPLIES:
            return
        self._taken += 1
        self._from[sender] = number
        found = read_reply(data, sender)
        if found is not None:
            self._found[f"{found.key} {bool(found.onvif)}"] = found

    @override
    def error_received(self, exc: Exception) -> None:
        _LOGGER.debug("Discovery: %s", exc)

    def devices(self) -> list[FoundDevice]:
        """Return each device once; SADP knows more of it."""
        by_sadp = [one for one in self._found.values() if not one.onvif]
        known = {one.address for one in by_sadp} | {one.mac for one in by_sadp} - {""}
        return by_sadp + [
            one
            for one in self._found.values()
            if one.onvif and one.address not in known and one.mac not in known
        ]


def _listener(port: int) -> socket.socket | None:
    """Return a socket for answers that devices send to everybody."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "SO_REUSEPORT"):
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(("", port))
    except OSError as err:
        _LOGGER.debug("Discovery cannot listen on port %s: %s", port, err)
        listener.close()
        return None
    listener.setblocking(False)
    return listener


def _join(listener: socket.socket, address: str) -> None:
    try:
        listener.setsockopt(
            socket.IPPROTO_IP,
            socket.IP_ADD_MEMBERSHIP,
            struct.pack("4s4s", socket.inet_aton(GROUP), socket.inet_aton(address)),
        )
    except OSError as err:
        _LOGGER.debug("Discovery cannot join on %s: %s", address, err)


def _sender(address: str) -> socket.socket | None:
    """Return a socket that asks on an interface, and hears answers to itself."""
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sender.bind((address, 0))
        sender.setsockopt(
            socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address)
        )
        sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
    except OSError as err:
        _LOGGER.debug("Discovery cannot ask on %s: %s", address, err)
        sender.close()
        return None
    sender.setblocking(False)
    return sender


def _unicast(text: str) -> str | None:
    """Return an address that a device can have, None for anything else."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if not isinstance(address, IPv4Address) or (
        address.is_multicast
        or address.is_unspecified
        or address == IPv4Address("255.255.255.255")
    ):
        return None
    return str(address)


def _port(text: str) -> int:
    return int(text) if re.fullmatch(r"[1-9]\d{0,4}", text) else 80


def _printable(text: str) -> str:
    return "".join(one for one in text[:64] if one.isprintable())


def _text(element: Element | None) -> str:
    return "" if element is None else element.text or ""
