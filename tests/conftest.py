"""Fixtures of the tests that run inside Home Assistant."""

# Home Assistant's test plugin has a package custom_components of its own: ours must
# be imported before Home Assistant looks for it.
import custom_components.hikvision_nvr  # noqa: F401  # isort: skip

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from unittest.mock import AsyncMock, patch

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.syrupy import HomeAssistantSnapshotExtension
from syrupy.assertion import SnapshotAssertion

from custom_components.hikvision_nvr.model import CertificateSettings
from custom_components.hikvision_nvr.receiver.certificate import generate_certificate

from .recorder import FakeEngine, camera_subentry, recorder_entry


@pytest.fixture
def snapshot(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    """Snapshots that leave out what differs from run to run."""
    return snapshot.use_extension(HomeAssistantSnapshotExtension)


@pytest.fixture(scope="session", autouse=True)
def certificates_know_real_times(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The library of certificates keeps the class of the first time that it sees.

    That must not be the one of a test in which time stands still.
    """
    folder = tmp_path_factory.mktemp("certificate")
    generate_certificate(
        CertificateSettings(
            certificate=folder / "cert.pem",
            private_key=folder / "key.pem",
            generate=True,
        )
    )


@pytest.fixture
def hass_config_dir(hass_tmp_config_dir: str) -> str:
    """A configuration folder of each test's own."""
    return hass_tmp_config_dir


@pytest.fixture
async def home(hass: HomeAssistant, enable_custom_integrations: None) -> HomeAssistant:
    """Home Assistant as an owner has it."""
    hass.config.media_dirs = {"local": hass.config.path("media")}
    assert await async_setup_component(hass, "http", {})
    return hass


@pytest.fixture
async def engines(home: HomeAssistant) -> AsyncIterator[list[FakeEngine]]:
    """Engines that only remember, in the order of their making."""
    made: list[FakeEngine] = []
    with (
        patch(
            "custom_components.hikvision_nvr.Engine",
            side_effect=lambda settings, listener: FakeEngine(settings, listener, made),
        ),
        # Nobody else is in this network.
        patch(
            "custom_components.hikvision_nvr.network_scan.scan",
            AsyncMock(return_value=[]),
        ),
    ):
        yield made
        # A flow may have left a reload under way.
        await home.async_block_till_done()
        for entry in home.config_entries.async_entries("hikvision_nvr"):
            if entry.state is ConfigEntryState.LOADED:
                assert await home.config_entries.async_unload(entry.entry_id)
        await home.async_block_till_done()
    assert not any(engine.running for engine in made)


@pytest.fixture
def probe() -> Iterator[AsyncMock]:
    """A bucket that answers as the test wants; at first everything is well."""
    with patch(
        "custom_components.hikvision_nvr.config_flow.probe_bucket", AsyncMock()
    ) as bucket:
        yield bucket


@pytest.fixture
def platforms() -> list[Platform] | None:
    """Which platforms are set up; None means all."""
    return None


@pytest.fixture
def entry(home: HomeAssistant, tmp_path: Path) -> MockConfigEntry:
    """A recorder with two cameras and S3, not set up yet."""
    entry = recorder_entry(
        tmp_path / "storage",
        cameras=[
            camera_subentry("Front door"),
            camera_subentry("Garden", host="192.0.2.12"),
        ],
    )
    entry.add_to_hass(home)
    return entry


@pytest.fixture
async def engine(
    home: HomeAssistant,
    entry: MockConfigEntry,
    engines: list[FakeEngine],
    platforms: list[Platform] | None,
    monkeypatch: pytest.MonkeyPatch,
) -> FakeEngine:
    """The engine of the recorder, which is set up and running."""
    if platforms is not None:
        monkeypatch.setattr("custom_components.hikvision_nvr.PLATFORMS", platforms)
    assert await home.config_entries.async_setup(entry.entry_id)
    await home.async_block_till_done()
    return engines[0]


@pytest.fixture
def reload_done(
    home: HomeAssistant, engines: list[FakeEngine]
) -> Callable[[], FakeEngine]:
    """Return the engine that took over from the one before."""

    def newest() -> FakeEngine:
        *stopped, newest = engines
        assert newest.running
        assert not any(engine.running for engine in stopped)
        return newest

    return newest
