"""What a device is and what it can do, as it says itself."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
import re
from xml.etree.ElementTree import Element

from ..errors import DeviceUnsupportedError, NotADeviceError
from ..model import DetectionType
from . import xml
from .client import IsapiClient
from .events import EVENT_TYPES, detection_type

MAX_CHANNELS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceInfo:
    """Who a device is. ``mac`` is in lower case with colons, empty where not told."""

    name: str
    model: str
    serial: str
    mac: str
    firmware: str
    is_recorder: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A camera of a device. ``has_sub`` tells of a second, smaller stream."""

    number: int
    name: str
    has_sub: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadAbilities:
    """How a device can deliver: the protocols it knows and whether it can try them."""

    plain: bool
    ftps: bool
    sftp: bool
    test: bool

    @property
    def any(self) -> bool:
        """Whether it can deliver at all."""
        return self.plain or self.ftps or self.sftp


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """All that has to be known before a device's cameras are added."""

    info: DeviceInfo
    channels: tuple[Channel, ...]
    upload: UploadAbilities


async def describe(client: IsapiClient) -> Description:
    """Ask a device for all of it. Raises DeviceError."""
    info = await read_info(client)
    return Description(
        info=info,
        channels=await read_channels(client, info),
        upload=await read_upload_abilities(client),
    )


async def read_info(client: IsapiClient) -> DeviceInfo:
    """Return who the device is. Raises DeviceError."""
    try:
        root = await client.get("/ISAPI/System/deviceInfo")
    except DeviceUnsupportedError as err:
        raise NotADeviceError(
            f"What answers at {client.login.host} is no Hikvision device",
            host=client.login.host,
        ) from err
    if xml.local_name(root) != "DeviceInfo":
        raise NotADeviceError(
            f"What answers at {client.login.host} is no Hikvision device",
            host=client.login.host,
        )
    kind = xml.text(root, "deviceType").upper()
    version = xml.text(root, "firmwareVersion")
    released = xml.text(root, "firmwareReleasedDate")
    return DeviceInfo(
        name=xml.text(root, "deviceName")[:64],
        model=xml.text(root, "model")[:64],
        serial=(xml.text(root, "serialNumber") or xml.text(root, "deviceID"))[:64],
        mac=normal_mac(xml.text(root, "macAddress")),
        firmware=" ".join(filter(None, (version, released)))[:64],
        is_recorder="DVR" in kind or "NVR" in kind,
    )


async def read_channels(client: IsapiClient, info: DeviceInfo) -> tuple[Channel, ...]:
    """Return the device's cameras. Raises DeviceError."""
    streams = await client.get_if_supported("/ISAPI/Streaming/channels")
    ids = {xml.text(one, "id") for one in streams} if streams is not None else set()
    paths = ["/ISAPI/System/Video/inputs/channels"]
    if info.is_recorder:
        paths.insert(0, "/ISAPI/ContentMgmt/InputProxy/channels")
    names: dict[int, str] = {}
    for path in paths:
        listed = await client.get_if_supported(path)
        for one in () if listed is None else listed:
            number = xml.text(one, "id")
            if re.fullmatch(r"[1-9]\d{0,2}", number) and len(names) < MAX_CHANNELS:
                names.setdefault(int(number), xml.text(one, "name")[:64])
    if not names and not info.is_recorder:
        names[1] = ""
    return tuple(
        Channel(number=number, name=name, has_sub=f"{number}02" in ids)
        for number, name in sorted(names.items())
    )


async def read_upload_abilities(client: IsapiClient) -> UploadAbilities:
    """Return how the device can deliver. Raises DeviceError."""
    nothing = UploadAbilities(plain=False, ftps=False, sftp=False, test=False)
    capabilities = await client.get_if_supported("/ISAPI/System/capabilities")
    can_test = False
    if capabilities is not None:
        known = xml.find_anywhere(capabilities, "isSupportFtp")
        if known is not None and (known.text or "").strip().lower() != "true":
            return nothing
        test = xml.find_anywhere(capabilities, "isSupportFTPTest")
        can_test = test is not None and (test.text or "").strip().lower() == "true"
    ftp = await client.get_if_supported("/ISAPI/System/Network/ftp/capabilities")
    if ftp is None:
        # Old firmware has the settings without saying what they may be.
        ftp = await client.get_if_supported("/ISAPI/System/Network/ftp")
        if ftp is None:
            return nothing
    protocols = _options(ftp, "uploadProtocolType")
    return UploadAbilities(
        plain=True,
        ftps="true" in _options(ftp, "useSSL"),
        sftp="sftp" in protocols,
        test=can_test,
    )


