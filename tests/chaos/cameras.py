"""Twelve cameras that upload, and send again what nobody has acknowledged.

A burst is the pictures of one incident: a type and times of its own, so that it is one
detection. Whatever the recorder answers, or does not, a camera tries the same picture
until it is acknowledged; then and not before, it is in the ledger.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
import ftplib
from ftplib import FTP_TLS
from functools import partial
from hashlib import sha256
from io import BytesIO
import logging
import math
import random
import socket
import ssl
import struct
import threading
import time

import paramiko

from tests.receiver.delivery import forget_tls_error
from tests.simulators.camera import UploadAccount, ftps_session, hikvision_name

# It tells of each connection that breaks, and here they do all the time.
logging.getLogger("paramiko").setLevel(logging.CRITICAL)

CAMERAS = 12
BY_SFTP = (2, 7, 11)
"""The numbers of the cameras that know no FTPS."""
CLIP_SIZE = 9 << 20
"""Bytes: more than one part of an upload."""
_TYPES = (
    "MOTION_DETECTION",
    "LINE_CROSSING_DETECTION",
    "FIELD_DETECTION",
    "REGION_ENTRANCE",
    "REGION_EXITING",
    "FACE_DETECTION",
    "VEHICLE_DETECTION",
    "PIR_ALARM",
    "AUDIO_EXCEPTION",
    "SHELTER_ALARM",
    "VIDEO_LOSS",
)
_APART = timedelta(seconds=75)
"""Between bursts: more than one incident can last."""
_WITHIN = timedelta(seconds=2)
_BETWEEN_TRIES = 0.3
_BETWEEN_BURSTS = 0.7
"""Seconds."""


def camera_name(number: int) -> str:
    """Return a camera's name, which is its folder's, too."""
    return f"Camera {number:02}"


def camera_password(number: int) -> str:
    """Return the password of a camera's upload account: a secret."""
    return f"Secret-{number:02}-7421"


@dataclass
class File:
    """A picture or a clip."""

    name: str
    content: bytes

    @property
    def sha256(self) -> str:
        """Its fingerprint."""
        return sha256(self.content).hexdigest()


@dataclass
class Burst:
    """The files of one incident, and when they were sent (monotonic seconds)."""

    camera: int
    kind: str
    names: list[str]
    begun: float
    ended: float
    acknowledged: float = 0.0
    """When the last file of it was acknowledged, 0 if none was."""


@dataclass
class Ledger:
    """What the recorder has acknowledged: this it must never lose."""

    hashes: dict[str, str] = field(default_factory=dict)
    """SHA-256 of each acknowledged file, by its camera and name."""
    bursts: list[Burst] = field(default_factory=list)
    refused: int = 0
    broken: int = 0


class Camera:
    """One camera: what it sees follows from the seed alone."""

    def __init__(
        self, number: int, seed: int, account: UploadAccount, ledger: Ledger
    ) -> None:
        """Begin two days ago, at midnight."""
        self.number, self.account = number, account
        self._chance = random.Random(f"{seed} {number}")
        today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        self._time = today - timedelta(days=2)
        self._ledger = ledger
        self._count = 0
        self._lock = threading.Lock()

    def deliver(self, given_up: threading.Event, *, clip: bool = False) -> None:
        """Send one burst until all of it is acknowledged, or the time is up."""
        kind, files = self._burst(clip=clip)
        names = [file.name for file in files]
        burst = Burst(self.number, kind, names, time.monotonic(), math.inf)
        self._ledger.bursts.append(burst)
        for file in files:
            while not given_up.is_set():
                # A session of its own each time: cameras log in for each incident.
                with suppress(OSError, EOFError, paramiko.SSHException):
                    if self._send(file):
                        break
                self._ledger.broken += 1
                given_up.wait(_BETWEEN_TRIES)
            else:
                break
            burst.acknowledged = time.monotonic()
            self._ledger.hashes[f"{camera_name(self.number)}/{file.name}"] = file.sha256
        burst.ended = time.monotonic()

    def _send(self, file: File) -> bool:
        """Tell whether a file was acknowledged. Raises what broken connections do."""
        if self.number in BY_SFTP:
            return self._send_by_sftp(file)
        try:
            with ftps_session(self.account) as ftp:
                return _store(ftp, file)
        except ftplib.Error:
            self._ledger.refused += 1
            return False
        finally:
            forget_tls_error()

    def _send_by_sftp(self, file: File) -> bool:
        with sftp_session(self.account) as sftp:
            try:
                # It looks at the file afterwards: the answer to CLOSE is not heard.
                sftp.putfo(BytesIO(file.content), file.name, confirm=True)
            except OSError:
                self._ledger.refused += 1
                return False
            return True

    def _burst(self, *, clip: bool) -> tuple[str, list[File]]:
        with self._lock:
            self._count += 1
            kind = _TYPES[self._count % len(_TYPES)]
            self._time += _APART
            files = []
            for turn in range(1 if clip else self._chance.choice((1, 1, 2, 3))):
                taken = self._time + turn * _WITHIN
                name = hikvision_name(f"192.0.2.{100 + self.number}", taken, kind)
                size = self._chance.choice((20_000, 60_000, 200_000))
                content = _jpeg(self._chance.randbytes(size))
                if clip:
                    name = name.replace(".jpg", ".mp4")
                    content = _mp4(self._chance.randbytes(1 << 20), CLIP_SIZE)
                files.append(File(name, content))
        return kind, files


