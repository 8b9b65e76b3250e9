"""Config flow of a camera, which is a subentry of its recorder."""

from collections.abc import Mapping
import re
from typing import Any, override

from homeassistant.config_entries import (
    ConfigEntryState,
    ConfigSubentry,
    ConfigSubentryFlow,
    SubentryFlowResult,
)
from homeassistant.const import CONF_HOST, CONF_NAME
from homeassistant.util.network import is_host_valid

from .addresses import async_receiver_address
from .checks import is_upload_password, is_upload_username, suggest_username
from .const import (
    CONF_BRAND,
    CONF_CHANNEL,
    CONF_EXTERNAL_ADDRESS,
    CONF_FIND_STREAM,
    CONF_FINGERPRINT,
    CONF_FOLDER,
    CONF_FOUND,
    CONF_FTPS_PORT,
    CONF_HTTP_PORT,
    CONF_IMPLICIT_PORT,
    CONF_LISTEN_ADDRESS,
    CONF_NAME_TEMPLATE,
    CONF_PUBLIC_KEY,
    CONF_RTSP_PASSWORD,
    CONF_RTSP_PORT,
    CONF_RTSP_USERNAME,
    CONF_STREAM_PATH,
    CONF_UPLOAD_PASSWORD,
    CONF_UPLOAD_PASSWORD_HASH,
    CONF_UPLOAD_USERNAME,
    SECTION_ADVANCED,
    SECTION_DEVICE,
    SECTION_RECORDING,
)
from .coordinator import RecorderEntry
from .device import FoundDevice, find_stream, read_fingerprint
from .device_flow import DEVICE_KEYS, DeviceSteps, NewCamera, error_placeholders
from .errors import RecorderError
from .forms import (
    CAMERA_AND_DELIVERY_FORM,
    CAMERA_FORM,
    DELIVERY_FORM,
    DEVICE_SECTION,
    discovered_form,
    entered,
    stripped,
)
from .model import Brand
from .network_scan import known_cameras
from .receiver.accounts import parse_public_key
from .receiver.file_names import (
    TEMPLATE_PLACEHOLDERS,
    TemplateError,
    compile_template,
)
from .receiver.passwords import generate_password, hash_password
from .recording_settings import CAMERA_RECORDING_KEYS
from .settings import bound_address, is_plain, sftp_port
from .store import camera_folder
from .translated import async_common_text

# Texts cannot have braces of their own.
_BRACED = {name: f"{{{name}}}" for name in TEMPLATE_PLACEHOLDERS}


