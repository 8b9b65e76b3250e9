"""Asking devices: logins, bounds, and what refusals mean."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
import subprocess
from typing import Any

from aiohttp import web
import pytest
from pytest_socket import socket_allow_hosts

from custom_components.hikvision_nvr.device import (
    IsapiClient,
    client as client_module,
    describe,
    read_fingerprint,
)
from custom_components.hikvision_nvr.device.describe import (
    read_clock_offset,
    read_storage,
)
from custom_components.hikvision_nvr.errors import (
    DeviceAnswerError,
    DeviceAuthError,
    DeviceCertificateError,
    DeviceError,
    DeviceForbiddenError,
    DeviceLockedError,
    DeviceOfflineError,
    DeviceUnsupportedError,
    DeviceWantsHttpsError,
    NotADeviceError,
)
from custom_components.hikvision_nvr.model import DeviceLogin
from tests.simulators import device_profiles as profiles
from tests.simulators.device import PICTURE
from tests.simulators.device_profiles import Misbehaviour, Profile
from tests.simulators.web_server import web_server

from .conftest import Simulate, certificate_bundle, client_of

INFO = "/ISAPI/System/deviceInfo"


@pytest.mark.parametrize(
    ("profile", "upload"),
    [
        (profiles.PLAIN_FTP, (True, False, False, True)),
        (profiles.SFTP, (True, False, True, True)),
        (profiles.FTPS, (True, True, False, True)),
        (profiles.SHA256, (True, False, False, True)),
        (profiles.OLD, (True, False, False, False)),
        (profiles.RECORDER, (False, False, False, False)),
    ],
)
async def test_a_device_tells_what_it_is_and_can_do(
    simulate: Simulate, profile: Profile, upload: tuple[bool, ...]
) -> None:
    device = simulate(profile)
    async with client_of(device) as client:
        found = await describe(client)
    assert found.info.model == profile.model
    assert found.info.serial == device.serial
    assert found.info.mac == device.mac
    assert found.info.firmware == f"{profile.firmware} build 220112"
    assert found.info.is_recorder == profile.is_recorder
    assert [one.number for one in found.channels] == [*range(1, profile.channels + 1)]
    assert all(one.has_sub for one in found.channels)
    able = found.upload
    assert (able.plain, able.ftps, able.sftp, able.test) == upload
    assert device.failed_logins == 0


async def test_the_best_algorithm_is_used_whatever_the_order(
    simulate: Simulate,
) -> None:
    device = simulate(Profile(algorithms=("MD5", "SHA-256")))
    async with client_of(device) as client:
        await client.get(INFO)
        await client.get(INFO)
    assert device.requests == [("GET", INFO)] * 2
    assert device.failed_logins == 0


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_the_simulated_digest_is_that_of_other_clients(
    simulate: Simulate, algorithm: str
) -> None:
    device = simulate(Profile(algorithms=(algorithm,), offers_basic=False))
    answer = subprocess.run(
        [
            *("curl", "--silent", "--digest", "--user"),
            f"{device.username}:{device.password}",
            f"http://{device.host}:{device.port}{INFO}",
        ],
        capture_output=True,
        check=True,
    )
    assert b"<DeviceInfo" in answer.stdout


async def test_an_expired_nonce_is_renewed(simulate: Simulate) -> None:
    device = simulate(profiles.PLAIN_FTP)
    async with client_of(device) as client:
        await client.get(INFO)
        device._nonces.clear()
        await client.get(INFO)
    assert device.failed_logins == 0


async def test_a_wrong_password_is_tried_once_and_never_again(
    simulate: Simulate,
) -> None:
    device = simulate(profiles.LOCKING)
    async with client_of(device, password="wrong") as client:
        for _ in range(10):
            with pytest.raises(DeviceAuthError):
                await client.get(INFO)
    assert device.failed_logins == 1


async def test_a_locked_account_is_left_alone_until_the_device_opens_it(
    simulate: Simulate, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = simulate(profiles.LOCKING)
    device.failed_logins = 5
    async with client_of(device) as client:
        for _ in range(3):
            with pytest.raises(DeviceLockedError) as locked:
                await client.get(INFO)
        assert locked.value.placeholders["minutes"] == "30"
        device.failed_logins = 0
        with pytest.raises(DeviceLockedError):
            await client.get(INFO)
        now = client_module.time.monotonic()
        monkeypatch.setattr(client_module.time, "monotonic", lambda: now + 1801)
        await client.get(INFO)


@pytest.mark.parametrize(
    ("misbehaviour", "error"),
    [
        (Misbehaviour.TRUNCATED, DeviceAnswerError),
        (Misbehaviour.WEB_PAGE, NotADeviceError),
        (Misbehaviour.ENDLESS, DeviceAnswerError),
        (Misbehaviour.ENTITIES, DeviceAnswerError),
        (Misbehaviour.SLOW, DeviceOfflineError),
        (Misbehaviour.REDIRECT, DeviceWantsHttpsError),
        # A redirect could lead the login anywhere.
        (Misbehaviour.ELSEWHERE, NotADeviceError),
    ],
)
async def test_a_bad_answer_is_an_error_and_takes_neither_memory_nor_time(
    simulate: Simulate,
    misbehaviour: Misbehaviour,
    error: type[DeviceError],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(client_module, "TIMEOUT", 1.0)
    device = simulate(Profile(misbehaviour=misbehaviour))
    async with client_of(device) as client, asyncio.timeout(8):
        with pytest.raises(error):
            await describe(client)


@pytest.mark.parametrize(
    "misbehaviour", [Misbehaviour.WRONG_CONTENT_TYPE, Misbehaviour.BUSY]
)
async def test_what_can_be_understood_is_used(
    simulate: Simulate, misbehaviour: Misbehaviour, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "_PAUSE", 0.01)
    device = simulate(Profile(misbehaviour=misbehaviour))
    async with client_of(device) as client:
        assert (await describe(client)).info.serial == device.serial


async def test_nobody_at_the_address_is_offline(simulate: Simulate) -> None:
    device = simulate(profiles.PLAIN_FTP)
    device.stop()
    async with client_of(device) as client:
        with pytest.raises(DeviceOfflineError):
            await client.get(INFO)


async def test_missing_rights_and_functions_are_told_apart(
    simulate: Simulate,
) -> None:
    device = simulate(profiles.PLAIN_FTP)
    device.forbidden_paths.add("/ISAPI/ContentMgmt/Storage")
    async with client_of(device) as client:
        with pytest.raises(DeviceForbiddenError):
            await client.get("/ISAPI/ContentMgmt/Storage")
        with pytest.raises(DeviceUnsupportedError):
            await client.get("/ISAPI/Smart/Nothing")


async def test_a_picture_is_a_picture(simulate: Simulate) -> None:
    device = simulate(profiles.PLAIN_FTP)
    async with client_of(device) as client:
        path = "/ISAPI/Streaming/channels/101/picture"
        assert await client.picture(path) == PICTURE
        with pytest.raises(DeviceAnswerError):
            await client.picture(INFO)


async def test_only_the_certificate_of_the_first_time_is_accepted(
    simulate: Simulate, tmp_path: Path
) -> None:
    bundles = [certificate_bundle(tmp_path, name) for name in ("first", "second")]
    first = simulate(profiles.PLAIN_FTP, certificate=bundles[0])
    fingerprint = await read_fingerprint(first.host, first.port)
    async with client_of(first, fingerprint=fingerprint) as client:
        assert (await describe(client)).info.serial == first.serial

    other = simulate(profiles.PLAIN_FTP, certificate=bundles[1])
    async with client_of(other, fingerprint=fingerprint) as client:
        with pytest.raises(DeviceCertificateError):
            await client.get(INFO)
    assert other.requests == []


async def test_no_tls_at_an_address_is_offline(simulate: Simulate) -> None:
    device = simulate(profiles.PLAIN_FTP)
    with pytest.raises(DeviceOfflineError):
        await read_fingerprint(device.host, device.port)


async def test_ipv6_and_names_are_addresses_too(simulate: Simulate) -> None:
    socket_allow_hosts(["127.0.0.1", "::1"])
    for host in ("::1", "localhost"):
        device = simulate(profiles.PLAIN_FTP, host=host)
        async with client_of(device) as client:
            assert (await describe(client)).info.serial == device.serial


@pytest.mark.parametrize("tells_zone", [True, False])
async def test_a_clock_in_1970_is_measured(
    simulate: Simulate, tells_zone: bool
) -> None:
    device = simulate(profiles.PLAIN_FTP)
    wrong = device.now().replace(year=1970, month=1, day=1) - device.now()
    device.clock_offset = wrong
    device.tells_zone = tells_zone
    if not tells_zone:
        path = "/ISAPI/System/time"
        device.documents[path] = device.documents[path].replace("CST-8", "CST-1")
    async with client_of(device) as client:
        offset = await read_clock_offset(client)
    assert offset == pytest.approx(-wrong.total_seconds(), abs=3)


async def test_a_recorder_with_64_channels_has_64_cameras(simulate: Simulate) -> None:
    device = simulate(Profile(kind="NVR", channels=64, protocols=()))
    async with client_of(device) as client:
        found = await describe(client)
    assert len(found.channels) == 64
    assert found.channels[-1].name == "Camera 64"


# Answers that are no documents


@pytest.fixture
async def bare() -> AsyncIterator[
    tuple[IsapiClient, dict[str, Callable[[], web.Response]]]
]:
    """A client, and what a host without documents answers to each path."""
    answers: dict[str, Callable[[], web.Response]] = {}

    async def answer(request: web.Request) -> web.Response:
        return answers[request.path]()

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    async with web_server(application) as port:
        client = IsapiClient(
            DeviceLogin(host="127.0.0.1", port=port, username="admin", password="x")
        )
        try:
            yield client, answers
        finally:
            await client.close()


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (403, DeviceForbiddenError),
        (404, DeviceUnsupportedError),
        (405, DeviceUnsupportedError),
        (501, DeviceUnsupportedError),
        (500, DeviceError),
    ],
)
async def test_a_status_without_a_document_has_its_meaning_too(
    bare: Any, status: int, error: type[DeviceError]
) -> None:
    client, answers = bare
    answers["/x"] = lambda: web.Response(status=status, text="no XML")
    with pytest.raises(DeviceError) as raised:
        await client.get("/x")
    assert type(raised.value) is error
    # An answer without an end is refused with the same words.
    with pytest.raises(error):
        async with client.open("/x"):
            pass


async def test_a_device_that_never_has_time_is_offline(
    bare: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "_PAUSE", 0.01)
    client, answers = bare
    asked = []

    def busy() -> web.Response:
        asked.append(1)
        return web.Response(status=503)

    answers["/x"] = busy
    with pytest.raises(DeviceOfflineError, match="too busy"):
        await client.get("/x")
    assert len(asked) == 3


async def test_a_lock_without_a_time_lasts_half_an_hour(bare: Any) -> None:
    client, answers = bare
    answers["/x"] = lambda: web.Response(
        status=401,
        text="<userCheck><lockStatus>lock</lockStatus>"
        "<unlockTime>soon</unlockTime></userCheck>",
    )
    with pytest.raises(DeviceLockedError) as locked:
        await client.get("/x")
    assert locked.value.placeholders["minutes"] == "30"


async def test_nothing_in_answer_to_a_change_means_that_it_was_taken(
    bare: Any,
) -> None:
    client, answers = bare
    answers["/x"] = lambda: web.Response(text="")
    await client.put("/x", b"<a/>")
    answers["/x"] = lambda: web.Response(text="<html><body/></html>")
    with pytest.raises(NotADeviceError):
        await client.put("/x", b"<a/>")


async def test_a_device_of_few_words_is_a_camera_with_one_channel(
    simulate: Simulate,
) -> None:
    device = simulate(profiles.PLAIN_FTP)
    for path in (
        "/ISAPI/System/Video/inputs/channels",
        "/ISAPI/System/capabilities",
        "/ISAPI/System/Network/ftp/capabilities",
        "/ISAPI/System/Network/ftp",
        "/ISAPI/ContentMgmt/Storage",
        "/ISAPI/System/time",
    ):
        del device.documents[path]
    async with client_of(device) as client:
        found = await describe(client)
        assert [(one.number, one.name) for one in found.channels] == [(1, "")]
        assert not found.upload.any
        assert await read_storage(client) is None
        assert await read_clock_offset(client) is None


async def test_what_answers_without_saying_who_it_is_is_no_device(
    simulate: Simulate,
) -> None:
    device = simulate(profiles.PLAIN_FTP)
    device.documents[INFO] = "<Other/>"
    async with client_of(device) as client:
        with pytest.raises(NotADeviceError):
            await describe(client)
        del device.documents[INFO]
        with pytest.raises(NotADeviceError):
            await describe(client)
