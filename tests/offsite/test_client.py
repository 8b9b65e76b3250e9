"""The client is made without a blocking call on the loop, and its TLS is checked."""

import asyncio
import builtins
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
import ipaddress
import os
from pathlib import Path
import sqlite3
import ssl
import threading
import time
from typing import Any

from aiobotocore.session import AioSession
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
import pytest

from custom_components.hikvision_nvr.errors import OffsiteUnreachableError
from custom_components.hikvision_nvr.model import CaptureKind, S3Settings
from custom_components.hikvision_nvr.offsite import Offsite, transfer
from custom_components.hikvision_nvr.offsite.client import open_bucket
from custom_components.hikvision_nvr.offsite.failure import readable_errors

from .conftest import (
    BERLIN,
    LocalStore,
    Remote,
    captures,
    describe,
    settings_for,
)
from .proxy import S3Proxy


@pytest.fixture(autouse=True)
def one_aws_session() -> None:
    """Make a session for each client, as the recorder does."""


@pytest.fixture
def blocking_calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record calls that read files on the thread of the test's loop."""
    calls: list[str] = []
    loop_thread = threading.get_ident()

    def watch(owner: Any, name: str) -> None:
        original: Callable[..., Any] = getattr(owner, name)

        def watched(*args: Any, **kwargs: Any) -> Any:
            # Who formats a stack or measures coverage looks at sources; we never do.
            is_source = name == "stat" and str(args[0]).endswith(".py")
            if threading.get_ident() == loop_thread and not is_source:
                calls.append(f"{name}{args[:1]}")
            return original(*args, **kwargs)

        monkeypatch.setattr(owner, name, watched)

    for owner, name in (
        (os, "listdir"),
        (os, "scandir"),
        (os, "open"),
        (os, "stat"),
        (os, "fsync"),
        (time, "sleep"),
        (sqlite3, "connect"),
        (builtins, "open"),
        (ssl, "create_default_context"),
        (ssl.SSLContext, "load_verify_locations"),
    ):
        watch(owner, name)
    return calls


async def test_no_blocking_call_when_the_client_is_made_and_used(
    settings: S3Settings, blocking_calls: list[str]
) -> None:
    async with open_bucket(settings) as bucket:
        await bucket.check()
    assert blocking_calls == []


async def test_no_blocking_call_while_captures_are_uploaded(
    settings: S3Settings,
    local: LocalStore,
    remote: Remote,
    blocking_calls: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transfer, "PART_SIZE", 5 << 20)
    kept = [
        await local.keep(b"picture", "a.jpg"),
        await local.keep(bytes(6 << 20), "b.mp4", kind=CaptureKind.CLIP),
    ]
    blocking_calls.clear()
    offsite = Offsite(settings, local.store, BERLIN, describe)
    await offsite.start()
    await local.drained()
    # The service is looked at as well.
    async with asyncio.timeout(20):
        while offsite.capabilities is None:
            await asyncio.sleep(0.01)
    await offsite.stop()
    assert blocking_calls == []
    assert captures(remote) == [capture.relative_path for capture in kept]


async def test_the_watch_sees_what_a_plain_client_does(
    settings: S3Settings, blocking_calls: list[str]
) -> None:
    async with AioSession().create_client(
        "s3",
        region_name="us-east-1",
        endpoint_url=settings.endpoint_url,
        aws_access_key_id=settings.access_key_id,
        aws_secret_access_key=settings.secret_access_key,
    ) as client:
        await client.list_objects_v2(Bucket=settings.bucket)
    assert any(call.startswith("listdir") for call in blocking_calls)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Make a certificate for 127.0.0.1 that is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "server.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def server_tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


async def test_https_with_a_trusted_certificate_works_without_blocking(
    moto: str,
    remote: Remote,
    certificate: Path,
    server_tls: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
    blocking_calls: list[str],
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(S3Proxy(moto).run(server_tls))
        settings = settings_for(proxy.url, remote.name)
        blocking_calls.clear()
        bucket = await stack.enter_async_context(open_bucket(settings))
        await bucket.check()
        assert proxy.url.startswith("https://")
        assert blocking_calls == []


async def test_https_with_an_unknown_certificate_is_refused(
    moto: str, remote: Remote, server_tls: ssl.SSLContext
) -> None:
    async with S3Proxy(moto).run(server_tls) as proxy:
        settings = settings_for(proxy.url, remote.name)
        async with open_bucket(settings) as bucket:
            with pytest.raises(OffsiteUnreachableError), readable_errors(settings):
                await bucket.check()
        assert proxy.requests == []
