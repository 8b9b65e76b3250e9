"""Browsing captures, and playing them."""

from datetime import date, timedelta
from http import HTTPStatus
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
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
    MediaId,
    RecorderId,
    parse,
)
from custom_components.hikvision_nvr.model import CaptureKind, DetectionType

from .recorder import JPEG, NOON, FakeEngine, a_capture

ROOT = "media-source://hikvision_nvr"
DAY = date(2026, 11, 22)


@pytest.fixture
async def ask(
    home: HomeAssistant, engine: FakeEngine, hass_ws_client: WebSocketGenerator
):
    """Ask as the frontend does."""
    assert await async_setup_component(home, "media_source", {})
    client = await hass_ws_client()

    async def command(kind: str, media_id: str) -> dict[str, Any]:
        await client.send_json_auto_id(
            {"type": f"media_source/{kind}", "media_content_id": media_id}
        )
        return await client.receive_json()

    return command


async def test_from_the_recorder_to_a_picture(
    home: HomeAssistant,
    engine: FakeEngine,
    ask,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    await home.config.async_set_time_zone("Europe/Berlin")
    snapshot = a_capture(name="a.jpg", event_time=NOON)
    clip = a_capture(
        name="b.mp4",
        kind=CaptureKind.CLIP,
        type=DetectionType.LINE_CROSSING,
        event_time=NOON + timedelta(minutes=1),
    )
    cut_off = a_capture(
        name="e.jpg", complete=False, event_time=NOON + timedelta(minutes=2)
    )
    whole = a_capture(
        name="f.jpg",
        type=None,
        complete=True,
        event_time=NOON + timedelta(minutes=3),
    )
    scheduled = a_capture(name="c.jpg", type=None, day=DAY - timedelta(days=1))
    other = a_capture(name="d.avi", kind=CaptureKind.OTHER, day=DAY - timedelta(days=1))
    for capture in (snapshot, clip, cut_off, whole, scheduled, other):
        engine.keep(capture)

    level = (await ask("browse_media", ROOT))["result"]
    assert [child["title"] for child in level["children"]] == ["Recorder"]
    level = (await ask("browse_media", level["children"][0]["media_content_id"]))[
        "result"
    ]
    assert level["title"] == "Recorder"
    assert [child["title"] for child in level["children"]] == ["Front door", "Garden"]
    level = (await ask("browse_media", level["children"][0]["media_content_id"]))[
        "result"
    ]
    assert level["title"] == "Front door"
    days = level["children"]
    assert [day["title"] for day in days] == ["2026-11-22 (4)", "2026-11-21 (2)"]

    level = (await ask("browse_media", days[0]["media_content_id"]))["result"]
    assert level["title"] == "Front door 2026-11-22"
    newest, incomplete, video, oldest = level["children"]
    assert newest["title"] == "13:03:00"
    assert incomplete["title"] == "13:02:00 Motion (incomplete)"
    assert incomplete["can_play"]
    assert video["title"] == "13:01:00 Line crossing"
    assert video["media_class"] == "video"
    assert video["thumbnail"] is None
    assert oldest["title"] == "13:00:00 Motion"
    assert oldest["media_class"] == "image"
    assert oldest["can_play"]
    before = (await ask("browse_media", days[1]["media_content_id"]))["result"]
    assert [(one["title"], one["can_play"]) for one in before["children"]] == [
        ("13:00:00 Motion", False),
        ("13:00:00", True),
    ]

    resolved = (await ask("resolve_media", oldest["media_content_id"]))["result"]
    assert resolved["mime_type"] == "image/jpeg"
    stranger = await hass_client_no_auth()
    for signed in (resolved["url"], oldest["thumbnail"]):
        answer = await stranger.get(signed)
        assert answer.status == HTTPStatus.OK
        assert await answer.read() == JPEG
    await home.config.async_set_time_zone("UTC")


async def test_no_level_has_more_than_200_captures(
    home: HomeAssistant, engine: FakeEngine, ask
) -> None:
    engine.store.captures.known.extend(a_capture(name=f"{n}.jpg") for n in range(401))
    media_id = f"{ROOT}/{DayId('entry-Recorder', 'Front door', DAY)}"
    seen: list[str] = []
    pages = 0
    while True:
        children = (await ask("browse_media", media_id))["result"]["children"]
        pages += 1
        seen += [child["media_content_id"] for child in children if child["can_play"]]
        assert len(children) <= 201
        if children[-1]["can_play"]:
            break
        assert children[-1]["title"] == "Older"
        media_id = children[-1]["media_content_id"]
    assert pages == 3
    assert len(seen) == len(set(seen)) == 401


async def test_no_level_has_more_than_200_days(
    home: HomeAssistant, engine: FakeEngine, ask
) -> None:
    captures = engine.store.captures.known
    captures.extend(a_capture(day=DAY - timedelta(days=n)) for n in range(200))
    media_id = f"{ROOT}/{CameraId('entry-Recorder', 'Front door')}"
    children = (await ask("browse_media", media_id))["result"]["children"]
    assert len(children) == 200
    assert children[-1]["title"] == "2026-05-07 (1)"

    captures.append(a_capture(day=DAY - timedelta(days=200)))
    children = (await ask("browse_media", media_id))["result"]["children"]
    assert len(children) == 201
    assert children[-1]["title"] == "Older"
    children = (await ask("browse_media", children[-1]["media_content_id"]))["result"][
        "children"
    ]
    assert [child["title"] for child in children] == ["2026-05-06 (1)"]


async def test_a_folder_of_no_camera_is_empty(
    home: HomeAssistant, engine: FakeEngine, ask
) -> None:
    level = (await ask("browse_media", f"{ROOT}/entry-Recorder/camera/Nobody"))[
        "result"
    ]
    assert (level["title"], level["children"]) == ("Nobody", [])


@pytest.mark.parametrize(
    "identifier",
    [
        "entry-Recorder/nonsense",
        "entry-Recorder/day/Front door/yesterday",
        "entry-Recorder/day/Front door/2026-11-22/-1",
        "entry-Recorder/camera/Front door/1/2",
        "entry-Recorder/capture/c1",
    ],
)
async def test_what_cannot_be_browsed_says_so(
    home: HomeAssistant, engine: FakeEngine, ask, identifier: str
) -> None:
    error = (await ask("browse_media", f"{ROOT}/{identifier}"))["error"]
    assert error["code"] == "browse_media_failed"
    assert error["message"].startswith(f"{identifier} is not part of any recorder")


async def test_a_recorder_that_does_not_run_says_so(
    home: HomeAssistant, entry: MockConfigEntry, engine: FakeEngine, ask
) -> None:
    assert await home.config_entries.async_unload(entry.entry_id)
    error = (await ask("browse_media", f"{ROOT}/entry-Recorder"))["error"]
    assert error["message"].startswith("The recorder of this capture does not run")
    assert (await ask("browse_media", ROOT))["result"]["children"] == []


async def test_what_cannot_be_played_says_why(
    home: HomeAssistant, engine: FakeEngine, ask
) -> None:
    async def message(identifier: object) -> str:
        error = (await ask("resolve_media", f"{ROOT}/{identifier}"))["error"]
        assert error["code"] == "resolve_media_failed"
        return error["message"]

    gone, strange = a_capture(), a_capture(name="a.avi")
    engine.store.captures.known.append(gone)
    engine.keep(strange)
    assert "not on this machine any more" in await message(
        CaptureId("entry-Recorder", gone.id)
    )
    assert "not on this machine any more" in await message(
        CaptureId("entry-Recorder", "unknown")
    )
    assert (await message(CaptureId("entry-Recorder", strange.id))).startswith(
        "a.avi is of a type that cannot be shown"
    )
    assert "is not part of any recorder" in await message("entry-Recorder")
    assert "is not part of any recorder" in await message("entry-Recorder/x/y")


@pytest.mark.parametrize(
    "media_id",
    [
        RecorderId("e"),
        CameraId("e", "Front door"),
        CameraId("e", "前门", 200),
        DayId("e", "camera", DAY),
        DayId("e", "day", DAY, 400),
        CaptureId("e", "c"),
    ],
)
def test_identifiers_round_trip(media_id: MediaId) -> None:
    assert parse(str(media_id)) == media_id


@pytest.mark.parametrize("text", ["", "e/", "e/camera", "e/x/y", "e/capture/a/b"])
def test_other_texts_are_no_identifiers(text: str) -> None:
    with pytest.raises(ValueError, match="Not an identifier"):
        parse(text)
