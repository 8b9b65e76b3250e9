"""A clock that is wrong is measured; old files that come in one go are not."""

from datetime import UTC, datetime, timedelta

import pytest

from custom_components.hikvision_nvr.clock import CameraClock

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


def deliver(clock: CameraClock, minutes: float, offset: float) -> None:
    """Deliver a picture whose camera's clock is ``offset`` seconds behind."""
    arrived = NOW + timedelta(minutes=minutes)
    clock.observe(arrived - timedelta(seconds=offset + 1), arrived)


@pytest.mark.parametrize("offset", [3600.0, -3600.0, 1.8e9])
def test_offset_is_measured_and_corrected(offset: float) -> None:
    clock = CameraClock()
    for minutes in (0, 10, 20):
        assert clock.corrected(NOW) is None
        deliver(clock, minutes, offset)
    assert clock.offset == pytest.approx(offset + 1)
    corrected = clock.corrected(NOW - timedelta(seconds=offset))
    assert corrected is not None
    assert abs(corrected - NOW) < timedelta(seconds=2)


def test_clock_that_is_right_is_left_alone() -> None:
    clock = CameraClock()
    for minutes in range(0, 60, 5):
        deliver(clock, minutes, minutes % 3)
    assert clock.corrected(NOW) is None


def test_old_files_in_one_go_do_not_look_like_a_wrong_clock() -> None:
    clock = CameraClock()
    for second in range(100):
        clock.observe(NOW - timedelta(days=30), NOW + timedelta(seconds=second))
    assert clock.offset is None


def test_old_files_delivered_for_hours_do_not_look_like_a_wrong_clock() -> None:
    clock = CameraClock()
    for minutes in range(0, 180, 3):
        taken = NOW - timedelta(days=30) + timedelta(minutes=minutes * 40)
        clock.observe(taken, NOW + timedelta(minutes=minutes))
    assert clock.offset is None


def test_one_late_file_does_not_hide_the_offset() -> None:
    clock = CameraClock()
    for minutes in (0, 10, 20, 30):
        deliver(clock, minutes, 7200)
    deliver(clock, 40, 7200 + 5000)
    assert clock.offset == pytest.approx(7201)


def test_clock_that_was_set_right_is_believed_again() -> None:
    clock = CameraClock()
    for minutes in (0, 10, 20):
        deliver(clock, minutes, 7200)
    for minutes in range(30, 130, 10):
        deliver(clock, minutes, 0)
    assert clock.corrected(NOW) is None
