"""Config flow of a camera, which is a subentry of its recorder."""

from collections.abc import Mapping
from typing import Any

from homeassistant.config_entries import (
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
    CONF_FOLDER,
    CONF_FTPS_PORT,
    CONF_IMPLICIT_PORT,
    CONF_LISTEN_ADDRESS,
    CONF_NAME_TEMPLATE,
    CONF_RTSP_PASSWORD,
    CONF_RTSP_PORT,
    CONF_RTSP_USERNAME,
    CONF_UPLOAD_PASSWORD,
    CONF_UPLOAD_PASSWORD_HASH,
    CONF_UPLOAD_USERNAME,
    SECTION_ADVANCED,
    SUBENTRY_CAMERA,
)
from .forms import (
    CAMERA_AND_DELIVERY_FORM,
    CAMERA_FORM,
    DELIVERY_FORM,
    entered,
    stripped,
)
from .model import Brand
from .receiver.file_names import (
    TEMPLATE_PLACEHOLDERS,
    TemplateError,
    compile_template,
)
from .receiver.passwords import generate_password, hash_password
from .settings import bound_address, is_plain
from .store import camera_folder
from .translated import async_common_text

# Texts cannot have braces of their own.
_BRACED = {name: f"{{{name}}}" for name in TEMPLATE_PLACEHOLDERS}


class CameraSubentryFlow(ConfigSubentryFlow):
    """Adds a camera in two steps: what it is, then how it delivers."""

    def __init__(self) -> None:
        """Initialize with nothing entered."""
        self._title = ""
        self._data: dict[str, Any] = {}
        self._placeholders: dict[str, str] = {}

    async def async_step_user(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask for the camera's address and stream."""
        errors: dict[str, str] = {}
        self._placeholders = dict(_BRACED)
        if user_input is not None:
            data = entered(user_input)
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
            if not errors:
                self._title = title
                self._data = {**data, CONF_FOLDER: folder}
                return await self.async_step_delivery()
        return self.async_show_form(
            step_id="user",
            data_schema=self.add_suggested_values_to_schema(CAMERA_FORM, user_input),
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
        if user_input is not None:
            data = entered(user_input)
            title = data.pop(CONF_NAME)
            errors = self._check_camera(title, data, others)
            errors |= _check_account(data, others, new=False)
            if not errors:
                return self.async_update_and_abort(
                    self._get_entry(),
                    camera,
                    title=title,
                    data=_merged(camera.data, await self._async_hashed(data)),
                )
        return self.async_show_form(
            step_id="reconfigure",
            data_schema=self.add_suggested_values_to_schema(
                CAMERA_AND_DELIVERY_FORM,
                user_input
                or {
                    CONF_NAME: camera.title,
                    **camera.data,
                    CONF_RTSP_PASSWORD: "",
                    SECTION_ADVANCED: camera.data,
                },
            ),
            errors=errors,
            description_placeholders=self._placeholders,
        )

    def _cameras(self) -> list[ConfigSubentry]:
        """Return the recorder's cameras."""
        return list(self._get_entry().get_subentries_of_type(SUBENTRY_CAMERA))

    def _check_camera(
        self, title: str, data: Mapping[str, Any], others: list[ConfigSubentry]
    ) -> dict[str, str]:
        """Return what is wrong with a camera's name, address and file names."""
        errors = self._check_template(data)
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
        if is_plain(camera):
            return await async_common_text(self.hass, "protocol_plain")
        implicit_port = self._get_entry().data.get(CONF_IMPLICIT_PORT)
        if implicit_port is None:
            return await async_common_text(self.hass, "protocol_ftps")
        text = await async_common_text(self.hass, "protocol_ftps_or_implicit")
        return text.format(implicit_port=implicit_port)


def _stream(data: Mapping[str, Any]) -> tuple[str, int, int]:
    """Return what tells one stream from another."""
    return data[CONF_HOST].casefold(), data[CONF_RTSP_PORT], data[CONF_CHANNEL]


def _can_be_bound(data: Mapping[str, Any]) -> bool:
    """Return False when a camera must have an address, and its host is a name."""
    try:
        bound_address(data)
    except ValueError:
        return False
    return True


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
        for key in (CONF_FOLDER, CONF_UPLOAD_PASSWORD_HASH)
        if key in current
    }
    data = {**kept, **entered}
    if not data.get(CONF_RTSP_USERNAME):
        # Without a user there is no password to keep.
        data.pop(CONF_RTSP_PASSWORD, None)
    elif not data.get(CONF_RTSP_PASSWORD):
        data[CONF_RTSP_PASSWORD] = current.get(CONF_RTSP_PASSWORD, "")
    return data
