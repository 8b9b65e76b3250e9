"""What a camera delivers by SFTP arrives whole, or not at all."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
import os
import socket
import struct
from typing import cast

import paramiko
import pytest

from custom_components.hikvision_nvr.model import DetectionType, SftpSettings
from custom_components.hikvision_nvr.receiver.sftp.login import Connection
from custom_components.hikvision_nvr.store.incoming import IncomingFile

from .conftest import HOST, JPEG, PASSWORD, QUICK, USERNAME, MakeSite, Site, login, run
from .sftp import (
    APPEND,
    BAD_MESSAGE,
    CREATE,
    DENIED,
    EOF,
    EXCLUSIVE,
    FAILURE,
    NEW,
    NO_SUCH_FILE,
    OK,
    UNSUPPORTED,
    WRITE,
    RawSftp,
    hang_up,
    put,
    sftp_login,
    text,
)

NAME = "10.55.48.12_01_20251119124208101_MOTION_DETECTION.jpg"
PLACE = f"front/2025-11-19/{NAME}"
HALF = len(JPEG) // 2


def deliver(
    client: RawSftp, name: str | bytes, content: bytes, flags: int = NEW
) -> int:
    """Deliver a file and return how its CLOSE was answered (blocking)."""
    handle = client.open(name, flags)
    for place in range(0, len(content), 32_000):
        assert client.write(handle, place, content[place : place + 32_000]) == OK
    return client.close_file(handle)


def sessions() -> list[asyncio.Task[object]]:
    """Return what the receiver's SFTP sessions are doing."""
    return [
        task
        for task in asyncio.all_tasks()
        if "SftpSession" in getattr(task.get_coro(), "__qualname__", "")
    ]


async def nothing_left(site: Site) -> None:
    """Wait until every session has ended, and check that nothing is left of it."""
    async with asyncio.timeout(10):
        while site.receiver.status().connected_cameras or sessions():
            await asyncio.sleep(0.01)
    assert site.files() == {}
    assert site.detections == []
    assert site.captures == []


async def test_upload_becomes_detection_and_capture(sftp_site: Site) -> None:
    client = await run(lambda: sftp_login(sftp_site.sftp_port))
    await run(lambda: put(client, NAME, JPEG))
    assert sftp_site.files() == {PLACE: JPEG}
    [detection] = sftp_site.detections
    [capture] = sftp_site.captures
    assert detection.type is DetectionType.MOTION
    assert detection.capture_id == capture.id
    assert await sftp_site.store.captures.get(capture.id) == capture
    assert sftp_site.receiver.status().connected_cameras == 1
    await run(lambda: hang_up(client))


async def test_close_is_answered_when_the_file_is_safe(sftp_site: Site) -> None:
    """Not before it is synced, in its place and in the catalogue."""

    def attempt() -> None:
        client = RawSftp(sftp_site.sftp_port)
        handle = client.open(NAME)
        assert client.write(handle, 0, JPEG) == OK
        assert sftp_site.captures == []
        assert client.close_file(handle) == OK
        assert sftp_site.files() == {PLACE: JPEG}
        client.hang_up()

    await run(attempt)
    days = await sftp_site.store.captures.days("front")
    assert [count for _, count in days] == [1]


async def test_large_clip_is_whole(sftp_site: Site) -> None:
    content = os.urandom(24 << 20)
    client = await run(lambda: sftp_login(sftp_site.sftp_port))
    await run(lambda: put(client, "clip.mp4", content))
    [capture] = sftp_site.captures
    assert sftp_site.store.path(capture).read_bytes() == content
    await run(lambda: hang_up(client))


class _Damaging:
    """A socket that changes a bit of what is sent, once it is told to."""

    def __init__(self, real: socket.socket) -> None:
        self._real = real
        self.damages = False

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)

    def send(self, data: bytes) -> int:
        if self.damages and len(data) > 1000:
            data = data[:500] + bytes([data[500] ^ 1]) + data[501:]
        return self._real.send(data)


