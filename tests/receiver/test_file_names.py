"""File names that cameras were seen to send, and what they say."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from custom_components.hikvision_nvr.model import (
    Brand,
    CaptureKind,
    DetectionType,
    Sighting,
)
from custom_components.hikvision_nvr.receiver.file_names import read_file_name

BERLIN = ZoneInfo("Europe/Berlin")
ARRIVED = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


def read(path: str, brand: Brand = Brand.AUTO) -> Sighting:
    return read_file_name(path, brand=brand, arrived=ARRIVED, time_zone=BERLIN)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("path", "detection_type", "raw_type", "channel", "event_time"),
    [
        (
            "10.55.48.12_01_20250519124208101_MOTION_DETECTION.jpg",
            DetectionType.MOTION,
            "MOTION_DETECTION",
            "01",
            utc(2025, 5, 19, 10, 42, 8, 101_000),
        ),
        (
            "/front/2019/192.168.88.67_01_20190615045313183_TIMING.jpg",
            None,
            "TIMING",
            "01",
            utc(2019, 6, 15, 2, 53, 13, 183_000),
        ),
        (
            "hlxx/00000005/192.168.1.64_01_20180329140546219_ALARM_INPUT.jpg",
            DetectionType.ALARM_INPUT,
            "ALARM_INPUT",
            "01",
            utc(2018, 3, 29, 12, 5, 46, 219_000),
        ),
        (
            "192.168.43.74_01_20210720173322698_FACE_DETECTION.jpg",
            DetectionType.FACE,
            "FACE_DETECTION",
            "01",
            utc(2021, 7, 20, 15, 33, 22, 698_000),
        ),
        (
            "192.168.10.11_01_20211223100318344_vehicle_detection.JPG",
            DetectionType.VEHICLE,
            "vehicle_detection",
            "01",
            utc(2021, 12, 23, 9, 3, 18, 344_000),
        ),
        # Two digits of milliseconds are 49 ms, not 490.
        (
            "192.168.1.64_01_2017010610415349.jpg",
            DetectionType.OTHER,
            None,
            "01",
            utc(2017, 1, 6, 9, 41, 53, 49_000),
        ),
        # A number where the event would be only counts files.
        (
            "192.168.1.64_01_20251114132542233_1.mp4",
            DetectionType.OTHER,
            None,
            "01",
            utc(2025, 11, 14, 12, 25, 42, 233_000),
        ),
        (
            "20230528185610943_TIMING.jpg",
            None,
            "TIMING",
            None,
            utc(2023, 5, 28, 16, 56, 10, 943_000),
        ),
        (
            "DVR/Camera 01/192.168.1.64_01_20260927140311123_TIMING.jpg",
            None,
            "TIMING",
            "01",
            utc(2026, 9, 27, 12, 3, 11, 123_000),
        ),
        (
            "4_192.168.0.64_01_20190102030405006_MOTION_DETECTION.jpg",
            DetectionType.MOTION,
            "MOTION_DETECTION",
            None,
            utc(2019, 1, 2, 2, 4, 5, 6_000),
        ),
        (
            "192.168.1.64_01_20260927140311123_SOMETHING_NEW.jpg",
            DetectionType.OTHER,
            "SOMETHING_NEW",
            "01",
            utc(2026, 9, 27, 12, 3, 11, 123_000),
        ),
        ("current_TIMING.jpg", None, "TIMING", None, ARRIVED),
        ("whatever.jpg", DetectionType.OTHER, None, None, ARRIVED),
    ],
)
def test_names_seen_in_the_wild(
    path: str,
    detection_type: DetectionType | None,
    raw_type: str | None,
    channel: str | None,
    event_time: datetime,
) -> None:
    sighting = read(path)
    assert sighting.type == detection_type
    assert sighting.raw_type == raw_type
    assert sighting.channel == channel
    assert sighting.event_time == event_time


def test_plate() -> None:
    sighting = read("/ftp/Driveway/20241230152519495_N74DYX_VEHICLE_DETECTION.jpg")
    assert sighting.plate == "N74DYX"
    assert sighting.type is DetectionType.VEHICLE
    assert sighting.event_time == utc(2024, 12, 30, 14, 25, 19, 495_000)


@pytest.mark.parametrize(
    "time", ["19700224010203004", "20991231235959000", "20261399995959000"]
)
def test_clock_that_cannot_be_right_gives_the_arrival(time: str) -> None:
    assert read(f"192.168.1.64_01_{time}_MOTION_DETECTION.jpg").event_time == ARRIVED


def test_name_of_a_plain_camera_is_not_read() -> None:
    sighting = read("20230528185610943_TIMING.jpg", Brand.OTHER)
    assert sighting.type is DetectionType.MOTION
    assert sighting.event_time == ARRIVED


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.jpg", CaptureKind.SNAPSHOT),
        ("a.JPEG", CaptureKind.SNAPSHOT),
        ("a.mp4", CaptureKind.CLIP),
        ("a.dav", CaptureKind.CLIP),
        ("a.idx", CaptureKind.OTHER),
        ("DVRWorkDirectory", CaptureKind.OTHER),
    ],
)
def test_kind(name: str, kind: CaptureKind) -> None:
    assert read(name).kind is kind


def test_index_file_is_no_detection() -> None:
    assert read("192.168.1.64_01_20260927140311123_MOTION_DETECTION.idx").type is None
