"""Steps to add the cameras of a device: log in, choose, set up, see it deliver."""

from contextlib import suppress
from dataclasses import dataclass, replace
from ipaddress import ip_address
from types import MappingProxyType
from typing import Any

from homeassistant.config_entries import ConfigEntryState, ConfigSubentry
from homeassistant.const import CONF_HOST, CONF_NAME
from homeassistant.core import HomeAssistant, callback
from homeassistant.data_entry_flow import FlowHandler
from homeassistant.helpers.device_registry import format_mac
from homeassistant.util import dt as dt_util
from homeassistant.util.network import is_host_valid

from .checks import suggest_username
from .const import (
    CONF_ACCEPT_PLAIN,
    CONF_BRAND,
    CONF_CHANNEL,
    CONF_CHANNELS,
    CONF_EVENT_STREAM,
    CONF_FINGERPRINT,
    CONF_FOLDER,
    CONF_HAS_SUB,
    CONF_HTTP_PORT,
    CONF_HTTPS,
    CONF_LIVE_STREAM,
    CONF_MAC,
    CONF_MODEL,
    CONF_MOTION_HOLD,
    CONF_PROVISIONED,
    CONF_RTSP_PASSWORD,
    CONF_RTSP_PORT,
    CONF_RTSP_USERNAME,
    CONF_SECURITY,
    CONF_SERIAL,
    CONF_SET_UP,
    CONF_UPLOAD_PASSWORD_HASH,
    CONF_UPLOAD_USERNAME,
    DEFAULT_HTTP_PORT,
    DEFAULT_HTTPS_PORT,
    DEFAULT_MOTION_HOLD,
    LIVE_SUB,
    SECTION_ADVANCED,
    SUBENTRY_CAMERA,
)
from .coordinator import RecorderEntry
from .device import (
    Channel,
    Description,
    Plan,
    Protocol,
    read_fingerprint,
)
from .engine import Engine
from .errors import (
    DeviceAuthError,
    DeviceOfflineError,
    DeviceWantsHttpsError,
    NotADeviceError,
    NotRunningError,
    NotSeenError,
    RecorderError,
)
from .forms import (
    DEVICE_FORM,
    channels_form,
    device_camera_form,
    entered,
    provision_form,
)
from .model import Brand, Camera, DeviceLogin, Security
from .provision import (
    async_preview,
    async_target_host,
    async_wanted,
    best_protocol,
    kept_choices,
    target_port,
)
from .provision_intents import async_forget_intent, new_camera_note
from .receiver.passwords import generate_password, hash_password
from .settings import engine_camera
from .store import camera_folder

FIELD_OF_DEVICE_ERROR = {
    DeviceAuthError.key: CONF_RTSP_PASSWORD,
    DeviceOfflineError.key: CONF_HOST,
    NotADeviceError.key: CONF_HOST,
}
"""Beside which field an error is shown; any other is shown above the form."""