class CameraSubentryFlow(DeviceSteps, ConfigSubentryFlow):
    """Adds cameras: of a device that is asked what it is, or entered by hand."""

    def __init__(self) -> None:
        """Initialize with nothing entered."""
        super().__init__()
        self._title = ""
        self._data: dict[str, Any] = {}
        self._placeholders: dict[str, str] = {}
        self._by_onvif = False
        self._onvif_port: int | None = None

    @override
    def _flow(self) -> CameraSubentryFlow:
        return self

    @override
    def _recorder(self) -> RecorderEntry:
        entry: RecorderEntry = self._get_entry()
        return entry

    @override
    def _add(self, cameras: list[NewCamera]) -> SubentryFlowResult:
        first, *others = cameras
        for camera in others:
            self.hass.config_entries.async_add_subentry(
                self._get_entry(), camera.subentry()
            )
        return self.async_create_entry(
            title=first.title, data=first.data, unique_id=first.data[CONF_FOLDER]
        )

    async def async_step_user(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask what kind of camera it is."""
        ways = ["device", "other"]
        if self._found_devices():
            ways.insert(0, "discovered")
        return self.async_show_menu(step_id="user", menu_options=ways)

    async def async_step_discovered(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask which of the cameras in the network it is."""
        found = self._found_devices()
        if user_input is not None and user_input[CONF_FOUND] in found:
            device = found[user_input[CONF_FOUND]]
            self._host, self._http_port = device.address, device.http_port
            self._by_onvif = bool(device.onvif)
            if device.onvif:
                return await self.async_step_other()
            result: SubentryFlowResult = await self.async_step_device()
            return result
        return self.async_show_form(
            step_id="discovered",
            data_schema=discovered_form(
                {
                    key: " · ".join(
                        filter(None, (device.model, device.serial, device.address))
                    )
                    for key, device in found.items()
                }
            ),
        )

    async def _async_find_stream(self, data: dict[str, Any]) -> dict[str, str]:
        """Ask the camera where its stream is; returns what is wrong."""
        try:
            found = await self._engine().run(
                find_stream(
                    data[CONF_HOST],
                    self._onvif_port or self._onvif_service(data[CONF_HOST]),
                    data.get(CONF_RTSP_USERNAME, ""),
                    data.get(CONF_RTSP_PASSWORD, ""),
                )
            )
        except RecorderError as err:
            self._placeholders.update(error_placeholders(err))
            return {CONF_FIND_STREAM: "no_stream_found"}
        data[CONF_RTSP_PORT], data[CONF_STREAM_PATH] = found.port, found.path
        return {}

    def _onvif_service(self, host: str) -> str | None:
        """Return where discovery has seen the ONVIF service of an address."""
        return next(
            (
                device.onvif
                for device in self._recorder().runtime_data.found
                if device.onvif and device.address == host
            ),
            None,
        )

    def _found_devices(self) -> dict[str, FoundDevice]:
        """Return the devices in the network that the recorder does not have."""
        entry = self._recorder()
        if entry.state is not ConfigEntryState.LOADED:
            return {}
        hosts = {camera.data[CONF_HOST] for camera in self._cameras()}
        return {
            device.key: device
            for device in entry.runtime_data.found
            if not known_cameras(self._cameras(), device.serial, device.mac)
            and not (device.onvif and device.address in hosts)
        }

    async def async_step_other(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask for the address and stream of a camera that only delivers."""
        errors: dict[str, str] = {}
        self._placeholders = dict(_BRACED)
        if user_input is not None:
            data = entered(user_input)
            find_stream_wanted = data.pop(CONF_FIND_STREAM, False)
            if find_stream_wanted:
                data[CONF_HOST], self._onvif_port = _split_port(data[CONF_HOST])
            title = data.pop(CONF_NAME)
            errors = self._check_camera(title, data, self._cameras())
            try:
                folder = camera_folder(title)
            except ValueError:
                errors[CONF_NAME] = "unusable_name"
            else:
                if folder.casefold() in {
                    camera.data[CONF_FOLDER].casefold() for camera in self._cameras()
                }:
                    errors[CONF_NAME] = "name_in_use"
            if not errors and find_stream_wanted:
                errors = await self._async_find_stream(data)
            if not errors:
                self._title = title
                self._data = {**data, CONF_FOLDER: folder}
                return await self.async_step_delivery()
        return self.async_show_form(
            step_id="other",
            data_schema=self.add_suggested_values_to_schema(
                CAMERA_FORM,
                user_input or {CONF_HOST: self._host, CONF_FIND_STREAM: self._by_onvif},
            ),
            errors=errors,
            description_placeholders=self._placeholders,
        )

    async def async_step_delivery(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Say what to enter on the camera, and keep the upload account."""
        errors: dict[str, str] = {}
        cameras = self._cameras()
        if user_input is not None:
            account = stripped(user_input)
            errors = _check_account(account, cameras, new=True)
            if not errors:
                data = self._data | await self._async_hashed(account)
                return self.async_create_entry(
                    title=self._title, data=data, unique_id=data[CONF_FOLDER]
                )
        folder: str = self._data[CONF_FOLDER]
        suggested = user_input or {
            CONF_UPLOAD_USERNAME: suggest_username(
                folder, [camera.data[CONF_UPLOAD_USERNAME] for camera in cameras]
            ),
            CONF_UPLOAD_PASSWORD: generate_password(),
        }
        return self.async_show_form(
            step_id="delivery",
            data_schema=self.add_suggested_values_to_schema(DELIVERY_FORM, suggested),
            errors=errors,
            description_placeholders=await self._async_receiver(self._data),
        )

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask for the same of a camera that exists. Empty passwords stay as they are."""
        camera = self._get_reconfigure_subentry()
        others = [
            other
            for other in self._cameras()
            if other.subentry_id != camera.subentry_id
        ]
        errors: dict[str, str] = {}
        self._placeholders = _BRACED | await self._async_receiver(camera.data)
        is_device = CONF_HTTP_PORT in camera.data
        if user_input is not None:
            data = entered(user_input)
            title = data.pop(CONF_NAME)
            errors = self._check_camera(title, data, others)
            errors |= _check_account(data, others, new=False)
            merged = _merged(camera.data, await self._async_hashed(data))
            if not errors and is_device and CONF_FINGERPRINT in merged:
                # Saving this is agreeing to the certificate that is shown now.
                try:
                    engine = self._engine()
                    merged[CONF_FINGERPRINT] = await engine.run(
                        read_fingerprint(merged[CONF_HOST], merged[CONF_HTTP_PORT])
                    )
                except RecorderError as err:
                    errors["base"] = err.key
                    self._placeholders.update(error_placeholders(err))
            if not errors:
                return self.async_update_and_abort(
                    self._get_entry(), camera, title=title, data=merged
                )
        return self.async_show_form(
            step_id="reconfigure",
            data_schema=self.add_suggested_values_to_schema(
                CAMERA_AND_DELIVERY_FORM.extend(DEVICE_SECTION)
                if is_device
                else CAMERA_AND_DELIVERY_FORM,
                user_input
                or {
                    CONF_NAME: camera.title,
                    **camera.data,
                    CONF_RTSP_PASSWORD: "",
                    SECTION_ADVANCED: camera.data,
                    SECTION_DEVICE: camera.data,
                    SECTION_RECORDING: camera.data,
                },
            ),
            errors=errors,
            description_placeholders=self._placeholders,
        )

    def _check_camera(
        self, title: str, data: Mapping[str, Any], others: list[ConfigSubentry]
    ) -> dict[str, str]:
        """Return what is wrong with a camera's name, address and file names."""
        errors = self._check_template(data) or _check_public_key(data)
        if not title:
            errors[CONF_NAME] = "unusable_name"
        elif title.casefold() in {other.title.casefold() for other in others}:
            errors[CONF_NAME] = "name_in_use"
        if not is_host_valid(data[CONF_HOST]):
            errors[CONF_HOST] = "invalid_host"
        elif _stream(data) in {_stream(other.data) for other in others}:
            errors[CONF_HOST] = "camera_in_use"
        elif not _can_be_bound(data):
            errors[CONF_HOST] = "host_not_an_address"
        return errors

    def _check_template(self, data: Mapping[str, Any]) -> dict[str, str]:
        """Return what is wrong with the template; only its brand needs one.

        Its section has no room for errors.
        """
        template: str = data[CONF_NAME_TEMPLATE]
        if template or data[CONF_BRAND] == Brand.TEMPLATE:
            try:
                compile_template(template)
            except TemplateError as err:
                self._placeholders.update(err.placeholders)
                return {"base": err.reason}
        return {}

    async def _async_hashed(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return the data with the upload password's hash in its place, if any."""
        hashed = dict(data)
        if password := hashed.pop(CONF_UPLOAD_PASSWORD, ""):
            hashed[CONF_UPLOAD_PASSWORD_HASH] = await self.hass.async_add_executor_job(
                hash_password, password
            )
        return hashed

    async def _async_receiver(self, camera: Mapping[str, Any]) -> dict[str, str]:
        """Return what the texts say about the receiver."""
        recorder = self._get_entry().data
        return {
            "server": recorder.get(CONF_EXTERNAL_ADDRESS)
            or await async_receiver_address(
                self.hass, recorder.get(CONF_LISTEN_ADDRESS, ""), camera[CONF_HOST]
            ),
            "port": str(recorder[CONF_FTPS_PORT]),
            "protocol": await self._async_protocol(camera),
        }

    async def _async_protocol(self, camera: Mapping[str, Any]) -> str:
        """Return in words by which protocol a camera delivers."""
        protocol = await self._async_ftp_protocol(camera)
        port = sftp_port(self._get_entry().data)
        if port is None:
            return protocol
        text = await async_common_text(self.hass, "protocol_or_sftp")
        return text.format(
            protocol=protocol, sftp_port=port, host_keys=", ".join(self._host_keys())
        )

    async def _async_ftp_protocol(self, camera: Mapping[str, Any]) -> str:
        """Return the same of FTPS or FTP."""
        if is_plain(camera):
            return await async_common_text(self.hass, "protocol_plain")
        implicit_port = self._get_entry().data.get(CONF_IMPLICIT_PORT)
        if implicit_port is None:
            return await async_common_text(self.hass, "protocol_ftps")
        text = await async_common_text(self.hass, "protocol_ftps_or_implicit")
        return text.format(implicit_port=implicit_port)

    def _host_keys(self) -> tuple[str, ...]:
        """Return the fingerprints of the receiver's keys, as far as it runs."""
        entry = self._get_entry()
        if entry.state is not ConfigEntryState.LOADED or not entry.runtime_data.data:
            return ("…",)
        host_keys: tuple[str, ...] = entry.runtime_data.data.receiver.host_keys
        return tuple(f"`{key}`" for key in host_keys)


def _stream(data: Mapping[str, Any]) -> tuple[str, int, int]:
    """Return what tells one stream from another."""
    return data[CONF_HOST].casefold(), data[CONF_RTSP_PORT], data[CONF_CHANNEL]


def _split_port(host: str) -> tuple[str, int | None]:
    """Return an address without the port of its ONVIF service, and that port."""
    found = re.fullmatch(r"([^:\[\]]+|\[[0-9A-Fa-f:.]+\]):([1-9]\d{0,4})", host)
    if found is None or int(found[2]) > 65535:
        return host.strip("[]"), None
    return found[1].strip("[]"), int(found[2])


def _can_be_bound(data: Mapping[str, Any]) -> bool:
    """Return False when a camera must have an address, and its host is a name."""
    try:
        bound_address(data)
    except ValueError:
        return False
    return True


def _check_public_key(data: Mapping[str, Any]) -> dict[str, str]:
    """Return what is wrong with a camera's key; its section has no room for it."""
    key: str = data.get(CONF_PUBLIC_KEY, "")
    try:
        if key:
            parse_public_key(key)
    except ValueError:
        return {"base": "invalid_public_key"}
    return {}


def _check_account(
    data: Mapping[str, Any], others: list[ConfigSubentry], *, new: bool
) -> dict[str, str]:
    """Return what is wrong with an upload account. Only a new one needs a password."""
    errors: dict[str, str] = {}
    username: str = data[CONF_UPLOAD_USERNAME]
    if not is_upload_username(username):
        errors[CONF_UPLOAD_USERNAME] = "invalid_upload_username"
    elif username.casefold() in {
        other.data[CONF_UPLOAD_USERNAME].casefold() for other in others
    }:
        errors[CONF_UPLOAD_USERNAME] = "upload_username_in_use"
    password: str = data.get(CONF_UPLOAD_PASSWORD, "")
    if (new or password) and not is_upload_password(password):
        errors[CONF_UPLOAD_PASSWORD] = "invalid_upload_password"
    return errors


def _merged(current: Mapping[str, Any], entered: Mapping[str, Any]) -> dict[str, Any]:
    """Return a camera's data after a change: its folder and its secrets stay."""
    kept = {
        key: current[key]
        for key in (
            CONF_FOLDER,
            CONF_UPLOAD_PASSWORD_HASH,
            *CAMERA_RECORDING_KEYS,
            *DEVICE_KEYS,
        )
        if key in current
    }
    data = {**kept, **entered}
    if not data.get(CONF_RTSP_USERNAME):
        # Without a user there is no password to keep.
        data.pop(CONF_RTSP_PASSWORD, None)
    elif not data.get(CONF_RTSP_PASSWORD):
        data[CONF_RTSP_PASSWORD] = current.get(CONF_RTSP_PASSWORD, "")
    return data
