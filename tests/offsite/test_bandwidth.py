"""Uploads keep to the limit of the hour."""

import asyncio
from datetime import UTC, datetime, time, tzinfo

import pytest

from custom_components.hikvision_nvr.model import UploadLimit
from custom_components.hikvision_nvr.offsite.bandwidth import Bandwidth
from custom_components.hikvision_nvr.settings import parse_upload_limits


def at(hour: int, minute: int = 0) -> object:
    def now(zone: tzinfo | None = None) -> datetime:
        return datetime(2026, 11, 21, hour, minute, tzinfo=zone)

    return now


LIMITS = parse_upload_limits("23:00 off, 07:00 8")


@pytest.mark.parametrize(
    ("hour", "minute", "rate"),
    [
        (0, 0, None),
        (6, 59, None),
        (7, 0, 1_000_000),
        (22, 59, 1_000_000),
        (23, 0, None),
    ],
)
def test_the_limit_follows_the_time_of_day(
    hour: int, minute: int, rate: int | None
) -> None:
    assert Bandwidth(LIMITS, UTC, at(hour, minute)).rate() == rate  # type: ignore[arg-type]


async def test_all_uploads_together_are_as_fast_as_the_limit() -> None:
    bandwidth = Bandwidth(
        (UploadLimit(since=time.min, bytes_per_second=1_000_000),), UTC
    )
    loop = asyncio.get_running_loop()
    began = loop.time()

    async def upload() -> None:
        for _ in range(5):
            await bandwidth.take(20_000)

    await asyncio.gather(*(upload() for _ in range(4)))
    # 400,000 bytes; the last of them may go at once, and so may a quarter second's.
    assert loop.time() - began >= 0.4 - 0.25 - 0.02


async def test_without_a_limit_nobody_waits() -> None:
    bandwidth = Bandwidth((), UTC)
    loop = asyncio.get_running_loop()
    began = loop.time()
    await bandwidth.take(1 << 40)
    assert loop.time() - began < 0.1


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("", []),
        ("20", [("00:00", 2_500_000)]),
        ("0", [("00:00", None)]),
        (" 0.5 ", [("00:00", 62_500)]),
        ("7:30 5, 23:00 off", [("07:30", 625_000), ("23:00", None)]),
    ],
)
def test_limits_are_read_as_they_are_written(
    text: str, limits: list[tuple[str, int | None]]
) -> None:
    assert [
        (f"{limit.since:%H:%M}", limit.bytes_per_second)
        for limit in parse_upload_limits(text)
    ] == limits


@pytest.mark.parametrize(
    "text", ["fast", "-1", "25:00 5", "07:00", "07:00 5 6", "07:00 5, 7:00 6", "nan"]
)
def test_what_is_no_limit_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        parse_upload_limits(text)
