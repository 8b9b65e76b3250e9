"""Adding a camera to a recorder, and changing it."""

from collections.abc import Callable
from datetime import timedelta
import json
from pathlib import Path
from typing import Any, get_args

from homeassistant.config_entries import SOURCE_USER
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    get_schema_suggested_value,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components import hikvision_nvr
from custom_components.hikvision_nvr.model import (
    Brand,
    Camera,
    RecordingSettings,
    Security,
)
from custom_components.hikvision_nvr.receiver.file_names.template import Reason
from custom_components.hikvision_nvr.receiver.passwords import verify_password

from .recorder import FakeEngine

TEXTS: dict[str, Any] = json.loads(
    Path(hikvision_nvr.__file__)
    .with_name("translations")
    .joinpath("en.json")
    .read_text()
)
YARD = {
    "name": "Back Yard",
    "host": "192.0.2.20",
    "rtsp_port": 554,
    "rtsp_username": "viewer",
    "rtsp_password": " s3cret ",
    "channel": 1,
    "brand": "hikvision",
    "motion_hold": 30,
    "advanced": {},
}
FTPS = "**FTPS** (explicit TLS; on some cameras a box named TLS or SSL)"
FTPS_OR_IMPLICIT = (
    f"{FTPS}. A camera that knows only implicit TLS connects to port **990** instead"
)
ACCOUNT = {"upload_username": "back-yard", "upload_password": "Tell-Nobody1"}


async def start(home: HomeAssistant, entry: MockConfigEntry) -> dict[str, Any]:
    menu = await home.config_entries.subentries.async_init(
        (entry.entry_id, "camera"), context={"source": SOURCE_USER}
    )
    assert menu["menu_options"] == ["device", "other"]
    return await submit(home, menu, {"next_step_id": "other"})


async def submit(
    home: HomeAssistant, flow: dict[str, Any], values: dict[str, Any]
) -> dict[str, Any]:
    return await home.config_entries.subentries.async_configure(flow["flow_id"], values)


async def test_a_camera_is_added_and_delivers_after_the_reload(
    home: HomeAssistant,
    entry: MockConfigEntry,
    engine: FakeEngine,
    reload_done: Callable[[], FakeEngine],
) -> None:
    flow = await submit(home, await start(home, entry), YARD)
    assert flow["step_id"] == "delivery"
    result = await submit(home, flow, ACCOUNT)
    await home.async_block_till_done()

    assert result["type"] is FlowResultType.CREATE_ENTRY
    (subentry,) = (one for one in entry.subentries.values() if one.title == "Back Yard")
    data = dict(subentry.data)
    password_hash = data.pop("upload_password_hash")
    assert await home.async_add_executor_job(
        verify_password, "Tell-Nobody1", password_hash
    )
    assert data == {
        "folder": "Back Yard",
        "host": "192.0.2.20",
        "rtsp_port": 554,
        "rtsp_username": "viewer",
        "rtsp_password": " s3cret ",
        "channel": 1,
        "brand": "hikvision",
        "motion_hold": 30,
        "security": "ftps",
        "bind_address": False,
        "active_mode": False,
        "burst_window": 10,
        "name_template": "",
        "stream_path": "",
        "silent_hours": 24,
        "keep_local_days": 0,
        "keep_offsite_days": 0,
        "keep_archives_days": 0,
        "public_key": "",
        "old_algorithms": False,
        "upload_username": "back-yard",
    }
    assert reload_done().settings.cameras[-1] == Camera(
        id=subentry.subentry_id,
        name="Back Yard",
        folder="Back Yard",
        brand=Brand.HIKVISION,
        username="back-yard",
        password_hash=password_hash,
        recording=RecordingSettings(
            url="rtsp://viewer:%20s3cret%20@192.0.2.20:554/Streaming/Channels/101"
        ),
    )
    assert home.states.get("camera.back_yard")