@pytest.mark.parametrize("cipher", ["aes128-gcm@openssh.com", "aes128-ctr"])
async def test_bytes_that_were_changed_on_the_way_end_the_connection(
    sftp_site: Site, cipher: str
) -> None:
    def attempt() -> None:
        raw = _Damaging(socket.create_connection((HOST, sftp_site.sftp_port), 20))
        transport = paramiko.Transport(cast(socket.socket, raw))
        transport.get_security_options().ciphers = (cipher,)
        transport.connect(username=USERNAME, password=PASSWORD)
        assert transport.remote_cipher == cipher
        client = paramiko.SFTPClient.from_transport(transport)
        assert client is not None
        file = client.open(NAME, "wb")
        file.write(JPEG[:HALF])
        raw.damages = True
        with pytest.raises((EOFError, OSError, paramiko.SSHException)):
            file.write(JPEG[HALF:] * 2)
            file.stat()
        transport.close()

    await run(attempt)
    assert sftp_site.captures == []
    assert sftp_site.files() == {}


async def test_parts_in_any_order(sftp_site: Site) -> None:
    """From behind, twice, overlapping: what counts is what the file is in the end."""

    def attempt() -> None:
        client = RawSftp(sftp_site.sftp_port)
        handle = client.open(NAME)
        parts = [
            (place, JPEG[place : place + 9_000]) for place in range(0, len(JPEG), 7_000)
        ]
        assert client.write(handle, 0, b"x" * 20_000) == OK
        for place, part in reversed(parts):
            assert client.write(handle, place, part) == OK
        assert client.close_file(handle) == OK
        client.hang_up()

    await run(attempt)
    assert sftp_site.files() == {PLACE: JPEG}
    [capture] = sftp_site.captures
    assert capture.complete is True


async def test_two_files_at_once_in_one_session(sftp_site: Site) -> None:
    def attempt() -> None:
        client = RawSftp(sftp_site.sftp_port)
        handles = [client.open(name) for name in ("a.jpg", "b.jpg")]
        for place in range(0, len(JPEG), 32_000):
            for number, handle in enumerate(handles):
                part = bytes([number]) + JPEG[place + 1 : place + 32_000]
                assert client.write(handle, place, part) == OK
        for handle in handles:
            assert client.close_file(handle) == OK
        client.hang_up()

    await run(attempt)
    assert sorted(len(file) for file in sftp_site.files().values()) == [len(JPEG)] * 2


async def test_file_with_a_gap_is_refused(sftp_site: Site) -> None:
    def attempt() -> None:
        client = RawSftp(sftp_site.sftp_port)
        handle = client.open(NAME)
        assert client.write(handle, 0, JPEG[:1000]) == OK
        assert client.write(handle, 2000, JPEG[2000:]) == OK
        assert client.close_file(handle) == FAILURE
        assert client.size(NAME) is None
        assert deliver(client, NAME, JPEG) == OK
        client.hang_up()

    await run(attempt)
    assert sftp_site.files() == {PLACE: JPEG}
    assert len(sftp_site.captures) == 1


@pytest.mark.parametrize("appends", [False, True])
async def test_rest_of_a_file_makes_it_whole(sftp_site: Site, appends: bool) -> None:
    def attempt() -> None:
        client = RawSftp(sftp_site.sftp_port)
        assert deliver(client, NAME, JPEG[:HALF]) == OK
        client.hang_up()
        client = RawSftp(sftp_site.sftp_port)
        assert client.size(NAME) == HALF
        handle = client.open(NAME, WRITE | CREATE | (APPEND if appends else 0))
        # With APPEND whatever place is named means the end.
        assert client.write(handle, 0 if appends else HALF, JPEG[HALF:]) == OK
        assert client.close_file(handle) == OK
        assert client.size(NAME) == len(JPEG)
        client.hang_up()

    await run(attempt)
    assert sftp_site.captures[-1].complete is True
    assert sftp_site.store.path(sftp_site.captures[-1]).read_bytes() == JPEG
    assert len(sftp_site.detections) == 1


