"""Setting a device up: what is shown is what is written, and it can be put back."""

from datetime import datetime
from pathlib import Path
import re
from typing import Any
import xml.etree.ElementTree as ET
from zoneinfo import ZoneInfo

import pytest

from custom_components.hikvision_nvr.device import (
    Backups,
    Protocol,
    Target,
    Wanted,
    provisioning,
)
from custom_components.hikvision_nvr.device.time_zone import device_time_zone
from custom_components.hikvision_nvr.errors import (
    DeviceUnsupportedError,
    ProvisioningError,
)
from custom_components.hikvision_nvr.model import DetectionType
from tests.simulators import device_profiles as profiles
from tests.simulators.device import SimulatedDevice
from tests.simulators.device_profiles import Profile

from .conftest import Simulate, client_of

BERLIN = ZoneInfo("Europe/Berlin")
BERLIN_ON_DEVICES = "CST-1:00:00DST01:00:00,M3.5.0/02:00:00,M10.5.0/03:00:00"
NOW = datetime(2026, 11, 22, 12, tzinfo=BERLIN)


def wanted(protocol: Protocol = Protocol.PLAIN, **changes: Any) -> Wanted:
    fields: dict[str, Any] = {
        "target": Target(
            host="192.0.2.10",
            port=2121,
            protocol=protocol,
            username="front-door",
            password="Tell-Nobody1",
        ),
        "events": frozenset({DetectionType.MOTION, DetectionType.LINE_CROSSING}),
        "count": 3,
        "interval": 1000,
        "always": True,
        "time_zone": BERLIN_ON_DEVICES,
        "ntp_server": "192.0.2.1",
    }
    return Wanted(**(fields | changes))


async def plan_for(
    device: SimulatedDevice, wish: Wanted | None = None
) -> provisioning.Plan:
    async with client_of(device) as client:
        return await provisioning.make_plan(client, 1, wish or wanted(), now=NOW)


async def test_looking_writes_nothing(simulate: Simulate) -> None:
    device = simulate(profiles.PLAIN_FTP)
    await plan_for(device)
    assert {method for method, _ in device.requests} == {"GET"}


async def test_the_preview_tells_each_change(simulate: Simulate) -> None:
    plan = await plan_for(simulate(profiles.PLAIN_FTP))
    told = {
        (one.what, one.about): (one.before, one.after)
        for one in plan.changes
        if one.what != "password"
    }
    assert told == {
        ("time_zone", None): ("CST-8:00:00", BERLIN_ON_DEVICES),
        ("time_mode", None): ("manual", "NTP"),
        ("ntp_server", None): ("time.example", "192.0.2.1"),
        ("captures", None): ("false", "true"),
        ("capture_count", None): ("1", "3"),
        ("capture_interval", None): ("5000", "1000"),
        ("schedule", "motion"): ("10 h", "168 h"),
        ("server", None): ("0.0.0.0 21", "192.0.2.10 2121"),
        ("delivery", None): ("false", "true"),
        ("account", None): ("", "front-door"),
        ("folders", None): ("0", "1"),
        ("folder_name", None): ("devName", "devIp"),
        ("pictures", None): ("false", "true"),
        ("linkage", "motion"): ("false", "true"),
        ("linkage", "line_crossing"): ("false", "true"),
    }
    # It has no schedule for line crossing.
    assert plan.not_offered == ("schedule",)


async def test_what_is_written_keeps_everything_else(simulate: Simulate) -> None:
    device = simulate(profiles.PLAIN_FTP)
    hosts = device.documents["/ISAPI/Event/notification/httpHosts"]
    plan = await plan_for(device)
    async with client_of(device) as client:
        await provisioning.write(client, plan.edits)

    ftp = device.delivery()
    assert (ftp["ipAddress"], ftp["portNo"]) == ("192.0.2.10", "2121")
    assert (ftp["userName"], ftp["password"]) == ("front-door", "Tell-Nobody1")
    assert ftp["vendorField"] == "kept"
    assert "kept" in device.documents["/ISAPI/System/time"]
    for event in ("VMD", "linedetection"):
        trigger = device.documents[f"/ISAPI/Event/triggers/{event}-1"]
        methods = re.findall(r"notificationMethod>(\w+)<", trigger)
        assert methods == ["center", "FTP"]
    untouched = device.documents["/ISAPI/Event/triggers/fielddetection-1"]
    assert "FTP" not in untouched
    assert device.documents["/ISAPI/Event/notification/httpHosts"] == hosts
    assert not any("httpHosts" in path for _, path in device.requests)

    # A second time there is only the password to write, which no device tells.
    again = await plan_for(device)
    assert [edit.path for edit in again.edits] == ["/ISAPI/System/Network/ftp/1"]
    assert [one.what for one in again.changes] == ["password"]