async def test_the_last_step_says_what_to_enter_on_the_camera(
    home: HomeAssistant, entry: MockConfigEntry
) -> None:
    flow = await submit(home, await start(home, entry), YARD)

    assert flow["description_placeholders"] == {
        "server": "127.0.0.1",
        "port": "2121",
        "protocol": FTPS,
    }
    schema = flow["data_schema"].schema
    assert get_schema_suggested_value(schema, "upload_username") == "back-yard"
    password = get_schema_suggested_value(schema, "upload_password")
    assert len(password) == 16


@pytest.mark.parametrize("host", ["192.0.2.20", "yard.local"])
async def test_the_server_is_the_address_that_faces_the_camera(
    home: HomeAssistant, entry: MockConfigEntry, host: str
) -> None:
    home.config_entries.async_update_entry(
        entry, data={**entry.data, "listen_address": ""}
    )
    flow = await submit(home, await start(home, entry), YARD | {"host": host})
    # What Home Assistant's network integration answers in tests.
    assert flow["description_placeholders"]["server"] == "10.10.10.10"


async def test_without_a_network_the_server_is_the_internal_url(
    home: HomeAssistant, entry: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_args: Any) -> str:
        raise HomeAssistantError

    monkeypatch.setattr("homeassistant.components.network.async_get_source_ip", fail)
    home.config.internal_url = "http://nvr.example:8123"
    home.config_entries.async_update_entry(
        entry, data={**entry.data, "listen_address": "::"}
    )
    flow = await submit(home, await start(home, entry), YARD)
    assert flow["description_placeholders"]["server"] == "nvr.example"


async def test_a_name_without_latin_letters_still_suggests_free_user_names(
    home: HomeAssistant, entry: MockConfigEntry, engine: FakeEngine
) -> None:
    for number, name in enumerate(("前门", "花园")):
        flow = await submit(
            home,
            await start(home, entry),
            YARD | {"name": name, "host": f"192.0.2.{number + 100}"},
        )
        suggested = get_schema_suggested_value(
            flow["data_schema"].schema, "upload_username"
        )
        assert suggested == ("camera", "camera-1")[number]
        await submit(home, flow, ACCOUNT | {"upload_username": suggested})
        await home.async_block_till_done()


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"name": "front DOOR"}, {"name": "name_in_use"}),
        ({"name": "Front door."}, {"name": "name_in_use"}),
        ({"name": " "}, {"name": "unusable_name"}),
        ({"name": "archive"}, {"name": "unusable_name"}),
        ({"name": "../.."}, {"name": "unusable_name"}),
        ({"host": "http://192.0.2.20"}, {"host": "invalid_host"}),
        ({"host": "192.0.2.20:554"}, {"host": "invalid_host"}),
        ({"host": ""}, {"host": "invalid_host"}),
        ({"host": "192.0.2.11"}, {"host": "camera_in_use"}),
        (
            {"host": "yard.local", "advanced": {"security": "plain"}},
            {"host": "host_not_an_address"},
        ),
        (
            {"host": "yard.local", "advanced": {"bind_address": True}},
            {"host": "host_not_an_address"},
        ),
        ({"brand": "template"}, {"base": "empty"}),
        ({"advanced": {"name_template": "{event"}}, {"base": "braces"}),
    ],
)
async def test_a_camera_that_cannot_be_is_refused_and_can_be_corrected(
    home: HomeAssistant,
    entry: MockConfigEntry,
    wrong: dict[str, str],
    error: dict[str, str],
) -> None:
    flow = await submit(home, await start(home, entry), YARD | wrong)
    assert flow["step_id"] == "other"
    assert flow["errors"] == error
    assert get_schema_suggested_value(flow["data_schema"].schema, "motion_hold") == 30

    flow = await submit(home, flow, YARD)
    assert flow["step_id"] == "delivery"


