"""How a device is set up to deliver here: where to, by what, and how that is shown."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from zoneinfo import ZoneInfo

from homeassistant.core import HomeAssistant
from homeassistant.helpers.translation import async_get_translations
from homeassistant.util import dt as dt_util

from .addresses import async_receiver_address
from .const import (
    CONF_ACCEPT_PLAIN,
    CONF_ARM_ALWAYS,
    CONF_CAPTURE_COUNT,
    CONF_CAPTURE_INTERVAL,
    CONF_CHANNEL,
    CONF_EVENTS,
    CONF_EXTERNAL_ADDRESS,
    CONF_FTPS_PORT,
    CONF_LISTEN_ADDRESS,
    CONF_NTP_SERVER,
    CONF_PROVISIONED,
    CONF_SECURITY,
    CONF_SET_CLOCK,
    CONF_UPLOAD_PASSWORD_HASH,
    CONF_UPLOAD_USERNAME,
    DOMAIN,
)
from .coordinator import RecorderCoordinator, RecorderEntry
from .device import Change, Plan, Protocol, Target, UploadAbilities, Wanted
from .device.time_zone import device_time_zone
from .errors import (
    DeviceError,
    DeviceUnsupportedError,
    HostNotAnAddressError,
    NeverProvisionedError,
    NotSeenError,
    PlainNotAcceptedError,
)
from .model import Camera, DetectionType, Security
from .provision_intents import known_camera_note
from .receiver.passwords import generate_password, hash_password
from .settings import (
    bound_address,
    device_login,
    engine_camera,
    is_plain,
    sftp_port,
)

_MARKUP = frozenset("|<>[]()*_`\\!&")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPlan:
    """What is about to be written to a camera's device, and kept here with it."""

    plan: Plan
    camera: Camera
    data: dict[str, Any]


def best_protocol(recorder: RecorderEntry, upload: UploadAbilities) -> Protocol:
    """Return the safest protocol that both the device and the recorder have."""
    if upload.sftp and sftp_port(recorder.data) is not None:
        return Protocol.SFTP
    return Protocol.FTPS if upload.ftps else Protocol.PLAIN


def target_port(recorder: RecorderEntry, protocol: Protocol) -> int:
    """Return the recorder's port for a protocol."""
    if protocol is Protocol.SFTP and (port := sftp_port(recorder.data)) is not None:
        return port
    ftps_port: int = recorder.data[CONF_FTPS_PORT]
    return ftps_port


async def async_target_host(
    hass: HomeAssistant, recorder: RecorderEntry, camera_host: str
) -> str:
    """Return the address at which a camera reaches the recorder."""
    external: str = recorder.data.get(CONF_EXTERNAL_ADDRESS, "")
    return external or await async_receiver_address(
        hass, recorder.data.get(CONF_LISTEN_ADDRESS, ""), camera_host
    )


async def async_wanted(
    hass: HomeAssistant,
    choices: Mapping[str, Any],
    *,
    host: str,
    port: int,
    protocol: Protocol,
    username: str,
    password: str,
) -> Wanted:
    """Return what the owner has chosen, as the engine understands it."""
    time_zone = None
    if choices[CONF_SET_CLOCK]:
        time_zone = await hass.async_add_executor_job(
            device_time_zone, ZoneInfo(hass.config.time_zone)
        )
    return Wanted(
        target=Target(
            host=host,
            port=port,
            protocol=protocol,
            username=username,
            password=password,
        ),
        events=frozenset(map(DetectionType, choices[CONF_EVENTS])),
        count=choices[CONF_CAPTURE_COUNT],
        interval=choices[CONF_CAPTURE_INTERVAL],
        always=choices[CONF_ARM_ALWAYS],
        time_zone=time_zone,
        ntp_server=choices.get(CONF_NTP_SERVER, "").strip(),
    )


async def async_preview(hass: HomeAssistant, plan: Plan) -> str:
    """Return a plan's changes as a table in Markdown, in the system's language."""
    language = hass.config.language
    common = await async_get_translations(hass, language, "common", [DOMAIN])
    selector = await async_get_translations(hass, language, "selector", [DOMAIN])

    def word(key: str) -> str:
        return common.get(f"component.{DOMAIN}.common.{key}", key)

    def value(text: str) -> str:
        shown = {"true": word("value_on"), "false": word("value_off")}.get(text, text)
        # What a device says must not become markup.
        return (
            "".join(f"&#{ord(one)};" if one in _MARKUP else one for one in shown) or "–"
        )

    def name(change: Change) -> str:
        text = word(f"change_{change.what}")
        if change.about is None:
            return text
        kind = selector.get(
            f"component.{DOMAIN}.selector.detection_type.options.{change.about.value}",
            change.about.value,
        )
        return f"{text}: {kind}"

    lines = [
        f"| {word('preview_setting')} | {word('preview_before')} | {word('preview_after')} |",
        "| --- | --- | --- |",
    ]
    lines += [
        f"| {name(change)} | {value(change.before)} | {value(change.after)} |"
        for change in plan.changes
    ]
    missing = sorted({word(f"not_offered_{key}") for key in plan.not_offered})
    if missing:
        lines += ["", f"{word('preview_not_offered')} {', '.join(missing)}."]
    return "\n".join(lines)