async def test_everything_can_be_put_back(simulate: Simulate, tmp_path: Path) -> None:
    device = simulate(profiles.PLAIN_FTP)
    before = dict(device.documents)
    plan = await plan_for(device)
    backups = Backups(tmp_path)
    backups.keep("camera", plan.edits)
    async with client_of(device) as client:
        await provisioning.write(client, plan.edits)
        # Provisioned once more: what the owner had stays what can be put back.
        again = await plan_for(device, wanted(count=5))
        backups.keep("camera", again.edits)
        await provisioning.write(client, again.edits)
        saved = Backups(tmp_path).edits("camera")
        assert await provisioning.put_back(client, saved) == []
        # The simulated device has kept the password, which nobody can read.
        after = {path: _bare(device.documents[path]) for path in device.writes}
    assert after == {path: _bare(before[path]) for path in device.writes}
    assert next(tmp_path.iterdir()).stat().st_mode & 0o077 == 0


def _bare(text: str) -> str:
    """Return a document without the clock, whoever wrote it."""
    text = re.sub(r"<(\w+:)?(localTime|password)>[^<]*</(\w+:)?\2>", "", text)
    return ET.canonicalize(text, rewrite_prefixes=True, strip_text=True)


async def test_a_refusal_in_the_middle_puts_back_what_was_written(
    simulate: Simulate,
) -> None:
    device = simulate(profiles.PLAIN_FTP)
    plan = await plan_for(device)
    device.refused_paths.add("/ISAPI/Event/triggers/linedetection-1")
    async with client_of(device) as client:
        with pytest.raises(ProvisioningError) as failed:
            await provisioning.write(client, plan.edits)
    assert failed.value.placeholders["path"] == "/ISAPI/Event/triggers/linedetection-1"
    assert device.delivery()["enabled"] == "false"
    assert "FTP" not in device.documents["/ISAPI/Event/triggers/VMD-1"]


@pytest.mark.parametrize(
    ("profile", "protocol", "field", "value"),
    [
        (profiles.SFTP, Protocol.SFTP, "uploadProtocolType", "SFTP"),
        (profiles.SFTP, Protocol.PLAIN, "uploadProtocolType", "FTP"),
        (profiles.FTPS, Protocol.FTPS, "useSSL", "true"),
        (profiles.FTPS, Protocol.PLAIN, "useSSL", "false"),
    ],
)
async def test_the_protocol_is_the_one_that_was_chosen(
    simulate: Simulate, profile: Profile, protocol: Protocol, field: str, value: str
) -> None:
    device = simulate(profile)
    plan = await plan_for(device, wanted(protocol))
    async with client_of(device) as client:
        await provisioning.write(client, plan.edits)
    assert device.delivery()[field] == value


async def test_old_firmware_gets_no_fields_that_it_does_not_know(
    simulate: Simulate,
) -> None:
    device = simulate(profiles.OLD)
    plan = await plan_for(device)
    async with client_of(device) as client:
        await provisioning.write(client, plan.edits)
    assert not {"useSSL", "uploadProtocolType", "passiveModeEnabled"} & set(
        device.delivery()
    )


async def test_a_server_with_a_name_or_an_ipv6_address_has_its_own_field(
    simulate: Simulate,
) -> None:
    for host, field in (("nvr.lan", "hostName"), ("2001:db8::1", "ipv6Address")):
        device = simulate(profiles.PLAIN_FTP)
        target = Target(
            host=host,
            port=21,
            protocol=Protocol.PLAIN,
            username="front-door",
            password="Tell-Nobody1",
        )
        plan = await plan_for(device, wanted(target=target))
        async with client_of(device) as client:
            await provisioning.write(client, plan.edits)
        assert device.delivery()[field] == host


