"""The self-test: tries everything the recorder needs, and tells what does not work.

It runs in a thread with a loop of its own, so that it works while the recorder does not
start, and neither Home Assistant nor the receiver waits for it. Each check has its own
time limit. What it tells has no password, key or token in it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
import hashlib
import os
from pathlib import Path
import ssl
import threading
import time
from typing import Any
import uuid

from cryptography import x509

from .errors import RecorderError
from .model import DeviceLogin, EngineSettings, S3Settings
from .offsite import probe_bucket
from .store.root import INCOMING, is_storage

TIME_LIMIT = 20.0
"""Seconds for each check; they run side by side."""
_TEST_SIZE = 1 << 20
"""Bytes that are written to the disk: about a picture."""
_LONGEST_LINE = 4096


class CheckError(Exception):
    """Something does not work; the text says what, in English."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What came of one check. ``about`` is the camera, port or folder that it tried."""

    name: str
    about: str
    ok: bool
    seconds: float
    details: dict[str, Any]
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraTarget:
    """Where a camera should answer. ``device`` is None for one that only delivers."""

    name: str
    host: str
    rtsp_port: int
    device: DeviceLogin | None


type Trial = Callable[[], Coroutine[Any, Any, dict[str, Any]]]
type Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def run_self_test(
    settings: EngineSettings, cameras: list[CameraTarget], limit: float = TIME_LIMIT
) -> list[Check]:
    """Try everything, each for ``limit`` seconds at most (blocking)."""

    async def run() -> list[Check]:
        return await asyncio.gather(
            *(
                _check(name, about, trial, limit)
                for name, about, trial in _trials(settings, cameras)
            )
        )

    return asyncio.run(run())


def _trials(
    settings: EngineSettings, cameras: list[CameraTarget]
) -> Iterator[tuple[str, str, Trial]]:
    """Yield each check: its name, what it is about, and what tries it."""
    receiver = settings.receiver
    host = receiver.host or "127.0.0.1"
    if (port := receiver.port) is not None:
        yield "ftps", str(port), lambda: _ftps(host, port)
    if (implicit := receiver.implicit_port) is not None:
        yield "implicit_ftps", str(implicit), lambda: _implicit_ftps(host, implicit)
    if (sftp := receiver.sftp) is not None:
        yield "sftp", str(sftp.port), lambda: _sftp(host, sftp.port)
    root, reserve = settings.storage_root, settings.storage_reserve
    yield "disk", str(root), lambda: _in_thread(lambda: _disk(root, reserve))
    if (s3 := settings.s3) is not None:
        yield "s3", s3.bucket, lambda: _s3(s3)
    for camera in cameras:
        yield "rtsp", camera.name, _rtsp_trial(camera)
        if camera.device is not None:
            yield "isapi", camera.name, _isapi_trial(camera.device)


async def _check(name: str, about: str, trial: Trial, limit: float) -> Check:
    """Try something. Whatever happens is a result."""
    began = time.monotonic()
    details: dict[str, Any] = {}
    problem: str | None = None
    try:
        async with asyncio.timeout(limit):
            details = await trial()
    except TimeoutError:
        problem = f"No answer within {limit:g} seconds"
    except (CheckError, RecorderError) as err:
        problem = str(err)
    except (OSError, ValueError, EOFError) as err:
        problem = str(err) or type(err).__name__
    return Check(
        name=name,
        about=about,
        ok=problem is None,
        seconds=round(time.monotonic() - began, 3),
        details=details,
        problem=problem,
    )


# The receiver


async def _ftps(host: str, port: int) -> dict[str, Any]:
    """Connect as a camera does, up to the encryption (RFC 4217), and no further."""
    async with _connection(host, port) as (reader, writer):
        await _expect(reader, b"220")
        writer.write(b"AUTH TLS\r\n")
        await _expect(reader, b"234")
        await writer.start_tls(_any_certificate())
        told = _tls(writer)
        await _quit(reader, writer)
        return told


async def _implicit_ftps(host: str, port: int) -> dict[str, Any]:
    async with _connection(host, port, _any_certificate()) as (reader, writer):
        await _expect(reader, b"220")
        told = _tls(writer)
        await _quit(reader, writer)
        return told


async def _sftp(host: str, port: int) -> dict[str, Any]:
    """Read how the server names itself (RFC 4253, 4.2)."""
    async with _connection(host, port) as (reader, _writer):
        await _expect(reader, b"SSH-2.0-")
        return {}


async def _quit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"QUIT\r\n")
    await _expect(reader, b"221")


async def _expect(reader: asyncio.StreamReader, beginning: bytes) -> bytes:
    """Return a line that begins so. Raises CheckError for any other."""
    line = await reader.readline()
    if not line:
        raise CheckError("The connection was closed: is this address banned?")
    if not line.startswith(beginning):
        raise CheckError(f"Unexpected answer: {line[:80]!r}")
    return line


