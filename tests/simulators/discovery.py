"""Devices that answer discovery: SADP and WS-Discovery, over real multicast."""

from dataclasses import dataclass, field
import re
import socket
import struct
import threading
from typing import Self

GROUP = "239.255.255.250"
LOOPBACK = "127.0.0.1"


@dataclass(slots=True, kw_only=True)
class Answerer:
    """Answers questions of a port with fixed packets, as the devices of a network do.

    ``to_all`` answers by multicast, as most firmware does, otherwise to who asks.
    """

    port: int
    replies: list[bytes] = field(default_factory=list)
    to_all: bool = True
    interface: str = LOOPBACK
    """The address of the interface on which it answers."""
    questions: list[bytes] = field(default_factory=list)
    _socket: socket.socket | None = None
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        """Listen, in the network namespace of the thread that calls."""
        listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(("", self.port))
        listener.setsockopt(
            socket.IPPROTO_IP,
            socket.IP_ADD_MEMBERSHIP,
            struct.pack(
                "4s4s", socket.inet_aton(GROUP), socket.inet_aton(self.interface)
            ),
        )
        listener.setsockopt(
            socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(self.interface)
        )
        listener.settimeout(0.1)
        self._socket = listener
        self._thread = threading.Thread(target=self._answer, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Fall silent."""
        listener, self._socket = self._socket, None
        if self._thread is not None:
            self._thread.join()
        if listener is not None:
            listener.close()

    def _answer(self) -> None:
        while (listener := self._socket) is not None:
            try:
                question, asker = listener.recvfrom(65536)
            except TimeoutError:
                continue
            if b"Probe>" not in question or b"ProbeMatch" in question:
                continue
            self.questions.append(question)
            for reply in list(self.replies):
                target = (GROUP, self.port) if self.to_all else asker
                listener.sendto(reply, target)


def sadp_reply(
    *,
    address: str,
    port: int = 80,
    serial: str = "DS-2CD2146G2-ISU20220101AAWRJ00000001",
    mac: str = "bc-ad-28-00-00-01",
    model: str = "DS-2CD2146G2-ISU",
    activated: bool = True,
) -> bytes:
    """Return how a device answers SADP."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<ProbeMatch>'
        "<Uuid>13A888A9-F1B1-4020-AE9F-05607682D23B</Uuid><Types>inquiry</Types>"
        f"<DeviceType>140745</DeviceType><DeviceDescription>{model}</DeviceDescription>"
        f"<DeviceSN>{serial}</DeviceSN><CommandPort>8000</CommandPort>"
        f"<HttpPort>{port}</HttpPort><MAC>{mac}</MAC><IPv4Address>{address}</IPv4Address>"
        "<IPv4SubnetMask>255.255.255.0</IPv4SubnetMask><DHCP>true</DHCP>"
        "<SoftwareVersion>V5.5.82build 190910</SoftwareVersion>"
        f"<Activated>{str(activated).lower()}</Activated></ProbeMatch>"
    ).encode()


def ws_reply(service: str, *, model: str = "IPC-T5442") -> bytes:
    """Return how a device answers WS-Discovery."""
    model = re.sub(r"\s", "%20", model)
    return (
        '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" '
        'xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"><s:Body>'
        "<d:ProbeMatches><d:ProbeMatch><d:Types>dn:NetworkVideoTransmitter</d:Types>"
        f"<d:Scopes>onvif://www.onvif.org/hardware/{model} "
        "onvif://www.onvif.org/name/Dahua</d:Scopes>"
        f"<d:XAddrs>{service}</d:XAddrs></d:ProbeMatch></d:ProbeMatches>"
        "</s:Body></s:Envelope>"
    ).encode()