async def test_both_protocols_see_one_tree(sftp_site: Site) -> None:
    client = await run(lambda: login(sftp_site.port))
    await run(lambda: client.mkd("/cam/day"))
    await run(client.quit)

    def attempt() -> None:
        sftp = sftp_login(sftp_site.sftp_port)
        sftp.chdir("/cam/day")
        put(sftp, NAME, JPEG)
        hang_up(sftp)

    await run(attempt)
    client = await run(lambda: login(sftp_site.port))
    assert await run(lambda: client.size(f"/cam/day/{NAME}")) == len(JPEG)
    await run(client.quit)


@pytest.mark.parametrize("posix", [False, True])
async def test_event_fires_on_the_final_name(sftp_site: Site, posix: bool) -> None:
    def attempt() -> None:
        client = sftp_login(sftp_site.sftp_port)
        put(client, f"/today/{NAME}.tmp", JPEG)
        assert sftp_site.detections == []
        rename = client.posix_rename if posix else client.rename
        rename(f"/today/{NAME}.tmp", f"/today/{NAME}")
        assert client.listdir("/today") == [NAME]
        with pytest.raises(FileNotFoundError):
            rename("/today/nothing", "/today/something")
        with pytest.raises(OSError, match="needs a name"):
            rename(f"/today/{NAME}", "/")
        hang_up(client)

    await run(attempt)
    assert sftp_site.files() == {PLACE: JPEG}
    assert [detection.file_name for detection in sftp_site.detections] == [NAME]


async def test_folders_and_attributes(sftp_site: Site) -> None:
    def attempt() -> None:
        client = sftp_login(sftp_site.sftp_port)
        assert client.normalize(".") == "/"
        assert client.normalize("a/../../b/./c") == "/b/c"
        client.mkdir("/cam")
        client.mkdir("/cam")
        client.mkdir("/cam/x/y")
        assert sorted(client.listdir("/")) == ["cam"]
        with pytest.raises(FileNotFoundError):
            client.listdir("/nothing")
        put(client, f"/cam/{NAME}", JPEG)
        found = client.stat(f"/cam/{NAME}")
        assert found.st_size == len(JPEG)
        assert found.st_mode == 0o100600
        assert client.lstat("/cam").st_mode == 0o040700
        # Accepted, and without any effect.
        client.chmod(f"/cam/{NAME}", 0o777)
        client.utime(f"/cam/{NAME}", (0, 0))
        client.chown(f"/cam/{NAME}", 0, 0)
        assert client.stat(f"/cam/{NAME}").st_mode == 0o100600
        with pytest.raises(FileNotFoundError):
            client.chmod("/nothing", 0o777)
        hang_up(client)

    await run(attempt)
    assert sftp_site.files() == {PLACE: JPEG}


async def test_what_has_arrived_stays_and_is_not_read(sftp_site: Site) -> None:
    def attempt() -> None:
        client = RawSftp(sftp_site.sftp_port)
        client.ask(14, text("/cam"), struct.pack(">I", 0))
        assert deliver(client, f"/cam/{NAME}", JPEG) == OK
        path = text(f"/cam/{NAME}")
        assert client.status(13, path) == DENIED
        assert client.status(15, text("/cam")) == DENIED
        assert client.status(13, text("/nothing")) == NO_SUCH_FILE
        assert client.open_status(f"/cam/{NAME}", 0x01) == DENIED
        assert client.open_status("/nothing", 0x01) == NO_SUCH_FILE
        assert client.open_status(f"/cam/{NAME}", NEW | EXCLUSIVE) == FAILURE
        assert client.open_status("/cam") == FAILURE
        assert client.open_status("/") == FAILURE
        assert client.status(9, path, struct.pack(">IQ", 1, 10)) == DENIED
        # Links, and whatever later versions or other servers know.
        assert client.status(19, path) == UNSUPPORTED
        assert client.status(20, path, text("/etc/passwd")) == UNSUPPORTED
        assert client.status(21, path) == UNSUPPORTED
        hardlink = text("hardlink@openssh.com")
        assert client.status(200, hardlink, path, text("/x")) == UNSUPPORTED
        client.hang_up()

    await run(attempt)
    assert sftp_site.files() == {PLACE: JPEG}