async def test_what_is_special_about_a_camera_reaches_the_receiver(
    home: HomeAssistant,
    entry: MockConfigEntry,
    engine: FakeEngine,
    reload_done: Callable[[], FakeEngine],
) -> None:
    special = {
        "security": "plain",
        "active_mode": True,
        "burst_window": 45,
        "name_template": " {event}_{any} ",
    }
    yard = YARD | {"host": "2001:DB8::20", "brand": "template", "advanced": special}
    flow = await submit(home, await start(home, entry), yard)
    await submit(home, flow, ACCOUNT)
    await home.async_block_till_done()

    camera = reload_done().settings.cameras[-1]
    assert camera.brand is Brand.TEMPLATE
    assert camera.security is Security.PLAIN
    # In the spelling of the receiver.
    assert camera.address == "2001:db8::20"
    assert camera.active_mode
    assert camera.burst_window == timedelta(seconds=45)
    assert camera.name_template == "{event}_{any}"


async def test_a_camera_may_be_bound_to_its_address_with_encryption(
    home: HomeAssistant,
    entry: MockConfigEntry,
    engine: FakeEngine,
    reload_done: Callable[[], FakeEngine],
) -> None:
    yard = YARD | {"advanced": {"bind_address": True}}
    flow = await submit(home, await start(home, entry), yard)
    await submit(home, flow, ACCOUNT)
    await home.async_block_till_done()
    camera = reload_done().settings.cameras[-1]
    assert (camera.security, camera.address) == (Security.FTPS, "192.0.2.20")


@pytest.mark.parametrize(
    ("recorder", "security", "protocol"),
    [
        ({}, "ftps", FTPS),
        (
            {"implicit_port": 990},
            "ftps",
            FTPS_OR_IMPLICIT,
        ),
        ({"implicit_port": 990}, "plain", "**FTP** (without TLS)"),
    ],
)
async def test_the_protocol_to_choose_on_the_camera_is_told(
    home: HomeAssistant,
    entry: MockConfigEntry,
    recorder: dict[str, Any],
    security: str,
    protocol: str,
) -> None:
    home.config_entries.async_update_entry(entry, data={**entry.data, **recorder})
    yard = YARD | {"advanced": {"security": security}}
    flow = await submit(home, await start(home, entry), yard)
    assert flow["description_placeholders"]["protocol"] == protocol


async def test_behind_a_router_the_server_is_the_external_address(
    home: HomeAssistant, entry: MockConfigEntry
) -> None:
    home.config_entries.async_update_entry(
        entry, data={**entry.data, "external_address": "198.51.100.7"}
    )
    flow = await submit(home, await start(home, entry), YARD)
    assert flow["description_placeholders"]["server"] == "198.51.100.7"


UNUSABLE_TEMPLATES = {
    "empty": ".jpg",
    "too_long": "{event}" + "x" * 255,
    "braces": "{event",
    "unknown_placeholder": "{colour}",
    "repeated": "{event}_{event}",
    "touching": "{event}{plate}",
    "too_free": "{any}_{any}_{any}_{any}_{event}",
    "incomplete_time": "{year}{month}",
    "says_nothing": "{any}",
}


@pytest.mark.parametrize("reason", get_args(Reason.__value__))
async def test_a_template_that_cannot_be_used_is_refused_and_can_be_corrected(
    home: HomeAssistant, entry: MockConfigEntry, reason: str
) -> None:
    template = UNUSABLE_TEMPLATES[reason]
    yard = YARD | {"brand": "template", "advanced": {"name_template": template}}
    flow = await submit(home, await start(home, entry), yard)
    assert flow["errors"] == {"base": reason}
    # The text of this error needs nothing else.
    error = TEXTS["config_subentries"]["camera"]["error"][reason]
    assert error.format_map(flow["description_placeholders"])

    yard["advanced"] = {"name_template": "{event}_{any}"}
    flow = await submit(home, flow, yard)
    assert flow["step_id"] == "delivery"


async def test_the_form_shows_how_placeholders_are_written(
    home: HomeAssistant, entry: MockConfigEntry
) -> None:
    flow = await start(home, entry)
    step = TEXTS["config_subentries"]["camera"]["step"]["other"]
    text = step["sections"]["advanced"]["data_description"]["name_template"]
    shown = text.format_map(flow["description_placeholders"])
    assert "for example `{any}_{date}{time}_{event}`" in shown