class Cameras:
    """All of them, and what each sends in a round."""

    def __init__(self, seed: int, accounts: Callable[[int], UploadAccount]) -> None:
        """Let each have an account."""
        self.ledger = Ledger()
        self._all = [
            Camera(number, seed, accounts(number), self.ledger)
            for number in range(CAMERAS)
        ]
        self._threads: list[threading.Thread] = []
        self._given_up = threading.Event()
        self._enough = threading.Event()

    def start(self, clip: int | None = None) -> None:
        """Let each camera send burst after burst until ``finish``; and one a clip."""
        self._given_up.clear()
        self._enough.clear()
        for camera in self._all:
            self._begin(camera, clip=camera.number == clip)

    def storm(self, number: int, bursts: int) -> None:
        """Let a camera send so many bursts more, all at the same time."""
        for _ in range(bursts):
            self._run(partial(self._all[number].deliver, self._given_up))

    def finish(self, seconds: float) -> None:
        """Let each camera end the burst that it is at, and wait for that.

        Raises AssertionError when it is not in time: a recorder that is well takes
        what it is sent.
        """
        end = time.monotonic() + seconds
        self._enough.set()
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        late = [thread for thread in self._threads if thread.is_alive()]
        self._given_up.set()
        for thread in late:
            thread.join(30)
        self._threads.clear()
        assert not late, f"{len(late)} cameras could not deliver within {seconds} s"

    def _begin(self, camera: Camera, *, clip: bool) -> None:
        def work() -> None:
            if clip:
                camera.deliver(self._given_up, clip=True)
            camera.deliver(self._given_up)
            while not self._enough.wait(_BETWEEN_BURSTS):
                camera.deliver(self._given_up)

        self._run(work)

    def _run(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        self._threads.append(thread)


def _store(ftp: FTP_TLS, file: File) -> bool:
    try:
        answer = ftp.storbinary(f"STOR {file.name}", BytesIO(file.content))
    except ssl.SSLError, ConnectionError:
        forget_tls_error()
        if ftp.sock is None:
            raise
        # What counts is what the recorder says, and it may have said it already.
        answer = ftp.voidresp()
    return answer.startswith("226")


@contextmanager
def sftp_session(account: UploadAccount) -> Iterator[paramiko.SFTPClient]:
    """Log in by SFTP, without a check of the host's key, as cameras do."""
    raw = socket.create_connection((account.host, account.port), timeout=15)
    transport = paramiko.Transport(raw)
    try:
        transport.banner_timeout = transport.auth_timeout = 15
        transport.connect(username=account.username, password=account.password)
        sftp = paramiko.SFTPClient.from_transport(transport)
        assert sftp is not None
        channel = sftp.get_channel()
        assert channel is not None
        channel.settimeout(20)
        yield sftp
    finally:
        transport.close()


def _jpeg(noise: bytes) -> bytes:
    """Return what a reader of headers takes for a whole JPEG."""
    header = struct.pack(">BHHB", 8, 720, 1280, 1) + b"\1\x11\0"
    return b"".join(
        (
            b"\xff\xd8",
            _segment(0xC0, header),
            _segment(0xDA, b"\1\1\0\0\x3f\0"),
            noise.replace(b"\xff", b"\0"),
            b"\xff\xd9",
        )
    )


def _segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def _mp4(noise: bytes, size: int) -> bytes:
    """Return what a reader of boxes takes for a whole MP4 file."""
    boxes = struct.pack(">I4s4sI8s", 24, b"ftyp", b"isom", 512, b"isommp42")
    boxes += struct.pack(">I4s", 8, b"moov")
    boxes += struct.pack(">I4s", size - len(boxes), b"mdat")
    return (boxes + noise * (size // len(noise) + 1))[:size]
