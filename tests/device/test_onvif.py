"""Streams of other brands' cameras are asked for by ONVIF."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
import socket

import pytest

from custom_components.hikvision_nvr.device import StreamAddress, find_stream, onvif
from custom_components.hikvision_nvr.errors import (
    DeviceAuthError,
    DeviceError,
    DeviceOfflineError,
    NotADeviceError,
)
from tests.simulators.onvif import HOST, OnvifCamera


@pytest.fixture
def camera() -> Iterator[OnvifCamera]:
    with OnvifCamera() as camera:
        yield camera


async def ask(camera: OnvifCamera, **changes: str) -> StreamAddress:
    login = {"username": camera.username, "password": camera.password, **changes}
    return await find_stream(HOST, camera.port, **login)


FOUND = StreamAddress(port=8554, path="cam/realmonitor?channel=1&subtype=0")


@pytest.mark.parametrize("offset", [timedelta(), timedelta(days=-400)])
async def test_the_stream_is_found_whatever_the_clock_says(
    camera: OnvifCamera, offset: timedelta
) -> None:
    camera.clock_offset = offset
    assert await ask(camera) == FOUND
    assert len(camera.asked) == 4


async def test_a_camera_that_wants_a_login_for_the_time_is_asked_all_the_same(
    camera: OnvifCamera,
) -> None:
    camera.asks_always = True
    assert await ask(camera) == FOUND


async def test_the_service_is_where_discovery_says(camera: OnvifCamera) -> None:
    camera.service = "/other/device"
    login = (camera.username, camera.password)
    told = f"http://{HOST}:{camera.port}/other/device"
    assert await find_stream(HOST, told, *login) == FOUND
    with pytest.raises(DeviceError):
        await find_stream(HOST, camera.port, *login)


@pytest.mark.parametrize(
    "told",
    [None, "https://127.0.0.1/onvif/device_service", "http://192.0.2.9/onvif/device"],
)
async def test_without_that_the_usual_ports_are_asked_and_one_gets_the_login(
    camera: OnvifCamera, told: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What discovery says of another host, or by HTTPS, is not believed."""
    with OnvifCamera() as nobody:
        gone = nobody.port
    web_page = OnvifCamera(answer="<html><body>Hello</body></html>")
    with web_page, OnvifCamera() as later:
        monkeypatch.setattr(
            onvif, "USUAL_PORTS", (gone, web_page.port, camera.port, later.port)
        )
        found = await find_stream(HOST, told, camera.username, camera.password)
        assert found == FOUND
        assert len(camera.asked) == 4
        for other in (web_page, later):
            assert other.asked == ["GetSystemDateAndTime"]


async def test_silent_ports_take_no_longer_than_one(
    camera: OnvifCamera, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onvif, "LOOK_TIME", 0.3)
    with socket.create_server((HOST, 0)) as silent:
        ports = (silent.getsockname()[1],) * 4
        monkeypatch.setattr(onvif, "USUAL_PORTS", ports)
        async with asyncio.timeout(1):
            with pytest.raises(DeviceOfflineError):
                await find_stream(HOST, None, "a", "b")
        monkeypatch.setattr(onvif, "USUAL_PORTS", (*ports, camera.port))
        login = (camera.username, camera.password)
        assert await find_stream(HOST, None, *login) == FOUND


async def test_a_wrong_password_is_told(camera: OnvifCamera) -> None:
    with pytest.raises(DeviceAuthError):
        await ask(camera, password="wrong")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("<html><body>Hello</body></html>", NotADeviceError),
        ("no XML", NotADeviceError),
        ("<!DOCTYPE a><a/>", NotADeviceError),
        ('<a:Envelope xmlns:a="u"><a:Fault/></a:Envelope>', DeviceError),
        ('<a:Envelope xmlns:a="u"/>', NotADeviceError),
    ],
)
async def test_whatever_else_answers_is_an_error(
    camera: OnvifCamera, answer: str, error: type[DeviceError]
) -> None:
    camera.answer = answer
    with pytest.raises(error):
        await ask(camera)


async def test_an_address_that_is_no_stream_is_not_taken(camera: OnvifCamera) -> None:
    camera.stream = "file:///etc/passwd"
    with pytest.raises(NotADeviceError):
        await ask(camera)


async def test_nobody_there_is_offline() -> None:
    with OnvifCamera() as camera:
        port = camera.port
    with pytest.raises(DeviceOfflineError):
        await find_stream(HOST, port, "a", "b")
