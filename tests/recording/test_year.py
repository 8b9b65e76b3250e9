"""A year of recordings in the catalogue: browsed, kept and deleted as a day is."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
import os
from pathlib import Path
import sqlite3
from zoneinfo import ZoneInfo

import pytest

from custom_components.hikvision_nvr.model import RetentionSettings
from custom_components.hikvision_nvr.store import Store, retention
from custom_components.hikvision_nvr.store.rows import to_us

ZONE = ZoneInfo("Europe/Berlin")
MINUTES = 10 if os.environ.get("HIKVISION_NVR_FULL") else 60
"""Of a segment; the short form has a row an hour."""
A_DAY = 24 * 60 // MINUTES
KEPT = 300


def fill(connection: sqlite3.Connection, begin: datetime) -> None:
    """Add a year of segments that follow each other."""
    length = MINUTES * 60_000_000
    connection.execute(
        "WITH RECURSIVE number (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM number"
        " WHERE n + 1 < ?) INSERT INTO segments (camera, start_us, run, sequence,"
        " end_us, bytes, ticks, init_bytes, video, audio, complete, detected)"
        " SELECT 'front', ? + n * ?, '00000000', n, ? + (n + 1) * ?, 1000, 5400000,"
        " 100, 'avc1.4D0028', NULL, 1, n % 100 = 0 FROM number",
        (365 * A_DAY, to_us(begin), length, to_us(begin), length),
    )


async def test_a_year_of_recordings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "_CLOCK_TRUST", 0.0)
    midnight = datetime.now(ZONE).replace(hour=0, minute=0, second=0, microsecond=0)
    begin = (midnight - timedelta(days=365)).astimezone(UTC)
    store = Store(
        tmp_path / "media",
        tmp_path / "catalogue.sqlite",
        time_zone=ZONE,
        offsite=False,
        retention=RetentionSettings(days=KEPT, detection_days=KEPT + 40),
    )
    await store.open()
    try:
        await store._catalogue.write(lambda connection: fill(connection, begin))
        segments = store.recordings.segments
        days = await segments.days("front", ZONE)
        # The clock has been set twice since: the days are those of the wall.
        assert days[-1] == begin.astimezone(ZONE).date()
        assert [one - other for one, other in pairwise(days)] == [timedelta(days=1)] * (
            len(days) - 1
        )
        assert len(days) in (365, 366)
        noon = begin + timedelta(days=180, hours=12)
        day = await segments.between("front", noon, noon + timedelta(days=1))
        assert len(day) == A_DAY
        assert await segments.uncovered("front", begin, noon) == []
        (total,) = (await segments.totals()).values()
        assert total == (365 * A_DAY * 1000, 365 * 86_400)
        # By age: never more than some hundred at once, the oldest first, and those
        # that show a detection forty days later.
        removed = 1
        while removed:
            removed = await store.recordings.retention.apply()
            assert removed <= 256 + 64
        oldest = await segments.between("front", begin, noon, limit=1)
        now = datetime.now(UTC)
        age = now - oldest[0].start
        assert timedelta(days=KEPT + 34) < age < timedelta(days=KEPT + 40)
        limit = now - timedelta(days=KEPT)
        left = await segments.between("front", begin, limit - timedelta(days=1))
        assert {one.info.sequence % 100 for one in left} == {0}
    finally:
        await store.close()
