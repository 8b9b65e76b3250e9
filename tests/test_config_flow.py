"""Setting a recorder up, changing it, and giving it new S3 keys."""

from collections.abc import Callable
from pathlib import Path
import socket
from typing import Any
from unittest.mock import AsyncMock

from homeassistant.config_entries import SOURCE_USER, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    get_schema_suggested_value,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.hikvision_nvr import errors
from custom_components.hikvision_nvr.model import (
    PRIVATE_NETWORKS,
    CertificateSettings,
    S3Settings,
)
from custom_components.hikvision_nvr.receiver.certificate import generate_certificate
from custom_components.hikvision_nvr.store.root import MARKER

from .ports import free_port
from .recorder import S3, FakeEngine, recorder_entry

pytestmark = pytest.mark.usefixtures("engines", "socket_enabled")


def entered(storage: Path, **changes: Any) -> dict[str, Any]:
    """What an owner enters in the first form."""
    return {
        "name": "House",
        "storage_folder": str(storage),
        "ftps_port": free_port(),
        "passive_ports": "50000-50049",
        "certificate": "generate",
        "advanced": {"listen_address": "127.0.0.1"},
        **changes,
    }


async def start(home: HomeAssistant) -> dict[str, Any]:
    result = await home.config_entries.flow.async_init(
        "hikvision_nvr", context={"source": SOURCE_USER}
    )
    assert result["type"] is FlowResultType.FORM
    assert result["step_id"] == "user"
    return result


async def submit(
    home: HomeAssistant, flow: dict[str, Any], values: dict[str, Any]
) -> dict[str, Any]:
    return await home.config_entries.flow.async_configure(flow["flow_id"], values)


async def to_s3_form(home: HomeAssistant, storage: Path) -> dict[str, Any]:
    flow = await submit(home, await start(home), entered(storage))
    assert flow["type"] is FlowResultType.MENU
    flow = await submit(home, flow, {"next_step_id": "s3"})
    assert flow["step_id"] == "s3"
    return flow


async def test_a_recorder_that_keeps_everything_here(
    home: HomeAssistant, tmp_path: Path, engines: list[FakeEngine]
) -> None:
    storage = tmp_path / "a" / "b"
    values = entered(storage)

    flow = await submit(home, await start(home), values)
    assert flow["menu_options"] == ["s3", "local"]
    result = await submit(home, flow, {"next_step_id": "local"})
    await home.async_block_till_done()

    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["title"] == "House"
    assert result["data"] == {
        "storage_folder": str(storage),
        "ftps_port": values["ftps_port"],
        "passive_ports": "50000-50049",
        "certificate": "generate",
        "listen_address": "127.0.0.1",
        "external_address": "",
        "allowed_networks": "\n".join(PRIVATE_NETWORKS),
        "storage_reserve": 256,
        "discovery_interval": 60,
        "sftp": False,
        "sftp_port": 2222,
    }
    assert storage.is_dir()
    assert engines[0].settings.receiver.allowed_networks == PRIVATE_NETWORKS
    assert engines[0].running
    assert engines[0].settings.s3 is None


async def test_a_recorder_with_s3_is_tried_and_kept_tidy(
    home: HomeAssistant, tmp_path: Path, probe: AsyncMock
) -> None:
    flow = await to_s3_form(home, tmp_path)
    result = await submit(
        home,
        flow,
        {
            **S3,
            "endpoint_url": " https://s3.example.com/ ",
            "prefix": "/home/",
            "region": "",
        },
    )

    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["data"]["s3"] == S3
    (settings,) = probe.call_args.args
    assert settings == S3Settings(**S3)


async def test_no_endpoint_means_amazon(
    home: HomeAssistant, tmp_path: Path, probe: AsyncMock, engines: list[FakeEngine]
) -> None:
    flow = await to_s3_form(home, tmp_path)
    values = {key: S3[key] for key in S3 if key not in ("endpoint_url", "prefix")}
    result = await submit(home, flow, values)
    await home.async_block_till_done()

    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert engines[0].settings.s3 is not None
    assert engines[0].settings.s3.endpoint_url is None