async def test_evidence_is_not_overwritten(sftp_site: Site) -> None:
    def attempt() -> None:
        client = RawSftp(sftp_site.sftp_port)
        assert deliver(client, NAME, JPEG) == OK
        assert deliver(client, NAME, b"\xff\xd8other\xff\xd9") == OK
        assert deliver(client, NAME, JPEG) == OK
        client.hang_up()

    await run(attempt)
    assert sorted(sftp_site.files().values()) == sorted(
        [JPEG, b"\xff\xd8other\xff\xd9"]
    )


async def test_handles(sftp_site: Site) -> None:
    def attempt() -> None:
        client = RawSftp(sftp_site.sftp_port)
        assert client.write(b"nothing", 0, b"x") == FAILURE
        assert client.close_file(b"nothing") == FAILURE
        handle = client.open("a.jpg")
        # FSTAT, and FSETSTAT: a mode, a length to come, and one that would cut.
        assert client.write(handle, 0, b"0123456789") == OK
        assert int.from_bytes(client.ask(8, text(handle))[5:13]) == 10
        assert client.status(10, text(handle), struct.pack(">II", 4, 0o600)) == OK
        assert client.status(10, text(handle), struct.pack(">IQ", 1, 50)) == OK
        assert client.status(10, text(handle), struct.pack(">IQ", 1, 5)) == UNSUPPORTED
        assert client.status(12, text(handle)) == FAILURE
        assert client.status(5, text(handle), bytes(12)) == DENIED
        assert client.close_file(handle) == OK
        assert client.close_file(handle) == FAILURE
        folder = client.ask(11, text("/"))[5:]
        assert client.ask(12, text(folder))[0] == 104
        assert client.status(12, text(folder)) == EOF
        assert client.write(folder, 0, b"x") == FAILURE
        assert client.close_file(folder) == OK
        # An empty file is nothing.
        assert deliver(client, "empty.jpg", b"") == OK
        # So many, and no more.
        for number in range(16):
            client.open(f"{number}.jpg")
        assert client.open_status("more.jpg") == FAILURE
        client.hang_up()

    await run(attempt)
    async with asyncio.timeout(10):
        while len(sftp_site.files()) > 1:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    "name",
    ["../../../../etc/x.jpg", "//x.jpg", "\\cam\\x.jpg", "a/../../x.jpg"],
)
async def test_any_path_ends_in_the_cameras_folder(sftp_site: Site, name: str) -> None:
    def attempt() -> None:
        client = RawSftp(sftp_site.sftp_port)
        assert deliver(client, name, JPEG) == OK
        client.hang_up()

    await run(attempt)
    [place] = sftp_site.files()
    assert place.startswith("front/")
    assert place.endswith("/x.jpg")


async def test_odd_names(sftp_site: Site) -> None:
    def attempt() -> None:
        client = RawSftp(sftp_site.sftp_port)
        for name in (b"\xb2\xe2\xca\xd4.jpg", b"\x1b[31m.jpg", b"a" * 300, b"\xff\xfe"):
            assert deliver(client, name, JPEG) == OK
            assert client.size(name) == len(JPEG)
        client.hang_up()

    await run(attempt)
    names = [path.rsplit("/", 1)[1] for path in sftp_site.files()]
    assert "测试.jpg" in names
    assert not any("\x1b" in name for name in names)


def _reset(client: RawSftp, handle: bytes) -> None:
    """Lose the connection in the middle of a packet, without any goodbye."""
    linger = struct.pack("ii", 1, 0)
    raw = client.transport.sock
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    raw.close()
    client.transport.close()


def _half_a_packet(client: RawSftp, handle: bytes) -> None:
    client.channel.sendall(struct.pack(">I", 1000) + b"\x06abc")
    client.hang_up()


def _close_the_channel(client: RawSftp, handle: bytes) -> None:
    """End the session and keep the connection, as a client that exits does."""
    client.channel.close()


