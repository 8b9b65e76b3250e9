"""The recorder's buttons."""

from pathlib import Path

from homeassistant.config_entries import SOURCE_REAUTH
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    snapshot_platform,
)
from syrupy.assertion import SnapshotAssertion

from custom_components.hikvision_nvr.errors import (
    OffsiteAuthError,
    OffsiteUnreachableError,
)

from .recorder import STATUS, FakeEngine, recorder_entry


@pytest.fixture
def platforms() -> list[Platform]:
    """Set up nothing but buttons."""
    return [Platform.BUTTON]


async def press(home: HomeAssistant, button: str) -> None:
    """Press a button of the recorder."""
    await home.services.async_call(
        "button", "press", {"entity_id": f"button.recorder_{button}"}, blocking=True
    )


async def test_entities(
    home: HomeAssistant,
    engine: FakeEngine,
    entry: MockConfigEntry,
    entity_registry: er.EntityRegistry,
    snapshot: SnapshotAssertion,
) -> None:
    await engine.tell(home, STATUS)
    await snapshot_platform(home, entity_registry, snapshot, entry.entry_id)


async def test_without_s3_only_jobs_can_be_cancelled(
    home: HomeAssistant, tmp_path: Path, engines: list[FakeEngine]
) -> None:
    entry = recorder_entry(tmp_path, s3=None)
    entry.add_to_hass(home)
    assert await home.config_entries.async_setup(entry.entry_id)
    await home.async_block_till_done()
    assert home.states.async_entity_ids("button") == ["button.recorder_cancel_jobs"]


async def test_upload_now_tries_what_waits(
    home: HomeAssistant, engine: FakeEngine
) -> None:
    await engine.tell(home, STATUS)
    await press(home, "upload_now")
    assert [asked for asked, _, _ in engine.offsite.asked] == ["upload_now"]


async def test_sort_now_asks_for_one_job_and_does_not_wait(
    home: HomeAssistant, engine: FakeEngine
) -> None:
    await engine.tell(home, STATUS)
    await press(home, "sort_now")
    assert [kind for kind, _ in engine.jobs.asked] == ["sort"]
    assert engine.jobs.once == [True]
    assert engine.jobs.waited == []


async def test_cancel_jobs_cancels_all(home: HomeAssistant, engine: FakeEngine) -> None:
    await engine.tell(home, STATUS)
    await press(home, "cancel_jobs")
    assert engine.jobs.cancelled == [None]


async def test_a_press_that_fails_says_why(
    home: HomeAssistant, engine: FakeEngine
) -> None:
    await engine.tell(home, STATUS)
    engine.offsite.error = OffsiteUnreachableError("s3.example.com does not answer")
    with pytest.raises(HomeAssistantError) as failure:
        await press(home, "upload_now")
    assert failure.value.translation_key == "offsite_unreachable"


async def test_keys_that_are_refused_are_asked_for(
    home: HomeAssistant, engine: FakeEngine
) -> None:
    await engine.tell(home, STATUS)
    engine.offsite.error = OffsiteAuthError("The keys are not known")
    with pytest.raises(HomeAssistantError):
        await press(home, "upload_now")
    (flow,) = home.config_entries.flow.async_progress()
    assert flow["context"]["source"] == SOURCE_REAUTH
