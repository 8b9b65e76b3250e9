"""Sessions in any order, compared with what they must leave behind.

Hypothesis chooses the commands and shortens what fails. HIKVISION_NVR_FULL=1 (or
``--hypothesis-seed`` with it) tries many more.
"""

import asyncio
from collections.abc import Callable
import ftplib
import hashlib
from pathlib import Path
import socket
import struct
import tempfile
import threading
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, Phase, settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
import pytest

from custom_components.hikvision_nvr.camera_activity import CameraActivity
from custom_components.hikvision_nvr.intake import Intake
from custom_components.hikvision_nvr.model import CertificateSettings, ReceiverSettings
from custom_components.hikvision_nvr.receiver import Receiver
from custom_components.hikvision_nvr.store import Store

from .conftest import (
    HOST,
    PASSWORD,
    QUICK,
    USERNAME,
    a_camera,
    client_context,
    connect,
    login,
    passive_port,
)
from .process import FULL, kept

EXAMPLES, STEPS = (300, 60) if FULL else (8, 20)

FOLDERS = ("/a", "/a/b", "a b", "..", "//x", "\\y\\z")
NAMES = (
    "one.jpg",
    "two.mp4",
    "10.55.48.12_01_20251119124208101_MOTION_DETECTION.jpg",
    "/deep/er/three.jpg",
    "../../../four.jpg",
    "five.jpg.tmp",
    "six.part",
    "~seven",
)
GARBAGE = (
    b"\r\n",
    b"\0\0\0\r\n",
    b"\xff\xf4\xff\xf2ABOR\r\n",
    b"XYZZY 1 2 3\r\n",
    b"STOR\r\n",
    b"RNTO nowhere\r\n",
    b"PORT 127,0,0,1,0,22\r\n",
    b"EPRT |1|127.0.0.1|22|\r\n",
    b"MKD \xb2\xe2\xca\xd4\r\n",
    b"REST -1\r\n",
    b"PASS again\r\n",
    b"USER other\r\n",
    b"PROT C\r\n",
)
PIPELINES = (
    (b"MKD /p\r\nCWD /p\r\nPWD\r\nNOOP\r\n", ["257", "250", "257", "200"]),
    (b"EPSV\r\nABOR\r\nPASV\r\nABOR\r\n", ["229", "226", "227", "226"]),
    (b"SIZE nothing\r\nREST 5\r\nSTOR x\r\n", ["550", "350", "554"]),
)
CONTENTS = st.builds(
    lambda size, seed: seed.to_bytes(2) * (size // 2),
    st.sampled_from((2, 2_000, 300_000, 1_500_000)),
    st.integers(0, 65535),
)
RESET = struct.pack("ii", 1, 0)


class Server:
    """A receiver on a loop of its own, beside the blocking client."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._loop = asyncio.new_event_loop()
        self.faults: list[str] = []
        self._loop.set_exception_handler(
            lambda _, context: self.faults.append(str(context))
        )
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.run(self._start())

    def run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=60)

    def stop(self) -> None:
        self.run(self._stop())
        self.run(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _start(self) -> None:
        zone, camera = ZoneInfo("Europe/Berlin"), a_camera()
        self._store = Store(
            self.folder / "media",
            self.folder / "catalogue.sqlite",
            time_zone=zone,
            offsite=False,
        )
        await self._store.open()
        self.intake = Intake(
            self._store,
            [camera],
            CameraActivity([camera], lambda: None),
            time_zone=zone,
            on_detection=lambda _: None,
            on_capture=lambda _: None,
        )
        self._receiver = Receiver(
            ReceiverSettings(
                host=HOST,
                port=0,
                passive_ports=(0, 0),
                certificate=CertificateSettings(
                    certificate=self.folder.parent / "certificate.pem",
                    private_key=self.folder.parent / "key.pem",
                    generate=True,
                    host_names=(HOST,),
                ),
                limits=QUICK,
            ),
            [camera],
            self._store,
            self.intake,
        )
        await self._receiver.start()
        self.port = self._receiver.port

    async def _stop(self) -> None:
        await self._receiver.stop()
        await self.intake.drain()
        await self._store.close()


class Sessions(RuleBasedStateMachine):
    """One camera with one session at a time, and a model of what it has delivered."""

    shared: Path

    def __init__(self) -> None:
        super().__init__()
        self.server = Server(Path(tempfile.mkdtemp(dir=self.shared)) / "site")
        self.client: ftplib.FTP_TLS | None = None
        self.acknowledged: set[str] = set()
        """SHA-256 of everything that was answered 226."""
        self.perhaps: set[str] = set()
        """Of what was cut off: it may be kept in part, under a SHA-256 of its own."""
        self.tree: dict[str, bytes] = {}
        """What is under the names that REST and RNFR can go on from."""

    @property
    def session(self) -> ftplib.FTP_TLS:
        assert self.client is not None
        return self.client

    @precondition(lambda self: self.client is None)
    @rule()
    def log_in(self) -> None:
        self.client = login(self.server.port)

    @precondition(lambda self: self.client is None)
    @rule()
    def log_in_after_a_wrong_password(self) -> None:
        client = connect(self.server.port)
        with pytest.raises(ftplib.error_perm, match="530"):
            client.login(USERNAME, "wrong")
        assert client.sendcmd(f"USER {USERNAME}").startswith("331")
        assert client.sendcmd(f"PASS {PASSWORD}").startswith("230")
        client.prot_p()
        self.client = client

    @precondition(lambda self: self.client is not None)
    @rule()
    def log_out(self) -> None:
        assert self.session.quit().startswith("221")
        self.client = None

    @precondition(lambda self: self.client is not None)
    @rule(reset=st.booleans())
    def drop(self, reset: bool) -> None:
        connection = self.session.sock
        assert connection is not None
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.session.close()
        self.client = None

    @precondition(lambda self: self.client is not None)
    @rule(folder=st.sampled_from(FOLDERS), verb=st.sampled_from(("MKD", "CWD")))
    def go(self, verb: str, folder: str) -> None:
        reply = self.session.sendcmd(f"{verb} {folder}")
        assert reply[:3] == {"MKD": "257", "CWD": "250"}[verb]
        assert self.session.pwd().startswith("/")

    @precondition(lambda self: self.client is not None)
    @rule()
    def go_up(self) -> None:
        assert self.session.sendcmd("CDUP").startswith("250")

    @precondition(lambda self: self.client is not None)
    @rule(verb=st.sampled_from(("EPSV", "PASV")))
    def open_a_port_for_nothing(self, verb: str) -> None:
        assert self.session.sendcmd(verb)[:3] in ("227", "229")

    @precondition(lambda self: self.client is not None)
    @rule(
        verb=st.sampled_from(("STOR", "APPE")),
        name=st.sampled_from(NAMES),
        content=CONTENTS,
    )
    def deliver(self, verb: str, name: str, content: bytes) -> None:
        path = self._absolute(name)
        before = self.tree.get(path, b"") if verb == "APPE" else b""
        self._send(f"{verb} {name}", content)
        assert self.session.voidresp().startswith("226")
        self._stored(path, before + content)

    @precondition(lambda self: self.client is not None and self.tree)
    @rule(data=st.data(), content=CONTENTS, share=st.floats(0, 1))
    def go_on(self, data: st.DataObject, content: bytes, share: float) -> None:
        path = data.draw(st.sampled_from(sorted(self.tree)))
        start = int(len(self.tree[path]) * share)
        assert self.session.sendcmd(f"REST {start}").startswith("350")
        self._send(f"STOR {path}", content)
        assert self.session.voidresp().startswith("226")
        self._stored(path, self.tree[path][:start] + content)

    @precondition(lambda self: self.client is not None)
    @rule(name=st.sampled_from(NAMES), content=CONTENTS)
    def reset_in_an_upload(self, name: str, content: bytes) -> None:
        connection = self._open(f"STOR {name}")
        connection.sendall(content)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        connection.close()
        reply = self._last_reply()
        # A reset may come after the last byte has been read; then there is no 226.
        assert reply == "426"

    @precondition(lambda self: self.client is not None)
    @rule(name=st.sampled_from(NAMES), content=CONTENTS)
    def end_of_connection_in_an_upload(self, name: str, content: bytes) -> None:
        """Without the end of TLS: what came is kept, whole or in part."""
        path = self._absolute(name)
        connection = self._open(f"STOR {name}")
        connection.sendall(content)
        connection.close()
        reply = self._last_reply()
        assert reply in ("226", "426")
        if reply == "226":
            self._stored(path, content)

    @precondition(lambda self: self.client is not None)
    @rule(name=st.sampled_from(NAMES), content=CONTENTS)
    def abort_an_upload(self, name: str, content: bytes) -> None:
        connection = self._open(f"STOR {name}")
        connection.sendall(content)
        self.session.putcmd("ABOR")
        assert self._last_reply() == "426"
        assert self._last_reply() == "226"
        connection.close()

    @precondition(lambda self: self.client is not None)
    @rule(name=st.sampled_from(NAMES), content=CONTENTS)
    def drop_everything_in_an_upload(self, name: str, content: bytes) -> None:
        connection = self._open(f"STOR {name}")
        connection.sendall(content)
        self.session.close()
        connection.close()
        self.client = None
        # Nobody can tell how much of it came: with the end of the data, all of it.
        self.perhaps.add(hashlib.sha256(content).hexdigest())
        self.tree.pop(self._absolute(name), None)

    @precondition(lambda self: self.client is not None and self.tree)
    @rule(data=st.data(), name=st.sampled_from(NAMES))
    def rename(self, data: st.DataObject, name: str) -> None:
        path = data.draw(st.sampled_from(sorted(self.tree)))
        new = self._absolute(name)
        assert self.session.rename(path, name).startswith("250")
        self.tree[new] = self.tree.pop(path)

    @precondition(lambda self: self.client is not None)
    @rule(
        verb=st.sampled_from(("LIST", "NLST", "MLSD")), folder=st.sampled_from(FOLDERS)
    )
    def look(self, verb: str, folder: str) -> None:
        self.session.retrlines(f"{verb} {folder}", lambda _: None)

    @precondition(lambda self: self.client is not None and self.tree)
    @rule(data=st.data())
    def ask_for_the_size(self, data: st.DataObject) -> None:
        path = data.draw(st.sampled_from(sorted(self.tree)))
        assert self.session.size(path) == len(self.tree[path])

    @precondition(lambda self: self.client is not None)
    @rule(line=st.sampled_from(GARBAGE))
    def send_garbage(self, line: bytes) -> None:
        self._raw(line)
        reply = self._last_reply()
        assert reply[0] in "25", reply
        assert self.session.sendcmd("NOOP").startswith("200")

    @precondition(lambda self: self.client is not None)
    @rule(pipeline=st.sampled_from(PIPELINES))
    def send_several_at_once(self, pipeline: tuple[bytes, list[str]]) -> None:
        segment, replies = pipeline
        self._raw(segment)
        assert [self._last_reply() for _ in replies] == replies

    @invariant()
    def what_was_acknowledged_is_kept(self) -> None:
        # Uploads whose camera has gone are still being kept.
        if self.client is None:
            return
        self._compare()

    def teardown(self) -> None:
        try:
            if self.client is not None:
                self.client.close()
            # A new camera is served whatever was before.
            login(self.server.port).quit()
        finally:
            self.server.stop()
        self._compare()
        assert self.server.faults == []

    def _compare(self) -> None:
        folder = self.server.folder
        found = kept(folder / "media", folder / "catalogue.sqlite")
        if not self.perhaps:
            found.check()
        digests = set(found.files.values())
        assert self.acknowledged <= digests
        assert self.acknowledged <= set(found.rows.values())
        assert set(found.rows) <= set(found.files)
        assert {path.name for path in folder.iterdir()} <= {
            "media",
            *(f"catalogue.sqlite{suffix}" for suffix in ("", "-wal", "-shm")),
        }

    def _absolute(self, name: str) -> str:
        if name.startswith("/"):
            return name
        if self.client is None:
            return ""
        parts: list[str] = []
        for part in f"{self.session.pwd()}/{name}".split("/"):
            if part == "..":
                del parts[-1:]
            elif part:
                parts.append(part)
        return "/" + "/".join(parts)

    def _stored(self, path: str, content: bytes) -> None:
        self.acknowledged.add(hashlib.sha256(content).hexdigest())
        self.tree[path] = content

    def _open(self, command: str) -> socket.socket:
        port = passive_port(self.session.sendcmd("EPSV"))
        connection = socket.create_connection((HOST, port), timeout=20)
        assert self.session.sendcmd(command).startswith("150")
        return client_context().wrap_socket(connection)

    def _send(self, command: str, content: bytes) -> None:
        connection = self._open(command)
        assert hasattr(connection, "unwrap")
        connection.sendall(content)
        connection.unwrap().close()

    def _raw(self, line: bytes) -> None:
        assert self.session.sock is not None
        self.session.sock.sendall(line)

    def _last_reply(self) -> str:
        return self.session.getmultiline()[:3]


def check(machine: Callable[[], RuleBasedStateMachine]) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            # The same each time, but for the long form: that looks for something new.
            derandomize=not FULL,
            database=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
            # Against a real server it takes minutes; the long form has them.
            phases=tuple(Phase) if FULL else (Phase.explicit, Phase.generate),
        ),
    )


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_sessions_in_any_order(tmp_path: Path) -> None:
    Sessions.shared = tmp_path
    check(Sessions)