async def read_clock_offset(client: IsapiClient) -> float | None:
    """Return what must be added to the device's clock (seconds). Raises DeviceError.

    None where the device does not tell the time with its offset from UTC.
    """
    asked = datetime.now(UTC)
    root = await client.get_if_supported("/ISAPI/System/time")
    answered = datetime.now(UTC)
    if root is None:
        return None
    told = device_time(xml.text(root, "localTime"))
    if told is None:
        return None
    if told.tzinfo is None:
        zone = utc_offset(xml.text(root, "timeZone"))
        if zone is None:
            return None
        told = (told - zone).replace(tzinfo=UTC)
    return (asked + (answered - asked) / 2 - told).total_seconds()


def device_time(text: str) -> datetime | None:
    """Return a time as a device writes it, None where it makes no sense.

    A clock that was never set says 1970. What is before, or centuries from now, is no
    clock's, and could not even be added to.
    """
    try:
        told = datetime.fromisoformat(text)
    except ValueError:
        return None
    return told if 1970 <= told.year < 2200 else None


def utc_offset(time_zone: str) -> timedelta | None:
    """Return the standard offset in a device's time zone such as ``CST-1:00:00``.

    The sign is that of POSIX: what must be added to local time to get UTC. None for a
    zone with daylight saving, whose offset of today the text does not say directly.
    """
    found = re.fullmatch(r"[A-Za-z]+([+-]?\d{1,2}):(\d\d):(\d\d)", time_zone)
    if found is None:
        return None
    hours, minutes, seconds = found.groups()
    sign = -1 if hours.startswith("-") else 1
    return -sign * timedelta(
        hours=abs(int(hours)), minutes=int(minutes), seconds=int(seconds)
    )


async def read_storage(client: IsapiClient) -> str | None:
    """Return the worst state of the device's disks or card, in its own word.

    None where it has none. Raises DeviceError.
    """
    root = await client.get_if_supported("/ISAPI/ContentMgmt/Storage")
    if root is None:
        return None
    states = [
        xml.text(one, "status").lower()
        for one in root.iter()
        if xml.local_name(one) in ("hdd", "nas")
    ]
    bad = [state for state in states if state and state != "ok"]
    return next(iter(bad or states), None)


async def read_motion_detection(client: IsapiClient, channel: int) -> bool | None:
    """Return whether motion is detected, None where the device cannot."""
    root = await client.get_if_supported(motion_detection_path(channel))
    return None if root is None else xml.truth(root, "enabled")


def motion_detection_path(channel: int) -> str:
    """Return where a channel's motion detection is set."""
    return f"/ISAPI/System/Video/inputs/channels/{channel}/motionDetection"


async def read_triggers(client: IsapiClient) -> Element | None:
    """Return what happens on all events of a device. Raises DeviceError."""
    return await client.get_if_supported("/ISAPI/Event/triggers")


def triggers_of(
    root: Element | None, channel: int
) -> dict[DetectionType, tuple[str, Element]]:
    """Return what happens on each event of a channel: by type, its id and document."""
    found: dict[DetectionType, tuple[str, Element]] = {}
    if root is None:
        return found
    listed = root if xml.local_name(root) == "EventTriggerList" else None
    if listed is None:
        listed = xml.find(root, "EventTriggerList")
    for one in () if listed is None else listed:
        number = (
            xml.text(one, "dynVideoInputChannelID")
            or xml.text(one, "videoInputChannelID")
            or xml.text(one, "inputIOPortID")
            or "1"
        )
        event, name = xml.text(one, "eventType"), xml.text(one, "id")
        if (
            event.lower() in EVENT_TYPES
            and number == str(channel)
            and re.fullmatch(r"[A-Za-z0-9_\-]{1,64}", name)
        ):
            found.setdefault(detection_type(event), (name, one))
    return found


def uploads(trigger: Element) -> bool:
    """Return whether a trigger uploads pictures by FTP."""
    listed = xml.find(trigger, "EventTriggerNotificationList")
    return listed is not None and any(
        xml.text(one, "notificationMethod").upper() == "FTP" for one in listed
    )


def normal_mac(text: str) -> str:
    """Return a hardware address in lower case with colons, empty for anything else."""
    digits = re.sub(r"[^0-9a-f]", "", text.lower())
    if len(digits) != 12:
        return ""
    return ":".join(digits[at : at + 2] for at in range(0, 12, 2))


def _options(root: Element, name: str) -> set[str]:
    """Return the values that a field of a capability may have, in lower case."""
    element = xml.find_anywhere(root, name)
    if element is None:
        return set()
    listed = element.get("opt") or element.text or ""
    return {one.strip().lower() for one in listed.split(",") if one.strip()}