async def test_a_recorder_that_delivers_nothing_is_told_apart(
    simulate: Simulate,
) -> None:
    device = simulate(profiles.RECORDER)
    with pytest.raises(DeviceUnsupportedError):
        await plan_for(device)


async def test_without_a_wish_the_clock_is_left_alone(simulate: Simulate) -> None:
    device = simulate(profiles.PLAIN_FTP)
    plan = await plan_for(device, wanted(time_zone=None))
    assert not any("time" in edit.path for edit in plan.edits)
    # Without a server the clock that was set by hand is set by hand.
    plan = await plan_for(device, wanted(ntp_server=""))
    (edit,) = (edit for edit in plan.edits if "time" in edit.path)
    assert b"<localTime>2026-11-22T12:00:00+01:00<" in edit.after


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        ("Europe/Berlin", BERLIN_ON_DEVICES),
        ("UTC", "CST+0:00:00"),
        ("Asia/Shanghai", "CST-8:00:00"),
        ("Asia/Kolkata", "CST-5:30:00"),
        (
            "America/New_York",
            "CST+5:00:00DST01:00:00,M3.2.0/02:00:00,M11.1.0/02:00:00",
        ),
        (
            "Australia/Lord_Howe",
            "CST-10:30:00DST00:30:00,M10.1.0/02:00:00,M4.1.0/02:00:00",
        ),
        ("Europe/Dublin", None),
        ("America/Nuuk", None),
    ],
)
def test_time_zones_are_written_as_devices_write_them(
    zone: str, text: str | None
) -> None:
    assert device_time_zone(ZoneInfo(zone)) == text


# What devices of other kinds and ages have instead


def changed(device: SimulatedDevice, path: str, old: str, new: str) -> None:
    assert old in device.documents[path]
    device.documents[path] = device.documents[path].replace(old, new)


async def test_what_a_device_does_not_have_is_told_and_the_rest_is_set_up(
    simulate: Simulate,
) -> None:
    device = simulate(profiles.PLAIN_FTP)
    del device.documents["/ISAPI/System/time/ntpServers/1"]
    del device.documents["/ISAPI/Snapshot/channels/1"]
    plan = await plan_for(device)
    assert set(plan.not_offered) == {"ntp", "captures", "schedule"}
    del device.documents["/ISAPI/System/time"]
    plan = await plan_for(
        device, wanted(always=False, events={DetectionType.FACE, DetectionType.MOTION})
    )
    assert set(plan.not_offered) == {"time", "captures", "linkage"}
    assert [edit.path for edit in plan.edits] == [
        "/ISAPI/System/Network/ftp/1",
        "/ISAPI/Event/triggers/VMD-1",
    ]


ENTRY = (
    "<FTPNotification><id>{}</id><enabled>{}</enabled>"
    "<addressingFormatType>ipaddress</addressingFormatType>"
    "<ipAddress>{}</ipAddress><portNo>21</portNo><userName>{}</userName>"
    "</FTPNotification>"
)


@pytest.mark.parametrize(
    ("entries", "chosen"),
    [
        # Ours is written again, wherever it is.
        (
            [(1, "true", "192.0.2.7", "nas"), (2, "true", "192.0.2.10", "front-door")],
            "2",
        ),
        # A free one is taken before somebody else's.
        ([(1, "true", "192.0.2.7", "nas"), (2, "false", "0.0.0.0", "")], "2"),
        # Of two that are used, the first: the preview shows whose it was.
        (
            [(1, "true", "192.0.2.7", "nas"), (2, "true", "192.0.2.8", "archive")],
            "1",
        ),
    ],
)
async def test_of_several_deliveries_nobody_elses_is_taken_without_need(
    simulate: Simulate, entries: list[tuple[Any, ...]], chosen: str
) -> None:
    device = simulate(profiles.PLAIN_FTP)
    listed = "".join(ENTRY.format(*one) for one in entries)
    # Old firmware has them in one document only.
    del device.documents["/ISAPI/System/Network/ftp/1"]
    device.documents["/ISAPI/System/Network/ftp"] = (
        f'<FTPNotificationList xmlns="{device.profile.namespace}">{listed}'
        "</FTPNotificationList>"
    )
    plan = await plan_for(device, wanted(events=frozenset(), time_zone=None))
    (edit,) = (one for one in plan.edits if "ftp" in one.path)
    assert edit.path == "/ISAPI/System/Network/ftp"
    namespace = f"{{{device.profile.namespace}}}"
    after = {
        str(one.findtext(f"{namespace}id")): one.findtext(f"{namespace}ipAddress")
        for one in ET.fromstring(edit.after)
    }
    before = {str(number): host for number, _, host, _ in entries}
    assert after == before | {chosen: "192.0.2.10"}


