"""Browsing captures, finding them, and playing them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

from homeassistant.components import media_source
from homeassistant.components.media_source import async_resolve_media
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from hypothesis import given, strategies as st
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import (
    ClientSessionGenerator,
    WebSocketGenerator,
)

from custom_components.hikvision_nvr.media_id import (
    CameraId,
    CaptureId,
    DayId,
    FootageId,
    MediaId,
    Order,
    RecorderId,
    RestoreId,
    Scheduled,
    Section,
    SectionId,
    parse,
)
from custom_components.hikvision_nvr.media_source import RecorderMediaSource
from custom_components.hikvision_nvr.model import CaptureKind, DetectionType
from custom_components.hikvision_nvr.store import Store

from .media import FOOTAGE, keep, picture, real_store
from .recorder import JPEG, NOON, FakeEngine, camera_subentry, recorder_entry

ROOT = "media-source://hikvision_nvr"
DAY = date(2026, 11, 22)
SECOND = timedelta(seconds=1)

type Ask = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture
def platforms() -> list[Platform]:
    """None: the media browser names cameras, not entities."""
    return []


@pytest.fixture
def entry(home: HomeAssistant, tmp_path: Path) -> MockConfigEntry:
    """A recorder of two cameras."""
    entry = recorder_entry(
        tmp_path / "storage",
        cameras=[
            camera_subentry("front"),
            camera_subentry("Back yard", host="192.0.2.12"),
        ],
    )
    entry.add_to_hass(home)
    return entry


@pytest.fixture
async def utc(home: HomeAssistant) -> AsyncIterator[None]:
    """A house whose days are those of UTC."""
    before = home.config.time_zone
    await home.config.async_set_time_zone("UTC")
    yield
    await home.config.async_set_time_zone(before)


@pytest.fixture
async def store(utc: None, engine: FakeEngine, tmp_path: Path) -> AsyncIterator[Store]:
    """The recorder's store, empty."""
    async with real_store(engine, tmp_path) as store:
        yield store


@pytest.fixture
async def ask(
    home: HomeAssistant, engine: FakeEngine, hass_ws_client: WebSocketGenerator
) -> Ask:
    """Ask as the frontend does."""
    assert await async_setup_component(home, "media_source", {})
    client = await hass_ws_client()

    async def command(kind: str, media_id: str, **more: Any) -> dict[str, Any]:
        await client.send_json_auto_id(
            {"type": f"media_source/{kind}", "media_content_id": media_id, **more}
        )
        answer: dict[str, Any] = await client.receive_json()
        return answer

    return command


@dataclass
class Browser:
    """Goes from level to level, as somebody does."""

    ask: Ask

    async def level(self, media_id: object) -> dict[str, Any]:
        text = str(media_id)
        if not text.startswith(ROOT):
            text = f"{ROOT}/{text}" if text else ROOT
        answer = await self.ask("browse_media", text)
        assert answer["success"], answer
        assert len(answer["result"]["children"]) <= 200
        level: dict[str, Any] = answer["result"]
        return level

    async def titles(self, media_id: object) -> list[str]:
        return [one["title"] for one in (await self.level(media_id))["children"]]

    async def walk(self, *titles: str) -> dict[str, Any]:
        """Open what begins with these titles, one after the other."""
        level = await self.level("")
        for title in titles:
            level = await self.level(self.entry(level, title)["media_content_id"])
        return level

    @staticmethod
    def entry(level: dict[str, Any], title: str) -> dict[str, Any]:
        found: dict[str, Any] = next(
            one for one in level["children"] if one["title"].startswith(title)
        )
        return found


@pytest.fixture
def browser(ask: Ask) -> Browser:
    """Somebody who opens the media browser."""
    return Browser(ask)


async def fill(store: Store, count: int, **changes: Any) -> None:
    """Put many captures of a day into the catalogue, two a minute from midnight on."""
    midnight = datetime(2026, 11, 22, tzinfo=UTC)
    rows = []
    for n in range(count):
        when = int((midnight + n * timedelta(seconds=30)).timestamp() * 1e6)
        kind = changes.get("type", ("motion", "vehicle", None)[n % 3])
        rows.append((f"c{n}", f"{n}.jpg", kind, when, when))
    await store._catalogue.write(
        lambda connection: connection.executemany(
            "INSERT INTO captures (id, camera, day, name, size, sha256, kind, type,"
            " event_us, arrived_us)"
            " VALUES (?, 'front', '2026-11-22', ?, 1, '', 'snapshot', ?, ?, ?)",
            rows,
        )
    )


