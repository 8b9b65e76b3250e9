"""What the timeline card asks for, as its browser does."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from http import HTTPStatus
import io
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
from freezegun.api import FrozenDateTimeFactory
from homeassistant.auth.permissions.const import POLICY_READ
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    MockUser,
    async_fire_time_changed,
)
from pytest_homeassistant_custom_component.typing import (
    ClientSessionGenerator,
    WebSocketGenerator,
)

from custom_components.hikvision_nvr.model import CaptureKind, DetectionType
from custom_components.hikvision_nvr.store import Store

from .media import FOOTAGE, keep, real_store
from .recorder import (
    NOON,
    FakeEngine,
    a_detection,
    camera_subentry,
    recorder_entry,
)

CAMERA = "camera.front"
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


@pytest.fixture
def platforms() -> list[Platform]:
    """Only what the commands name."""
    return [Platform.CAMERA]


@pytest.fixture
def entry(home: HomeAssistant, tmp_path: Path) -> MockConfigEntry:
    """A recorder of two cameras."""
    entry = recorder_entry(
        tmp_path / "storage",
        cameras=[
            camera_subentry("front"),
            camera_subentry("yard", host="192.0.2.12"),
        ],
    )
    entry.add_to_hass(home)
    return entry


@pytest.fixture
async def store(engine: FakeEngine, tmp_path: Path) -> AsyncIterator[Store]:
    """The recorder's store, empty."""
    async with real_store(engine, tmp_path) as store:
        yield store


class Card:
    """Asks as a card in a browser does."""

    def __init__(self, client: Any) -> None:
        self._client = client

    async def answer(self, command: str, **message: Any) -> dict[str, Any]:
        kind = f"hikvision_nvr/timeline{command and '/'}{command}"
        await self._client.send_json_auto_id({"type": kind, **message})
        answer: dict[str, Any] = await self._client.receive_json()
        return answer

    async def ask(self, command: str = "", **message: Any) -> dict[str, Any]:
        answer = await self.answer(command, **message)
        assert answer["success"], answer
        result: dict[str, Any] = answer["result"]
        return result

    async def refused(self, command: str = "", **message: Any) -> dict[str, Any]:
        answer = await self.answer(command, **message)
        assert not answer["success"]
        error: dict[str, Any] = answer["error"]
        return error

    async def told(self) -> dict[str, Any]:
        message = await self._client.receive_json()
        event: dict[str, Any] = message["event"]
        return event


@pytest.fixture
async def card(
    home: HomeAssistant, engine: FakeEngine, hass_ws_client: WebSocketGenerator
) -> Card:
    """A card of somebody who may see everything."""
    return Card(await hass_ws_client())


def ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def times(start: datetime, end: datetime) -> dict[str, int]:
    return {"start": ms(start), "end": ms(end)}


DAY = times(NOON - 12 * HOUR, NOON + 12 * HOUR)


async def test_a_detection_is_shown_once_with_its_best_picture(
    card: Card, store: Store
) -> None:
    clip = await keep(store, "a.mp4", NOON, b"clip", detection_id="d1")
    cut_off = await keep(store, "a.jpg", NOON, b"\xff\xd8cut", detection_id="d1")
    best = await keep(
        store, "b.jpg", NOON + SECOND, detection_id="d1", plate="AB 123 CD"
    )
    await keep(store, "c.jpg", NOON + 2 * SECOND, b"again", detection_id="d1")
    alone = await keep(
        store, "d.mp4", NOON + HOUR, b"more", type=DetectionType.LINE_CROSSING
    )
    await keep(store, "scheduled.jpg", NOON, b"at noon", type=None)
    await keep(store, "other.jpg", NOON, camera="yard")
    assert clip.detection_id == cut_off.detection_id == best.detection_id
    assert cut_off.complete is False

    found = await card.ask(camera=CAMERA, **DAY)
    first, second = found["events"]
    assert first == {
        "id": "d1",
        "time": ms(NOON),
        "type": "motion",
        "capture_id": best.id,
        "kind": "snapshot",
        "plate": "AB 123 CD",
        "region": None,
        "place": "local",
        "media_content_id": (
            f"media-source://hikvision_nvr/entry-Recorder/capture/{best.id}"
        ),
        "held": False,
    }
    assert (second["type"], second["kind"]) == ("line_crossing", "clip")
    assert second["capture_id"] == alone.id
    assert found["next"] is None
    assert found["coverage"] == found["holds"] == []


