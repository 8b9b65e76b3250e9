"""A store, an S3 server, a proxy between them and an independent client."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
import uuid
from zoneinfo import ZoneInfo

from aiobotocore.session import AioSession
import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.retries.standard import ExponentialBackoff
import pytest
import pytest_socket

from custom_components.hikvision_nvr.model import (
    Capture,
    CaptureKind,
    DetectionType,
    S3Settings,
    Sighting,
)
from custom_components.hikvision_nvr.offsite import client, pace
from custom_components.hikvision_nvr.offsite.bucket import Bucket
from custom_components.hikvision_nvr.offsite.uploader import Uploader
from custom_components.hikvision_nvr.store import Store

from .proxy import S3Proxy
from .servers import ACCESS_KEY, SECRET_KEY, moto_server, rclone_server

BERLIN = ZoneInfo("Europe/Berlin")
EVENT = datetime(2026, 11, 21, 10, 0, 0, tzinfo=UTC)
DAY = EVENT.date()


@pytest.fixture(autouse=True)
def sockets(socket_enabled: None) -> None:
    """Let tests of this folder use the loopback."""


@pytest.fixture(autouse=True)
async def quick_loop(enable_event_loop_debug: None) -> None:
    """Leave the loop's debug mode, in which bulk transfers take minutes."""
    asyncio.get_running_loop().set_debug(False)


@pytest.fixture(scope="session")
def aws_session() -> AioSession:
    """Return a session that has read botocore's models once for all tests."""
    return AioSession()


@pytest.fixture(autouse=True)
def one_aws_session(aws_session: AioSession, monkeypatch: pytest.MonkeyPatch) -> None:
    """Save the time of reading the models; test_client.py does read them."""
    monkeypatch.setattr(client, "AioSession", lambda: aws_session)


@pytest.fixture(autouse=True)
def no_waiting_between_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the retries of requests, but not the seconds between them."""
    monkeypatch.setattr(ExponentialBackoff, "delay_amount", lambda _self, _context: 0.0)
    monkeypatch.setattr(pace, "request_seconds", lambda _attempts: 0.0)


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    pytest_socket.enable_socket()
    with moto_server() as url:
        yield url


@pytest.fixture(scope="session")
def rclone_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder in which rclone keeps its buckets."""
    return tmp_path_factory.mktemp("rclone")


@pytest.fixture(scope="session")
def rclone(rclone_folder: Path) -> Iterator[str]:
    pytest_socket.enable_socket()
    with rclone_server(rclone_folder) as url:
        yield url


@dataclass(frozen=True, slots=True)
class Remote:
    """A bucket as boto3, which shares no code with ours, sees it."""

    client: Any
    name: str

    def put(self, key: str, content: bytes = b"content", **options: Any) -> None:
        self.client.put_object(Bucket=self.name, Key=key, Body=content, **options)

    def listed(self, prefix: str = "") -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=self.name, Prefix=prefix
        )
        return [entry["Key"] for page in pages for entry in page.get("Contents", ())]

    def read(self, key: str, **options: Any) -> bytes:
        answer = self.client.get_object(Bucket=self.name, Key=key, **options)
        body: bytes = answer["Body"].read()
        return body

    def head(self, key: str) -> dict[str, Any]:
        head: dict[str, Any] = self.client.head_object(Bucket=self.name, Key=key)
        return head

    def tags(self, key: str) -> dict[str, str]:
        answer = self.client.get_object_tagging(Bucket=self.name, Key=key)
        return {tag["Key"]: tag["Value"] for tag in answer["TagSet"]}

    def unfinished_uploads(self) -> list[str]:
        answer = self.client.list_multipart_uploads(Bucket=self.name)
        return [entry["Key"] for entry in answer.get("Uploads", ())]


@cache
def client_of(url: str) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        config=Config(s3={"addressing_style": "path"}),
    )


def open_remote(url: str, name: str) -> Remote:
    remote = Remote(client_of(url), name)
    remote.client.create_bucket(Bucket=name)
    return remote


def settings_for(url: str, bucket: str, prefix: str = "") -> S3Settings:
    return S3Settings(
        endpoint_url=url,
        region="us-east-1",
        bucket=bucket,
        prefix=prefix,
        access_key_id=ACCESS_KEY,
        secret_access_key=SECRET_KEY,
    )