DEVICE_KEYS = (
    CONF_FINGERPRINT,
    CONF_HAS_SUB,
    CONF_MAC,
    CONF_MODEL,
    CONF_PROVISIONED,
    CONF_SERIAL,
)
"""What is known of a camera's device and is not asked for when it is changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCamera:
    """A camera that is about to be added."""

    title: str
    data: dict[str, Any]

    def subentry(self) -> ConfigSubentry:
        """Return the camera as a subentry of its recorder."""
        return ConfigSubentry(
            data=MappingProxyType(self.data),
            subentry_type=SUBENTRY_CAMERA,
            title=self.title,
            unique_id=self.data[CONF_FOLDER],
        )


class DeviceSteps:
    """The steps, for the flows that offer them."""

    hass: HomeAssistant

    def __init__(self) -> None:
        """Initialize with nothing entered."""
        self._host = ""
        self._http_port = DEFAULT_HTTP_PORT
        self._device: dict[str, Any] = {}
        self._login: DeviceLogin | None = None
        self._found: Description | None = None
        self._new: NewCamera | None = None
        self._choices: dict[str, Any] = {}
        self._plan: Plan | None = None
        self._camera: Camera | None = None
        self._password = ""
        self._failure: RecorderError | None = None
        self._admitted = False

    # What the flows have to say.

    def _flow(self) -> FlowHandler[Any, Any, Any]:
        """Return the flow itself."""
        raise NotImplementedError

    def _recorder(self) -> RecorderEntry:
        """Return the recorder that gets the cameras."""
        raise NotImplementedError

    def _add(self, cameras: list[NewCamera]) -> Any:
        """Add the cameras and end the flow."""
        raise NotImplementedError

    # The steps.

    async def async_step_device(self, user_input: dict[str, Any] | None = None) -> Any:
        """Ask for the address and the password, and log in."""
        errors: dict[str, str] = {}
        placeholders: dict[str, str] = {}
        if user_input is not None:
            data = entered(user_input)
            if not is_host_valid(data[CONF_HOST].strip("[]")):
                errors[CONF_HOST] = "invalid_host"
            else:
                data[CONF_HOST] = data[CONF_HOST].strip("[]")
                try:
                    await self._async_look(data)
                except RecorderError as err:
                    errors[FIELD_OF_DEVICE_ERROR.get(err.key, "base")] = err.key
                    placeholders = error_placeholders(err)
                else:
                    if not self._new_channels():
                        errors["base"] = "camera_in_use"
            if not errors:
                assert self._found is not None
                if self._found.info.is_recorder:
                    return await self.async_step_channels()
                return await self.async_step_device_camera()
        return self._flow().async_show_form(
            step_id="device",
            data_schema=self._flow().add_suggested_values_to_schema(
                DEVICE_FORM, user_input or self._suggested()
            ),
            errors=errors,
            description_placeholders=placeholders,
        )

    async def async_step_channels(
        self, user_input: dict[str, Any] | None = None
    ) -> Any:
        """Ask which channels of a recorder to add."""
        assert self._found is not None
        channels = self._new_channels()
        if user_input is not None:
            chosen = set(user_input[CONF_CHANNELS])
            cameras: list[NewCamera] = []
            for channel in channels:
                if str(channel.number) in chosen:
                    name = self._free_name(_channel_name(channel), cameras)
                    cameras.append(
                        await self._async_camera(
                            name, channel, user_input[CONF_EVENT_STREAM], cameras
                        )
                    )
            if cameras:
                return self._add(cameras)
        return self._flow().async_show_form(
            step_id="channels",
            data_schema=channels_form(
                {
                    str(channel.number): f"{channel.number}: {_channel_name(channel)}"
                    for channel in channels
                }
            ),
            errors={} if user_input is None else {CONF_CHANNELS: "no_channel"},
            description_placeholders=self._about(),
        )

    async def async_step_device_camera(
        self, user_input: dict[str, Any] | None = None
    ) -> Any:
        """Ask what to call the camera, and whether to set it up."""
        assert self._found is not None
        errors: dict[str, str] = {}
        can_deliver = self._found.upload.any
        (channel, *_) = self._new_channels()
        if user_input is not None:
            title = user_input[CONF_NAME].strip()
            if not _is_usable(title):
                errors[CONF_NAME] = "unusable_name"
            elif self._free_name(title, []) != title:
                errors[CONF_NAME] = "name_in_use"
            else:
                self._new = await self._async_camera(
                    title, channel, user_input[CONF_EVENT_STREAM], []
                )
                if user_input.get(CONF_SET_UP):
                    return await self.async_step_provision()
                return self._add([self._new])
        name = self._found.info.name or self._found.info.model or _channel_name(channel)
        return self._flow().async_show_form(
            step_id="device_camera",
            data_schema=self._flow().add_suggested_values_to_schema(
                device_camera_form(can_deliver=can_deliver),
                user_input or {CONF_NAME: self._free_name(name, [])},
            ),
            errors=errors,
            description_placeholders=self._about(),
        )

    async def async_step_provision(
        self, user_input: dict[str, Any] | None = None
    ) -> Any:
        """Ask how to set the camera up; nothing is written yet."""
        assert self._found is not None
        protocol = best_protocol(self._recorder(), self._found.upload)
        errors: dict[str, str] = {}
        placeholders: dict[str, str] = {}
        if user_input is not None:
            if protocol is Protocol.PLAIN and not user_input.get(CONF_ACCEPT_PLAIN):
                errors[CONF_ACCEPT_PLAIN] = "plain_not_accepted"
            elif protocol is Protocol.PLAIN and not _is_address(self._host):
                errors["base"] = "host_not_an_address"
            else:
                self._choices = user_input
                assert self._new is not None
                self._new.data[CONF_PROVISIONED] = kept_choices(user_input)
                try:
                    await self._async_make_plan(protocol)
                except RecorderError as err:
                    errors["base"] = err.key
                    placeholders = error_placeholders(err)
                else:
                    return await self.async_step_preview()
        return self._flow().async_show_form(
            step_id="provision",
            data_schema=self._flow().add_suggested_values_to_schema(
                provision_form(only_plain=protocol is Protocol.PLAIN), user_input
            ),
            errors=errors,
            description_placeholders=self._about()
            | {"time_zone": self.hass.config.time_zone}
            | placeholders,
        )

    async def async_step_preview(self, user_input: dict[str, Any] | None = None) -> Any:
        """Show what will be written, and write it when that is confirmed."""
        assert self._plan is not None
        if user_input is not None:
            return await self._async_provision()
        return self._flow().async_show_form(
            step_id="preview",
            description_placeholders=self._about()
            | {"changes": await async_preview(self.hass, self._plan)},
        )

    async def async_step_provision_failed(
        self, user_input: dict[str, Any] | None = None
    ) -> Any:
        """Say what went wrong and offer ways to go on."""
        assert self._failure is not None
        return self._flow().async_show_menu(
            step_id="provision_failed",
            menu_options=["try_again", "put_back", "keep"],
            description_placeholders=self._about() | error_placeholders(self._failure),
        )

    async def async_step_try_again(
        self, user_input: dict[str, Any] | None = None
    ) -> Any:
        """Write everything again."""
        return await self._async_provision()

    async def async_step_put_back(
        self, user_input: dict[str, Any] | None = None
    ) -> Any:
        """Write the device's documents as they were, and add no camera."""
        assert self._camera is not None
        try:
            engine = self._engine()
            left = await engine.run(engine.devices.put_back(self._camera))
        except RecorderError as err:
            self._failure = err
            return await self.async_step_provision_failed()
        if left:
            return self._flow().async_abort(
                reason="not_put_back",
                description_placeholders={"paths": ", ".join(left)},
            )
        return self._flow().async_abort(reason="put_back")

    async def async_step_keep(self, user_input: dict[str, Any] | None = None) -> Any:
        """Add the camera as it is: its owner will see to the rest."""
        assert self._new is not None
        return self._add([self._new])

    @callback
    def async_remove(self) -> None:
        """Put back what was written for a camera that was not added after all."""
        if not self._admitted or self._camera is None:
            return
        folders = {camera.data[CONF_FOLDER] for camera in self._cameras()}
        if self._camera.folder not in folders:
            self.hass.async_create_task(
                self._async_dismiss(self._camera), "put a device back"
            )

    async def _async_dismiss(self, camera: Camera) -> None:
        with suppress(RecorderError):
            engine = self._engine()
            await engine.run(engine.devices.dismiss(camera))
            await engine.run(engine.devices.put_back(camera))
        # Were it found at the next start, the camera would be added.
        await async_forget_intent(self.hass, self._recorder().entry_id, camera.folder)

    # What they have in common.

    def _suggested(self) -> dict[str, Any]:
        """Return what discovery has told."""
        usual = self._http_port == DEFAULT_HTTP_PORT
        advanced = {} if usual else {CONF_HTTP_PORT: self._http_port}
        return {CONF_HOST: self._host, SECTION_ADVANCED: advanced}

    def _engine(self) -> Engine:
        entry = self._recorder()
        if entry.state is not ConfigEntryState.LOADED:
            raise NotRunningError("The recorder is not running")
        return entry.runtime_data.engine

    async def _async_look(self, data: dict[str, Any]) -> None:
        """Find out what is there. Raises RecorderError."""
        engine = self._engine()
        self._host = data[CONF_HOST]
        https: bool = data.pop(CONF_HTTPS)
        port: int | None = data.get(CONF_HTTP_PORT)
        login = DeviceLogin(
            host=data[CONF_HOST],
            port=port or DEFAULT_HTTP_PORT,
            username=data[CONF_RTSP_USERNAME],
            password=data[CONF_RTSP_PASSWORD],
        )
        try:
            if https:
                login = await _async_with_https(engine, login, port)
            found = await engine.run(engine.devices.look(login))
        except DeviceWantsHttpsError:
            login = await _async_with_https(engine, login, None)
            found = await engine.run(engine.devices.look(login))
        self._login, self._found = login, found
        self._device = {
            **data,
            CONF_HTTP_PORT: login.port,
            CONF_SERIAL: found.info.serial,
            CONF_MAC: format_mac(found.info.mac) if found.info.mac else "",
            CONF_MODEL: found.info.model,
        }
        if login.fingerprint is not None:
            self._device[CONF_FINGERPRINT] = login.fingerprint

    def _cameras(self) -> list[ConfigSubentry]:
        return list(self._recorder().get_subentries_of_type(SUBENTRY_CAMERA))

    def _new_channels(self) -> list[Channel]:
        """Return the device's channels that the recorder does not have yet."""
        assert self._found is not None
        serial = self._found.info.serial
        host = self._device[CONF_HOST].casefold(), self._device[CONF_RTSP_PORT]
        known = {
            camera.data[CONF_CHANNEL]
            for camera in self._cameras()
            if (serial and camera.data.get(CONF_SERIAL) == serial)
            or host == (camera.data[CONF_HOST].casefold(), camera.data[CONF_RTSP_PORT])
        }
        return [one for one in self._found.channels if one.number not in known]

    def _free_name(self, name: str, more: list[NewCamera]) -> str:
        """Return a name that no other camera has: this one, or one with a number."""
        name = name.strip() if _is_usable(name) else "Camera"
        taken = {camera.title.casefold() for camera in self._cameras()}
        taken |= {camera.title.casefold() for camera in more}
        folders = {camera.data[CONF_FOLDER].casefold() for camera in self._cameras()}
        folders |= {camera.data[CONF_FOLDER].casefold() for camera in more}
        candidate, number = name, 1
        while (
            candidate.casefold() in taken
            or camera_folder(candidate).casefold() in folders
        ):
            number += 1
            candidate = f"{name} {number}"
        return candidate

    async def _async_camera(
        self, title: str, channel: Channel, event_stream: bool, more: list[NewCamera]
    ) -> NewCamera:
        """Return a camera as it is kept, with an upload account of its own."""
        folder = camera_folder(title)
        taken = [camera.data[CONF_UPLOAD_USERNAME] for camera in self._cameras()]
        taken += [camera.data[CONF_UPLOAD_USERNAME] for camera in more]
        self._password = generate_password()
        return NewCamera(
            title=title,
            data={
                **self._device,
                CONF_FOLDER: folder,
                CONF_CHANNEL: channel.number,
                CONF_BRAND: Brand.HIKVISION.value,
                CONF_MOTION_HOLD: DEFAULT_MOTION_HOLD,
                CONF_HAS_SUB: channel.has_sub,
                CONF_LIVE_STREAM: LIVE_SUB,
                CONF_EVENT_STREAM: event_stream,
                CONF_UPLOAD_USERNAME: suggest_username(folder, taken),
                CONF_UPLOAD_PASSWORD_HASH: await self.hass.async_add_executor_job(
                    hash_password, self._password
                ),
            },
        )

    async def _async_make_plan(self, protocol: Protocol) -> None:
        """Read the device's settings and decide what to write. Raises RecorderError."""
        assert self._new is not None
        assert self._login is not None
        if protocol is Protocol.PLAIN:
            self._new.data[CONF_SECURITY] = Security.PLAIN.value
        recorder, engine = self._recorder(), self._engine()
        wanted = await async_wanted(
            self.hass,
            self._choices,
            host=await async_target_host(self.hass, recorder, self._host),
            port=target_port(recorder, protocol),
            protocol=protocol,
            username=self._new.data[CONF_UPLOAD_USERNAME],
            password=self._password,
        )
        # It has no subentry yet, and the receiver lets it in all the same.
        self._camera = engine_camera(self._new.subentry())
        self._plan = await engine.run(
            engine.devices.plan(
                self._login, self._new.data[CONF_CHANNEL], wanted, dt_util.now()
            )
        )

    async def _async_provision(self) -> Any:
        """Write the plan and wait for the upload that proves it."""
        assert self._camera is not None
        assert self._plan is not None
        assert self._new is not None
        try:
            engine = self._engine()
            self._admitted = True
            note = new_camera_note(self.hass, self._new.title, self._new.data)
            seen = await engine.run(
                engine.devices.provision(self._camera, self._plan, note)
            )
        except RecorderError as err:
            self._failure = err
            return await self.async_step_provision_failed()
        if not seen:
            self._failure = NotSeenError(
                "Everything was written, but no upload has arrived"
            )
            return await self.async_step_provision_failed()
        return self._add([self._new])

    def _about(self) -> dict[str, str]:
        """Return what the texts say about the device."""
        assert self._found is not None
        info = self._found.info
        return {
            "host": self._host,
            "model": info.model or "–",
            "serial": info.serial or "–",
            "firmware": info.firmware or "–",
            "channels": str(len(self._found.channels)),
        }


async def _async_with_https(
    engine: Engine, login: DeviceLogin, port: int | None
) -> DeviceLogin:
    """Return the login with the certificate that is shown now. Raises RecorderError."""
    port = port or DEFAULT_HTTPS_PORT
    fingerprint = await engine.run(read_fingerprint(login.host, port))
    return replace(login, port=port, fingerprint=fingerprint)


def error_placeholders(error: RecorderError) -> dict[str, str]:
    """Return what the texts of errors may say."""
    return {"message": str(error), **error.placeholders}


def _channel_name(channel: Channel) -> str:
    return channel.name.strip() or f"Camera {channel.number}"


def _is_usable(name: str) -> bool:
    try:
        camera_folder(name)
    except ValueError:
        return False
    return bool(name.strip())


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