def _end_the_input(client: RawSftp, handle: bytes) -> None:
    client.channel.shutdown_write()
    assert client.channel.recv(100) == b""


def _send_nonsense(client: RawSftp, handle: bytes) -> None:
    client.channel.sendall(struct.pack(">I", 0xFFFFFFFF))
    assert client.channel.recv(100) == b""


@pytest.mark.parametrize(
    "end",
    [
        RawSftp.hang_up,
        _reset,
        _half_a_packet,
        _close_the_channel,
        _end_the_input,
        _send_nonsense,
    ],
    ids=lambda end: end.__name__,
)
@pytest.mark.parametrize("size", [1000, 3 << 20])
async def test_upload_that_is_broken_off_leaves_nothing(
    sftp_site: Site, end: Callable[..., None], size: int
) -> None:
    """With a whole picture in it, so that its contents would pass for complete."""
    content = JPEG + bytes(max(0, size - len(JPEG)))

    def attempt() -> RawSftp:
        client = RawSftp(sftp_site.sftp_port)
        handle = client.open(NAME)
        for place in range(0, len(content), 32_000):
            client.write(handle, place, content[place : place + 32_000])
        if end is RawSftp.hang_up:
            end(client)
        else:
            end(client, handle)
        return client

    client = await run(attempt)
    if end in (_close_the_channel, _end_the_input, _send_nonsense):
        async with asyncio.timeout(10):
            while sftp_site.files():
                await asyncio.sleep(0.01)
        await run(client.hang_up)
    await nothing_left(sftp_site)


async def test_upload_that_stalls_is_ended(
    make_site: MakeSite, sftp: SftpSettings
) -> None:
    site = await make_site(sftp=sftp, limits=replace(QUICK, stall_time=0.5))

    def attempt() -> None:
        client = RawSftp(site.sftp_port)
        handle = client.open(NAME)
        assert client.write(handle, 0, JPEG) == OK
        with pytest.raises((EOFError, OSError)):
            client.receive()
        client.hang_up()

    await run(attempt)
    await nothing_left(site)


async def test_upload_that_is_too_slow_is_ended(
    make_site: MakeSite, sftp: SftpSettings
) -> None:
    limits = replace(QUICK, stall_time=0.3, minimum_rate=100_000)
    site = await make_site(sftp=sftp, limits=limits)

    def attempt() -> None:
        client = RawSftp(site.sftp_port)
        handle = client.open(NAME)
        with pytest.raises((EOFError, OSError)):
            for place in range(10_000):
                client.write(handle, place, b"x")
        client.hang_up()

    await run(attempt)
    await nothing_left(site)


async def test_idle_session_is_ended_but_not_a_busy_one(
    make_site: MakeSite, sftp: SftpSettings
) -> None:
    site = await make_site(sftp=sftp, limits=replace(QUICK, idle_time=0.4))

    def attempt() -> None:
        client = RawSftp(site.sftp_port)
        with pytest.raises((EOFError, OSError)):
            client.receive()
        client.hang_up()

    await run(attempt)
    async with asyncio.timeout(10):
        while site.receiver.status().connected_cameras:
            await asyncio.sleep(0.01)


async def test_file_that_is_too_large_is_refused(
    make_site: MakeSite, sftp: SftpSettings
) -> None:
    site = await make_site(sftp=sftp, limits=replace(QUICK, file_size=100_000))

    def attempt() -> None:
        client = RawSftp(site.sftp_port)
        handle = client.open(NAME)
        assert client.write(handle, 0, bytes(100_000)) == OK
        assert client.write(handle, 100_000, b"x") == FAILURE
        assert client.write(handle, 0, b"x") == FAILURE
        assert client.close_file(handle) == FAILURE
        far = client.open("far.jpg")
        assert client.write(far, 1 << 62, b"x") == FAILURE
        assert client.close_file(far) == FAILURE
        assert deliver(client, NAME, JPEG[:50_000]) == OK
        client.hang_up()

    await run(attempt)
    assert [len(file) for file in site.files().values()] == [50_000]


