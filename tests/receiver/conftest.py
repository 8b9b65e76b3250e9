"""A receiver on loopback, and clients that talk to it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
import ftplib
from functools import cache
import io
import itertools
from pathlib import Path
import random
import re
import socket
import ssl
from typing import Any
from zoneinfo import ZoneInfo

from PIL import Image
import pytest

from custom_components.hikvision_nvr.camera_activity import CameraActivity
from custom_components.hikvision_nvr.intake import Intake
from custom_components.hikvision_nvr.model import (
    Brand,
    Camera,
    Capture,
    CertificateSettings,
    Detection,
    Limits,
    ReceiverSettings,
    SftpSettings,
)
from custom_components.hikvision_nvr.receiver import Receiver
from custom_components.hikvision_nvr.receiver.passwords import hash_password
from custom_components.hikvision_nvr.store import Store

HOST = "127.0.0.1"
USERNAME = "front"
PASSWORD = "Secret-12"
QUICK = Limits(refusal_time=0.2)
"""The limits of a real receiver, but for the wait after a wrong password."""


def _picture() -> bytes:
    """Return a real JPEG of some 200 KB, the same each time."""
    pixels = random.Random(1).randbytes(360 * 360 * 3)
    file = io.BytesIO()
    Image.frombytes("RGB", (360, 360), pixels).save(file, "JPEG", quality=90)
    return file.getvalue()


JPEG = _picture()


@pytest.fixture(autouse=True)
def _sockets(socket_enabled: None) -> None:
    """Let the tests of this room use loopback."""


@cache
def _password_hash() -> str:
    return hash_password(PASSWORD)


def a_camera(**changes: Any) -> Camera:
    """Return the camera that delivers in these tests."""
    camera = Camera(
        id="camera-1",
        name="Front door",
        folder="front",
        brand=Brand.AUTO,
        username=USERNAME,
        password_hash=_password_hash(),
    )
    return replace(camera, **changes)


@dataclass
class Site:
    """A running receiver and what came out of it."""

    receiver: Receiver
    store: Store
    activity: CameraActivity
    certificate: CertificateSettings
    root: Path
    detections: list[Detection] = field(default_factory=list)
    captures: list[Capture] = field(default_factory=list)

    @property
    def port(self) -> int:
        return self.receiver.port

    @property
    def sftp_port(self) -> int:
        return self.receiver.sftp_port

    def files(self) -> dict[str, bytes]:
        """Return everything on the disk, temporary files included."""
        return {
            str(path.relative_to(self.root)): path.read_bytes()
            for path in self.root.rglob("*")
            if path.is_file() and path.name != ".hikvision_nvr"
        }


type MakeSite = Callable[..., Awaitable[Site]]


@pytest.fixture
async def make_site(tmp_path: Path) -> AsyncIterator[MakeSite]:
    """Return a function that starts a receiver; its arguments change the settings."""
    async with AsyncExitStack() as stack:
        numbers = itertools.count()

        async def make(
            *cameras: Camera, reserve: int = 0, offsite: bool = False, **changes: Any
        ) -> Site:
            folder = tmp_path / f"site-{next(numbers)}"
            zone = ZoneInfo("Europe/Berlin")
            store = Store(
                folder / "media",
                folder / "catalogue.sqlite",
                time_zone=zone,
                offsite=offsite,
                reserve=reserve,
            )
            await store.open()
            stack.push_async_callback(store.close)
            cameras = cameras or (a_camera(),)
            certificate = CertificateSettings(
                certificate=folder / "certificate.pem",
                private_key=folder / "key.pem",
                generate=True,
                host_names=("localhost", HOST),
            )
            settings = ReceiverSettings(
                host=HOST,
                port=0,
                passive_ports=(0, 0),
                certificate=certificate,
                limits=QUICK,
            )
            detections: list[Detection] = []
            captures: list[Capture] = []
            activity = CameraActivity(cameras, lambda: None)
            intake = Intake(
                store,
                cameras,
                activity,
                time_zone=zone,
                on_detection=detections.append,
                on_capture=captures.append,
            )
            stack.push_async_callback(intake.drain)
            receiver = Receiver(replace(settings, **changes), cameras, store, intake)
            await receiver.start()
            stack.push_async_callback(receiver.stop)
            return Site(
                receiver,
                store,
                activity,
                certificate,
                folder / "media",
                detections,
                captures,
            )

        yield make


@pytest.fixture
async def site(make_site: MakeSite) -> Site:
    """Return a receiver with one camera."""
    return await make_site()


@pytest.fixture(scope="session")
def sftp(tmp_path_factory: pytest.TempPathFactory) -> SftpSettings:
    """Return settings for SFTP whose keys are made once: that takes a while."""
    return SftpSettings(port=0, host_keys=tmp_path_factory.mktemp("host-keys"))


@pytest.fixture
async def sftp_site(make_site: MakeSite, sftp: SftpSettings) -> Site:
    """Return a receiver with one camera that serves SFTP too."""
    return await make_site(sftp=sftp)


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


def passive_port(reply: str) -> int:
    match = re.search(r"\(\|\|\|(\d+)\|\)", reply)
    assert match is not None
    return int(match[1])


def data_socket(client: ftplib.FTP_TLS, command: str) -> ssl.SSLSocket:
    """Return an encrypted data connection for a command that was answered 150."""
    port = passive_port(client.sendcmd("EPSV"))
    connection = socket.create_connection((HOST, port), timeout=20)
    assert client.sendcmd(command).startswith("150")
    return client_context().wrap_socket(connection)


def plain_login(port: int) -> ftplib.FTP:
    """Return a client without encryption that is logged in (blocking)."""
    client = ftplib.FTP(timeout=20)
    client.connect(HOST, port)
    client.login(USERNAME, PASSWORD)
    return client


async def run[T](work: Callable[[], T]) -> T:
    """Run blocking client code beside the receiver's loop."""
    return await asyncio.to_thread(work)
