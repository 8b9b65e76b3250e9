"""How uploads go: rate, delays and numbers, by what the catalogue has noted."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from freezegun import freeze_time
import pytest

from custom_components.hikvision_nvr.model import UploadFigures
from custom_components.hikvision_nvr.store import Store, upload_meter

from .conftest import keep

type OpenStore = Callable[[], Awaitable[Store]]

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


async def upload(
    store: Store, number: int, *, seconds: float = 1, size: int = 100
) -> None:
    """Keep a capture that arrived so many seconds ago, and have it uploaded now."""
    await keep(
        store,
        b"%04d" % number + b"x" * (size - 4),
        f"{number}.jpg",
        arrived=datetime.now(UTC) - timedelta(seconds=seconds),
    )
    picked = await store.uploads.pick()
    assert picked is not None
    await store.uploads.succeeded(picked, picked.capture.relative_path)


async def test_before_the_first_upload_there_is_nothing_to_say(store: Store) -> None:
    await keep(store)
    assert await store.upload_meter.figures() == UploadFigures()


async def test_figures_follow_the_uploads(store: Store) -> None:
    with freeze_time(NOON) as clock:
        await upload(store, 1, seconds=2)
        first = await store.upload_meter.figures()
        assert (first.today, first.last_day, first.last_delay) == (1, 1, 2)
        assert first.rate == round(100 / 60)

        clock.tick(30)
        await upload(store, 2, seconds=8, size=500)
        second = await store.upload_meter.figures()
        assert (second.today, second.last_delay) == (2, 8)
        assert second.rate == 10

        clock.tick(40)
        assert (await store.upload_meter.figures()).rate == round(500 / 60)
        clock.tick(60)
        idle = await store.upload_meter.figures()
        assert (idle.rate, idle.today, idle.last_delay) == (0, 2, 8)


async def test_usual_delay_is_what_95_of_100_stayed_below(store: Store) -> None:
    with freeze_time(NOON):
        for number in range(1, 41):
            slow = number % 20 == 0
            await upload(store, number, seconds=600 if slow else 1 + number / 20)
        figures = await store.upload_meter.figures()
    assert figures.usual_delay == pytest.approx(2.95, rel=0.06)


async def test_a_day_is_forgotten_minute_by_minute(store: Store) -> None:
    with freeze_time(NOON) as clock:
        await upload(store, 1, seconds=50)
        clock.tick(timedelta(hours=12))
        await upload(store, 2, seconds=1)
        later = await store.upload_meter.figures()
        # Berlin's midnight was at 23:00 UTC.
        assert (later.today, later.last_day) == (1, 2)
        assert later.usual_delay == pytest.approx(50, rel=0.06)
        clock.tick(timedelta(hours=12, minutes=2))
        assert (await store.upload_meter.figures()).usual_delay == pytest.approx(
            1, rel=0.06
        )
        clock.tick(timedelta(hours=13))
        last = await store.upload_meter.figures()
        assert (last.today, last.last_day, last.usual_delay) == (0, 0, None)


async def test_figures_survive_a_restart(open_store: OpenStore) -> None:
    with freeze_time(NOON):
        store = await open_store()
        for number in range(3):
            await upload(store, number, seconds=4)
        before = await store.upload_meter.figures()
        store = await open_store()
        assert await store.upload_meter.figures() == before
    assert (before.today, before.last_delay) == (3, 4)


async def test_many_uploads_are_read_in_pages(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload_meter, "PAGE", 2)
    with freeze_time(NOON):
        # All at the same microsecond: none may be lost between two pages.
        for number in range(5):
            await upload(store, number)
        assert (await store.upload_meter.figures()).today == 5


async def test_a_clock_that_is_set_back_begins_anew(store: Store) -> None:
    with freeze_time(NOON) as clock:
        await upload(store, 1)
        assert (await store.upload_meter.figures()).today == 1
        clock.move_to(NOON - timedelta(hours=2))
        await upload(store, 2)
        assert (await store.upload_meter.figures()).today == 1
        clock.move_to(NOON)
        assert (await store.upload_meter.figures()).today == 2
