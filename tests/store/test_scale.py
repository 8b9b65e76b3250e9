"""No question to the catalogue reads all of it, however many captures it knows."""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
import inspect
from pathlib import Path
import re
import sqlite3
from typing import Any, get_origin, get_type_hints

import pytest

from custom_components.hikvision_nvr.model import ManifestHead
from custom_components.hikvision_nvr.store import Store, Upload
from custom_components.hikvision_nvr.store.captures import DayFilter
from custom_components.hikvision_nvr.store.catalogue import Catalogue
from custom_components.hikvision_nvr.store.uploads import Begun, Lane

from .conftest import BERLIN, keep

DAY = date(2026, 11, 22)
LARGE = ("captures", "uploads", "archives")
"""Tables with a row for each capture or archive; the others have one a day or less."""

ANSWERS: dict[object, object] = {
    str: "front",
    int: 1,
    bool: False,
    date: DAY,
    datetime: datetime(2026, 11, 22, tzinfo=UTC),
    DayFilter: DayFilter(),
    Begun: Begun(key="front/2026-11-22/a.jpg", upload_id="1"),
    ManifestHead: ManifestHead(
        camera="front",
        number=1,
        day=DAY,
        sha256="5e" * 32,
        written=datetime(2026, 11, 23, tzinfo=UTC),
    ),
}
"""What a question is asked with, by the types of its parameters."""


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every statement that a catalogue runs, with its values."""
    seen: list[str] = []
    connect = Catalogue._connect

    def connect_and_listen(catalogue: Catalogue) -> sqlite3.Connection:
        connection = connect(catalogue)
        connection.set_trace_callback(seen.append)
        return connection

    monkeypatch.setattr(Catalogue, "_connect", connect_and_listen)
    return seen


@pytest.fixture
async def store(
    statements: list[str], root: Path, catalogue: Path
) -> AsyncIterator[Store]:
    store = Store(root, catalogue, time_zone=BERLIN, offsite=True)
    await store.open()
    yield store
    await store.close()


def scans(plan: sqlite3.Connection, statement: str) -> list[str]:
    """Return which large tables a statement reads from one end to the other.

    What is not offsite yet has an index of its own, which is as long as that.
    """
    rows = plan.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()
    large = re.compile(rf"SCAN ({'|'.join(LARGE)})\b(?!.* captures_not_offsite\b)")
    return [detail for *_, detail in rows if large.match(detail)]


async def ask(question: Callable[..., Any], upload: Upload) -> None:
    """Ask with values of the right types."""
    hints = get_type_hints(question)
    values: dict[str, object] = {}
    for name, parameter in inspect.signature(question).parameters.items():
        if parameter.default is not inspect.Parameter.empty:
            continue
        kind = hints[name]
        if kind is Upload:
            values[name] = upload
        elif get_origin(kind) is Mapping:
            values[name] = {"a.jpg": upload.capture.sha256}
        elif get_origin(kind) is Collection:
            values[name] = []
        elif get_origin(kind) is Sequence:
            key = "front/2026-11-22/other.jpg"
            values[name] = [replace(upload.capture, id="other", object_key=key)]
        else:
            assert kind in ANSWERS, f"{question.__qualname__}: say a value for {kind}"
            values[name] = ANSWERS[kind]
    await question(**values)


async def test_every_question_finds_its_rows_by_an_index(
    store: Store, statements: list[str], catalogue: Path
) -> None:
    await keep(store)
    upload = await store.uploads.pick()
    assert upload is not None
    asked: dict[str, list[str]] = {}
    for part in (
        store.captures,
        store.uploads,
        store.bucket,
        store.manifests,
        store.upload_meter,
    ):
        for name, question in inspect.getmembers(part, inspect.iscoroutinefunction):
            if name.startswith("_") or name == "wait_for_new":
                continue
            statements.clear()
            await ask(question, upload)
            asked[f"{type(part).__name__}.{name}"] = [
                statement
                for statement in statements
                if re.match(r"\s*(SELECT|UPDATE|DELETE|INSERT)\b", statement)
            ]
    assert len(asked) > 30
    plan = sqlite3.connect(catalogue)
    try:
        found = {
            name: scanned
            for name, all_of_it in asked.items()
            for statement in all_of_it
            if (scanned := scans(plan, statement))
        }
    finally:
        plan.close()
    assert found == {}


async def test_an_upload_is_picked_without_sorting_the_queue(
    store: Store, statements: list[str], catalogue: Path
) -> None:
    await keep(store)
    plan = sqlite3.connect(catalogue)
    try:
        for lane in Lane:
            statements.clear()
            upload = await store.uploads.pick(lane)
            assert upload is not None
            await store.uploads.release(upload)
            (pick,) = [one for one in statements if "ORDER BY" in one]
            steps = [step for *_, step in plan.execute(f"EXPLAIN QUERY PLAN {pick}")]
            tables = [one for one in steps if re.search("uploads|captures", one)]
            assert [step.partition(" USING INDEX ")[0] for step in tables] == [
                "SEARCH uploads",
                "SEARCH captures",
            ]
            assert not [step for step in steps if "TEMP B-TREE" in step]
    finally:
        plan.close()


async def test_a_statement_that_reads_all_would_be_found(
    store: Store, catalogue: Path
) -> None:
    plan = sqlite3.connect(catalogue)
    try:
        assert scans(plan, "SELECT sum(size) FROM captures") == ["SCAN captures"]
        assert scans(plan, "SELECT name FROM captures WHERE id = '1'") == []
    finally:
        plan.close()


async def test_pages_of_a_day_come_in_their_order_without_sorting(
    store: Store, statements: list[str], catalogue: Path
) -> None:
    for number in range(7):
        await keep(store, b"%d" % number, f"{number}.jpg")
    statements.clear()
    pages = [
        [
            capture.name
            for capture in await store.captures.on_day(
                "front", DAY, limit=3, offset=offset
            )
        ]
        for offset in (0, 3, 6, 9)
    ]
    assert pages == [
        ["6.jpg", "5.jpg", "4.jpg"],
        ["3.jpg", "2.jpg", "1.jpg"],
        ["0.jpg"],
        [],
    ]
    plan = sqlite3.connect(catalogue)
    try:
        (*_, detail), *more = plan.execute(f"EXPLAIN QUERY PLAN {statements[0]}")
    finally:
        plan.close()
    assert "captures_of_day" in detail
    assert more == []
