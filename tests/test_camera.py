"""The camera entity: its stream, and a still picture at any time."""

from dataclasses import replace
from io import BytesIO
from pathlib import Path
import time
from types import SimpleNamespace
from unittest.mock import AsyncMock, Mock, patch

import av
from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.camera import (
    Camera,
    async_get_image,
    async_get_stream_source,
)
from homeassistant.components.camera.helper import get_camera_from_entity_id
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
from PIL import Image
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    snapshot_platform,
)
from syrupy.assertion import SnapshotAssertion
from syrupy.filters import props

from custom_components.hikvision_nvr.camera import (
    GRAB_AGAIN_AFTER,
    GRAB_AGAIN_AFTER_FAILURE,
    KEY_FRAME_AGE,
)
from custom_components.hikvision_nvr.model import VideoCodec
from custom_components.hikvision_nvr.recording.nal import (
    join_with_lengths,
    split_byte_stream,
)
from custom_components.hikvision_nvr.recording.source import KeyFrame
from tests.simulators.byte_stream import make_byte_stream

from .recorder import JPEG, FakeEngine, a_capture, camera_subentry, recorder_entry

FRONT = "camera.front_door"
FRAME = b"\xff\xd8a frame\xff\xd9"


@pytest.fixture
def grab():
    """A camera that answers as the test wants."""
    with patch(
        "custom_components.hikvision_nvr.camera.grab_still", Mock(return_value=FRAME)
    ) as grab_still:
        yield grab_still


@pytest.mark.parametrize("platforms", [[Platform.CAMERA]])
async def test_entities(
    home: HomeAssistant,
    engine: FakeEngine,
    entry: MockConfigEntry,
    entity_registry: er.EntityRegistry,
    snapshot: SnapshotAssertion,
) -> None:
    tokens = props("access_token", "entity_picture")
    await snapshot_platform(
        home, entity_registry, snapshot.with_defaults(exclude=tokens), entry.entry_id
    )


async def test_the_stream_has_the_cameras_credentials_and_runs_over_tcp(
    home: HomeAssistant, engine: FakeEngine
) -> None:
    assert await async_get_stream_source(home, FRONT) == (
        "rtsp://viewer:s3cret%2Fpass@192.0.2.11:554/Streaming/Channels/101"
    )
    with patch(f"{Camera.__module__}.create_stream") as create_stream:
        await get_camera_from_entity_id(home, FRONT).async_create_stream()
    assert create_stream.call_args.kwargs["options"] == {
        "rtsp_transport": "tcp",
        "use_wallclock_as_timestamps": True,
    }


async def test_a_known_brand_is_shown(
    home: HomeAssistant, tmp_path: Path, engines: list[FakeEngine]
) -> None:
    entry = recorder_entry(
        tmp_path, cameras=[camera_subentry("Front door", brand="hikvision")]
    )
    entry.add_to_hass(home)
    assert await home.config_entries.async_setup(entry.entry_id)
    await home.async_block_till_done()
    assert home.states.get(FRONT).attributes["brand"] == "Hikvision"


async def test_the_still_picture_is_the_last_snapshot(
    home: HomeAssistant, engine: FakeEngine, grab: Mock
) -> None:
    capture = a_capture()
    engine.keep(capture)
    await engine.tell(home, capture)
    assert (await async_get_image(home, FRONT)).content == JPEG
    grab.assert_not_called()


async def test_a_stream_that_is_watched_gives_the_picture(
    home: HomeAssistant, engine: FakeEngine, grab: Mock
) -> None:
    capture = a_capture()
    engine.keep(capture)
    await engine.tell(home, capture)
    stream = SimpleNamespace(
        available=True,
        outputs=lambda: {"hls": object()},
        async_get_image=AsyncMock(return_value=FRAME),
        stop=AsyncMock(),
    )
    camera = get_camera_from_entity_id(home, FRONT)
    camera.stream = stream
    assert (await async_get_image(home, FRONT)).content == FRAME

    stream.async_get_image.return_value = None
    assert (await async_get_image(home, FRONT)).content == JPEG
    stream.async_get_image.return_value = FRAME
    stream.outputs = dict
    assert (await async_get_image(home, FRONT)).content == JPEG
    camera.stream = None


async def test_a_camera_that_is_recorded_shows_its_last_key_frame(
    home: HomeAssistant, engine: FakeEngine, grab: Mock, tmp_path: Path
) -> None:
    capture = a_capture()
    engine.keep(capture)
    await engine.tell(home, capture)
    clip = make_byte_stream(tmp_path / "clip.h264", seconds=1)
    units = split_byte_stream(clip.read_bytes())
    sets = tuple(unit for unit in units if unit[0] & 31 in {7, 8})
    key = next(unit for unit in units if unit[0] & 31 == 5)
    frame = KeyFrame(VideoCodec.H264, sets, join_with_lengths([key]), time.monotonic())
    frames = engine.recording.key_frames
    frames["camera-front-door"] = frame
    picture = Image.open(BytesIO((await async_get_image(home, FRONT)).content))
    assert (picture.format, picture.size) == ("JPEG", (320, 240))
    for unfit in (
        replace(frame, arrived=time.monotonic() - KEY_FRAME_AGE - 1),
        replace(frame, data=join_with_lengths([b"\x65no picture"])),
    ):
        frames["camera-front-door"] = unfit
        assert (await async_get_image(home, FRONT)).content == JPEG
    grab.assert_not_called()


async def test_a_camera_without_snapshot_is_asked_but_not_all_the_time(
    home: HomeAssistant,
    engine: FakeEngine,
    grab: Mock,
    freezer: FrozenDateTimeFactory,
) -> None:
    for _ in range(3):
        assert (await async_get_image(home, FRONT)).content == FRAME
    grab.assert_called_once_with(
        "rtsp://viewer:s3cret%2Fpass@192.0.2.11:554/Streaming/Channels/101", timeout=8
    )
    freezer.tick(GRAB_AGAIN_AFTER + 1)
    await async_get_image(home, FRONT)
    assert grab.call_count == 2


async def test_a_snapshot_whose_file_is_gone_is_replaced_by_a_frame(
    home: HomeAssistant, engine: FakeEngine, grab: Mock
) -> None:
    await engine.tell(home, a_capture())
    assert (await async_get_image(home, FRONT)).content == FRAME


async def test_a_camera_that_does_not_answer_is_left_alone_for_a_while(
    home: HomeAssistant,
    engine: FakeEngine,
    grab: Mock,
    freezer: FrozenDateTimeFactory,
    caplog: pytest.LogCaptureFixture,
) -> None:
    grab.side_effect = av.ConnectionRefusedError(
        111, "Connection refused", "rtsp://viewer:s3cret%2Fpass@192.0.2.11"
    )
    for _ in range(2):
        with pytest.raises(HomeAssistantError):
            await async_get_image(home, FRONT)
        freezer.tick(GRAB_AGAIN_AFTER + 1)
    assert grab.call_count == 1

    freezer.tick(GRAB_AGAIN_AFTER_FAILURE)
    with pytest.raises(HomeAssistantError):
        await async_get_image(home, FRONT)
    assert grab.call_count == 2
    said = "camera.front_door does not give a picture over RTSP: Connection refused"
    assert caplog.text.count(said) == 1
    assert "s3cret" not in caplog.text

    grab.side_effect = None
    freezer.tick(GRAB_AGAIN_AFTER_FAILURE + 1)
    assert (await async_get_image(home, FRONT)).content == FRAME
    assert caplog.text.count("gives pictures over RTSP again") == 1