def _tls(writer: asyncio.StreamWriter) -> dict[str, Any]:
    """Return how a connection is encrypted, and until when the certificate is valid.

    Raises CheckError for one that is over.
    """
    connection: ssl.SSLObject = writer.get_extra_info("ssl_object")
    cipher = connection.cipher()
    certificate = connection.getpeercert(binary_form=True)
    if cipher is None or certificate is None:
        raise CheckError("The connection is not encrypted")
    end = x509.load_der_x509_certificate(certificate).not_valid_after_utc
    if end <= datetime.now(UTC):
        raise CheckError(f"The certificate was valid until {end.date().isoformat()}")
    return {
        "tls": connection.version(),
        "cipher": cipher[0],
        "certificate_until": end.date().isoformat(),
        "certificate_sha256": hashlib.sha256(certificate).hexdigest(),
    }


def _any_certificate() -> ssl.SSLContext:
    """Return a context for whatever certificate there is: it is told, not trusted."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


# The disk and the bucket


def _disk(root: Path, reserve: int) -> dict[str, Any]:
    """Write a file as an upload is written, sync it, read it, delete it (blocking)."""
    if not is_storage(root):
        raise CheckError("This is not the recorder's storage: is its disk mounted?")
    content = os.urandom(_TEST_SIZE)
    # The recorder clears this folder when it starts.
    path = root / INCOMING / f"self-test-{uuid.uuid4().hex}.part"
    began = time.monotonic()
    try:
        with path.open("xb", buffering=0) as file:
            file.write(content)
            written = time.monotonic()
            os.fsync(file.fileno())
        synced = time.monotonic()
        if path.read_bytes() != content:
            raise CheckError("The disk gave back other bytes than written")
    finally:
        with suppress(FileNotFoundError):
            path.unlink()
    space = os.statvfs(root)
    free = space.f_bavail * space.f_frsize
    if free < reserve:
        raise CheckError(
            f"{free >> 20} MiB are free, less than the reserve of {reserve >> 20} MiB"
        )
    return {
        "write_ms": round(1000 * (written - began), 1),
        "fsync_ms": round(1000 * (synced - written), 1),
        "free_bytes": free,
        "total_bytes": space.f_blocks * space.f_frsize,
    }


async def _in_thread[T](work: Callable[[], T]) -> T:
    """Run work that may hang for ever, as that on a lost network share does.

    Such a thread is left behind: nothing can end it, and nothing waits for it.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def tell(result: Callable[[], None]) -> None:
        def now() -> None:
            if not done.done():
                result()

        with suppress(RuntimeError):
            loop.call_soon_threadsafe(now)

    def run() -> None:
        try:
            result = work()
        except Exception as err:  # noqa: BLE001
            error = err
            tell(lambda: done.set_exception(error))
        else:
            tell(lambda: done.set_result(result))

    threading.Thread(target=run, name="hikvision_nvr-self-test", daemon=True).start()
    return await done


async def _s3(settings: S3Settings) -> dict[str, Any]:
    """Write, read and delete an object, as when the bucket was entered."""
    await probe_bucket(settings)
    return {"service": settings.endpoint_url or "AWS", "region": settings.region}


# The cameras


def _rtsp_trial(camera: CameraTarget) -> Trial:
    return lambda: _rtsp(camera.host, camera.rtsp_port)


def _isapi_trial(device: DeviceLogin) -> Trial:
    return lambda: _isapi(device)


async def _rtsp(host: str, port: int) -> dict[str, Any]:
    """Ask what it can (RFC 2326, 10.1), without logging in."""
    address = f"[{host}]" if ":" in host else host
    async with _connection(host, port) as (reader, writer):
        writer.write(
            f"OPTIONS rtsp://{address}:{port}/ RTSP/1.0\r\nCSeq: 1\r\n\r\n".encode()
        )
        line = await _expect(reader, b"RTSP/1.0 ")
        return {"answer": _text(line)}


async def _isapi(device: DeviceLogin) -> dict[str, Any]:
    """Ask for its description, without logging in: no account can be locked by this."""
    host, port = device.host, device.port
    context = None if device.fingerprint is None else _any_certificate()
    address = f"[{host}]" if ":" in host else host
    async with _connection(host, port, context) as (reader, writer):
        told: dict[str, Any] = {}
        if device.fingerprint is not None:
            connection: ssl.SSLObject = writer.get_extra_info("ssl_object")
            certificate = connection.getpeercert(binary_form=True) or b""
            if hashlib.sha256(certificate).hexdigest() != device.fingerprint:
                raise CheckError("It shows another certificate than when it was added")
            told["tls"] = connection.version()
        writer.write(
            f"GET /ISAPI/System/deviceInfo HTTP/1.1\r\nHost: {address}:{port}\r\n"
            "Connection: close\r\n\r\n".encode()
        )
        line = await _expect(reader, b"HTTP/1.")
        return {**told, "answer": _text(line)}


def _text(line: bytes) -> str:
    """Return the beginning of a line of a stranger's as text that can be shown."""
    text = line[:80].decode("ascii", "replace").strip()
    return "".join(one for one in text if one.isprintable())


@asynccontextmanager
async def _connection(
    host: str, port: int, context: ssl.SSLContext | None = None
) -> AsyncIterator[Streams]:
    """Connect, and let go at once in the end."""
    reader, writer = await asyncio.open_connection(
        host, port, ssl=context, limit=_LONGEST_LINE
    )
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
