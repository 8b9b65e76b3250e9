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
    CONF_CHANNEL,
    CONF_FOLDER,
    CONF_FTPS_PORT,
    CONF_LISTEN_ADDRESS,
    CONF_RTSP_PASSWORD,
    CONF_RTSP_PORT,
    CONF_RTSP_USERNAME,
    CONF_UPLOAD_PASSWORD,
    CONF_UPLOAD_PASSWORD_HASH,
    CONF_UPLOAD_USERNAME,
    SUBENTRY_CAMERA,
)
from .forms import CAMERA_AND_DELIVERY_FORM, CAMERA_FORM, DELIVERY_FORM, stripped
from .receiver.passwords import generate_password, hash_password
from .store import camera_folder


class CameraSubentryFlow(ConfigSubentryFlow):
    """Adds a camera in two steps: what it is, then how it delivers."""

    def __init__(self) -> None:
        """Initialize with nothing entered."""
        self._title = ""
        self._data: dict[str, Any] = {}

    async def async_step_user(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask for the camera's address and stream."""
        errors: dict[str, str] = {}
        if user_input is not None:
            data = stripped(user_input)
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
            description_placeholders=await self._async_receiver(self._data[CONF_HOST]),
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
        if user_input is not None:
            data = stripped(user_input)
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
                },
            ),
            errors=errors,
            description_placeholders=await self._async_receiver(camera.data[CONF_HOST]),
        )

    def _cameras(self) -> list[ConfigSubentry]:
        """Return the recorder's cameras."""
        return list(self._get_entry().get_subentries_of_type(SUBENTRY_CAMERA))

    @staticmethod
    def _check_camera(
        title: str, data: Mapping[str, Any], others: list[ConfigSubentry]
    ) -> dict[str, str]:
        """Return what is wrong with a camera's name and address."""
        errors: dict[str, str] = {}
        if not title:
            errors[CONF_NAME] = "unusable_name"
        elif title.casefold() in {other.title.casefold() for other in others}:
            errors[CONF_NAME] = "name_in_use"
        if not is_host_valid(data[CONF_HOST]):
            errors[CONF_HOST] = "invalid_host"
        elif _stream(data) in {_stream(other.data) for other in others}:
            errors[CONF_HOST] = "camera_in_use"
        return errors

    async def _async_hashed(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return the data with the upload password's hash in its place, if any."""
        hashed = dict(data)
        if password := hashed.pop(CONF_UPLOAD_PASSWORD, ""):
            hashed[CONF_UPLOAD_PASSWORD_HASH] = await self.hass.async_add_executor_job(
                hash_password, password
            )
        return hashed

    async def _async_receiver(self, camera_host: str) -> dict[str, str]:
        """Return what the texts say about the receiver."""
        entry = self._get_entry()
        return {
            "server": await async_receiver_address(
                self.hass, entry.data.get(CONF_LISTEN_ADDRESS, ""), camera_host
            ),
            "port": str(entry.data[CONF_FTPS_PORT]),
        }


def _stream(data: Mapping[str, Any]) -> tuple[str, int, int]:
    """Return what tells one stream from another."""
    return data[CONF_HOST].casefold(), data[CONF_RTSP_PORT], data[CONF_CHANNEL]


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