async def test_from_the_recorder_to_a_picture(
    browser: Browser, store: Store, hass_client_no_auth: ClientSessionGenerator
) -> None:
    await keep(store, "a.jpg", NOON, picture())
    await keep(store, "b.mp4", NOON + SECOND, b"clip", type=DetectionType.LINE_CROSSING)
    await keep(store, "c.jpg", NOON + 2 * SECOND, b"\xff\xd8cut off")
    await keep(store, "d.jpg", NOON + 3 * SECOND, JPEG, type=None)
    await keep(store, "e.jpg", NOON + 4 * SECOND, JPEG + b" ", plate="AB 123")
    await keep(store, "old.avi", NOON - timedelta(days=1), kind=CaptureKind.OTHER)

    assert await browser.titles("") == ["Recorder"]
    assert await browser.titles("entry-Recorder") == ["Back yard", "front"]
    camera = await browser.walk("Recorder", "front")
    assert camera["title"] == "front"
    assert camera["can_search"]
    assert [one["title"] for one in camera["children"]] == ["Events"]
    days = await browser.walk("Recorder", "front", "Events")
    assert days["title"] == "front: Events"
    assert [one["title"] for one in days["children"]] == [
        "2026-11-22 (5)",
        "2026-11-21 (1)",
        "Oldest first",
    ]
    day = await browser.walk("Recorder", "front", "Events", "2026-11-22")
    assert day["title"] == "front 2026-11-22"
    *items, turn = day["children"]
    assert turn["title"] == "Oldest first"
    plate, scheduled, cut_off, clip, oldest = items
    assert plate["title"] == "12:00:04 Motion AB 123"
    assert scheduled["title"] == "12:00:03"
    assert cut_off["title"] == "12:00:02 Motion (incomplete)"
    assert clip["title"] == "12:00:01 Line crossing (incomplete)"
    assert (clip["media_class"], oldest["media_class"]) == ("video", "image")
    assert all(one["can_play"] for one in items)
    before = await browser.walk("Recorder", "front", "Events", "2026-11-21")
    assert [one["can_play"] for one in before["children"]] == [False]

    resolved = (await browser.ask("resolve_media", oldest["media_content_id"]))[
        "result"
    ]
    assert resolved["mime_type"] == "image/jpeg"
    stranger = await hass_client_no_auth()
    for url in (resolved["url"], oldest["thumbnail"]):
        answer = await stranger.get(url)
        assert answer.status == HTTPStatus.OK
        assert answer.content_type == "image/jpeg"
    unsigned = await stranger.get(resolved["url"].partition("?")[0])
    assert unsigned.status == HTTPStatus.UNAUTHORIZED


async def test_a_full_day_is_split_into_hours_and_types(
    browser: Browser, store: Store
) -> None:
    await fill(store, 480)
    day = await browser.walk("Recorder", "front", "Events", "2026-11-22")
    assert [one["title"] for one in day["children"]] == [
        "03:00–04:00 (120)",
        "02:00–03:00 (120)",
        "01:00–02:00 (120)",
        "00:00–01:00 (120)",
        "Motion (160)",
        "Scheduled (160)",
        "Vehicle (160)",
    ]
    hour = await browser.level(browser.entry(day, "01:00")["media_content_id"])
    assert hour["title"] == "front 2026-11-22 01:00–02:00"
    titles = [one["title"] for one in hour["children"]]
    assert len(titles) == 121
    assert (titles[0][:8], titles[-2][:8]) == ("01:59:30", "01:00:00")
    vehicles = await browser.level(browser.entry(day, "Vehicle")["media_content_id"])
    assert len(vehicles["children"]) == 161
    assert all(one["title"].endswith("Vehicle") for one in vehicles["children"][:-1])
    scheduled = await browser.level(browser.entry(day, "Scheduled")["media_content_id"])
    assert len(scheduled["children"]) == 161