async def test_another_channel_of_the_same_address_is_another_camera(
    home: HomeAssistant, entry: MockConfigEntry
) -> None:
    flow = await submit(
        home, await start(home, entry), YARD | {"host": "192.0.2.11", "channel": 2}
    )
    assert flow["step_id"] == "delivery"


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (
            {"upload_username": "FRONT-DOOR"},
            {"upload_username": "upload_username_in_use"},
        ),
        ({"upload_username": "a b"}, {"upload_username": "invalid_upload_username"}),
        ({"upload_username": ""}, {"upload_username": "invalid_upload_username"}),
        (
            {"upload_username": "x" * 33},
            {"upload_username": "invalid_upload_username"},
        ),
        (
            {"upload_password": "short12"},
            {"upload_password": "invalid_upload_password"},
        ),
        (
            {"upload_password": "x" * 17},
            {"upload_password": "invalid_upload_password"},
        ),
        (
            {"upload_password": "with blank"},
            {"upload_password": "invalid_upload_password"},
        ),
        (
            {"upload_password": "пароль12"},
            {"upload_password": "invalid_upload_password"},
        ),
        ({"upload_password": ""}, {"upload_password": "invalid_upload_password"}),
    ],
)
async def test_an_account_that_cannot_be_is_refused_and_can_be_corrected(
    home: HomeAssistant,
    entry: MockConfigEntry,
    wrong: dict[str, str],
    error: dict[str, str],
) -> None:
    flow = await submit(home, await start(home, entry), YARD)
    flow = await submit(home, flow, ACCOUNT | wrong)
    assert flow["step_id"] == "delivery"
    assert flow["errors"] == error

    result = await submit(home, flow, ACCOUNT)
    assert result["type"] is FlowResultType.CREATE_ENTRY


# Reconfigure

DOOR = {
    "name": "Front door",
    "host": "192.0.2.11",
    "rtsp_port": 554,
    "rtsp_username": "viewer",
    "channel": 1,
    "brand": "auto",
    "motion_hold": 10,
    "upload_username": "front-door",
    "advanced": {},
}


async def test_a_changed_camera_keeps_its_folder_and_the_passwords_left_empty(
    home: HomeAssistant,
    entry: MockConfigEntry,
    engine: FakeEngine,
    device_registry: dr.DeviceRegistry,
    reload_done: Callable[[], FakeEngine],
) -> None:
    flow = await entry.start_subentry_reconfigure_flow(home, "camera-front-door")
    schema = flow["data_schema"].schema
    assert get_schema_suggested_value(schema, "name") == "Front door"
    assert get_schema_suggested_value(schema, "host") == "192.0.2.11"
    assert not get_schema_suggested_value(schema, "rtsp_password")
    assert get_schema_suggested_value(schema, "upload_password") is None

    result = await submit(home, flow, DOOR | {"name": "Entrance", "host": "door.lan"})
    await home.async_block_till_done()

    assert result["reason"] == "reconfigure_successful"
    subentry = entry.subentries["camera-front-door"]
    assert subentry.title == "Entrance"
    assert subentry.data["folder"] == "Front door"
    assert subentry.data["host"] == "door.lan"
    assert subentry.data["rtsp_password"] == "s3cret/pass"
    assert subentry.data["upload_password_hash"] == "scrypt$hash-of-front-door"
    camera = reload_done().settings.cameras[0]
    assert (camera.name, camera.folder) == ("Entrance", "Front door")
    device = device_registry.async_get_device_by_identifier(
        ("hikvision_nvr", "camera-front-door"), entry.entry_id
    )
    assert device.name == "Entrance"


