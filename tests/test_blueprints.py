"""Each blueprint, imported as an owner does, made an automation, and run."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
import re
import shutil
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.persistent_notification import (
    _async_get_or_create_notifications as notifications,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.setup import async_setup_component
from homeassistant.util.yaml import parse_yaml
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
    async_mock_service,
)

from custom_components import hikvision_nvr
from custom_components.hikvision_nvr.errors import OffsiteUnreachableError
from custom_components.hikvision_nvr.model import (
    CameraStatus,
    Detection,
    DetectionType,
    RecordingState,
    RecordingStatus,
)

from .recorder import (
    NOON,
    STATUS,
    FakeEngine,
    a_detection,
    camera_subentry,
    recorder_entry,
)

FOLDER = Path(hikvision_nvr.__file__).parents[2] / "blueprints/automation/hikvision_nvr"
FRONT = "event.front_door_detection"

type Use = Callable[..., Awaitable[None]]
type Later = Callable[[float], Awaitable[None]]


async def settle() -> None:
    """Let the loop do what can be done now.

    Home Assistant's own way would wait for the automations, which wait themselves.
    """
    for _ in range(200):
        await asyncio.sleep(0)


async def tell(engine: FakeEngine, detection: Detection) -> None:
    """Report a detection."""
    engine.listener.on_detection(detection)
    await settle()


async def turn_off(home: HomeAssistant) -> None:
    """End all automations, also those that wait."""
    await home.services.async_call(
        "automation", "turn_off", {"entity_id": "all"}, blocking=True
    )


@pytest.fixture
def later(home: HomeAssistant, freezer: FrozenDateTimeFactory) -> Later:
    """Let time pass."""

    async def tick(seconds: float) -> None:
        freezer.tick(seconds)
        async_fire_time_changed(home)
        await settle()

    return tick


@pytest.fixture
async def use(home: HomeAssistant, engines: list[FakeEngine]) -> AsyncIterator[Use]:
    """Make an automation of a blueprint, and end its runs after the test."""

    def import_all() -> None:
        shutil.copytree(FOLDER, home.config.path("blueprints/automation/hikvision_nvr"))

    async def make(name: str, **inputs: Any) -> None:
        await home.async_add_executor_job(import_all)
        blueprint = {"path": f"hikvision_nvr/{name}.yaml", "input": inputs}
        assert await async_setup_component(
            home, "automation", {"automation": {"id": "1", "use_blueprint": blueprint}}
        )
        await home.async_block_till_done()
        (automation,) = home.states.async_all("automation")
        assert automation.state == "on"

    yield make
    await turn_off(home)


# Notification with snapshot


@pytest.fixture
def phones(home: HomeAssistant) -> list[str]:
    """Two phones with the companion app: the ids of their devices."""
    app = MockConfigEntry(domain="mobile_app")
    app.add_to_hass(home)
    registry = dr.async_get(home)
    return [
        registry.async_get_or_create(
            config_entry_id=app.entry_id, identifiers={("mobile_app", name)}, name=name
        ).id
        for name in ("Pixel 9", "Jane's iPhone")
    ]


async def test_each_phone_is_told_with_picture_and_buttons(
    home: HomeAssistant, engine: FakeEngine, use: Use, phones: list[str]
) -> None:
    pixel = async_mock_service(home, "notify", "mobile_app_pixel_9")
    iphone = async_mock_service(home, "notify", "mobile_app_jane_s_iphone")
    await use("detection_notification", cameras={"entity_id": [FRONT]}, phones=phones)
    await tell(engine, a_detection(id="d1", type=DetectionType.VEHICLE, plate="KA123"))
    (told,) = pixel
    assert dict(iphone[0].data) == dict(told.data)
    assert told.data["title"] == "Front door"
    assert told.data["message"] == "Vehicle, KA123"
    data = told.data["data"]
    assert data["image"] == home.states.get(FRONT).attributes["snapshot_url"]
    assert data["tag"] == "d1"
    assert data["actions"] == [
        {"action": "KEEP_d1", "title": "Keep the footage"},
        {
            "action": "URI",
            "title": "Open the camera",
            "uri": "entityId:camera.front_door",
        },
    ]

    # Of a type that is not wanted, and of a camera that is not.
    await tell(engine, a_detection(type=DetectionType.TAMPER))
    await tell(engine, a_detection("camera-garden"))
    assert len(pixel) == 1


async def test_the_button_keeps_the_footage_of_its_detection(
    home: HomeAssistant, engine: FakeEngine, use: Use, phones: list[str]
) -> None:
    async_mock_service(home, "notify", "mobile_app_pixel_9")
    await use(
        "detection_notification",
        cameras={"entity_id": [FRONT]},
        phones=phones[:1],
        before=30,
        after=90,
    )
    await tell(engine, a_detection(id="d1"))
    await tell(
        engine,
        a_detection(
            id="d2", type=DetectionType.FACE, event_time=NOON + timedelta(hours=1)
        ),
    )
    holds = engine.store.recordings.segments.holds
    assert holds == []
    home.bus.async_fire("mobile_app_notification_action", {"action": "KEEP_d1"})
    await settle()
    assert holds == [
        ("Front door", NOON - timedelta(seconds=30), NOON + timedelta(seconds=90))
    ]


async def test_a_notification_waits_for_a_picture_but_not_for_ever(
    home: HomeAssistant,
    engine: FakeEngine,
    use: Use,
    phones: list[str],
    later: Later,
) -> None:
    pixel = async_mock_service(home, "notify", "mobile_app_pixel_9")
    await use(
        "detection_notification", cameras={"entity_id": [FRONT]}, phones=phones[:1]
    )
    await tell(engine, a_detection(id="d1", file_name=None, capture_id=None))
    assert pixel == []
    engine.listener.on_detection_picture(a_detection(id="d1", capture_id="c1"))
    await settle()
    assert "/c1?" in pixel[0].data["data"]["image"]

    await tell(engine, a_detection(id="d2", file_name=None, capture_id=None))
    assert len(pixel) == 1
    await later(11)
    assert len(pixel) == 2
    assert pixel[1].data["data"]["image"] == ""


async def test_a_phone_that_is_gone_keeps_no_other_from_being_told_and_a_pause_holds(
    home: HomeAssistant,
    engine: FakeEngine,
    use: Use,
    phones: list[str],
    later: Later,
) -> None:
    async_mock_service(home, "notify", "mobile_app_pixel_9")
    iphone = async_mock_service(home, "notify", "mobile_app_jane_s_iphone")
    await use(
        "detection_notification",
        cameras={"entity_id": [FRONT]},
        phones=["a-device-that-is-gone", *phones],
        pause=60,
        message="{{ camera }}: {{ what }}",
    )
    await tell(engine, a_detection())
    assert iphone[0].data["message"] == "Front door: Motion"
    await later(59)
    await tell(engine, a_detection(type=DetectionType.FACE))
    assert len(iphone) == 1
    await later(2)
    await tell(engine, a_detection())
    assert len(iphone) == 2


# Archive last month


@pytest.fixture
async def at_night(
    home: HomeAssistant, freezer: FrozenDateTimeFactory
) -> Callable[[datetime], Awaitable[None]]:
    """Let a time come."""

    async def come(moment: datetime) -> None:
        freezer.move_to(moment)
        async_fire_time_changed(home, moment)
        await home.async_block_till_done()

    assert await async_setup_component(home, "persistent_notification", {})
    freezer.move_to(NOON)
    await home.config.async_set_time_zone("UTC")
    return come


WELL = {"left": 0, "remaining": 0}


async def test_last_month_is_archived_in_the_first_night(
    home: HomeAssistant,
    at_night: Callable[[datetime], Awaitable[None]],
    engine: FakeEngine,
    use: Use,
) -> None:
    engine.jobs.answer = WELL
    await use(
        "archive_last_month", recorder="entry-Recorder", storage_class="DEEP_ARCHIVE"
    )
    await at_night(NOON.replace(day=30, hour=2, minute=30))
    assert engine.jobs.asked == []
    await at_night(datetime(2026, 12, 1, 2, 30, tzinfo=NOON.tzinfo))
    ((kind, asked),) = engine.jobs.asked
    assert kind == "archive"
    assert (asked["first"], asked["last"]) == ("2026-11-01", "2026-11-30")
    assert asked["storage_class"] == "DEEP_ARCHIVE"
    assert not asked["dry_run"]
    assert notifications(home) == {}

    await at_night(datetime(2026, 12, 2, 2, 30, tzinfo=NOON.tzinfo))
    await at_night(datetime(2027, 1, 1, 2, 30, tzinfo=NOON.tzinfo))
    assert [(one["first"], one["last"]) for _, one in engine.jobs.asked[1:]] == [
        ("2026-12-01", "2026-12-31")
    ]


@pytest.mark.parametrize(
    ("answer", "error", "told"),
    [
        ({"left": 3, "remaining": 0}, None, "3 files and 0 days were left"),
        ({}, OffsiteUnreachableError("away"), "It has not ended well"),
    ],
)
async def test_what_was_not_archived_is_told(
    home: HomeAssistant,
    at_night: Callable[[datetime], Awaitable[None]],
    engine: FakeEngine,
    use: Use,
    answer: dict[str, int],
    error: OffsiteUnreachableError | None,
    told: str,
) -> None:
    engine.jobs.answer, engine.jobs.error = answer, error
    await use("archive_last_month", recorder="entry-Recorder")
    await at_night(datetime(2026, 12, 1, 2, 30, tzinfo=NOON.tzinfo))
    (notification,) = notifications(home).values()
    assert told in notification["message"]
    assert notification["title"] == "Archive of 2026-11-01 to 2026-11-30"


# Arm recording when away


@pytest.fixture
async def recorded(
    home: HomeAssistant, tmp_path: Path, engines: list[FakeEngine]
) -> FakeEngine:
    """A recorder whose camera is recorded."""
    entry = recorder_entry(
        tmp_path,
        cameras=[camera_subentry("Front door", recording_mode="continuous")],
    )
    entry.add_to_hass(home)
    assert await home.config_entries.async_setup(entry.entry_id)
    await home.async_block_till_done()
    door = "camera-front-door"
    await engines[0].tell(
        home,
        replace(
            STATUS,
            cameras={door: CameraStatus()},
            recordings={door: RecordingStatus(state=RecordingState.RECORDING)},
        ),
    )
    return engines[0]


async def test_recording_follows_who_is_at_home(
    home: HomeAssistant,
    recorded: FakeEngine,
    use: Use,
    later: Later,
) -> None:
    home.states.async_set("person.jane", "home")
    home.states.async_set("person.joe", "home")
    await use(
        "arm_recording_when_away",
        people=["person.jane", "person.joe"],
        recordings=["switch.front_door_recording"],
        delay=60,
    )
    switched = recorded.recording.switched

    async def goes(who: str, where: str) -> None:
        home.states.async_set(f"person.{who}", where)
        await settle()

    await goes("jane", "not_home")
    await later(120)
    assert switched[-1:] == [("camera-front-door", False)]
    switched.clear()

    await goes("joe", "work")
    await later(59)
    assert switched == []
    await later(2)
    assert switched == [("camera-front-door", True)]

    await goes("jane", "home")
    assert switched[1:] == [("camera-front-door", False)]

    # Back before the delay is over.
    await goes("jane", "not_home")
    await later(30)
    await goes("jane", "home")
    await later(120)
    assert ("camera-front-door", True) not in switched[1:]

    # A phone that is not heard of is not at home.
    await goes("jane", "unknown")
    await later(61)
    assert switched[-1] == ("camera-front-door", True)


def test_every_blueprint_is_run_by_a_test_here() -> None:
    text = Path(__file__).read_text()
    for blueprint in FOLDER.glob("*.yaml"):
        assert f'"{blueprint.stem}"' in text


# The examples of the documents

DOCUMENTS = FOLDER.parents[2]
EXAMPLES = [
    example
    for document in ("docs/automations.md", "README.md")
    for example in re.findall(
        r"```yaml\n(alias: .*?)```", (DOCUMENTS / document).read_text(), re.DOTALL
    )
]


@pytest.mark.parametrize(
    "example", EXAMPLES, ids=lambda example: example.partition("\n")[0]
)
async def test_an_example_of_the_documents_is_a_working_automation(
    home: HomeAssistant, engine: FakeEngine, example: str
) -> None:
    for domain, name in re.findall(r"action: (\w+)\.(\w+)", example):
        if domain != "hikvision_nvr":
            async_mock_service(home, domain, name)
    automation = parse_yaml(example)
    assert await async_setup_component(home, "automation", {"automation": automation})
    await home.async_block_till_done()
    (state,) = home.states.async_all("automation")
    assert state.state == "on"
    assert state.name == automation["alias"]
    await turn_off(home)


async def test_the_first_example_sends_the_picture(
    home: HomeAssistant, engine: FakeEngine
) -> None:
    (example,) = (one for one in EXAMPLES if "Somebody is at the front door" in one)
    phone = async_mock_service(home, "notify", "mobile_app_phone")
    assert await async_setup_component(
        home, "automation", {"automation": parse_yaml(example)}
    )
    await engine.tell(home, a_detection(type=DetectionType.LINE_CROSSING))
    assert "/snapshot/" in phone[0].data["data"]["image"]
    assert phone[0].data["title"] == "Front door"
