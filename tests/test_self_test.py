"""The self-test: against real servers, a real disk and real refusals."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
import hashlib
from http import HTTPStatus
import json
from pathlib import Path
import socket
import ssl
import threading
import time
from typing import Any, Self
from unittest.mock import AsyncMock, patch

from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import ServiceValidationError, Unauthorized
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    MockUser,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.hikvision_nvr.errors import OffsiteAuthError
from custom_components.hikvision_nvr.model import CertificateSettings, DeviceLogin
from custom_components.hikvision_nvr.receiver.certificate import generate_certificate
from custom_components.hikvision_nvr.self_test import (
    CameraTarget,
    Check,
    run_self_test,
)
from custom_components.hikvision_nvr.store.root import MARKER

from .recorder import FakeEngine, camera_subentry, recorder_entry

pytestmark = pytest.mark.usefixtures("socket_enabled")


async def self_test(home: HomeAssistant, **data: Any) -> dict[str, Any]:
    answer: dict[str, Any] = await home.services.async_call(
        "hikvision_nvr", "self_test", data, blocking=True, return_response=True
    )
    return answer


def of(report: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return [check for check in report["checks"] if check["name"] == name]


def free_ports(count: int) -> list[int]:
    """Ports that nobody has now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Answering:
    """A server that answers the first line of each connection with one of its own."""

    def __init__(self, answer: bytes | None) -> None:
        self._answer = answer
        self.asked = b""
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._end = threading.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        # One that waits for a connection gets one.
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port)).close()
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while not self._end.is_set():
            connection, _ = self._socket.accept()
            with connection, suppress(OSError):
                asked = connection.recv(4096)
                self.asked = self.asked or asked
                if self._answer is None:
                    self._end.wait(10)
                else:
                    connection.sendall(self._answer)


@pytest.fixture
def bucket() -> Iterator[AsyncMock]:
    """A bucket that answers as the test wants."""
    with patch(
        "custom_components.hikvision_nvr.self_test.probe_bucket", AsyncMock()
    ) as bucket:
        yield bucket


async def test_a_recorder_that_is_well(
    home: HomeAssistant,
    tmp_path: Path,
    bucket: AsyncMock,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    ftps, implicit, sftp = free_ports(3)
    with Answering(b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n") as rtsp:
        entry = recorder_entry(
            tmp_path / "storage",
            ftps_port=ftps,
            implicit_port=implicit,
            sftp=True,
            sftp_port=sftp,
            cameras=[
                camera_subentry("Front door", host="127.0.0.1", rtsp_port=rtsp.port)
            ],
        )
        entry.add_to_hass(home)
        with patch(
            "custom_components.hikvision_nvr.network_scan.scan",
            AsyncMock(return_value=[]),
        ):
            assert await home.config_entries.async_setup(entry.entry_id)
        await home.async_block_till_done()
        # Often enough to be banned, if it counted as an attack.
        for _ in range(6):
            report = await self_test(home)
        assert not entry.runtime_data.engine.receiver.status().bans
    assert await home.config_entries.async_unload(entry.entry_id)

    assert report["ok"]
    assert report["state"] == "loaded"
    assert {check["name"]: check["problem"] for check in report["checks"]} == {
        "ftps": None,
        "implicit_ftps": None,
        "sftp": None,
        "disk": None,
        "s3": None,
        "rtsp": None,
    }
    assert rtsp.asked.startswith(b"OPTIONS rtsp://127.0.0.1")
    for name in ("ftps", "implicit_ftps"):
        (check,) = of(report, name)
        assert check["details"]["tls"] in ("TLSv1.2", "TLSv1.3")
        assert len(check["details"]["certificate_sha256"]) == 64
    (disk,) = of(report, "disk")
    assert disk["details"]["free_bytes"] > 0
    # Nothing is left behind.
    assert list((tmp_path / "storage/.incoming").iterdir()) == []

    # The same as a file, for whoever has the address.
    url = report.pop("report_url")
    client = await hass_client_no_auth()
    answer = await client.get(url)
    assert answer.status == HTTPStatus.OK
    assert "attachment" in answer.headers["Content-Disposition"]
    text = await answer.text()
    assert json.loads(text) == report
    for secret in ("the-secret-key", "AKIAOWNER", "s3cret", "viewer", "scrypt$"):
        assert secret not in text
    answer = await client.get(url.partition("?")[0])
    assert answer.status == HTTPStatus.UNAUTHORIZED


def settings_of(engine: FakeEngine, **changes: Any) -> Any:
    """The settings of an engine that does not listen, and has no bucket."""
    return replace(engine.settings, s3=None, **changes)


def checked(checks: list[Check]) -> dict[str, str | None]:
    return {check.name: check.problem for check in checks}


def door(port: int, fingerprint: str | None = None) -> CameraTarget:
    """A camera of which everything is at one port."""
    return CameraTarget(
        name="Front door",
        host="127.0.0.1",
        rtsp_port=port,
        device=DeviceLogin(
            host="127.0.0.1",
            port=port,
            username="viewer",
            password="s3cret",
            fingerprint=fingerprint,
        ),
    )


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (b"HTTP/1.1 401 Unauthorized\r\n\r\n", None),
        (b"SSH-2.0-OpenSSH\r\n", "Unexpected answer: b'SSH-2.0-OpenSSH\\r\\n'"),
        (b"", "The connection was closed: is this address banned?"),
        (b"A" * 100_000, "Separator is found, but chunk is longer than limit"),
        (None, "No answer within 0.3 seconds"),
    ],
)
async def test_a_device_that_answers_or_not(
    home: HomeAssistant, engine: FakeEngine, answer: bytes | None, problem: str | None
) -> None:
    with Answering(answer) as device:
        target = replace(door(device.port), rtsp_port=free_ports(1)[0])
        began = time.monotonic()
        checks = await home.async_add_executor_job(
            run_self_test, settings_of(engine), [target], 0.3
        )
        assert time.monotonic() - began < 5
    told = {check.name: check for check in checks}
    if problem is None:
        assert told["isapi"].details == {"answer": "HTTP/1.1 401 Unauthorized"}
        assert b"viewer" not in device.asked
    if answer is not None and len(answer) > 9999:
        assert not told["isapi"].ok
    else:
        assert told["isapi"].problem == problem
    # Nobody is at the port of RTSP, nor at that of FTPS.
    assert "Connect call failed" in str(told["rtsp"].problem)
    assert not told["ftps"].ok
    assert all(check.about for check in checks)


