"""The whole way inside Home Assistant: real FTPS, real store, real entities."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import date, datetime
import ftplib
from functools import partial
import io
from pathlib import Path
import socket
import ssl
import threading

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import MATCH_ALL
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
)
from pytest_homeassistant_custom_component.typing import (
    ClientSessionGenerator,
    WebSocketGenerator,
)

from custom_components.hikvision_nvr.media_id import DayId, Section
from custom_components.hikvision_nvr.receiver.passwords import hash_password

from .ports import free_port
from .recorder import JPEG, camera_subentry, recorder_entry

pytestmark = pytest.mark.usefixtures("socket_enabled")

PASSWORD = "Front-Door-1"
NAME = "192.0.2.11_01_20261122120000{:03}_MOTION_DETECTION.jpg"


def listens(port: int) -> bool:
    """Whether somebody has the port, without connecting to it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def upload(port: int, *names: str, content: bytes = JPEG) -> list[str]:
    """Upload as a camera does, over one connection."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with ftplib.FTP_TLS(context=context) as ftp:
        ftp.connect("127.0.0.1", port, timeout=10)
        ftp.login("front-door", PASSWORD)
        ftp.prot_p()
        return [ftp.storbinary(f"STOR {name}", io.BytesIO(content)) for name in names]


@pytest.fixture
async def recorder(
    home: HomeAssistant, tmp_path: Path
) -> AsyncIterator[MockConfigEntry]:
    """A recorder that really receives, with one camera."""
    await home.config.async_set_time_zone("Europe/Berlin")
    password_hash = await home.async_add_executor_job(hash_password, PASSWORD)
    port = free_port()
    entry = recorder_entry(
        tmp_path / "storage",
        s3=None,
        ftps_port=port,
        cameras=[
            camera_subentry("Front door", upload_password_hash=password_hash),
        ],
    )
    entry.add_to_hass(home)
    assert await home.config_entries.async_setup(entry.entry_id)
    await home.async_block_till_done()
    yield entry
    if entry.state is ConfigEntryState.LOADED:
        assert await home.config_entries.async_unload(entry.entry_id)
    await home.config.async_set_time_zone("UTC")


async def test_an_upload_becomes_an_event_a_picture_and_a_file(
    home: HomeAssistant,
    recorder: MockConfigEntry,
    tmp_path: Path,
    hass_client: ClientSessionGenerator,
) -> None:
    detections = async_capture_events(home, "hikvision_nvr_detection")

    (reply,) = await home.async_add_executor_job(
        upload, recorder.data["ftps_port"], NAME.format(0)
    )
    await home.async_block_till_done()

    assert reply.startswith("226")
    path = tmp_path / "storage" / "Front door" / "2026-11-22" / NAME.format(0)
    assert path.read_bytes() == JPEG
    event = home.states.get("event.front_door_detection")
    assert event.attributes["event_type"] == "motion"
    assert event.attributes["file"] == NAME.format(0)
    # The camera tells local time.
    assert datetime.fromisoformat(event.attributes["event_time"]) == (
        datetime.fromisoformat("2026-11-22T12:00:00+01:00")
    )
    assert home.states.get("binary_sensor.front_door_motion").state == "on"
    assert home.states.get("image.front_door_last_snapshot").state != "unknown"
    (detection,) = detections
    assert detection.data["media_id"] == event.attributes["media_id"]

    client = await hass_client()
    answer = await client.get(
        f"/api/hikvision_nvr/capture/{recorder.entry_id}/{detection.data['capture_id']}"
    )
    assert answer.status == 200
    assert await answer.read() == JPEG
    picture = await client.get(
        home.states.get("image.front_door_last_snapshot").attributes["entity_picture"]
    )
    assert await picture.read() == JPEG


async def test_a_burst_of_files_is_one_event(
    home: HomeAssistant, recorder: MockConfigEntry
) -> None:
    detections = async_capture_events(home, "hikvision_nvr_detection")
    await home.async_add_executor_job(
        upload, recorder.data["ftps_port"], *(NAME.format(n) for n in range(5))
    )
    await home.async_block_till_done()
    assert len(detections) == 1
    assert home.states.get("event.front_door_detection").attributes[
        "file"
    ] == NAME.format(0)


async def test_a_wrong_password_is_refused(
    home: HomeAssistant, recorder: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.test_delivery.PASSWORD", "Not-This-One")
    with pytest.raises(ftplib.error_perm, match="530"):
        await home.async_add_executor_job(
            upload, recorder.data["ftps_port"], NAME.format(0)
        )


async def until(home: HomeAssistant, holds: Callable[[], bool]) -> None:
    """Wait until something holds, looking whenever Home Assistant says a change."""
    changed = asyncio.Event()

    @callback
    def look(_event: Event) -> None:
        changed.set()

    stop = home.bus.async_listen(MATCH_ALL, look)
    try:
        async with asyncio.timeout(20):
            while not holds():
                await changed.wait()
                changed.clear()
    finally:
        stop()


def issues(home: HomeAssistant) -> set[str]:
    return {
        issue.issue_id
        for issue in ir.async_get(home).issues.values()
        if issue.domain == "hikvision_nvr" and issue.active
    }


def value(home: HomeAssistant, sensor: str) -> str:
    return home.states.get(f"sensor.{sensor}").state


async def test_who_guesses_passwords_is_banned_until_the_owner_lifts_it(
    home: HomeAssistant,
    recorder: MockConfigEntry,
    hass_client: ClientSessionGenerator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    port = recorder.data["ftps_port"]

    def guess() -> int:
        guesses = 0
        with pytest.raises((EOFError, ConnectionError)):
            while guesses < 20:
                with pytest.raises(ftplib.error_perm, match="530"):
                    upload(port, NAME.format(0))
                guesses += 1
        return guesses

    with monkeypatch.context() as patched:
        patched.setattr("tests.test_delivery.PASSWORD", "Not-This-One")
        guesses = await home.async_add_executor_job(guess)
    await until(home, lambda: value(home, "recorder_banned_addresses") == "1")
    ban = f"address_banned_{recorder.entry_id}_127.0.0.1"
    assert issues(home) == {ban}
    assert value(home, "recorder_rejected_logins") == str(guesses)
    (banned,) = home.states.get("sensor.recorder_banned_addresses").attributes[
        "addresses"
    ]
    assert banned["address"] == "127.0.0.1"
    with pytest.raises((EOFError, ConnectionError)):
        await home.async_add_executor_job(upload, port, NAME.format(0))

    assert await async_setup_component(home, "repairs", {})
    client = await hass_client()
    answer = await client.post(
        "/api/repairs/issues/fix", json={"handler": "hikvision_nvr", "issue_id": ban}
    )
    flow = await answer.json()
    answer = await client.post(f"/api/repairs/issues/fix/{flow['flow_id']}", json={})
    assert (await answer.json())["type"] == "create_entry"

    (reply,) = await home.async_add_executor_job(upload, port, NAME.format(0))
    assert reply.startswith("226")
    await until(home, lambda: value(home, "recorder_banned_addresses") == "0")
    assert issues(home) == set()
    assert value(home, "recorder_uploads_today") == "1"
    assert value(home, "front_door_last_seen") != "unknown"


async def test_a_camera_without_encryption_delivers_from_its_own_address_only(
    home: HomeAssistant, recorder: MockConfigEntry
) -> None:
    def upload_in_clear(source: str) -> str:
        with ftplib.FTP(timeout=10, source_address=(source, 0)) as ftp:
            ftp.connect("127.0.0.1", recorder.data["ftps_port"])
            ftp.login("front-door", PASSWORD)
            return ftp.storbinary(f"STOR {NAME.format(0)}", io.BytesIO(JPEG))

    with pytest.raises(ftplib.error_perm, match="530 Encryption is required"):
        await home.async_add_executor_job(upload_in_clear, "127.0.0.1")
    assert issues(home) == set()

    camera = recorder.subentries["camera-front-door"]
    home.config_entries.async_update_subentry(
        recorder,
        camera,
        data={**camera.data, "host": "127.0.0.1", "security": "plain"},
    )
    await home.async_block_till_done()
    assert issues(home) == {"plain_ftp_camera-front-door"}
    reply = await home.async_add_executor_job(upload_in_clear, "127.0.0.1")
    assert reply.startswith("226")
    await home.async_block_till_done()
    assert (
        home.states.get("event.front_door_detection").attributes["event_type"]
        == "motion"
    )
    with pytest.raises(ftplib.error_perm, match="530"):
        await home.async_add_executor_job(upload_in_clear, "127.0.0.2")
    assert issues(home) == {"plain_ftp_camera-front-door"}


async def test_a_picture_that_was_cut_off_is_marked_and_not_shown(
    home: HomeAssistant, recorder: MockConfigEntry, hass_ws_client: WebSocketGenerator
) -> None:
    (reply,) = await home.async_add_executor_job(
        partial(upload, content=JPEG[:-20]),
        recorder.data["ftps_port"],
        NAME.format(0),
    )
    assert reply.startswith("226")
    await home.async_block_till_done()
    assert home.states.get("image.front_door_last_snapshot").state == "unknown"

    assert await async_setup_component(home, "media_source", {})
    client = await hass_ws_client()
    day = DayId(recorder.entry_id, "Front door", Section.EVENTS, date(2026, 11, 22))
    await client.send_json_auto_id(
        {
            "type": "media_source/browse_media",
            "media_content_id": f"media-source://hikvision_nvr/{day}",
        }
    )
    (item,) = (await client.receive_json())["result"]["children"]
    assert item["title"] == "12:00:00 Motion (incomplete)"


async def test_a_cameras_test_button_is_noted_and_nothing_else(
    home: HomeAssistant, recorder: MockConfigEntry
) -> None:
    detections = async_capture_events(home, "hikvision_nvr_detection")
    await home.async_add_executor_job(
        partial(upload, content=b"This is a test."),
        recorder.data["ftps_port"],
        "test.txt",
    )
    await until(
        home,
        lambda: value(home, "front_door_last_connection_test") != "unknown",
    )
    assert value(home, "recorder_uploads_today") == "0"
    assert home.states.get("event.front_door_detection").state == "unknown"
    assert home.states.get("image.front_door_last_snapshot").state == "unknown"
    assert detections == []


async def test_the_last_picture_is_there_after_a_restart(
    home: HomeAssistant, recorder: MockConfigEntry
) -> None:
    await home.async_add_executor_job(
        upload, recorder.data["ftps_port"], NAME.format(0)
    )
    await home.async_block_till_done()
    before = home.states.get("image.front_door_last_snapshot").state

    assert await home.config_entries.async_reload(recorder.entry_id)
    await home.async_block_till_done()
    assert home.states.get("image.front_door_last_snapshot").state == before
    assert home.states.get("binary_sensor.front_door_motion").state == "off"


async def test_unload_leaves_no_port_and_no_thread(
    home: HomeAssistant, recorder: MockConfigEntry
) -> None:
    port = recorder.data["ftps_port"]
    assert listens(port)
    assert any("hikvision_nvr" in thread.name for thread in threading.enumerate())

    assert await home.config_entries.async_unload(recorder.entry_id)

    assert not listens(port)
    assert not [
        thread.name for thread in threading.enumerate() if "hikvision" in thread.name
    ]


async def test_a_new_password_counts_at_once(
    home: HomeAssistant, recorder: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = await recorder.start_subentry_reconfigure_flow(home, "camera-front-door")
    await home.config_entries.subentries.async_configure(
        flow["flow_id"],
        {
            "name": "Front door",
            "host": "192.0.2.11",
            "upload_username": "front-door",
            "upload_password": "Brand-New-1",
            "advanced": {},
        },
    )
    await home.async_block_till_done()

    with pytest.raises(ftplib.error_perm, match="530"):
        await home.async_add_executor_job(
            upload, recorder.data["ftps_port"], NAME.format(0)
        )
    monkeypatch.setattr("tests.test_delivery.PASSWORD", "Brand-New-1")
    await home.async_add_executor_job(
        upload, recorder.data["ftps_port"], NAME.format(0)
    )


async def test_two_recorders_mind_their_own_cameras(
    home: HomeAssistant, recorder: MockConfigEntry, tmp_path: Path
) -> None:
    other = recorder_entry(
        tmp_path / "other",
        title="Other",
        s3=None,
        ftps_port=free_port(),
        cameras=[camera_subentry("Garage")],
    )
    other.add_to_hass(home)
    assert await home.config_entries.async_setup(other.entry_id)
    await home.async_add_executor_job(
        upload, recorder.data["ftps_port"], NAME.format(0)
    )
    await home.async_block_till_done()

    assert home.states.get("event.front_door_detection").state != "unknown"
    assert home.states.get("event.garage_detection").state == "unknown"
    with pytest.raises(ftplib.error_perm, match="530"):
        await home.async_add_executor_job(
            upload, other.data["ftps_port"], NAME.format(0)
        )
    assert await home.config_entries.async_unload(other.entry_id)
    assert listens(recorder.data["ftps_port"])


async def test_a_port_in_use_is_tried_again_later(
    home: HomeAssistant, tmp_path: Path
) -> None:
    with socket.socket() as program:
        program.bind(("127.0.0.1", free_port()))
        program.listen()
        port = program.getsockname()[1]
        entry = recorder_entry(tmp_path / "storage", s3=None, ftps_port=port)
        entry.add_to_hass(home)
        assert not await home.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert entry.reason == (
        f"Another program uses port {port}. Stop it, or reconfigure the recorder to"
        " use another port"
    )
    assert await home.config_entries.async_reload(entry.entry_id)
    assert listens(port)


async def test_a_disk_that_is_not_mounted_is_not_filled(
    home: HomeAssistant, recorder: MockConfigEntry, tmp_path: Path
) -> None:
    assert await home.config_entries.async_unload(recorder.entry_id)
    (tmp_path / "storage").rename(tmp_path / "unplugged")

    assert not await home.config_entries.async_setup(recorder.entry_id)
    assert recorder.state is ConfigEntryState.SETUP_RETRY
    assert "Is its disk connected and mounted?" in recorder.reason

    (tmp_path / "unplugged").rename(tmp_path / "storage")
    assert await home.config_entries.async_reload(recorder.entry_id)


async def test_removal_forgets_the_recorder_but_no_capture(
    home: HomeAssistant, recorder: MockConfigEntry, tmp_path: Path
) -> None:
    state = Path(home.config.path(".storage", "hikvision_nvr", recorder.entry_id))
    await home.async_add_executor_job(
        upload, recorder.data["ftps_port"], NAME.format(0)
    )
    assert state.is_dir()

    await home.config_entries.async_remove(recorder.entry_id)

    assert not state.exists()
    assert (
        tmp_path / "storage" / "Front door" / "2026-11-22" / NAME.format(0)
    ).is_file()
