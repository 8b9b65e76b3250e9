"""A receiver that is killed keeps each file that it has acknowledged, once.

6 rounds by FTPS and 2 by SFTP; 200 of each with HIKVISION_NVR_FULL=1.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
import ftplib
import hashlib
from pathlib import Path
import random
import threading

import pytest

from .delivery import Client, ProtocolClient, RefusedError, both_protocols
from .process import FULL, ReceiverProcess, kept_by_process, receiver_process

ROUNDS = {"ftps": 200 if FULL else 6, "sftp": 200 if FULL else 2}
CLIENTS = 5
SEED = 20261122


class Cameras:
    """Clients that deliver, and send again what nobody has acknowledged."""

    def __init__(self, seed: int, protocol: ProtocolClient) -> None:
        self._protocol = protocol
        self.acknowledged: dict[str, str] = {}
        """SHA-256 of each file that was answered 226, by its name."""
        self.attempts = 0
        self.broken = 0
        self._random = random.Random(seed)
        self._files = [self._deliveries(number) for number in range(CLIENTS)]
        self._waiting: list[tuple[str, bytes] | None] = [None] * CLIENTS
        self._lock = threading.Lock()

    def deliver(self, receiver: ReceiverProcess, after: threading.Event) -> None:
        """Deliver until the receiver is gone; ``after`` is set by the first 226."""
        threads = [
            threading.Thread(target=self._deliver, args=(number, receiver, after))
            for number in range(CLIENTS)
        ]
        for thread in threads:
            thread.start()
        assert after.wait(60), "nothing was acknowledged"
        # Between the first acknowledgement and some tens of them.
        receiver.process.poll()
        threading.Event().wait(self._random.uniform(0, 0.6))
        assert receiver.process.poll() is None, "".join(receiver.said)
        receiver.kill()
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive()

    def _deliveries(self, number: int) -> Iterator[tuple[str, bytes]]:
        chance = random.Random(SEED + number)
        moment = datetime(2026, 3, 4, 12)
        while True:
            moment += timedelta(seconds=1)
            name = f"10.0.0.{number}_01_{moment:%Y%m%d%H%M%S}000_MOTION_DETECTION.jpg"
            size = chance.choice((3_000, 60_000, 200_000, 200_000, 3_000_000))
            if size > 1_000_000:
                name = name.replace(".jpg", ".mp4")
            yield name, chance.randbytes(size)

    def _deliver(
        self, number: int, receiver: ReceiverProcess, after: threading.Event
    ) -> None:
        keeps_session = number % 2 == 0
        client: Client | None = None
        try:
            while True:
                name, content = self._waiting[number] or next(self._files[number])
                self._waiting[number] = (name, content)
                self.attempts += 1
                client = client or self._protocol(receiver)
                client.store(name, content)
                with self._lock:
                    self.acknowledged[name] = hashlib.sha256(content).hexdigest()
                self._waiting[number] = None
                after.set()
                if not keeps_session:
                    client.close()
                    client = None
        except (RefusedError, ftplib.Error) as err:
            raise AssertionError("a file was refused") from err
        except EOFError, OSError:
            self.broken += 1
        finally:
            if client is not None:
                client.close()


@pytest.mark.slow
@pytest.mark.timeout(3000)
@both_protocols
def test_acknowledged_files_survive_a_kill(
    tmp_path: Path, protocol: ProtocolClient, request: pytest.FixtureRequest
) -> None:
    rounds = ROUNDS[request.node.callspec.id]
    print(f"seed {SEED}, {rounds} rounds")
    folder = tmp_path / "receiver"
    cameras = Cameras(SEED, protocol)
    for _ in range(rounds):
        with receiver_process(folder, *protocol.options) as receiver:
            cameras.deliver(receiver, threading.Event())
    with receiver_process(folder, *protocol.options) as receiver:
        # What the last round left is put right by a start.
        protocol(receiver).close()
        assert receiver.stop() == 0
    found = kept_by_process(folder)
    found.check()
    by_name = {path.rsplit("/", 1)[1]: digest for path, digest in found.files.items()}
    assert len(by_name) == len(found.files)
    lost = {
        name
        for name, digest in cameras.acknowledged.items()
        if by_name.get(name) != digest
    }
    assert lost == set()
    assert max(found.copies.values()) == 1
    # Each round must have had something to lose.
    assert len(cameras.acknowledged) > rounds
    assert cameras.broken >= rounds
    print(
        f"{len(cameras.acknowledged)} acknowledged, {cameras.broken} broken off,"
        f" {len(found.files)} kept"
    )