async def test_a_device_without_a_place_for_files_cannot_be_set_up(
    simulate: Simulate,
) -> None:
    device = simulate(profiles.PLAIN_FTP)
    device.documents["/ISAPI/System/Network/ftp"] = (
        f'<FTPNotificationList xmlns="{device.profile.namespace}"/>'
    )
    with pytest.raises(DeviceUnsupportedError, match="cannot deliver"):
        await plan_for(device)


async def test_schedules_and_triggers_that_are_empty_or_odd_are_filled(
    simulate: Simulate,
) -> None:
    device = simulate(profiles.PLAIN_FTP)
    path = "/ISAPI/Event/schedules/motionDetections/VMD_video1"
    block = re.search(r"<TimeBlock>.*</TimeBlock>", device.documents[path])
    assert block is not None
    # Two of one day, one without hours.
    odd = block[0].replace("08:00", "morning").replace(">1<", ">2<")
    changed(device, path, block[0], block[0] * 2 + odd)
    trigger = "/ISAPI/Event/triggers/VMD-1"
    methods = re.search(
        r"<EventTriggerNotificationList>.*</EventTriggerNotificationList>",
        device.documents[trigger],
    )
    assert methods is not None
    changed(device, trigger, methods[0], "")
    plan = await plan_for(device)
    (told,) = (one for one in plan.changes if one.what == "schedule")
    assert (told.before, told.after) == ("20 h", "168 h")
    async with client_of(device) as client:
        await provisioning.write(client, plan.edits)
    assert device.documents[path].count("TimeBlock>") == 2 * 7
    assert "FTP" in device.documents[trigger]

    device.documents[path] = re.sub(
        r"<(\w+:)?TimeBlockList>.*</(\w+:)?TimeBlockList>", "", device.documents[path]
    )
    (told,) = (
        one for one in (await plan_for(device)).changes if one.what == "schedule"
    )
    assert (told.before, told.after) == ("0 h", "168 h")


async def test_an_ipv6_address_goes_where_the_firmware_spells_it(
    simulate: Simulate,
) -> None:
    device = simulate(profiles.PLAIN_FTP)
    for path in ("/ISAPI/System/Network/ftp", "/ISAPI/System/Network/ftp/1"):
        changed(device, path, "<portNo>21", "<ipV6Address>::</ipV6Address><portNo>21")
    target = Target(
        host="2001:db8::1",
        port=21,
        protocol=Protocol.PLAIN,
        username="front-door",
        password="Tell-Nobody1",
    )
    plan = await plan_for(device, wanted(target=target))
    async with client_of(device) as client:
        await provisioning.write(client, plan.edits)
    assert device.delivery()["ipV6Address"] == "2001:db8::1"
    assert "ipv6Address" not in device.delivery()


async def test_a_delivery_that_the_device_could_not_make_is_told(
    simulate: Simulate,
) -> None:
    device = simulate(profiles.PLAIN_FTP)
    nobody = Target(
        host="127.0.0.1",
        port=9,
        protocol=Protocol.PLAIN,
        username="front-door",
        password="Tell-Nobody1",
    )
    async with client_of(device) as client:
        with pytest.raises(ProvisioningError, match="could not deliver: failed"):
            await provisioning.test_delivery(client, nobody)


async def test_the_upload_of_an_event_is_switched_only_where_there_is_one(
    simulate: Simulate,
) -> None:
    device = simulate(profiles.PLAIN_FTP)
    async with client_of(device) as client:
        with pytest.raises(DeviceUnsupportedError, match="has no face"):
            await provisioning.set_linkage(client, 1, DetectionType.FACE, on=True)
        await provisioning.set_linkage(client, 1, DetectionType.MOTION, on=True)
        assert device.writes == ["/ISAPI/Event/triggers/VMD-1"]
        # What is so already is not written again.
        await provisioning.set_linkage(client, 1, DetectionType.MOTION, on=True)
        assert len(device.writes) == 1
