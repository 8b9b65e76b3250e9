"""A receiver on loopback, and clients that talk to it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
import ftplib
from functools import cache
from pathlib import Path
import ssl
from zoneinfo import ZoneInfo

import pytest

from custom_components.hikvision_nvr.intake import Intake
from custom_components.hikvision_nvr.model import (
    Brand,
    Camera,
    Capture,
    CertificateSettings,
    Detection,
    ReceiverSettings,
)
from custom_components.hikvision_nvr.receiver import Receiver
from custom_components.hikvision_nvr.receiver.passwords import hash_password
from custom_components.hikvision_nvr.store import Store

HOST = "127.0.0.1"
USERNAME = "front"
PASSWORD = "Secret-12"
PASSIVE_PORTS = (50200, 50203)
JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 800 + b"\xff\xd9"


@pytest.fixture(autouse=True)
def _sockets(socket_enabled: None) -> None:
    """Let the tests of this room use loopback."""


@cache
def _password_hash() -> str:
    return hash_password(PASSWORD)


@pytest.fixture
def camera() -> Camera:
    return Camera(
        id="camera-1",
        name="Front door",
        folder="front",
        brand=Brand.AUTO,
        username=USERNAME,
        password_hash=_password_hash(),
    )


@dataclass
class Site:
    """A running receiver and what came out of it."""

    receiver: Receiver
    store: Store
    root: Path
    detections: list[Detection] = field(default_factory=list)
    captures: list[Capture] = field(default_factory=list)

    @property
    def port(self) -> int:
        return self.receiver.port

    def files(self) -> dict[str, bytes]:
        """Return everything on the disk, temporary files included."""
        return {
            str(path.relative_to(self.root)): path.read_bytes()
            for path in self.root.rglob("*")
            if path.is_file() and path.name != ".hikvision_nvr"
        }


@pytest.fixture
async def site(tmp_path: Path, camera: Camera) -> AsyncIterator[Site]:
    zone = ZoneInfo("Europe/Berlin")
    root = tmp_path / "media"
    store = Store(root, tmp_path / "catalogue.sqlite", time_zone=zone, offsite=False)
    await store.open()
    detections: list[Detection] = []
    captures: list[Capture] = []
    intake = Intake(
        store,
        [camera],
        time_zone=zone,
        on_detection=detections.append,
        on_capture=captures.append,
    )
    receiver = Receiver(
        ReceiverSettings(
            host=HOST,
            port=0,
            passive_ports=PASSIVE_PORTS,
            certificate=CertificateSettings(
                certificate=tmp_path / "certificate.pem",
                private_key=tmp_path / "key.pem",
                generate=True,
                host_names=("localhost", HOST),
            ),
        ),
        [camera],
        store,
        intake.take,
    )
    await receiver.start()
    yield Site(receiver, store, root, detections, captures)
    await receiver.stop()
    await intake.drain()
    await store.close()


def client_context(
    maximum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = maximum
    return context


def connect(port: int, context: ssl.SSLContext | None = None) -> ftplib.FTP_TLS:
    """Return a client that is connected but not logged in (blocking)."""
    client = ftplib.FTP_TLS(context=context or client_context(), timeout=20)
    client.connect(HOST, port)
    return client


def login(port: int, context: ssl.SSLContext | None = None) -> ftplib.FTP_TLS:
    """Return a client that is ready for transfers (blocking)."""
    client = connect(port, context)
    client.login(USERNAME, PASSWORD)
    client.prot_p()
    return client


async def run[T](work: Callable[[], T]) -> T:
    """Run blocking client code beside the receiver's loop."""
    return await asyncio.to_thread(work)