async def async_plan_again(
    coordinator: RecorderCoordinator, camera_id: str, choices: Mapping[str, Any]
) -> NewPlan:
    """Return what setting up a camera again would write. Raises RecorderError."""
    camera, engine = coordinator.cameras[camera_id], coordinator.engine
    login = device_login(camera.data)
    if login is None:
        raise DeviceUnsupportedError("The camera has no device", host="–")
    entry, hass = coordinator.config_entry, coordinator.hass
    found = await engine.run(engine.devices.look(login))
    protocol = best_protocol(entry, found.upload)
    security = Security.FTPS
    if protocol is Protocol.PLAIN:
        if not (is_plain(camera.data) or choices.get(CONF_ACCEPT_PLAIN)):
            raise PlainNotAcceptedError(f"{camera.title} can only do plain FTP")
        security = Security.PLAIN
    data = {**camera.data, CONF_SECURITY: security.value}
    try:
        address = bound_address(data)
    except ValueError as err:
        raise HostNotAnAddressError("A name instead of an IP address") from err
    # The old password is not known any more: only its hash was kept.
    password = generate_password()
    password_hash = await hass.async_add_executor_job(hash_password, password)
    wanted = await async_wanted(
        hass,
        choices,
        host=await async_target_host(hass, entry, login.host),
        port=target_port(entry, protocol),
        protocol=protocol,
        username=camera.data[CONF_UPLOAD_USERNAME],
        password=password,
    )
    plan = await engine.run(
        engine.devices.plan(login, camera.data[CONF_CHANNEL], wanted, dt_util.now())
    )
    return NewPlan(
        plan=plan,
        camera=replace(
            engine_camera(camera),
            password_hash=password_hash,
            security=security,
            address=address,
        ),
        data={
            **data,
            CONF_UPLOAD_PASSWORD_HASH: password_hash,
            CONF_PROVISIONED: kept_choices(choices),
        },
    )


async def async_write_again(coordinator: RecorderCoordinator, new: NewPlan) -> None:
    """Write a plan and keep what it changed here. Raises RecorderError.

    NotSeenError when everything was written and no upload has arrived.
    """
    engine, hass = coordinator.engine, coordinator.hass
    camera = coordinator.cameras[new.camera.id]
    note = known_camera_note(hass, camera.data, new.data)

    def keep() -> None:
        hass.config_entries.async_update_subentry(
            coordinator.config_entry, camera, data=new.data
        )

    try:
        seen = await engine.run(engine.devices.provision(new.camera, new.plan, note))
    except DeviceError:
        left = await engine.run(engine.devices.intent(new.camera.folder))
        if left is None:
            await engine.run(engine.devices.dismiss(new.camera))
        elif left.edits:
            # Whether it has the new password is not known: it gets it again.
            hass.config_entries.async_schedule_reload(coordinator.config_entry.entry_id)
        else:
            keep()
        raise
    keep()
    if not seen:
        raise NotSeenError("Everything was written, but no upload has arrived")


async def async_provision_again(
    coordinator: RecorderCoordinator, camera_id: str
) -> None:
    """Set a camera up as its owner confirmed it before. Raises RecorderError."""
    choices = coordinator.cameras[camera_id].data.get(CONF_PROVISIONED)
    if choices is None:
        raise NeverProvisionedError("It was never set up from here")
    await async_write_again(
        coordinator, await async_plan_again(coordinator, camera_id, choices)
    )


def kept_choices(choices: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is kept of the choices, to set the camera up the same way again."""
    return {key: value for key, value in choices.items() if key != CONF_ACCEPT_PLAIN}


async def async_put_back(coordinator: RecorderCoordinator, camera_id: str) -> list[str]:
    """Write a device's documents as they were before it was first set up from here.

    Returns the paths at which that failed. Raises RecorderError.
    """
    camera = engine_camera(coordinator.cameras[camera_id])
    if camera.device is None:
        raise DeviceUnsupportedError("The camera has no device", host="–")
    return await coordinator.engine.run(coordinator.engine.devices.put_back(camera))