async def test_the_form_suggests_a_folder_below_the_media_folder(
    home: HomeAssistant,
) -> None:
    flow = await start(home)
    schema = flow["data_schema"].schema
    assert get_schema_suggested_value(schema, "storage_folder") == home.config.path(
        "media", "hikvision_nvr"
    )
    assert get_schema_suggested_value(schema, "ftps_port") == 2121
    assert get_schema_suggested_value(schema, "name") == "Recorder"


async def test_without_a_local_media_folder_the_first_one_serves(
    home: HomeAssistant,
) -> None:
    home.config.media_dirs = {"nas": "/nas", "other": "/other"}
    flow = await start(home)
    suggested = get_schema_suggested_value(flow["data_schema"].schema, "storage_folder")
    assert suggested == "/nas/hikvision_nvr"


async def test_a_second_recorder_is_suggested_a_folder_and_port_of_its_own(
    home: HomeAssistant, entry: MockConfigEntry
) -> None:
    schema = (await start(home))["data_schema"].schema
    assert get_schema_suggested_value(schema, "storage_folder").endswith(
        "/hikvision_nvr_2"
    )
    assert get_schema_suggested_value(schema, "ftps_port") == 2122


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"storage_folder": "relative"}, {"storage_folder": "folder_not_absolute"}),
        (
            {"storage_folder": "/proc/nowhere"},
            {"storage_folder": "storage_not_writable"},
        ),
        ({"passive_ports": "many"}, {"passive_ports": "invalid_passive_ports"}),
        ({"passive_ports": "50000"}, {"passive_ports": "invalid_passive_ports"}),
        ({"passive_ports": "1000-1100"}, {"passive_ports": "invalid_passive_ports"}),
        ({"passive_ports": "65000-65536"}, {"passive_ports": "invalid_passive_ports"}),
        ({"passive_ports": "50000-50002"}, {"passive_ports": "invalid_passive_ports"}),
        ({"passive_ports": "50049-50000"}, {"passive_ports": "invalid_passive_ports"}),
        (
            {"passive_ports": "50000-50049", "ftps_port": 50049},
            {"passive_ports": "passive_ports_contain_port"},
        ),
        (
            {"advanced": {"listen_address": "camera.local"}},
            {"base": "invalid_listen_address"},
        ),
        (
            {"advanced": {"listen_address": "192.0.2.200"}},
            {"base": "address_not_here"},
        ),
        (
            {"advanced": {"external_address": "nvr.example"}},
            {"base": "invalid_external_address"},
        ),
        (
            # PASV cannot tell it.
            {"advanced": {"external_address": "2001:db8::1"}},
            {"base": "invalid_external_address"},
        ),
        (
            {"advanced": {"allowed_networks": "192.168.1.0/24, home"}},
            {"base": "invalid_allowed_networks"},
        ),
        (
            {"ftps_port": 2990, "advanced": {"implicit_port": 2990}},
            {"base": "implicit_port_is_port"},
        ),
        (
            {"advanced": {"implicit_port": 50049}},
            {"passive_ports": "passive_ports_contain_implicit_port"},
        ),
    ],
)
async def test_what_cannot_work_is_refused_and_can_be_corrected(
    home: HomeAssistant, tmp_path: Path, wrong: dict[str, Any], error: dict[str, str]
) -> None:
    values = entered(tmp_path / "storage", name="Keep me")
    flow = await submit(home, await start(home), values | wrong)

    assert flow["type"] is FlowResultType.FORM
    assert flow["errors"] == error
    assert get_schema_suggested_value(flow["data_schema"].schema, "name") == "Keep me"
    flow = await submit(home, flow, values)
    assert flow["type"] is FlowResultType.MENU