@pytest.mark.parametrize("order", [Order.NEWEST, Order.OLDEST])
async def test_pages_lead_to_each_other(
    browser: Browser, store: Store, order: Order
) -> None:
    await fill(store, 450, type="motion")
    part = DayId("entry-Recorder", "front", Section.EVENTS, DAY, order)
    part = replace(part, type=DetectionType.MOTION)
    forward, back = ("Older", "Newer") if order is Order.NEWEST else ("Newer", "Older")
    pages = [await browser.level(part)]
    while any(one["title"] == forward for one in pages[-1]["children"]):
        pages.append(
            await browser.level(browser.entry(pages[-1], forward)["media_content_id"])
        )
    assert len(pages) == 3
    seen = [
        one["title"][:8]
        for page in pages
        for one in page["children"]
        if one["can_play"]
    ]
    assert len(seen) == len(set(seen)) == 450
    assert seen == sorted(seen, reverse=order is Order.NEWEST)
    assert [one["title"] for one in pages[0]["children"]].count(back) == 0
    returned = await browser.level(browser.entry(pages[2], back)["media_content_id"])
    assert returned["children"] == pages[1]["children"]
    turned = "Oldest first" if order is Order.NEWEST else "Newest first"
    other = await browser.level(browser.entry(pages[2], turned)["media_content_id"])
    assert other["children"][0]["title"][:8] == seen[-1]


async def test_no_level_has_more_than_200_days(browser: Browser, store: Store) -> None:
    await store._catalogue.write(
        lambda connection: connection.executemany(
            "INSERT INTO captures (id, camera, day, name, size, sha256, kind,"
            " event_us, arrived_us) VALUES (?, 'front', ?, 'a', 1, '', 'snapshot', 0, 0)",
            [(str(n), (DAY - timedelta(days=n)).isoformat()) for n in range(400)],
        )
    )
    days = await browser.walk("Recorder", "front", "Events")
    assert days["children"][0]["title"] == "2026-11-22 (1)"
    older = await browser.level(browser.entry(days, "Older")["media_content_id"])
    last = await browser.level(browser.entry(older, "Older")["media_content_id"])
    assert last["children"][-2]["title"] == f"{DAY - timedelta(days=399)} (1)"
    first = await browser.level(browser.entry(days, "Oldest")["media_content_id"])
    assert first["children"][0]["title"] == f"{DAY - timedelta(days=399)} (1)"


async def test_page_size_and_order_are_the_owners_choice(
    home: HomeAssistant, browser: Browser, entry: MockConfigEntry, store: Store
) -> None:
    await fill(store, 30)
    # No reload: the store of this test would be gone.
    entry.runtime_data.reloading = True
    home.config_entries.async_update_entry(
        entry, options={"media_page": 12, "media_order": "oldest"}
    )
    part = DayId("entry-Recorder", "front", Section.EVENTS, DAY, hour=0)
    titles = await browser.titles(part)
    assert [title[:8] for title in titles[:2]] == ["00:00:00", "00:00:30"]
    assert titles[12:] == ["Newer", "Newest first"]


async def test_options_of_the_media_browser(
    home: HomeAssistant, entry: MockConfigEntry, engine: FakeEngine
) -> None:
    flow = await home.config_entries.options.async_init(entry.entry_id)
    assert "media" in flow["menu_options"]
    flow = await home.config_entries.options.async_configure(
        flow["flow_id"], {"next_step_id": "media"}
    )
    done = await home.config_entries.options.async_configure(
        flow["flow_id"], {"media_page": 50, "media_order": "oldest"}
    )
    assert done["data"] == {**entry.options, "media_page": 50, "media_order": "oldest"}
    await home.async_block_till_done()


async def test_days_in_which_clocks_change(
    home: HomeAssistant, engine: FakeEngine, browser: Browser, tmp_path: Path
) -> None:
    before = home.config.time_zone
    await home.config.async_set_time_zone("Europe/Berlin")
    try:
        async with real_store(engine, tmp_path) as store:
            # 25 October 2026: the hour from two to three comes twice.
            midnight = datetime(2026, 10, 24, 22, tzinfo=UTC)
            for n in range(25):
                for k in range(9):
                    await keep(
                        store,
                        f"{n}-{k}.jpg",
                        midnight + n * timedelta(hours=1) + k * SECOND,
                        f"{n}-{k}".encode(),
                    )
            day = DayId("entry-Recorder", "front", Section.EVENTS, date(2026, 10, 25))
            hours = (await browser.titles(day))[:25]
            assert hours[-1] == "00:00–01:00 (9)"
            assert hours[-4:-2] == ["02:00–02:00 (9)", "02:00–03:00 (9)"] or (
                hours[-4:-2] == ["02:00–03:00 (9)", "02:00–02:00 (9)"]
            )
            assert hours[0] == "23:00–00:00 (9)"
            for hour in (2, 3, 24):
                part = replace(day, hour=hour)
                assert len(await browser.titles(part)) == 10
    finally:
        await home.config.async_set_time_zone(before)


