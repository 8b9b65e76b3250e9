"""A pytest plugin that lets pyftpdlib's own tests meet our receiver.

It runs inside a process of its own, in the folder of pyftpdlib's source. Replaced are
the server that the tests start; what RETR would read back (from our store instead: the
receiver gives nothing back); files that they make in the server's folder (they are
delivered instead: the camera's tree is virtual); and the wording that
``pytest.raises`` compares (the class and the code of the reply still count).

Options that a test sets on pyftpdlib's handler become settings of ours where we have
the like. What each test came to is written to the file that RESULTS_FILE names.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
import ftplib
import io
import json
import os
from pathlib import Path
import re
import shutil
import socket
import tempfile
import threading
from typing import Any
from zoneinfo import ZoneInfo

from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer
import pytest

from custom_components.hikvision_nvr.camera_activity import CameraActivity
from custom_components.hikvision_nvr.intake import Intake
from custom_components.hikvision_nvr.model import (
    Brand,
    Camera,
    CertificateSettings,
    Limits,
    ReceiverSettings,
    Security,
)
from custom_components.hikvision_nvr.receiver import Receiver
from custom_components.hikvision_nvr.receiver.passwords import hash_password
from custom_components.hikvision_nvr.store import Store
import tests as suite

ACCOUNTS = {suite.USER: suite.PASSWD, "anonymous": "anonymous@"}
HASHES = {name: hash_password(password) for name, password in ACCOUNTS.items()}
"""The second is how ftplib logs in unasked; to us it is an account like any."""

STATE = Path(tempfile.mkdtemp(prefix="hikvision_nvr-"))
"""The certificate is kept there from test to test."""

SKIPPED = frozenset(os.environ.get("SKIPPED_CLASSES", "").split())
"""Classes that have nothing to say about a receiver."""

WANTED: dict[str, dict[str, bool]] = json.loads(os.environ.get("WANTED_TESTS", "{}"))
"""Whether a test is run, by its class and name; one that is not here is."""

_running: dict[int, ReceiverThread] = {}
_outcomes: dict[str, dict[str, Any]] = {}


class ReceiverThread:
    """Our receiver, with the outside of pyftpdlib's ``FtpdThreadWrapper``."""

    handler: Any = FTPHandler
    server_class: Any = FTPServer

    def __init__(self, addr: tuple[str, int] | None = None) -> None:
        self.host, self.port = addr or (suite.HOST, 0)
        if self.host == "::":
            # What we call all addresses; one port for both families then.
            self.host, self.port = "", _free_port()
        self.lock = threading.Lock()
        self.max_cons = self.max_cons_per_ip = 0
        self._folder = Path(tempfile.mkdtemp(dir=STATE))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    @property
    def server(self) -> ReceiverThread:
        return self

    def start(self) -> None:
        self._run(self._start())
        _running[self.port] = self

    def stop(self) -> None:
        _running.pop(self.port, None)
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        shutil.rmtree(self._folder)

    def stored(self, name: str) -> bytes | None:
        """Return the bytes that the store has for a name of the client's."""
        return self._run(self._stored(name))

    def _run[T](self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=20)

    async def _start(self) -> None:
        zone = ZoneInfo("Europe/Berlin")
        self._store = Store(
            self._folder / "media",
            self._folder / "catalogue.sqlite",
            time_zone=zone,
            offsite=False,
        )
        await self._store.open()
        address = "::1" if self.host == "::1" else "127.0.0.1"
        cameras = [
            Camera(
                id=name,
                name=name,
                folder=name,
                brand=Brand.AUTO,
                username=name,
                password_hash=HASHES[name],
                security=Security.PLAIN,
                address=address,
                active_mode=True,
            )
            for name in ACCOUNTS
        ]
        self._intake = Intake(
            self._store,
            cameras,
            CameraActivity(cameras, lambda: None),
            time_zone=zone,
            on_detection=lambda _: None,
            on_capture=lambda _: None,
        )
        self._receiver = Receiver(self._settings(), cameras, self._store, self._intake)
        await self._receiver.start()
        self.port = self._receiver.port

    def _settings(self) -> ReceiverSettings:
        handler = self.handler
        limits = Limits(
            ban_score=1_000_000,
            refusal_time=0,
            failed_logins=handler.max_login_attempts,
            idle_time=handler.timeout or 300,
            stall_time=handler.dtp_handler.timeout or 300,
            accept_time=handler.passive_dtp.timeout or 300,
        )
        if self.max_cons:
            limits = replace(limits, connections=self.max_cons)
        if self.max_cons_per_ip:
            limits = replace(limits, connections_per_address=self.max_cons_per_ip)
        ports = handler.passive_ports or [0]
        return ReceiverSettings(
            host=self.host,
            port=self.port,
            passive_ports=(min(ports), max(ports)),
            external_address=handler.masquerade_address,
            certificate=CertificateSettings(
                certificate=STATE / "certificate.pem",
                private_key=STATE / "key.pem",
                generate=True,
                host_names=("localhost",),
            ),
            limits=limits,
        )

    async def _stop(self) -> None:
        if hasattr(self, "_receiver"):
            await self._receiver.stop()
            await self._intake.drain()
        if hasattr(self, "_store"):
            await self._store.close()

    async def _stored(self, name: str) -> bytes | None:
        # What the camera believes is stored under a name must be what is stored.
        tree = self._receiver._trees[suite.USER]
        file = tree.file(tree.resolve(Path("/"), name))
        if file is None or file.capture_id is None:
            return None
        capture = await self._store.captures.get(file.capture_id)
        assert capture is not None
        content = self._store.path(capture).read_bytes()
        assert len(content) == file.size
        return content