async def test_a_device_that_shows_another_certificate(
    home: HomeAssistant, engine: FakeEngine, tmp_path: Path
) -> None:
    files = CertificateSettings(
        certificate=tmp_path / "cert.pem",
        private_key=tmp_path / "key.pem",
        generate=True,
    )
    await home.async_add_executor_job(generate_certificate, files)

    def context() -> ssl.SSLContext:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(files.certificate, files.private_key)
        return made

    async def answer(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        # Who does not know the certificate goes away without a question.
        with suppress(ConnectionError):
            await reader.readline()
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(
        answer, "127.0.0.1", 0, ssl=await home.async_add_executor_job(context)
    )
    async with server:
        port = server.sockets[0].getsockname()[1]
        certificate = ssl.PEM_cert_to_DER_cert(files.certificate.read_text())
        right = hashlib.sha256(certificate).hexdigest()
        for fingerprint, problem in (
            (right, None),
            ("00" * 32, "It shows another certificate than when it was added"),
        ):
            checks = await home.async_add_executor_job(
                run_self_test,
                settings_of(engine),
                [replace(door(port, fingerprint), rtsp_port=free_ports(1)[0])],
                5.0,
            )
            assert checked(checks)["isapi"] == problem


async def test_a_disk_that_is_missing_full_or_hangs(
    home: HomeAssistant, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    incoming = engine.store.root / ".incoming"

    async def problem(**changes: Any) -> str | None:
        checks = await home.async_add_executor_job(
            run_self_test, settings_of(engine, **changes), [], 0.5
        )
        return checked(checks)["disk"]

    assert "No such file" in str(await problem())
    incoming.mkdir()
    assert await problem() is None
    assert "less than the reserve" in str(await problem(storage_reserve=1 << 60))
    assert list(incoming.iterdir()) == []

    lost = threading.Event()
    with monkeypatch.context() as patched:
        patched.setattr(
            "custom_components.hikvision_nvr.self_test.is_storage",
            lambda _folder: lost.wait(30),
        )
        assert await problem() == "No answer within 0.5 seconds"
        lost.set()
        for thread in threading.enumerate():
            if thread.name == "hikvision_nvr-self-test":
                await home.async_add_executor_job(thread.join)

    (engine.store.root / MARKER).unlink()
    assert "is its disk mounted" in str(await problem())


async def test_a_bucket_that_refuses_and_a_recorder_that_does_not_start(
    home: HomeAssistant,
    entry: MockConfigEntry,
    engine: FakeEngine,
    bucket: AsyncMock,
) -> None:
    bucket.side_effect = OffsiteAuthError("The access key is not known")
    assert await home.config_entries.async_unload(entry.entry_id)
    with patch("custom_components.hikvision_nvr.self_test_service.CameraTarget") as no:
        no.side_effect = lambda **camera: CameraTarget(
            **{**camera, "host": "127.0.0.1", "rtsp_port": 1}
        )
        report = await self_test(home, config_entry_id=entry.entry_id)
    assert not report["ok"]
    assert report["state"] == "not_loaded"
    (s3,) = of(report, "s3")
    assert (s3["about"], s3["problem"]) == ("evidence", "The access key is not known")


async def test_which_recorder_must_be_known(
    home: HomeAssistant, engine: FakeEngine, tmp_path: Path
) -> None:
    recorder_entry(tmp_path, title="Second").add_to_hass(home)
    for data in ({}, {"config_entry_id": "unknown"}):
        with pytest.raises(ServiceValidationError, match="choose one"):
            await self_test(home, **data)


async def test_only_admins_may_test(
    home: HomeAssistant, engine: FakeEngine, hass_read_only_user: MockUser
) -> None:
    with pytest.raises(Unauthorized):
        await home.services.async_call(
            "hikvision_nvr",
            "self_test",
            {},
            blocking=True,
            return_response=True,
            context=Context(user_id=hass_read_only_user.id),
        )
