"""Streams of other brands' cameras are asked for by ONVIF."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from custom_components.hikvision_nvr.device import StreamAddress, find_stream
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


@pytest.mark.parametrize("offset", [timedelta(), timedelta(days=-400)])
async def test_the_stream_is_found_whatever_the_clock_says(
    camera: OnvifCamera, offset: timedelta
) -> None:
    camera.clock_offset = offset
    found = await ask(camera)
    assert found == StreamAddress(port=8554, path="cam/realmonitor?channel=1&subtype=0")
    assert len(camera.asked) == 4


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
