"""How much of the catalogue a question of the media browser or the timeline reads."""

from datetime import UTC, datetime, timedelta
import sqlite3

import pytest

from custom_components.hikvision_nvr.model import DetectionType
from custom_components.hikvision_nvr.store.rows import to_us
from custom_components.hikvision_nvr.store.schema import migrate
from custom_components.hikvision_nvr.store.timeline import (
    Cursor,
    EventFilter,
    events_query,
)

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = EventFilter(start=NOON, end=NOON + timedelta(days=1))
VEHICLES = EventFilter(type=DetectionType.VEHICLE)
FACES = EventFilter(type=DetectionType.FACE)
PLATE = EventFilter(plate="AB1")
COUNT = 30_000


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> sqlite3.Connection:
    """A catalogue of two weeks of a camera, and as much of another."""
    path = tmp_path_factory.mktemp("catalogue") / "catalogue.sqlite"
    connection = sqlite3.connect(path, isolation_level=None)
    migrate(connection)
    connection.execute("BEGIN")
    connection.executemany(
        "INSERT INTO detections VALUES (?1, ?2, ?3, ?4, ?5, NULL, NULL, 9, ?5)",
        (
            (
                f"{n * 7919 % COUNT:06}",
                ("front", "yard")[n % 2],
                "vehicle" if n % 100 == 0 else "motion",
                to_us(NOON) + n * 40_000_000,
                "AB123" if n % 500 == 0 else None,
            )
            for n in range(COUNT)
        ),
    )
    connection.execute("COMMIT")
    return connection


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (DAY, "detections_newest"),
        (VEHICLES, "detections_by_type"),
        (PLATE, "detections_plates"),
    ],
    ids=["day", "type", "plate"],
)
def test_a_page_is_read_from_an_index_in_its_order(
    catalogue: sqlite3.Connection,
    wanted: EventFilter,
    index: str,
    newest_first: bool,
) -> None:
    for after in (None, Cursor(to_us(NOON + timedelta(hours=5)), "a")):
        sql, values = events_query(
            "front", wanted, newest_first=newest_first, after=after
        )
        plan = [
            str(row[3])
            for row in catalogue.execute(f"EXPLAIN QUERY PLAN {sql} LIMIT 200", values)
        ]
        assert f"INDEX {index} (camera=?" in plan[0], plan
        # Sorted by nothing but the index: a page costs no more than its rows.
        assert not any("TEMP B-TREE" in line for line in plan), plan


def work_of(
    catalogue: sqlite3.Connection, wanted: EventFilter, after: Cursor | None = None
) -> tuple[int, int]:
    """Return how many rows a page has and how many steps SQLite took for it."""
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    sql, values = events_query("front", wanted, newest_first=True, after=after)
    catalogue.set_progress_handler(count, 1)
    try:
        rows = catalogue.execute(f"{sql} LIMIT 100", values).fetchall()
    finally:
        catalogue.set_progress_handler(None, 1)
    return len(rows), steps


def test_no_page_costs_more_than_its_rows(catalogue: sqlite3.Connection) -> None:
    middle = Cursor(to_us(NOON) + COUNT // 2 * 40_000_000, "a")
    for wanted, after, expected in (
        (EventFilter(), None, 100),
        (EventFilter(), middle, 100),
        (VEHICLES, None, 100),
        (FACES, None, 0),
        (PLATE, None, 60),
    ):
        rows, steps = work_of(catalogue, wanted, after)
        assert rows == expected
        # All of the camera would be 15,000 rows with ten steps each at the least.
        assert steps < 10_000, (wanted, steps)
