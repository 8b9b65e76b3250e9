"""Sets a device up to deliver to the recorder: read, show, write, or put back.

Every document is read first and sent back whole, with only the named fields changed.
Nothing here touches the device's list of hosts for HTTP notifications: many devices
have room for one, and it belongs to whoever entered it.
"""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from enum import StrEnum
from ipaddress import ip_address
import logging
from xml.etree.ElementTree import Element, SubElement

from ..errors import (
    DeviceError,
    DeviceUnsupportedError,
    ProvisioningError,
)
from ..model import DetectionType
from . import xml
from .client import IsapiClient
from .describe import read_triggers, triggers_of, uploads

_LOGGER = logging.getLogger(__name__)

_FTP = "/ISAPI/System/Network/ftp"
_TIME = "/ISAPI/System/time"
_NTP = "/ISAPI/System/time/ntpServers/1"

_SCHEDULES: Mapping[DetectionType, str] = {
    DetectionType.MOTION: "motionDetections/VMD_video{}",
    DetectionType.LINE_CROSSING: "lineDetections/lineDetection-{}",
    DetectionType.INTRUSION: "fieldDetections/fieldDetection-{}",
}
"""Where a type's arming schedule is, as far as that was seen; {} is the channel."""


class Protocol(StrEnum):
    """How a device connects to deliver."""

    PLAIN = "plain"
    FTPS = "ftps"
    SFTP = "sftp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a device delivers to, and as whom."""

    host: str
    port: int
    protocol: Protocol
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """How a channel should be set up.

    Pictures are uploaded on ``events``: ``count`` of them, ``interval`` milliseconds
    apart. ``always`` arms these events around the clock; otherwise their schedules
    stay. ``time_zone`` is as devices write it, None to leave the clock alone;
    ``ntp_server`` empty leaves the device's own way of keeping time.
    """

    target: Target
    events: frozenset[DetectionType]
    count: int
    interval: int
    always: bool
    time_zone: str | None = None
    ntp_server: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One line of the preview. ``about`` is the detection type it concerns, if any."""

    what: str
    before: str
    after: str
    about: DetectionType | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A document before and after."""

    path: str
    before: bytes = field(repr=False)
    after: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What will be written, and what an owner should know of it."""

    wanted: Wanted
    edits: tuple[Edit, ...]
    changes: tuple[Change, ...]
    not_offered: tuple[str, ...]
    """Keys of what was wanted and the device does not have."""


def account_written(edits: Iterable[Edit], refused: str) -> bool:
    """Tell whether the device has the new account, though a path was refused."""
    paths = [edit.path for edit in edits]
    if refused not in paths:
        # The test, which comes after all of them.
        return True
    return any(path.startswith(_FTP) for path in paths[: paths.index(refused)])


def account_first(edits: Iterable[Edit]) -> tuple[Edit, ...]:
    """Return the edits with that of the account before all others."""
    return tuple(sorted(edits, key=lambda edit: not edit.path.startswith(_FTP)))


async def make_plan(
    client: IsapiClient, channel: int, wanted: Wanted, *, now: datetime
) -> Plan:
    """Read a channel's configuration and return what has to be written.

    Raises DeviceError; DeviceUnsupportedError when the device cannot deliver.
    """
    planner = _Planner(client, channel, wanted)
    if wanted.time_zone is not None:
        await planner.time(wanted.time_zone, now.tzinfo, now)
    await planner.captures()
    if wanted.always:
        await planner.schedules()
    await planner.delivery()
    await planner.linkage()
    return Plan(
        wanted=wanted,
        edits=tuple(planner.edits),
        changes=tuple(planner.changes),
        not_offered=tuple(planner.not_offered),
    )


async def write(client: IsapiClient, edits: Iterable[Edit]) -> None:
    """Write the documents in order.

    When one is refused, those before it are put back and ProvisioningError is raised.
    """
    written: list[Edit] = []
    for edit in edits:
        written.append(edit)
        try:
            await client.put(edit.path, edit.after)
        except DeviceError as err:
            left = await put_back(client, written)
            raise ProvisioningError(
                f"{client.login.host} refused {edit.path}: {err}",
                path=edit.path,
                error=str(err),
                left=", ".join(left) or "–",
            ) from err


async def put_back(client: IsapiClient, edits: Iterable[Edit]) -> list[str]:
    """Write the documents as they were before, the last first.

    Returns the paths at which that failed. No device tells the password of its old
    upload account: where it had one, it has to be entered there again.
    """
    left: list[str] = []
    for edit in reversed(list(edits)):
        try:
            await client.put(edit.path, edit.before)
        except DeviceError as err:
            _LOGGER.warning("%s was not put back: %s", edit.path, err)
            left.append(edit.path)
    return left


async def test_delivery(client: IsapiClient, target: Target) -> None:
    """Let the device try its delivery. Raises DeviceError when it says it failed.

    What the device says of success proves nothing: look for the upload.
    """
    document = Element(
        "FTPTestDescription",
        {"version": "2.0", "xmlns": "http://www.isapi.org/ver20/XMLSchema"},
    )
    _fill_target(document, target, every_field=True)
    answer = await client.post(f"{_FTP}/test", document)
    code = xml.text(answer, "errorCode")
    if code not in ("", "0", "1"):
        detail = xml.text(answer, "errorDescription") or code
        raise ProvisioningError(
            f"{client.login.host} could not deliver: {detail}",
            path=f"{_FTP}/test",
            error=detail,
            left="–",
        )


async def set_linkage(
    client: IsapiClient, channel: int, kind: DetectionType, *, on: bool
) -> None:
    """Upload pictures of a type by FTP, or stop that. Raises DeviceError."""
    triggers = triggers_of(await read_triggers(client), channel)
    if kind not in triggers:
        raise DeviceUnsupportedError(
            f"{client.login.host} has no {kind}", host=client.login.host
        )
    name, listed = triggers[kind]
    path = f"/ISAPI/Event/triggers/{name}"
    document = await client.get_if_supported(path)
    changed = deepcopy(listed if document is None else document)
    if _link(changed, on=on):
        await client.put(path, changed)


async def set_motion_detection(client: IsapiClient, path: str, *, on: bool) -> None:
    """Turn motion detection on or off. Raises DeviceError."""
    document = await client.get(path)
    xml.put(document, _truth(on), "enabled")
    await client.put(path, document)


class _Planner:
    """Collects the edits and changes of a plan."""

    def __init__(self, client: IsapiClient, channel: int, wanted: Wanted) -> None:
        self._client = client
        self._channel = channel
        self._wanted = wanted
        self.edits: list[Edit] = []
        self.changes: list[Change] = []
        self.not_offered: list[str] = []

    async def time(self, zone: str, tz: tzinfo | None, now: datetime) -> None:
        document = await self._client.get_if_supported(_TIME)
        if document is None:
            self.not_offered.append("time")
            return
        before = deepcopy(document)
        server = self._wanted.ntp_server
        xml.put(document, zone, "timeZone")
        if server:
            xml.put(document, "NTP", "timeMode")
        elif xml.text(document, "timeMode") == "manual":
            local = now.astimezone(tz).replace(microsecond=0)
            xml.put(document, local.isoformat(), "localTime")
        if [xml.text(before, one) for one in ("timeZone", "timeMode")] != [
            xml.text(document, one) for one in ("timeZone", "timeMode")
        ] or xml.text(before, "timeMode") == "manual":
            self._edit(_TIME, before, document)
        self._change("time_zone", before, document, "timeZone")
        self._change("time_mode", before, document, "timeMode")
        if server:
            await self._ntp(server)

    async def _ntp(self, server: str) -> None:
        document = await self._client.get_if_supported(_NTP)
        if document is None:
            self.not_offered.append("ntp")
            return
        before = deepcopy(document)
        _fill_host(document, server)
        xml.put(document, "123", "portNo")
        if xml.serialize(before) != xml.serialize(document):
            self._edit(_NTP, before, document)
        self._tell("ntp_server", _host(before), _host(document))

    async def captures(self) -> None:
        path = f"/ISAPI/Snapshot/channels/{self._channel}"
        document = await self._client.get_if_supported(path)
        if document is None:
            self.not_offered.append("captures")
            return
        before = deepcopy(document)
        xml.put(document, "true", "eventCapture", "enabled")
        compress = ("eventCapture", "compress")
        xml.put(document, str(self._wanted.interval), *compress, "captureInterval")
        xml.put(document, str(self._wanted.count), *compress, "captureNumber")
        if xml.serialize(before) != xml.serialize(document):
            self._edit(path, before, document)
        self._change("captures", before, document, "eventCapture", "enabled")
        self._change("capture_count", before, document, *compress, "captureNumber")
        self._change("capture_interval", before, document, *compress, "captureInterval")

    async def schedules(self) -> None:
        for kind in sorted(self._wanted.events):
            if kind not in _SCHEDULES:
                continue
            name = _SCHEDULES[kind].format(self._channel)
            path = f"/ISAPI/Event/schedules/{name}"
            document = await self._client.get_if_supported(path)
            if document is None:
                self.not_offered.append("schedule")
                continue
            before = deepcopy(document)
            _arm_always(document)
            if xml.serialize(before) != xml.serialize(document):
                self._edit(path, before, document)
            self._tell("schedule", _hours(before), _hours(document), kind)

    async def delivery(self) -> None:
        target = self._wanted.target
        listed = await self._client.get(_FTP)
        entries = [
            one for one in listed.iter() if xml.local_name(one) == "FTPNotification"
        ]
        if not entries:
            raise DeviceUnsupportedError(
                f"{self._client.login.host} cannot deliver files",
                host=self._client.login.host,
            )
        entry = _entry_for(entries, target)
        path, before = _FTP, listed
        if number := xml.text(entry, "id"):
            single = await self._client.get_if_supported(f"{_FTP}/{number}")
            if single is not None:
                path, before, entry = f"{_FTP}/{number}", single, single
        old = deepcopy(entry)
        unchanged = deepcopy(before)
        xml.put(entry, "true", "enabled")
        xml.put(entry, "true", "uploadPicture")
        _fill_target(entry, target)
        xml.put(entry, "1", "uploadPath", "pathDepth")
        xml.put(entry, "devIp", "uploadPath", "topDirNameRule")
        self._edit(path, unchanged, before)
        self._tell("server", _server(old), _server(entry))
        for what, *names in (
            ("delivery", "enabled"),
            ("protocol", "uploadProtocolType"),
            ("encryption", "useSSL"),
            ("account", "userName"),
            ("folders", "uploadPath", "pathDepth"),
            ("folder_name", "uploadPath", "topDirNameRule"),
            ("pictures", "uploadPicture"),
        ):
            self._change(what, old, entry, *names)
        self.changes.append(Change(what="password", before="", after="••••••••"))

    async def linkage(self) -> None:
        triggers = triggers_of(await read_triggers(self._client), self._channel)
        for kind in sorted(self._wanted.events):
            if kind not in triggers:
                self.not_offered.append("linkage")
                continue
            name, listed = triggers[kind]
            path = f"/ISAPI/Event/triggers/{name}"
            document = await self._client.get_if_supported(path)
            document = deepcopy(listed) if document is None else document
            before = deepcopy(document)
            if _link(document, on=True):
                self._edit(path, before, document)
                self._tell("linkage", "false", "true", kind)

    def _edit(self, path: str, before: Element, after: Element) -> None:
        self.edits.append(
            Edit(path=path, before=xml.serialize(before), after=xml.serialize(after))
        )

    def _change(self, what: str, before: Element, after: Element, *path: str) -> None:
        self._tell(what, xml.text(before, *path), xml.text(after, *path))

    def _tell(
        self, what: str, before: str, after: str, about: DetectionType | None = None
    ) -> None:
        if before != after:
            self.changes.append(
                Change(what=what, before=before, after=after, about=about)
            )


def _entry_for(entries: list[Element], target: Target) -> Element:
    """Return ours if it is there, else a free one, else the first."""
    for one in entries:
        if _host(one) == target.host and xml.text(one, "userName") == target.username:
            return one
    for one in entries:
        if xml.truth(one, "enabled") is not True and _host(one) in ("", "0.0.0.0"):  # noqa: S104
            return one
    return entries[0]


def _fill_target(
    element: Element, target: Target, *, every_field: bool = False
) -> None:
    """Write where to deliver. Fields that only some firmware has are added to none."""
    _fill_host(element, target.host)
    xml.put(element, str(target.port), "portNo")
    xml.put(element, target.username, "userName")
    xml.put(element, target.password, "password")
    for name, value in (
        ("annoyftp", "false"),
        ("passiveModeEnabled", "true"),
        ("useSSL", _truth(target.protocol is Protocol.FTPS)),
        ("uploadProtocolType", "SFTP" if target.protocol is Protocol.SFTP else "FTP"),
    ):
        needed = (name, target.protocol) in (
            ("useSSL", Protocol.FTPS),
            ("uploadProtocolType", Protocol.SFTP),
        )
        if every_field or needed or xml.find(element, name) is not None:
            xml.put(element, value, name)


def _fill_host(element: Element, host: str) -> None:
    """Write an address or a name in the field that it belongs into."""
    try:
        version = ip_address(host).version
    except ValueError:
        kind, name = "hostname", "hostName"
    else:
        kind, name = "ipaddress", "ipAddress" if version == 4 else "ipv6Address"
        if version == 6 and xml.find(element, "ipV6Address") is not None:
            name = "ipV6Address"
    xml.put(element, kind, "addressingFormatType")
    xml.put(element, host, name)


def _host(element: Element) -> str:
    if xml.text(element, "addressingFormatType") == "hostname":
        return xml.text(element, "hostName")
    return next(
        filter(
            None,
            (
                xml.text(element, name)
                for name in ("ipAddress", "ipv6Address", "ipV6Address")
            ),
        ),
        "",
    )


def _server(element: Element) -> str:
    host = _host(element)
    return f"{host} {xml.text(element, 'portNo')}" if host else ""


def _link(trigger: Element, *, on: bool) -> bool:
    """Change whether a trigger uploads; returns whether that changed anything."""
    if uploads(trigger) == on:
        return False
    name = "EventTriggerNotificationList"
    listed = xml.find(trigger, name)
    if listed is None:
        xml.put(trigger, "", name)
        listed = xml.find(trigger, name)
        assert listed is not None
    if on:
        prefix, colon, _ = trigger.tag.rpartition(":")
        entry = SubElement(listed, f"{prefix}{colon}EventTriggerNotification")
        xml.put(entry, "FTP", "id")
        xml.put(entry, "FTP", "notificationMethod")
        xml.put(entry, "beginning", "notificationRecurrence")
        return True
    for one in list(listed):
        if xml.text(one, "notificationMethod").upper() == "FTP":
            listed.remove(one)
    return True


def _arm_always(schedule: Element) -> None:
    """Give each day one block, from its first to its last minute."""
    blocks = xml.find(schedule, "TimeBlockList")
    if blocks is None:
        xml.put(schedule, "", "TimeBlockList")
        blocks = xml.find(schedule, "TimeBlockList")
        assert blocks is not None
    first = {xml.text(one, "dayOfWeek"): one for one in reversed(list(blocks))}
    for one in list(blocks):
        if first[xml.text(one, "dayOfWeek")] is not one:
            blocks.remove(one)
    prefix, colon, _ = schedule.tag.rpartition(":")
    for day in map(str, range(1, 8)):
        block = first.get(day)
        if block is None:
            block = SubElement(blocks, f"{prefix}{colon}TimeBlock")
            xml.put(block, day, "dayOfWeek")
        xml.put(block, "00:00", "TimeRange", "beginTime")
        xml.put(block, "24:00", "TimeRange", "endTime")


def _hours(schedule: Element) -> str:
    """Return how many hours a week a schedule arms, as text."""
    minutes = 0
    blocks = xml.find(schedule, "TimeBlockList")
    for one in () if blocks is None else blocks:
        times = []
        for name in ("beginTime", "endTime"):
            hour, _, minute = xml.text(one, "TimeRange", name).partition(":")
            if not (hour.isdigit() and minute[:2].isdigit()):
                break
            times.append(int(hour) * 60 + int(minute[:2]))
        if len(times) == 2:
            minutes += max(0, times[1] - times[0])
    return f"{minutes / 60:g} h"


def _truth(value: bool) -> str:
    return "true" if value else "false"
