"""Packets that no camera would send, at each layer of SSH, and the receiver still works.

A failure prints its seed: FUZZ_SEED=... runs the same packets again. FUZZ_PACKETS=...
is how many; HIKVISION_NVR_FULL=1 makes them ten times as many.
"""

from collections import Counter
import os
from pathlib import Path
import random
import socket
import struct

import pytest

from .conftest import HOST, JPEG
from .process import FULL, ReceiverProcess, receiver_process
from .sftp import RawSftp, hang_up, put, sftp_login, text
from .test_fuzz import MAXIMUM_GROWTH, NAMES, SEED, settled

PACKETS = int(os.environ.get("FUZZ_PACKETS", "30000" if FULL else "3000"))
IN_A_SESSION = 150
_NUMBERS = (0, 1, 2, 255, 1 << 15, 1 << 18, (1 << 31) - 1, 1 << 31, (1 << 32) - 1)
_OFFSETS = (0, 0, 0, 0, 0, 0, 1, 1000, 32_768, 1 << 20, 1 << 31, 1 << 40, (1 << 64) - 1)


def packet(chance: random.Random, handles: list[bytes]) -> bytes:
    """Return a request: sound, spoilt, or nothing of the kind."""
    number = struct.pack(">I", chance.randrange(1 << 32))
    kind = chance.choice((*(3, 4, 6) * 8, *range(1, 22), 200, 255))
    name = text(
        chance.choice(NAMES).encode(chance.choice(("utf-8", "gb18030")), "replace")
    )
    handle = text(chance.choice([*handles * 3, b"", chance.randbytes(8)]))
    word = struct.pack(">I", chance.choice(_NUMBERS))
    fields = {
        3: lambda: (
            name + struct.pack(">II", chance.choice((0x1A, 0x0A, 0x0E, 2, 1)), 0)
        ),
        6: lambda: (
            handle
            + struct.pack(">Q", chance.choice(_OFFSETS))
            + text(chance.randbytes(chance.randrange(3000)))
        ),
        10: lambda: handle + struct.pack(">IQ", 1, chance.choice(_OFFSETS)),
        18: lambda: name + text(chance.choice(NAMES)),
        200: lambda: text("posix-rename@openssh.com") + name + name,
    }
    by_handle = (4, 5, 8, 12)
    body = fields.get(kind, lambda: handle if kind in by_handle else name + word)()
    whole = bytearray(bytes([kind]) + number + body)
    if chance.random() < 0.3:
        for _ in range(chance.randrange(1, 4)):
            place = chance.randrange(5, len(whole) + 1)
            if chance.random() < 0.5:
                del whole[place:]
            elif place < len(whole):
                whole[place] ^= 1 << chance.randrange(8)
    return bytes(whole)


def session(port: int, chance: random.Random, answers: Counter[int]) -> None:
    """Send packets in a session that is logged in, and read what is answered."""
    client = RawSftp(port)
    handles: list[bytes] = []
    try:
        for _ in range(IN_A_SESSION):
            client.send(packet(chance, handles))
            answer = client.receive()
            answers[answer[0] if answer[0] != 101 else 1000 + answer[8]] += 1
            if answer[0] == 102:
                handles = [*handles[-10:], answer[9:]]
        ending = chance.randrange(4)
        if ending == 0:
            client.channel.sendall(chance.choice((b"\0\0\0\0", b"\xff" * 40)))
            with pytest.raises(EOFError):
                client.receive()
        elif ending == 1:
            client.channel.sendall(packet(chance, handles)[: chance.randrange(1, 10)])
    finally:
        client.hang_up()


def stranger(port: int, chance: random.Random, number: int) -> None:
    """Say something that is no SSH, or only at first, from an address of its own."""
    beginning = chance.choice(
        (
            b"",
            b"GET / HTTP/1.0\r\n\r\n",
            b"SSH-2.0-" + b"x" * chance.randrange(300) + b"\r\n",
            b"SSH-1.5-old\r\n",
            b"SSH-2.0-x\r\n" + struct.pack(">IB", 12, 4) + b"\x14" + bytes(10),
            b"SSH-2.0-x\r\n"
            + struct.pack(">IB", 60, 4)
            + bytes([chance.randrange(256)]),
        )
    )
    source = f"127.0.3.{number % 250 + 1}"
    try:
        with socket.create_connection(
            (HOST, port), timeout=20, source_address=(source, 0)
        ) as raw:
            raw.sendall(beginning + chance.randbytes(chance.randrange(3000)))
            if chance.random() < 0.5:
                raw.shutdown(socket.SHUT_WR)
                while raw.recv(4096):
                    pass
    except OSError:
        pass


def run_packets(receiver: ReceiverProcess, first: int, last: int) -> Counter[int]:
    answers: Counter[int] = Counter()
    for number in range(first, last):
        chance = random.Random(SEED * 100_000 + number)
        session(receiver.sftp_port, chance, answers)
        for _ in range(3):
            stranger(receiver.sftp_port, chance, number)
    return answers


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_receiver_outlives_packets(tmp_path: Path) -> None:
    print(f"FUZZ_SEED={SEED}")
    folder = tmp_path / "receiver"
    sessions = PACKETS // IN_A_SESSION
    with receiver_process(folder, "--no-ftps", "--sftp-port", "0") as receiver:
        answers = run_packets(receiver, 0, sessions // 2)
        before = receiver.resident
        answers += run_packets(receiver, sessions // 2, sessions)
        growth = receiver.resident - before
        print(f"{answers}; RSS {before >> 20} MB + {growth / (1 << 20):.1f} MB")
        assert receiver.process.poll() is None, "".join(receiver.said)
        client = sftp_login(receiver.sftp_port)
        name = "10.0.0.77_01_20251119124208101_MOTION_DETECTION.jpg"
        put(client, name, JPEG)
        hang_up(client)
        assert receiver.stop() == 0
    errors = "".join(receiver.said)
    assert "Traceback" not in errors, errors
    found = settled(folder)
    assert f"front/2025-11-19/{name}" in found.files
    # Handles, names, attributes, and each way to say no must have been among them.
    statuses = {1000 + code for code in (0, 1, 2, 3, 4, 5, 8)}
    assert {102, 104, 105} | statuses <= set(answers)
    assert len(found.files) > 10
    assert growth <= MAXIMUM_GROWTH
