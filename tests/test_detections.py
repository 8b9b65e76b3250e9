"""Files of one incident are one detection, told once."""

from datetime import UTC, datetime, timedelta

import pytest

from custom_components.hikvision_nvr.detections import Detections
from custom_components.hikvision_nvr.model import (
    Brand,
    Camera,
    CaptureKind,
    Detection,
    DetectionType,
    Sighting,
)

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


def camera(name: str = "front") -> Camera:
    return Camera(
        id=name,
        name=name,
        folder=name,
        brand=Brand.AUTO,
        username=name,
        password_hash="",
    )


class Observer:
    """Feeds sightings and remembers what was told."""

    def __init__(self) -> None:
        self.told: list[Detection] = []
        self._detections = Detections(self.told.append)
        self._count = 0

    def see(
        self,
        *,
        event: float,
        arrived: float,
        named: float | None = None,
        kind: DetectionType | None = DetectionType.MOTION,
        who: str = "front",
    ) -> Detection | None:
        self._count += 1
        return self._detections.observe(
            camera(who),
            Sighting(
                kind=CaptureKind.SNAPSHOT,
                type=kind,
                raw_type=None,
                channel=None,
                event_time=NOW + timedelta(seconds=event),
                name_time=None if named is None else NOW + timedelta(seconds=named),
            ),
            arrived=NOW + timedelta(seconds=arrived),
            file_name=f"{self._count}.jpg",
            capture_id=str(self._count),
        )


@pytest.fixture
def observer() -> Observer:
    return Observer()


def test_burst_is_one_detection_of_its_first_file(observer: Observer) -> None:
    seen = [observer.see(event=s, arrived=s + 0.5) for s in (0, 1, 2)]
    assert [detection.file_name for detection in observer.told] == ["1.jpg"]
    assert {detection.id for detection in seen if detection} == {observer.told[0].id}


def test_later_incident_is_another_detection(observer: Observer) -> None:
    observer.see(event=0, arrived=0)
    observer.see(event=11, arrived=11)
    assert len(observer.told) == 2


def test_cameras_and_types_do_not_mix(observer: Observer) -> None:
    observer.see(event=0, arrived=0)
    observer.see(event=0, arrived=0, who="back")
    observer.see(event=0, arrived=0, kind=DetectionType.FACE)
    assert len(observer.told) == 3


def test_scheduled_picture_is_no_detection(observer: Observer) -> None:
    assert observer.see(event=0, arrived=0, kind=None) is None
    assert observer.told == []


def test_motion_without_end_is_told_again(observer: Observer) -> None:
    for second in range(0, 135, 5):
        observer.see(event=second, arrived=second)
    assert len(observer.told) == 3


def test_file_that_is_sent_again_much_later_is_the_same(observer: Observer) -> None:
    observer.see(event=0, arrived=0)
    observer.see(event=0, arrived=3600)
    assert len(observer.told) == 1


def test_a_clock_that_is_understood_on_the_way_does_not_tell_twice(
    observer: Observer,
) -> None:
    """Until then the camera is believed, which is two days behind."""
    behind = -48 * 3600.0
    first = observer.see(event=behind, named=behind, arrived=1)
    assert observer.see(event=behind + 2, named=behind + 2, arrived=3) == first
    assert observer.see(event=2, named=behind + 2, arrived=5) == first
    assert observer.see(event=4, named=behind + 4, arrived=6) == first
    assert len(observer.told) == 1
    # The two days between have not become part of it.
    observer.see(event=-3600, named=behind - 3600, arrived=7)
    assert len(observer.told) == 2


def test_a_clock_that_restarts_hides_nothing(observer: Observer) -> None:
    """Its times come again, and what it is wrong by tells that it is another day."""
    behind = -48 * 3600.0
    for day in range(3):
        seconds = day * 86_400.0
        observer.see(event=seconds, named=behind, arrived=seconds)
        assert len(observer.told) == day + 1


def test_files_that_overtake_each_other_are_one_burst(observer: Observer) -> None:
    observer.see(event=2, arrived=3)
    observer.see(event=0, arrived=3.1)
    observer.see(event=1, arrived=3.2)
    assert len(observer.told) == 1


def test_what_comes_late_belongs_to_its_own_incident(observer: Observer) -> None:
    """A camera works off what it could not deliver while others came."""
    first = observer.see(event=0, arrived=0)
    second = observer.see(event=60, arrived=60)
    assert observer.see(event=0, arrived=3600) == first
    assert observer.see(event=2, arrived=3601) == first
    assert observer.see(event=61, arrived=3602) == second
    assert len(observer.told) == 2
    observer.see(event=30, arrived=3603)
    assert len(observer.told) == 3


def test_a_camera_that_sees_much_is_not_remembered_for_ever(observer: Observer) -> None:
    """Of each the last incidents, whatever their types; no other camera's go for it."""
    observer.see(event=0, arrived=0, who="back")
    kinds = (DetectionType.MOTION, DetectionType.FACE)
    for number in range(251):
        observer.see(event=number * 60, arrived=number * 60, kind=kinds[number % 2])
    told = len(observer.told)
    observer.see(event=0, arrived=20_000, who="back")
    observer.see(event=60, arrived=20_000, kind=DetectionType.FACE)
    assert len(observer.told) == told
    observer.see(event=0, arrived=20_000)
    assert len(observer.told) == told + 1