def _free_port() -> int:
    with socket.create_server(("", 0)) as free:
        return int(free.getsockname()[1])


def _deliver(name: str) -> str:
    """Deliver a file where a test would make one in the server's folder."""
    if not _running:
        # The test fills the folder before there is a server.
        Path(name).touch()
        return name
    server = list(_running.values())[-1]
    client = ftplib.FTP(timeout=20)
    client.connect(server.host or "localhost", server.port)
    client.login(suite.USER, suite.PASSWD)
    client.storbinary(f"STOR {name}", io.BytesIO(b"some bytes"))
    client.quit()
    return name


def _read_back(
    client: ftplib.FTP,
    command: str,
    callback: Callable[[bytes], object],
    *_: object,
) -> str:
    verb, _, name = command.partition(" ")
    assert verb.lower() == "retr"
    content = _running[client.port].stored(name)
    if content is None:
        raise ftplib.error_perm("550 The store has no such file.")
    callback(content)
    return "226 Read from the store."


class _Pytest:
    """pytest, but for the wording of replies."""

    def __getattr__(self, name: str) -> Any:
        return getattr(pytest, name)

    @staticmethod
    def raises(expected: Any, *args: Any, match: str | None = None, **kw: Any) -> Any:
        code = re.match(r"\d{3}", match or "")
        return pytest.raises(
            expected, *args, match=f"^{code[0]}" if code else None, **kw
        )


suite.FtpdThreadWrapper = ReceiverThread
suite.FtpdMultiprocWrapper = ReceiverThread
# A second try would hide what fails now and then.
suite.NO_RETRIES = 1
ftplib.FTP.retrbinary = _read_back  # type: ignore[method-assign,assignment]


def _is_wanted(item: pytest.Item) -> bool:
    for cls in item.cls.__mro__:  # type: ignore[attr-defined]
        # A class says it for those that come from it, unless they say it themselves.
        if item.name in (known := WANTED.get(cls.__name__, {})):
            return known[item.name]
    return True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # The TLS tests import the plain ones, which would run twice.
    items[:] = [
        item
        for item in items
        if item.cls.__module__ == item.module.__name__  # type: ignore[attr-defined]
        and item.cls.__name__ not in SKIPPED  # type: ignore[attr-defined]
        and _is_wanted(item)
    ]
    for item in items:
        item.module.pytest = _Pytest()  # type: ignore[attr-defined]
        item.module.touch = _deliver  # type: ignore[attr-defined]
        classes = [base.__name__ for base in item.cls.__mro__]  # type: ignore[attr-defined]
        _outcomes[item.nodeid] = {
            "name": item.name,
            "classes": classes,
            "outcome": "not run",
            "why": "",
        }


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    found = _outcomes[report.nodeid]
    # A failure of the tear-down, where QUIT is sent, is the test's.
    tells = report.when == "call" or not report.passed
    if tells and found["outcome"] not in ("failed", "skipped"):
        found["outcome"] = report.outcome
        found["why"] = str(report.longrepr)[-1500:] if not report.passed else ""


def pytest_sessionfinish() -> None:
    Path(os.environ["RESULTS_FILE"]).write_text(json.dumps(list(_outcomes.values())))
    shutil.rmtree(STATE, ignore_errors=True)
