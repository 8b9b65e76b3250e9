"""Finding devices over real multicast on loopback, and enduring whoever else answers."""

from collections.abc import Iterator
import random
import socket

import pytest

from custom_components.hikvision_nvr.device import FoundDevice, discovery, scan
from tests.simulators.discovery import Answerer, sadp_reply, ws_reply

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def sadp() -> Iterator[Answerer]:
    with Answerer(port=free_port()) as answerer:
        yield answerer


@pytest.fixture
def onvif() -> Iterator[Answerer]:
    with Answerer(port=free_port(), to_all=False) as answerer:
        yield answerer


async def found(sadp: Answerer, onvif: Answerer) -> list[FoundDevice]:
    return await scan([LOOPBACK], sadp_port=sadp.port, ws_port=onvif.port, seconds=0.4)


@pytest.mark.parametrize("to_all", [True, False])
async def test_devices_are_found_by_sadp(
    sadp: Answerer, onvif: Answerer, to_all: bool
) -> None:
    sadp.to_all = to_all
    sadp.replies = [
        sadp_reply(address="192.0.2.64", port=8080),
        sadp_reply(address="192.0.2.65", serial="DS-NEW-2", mac="-", activated=False),
    ]
    first, second = sorted(await found(sadp, onvif), key=lambda one: one.address)
    assert first == FoundDevice(
        address="192.0.2.64",
        http_port=8080,
        serial="DS-2CD2146G2-ISU20220101AAWRJ00000001",
        mac="bc:ad:28:00:00:01",
        model="DS-2CD2146G2-ISU",
        firmware="V5.5.82build 190910",
    )
    assert (second.serial, second.mac, second.activated) == ("DS-NEW-2", "", False)
    assert b"<Types>inquiry</Types>" in sadp.questions[0]


async def test_other_brands_are_found_by_onvif_and_known_devices_once(
    sadp: Answerer, onvif: Answerer
) -> None:
    onvif.replies = [ws_reply(f"http://{LOOPBACK}:8000/onvif/device_service")]
    (device,) = await found(sadp, onvif)
    assert device.onvif == f"http://{LOOPBACK}:8000/onvif/device_service"
    assert (device.address, device.http_port) == (LOOPBACK, 8000)
    assert device.model == "IPC-T5442"
    assert b"NetworkVideoTransmitter" in onvif.questions[0]

    sadp.replies = [sadp_reply(address=LOOPBACK)]
    (device,) = await found(sadp, onvif)
    assert device.serial


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"<ProbeMatch>",
        b"\xff\xfe\x00",
        random.Random(1).randbytes(1000),
        b"<ProbeMatch>" + b"<a/>" * 4000 + b"</ProbeMatch>",
        b'<!DOCTYPE a [<!ENTITY b "c">]>' + sadp_reply(address="192.0.2.64"),
        sadp_reply(address="239.1.2.3"),
        sadp_reply(address="0.0.0.0"),
        sadp_reply(address="nowhere"),
        sadp_reply(address="192.0.2.64", serial="", mac=""),
        sadp_reply(address="192.0.2.64", serial="../../etc", mac="x"),
        # Nobody may speak for another address.
        ws_reply("http://192.0.2.99/onvif/device_service"),
        ws_reply("file:///etc/passwd"),
        ws_reply("http://[::1"),
    ],
)
async def test_what_is_malformed_or_a_lie_is_ignored(
    sadp: Answerer, onvif: Answerer, reply: bytes
) -> None:
    sadp.replies = onvif.replies = [reply]
    assert await found(sadp, onvif) == []
    assert sadp.questions


async def test_a_flood_is_cut_off(
    sadp: Answerer, onvif: Answerer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sadp.replies = [
        sadp_reply(address="192.0.2.64", serial=f"DS-{number:05}", mac="-")
        for number in range(100)
    ]
    # Questions are heard as well on the port of the answers.
    assert 10 <= len(await found(sadp, onvif)) <= discovery.MAX_ADDRESS_REPLIES
    monkeypatch.setattr(discovery, "MAX_ADDRESS_REPLIES", 1000)
    monkeypatch.setattr(discovery, "MAX_REPLIES", 20)
    assert 10 <= len(await found(sadp, onvif)) <= 20


async def test_interfaces_that_are_gone_are_passed_over(
    sadp: Answerer, onvif: Answerer
) -> None:
    sadp.replies = [sadp_reply(address="192.0.2.64")]
    devices = await scan(
        ["192.0.2.250", LOOPBACK, LOOPBACK],
        sadp_port=sadp.port,
        ws_port=onvif.port,
        seconds=0.4,
    )
    assert len(devices) == 1
