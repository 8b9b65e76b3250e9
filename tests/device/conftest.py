"""Simulated devices and clients of them."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.hikvision_nvr.device import IsapiClient
from custom_components.hikvision_nvr.model import CertificateSettings, DeviceLogin
from custom_components.hikvision_nvr.receiver.certificate import load_tls_contexts
from tests.device_owner import running_recorder
from tests.simulators.device import SimulatedDevice
from tests.simulators.device_profiles import Profile

type Simulate = Callable[..., SimulatedDevice]


@pytest.fixture(autouse=True)
def _sockets(socket_enabled: None) -> None:
    """Let devices listen on loopback."""


@pytest.fixture
def simulate() -> Iterator[Simulate]:
    """Start devices that vanish after the test."""
    with ExitStack() as stack:

        def start(profile: Profile, **changes: Any) -> SimulatedDevice:
            return stack.enter_context(SimulatedDevice(profile, **changes))

        yield start


def certificate_bundle(folder: Path, name: str) -> Path:
    """Make a certificate for a device; return the file with it and its key (blocking)."""
    settings = CertificateSettings(
        certificate=folder / f"{name}.pem",
        private_key=folder / f"{name}.key",
        generate=True,
        host_names=("camera",),
    )
    load_tls_contexts(settings)
    bundle = folder / f"{name}.bundle"
    bundle.write_bytes(
        settings.certificate.read_bytes() + settings.private_key.read_bytes()
    )
    return bundle


def login_of(device: SimulatedDevice, **changes: Any) -> DeviceLogin:
    """Return the login that an owner would enter."""
    return replace(
        DeviceLogin(
            host=device.host,
            port=device.port,
            username=device.username,
            password=device.password,
        ),
        **changes,
    )


@asynccontextmanager
async def client_of(
    device: SimulatedDevice, **changes: Any
) -> AsyncIterator[IsapiClient]:
    """Connect to a device."""
    client = IsapiClient(login_of(device, **changes))
    try:
        yield client
    finally:
        await client.close()


@pytest.fixture
def sftp() -> bool:
    """Whether the recorder takes SFTP as well."""
    return False


@pytest.fixture
async def recorder(
    home: HomeAssistant, tmp_path: Path, sftp: bool
) -> AsyncIterator[MockConfigEntry]:
    """A recorder that really receives, without cameras yet."""
    async with running_recorder(home, tmp_path / "storage", sftp=sftp) as entry:
        yield entry