async def test_recordings_have_a_picture_of_their_first_frame(
    utc: None,
    engine: FakeEngine,
    browser: Browser,
    tmp_path: Path,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    async with real_store(engine, tmp_path, footage=(1.5,)):
        camera = await browser.walk("Recorder", "front")
        assert [one["title"] for one in camera["children"]] == ["Events", "Recordings"]
        day = await browser.walk(
            "Recorder", "front", "Recordings", FOOTAGE.date().isoformat()
        )
        item = day["children"][0]
        client = await hass_client_no_auth()
        answer = await client.get(item["thumbnail"])
        assert answer.status == HTTPStatus.OK
        assert (await answer.read()).startswith(b"\xff\xd8")
        resolved = await browser.ask("resolve_media", item["media_content_id"])
        assert resolved["result"]["mime_type"] == "application/x-mpegURL"


async def test_search_understands_what_is_meant(
    home: HomeAssistant, ask: Ask, store: Store
) -> None:
    await keep(store, "a.jpg", NOON, b"1", detection_id="d1", plate="AB-123-CD")
    await keep(store, "b.jpg", NOON + SECOND, b"2", type=DetectionType.LINE_CROSSING)
    await keep(store, "c.jpg", NOON - timedelta(days=1), b"3")
    await keep(store, "d.jpg", NOON + 2 * SECOND, b"4", camera="Back yard")

    async def search(text: str, below: str = "", **more: Any) -> list[str]:
        answer = await ask("search_media", f"{ROOT}{below}", search_query=text, **more)
        assert answer["success"], answer
        return [one["title"] for one in answer["result"]["result"]]

    newest = "2026-11-22 12:00:02 Back yard Motion"
    crossing = "2026-11-22 12:00:01 front Line crossing"
    plate = "2026-11-22 12:00:00 front Motion AB-123-CD"
    before = "2026-11-21 12:00:00 front Motion"
    assert await search("motion") == [newest, plate, before]
    assert await search("Line Crossing") == [crossing]
    assert await search("line_crossing front") == [crossing]
    assert await search("back yard") == [newest]
    assert await search("2026-11-21") == [before]
    assert await search("b123") == [plate]
    assert await search("ab 123 front 2026-11-22 motion") == [plate]
    assert await search("zz") == []
    assert await search("motion", "/entry-Recorder/camera/front") == [plate, before]
    day = DayId("entry-Recorder", "front", Section.EVENTS, DAY)
    assert await search("motion", f"/{day}") == [plate]
    assert await search("2026-11-21", f"/{day}") == []
    hour = replace(day, hour=11)
    assert await search("motion", f"/{hour}") == []
    kind = replace(day, type=DetectionType.MOTION)
    assert await search("", f"/{kind}") == [plate]
    assert await search("line crossing", f"/{kind}") == []
    assert await search("motion", media_filter_classes=["video"]) == []
    assert (await ask("search_media", f"{ROOT}/x/y", search_query="a"))["error"][
        "code"
    ] == "search_media_failed"


async def test_search_finds_no_more_than_a_page(ask: Ask, store: Store) -> None:
    midnight = int(datetime(2026, 11, 22, tzinfo=UTC).timestamp() * 1e6)
    await fill(store, 300, type="motion")
    await store._catalogue.write(
        lambda connection: connection.execute(
            "INSERT INTO detections (id, camera, type, event_us, capture_id,"
            " picture_rank) SELECT id, camera, type, event_us, id, 0 FROM captures"
        )
    )
    assert midnight
    answer = await ask("search_media", ROOT, search_query="motion")
    assert len(answer["result"]["result"]) == 200


async def test_a_folder_of_no_camera_is_empty(browser: Browser, store: Store) -> None:
    level = await browser.level("entry-Recorder/section/Nobody/events")
    assert (level["title"], level["children"]) == ("Nobody: Events", [])


@pytest.mark.parametrize(
    "identifier",
    [
        "entry-Recorder/nonsense",
        "entry-Recorder/day/front/events/yesterday",
        "entry-Recorder/day/front/events/2026-11-22/newest/-1",
        "entry-Recorder/camera/front/1/2",
        "entry-Recorder/capture/c1",
        "entry-Recorder//",
    ],
)
async def test_what_cannot_be_browsed_says_so(
    engine: FakeEngine, ask: Ask, identifier: str
) -> None:
    error = (await ask("browse_media", f"{ROOT}/{identifier}"))["error"]
    assert error["code"] == "browse_media_failed"
    assert error["message"].startswith(f"{identifier} is not part of any recorder")


async def test_a_recorder_that_does_not_run_says_so(
    home: HomeAssistant, entry: MockConfigEntry, engine: FakeEngine, ask: Ask
) -> None:
    assert await home.config_entries.async_unload(entry.entry_id)
    for kind, media_id in (
        ("browse_media", f"{ROOT}/entry-Recorder"),
        ("resolve_media", f"{ROOT}/entry-Recorder/capture/a"),
    ):
        error = (await ask(kind, media_id))["error"]
        assert error["message"].startswith("The recorder of this capture does not run")
    assert (await ask("browse_media", ROOT))["result"]["children"] == []


async def test_what_cannot_be_played_says_why(ask: Ask, store: Store) -> None:
    async def message(identifier: object) -> str:
        error = (await ask("resolve_media", f"{ROOT}/{identifier}"))["error"]
        assert error["code"] == "resolve_media_failed"
        text: str = error["message"]
        return text

    gone = await keep(store, "gone.jpg", NOON, b"gone")
    strange = await keep(store, "a.avi", NOON, b"strange", kind=CaptureKind.OTHER)
    store.path(gone).unlink()
    for capture_id in (gone.id, "unknown"):
        said = await message(CaptureId("entry-Recorder", capture_id))
        assert "not on this machine any more, and not in the bucket" in said
    assert (await message(CaptureId("entry-Recorder", strange.id))).startswith(
        "a.avi is of a type that cannot be shown"
    )
    assert "is not part of any recorder" in await message("entry-Recorder")
    assert "is not part of any recorder" in await message("entry-Recorder/x/y")


async def test_an_image_of_any_item(
    home: HomeAssistant,
    engine: FakeEngine,
    tmp_path: Path,
    utc: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    @dataclass
    class MediaImage:
        content: bytes
        mime_type: str

    # The release that the tests run on does not have it yet.
    monkeypatch.setattr(media_source, "MediaImage", MediaImage, raising=False)
    assert await async_setup_component(home, "media_source", {})
    source = RecorderMediaSource(home)

    async def image(media_id: MediaId) -> MediaImage | None:
        item = media_source.MediaSourceItem(home, "hikvision_nvr", str(media_id), None)
        found: MediaImage | None = await source.async_get_media_image(item)
        return found

    async with real_store(engine, tmp_path, footage=(0.5,)) as store:
        whole = await keep(store, "a.jpg", NOON, picture())
        found = await image(CaptureId("entry-Recorder", whole.id))
        assert found == MediaImage(picture(), "image/jpeg")
        end = FOOTAGE + timedelta(minutes=1)
        frame = await image(FootageId("entry-Recorder", "front", FOOTAGE, end))
        assert frame is not None
        assert frame.content.startswith(b"\xff\xd8")
        device = FootageId("entry-Recorder", "front", FOOTAGE, end, Section.DEVICE)
        assert await image(device) is None
        assert await image(RecorderId("entry-Recorder")) is None
        played = await async_resolve_media(
            home, CaptureId("entry-Recorder", whole.id).media_id, None
        )
        assert played.path == store.path(whole)


TEXT = st.text(min_size=1, max_size=20)
MOMENT = st.datetimes(
    min_value=datetime(1970, 1, 1),
    max_value=datetime(2100, 1, 1),
    timezones=st.just(UTC),
)
OFFSET = st.integers(0, 10**6)
ORDER = st.sampled_from(Order)
SECTION = st.sampled_from(Section)
DAYS = st.dates(min_value=date(1970, 1, 1))
KIND = st.none() | st.sampled_from(DetectionType) | st.sampled_from(Scheduled)
MEDIA_IDS = st.one_of(
    st.builds(RecorderId, TEXT),
    st.builds(CameraId, TEXT, TEXT),
    st.builds(SectionId, TEXT, TEXT, SECTION, ORDER, OFFSET),
    st.builds(
        DayId, TEXT, TEXT, SECTION, DAYS, ORDER, OFFSET, st.none() | OFFSET, KIND
    ),
    st.builds(RestoreId, TEXT, TEXT, DAYS),
    st.builds(CaptureId, TEXT, TEXT),
    st.builds(FootageId, TEXT, TEXT, MOMENT, MOMENT, SECTION),
)


@given(MEDIA_IDS)
def test_identifiers_round_trip(media_id: MediaId) -> None:
    assert parse(str(media_id)) == media_id


@given(st.text(max_size=40) | st.builds("/".join, st.lists(TEXT, max_size=6)))
def test_other_texts_are_identifiers_or_refused(text: str) -> None:
    try:
        media_id = parse(text)
    except ValueError:
        return
    assert parse(str(media_id)) == media_id