async def test_where_a_picture_is(card: Card, store: Store) -> None:
    kept = [
        await keep(store, f"{n}.jpg", NOON + n * SECOND, bytes([n])) for n in range(4)
    ]
    _local, offsite, archived, gone = kept
    await store._catalogue.write(
        lambda connection: connection.executemany(
            "UPDATE captures SET object_key = ?, archive_key = ? WHERE id = ?",
            [
                ("front/a", None, offsite.id),
                (None, "front/archive/x.tar.gz", archived.id),
            ],
        )
    )
    for capture in (offsite, archived, gone):
        known = await store.captures.get(capture.id)
        assert known is not None
        await store.drop([known])
    events = (await card.ask(camera=CAMERA, **DAY))["events"]
    assert [one["place"] for one in events] == ["local", "offsite", "archived", "gone"]
    assert [bool(one["media_content_id"]) for one in events] == [
        True,
        True,
        True,
        False,
    ]
    # It had a picture once.
    assert events[3]["capture_id"] == gone.id


@pytest.mark.parametrize("newest_first", [False, True])
async def test_pages_follow_each_other_without_a_gap(
    card: Card, store: Store, newest_first: bool
) -> None:
    for n in range(7):
        # Three at the same moment: the time alone is no place to go on from.
        when = NOON + (n // 3) * SECOND
        await keep(store, f"{n}.jpg", when, bytes([n]), detection_id=f"d{n}")
    seen: list[str] = []
    pages, after = 0, {}
    while True:
        page = await card.ask(
            camera=CAMERA, **DAY, limit=2, newest_first=newest_first, **after
        )
        pages += 1
        seen += [one["id"] for one in page["events"]]
        # One that comes meanwhile shifts nothing.
        await keep(
            store,
            f"late{pages}.jpg",
            NOON - SECOND if not newest_first else NOON + HOUR,
            f"late{pages}".encode(),
        )
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert pages == 4
    assert seen == sorted(seen, reverse=newest_first)
    assert len(seen) == len(set(seen)) == 7


async def test_coverage_holds_and_what_is_held(
    card: Card, engine: FakeEngine, tmp_path: Path
) -> None:
    async with real_store(engine, tmp_path, footage=(2.2, 1.0), pause=300) as store:
        segments = store.recordings.segments
        start, end = FOOTAGE - HOUR, FOOTAGE + HOUR
        await segments.hold("front", FOOTAGE + 10 * SECOND, FOOTAGE + 20 * SECOND)
        await segments.hold("front", FOOTAGE + 15 * SECOND, FOOTAGE + 30 * SECOND)
        for n in (5, 12, 25):
            await keep(store, f"{n}.jpg", FOOTAGE + n * SECOND, bytes([n]))
        found = await card.ask(camera=CAMERA, **times(start, end), limit=2)
        (first, last), (later, latest) = found["coverage"]
        # Three segments and one, with five minutes of nothing between them.
        assert last - first == pytest.approx(132_000, abs=500)
        assert later - last == pytest.approx(300_000, abs=2000)
        assert latest - later == pytest.approx(60_000, abs=500)
        assert found["holds"] == [
            [ms(FOOTAGE + 10 * SECOND), ms(FOOTAGE + 30 * SECOND)]
        ]
        assert [one["held"] for one in found["events"]] == [False, True]
        following = await card.ask(
            camera=CAMERA, **times(start, end), after=found["next"]
        )
        assert [one["held"] for one in following["events"]] == [True]
        assert following["coverage"] == following["holds"] == []
        # What is asked for cuts what it is told.
        part = await card.ask(camera=CAMERA, start=first + 60_000, end=first + 61_000)
        assert part["coverage"] == [[first + 60_000, first + 61_000]]


async def test_days_are_those_of_the_house(
    home: HomeAssistant, card: Card, engine: FakeEngine, tmp_path: Path
) -> None:
    await home.config.async_set_time_zone("Asia/Kathmandu")
    try:
        # Footage over midnight of a zone that is 5:45 hours ahead.
        async with real_store(engine, tmp_path, footage=(4.0,)) as store:
            midnight = FOOTAGE.replace(hour=18, minute=15, second=0, microsecond=0)
            shift = round((midnight - 2 * timedelta(minutes=1) - FOOTAGE) / SECOND)
            await store._catalogue.write(
                lambda connection: connection.executescript(
                    "CREATE TEMP TABLE moved AS SELECT * FROM segments;"
                    "DELETE FROM segments;"
                    f"UPDATE moved SET start_us = start_us + {shift * 10**6},"
                    f" end_us = end_us + {shift * 10**6};"
                    "INSERT INTO segments SELECT * FROM moved"
                )
            )
            for n in (-2, -1, 1):
                await keep(store, f"{n}.jpg", midnight + n * SECOND, str(n).encode())
            found = await card.ask(
                "days",
                camera=CAMERA,
                **times(midnight - 200 * 24 * HOUR, midnight + 199 * 24 * HOUR),
            )
            before, after = found["days"]
            assert (before["events"], after["events"]) == (2, 1)
            assert before["recorded_s"] == pytest.approx(120, abs=1)
            assert after["recorded_s"] == pytest.approx(120, abs=1)
            assert (before["day"], after["day"]) == ("2026-11-21", "2026-11-22") or (
                before["day"] < after["day"]
            )
            only = await card.ask(
                "days", camera=CAMERA, **times(midnight, midnight + HOUR)
            )
            assert only["days"] == [after]
            await store.recordings.segments.forget(range(1, 100))
            left = await card.ask(
                "days", camera=CAMERA, **times(midnight - HOUR, midnight + HOUR)
            )
            assert [one["recorded_s"] for one in left["days"]] == [0, 0]
    finally:
        await home.config.async_set_time_zone("US/Pacific")


async def test_footage_plays_where_it_says(
    card: Card,
    engine: FakeEngine,
    tmp_path: Path,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    async with real_store(engine, tmp_path, footage=(2.2, 1.0), pause=300) as store:
        start = FOOTAGE + 30 * SECOND
        found = await card.ask(
            "play", camera=CAMERA, **times(start, FOOTAGE + 200 * SECOND)
        )
        assert found["mime"] == "application/vnd.apple.mpegurl"
        assert found["codecs"][0].startswith("avc1.")
        # From the key frame before the start on, each file where the one before ends.
        pieces = found["pieces"]
        assert pieces[0][0] <= ms(start) <= pieces[0][1]
        assert pieces[0][2] == 0
        for one, following in pairwise(pieces):
            assert following[2] == pytest.approx(one[2] + one[1] - one[0], abs=2)
        client = await hass_client_no_auth()
        playlist = await (await client.get(found["url"])).text()
        lengths = [
            float(line.removeprefix("#EXTINF:").rstrip(","))
            for line in playlist.splitlines()
            if line.startswith("#EXTINF")
        ]
        assert sum(lengths) * 1000 == pytest.approx(
            sum(until - begin for begin, until, _ in pieces), abs=5
        )
        assert playlist.count("#EXT-X-MAP") == len(pieces)
        # After the gap it goes on.
        segments = await store.recordings.segments.between(
            "front", FOOTAGE, FOOTAGE + HOUR
        )
        assert found["next"] == ms(segments[-1].start)
        after = await card.ask(
            "play", camera=CAMERA, **times(segments[-1].start, FOOTAGE + HOUR)
        )
        assert after["next"] is None
        within = await card.ask(
            "play", camera=CAMERA, **times(FOOTAGE, FOOTAGE + 50 * SECOND)
        )
        assert within["next"] == ms(FOOTAGE + 50 * SECOND)
        error = await card.refused(
            "play", camera=CAMERA, **times(FOOTAGE - HOUR, FOOTAGE - SECOND)
        )
        assert error["code"] == "no_footage"
        assert error["translation_key"] == "footage_not_found"


async def test_a_playlist_ends_where_the_codec_changes(
    card: Card, engine: FakeEngine, tmp_path: Path
) -> None:
    async with real_store(engine, tmp_path, footage=(3.5,)) as store:
        segments = await store.recordings.segments.between(
            "front", FOOTAGE, FOOTAGE + HOUR
        )
        changed = segments[2]
        await store._catalogue.write(
            lambda connection: connection.execute(
                "UPDATE segments SET video = 'hvc1.1.6.L120.90', audio = 'flac'"
                " WHERE id = ?",
                (changed.id,),
            )
        )
        found = await card.ask("play", camera=CAMERA, **times(FOOTAGE, FOOTAGE + HOUR))
        assert len(found["pieces"]) == 2
        assert found["next"] == ms(changed.start)
        other = await card.ask(
            "play", camera=CAMERA, start=found["next"], end=ms(FOOTAGE + HOUR)
        )
        assert other["codecs"] == ["hvc1.1.6.L120.90", "flac"]
        assert other["next"] == ms(segments[3].start)


async def test_footage_as_one_file_that_any_player_opens(
    card: Card,
    engine: FakeEngine,
    tmp_path: Path,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    async with real_store(engine, tmp_path, footage=(2.5,)):
        start = FOOTAGE + 20 * SECOND
        found = await card.ask(
            "download", camera=CAMERA, **times(start, start + 80 * SECOND)
        )
        assert found["name"].startswith("front_2026-11-")
        assert found["name"].endswith(".mp4")
        assert found["next"] is None
        client = await hass_client_no_auth()
        answer = await client.get(found["url"])
        assert answer.status == HTTPStatus.OK
        assert answer.content_type == "video/mp4"
        assert found["name"] in answer.headers["Content-Disposition"]
        whole = await answer.read()
        with av.open(io.BytesIO(whole)) as container:
            frames = sum(1 for _ in container.decode(video=0))
        assert frames == pytest.approx(80 * 25, abs=2 * 50)
        # In pieces it is the same file, also over the seams of segments.
        size = len(whole)
        for first, last in (
            (0, 99),
            (size // 2, size // 2 + 200_000),
            (size - 5, size),
        ):
            part = await client.get(
                found["url"], headers={"Range": f"bytes={first}-{last}"}
            )
            assert part.status == HTTPStatus.PARTIAL_CONTENT
            assert await part.read() == whole[first : last + 1]
        suffix = await client.get(found["url"], headers={"Range": "bytes=-10"})
        assert await suffix.read() == whole[-10:]
        beyond = await client.get(found["url"], headers={"Range": f"bytes={size}-"})
        assert beyond.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
        unknown = await client.get("/api/hikvision_nvr/download/entry-Recorder/x.mp4")
        assert unknown.status == HTTPStatus.NOT_FOUND
        error = await card.refused(
            "download",
            camera=CAMERA,
            **times(FOOTAGE - HOUR, FOOTAGE - HOUR + 60 * SECOND),
        )
        assert error["code"] == "no_footage"


async def test_what_happens_is_told_as_it_happens(
    home: HomeAssistant,
    card: Card,
    engine: FakeEngine,
    store: Store,
    entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    freezer.move_to(NOON)
    await card.ask("subscribe", camera=CAMERA)
    detection = a_detection("camera-front", id="d1", region="2", event_time=NOON)
    await engine.tell(home, detection)
    told = await card.told()
    assert told["type"] == "detection"
    assert told["event"]["id"] == "d1"
    assert told["event"]["region"] == "2"
    assert told["event"]["capture_id"] is None

    capture = await keep(store, "a.jpg", NOON, detection_id="d1")
    scheduled = await keep(store, "b.jpg", NOON, b"scheduled", type=None)
    await engine.tell(home, scheduled, capture)
    event = (await card.told())["event"]
    assert (event["id"], event["capture_id"]) == ("d1", capture.id)
    assert event["place"] == "local"

    start_us = int(NOON.timestamp() * 1e6) + 2_000_000
    await store._catalogue.write(
        lambda connection: connection.execute(
            "INSERT INTO segments (camera, start_us, run, sequence, end_us, bytes,"
            " ticks, init_bytes, video, complete)"
            " VALUES ('front', ?, 'r', 0, ?, 1, 1, 1, 'avc1', 0)",
            (start_us, start_us + 8_000_000),
        )
    )
    for grown in (0, 10_000_000):
        await store._catalogue.write(
            lambda connection, grown=grown: connection.execute(
                "UPDATE segments SET end_us = end_us + ?", (grown,)
            )
        )
        freezer.tick(10)
        async_fire_time_changed(home)
        await home.async_block_till_done()
        told = await card.told()
        assert told["type"] == "coverage"
        begun = start_us // 1000 if not grown else start_us // 1000 + 8000
        assert (told["start"], told["end"]) == (
            begun,
            start_us // 1000 + 8000 + grown // 1000,
        )


async def test_a_subscription_outlives_a_reload(
    home: HomeAssistant,
    card: Card,
    engines: list[FakeEngine],
    engine: FakeEngine,
    entry: MockConfigEntry,
) -> None:
    await card.ask("subscribe", camera=CAMERA)
    assert await home.config_entries.async_reload(entry.entry_id)
    await home.async_block_till_done()
    await engines[-1].tell(home, a_detection("camera-front", id="after"))
    assert (await card.told())["event"]["id"] == "after"


async def test_search_by_type_plate_and_time(card: Card, store: Store) -> None:
    for n in range(3):
        await keep(
            store,
            f"{n}.jpg",
            NOON + n * HOUR,
            bytes([n]),
            detection_id=f"front{n}",
            plate=("AB-123 CD", "ab 987 xy", None)[n],
            type=DetectionType.VEHICLE if n < 2 else DetectionType.MOTION,
        )
        await keep(
            store,
            f"{n}.jpg",
            NOON + n * HOUR + SECOND,
            camera="yard",
            detection_id=f"yard{n}",
        )

    async def search(**wanted: Any) -> list[str]:
        found: list[str] = []
        while True:
            page = await card.ask("search", limit=2, **wanted)
            found += [f"{one['camera']} {one['id']}" for one in page["events"]]
            if page["next"] is None:
                return found
            wanted["after"] = page["next"]

    front, yard = "camera.front front", "camera.yard yard"
    assert await search() == [
        f"{place}{n}" for n in (2, 1, 0) for place in (yard, front)
    ]
    assert await search(camera="camera.yard") == [f"{yard}{n}" for n in (2, 1, 0)]
    assert await search(event_type="vehicle") == [f"{front}1", f"{front}0"]
    assert await search(plate="b123c") == [f"{front}0"]
    assert await search(plate="AB 98") == [f"{front}1"]
    assert await search(plate="ab", event_type="motion") == []
    # Not only the Latin letters have capitals, and not only hyphens are left out.
    await keep(store, "x.jpg", NOON, b"x", detection_id="far", plate="аб.12·34вс")
    assert await search(plate="Б1234В") == ["camera.front far"]
    assert await search(**times(NOON + HOUR, NOON + HOUR + SECOND)) == [f"{front}1"]


async def test_nobody_sees_a_camera_that_he_may_not(
    home: HomeAssistant,
    engine: FakeEngine,
    store: Store,
    hass_ws_client: WebSocketGenerator,
    hass_admin_user: MockUser,
) -> None:
    await keep(store, "a.jpg", NOON)
    await keep(store, "a.jpg", NOON, camera="yard", detection_id="seen")
    hass_admin_user.groups = []
    hass_admin_user.mock_policy(
        {"entities": {"entity_ids": {"camera.yard": {POLICY_READ: True}}}}
    )
    card = Card(await hass_ws_client())
    for command in ("", "days", "play", "download", "subscribe"):
        wanted = {} if command == "subscribe" else times(NOON, NOON + SECOND)
        error = await card.refused(command, camera=CAMERA, **wanted)
        assert error["code"] == "unauthorized", command
    assert (await card.refused("search", camera=CAMERA))["code"] == "unauthorized"
    found = await card.ask("search")
    assert [one["id"] for one in found["events"]] == ["seen"]
    assert (await card.ask(camera="camera.yard", **DAY))["events"]


async def test_what_cannot_be_answered_says_why(
    home: HomeAssistant, card: Card, store: Store, entry: MockConfigEntry
) -> None:
    async def code(**wanted: Any) -> str:
        error = await card.refused(**{"camera": CAMERA, **DAY, **wanted})
        return f"{error['code']} {error.get('translation_key')}"

    assert await code(camera="camera.nobody") == "not_found not_a_camera"
    assert await code(end=DAY["start"]) == "invalid_format end_before_start"
    assert await code(end=DAY["end"] + 9_000_000) == "invalid_format time_too_long"
    assert await code(after="what?") == "invalid_format cursor_invalid"
    assert await code(limit=1001) == "invalid_format None"
    too_long = await card.refused("play", camera=CAMERA, **times(NOON, NOON + 4 * HOUR))
    assert "3 hours" in too_long["message"]
    assert await home.config_entries.async_unload(entry.entry_id)
    assert await code() == "recorder_not_loaded media_recorder_not_loaded"


async def test_a_file_that_cannot_be_shown_is_no_picture(
    card: Card, store: Store
) -> None:
    await keep(store, "x.avi", NOON, b"film", kind=CaptureKind.OTHER)
    (event,) = (await card.ask(camera=CAMERA, **DAY))["events"]
    assert (event["kind"], event["media_content_id"]) == (None, None)
