"""Commands that no camera would send by the thousand, and the receiver still works.

20,000 of them; 100,000 with HIKVISION_NVR_FULL=1. A failure prints its seed: FUZZ_SEED=... runs the same commands again.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
import hashlib
import io
import os
from pathlib import Path
import random
import re
import socket

import pytest

from .conftest import HOST, JPEG, PASSWORD, USERNAME, client_context, login
from .process import FULL, Kept, ReceiverProcess, kept_by_process, receiver_process

SEED = int(os.environ.get("FUZZ_SEED", "20261122"))
COMMANDS = int(os.environ.get("FUZZ_COMMANDS", "100000" if FULL else "20000"))
CLIENTS = 6
LINES = 250
"""In a session."""
MAXIMUM_GROWTH = 8 << 20

VERBS = [
    "ABOR",
    "ALLO",
    "APPE",
    "AUTH",
    "CCC",
    "CDUP",
    "CWD",
    "DELE",
    "EPRT",
    "EPSV",
    "FEAT",
    "HELP",
    "LIST",
    "MDTM",
    "MKD",
    "MLSD",
    "MLST",
    "MODE",
    "NLST",
    "NOOP",
    "OPTS",
    "PASS",
    "PASV",
    "PBSZ",
    "PORT",
    "PROT",
    "PWD",
    "QUIT",
    "REIN",
    "REST",
    "RETR",
    "RMD",
    "RNFR",
    "RNTO",
    "SITE",
    "SIZE",
    "SMNT",
    "STAT",
    "STOR",
    "STOU",
    "STRU",
    "SYST",
    "TYPE",
    "USER",
    "XCUP",
    "XCWD",
    "XMKD",
    "XPWD",
    "XRMD",
]
NAMES = (
    "10.55.48.12_01_20251119124208101_MOTION_DETECTION.jpg",
    "a.jpg.tmp",
    "../../../../etc/hosts",
    "/../x.jpg",
    "..",
    "/",
    "\\cam\\day\\x.jpg",
    "//cam//x.jpg",
    "~root/x",
    ".incoming/x.part",
    ".hikvision_nvr",
    "archive/x.jpg",
    "con.jpg",
    "-la",
    "*",
    "a" * 300 + ".jpg",
    "\x1b[31mred.jpg",
    "тест.jpg",
    "",
)
NUMBERS = ("0", "-1", "1", "65536", "4294967296", "9" * 15, "9" * 40, "1e9", "0x10")
STREAM = (
    "TYPE I",
    "CWD storage",
    "MKD CAM",
    "PASV",
    "STOR a.jpg.tmp",
    "RNFR a.jpg.tmp",
    "RNTO b.jpg",
    "EPSV",
    "APPE b.jpg",
    "REST 10",
    "PASV",
    "STOR b.jpg",
    "SIZE b.jpg",
    "EPSV",
    "MLSD",
    "LIST",
    "ABOR",
)
"""What a camera might send, to be spoilt."""


def lines(chance: random.Random) -> Iterator[bytes]:
    """Return the commands of one session, the end of the line included."""
    for _ in range(LINES):
        yield _line(chance)


def _line(chance: random.Random) -> bytes:
    kind = chance.random()
    if kind < 0.35:
        return _command(chance)
    if kind < 0.6:
        return _spoilt(chance.choice(STREAM).encode(), chance) + b"\r\n"
    if kind < 0.7:
        return chance.choice(STREAM).encode() + b"\r\n"
    if kind < 0.8:
        return chance.randbytes(chance.randrange(60)).replace(b"\n", b"") + b"\r\n"
    if kind < 0.88:
        telnet = chance.choice((b"\xff\xf4\xff\xf2", b"\xff", b"\xff\xff", b"\xff\xf4"))
        return telnet + _command(chance)
    if kind < 0.997:
        return _command(chance).replace(b"\r\n", chance.choice((b"\n", b"\0\r\n")))
    # The next one ends the session: seldom enough to get on.
    return b"A" * chance.choice((8_000, 9_000, 70_000)) + b"\r\n"


def _command(chance: random.Random) -> bytes:
    verb = chance.choice(VERBS)
    if verb in ("QUIT", "AUTH", "PASS", "USER") and chance.random() < 0.9:
        verb = "NOOP"
    argument = chance.choice(
        (
            chance.choice(NAMES),
            chance.choice(NUMBERS),
            ",".join(str(chance.randrange(300)) for _ in range(6)),
            f"|{chance.randrange(4)}|{HOST}|{chance.randrange(70000)}|",
            chance.choice(("TLS", "P", "C", "UTF8 ON", "MLST type;", "A N", "ALL")),
            "",
        )
    )
    encoded = argument.encode(chance.choice(("utf-8", "gb18030")), "replace")
    return verb.encode() + b" " + encoded + b"\r\n"


def _spoilt(line: bytes, chance: random.Random) -> bytes:
    spoilt = bytearray(line)
    for _ in range(chance.randrange(1, 4)):
        place = chance.randrange(len(spoilt) + 1)
        kind = chance.randrange(4)
        if kind == 0:
            spoilt[place:place] = chance.randbytes(chance.randrange(1, 5))
        elif kind == 1:
            del spoilt[place : place + chance.randrange(1, 4)]
        elif kind == 2 and spoilt:
            spoilt[place % len(spoilt)] ^= 1 << chance.randrange(8)
        else:
            spoilt += spoilt[: chance.randrange(len(spoilt) + 1)]
    return bytes(spoilt).replace(b"\n", b"")


@dataclass
class Fuzzer:
    """Sends commands, and gives data to every port that is opened for it."""

    port: int
    answered: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    sessions: int = 0
    cut: int = 0

    async def run(self, commands: int) -> None:
        """Go on until so many commands have been answered."""
        end = self.answered + commands
        async with asyncio.TaskGroup() as clients:
            for _ in range(CLIENTS):
                clients.create_task(self._until(end))

    async def _until(self, end: int) -> None:
        while self.answered < end:
            number = self.sessions
            self.sessions += 1
            async with asyncio.timeout(120):
                await self._session(random.Random(SEED * 100_000 + number), number)

    async def _session(self, chance: random.Random, number: int) -> None:
        # One in thirty does not log in: from an address that this gets banned.
        with_login = number % 30 != 29
        source = HOST if with_login else f"127.0.2.{number // 30 % 250 + 1}"
        reader, writer = await asyncio.open_connection(
            HOST, self.port, local_addr=(source, 0), limit=1 << 20
        )
        encrypted = with_login and number % 2 == 0
        data = asyncio.TaskGroup()
        try:
            assert (await reader.readline()).startswith(b"220")
            if encrypted:
                assert await _say(reader, writer, "AUTH TLS") == "234"
                await writer.start_tls(client_context(), server_hostname="localhost")
            if with_login:
                assert await _say(reader, writer, f"USER {USERNAME}") == "331"
                assert await _say(reader, writer, f"PASS {PASSWORD}") == "230"
            if encrypted:
                assert await _say(reader, writer, "PROT P") == "200"
            async with data, asyncio.TaskGroup() as both:
                both.create_task(self._send(writer, chance))
                await self._read(reader, chance, data, encrypted=encrypted)
        except* OSError, asyncio.IncompleteReadError:
            self.cut += 1
        finally:
            writer.transport.abort()

    async def _send(self, writer: asyncio.StreamWriter, chance: random.Random) -> None:
        batch = b""
        try:
            for line in lines(chance):
                batch += line
                # Several in one segment, and lines torn apart.
                if chance.random() < 0.1:
                    cut = chance.randrange(len(batch) + 1)
                    writer.write(batch[:cut])
                    await writer.drain()
                    batch = batch[cut:]
            writer.write(batch + b"\r\nQUIT\r\n")
            await writer.drain()
        except OSError:
            # The receiver ends sessions in which lines are too long.
            pass

    async def _read(
        self,
        reader: asyncio.StreamReader,
        chance: random.Random,
        data: asyncio.TaskGroup,
        *,
        encrypted: bool,
    ) -> None:
        while line := await reader.readline():
            if not re.match(rb"[1-5]\d\d ", line):
                continue
            code = line[:3].decode()
            self.codes[code] += 1
            self.answered += code[0] != "1"
            if code == "229":
                port = int(line.split(b"|")[3])
            elif code == "227":
                numbers = re.findall(rb"\d+", line)
                port = int(numbers[-2]) * 256 + int(numbers[-1])
            else:
                continue
            content = chance.randbytes(chance.randrange(2000))
            data.create_task(_give(port, content, chance.randrange(4), encrypted))


async def _say(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, command: str
) -> str:
    writer.write(f"{command}\r\n".encode())
    return (await reader.readline())[:3].decode()


async def _give(port: int, content: bytes, way: int, encrypted: bool) -> None:
    """Send data to a port: with TLS, without, cut off, or read what comes."""
    try:
        with_tls = encrypted and way != 0
        reader, writer = await asyncio.open_connection(
            HOST, port, ssl=client_context() if with_tls else None
        )
    except OSError:
        # The next command may have closed it already.
        return
    try:
        writer.write(content)
        await writer.drain()
        if way == 1:
            linger = b"\x01\0\0\0\0\0\0\0"
            connection = writer.get_extra_info("socket")
            if connection is not None:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()
        elif way == 2:
            # Of a listing there is nothing to read when this was an upload.
            writer.transport.close()
        else:
            if writer.can_write_eof():
                writer.write_eof()
            else:
                writer.close()
            async with asyncio.timeout(5):
                await reader.read()
    except OSError, TimeoutError:
        pass
    finally:
        writer.close()


def deliver(receiver: ReceiverProcess) -> tuple[str, str]:
    """Log in and deliver as if nothing had been; returns name and SHA-256."""
    name = "10.0.0.77_01_20251119124208101_MOTION_DETECTION.jpg"
    client = login(receiver.port)
    assert client.storbinary(f"STOR {name}", io.BytesIO(JPEG)).startswith("226")
    client.quit()
    return name, hashlib.sha256(JPEG).hexdigest()


def settled(folder: Path) -> Kept:
    found = kept_by_process(folder)
    found.check()
    return found


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_receiver_outlives_any_commands(tmp_path: Path) -> None:
    print(f"FUZZ_SEED={SEED}")
    folder = tmp_path / "receiver"
    with receiver_process(folder, "--plain-from", HOST, as_module=True) as receiver:
        fuzzer = Fuzzer(receiver.port)
        # By then the trees, caches and pools are full.
        asyncio.run(fuzzer.run(COMMANDS * 2 // 5))
        before = receiver.resident
        asyncio.run(fuzzer.run(COMMANDS - fuzzer.answered))
        growth = receiver.resident - before
        print(
            f"{fuzzer.answered} commands in {fuzzer.sessions} sessions,"
            f" {fuzzer.cut} cut; RSS {before >> 20} MB + {growth / (1 << 20):.1f} MB;"
            f" {dict(sorted(fuzzer.codes.items()))}"
        )
        assert receiver.process.poll() is None, "".join(receiver.said)
        name, digest = deliver(receiver)
        assert receiver.stop() == 0
    errors = "".join(receiver.said)
    assert "Traceback" not in errors, errors
    found = settled(folder)
    assert found.files[f"front/2025-11-19/{name}"] == digest
    # Uploads, refusals and wrong commands must all have been among them.
    assert {"226", "227", "229", "250", "426", "501", "502", "530"} <= set(fuzzer.codes)
    assert len(found.files) > 100
    assert growth <= MAXIMUM_GROWTH