async def test_a_changed_camera_keeps_what_is_special_about_it(
    home: HomeAssistant,
    entry: MockConfigEntry,
    engine: FakeEngine,
    reload_done: Callable[[], FakeEngine],
    hass_client: ClientSessionGenerator,
) -> None:
    special = {
        "security": "plain",
        "bind_address": False,
        "active_mode": True,
        "burst_window": 45,
        "name_template": "{event}",
        "stream_path": "cam/realmonitor?channel=1",
        "silent_hours": 0,
        "keep_local_days": 7,
        "keep_offsite_days": 30,
        "keep_archives_days": 365,
        "public_key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFBFYLB9jHJ0zEsCHi8H/hyRgqFnCWwXvkzLjDBWVSNQ",
        "old_algorithms": True,
    }
    flow = await entry.start_subentry_reconfigure_flow(home, "camera-front-door")
    assert flow["description_placeholders"]["protocol"] == FTPS
    await submit(home, flow, DOOR | {"advanced": special})
    await home.async_block_till_done()
    before = reload_done().settings.cameras[0]
    assert (before.security, before.address) == (Security.PLAIN, "192.0.2.11")

    # As the frontend does, which takes a default of the section for all of it.
    assert await async_setup_component(home, "config", {})
    client = await hass_client()
    answer = await client.post(
        "/api/config/config_entries/subentries/flow",
        json={
            "handler": [entry.entry_id, "camera"],
            "subentry_id": "camera-front-door",
        },
    )
    form = await answer.json()
    assert form["description_placeholders"]["protocol"] == "**FTP** (without TLS)"
    (section,) = (field for field in form["data_schema"] if field["name"] == "advanced")
    assert "default" not in section
    shown = {
        field["name"]: field["description"]["suggested_value"]
        for field in section["schema"]
    }
    assert shown == special
    flow = await submit(home, form, DOOR | {"advanced": shown})
    await home.async_block_till_done()
    assert flow["reason"] == "reconfigure_successful"
    assert reload_done().settings.cameras[0] == before


async def test_new_passwords_replace_the_old_ones(
    home: HomeAssistant, entry: MockConfigEntry, engine: FakeEngine
) -> None:
    flow = await entry.start_subentry_reconfigure_flow(home, "camera-front-door")
    await submit(
        home,
        flow,
        DOOR | {"rtsp_password": "other", "upload_password": "Brand-New-1"},
    )
    await home.async_block_till_done()

    data = entry.subentries["camera-front-door"].data
    assert data["rtsp_password"] == "other"
    assert "upload_password" not in data
    assert await home.async_add_executor_job(
        verify_password, "Brand-New-1", data["upload_password_hash"]
    )


async def test_a_camera_without_user_has_no_password_left(
    home: HomeAssistant, entry: MockConfigEntry, engine: FakeEngine
) -> None:
    flow = await entry.start_subentry_reconfigure_flow(home, "camera-front-door")
    await submit(home, flow, DOOR | {"rtsp_username": ""})
    await home.async_block_till_done()
    assert "rtsp_password" not in entry.subentries["camera-front-door"].data


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"name": "garden"}, {"name": "name_in_use"}),
        ({"name": ""}, {"name": "unusable_name"}),
        ({"host": "192.0.2.12"}, {"host": "camera_in_use"}),
        ({"host": "a b"}, {"host": "invalid_host"}),
        (
            {"host": "door.lan", "advanced": {"security": "plain"}},
            {"host": "host_not_an_address"},
        ),
        ({"brand": "template"}, {"base": "empty"}),
        ({"upload_username": "garden"}, {"upload_username": "upload_username_in_use"}),
        ({"upload_password": "short"}, {"upload_password": "invalid_upload_password"}),
    ],
)
async def test_a_change_that_cannot_be_is_refused_and_can_be_corrected(
    home: HomeAssistant,
    entry: MockConfigEntry,
    engine: FakeEngine,
    wrong: dict[str, str],
    error: dict[str, str],
) -> None:
    flow = await entry.start_subentry_reconfigure_flow(home, "camera-front-door")
    flow = await submit(home, flow, DOOR | wrong)
    assert flow["errors"] == error

    result = await submit(home, flow, DOOR)
    assert result["reason"] == "reconfigure_successful"
    await home.async_block_till_done()
