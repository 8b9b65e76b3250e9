"""A wire between a house and its camera, in network namespaces of their own.

Where the kernel does not allow that (it takes CAP_SYS_ADMIN and CAP_NET_ADMIN), both are
on loopback, and all that is said about them holds there as well.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
import fcntl
import os
import socket
import struct

LOOPBACK = "127.0.0.1"
HOUSE = "192.168.64.1"
CAMERA = "192.168.64.64"

_RTM_NEWLINK = 16
_NEW = 0x1 | 0x4 | 0x200 | 0x400
"""NLM_F_REQUEST, _ACK, _EXCL and _CREATE (rtnetlink(7))."""
_IFNAME, _LINKINFO, _NET_NS_FD = 3, 18, 28
_INFO_KIND, _INFO_DATA, _VETH_PEER = 1, 2, 1
_SIOCSIFADDR, _SIOCSIFNETMASK = 0x8916, 0x891C
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 0x1


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """Where the house and the camera are. ``refused`` says why they share loopback."""

    house: str
    camera: str
    interface: str
    """The name of the house's interface."""
    refused: str = ""
    _house_namespace: int = -1
    _camera_namespace: int = -1

    @contextmanager
    def at_the_camera(self) -> Iterator[None]:
        """Be at the camera's end: sockets and threads that are made here stay there."""
        with self._at(self._camera_namespace, self._house_namespace):
            yield

    @contextmanager
    def at_home(self) -> Iterator[None]:
        """Be back at the house's end meanwhile."""
        with self._at(self._house_namespace, self._camera_namespace):
            yield

    @contextmanager
    def _at(self, there: int, back: int) -> Iterator[None]:
        if self.refused:
            yield
            return
        os.setns(there, os.CLONE_NEWNET)
        try:
            yield
        finally:
            os.setns(back, os.CLONE_NEWNET)


@contextmanager
def wire() -> Iterator[Wire]:
    """Be at the house's end: sockets and threads that are made from here on are there."""
    here = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    opened = [here]
    try:
        try:
            camera, house = _namespace(opened), _namespace(opened)
            _veth("house0", "camera0", camera)
            _address("house0", HOUSE)
            os.setns(camera, os.CLONE_NEWNET)
            _address("camera0", CAMERA)
            os.setns(house, os.CLONE_NEWNET)
        except OSError as err:
            if len(opened) > 1:
                os.setns(here, os.CLONE_NEWNET)
            yield Wire(
                house=LOOPBACK, camera=LOOPBACK, interface="lo", refused=str(err)
            )
        else:
            yield Wire(
                house=HOUSE,
                camera=CAMERA,
                interface="house0",
                _house_namespace=house,
                _camera_namespace=camera,
            )
    finally:
        if len(opened) > 1:
            os.setns(here, os.CLONE_NEWNET)
        for one in opened:
            os.close(one)


def _namespace(opened: list[int]) -> int:
    """Go into a new namespace, with its loopback up, and return it."""
    os.unshare(os.CLONE_NEWNET)
    opened.append(os.open("/proc/thread-self/ns/net", os.O_RDONLY))
    _up("lo")
    return opened[-1]


def _veth(name: str, peer: str, peer_namespace: int) -> None:
    """Make a wire with one end here and one in another namespace."""
    other = (
        _INTERFACE
        + _attribute(_IFNAME, peer.encode() + b"\0")
        + _attribute(_NET_NS_FD, struct.pack("=I", peer_namespace))
    )
    kind = _attribute(_INFO_KIND, b"veth") + _attribute(
        _INFO_DATA, _attribute(_VETH_PEER, other)
    )
    body = (
        _INTERFACE
        + _attribute(_IFNAME, name.encode() + b"\0")
        + _attribute(_LINKINFO, kind)
    )
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as netlink:
        netlink.bind((0, 0))
        netlink.send(
            struct.pack("=IHHII", 16 + len(body), _RTM_NEWLINK, _NEW, 1, 0) + body
        )
        (error,) = struct.unpack_from("=i", netlink.recv(65536), 16)
    if error:
        raise OSError(-error, f"veth: {os.strerror(-error)}")


_INTERFACE = struct.pack("=BxHiII", socket.AF_UNSPEC, 0, 0, 0, 0)


def _attribute(kind: int, content: bytes) -> bytes:
    size = 4 + len(content)
    return struct.pack("=HH", size, kind) + content + bytes(-size % 4)


def _address(interface: str, address: str) -> None:
    """Give an interface an address in a network of 256, and turn it on."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        for request, value in (
            (_SIOCSIFADDR, address),
            (_SIOCSIFNETMASK, "255.255.255.0"),
        ):
            packed = struct.pack(
                "=16sHH4s8x",
                interface.encode(),
                socket.AF_INET,
                0,
                socket.inet_aton(value),
            )
            fcntl.ioctl(any_socket, request, packed)
    _up(interface)


def _up(interface: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        told = fcntl.ioctl(
            any_socket, _SIOCGIFFLAGS, struct.pack("=16sh14x", interface.encode(), 0)
        )
        (flags,) = struct.unpack_from("=h", told, 16)
        fcntl.ioctl(
            any_socket,
            _SIOCSIFFLAGS,
            struct.pack("=16sh14x", interface.encode(), flags | _IFF_UP),
        )