@pytest.fixture
def remote(moto: str) -> Remote:
    return open_remote(moto, f"bucket-{uuid.uuid4().hex}")


@pytest.fixture
async def proxy(moto: str) -> AsyncIterator[S3Proxy]:
    async with S3Proxy(moto).run() as proxy:
        yield proxy


@pytest.fixture
def settings(proxy: S3Proxy, remote: Remote) -> S3Settings:
    return settings_for(proxy.url, remote.name)


@pytest.fixture
async def bucket(settings: S3Settings) -> AsyncIterator[Bucket]:
    async with client.open_bucket(settings) as opened:
        yield opened


@pytest.fixture
async def bucket_below(
    settings: S3Settings,
) -> AsyncIterator[Bucket]:
    """Open the bucket below a prefix."""
    below = replace(settings, prefix="/site/a/")
    async with client.open_bucket(below) as opened:
        yield opened


@pytest.fixture
async def unconditional(rclone: str) -> AsyncIterator[tuple[Bucket, Remote]]:
    """Open a bucket of a service that overwrites whatever it is asked."""
    remote = open_remote(rclone, f"bucket-{uuid.uuid4().hex}")
    settings = settings_for(rclone, remote.name)
    async with client.open_bucket(settings) as opened:
        yield opened, remote


def describe(_camera: str, name: str, arrived: datetime) -> Sighting:
    """Read ``YYYYMMDDTHHMMSSZ`` from the start of a name, as a brand's reader would."""
    try:
        time = datetime.strptime(name[:16], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        time = arrived
    return Sighting(
        kind=CaptureKind.SNAPSHOT,
        type=DetectionType.MOTION,
        raw_type=None,
        channel="1",
        event_time=time,
    )


class LocalStore:
    """The real store, and a way to await what it announces."""

    def __init__(self, root: Path, catalogue: Path) -> None:
        self.store = Store(root, catalogue, time_zone=BERLIN, offsite=True)
        self.changes = asyncio.Event()
        self.store.on_change(self.changes.set)

    async def keep(
        self,
        content: bytes = b"picture",
        name: str = "a.jpg",
        *,
        camera: str = "front",
        event_time: datetime = EVENT,
        kind: CaptureKind = CaptureKind.SNAPSHOT,
    ) -> Capture:
        incoming = self.store.receive()
        await incoming.write(content)
        return await self.store.keep(
            incoming,
            camera=camera,
            name=name,
            sighting=Sighting(
                kind=kind,
                type=DetectionType.MOTION,
                raw_type="MOTION_DETECTION",
                channel="01",
                event_time=event_time,
            ),
            arrived=event_time,
            detection_id=None,
        )

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds, looking whenever the store says a change."""
        async with asyncio.timeout(20):
            while not holds():
                await self.changes.wait()
                self.changes.clear()

    async def waiting(self) -> int:
        return (await self.store.uploads.backlog()).files

    async def drained(self) -> None:
        async with asyncio.timeout(20):
            while await self.waiting():
                await self.changes.wait()
                self.changes.clear()


@pytest.fixture
async def local(tmp_path: Path) -> AsyncIterator[LocalStore]:
    local = LocalStore(tmp_path / "media", tmp_path / "state" / "catalogue.sqlite")
    await local.store.open()
    yield local
    await local.store.close()


@pytest.fixture
async def start_uploader(
    bucket: Bucket, local: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Callable[[], Uploader]]:
    """Return a function that starts an uploader which tries again at once."""
    monkeypatch.setattr(pace, "probe_seconds", lambda _attempts: 0.01)
    monkeypatch.setattr(pace, "retry_at", lambda _attempts: datetime.now(UTC))

    async def opened() -> Bucket:
        return bucket

    async with AsyncExitStack() as stack:

        def start() -> Uploader:
            uploader = Uploader(opened, local.store)
            uploader.start()
            stack.push_async_callback(uploader.stop)
            return uploader

        yield start


def missing(remote: Remote, key: str) -> bool:
    try:
        remote.head(key)
    except ClientError:
        return True
    return False


def captures(remote: Remote) -> Sequence[str]:
    """Return the keys outside the reserved folder."""
    return [key for key in remote.listed() if not key.startswith("_hikvision_nvr/")]
