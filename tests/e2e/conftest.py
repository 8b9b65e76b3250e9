"""One demo for all end-to-end tests, and clients to drive it with."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from .bucket import Bucket
from .demo import Demo
from .home_assistant import HomeAssistant
from .uploads import Uploader

# The browser comes first, to find a tidy dashboard; the end comes last, and then what
# has a Home Assistant of its own.
ORDER = {"test_browser": -1, "test_lifecycle": 1, "test_install": 2}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests in the order that one demo for all of them asks for."""
    items.sort(key=lambda item: ORDER.get(item.path.stem, 0))


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """Run the demo."""
    demo = Demo(tmp_path_factory.mktemp("demo"))
    demo.start()
    yield demo
    if demo.runs:
        demo.stop()


@pytest.fixture
def home_assistant(demo: Demo) -> HomeAssistant:
    """Return the demo's Home Assistant."""
    found = demo.endpoints["ha"]
    return HomeAssistant(found["url"], found["token"])


@pytest.fixture
def bucket(demo: Demo) -> Bucket:
    """Return the demo's bucket."""
    return Bucket.of(demo.endpoints["s3"])


MAIN = {"binary_sensor": "_motion", "camera": "_camera", "image": "_last_snapshot"}
"""Which entity of a camera is meant where it has several of a domain."""


@dataclass(frozen=True, slots=True)
class CameraUnderTest:
    """A camera: its entities by domain, and its side of the uploads."""

    name: str
    entities: dict[str, str]
    uploader: Uploader


def _camera(demo: Demo, home_assistant: HomeAssistant, name: str) -> CameraUnderTest:
    zone = home_assistant.get("/api/config").json()["time_zone"]
    prefix = name.lower().replace(" ", "_")
    entities = {
        domain: entity["entity_id"]
        for entity in home_assistant.entities()
        for domain, _, name in (entity["entity_id"].partition("."),)
        if name.startswith(prefix)
        and entity["unique_id"].endswith(MAIN.get(domain, ""))
    }
    return CameraUnderTest(name, entities, Uploader.of(demo.endpoints, name, zone))


@pytest.fixture
def front_door(demo: Demo, home_assistant: HomeAssistant) -> CameraUnderTest:
    """Return the first camera."""
    return _camera(demo, home_assistant, "Front door")


@pytest.fixture
def driveway(demo: Demo, home_assistant: HomeAssistant) -> CameraUnderTest:
    """Return the second camera."""
    return _camera(demo, home_assistant, "Driveway")


@pytest.fixture
def recorder(home_assistant: HomeAssistant) -> dict[str, str]:
    """Return the recorder's entities by what they tell."""
    return {
        entity["unique_id"].removeprefix(f"{entity['config_entry_id']}_"): entity[
            "entity_id"
        ]
        for entity in home_assistant.entities()
        if not entity["config_subentry_id"]
    }