async def test_reserve_of_the_disk_is_kept(
    make_site: MakeSite, sftp: SftpSettings
) -> None:
    site = await make_site(sftp=sftp, reserve=1 << 60)

    def attempt() -> None:
        client = RawSftp(site.sftp_port)
        assert deliver(client, NAME, JPEG) == FAILURE
        assert client.size(NAME) is None
        client.hang_up()

    await run(attempt)
    assert site.files() == {}


async def test_session_must_begin_with_its_version(sftp_site: Site) -> None:
    def attempt() -> None:
        client = RawSftp(sftp_site.sftp_port, begin=False)
        client.send(b"\x10\0\0\0\1" + text("/"))
        with pytest.raises(EOFError):
            client.receive()
        client.hang_up()

    await run(attempt)


async def test_packets_that_are_cut_off_are_answered(sftp_site: Site) -> None:
    def attempt() -> None:
        client = RawSftp(sftp_site.sftp_port)
        for kind in (3, 4, 6, 8, 9, 11, 12, 14, 16, 17, 18, 200):
            assert client.status(kind) == BAD_MESSAGE
            assert client.status(kind, struct.pack(">I", 0xFFFFFFF0)) == BAD_MESSAGE
        assert deliver(client, NAME, JPEG) == OK
        client.hang_up()

    await run(attempt)
    assert sftp_site.files() == {PLACE: JPEG}


async def test_connection_test_is_not_kept(sftp_site: Site) -> None:
    client = await run(lambda: RawSftp(sftp_site.sftp_port))
    assert await run(lambda: deliver(client, "test.txt", b"x")) == OK
    await run(client.hang_up)
    assert sftp_site.files() == {}
    assert sftp_site.activity.statuses()["camera-1"].last_test is not None


async def test_stop_ends_what_runs(make_site: MakeSite, sftp: SftpSettings) -> None:
    site = await make_site(sftp=sftp)

    def begin() -> RawSftp:
        client = RawSftp(site.sftp_port)
        handle = client.open(NAME)
        assert client.write(handle, 0, JPEG) == OK
        return client

    client = await run(begin)
    before = {
        task for task in asyncio.all_tasks() if task is not asyncio.current_task()
    }
    assert before
    await site.receiver.stop()
    assert site.files() == {}
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    await run(client.hang_up)


async def test_stop_waits_for_what_was_broken_off_just_before(
    make_site: MakeSite, sftp: SftpSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It neither hangs nor leaves a part behind, however slow the disk is."""
    site = await make_site(sftp=sftp)
    discard = IncomingFile.discard
    discarding, go_on = asyncio.Event(), asyncio.Event()

    async def slow(incoming: IncomingFile) -> None:
        discarding.set()
        await go_on.wait()
        await discard(incoming)

    monkeypatch.setattr(IncomingFile, "discard", slow)

    def break_off() -> None:
        client = RawSftp(site.sftp_port)
        handle = client.open(NAME)
        assert client.write(handle, 0, JPEG) == OK
        client.hang_up()

    await run(break_off)
    async with asyncio.timeout(20):
        await discarding.wait()
        stopping = asyncio.create_task(site.receiver.stop())
        done, _ = await asyncio.wait([stopping], timeout=0.1)
        assert not done
        go_on.set()
        await stopping
    assert site.files() == {}


async def test_connection_that_breaks_while_a_channel_is_opened_is_forgotten(
    make_site: MakeSite, sftp: SftpSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = await make_site(sftp=sftp)
    session_requested = Connection.session_requested
    broken = asyncio.Event()

    def requested(connection: Connection) -> object:
        session = session_requested(connection)
        connection.abort()
        broken.set()
        return session

    monkeypatch.setattr(Connection, "session_requested", requested)

    def connect() -> None:
        with pytest.raises((EOFError, OSError, paramiko.SSHException)):
            RawSftp(site.sftp_port)

    async with asyncio.timeout(20):
        await run(connect)
        await broken.wait()
        # It would wait for the session to end, which the library has never begun.
        await site.receiver.stop()