async def test_a_port_in_use_is_refused_and_can_be_corrected(
    home: HomeAssistant, tmp_path: Path
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", free_port()))
        other.listen()
        values = entered(tmp_path, ftps_port=other.getsockname()[1])
        flow = await submit(home, await start(home), values)
        assert flow["errors"] == {"ftps_port": "port_in_use"}

    flow = await submit(home, flow, values)
    assert flow["type"] is FlowResultType.MENU


async def test_a_port_of_the_administrator_is_refused_and_can_be_corrected(
    home: HomeAssistant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = entered(tmp_path)
    with monkeypatch.context() as patched:

        def refuse(_self: socket.socket, _address: Any) -> None:
            raise PermissionError

        patched.setattr(
            "custom_components.hikvision_nvr.checks.socket.socket.bind",
            refuse,
            raising=False,
        )
        flow = await submit(home, await start(home), values)
        assert flow["errors"] == {"ftps_port": "port_not_permitted"}

    flow = await submit(home, flow, values)
    assert flow["type"] is FlowResultType.MENU


async def test_an_implicit_port_in_use_is_refused_and_can_be_corrected(
    home: HomeAssistant, tmp_path: Path
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", free_port()))
        other.listen()
        advanced = {
            "listen_address": "127.0.0.1",
            "implicit_port": other.getsockname()[1],
        }
        values = entered(tmp_path, advanced=advanced)
        flow = await submit(home, await start(home), values)
        assert flow["errors"] == {"base": "implicit_port_in_use"}

    flow = await submit(home, flow, values)
    assert flow["type"] is FlowResultType.MENU


async def test_an_implicit_port_of_the_administrator_is_refused_and_can_be_corrected(
    home: HomeAssistant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    advanced = {"listen_address": "127.0.0.1", "implicit_port": 990}
    values = entered(tmp_path, advanced=advanced)
    with monkeypatch.context() as patched:

        def refuse(_self: socket.socket, address: Any) -> None:
            if address[1] == 990:
                raise PermissionError

        patched.setattr(
            "custom_components.hikvision_nvr.checks.socket.socket.bind",
            refuse,
            raising=False,
        )
        flow = await submit(home, await start(home), values)
        assert flow["errors"] == {"base": "implicit_port_not_permitted"}

    advanced["implicit_port"] = free_port()
    flow = await submit(home, flow, values)
    assert flow["type"] is FlowResultType.MENU


async def test_what_is_special_about_the_network_reaches_the_receiver(
    home: HomeAssistant, tmp_path: Path, engines: list[FakeEngine]
) -> None:
    implicit_port = free_port()
    advanced = {
        "listen_address": "127.0.0.1",
        "implicit_port": implicit_port,
        "external_address": " 198.51.100.7 ",
        "allowed_networks": "192.168.1.0/24, 10.1.2.3\n2001:db8::/32",
        "storage_reserve": 1024,
    }
    flow = await submit(
        home, await start(home), entered(tmp_path / "s", advanced=advanced)
    )
    await submit(home, flow, {"next_step_id": "local"})
    await home.async_block_till_done()

    settings = engines[0].settings
    assert settings.storage_reserve == 1 << 30
    receiver = settings.receiver
    assert receiver.implicit_port == implicit_port
    assert receiver.external_address == "198.51.100.7"
    assert receiver.allowed_networks == (
        "192.168.1.0/24",
        "10.1.2.3/32",
        "2001:db8::/32",
    )
    assert "198.51.100.7" in receiver.certificate.host_names


async def test_an_empty_list_of_networks_means_the_private_ones(
    home: HomeAssistant, tmp_path: Path, engines: list[FakeEngine]
) -> None:
    advanced = {"listen_address": "127.0.0.1", "allowed_networks": " \n"}
    flow = await submit(
        home, await start(home), entered(tmp_path / "s", advanced=advanced)
    )
    await submit(home, flow, {"next_step_id": "local"})
    await home.async_block_till_done()
    assert engines[0].settings.receiver.allowed_networks == PRIVATE_NETWORKS


@pytest.mark.parametrize("folder", ["taken", "taken/inside", "."])
async def test_the_storage_of_another_recorder_is_refused(
    home: HomeAssistant, tmp_path: Path, folder: str
) -> None:
    recorder_entry(tmp_path / "taken").add_to_hass(home)
    values = entered(tmp_path / folder, passive_ports="51000-51049")
    flow = await submit(home, await start(home), values)
    assert flow["errors"] == {"storage_folder": "storage_in_use"}
    assert not (tmp_path / folder / ".incoming").exists()

    flow = await submit(home, flow, values | {"storage_folder": str(tmp_path / "own")})
    assert flow["type"] is FlowResultType.MENU


@pytest.mark.parametrize("port", [2121, 2990, 50007])
async def test_the_port_of_another_recorder_is_refused(
    home: HomeAssistant, tmp_path: Path, port: int
) -> None:
    recorder_entry(tmp_path / "other", implicit_port=2990).add_to_hass(home)
    values = entered(tmp_path / "own", passive_ports="51000-51049")
    flow = await submit(home, await start(home), values | {"ftps_port": port})
    assert flow["errors"] == {"ftps_port": "port_of_other_recorder"}
    flow = await submit(home, flow, values | {"advanced": {"implicit_port": port}})
    assert flow["errors"] == {"base": "implicit_port_of_other_recorder"}

    flow = await submit(home, flow, values)
    assert flow["type"] is FlowResultType.MENU


async def test_own_certificate_files_are_checked(
    home: HomeAssistant, tmp_path: Path, engines: list[FakeEngine]
) -> None:
    certificate, private_key = tmp_path / "cert.pem", tmp_path / "key.pem"
    await home.async_add_executor_job(
        generate_certificate,
        CertificateSettings(
            certificate=certificate, private_key=private_key, generate=True
        ),
    )
    flow = await submit(
        home, await start(home), entered(tmp_path / "s", certificate="files")
    )
    assert flow["step_id"] == "certificate"

    missing = {"certificate_file": str(certificate), "private_key_file": "/no/key"}
    flow = await submit(home, flow, missing)
    assert flow["errors"] == {"certificate_file": "certificate_invalid"}
    assert flow["description_placeholders"]["error"] == "No such file or directory"

    files = missing | {"private_key_file": f" {private_key} "}
    flow = await submit(home, flow, files)
    assert flow["type"] is FlowResultType.MENU
    result = await submit(home, flow, {"next_step_id": "local"})
    await home.async_block_till_done()

    assert result["data"]["certificate_file"] == str(certificate)
    assert engines[0].settings.receiver.certificate == CertificateSettings(
        certificate=certificate, private_key=private_key, generate=False
    )


@pytest.mark.parametrize(
    ("failure", "field"),
    [
        (errors.OffsiteUnreachableError, "endpoint_url"),
        (errors.OffsiteAuthError, "access_key_id"),
        (errors.OffsiteAccessDeniedError, "bucket"),
        (errors.BucketNotFoundError, "bucket"),
        (errors.ClockSkewError, "base"),
        (errors.OffsiteError, "base"),
    ],
)
async def test_each_failure_of_s3_is_told_beside_its_field(
    home: HomeAssistant,
    tmp_path: Path,
    probe: AsyncMock,
    failure: type[errors.OffsiteError],
    field: str,
) -> None:
    flow = await to_s3_form(home, tmp_path)
    probe.side_effect = failure("not today", bucket="evidence")
    flow = await submit(home, flow, S3)
    assert flow["errors"] == {field: failure.key}
    assert (
        get_schema_suggested_value(flow["data_schema"].schema, "bucket") == "evidence"
    )

    probe.side_effect = None
    result = await submit(home, flow, S3)
    assert result["type"] is FlowResultType.CREATE_ENTRY


@pytest.mark.parametrize(
    "address",
    [
        "s3.example.com",
        "ftp://s3.example.com",
        "https://",
        "https://user:secret@s3.example.com",
        "https://s3.example.com?x=1",
        "http://[::1",
    ],
)
async def test_an_address_that_is_none_is_refused_before_any_attempt(
    home: HomeAssistant, tmp_path: Path, probe: AsyncMock, address: str
) -> None:
    flow = await to_s3_form(home, tmp_path)
    flow = await submit(home, flow, S3 | {"endpoint_url": address})
    assert flow["errors"] == {"endpoint_url": "invalid_endpoint_url"}
    probe.assert_not_called()

    result = await submit(home, flow, S3)
    assert result["type"] is FlowResultType.CREATE_ENTRY


# Reconfigure


def as_entered(entry: MockConfigEntry, **changes: Any) -> dict[str, Any]:
    """The values that the reconfigure form shows, as the owner leaves them."""
    return {
        "name": entry.title,
        "storage_folder": entry.data["storage_folder"],
        "ftps_port": entry.data["ftps_port"],
        "passive_ports": entry.data["passive_ports"],
        "certificate": entry.data["certificate"],
        "advanced": {"listen_address": entry.data["listen_address"]},
        **changes,
    }


async def test_reconfigure_shows_what_is_and_keeps_what_is_left(
    home: HomeAssistant,
    entry: MockConfigEntry,
    engine: FakeEngine,
    probe: AsyncMock,
    reload_done: Callable[[], FakeEngine],
) -> None:
    # Others on this machine may use the usual one.
    port = free_port()
    home.config_entries.async_update_entry(
        entry, data={**entry.data, "ftps_port": port}
    )
    await home.async_block_till_done()
    flow = await entry.start_reconfigure_flow(home)
    schema = flow["data_schema"].schema
    assert get_schema_suggested_value(schema, "name") == "Recorder"
    assert get_schema_suggested_value(schema, "ftps_port") == port

    with socket.socket() as own:
        # The recorder itself listens on its port.
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        own.bind(("127.0.0.1", port))
        own.listen()
        flow = await submit(home, flow, as_entered(entry, name="Attic"))
    assert flow["type"] is FlowResultType.MENU
    flow = await submit(home, flow, {"next_step_id": "s3"})
    schema = flow["data_schema"].schema
    assert get_schema_suggested_value(schema, "bucket") == "evidence"
    assert get_schema_suggested_value(schema, "secret_access_key") is None

    without_secret = {key: S3[key] for key in S3 if key != "secret_access_key"}
    result = await submit(home, flow, without_secret | {"bucket": "other"})
    await home.async_block_till_done()

    assert result["reason"] == "reconfigure_successful"
    assert entry.title == "Attic"
    assert entry.data["s3"] == S3 | {"bucket": "other"}
    assert probe.call_args.args[0].secret_access_key == "the-secret-key"
    assert reload_done().settings.s3.bucket == "other"


async def test_reconfigure_shows_and_keeps_what_is_special_about_the_network(
    home: HomeAssistant,
    tmp_path: Path,
    engines: list[FakeEngine],
    hass_client: ClientSessionGenerator,
    reload_done: Callable[[], FakeEngine],
) -> None:
    advanced = {
        "listen_address": "127.0.0.1",
        "implicit_port": free_port(),
        "external_address": "198.51.100.7",
        "allowed_networks": "192.168.1.0/24",
        "storage_reserve": 1024,
        "discovery_interval": 300,
        "sftp_port": free_port(),
    }
    entry = recorder_entry(tmp_path, s3=None, ftps_port=free_port(), **advanced)
    entry.add_to_hass(home)
    assert await home.config_entries.async_setup(entry.entry_id)
    before = engines[0].settings

    # As the frontend does, which takes a default of the section for all of it.
    assert await async_setup_component(home, "config", {})
    client = await hass_client()
    answer = await client.post(
        "/api/config/config_entries/flow",
        json={"handler": "hikvision_nvr", "entry_id": entry.entry_id},
    )
    form = await answer.json()
    assert form["step_id"] == "reconfigure"
    (section,) = (field for field in form["data_schema"] if field["name"] == "advanced")
    assert "default" not in section
    shown = {
        field["name"]: field["description"]["suggested_value"]
        for field in section["schema"]
    }
    assert shown == advanced
    with socket.socket() as own:
        # The recorder itself listens there.
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        own.bind(("127.0.0.1", advanced["implicit_port"]))
        own.listen()
        flow = await submit(home, form, as_entered(entry, advanced=shown))
    await submit(home, flow, {"next_step_id": "local"})
    await home.async_block_till_done()
    assert reload_done().settings == before

    del advanced["implicit_port"]
    flow = await entry.start_reconfigure_flow(home)
    flow = await submit(home, flow, as_entered(entry, advanced=advanced))
    await submit(home, flow, {"next_step_id": "local"})
    await home.async_block_till_done()
    assert reload_done().settings.receiver.implicit_port is None


async def test_reconfigure_turns_s3_off(
    home: HomeAssistant,
    entry: MockConfigEntry,
    engine: FakeEngine,
    reload_done: Callable[[], FakeEngine],
) -> None:
    assert home.states.get("sensor.recorder_upload_backlog")
    flow = await entry.start_reconfigure_flow(home)
    flow = await submit(home, flow, as_entered(entry, ftps_port=free_port()))
    await submit(home, flow, {"next_step_id": "local"})
    await home.async_block_till_done()

    assert "s3" not in entry.data
    assert reload_done().settings.s3 is None
    assert home.states.get("sensor.recorder_upload_backlog").state == "unavailable"


async def test_reconfigure_turns_s3_on(
    home: HomeAssistant,
    tmp_path: Path,
    engines: list[FakeEngine],
    probe: AsyncMock,
    reload_done: Callable[[], FakeEngine],
) -> None:
    entry = recorder_entry(tmp_path, s3=None)
    entry.add_to_hass(home)
    assert await home.config_entries.async_setup(entry.entry_id)

    flow = await entry.start_reconfigure_flow(home)
    flow = await submit(home, flow, as_entered(entry))
    flow = await submit(home, flow, {"next_step_id": "s3"})
    result = await submit(home, flow, S3)
    await home.async_block_till_done()

    assert result["reason"] == "reconfigure_successful"
    assert reload_done().settings.s3 == S3Settings(**S3)


async def test_reconfigure_moves_the_storage_only_to_where_the_captures_are(
    home: HomeAssistant,
    entry: MockConfigEntry,
    engine: FakeEngine,
    tmp_path: Path,
    reload_done: Callable[[], FakeEngine],
) -> None:
    moved = tmp_path / "moved"
    flow = await entry.start_reconfigure_flow(home)
    flow = await submit(home, flow, as_entered(entry, storage_folder=str(moved)))
    assert flow["errors"] == {"storage_folder": "storage_not_moved"}

    moved.mkdir()
    (moved / MARKER).write_text("{}")
    flow = await submit(home, flow, as_entered(entry, storage_folder=str(moved)))
    await submit(home, flow, {"next_step_id": "local"})
    await home.async_block_till_done()
    assert reload_done().settings.storage_root == moved


async def test_reconfigure_brings_back_a_recorder_that_could_not_start(
    home: HomeAssistant,
    entry: MockConfigEntry,
    engines: list[FakeEngine],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(FakeEngine, "failure", errors.CertificateError("expired"))
        assert not await home.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_ERROR

    flow = await entry.start_reconfigure_flow(home)
    flow = await submit(home, flow, as_entered(entry, ftps_port=free_port()))
    await submit(home, flow, {"next_step_id": "local"})
    await home.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED


# New keys


async def test_new_keys_are_tried_and_kept(
    home: HomeAssistant,
    entry: MockConfigEntry,
    engine: FakeEngine,
    probe: AsyncMock,
    reload_done: Callable[[], FakeEngine],
) -> None:
    flow = await entry.start_reauth_flow(home)
    assert flow["step_id"] == "reauth_confirm"
    assert flow["description_placeholders"]["bucket"] == "evidence"
    keys = {"access_key_id": "AKIANEW", "secret_access_key": "new"}

    probe.side_effect = errors.OffsiteAuthError("no")
    flow = await submit(home, flow, keys)
    assert flow["errors"] == {"access_key_id": "offsite_invalid_auth"}
    probe.side_effect = errors.OffsiteUnreachableError("no")
    flow = await submit(home, flow, keys)
    assert flow["errors"] == {"base": "offsite_unreachable"}

    probe.side_effect = None
    result = await submit(home, flow, keys)
    await home.async_block_till_done()
    assert result["reason"] == "reauth_successful"
    assert entry.data["s3"] == S3 | keys
    assert reload_done().settings.s3.access_key_id == "AKIANEW"


async def test_a_recorder_without_s3_needs_no_keys(
    home: HomeAssistant, tmp_path: Path
) -> None:
    entry = recorder_entry(tmp_path, s3=None)
    entry.add_to_hass(home)
    result = await entry.start_reauth_flow(home)
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "offsite_not_set_up"
