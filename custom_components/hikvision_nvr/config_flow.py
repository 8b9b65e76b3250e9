"""Config flow of the recorder."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, override

from homeassistant.config_entries import (
    SOURCE_RECONFIGURE,
    ConfigEntry,
    ConfigEntryState,
    ConfigFlow,
    ConfigFlowResult,
    ConfigSubentryFlow,
    OptionsFlow,
)
from homeassistant.const import CONF_HOST, CONF_NAME
from homeassistant.core import callback
from homeassistant.data_entry_flow import AbortFlow
from homeassistant.helpers.device_registry import format_mac
from homeassistant.helpers.service_info.dhcp import DhcpServiceInfo
from homeassistant.helpers.typing import DiscoveryInfoType
import voluptuous as vol
from yarl import URL

from .camera_flow import CameraSubentryFlow
from .checks import (
    AddressNotHereError,
    PortNotPermittedError,
    PortTakenError,
    check_port,
    is_external_address,
    is_listen_address,
    overlaps,
)
from .const import (
    CERTIFICATE_FILES,
    CONF_ACCESS_KEY_ID,
    CONF_ALLOWED_NETWORKS,
    CONF_BUCKET,
    CONF_CAMERA_ID,
    CONF_CERTIFICATE,
    CONF_CERTIFICATE_FILE,
    CONF_ENDPOINT_URL,
    CONF_EXTERNAL_ADDRESS,
    CONF_FTPS_PORT,
    CONF_IMPLICIT_PORT,
    CONF_LISTEN_ADDRESS,
    CONF_PASSIVE_PORTS,
    CONF_PREFIX,
    CONF_PRIVATE_KEY_FILE,
    CONF_REGION,
    CONF_RTSP_PASSWORD,
    CONF_RTSP_USERNAME,
    CONF_S3,
    CONF_SECRET_ACCESS_KEY,
    CONF_STORAGE_FOLDER,
    DEFAULT_FTPS_PORT,
    DEFAULT_NAME,
    DEFAULT_REGION,
    DOMAIN,
    ENTRY_VERSION,
    SECTION_ADVANCED,
    SUBENTRY_CAMERA,
)
from .coordinator import RecorderEntry
from .device_flow import (
    FIELD_OF_DEVICE_ERROR,
    DeviceSteps,
    NewCamera,
    error_placeholders,
)
from .errors import CertificateError, OffsiteError, RecorderError, StorageError
from .forms import (
    CERTIFICATE_FORM,
    DEVICE_PASSWORD_FORM,
    RECORDER_FORM,
    S3_FORM,
    S3_FORM_SECRET_KNOWN,
    S3_KEYS_FORM,
    entered,
    stripped,
)
from .network_scan import async_follow, known_cameras
from .offsite import probe_bucket
from .options_flow import RecorderOptionsFlow
from .receiver.certificate import check_certificate
from .settings import (
    device_login,
    parse_allowed_networks,
    parse_passive_ports,
    s3_settings,
    sftp_port,
)
from .store import prepare_storage_root
from .store.root import is_storage

# Beside which field a problem with S3 is shown; any other is shown above the form.
_FIELD_OF_OFFSITE_ERROR = {
    "offsite_unreachable": CONF_ENDPOINT_URL,
    "offsite_invalid_auth": CONF_ACCESS_KEY_ID,
    "offsite_access_denied": CONF_BUCKET,
    "offsite_bucket_not_found": CONF_BUCKET,
    "offsite_quota_exceeded": CONF_BUCKET,
}


class RecorderConfigFlow(DeviceSteps, ConfigFlow, domain=DOMAIN):
    """Sets a recorder up: storage and receiver, certificate, then S3 or not.

    A camera that was found in the network is added to a recorder that there is.
    """

    VERSION = ENTRY_VERSION

    def __init__(self) -> None:
        """Initialize with nothing entered."""
        super().__init__()
        self._title = ""
        self._data: dict[str, Any] = {}
        self._errors: dict[str, str] = {}
        self._camera_id = ""
        self._recorder_id = ""
        self._placeholders: dict[str, str] = {}

    @classmethod
    @callback
    @override
    def async_get_supported_subentry_types(
        cls, config_entry: ConfigEntry
    ) -> dict[str, type[ConfigSubentryFlow]]:
        """Return what can be added to a recorder."""
        return {SUBENTRY_CAMERA: CameraSubentryFlow}

    @staticmethod
    @callback
    @override
    def async_get_options_flow(config_entry: ConfigEntry) -> OptionsFlow:
        """Return the flow of a recorder's options."""
        return RecorderOptionsFlow()

    @override
    async def async_step_user(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for the name, the storage folder and the receiver's ports."""
        number = len(self._async_current_entries(include_ignore=False)) + 1
        suffix = "" if number == 1 else f" {number}"
        suggested = {
            CONF_NAME: f"{DEFAULT_NAME}{suffix}",
            CONF_STORAGE_FOLDER: str(
                self._media_folder() / f"{DOMAIN}{suffix.replace(' ', '_')}"
            ),
            CONF_FTPS_PORT: DEFAULT_FTPS_PORT + number - 1,
        }
        return await self._async_recorder_form("user", user_input, suggested)

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for the same of a recorder that exists."""
        entry = self._get_reconfigure_entry()
        suggested = {
            CONF_NAME: entry.title,
            **entry.data,
            SECTION_ADVANCED: entry.data,
        }
        return await self._async_recorder_form("reconfigure", user_input, suggested)

    async def async_step_certificate(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for the owner's own certificate."""
        self._begin_checks()
        if user_input is not None:
            certificate = user_input[CONF_CERTIFICATE_FILE].strip()
            private_key = user_input[CONF_PRIVATE_KEY_FILE].strip()
            try:
                await self.hass.async_add_executor_job(
                    check_certificate, Path(certificate), Path(private_key)
                )
            except CertificateError as err:
                self._add_error(CONF_CERTIFICATE_FILE, err)
            else:
                self._data[CONF_CERTIFICATE_FILE] = certificate
                self._data[CONF_PRIVATE_KEY_FILE] = private_key
                return await self.async_step_offsite()
        return self._form("certificate", CERTIFICATE_FORM, user_input, self._current())

    async def async_step_offsite(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask whether captures go to S3."""
        return self.async_show_menu(step_id="offsite", menu_options=[CONF_S3, "local"])

    async def async_step_local(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Finish without S3."""
        return self._finish()

    async def async_step_s3(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for the bucket and try it."""
        self._begin_checks()
        current: Mapping[str, Any] = self._current().get(CONF_S3, {})
        known_secret: str | None = current.get(CONF_SECRET_ACCESS_KEY)
        if user_input is not None:
            s3 = _tidy_s3(user_input, known_secret)
            await self._async_check_s3(s3)
            if not self._errors:
                self._data[CONF_S3] = s3
                return self._finish()
        return self._form(
            CONF_S3,
            S3_FORM_SECRET_KNOWN if known_secret else S3_FORM,
            user_input,
            {
                key: value
                for key, value in current.items()
                if key != CONF_SECRET_ACCESS_KEY
            },
        )

    async def async_step_reauth(
        self, entry_data: Mapping[str, Any]
    ) -> ConfigFlowResult:
        """Begin with what is refused: S3's keys, or a camera's password."""
        if CONF_CAMERA_ID in entry_data:
            self._camera_id = entry_data[CONF_CAMERA_ID]
            return await self.async_step_reauth_camera()
        return await self.async_step_reauth_confirm()

    async def async_step_reauth_camera(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for a camera's new password and try it, once for each time entered."""
        entry = self._get_reauth_entry()
        camera = entry.subentries.get(self._camera_id)
        login = None if camera is None else device_login(camera.data)
        if camera is None or login is None:
            return self.async_abort(reason="camera_gone")
        self._begin_checks()
        if user_input is not None:
            new = replace(
                login,
                username=user_input[CONF_RTSP_USERNAME].strip(),
                password=user_input[CONF_RTSP_PASSWORD],
            )
            try:
                engine = self._engine()
                await engine.run(engine.devices.look(new))
            except RecorderError as err:
                field = FIELD_OF_DEVICE_ERROR.get(err.key, "base")
                self._errors["base" if field == CONF_HOST else field] = err.key
                self._placeholders.update(error_placeholders(err))
            else:
                for one in list(entry.subentries.values()):
                    if device_login(one.data) == login:
                        self.hass.config_entries.async_update_subentry(
                            entry,
                            one,
                            data={
                                **one.data,
                                CONF_RTSP_USERNAME: new.username,
                                CONF_RTSP_PASSWORD: new.password,
                            },
                        )
                return self.async_abort(reason="reauth_successful")
        self._placeholders |= {"camera": camera.title, "host": login.host}
        return self._form(
            "reauth_camera",
            DEVICE_PASSWORD_FORM,
            user_input,
            {CONF_RTSP_USERNAME: login.username},
        )

    @override
    async def async_step_integration_discovery(
        self, discovery_info: DiscoveryInfoType
    ) -> ConfigFlowResult:
        """Offer a camera that has answered in the network."""
        entry = self.hass.config_entries.async_get_entry(discovery_info["entry_id"])
        mac: str = discovery_info["mac"]
        await self._async_begin_camera(
            entry, discovery_info["serial"], format_mac(mac) if mac else ""
        )
        self._host = discovery_info["host"]
        self._http_port = discovery_info["http_port"]
        self.context["title_placeholders"] = {
            "name": " ".join(
                filter(None, (discovery_info["model"], discovery_info["serial"]))
            )
            or self._host
        }
        result: ConfigFlowResult = await self.async_step_device()
        return result

    @override
    async def async_step_dhcp(
        self, discovery_info: DhcpServiceInfo
    ) -> ConfigFlowResult:
        """Follow a camera that has got another address, or offer a new one."""
        mac = format_mac(discovery_info.macaddress)
        loaded = self.hass.config_entries.async_loaded_entries(DOMAIN)
        for entry in loaded:
            cameras = known_cameras(entry.subentries.values(), "", mac)
            if cameras:
                if cameras[0].data[CONF_HOST] != discovery_info.ip:
                    await async_follow(entry.runtime_data, cameras, discovery_info.ip)
                return self.async_abort(reason="already_configured")
        await self._async_begin_camera(next(iter(loaded), None), "", mac)
        self._host = discovery_info.ip
        self.context["title_placeholders"] = {
            "name": f"{discovery_info.hostname or mac} ({self._host})"
        }
        result: ConfigFlowResult = await self.async_step_device()
        return result

    async def _async_begin_camera(
        self, entry: ConfigEntry | None, serial: str, mac: str
    ) -> None:
        """Remember which recorder gets a camera, and ask for each camera once."""
        if entry is None:
            raise AbortFlow("no_recorder")
        self._recorder_id = entry.entry_id
        await self.async_set_unique_id(mac or serial)
        self._abort_if_unique_id_configured()
        if known_cameras(entry.subentries.values(), serial, mac):
            raise AbortFlow("already_configured")

    @override
    def _flow(self) -> RecorderConfigFlow:
        return self

    @override
    def _recorder(self) -> RecorderEntry:
        entry_id = self._recorder_id or self.context.get("entry_id", "")
        entry: RecorderEntry = self.hass.config_entries.async_get_known_entry(entry_id)
        return entry

    @override
    def _add(self, cameras: list[NewCamera]) -> ConfigFlowResult:
        for camera in cameras:
            self.hass.config_entries.async_add_subentry(
                self._recorder(), camera.subentry()
            )
        return self.async_abort(
            reason="cameras_added",
            description_placeholders={
                "cameras": ", ".join(camera.title for camera in cameras),
                "recorder": self._recorder().title,
            },
        )

    async def async_step_reauth_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for new keys and try them."""
        entry = self._get_reauth_entry()
        current: Mapping[str, Any] | None = entry.data.get(CONF_S3)
        if current is None:
            # S3 was turned off while this waited for the owner.
            return self.async_abort(reason="offsite_not_set_up")
        self._begin_checks()
        if user_input is not None:
            s3 = {**current, **stripped(user_input)}
            await self._async_check_s3(s3)
            if not self._errors:
                return self._update(entry, data={**entry.data, CONF_S3: s3})
            if CONF_ACCESS_KEY_ID not in self._errors:
                # Its field is not in this form: show it above.
                self._errors = {"base": next(iter(self._errors.values()))}
        self._placeholders["bucket"] = current[CONF_BUCKET]
        return self._form(
            "reauth_confirm",
            S3_KEYS_FORM,
            user_input,
            {CONF_ACCESS_KEY_ID: current[CONF_ACCESS_KEY_ID]},
        )

    async def _async_recorder_form(
        self,
        step_id: str,
        user_input: dict[str, Any] | None,
        suggested: Mapping[str, Any],
    ) -> ConfigFlowResult:
        """Show the recorder's form until what is entered works, then go on."""
        self._begin_checks()
        if user_input is not None:
            data = entered(user_input)
            title = data.pop(CONF_NAME) or DEFAULT_NAME
            await self._async_check_storage(data[CONF_STORAGE_FOLDER])
            self._check_networks(data)
            await self._async_check_ports(data)
            if not self._errors:
                self._title, self._data = title, data
                if data[CONF_CERTIFICATE] == CERTIFICATE_FILES:
                    return await self.async_step_certificate()
                return await self.async_step_offsite()
        return self._form(step_id, RECORDER_FORM, user_input, suggested)

    async def _async_check_storage(self, folder: str) -> None:
        """Check that captures can be kept in the folder."""
        if folder == self._current().get(CONF_STORAGE_FOLDER):
            return
        if not Path(folder).is_absolute():
            self._errors[CONF_STORAGE_FOLDER] = "folder_not_absolute"
            return
        for entry in self._other_entries():
            if await self.hass.async_add_executor_job(
                overlaps, folder, entry.data[CONF_STORAGE_FOLDER]
            ):
                self._errors[CONF_STORAGE_FOLDER] = "storage_in_use"
                return
        if (
            self.source == SOURCE_RECONFIGURE
            and not await self.hass.async_add_executor_job(is_storage, folder)
        ):
            # The catalogue knows captures that would be missing there.
            self._errors[CONF_STORAGE_FOLDER] = "storage_not_moved"
            return
        try:
            await self.hass.async_add_executor_job(prepare_storage_root, Path(folder))
        except StorageError as err:
            self._add_error(CONF_STORAGE_FOLDER, err)

    def _check_networks(self, data: Mapping[str, Any]) -> None:
        """Check the addresses in the section, which has no room for errors."""
        if not is_listen_address(data[CONF_LISTEN_ADDRESS]):
            self._errors["base"] = "invalid_listen_address"
        elif not is_external_address(data[CONF_EXTERNAL_ADDRESS]):
            self._errors["base"] = "invalid_external_address"
        else:
            try:
                parse_allowed_networks(data[CONF_ALLOWED_NETWORKS])
            except ValueError:
                self._errors["base"] = "invalid_allowed_networks"

    async def _async_check_ports(self, data: Mapping[str, Any]) -> None:
        """Check that the receiver can listen where the owner wants it to."""
        port: int = data[CONF_FTPS_PORT]
        implicit_port: int | None = data.get(CONF_IMPLICIT_PORT)
        if implicit_port == port:
            self._errors["base"] = "implicit_port_is_port"
        try:
            first, last = parse_passive_ports(data[CONF_PASSIVE_PORTS])
        except ValueError:
            self._errors[CONF_PASSIVE_PORTS] = "invalid_passive_ports"
        else:
            if first <= port <= last:
                self._errors[CONF_PASSIVE_PORTS] = "passive_ports_contain_port"
            elif implicit_port is not None and first <= implicit_port <= last:
                self._errors[CONF_PASSIVE_PORTS] = "passive_ports_contain_implicit_port"
            self._check_sftp_port(data, range(first, last + 1))
        for entry in self._other_entries():
            if _uses(entry, port):
                self._errors[CONF_FTPS_PORT] = "port_of_other_recorder"
            if implicit_port is not None and _uses(entry, implicit_port):
                self._errors["base"] = "implicit_port_of_other_recorder"
        address: str = data[CONF_LISTEN_ADDRESS]
        if not self._errors:
            await self._async_probe_port(address, port)
        if not self._errors and implicit_port is not None:
            await self._async_probe_second_port(
                address,
                implicit_port,
                taken="implicit_port_in_use",
                not_permitted="implicit_port_not_permitted",
            )
        if not self._errors and (sftp := sftp_port(data)) is not None:
            await self._async_probe_second_port(
                address,
                sftp,
                taken="sftp_port_in_use",
                not_permitted="sftp_port_not_permitted",
            )

    async def _async_probe_port(self, address: str, port: int) -> None:
        """Check that the port is free, unless this recorder itself listens there."""
        if self._listens_on(port):
            port = 0
        try:
            await self.hass.async_add_executor_job(check_port, address, port)
        except PortTakenError:
            self._errors[CONF_FTPS_PORT] = "port_in_use"
        except PortNotPermittedError:
            self._errors[CONF_FTPS_PORT] = "port_not_permitted"
        except AddressNotHereError:
            self._errors["base"] = "address_not_here"

    def _check_sftp_port(self, data: Mapping[str, Any], passive_ports: range) -> None:
        """Check that nothing else of a recorder uses the port of SFTP."""
        port = sftp_port(data)
        if port is None:
            return
        if port in passive_ports:
            self._errors[CONF_PASSIVE_PORTS] = "passive_ports_contain_sftp_port"
        elif port in (data[CONF_FTPS_PORT], data.get(CONF_IMPLICIT_PORT)):
            self._errors["base"] = "sftp_port_is_port"
        elif any(_uses(entry, port) for entry in self._other_entries()):
            self._errors["base"] = "sftp_port_of_other_recorder"

    async def _async_probe_second_port(
        self, address: str, port: int, *, taken: str, not_permitted: str
    ) -> None:
        """Check the same of another port; the address is known to be here."""
        if self._listens_on(port):
            return
        try:
            await self.hass.async_add_executor_job(check_port, address, port)
        except PortTakenError:
            self._errors["base"] = taken
        except PortNotPermittedError:
            self._errors["base"] = not_permitted

    async def _async_check_s3(self, s3: Mapping[str, Any]) -> None:
        """Write, read and delete an object in the bucket."""
        if not _is_endpoint(s3[CONF_ENDPOINT_URL]):
            self._errors[CONF_ENDPOINT_URL] = "invalid_endpoint_url"
            return
        settings = s3_settings(s3)
        try:
            # On a loop of its own: the S3 library reads its models from disk.
            await self.hass.async_add_executor_job(
                lambda: asyncio.run(probe_bucket(settings))
            )
        except OffsiteError as err:
            self._add_error(_FIELD_OF_OFFSITE_ERROR.get(err.key, "base"), err)

    def _listens_on(self, port: int) -> bool:
        """Return True when the recorder that is reconfigured has this port open."""
        return (
            self.source == SOURCE_RECONFIGURE
            and self._get_reconfigure_entry().state is ConfigEntryState.LOADED
            and port
            in (
                self._current()[CONF_FTPS_PORT],
                self._current().get(CONF_IMPLICIT_PORT),
                sftp_port(self._current()),
            )
        )

    def _current(self) -> Mapping[str, Any]:
        """Return the data of the recorder that is reconfigured, else nothing."""
        if self.source == SOURCE_RECONFIGURE:
            return self._get_reconfigure_entry().data
        return {}

    def _other_entries(self) -> list[ConfigEntry]:
        """Return all recorders but the one that is reconfigured."""
        return [
            entry
            for entry in self._async_current_entries(include_ignore=False)
            if entry.entry_id != self.context.get("entry_id")
        ]

    def _media_folder(self) -> Path:
        """Return Home Assistant's folder for media."""
        folders = self.hass.config.media_dirs
        if "local" in folders:
            return Path(folders["local"])
        return Path(next(iter(folders.values()), self.hass.config.path("media")))

    def _begin_checks(self) -> None:
        """Forget the problems of the form before."""
        self._errors = {}
        self._placeholders = {}

    def _add_error(self, field: str, error: RecorderError) -> None:
        """Show an error of the recorder beside a field."""
        self._errors[field] = error.key
        self._placeholders.update(error.placeholders)

    def _form(
        self,
        step_id: str,
        schema: vol.Schema,
        user_input: Mapping[str, Any] | None,
        suggested: Mapping[str, Any],
    ) -> ConfigFlowResult:
        """Show a form with what was typed, or at first with what is suggested."""
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(
                schema, suggested if user_input is None else user_input
            ),
            errors=self._errors,
            description_placeholders=self._placeholders,
        )

    def _finish(self) -> ConfigFlowResult:
        """Save the recorder."""
        if self.source == SOURCE_RECONFIGURE:
            return self._update(
                self._get_reconfigure_entry(), title=self._title, data=self._data
            )
        return self.async_create_entry(title=self._title, data=self._data)

    def _update(self, entry: ConfigEntry, **changes: Any) -> ConfigFlowResult:
        """Save changes, which a recorder that runs notices; another one is told."""
        result = self.async_update_and_abort(entry, **changes)
        if entry.state is not ConfigEntryState.LOADED:
            self.hass.config_entries.async_schedule_reload(entry.entry_id)
        return result


def _uses(entry: ConfigEntry, port: int) -> bool:
    """Return True for a port that a recorder has, or may take for a transfer."""
    first, last = parse_passive_ports(entry.data[CONF_PASSIVE_PORTS])
    return (
        port
        in (
            entry.data[CONF_FTPS_PORT],
            entry.data.get(CONF_IMPLICIT_PORT),
            sftp_port(entry.data),
        )
        or first <= port <= last
    )


def _tidy_s3(user_input: Mapping[str, Any], known_secret: str | None) -> dict[str, Any]:
    """Return the S3 form's values as they are kept."""
    s3 = stripped(user_input)
    s3[CONF_ENDPOINT_URL] = s3.get(CONF_ENDPOINT_URL, "").rstrip("/")
    s3[CONF_REGION] = s3[CONF_REGION] or DEFAULT_REGION
    s3[CONF_PREFIX] = s3.get(CONF_PREFIX, "").strip("/")
    s3[CONF_SECRET_ACCESS_KEY] = s3.get(CONF_SECRET_ACCESS_KEY) or known_secret
    return s3


def _is_endpoint(address: str) -> bool:
    """Return True for the address of an S3 service, or nothing, which means AWS."""
    if not address:
        return True
    try:
        url = URL(address)
    except ValueError:
        return False
    return (
        url.scheme in ("http", "https")
        and bool(url.host)
        and url.user is None
        and not url.query_string
    )
