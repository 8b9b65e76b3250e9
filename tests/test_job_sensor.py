"""The job sensor, and what is told when a job ends."""

from dataclasses import replace
from typing import Any

from homeassistant.components import persistent_notification
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import async_capture_events

from custom_components.hikvision_nvr.model import JobEnd, JobState, JobStatus

from .recorder import NOON, STATUS, FakeEngine

RESTORED: dict[str, Any] = {
    "camera": "Front door",
    "date": "2026-11-01",
    "ready": True,
    "extracted": 12,
}


@pytest.fixture
def platforms() -> list[Platform]:
    """Set up nothing but sensors."""
    return [Platform.SENSOR]


async def test_sensor_shows_the_job_and_how_far_it_is(
    home: HomeAssistant, engine: FakeEngine
) -> None:
    await engine.tell(home, STATUS)
    state = home.states.get("sensor.recorder_job")
    assert state.state == "archive"
    assert state.attributes["state"] == "running"
    assert state.attributes["percent"] == 25
    assert state.attributes["bytes_done"] == 50_000_000
    assert state.attributes["seconds_left"] == 90
    assert state.attributes["waiting"] == 1

    failed = JobStatus(
        id="job-1",
        kind="sort",
        state=JobState.FAILED,
        ended=NOON,
        error="S3 is gone",
    )
    await engine.tell(home, replace(STATUS, job=failed))
    state = home.states.get("sensor.recorder_job")
    assert state.state == "idle"
    assert (state.attributes["kind"], state.attributes["state"]) == ("sort", "failed")
    assert state.attributes["error"] == "S3 is gone"

    await engine.tell(home, replace(STATUS, job=None))
    assert home.states.get("sensor.recorder_job").state == "idle"


async def test_end_of_a_job_is_an_event(
    home: HomeAssistant, engine: FakeEngine
) -> None:
    events = async_capture_events(home, "hikvision_nvr_job")
    await engine.tell(
        home,
        JobEnd(
            id="job-1",
            kind="purge",
            state=JobState.DONE,
            result={"deleted": 3},
            error=None,
        ),
    )
    (event,) = events
    assert event.data == {
        "entry_id": "entry-Recorder",
        "job_id": "job-1",
        "kind": "purge",
        "state": "done",
        "error": None,
        "result": {"deleted": 3},
    }


async def test_restore_that_is_ready_is_told_to_automations_and_to_the_owner(
    home: HomeAssistant, engine: FakeEngine
) -> None:
    events = async_capture_events(home, "hikvision_nvr_restore_ready")
    await engine.tell(
        home,
        JobEnd(
            id="job-1",
            kind="restore",
            state=JobState.DONE,
            result=RESTORED,
            error=None,
        ),
    )
    await home.async_block_till_done()
    (event,) = events
    assert event.data == {"entry_id": "entry-Recorder", "job_id": "job-1", **RESTORED}
    notification = persistent_notification._async_get_or_create_notifications(home)[
        "hikvision_nvr_job-1"
    ]
    assert notification["title"] == "Captures are restored"
    assert "Front door, 2026-11-01" in notification["message"]
    assert "12 files" in notification["message"]
