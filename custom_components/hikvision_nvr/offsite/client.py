"""What talks to S3: one client per recorder, made without a blocking call on the loop.

Beside botocore's client it has connections of its own for the bodies of uploads.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, tzinfo
import ssl
from typing import TYPE_CHECKING, Any, Final

from aiobotocore.config import AioConfig
from aiobotocore.httpsession import AIOHTTPSession
from aiobotocore.session import AioSession
import aiohttp
from botocore.httpsession import get_cert_path

from ..model import S3Settings
from .bandwidth import Bandwidth
from .bucket import Bucket
from .failure import readable_errors
from .sender import USER_AGENT, Sender
from .signature import Signer

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client

DEFAULT_REGION: Final = "us-east-1"
CONNECTIONS: Final = 32
CONNECT_SECONDS: Final = 10
READ_SECONDS: Final = 60


@asynccontextmanager
async def open_bucket(
    settings: S3Settings,
    time_zone: tzinfo = UTC,
    bandwidth: Bandwidth | None = None,
) -> AsyncIterator[Bucket]:
    """Give the bucket of the settings; raises OffsiteError when they make no sense.

    It does not connect: the first request does. ``time_zone`` is that of the limits'
    times of day; ``bandwidth`` is one of its own instead of these limits.
    """
    session, tls = await asyncio.to_thread(_prepared)
    async with AsyncExitStack() as stack:
        with readable_errors(settings):
            client = await stack.enter_async_context(_client(settings, session, tls))
            base = await _address_of_bucket(client, settings.bucket)
        signer = Signer(
            settings.access_key_id,
            settings.secret_access_key,
            settings.region or DEFAULT_REGION,
        )
        if bandwidth is None:
            bandwidth = Bandwidth(settings.limits, time_zone)
        sender = Sender(base, signer, tls, bandwidth)
        stack.push_async_callback(sender.close)
        yield Bucket(client, settings, sender)


@asynccontextmanager
async def _client(
    settings: S3Settings, session: AioSession, tls: ssl.SSLContext
) -> AsyncIterator[S3Client]:
    config = AioConfig(
        http_session_cls=_session_with(tls),
        # The loop's own resolver asks the system in a thread: names of the house
        # (/etc/hosts, mDNS) work, and no resolver outlives the client.
        connector_args={"resolver": aiohttp.ThreadedResolver()},
        warm_up_loader_caches=True,
        signature_version="s3v4",
        s3={"addressing_style": "path" if settings.endpoint_url else "auto"},
        # The newer default adds trailers that B2, R2 and older MinIO refuse.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        retries={"mode": "standard", "max_attempts": 3},
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        max_pool_connections=CONNECTIONS,
        ignore_configured_endpoint_urls=True,
        user_agent_extra=USER_AGENT,
    )
    async with session.create_client(
        "s3",
        region_name=settings.region or DEFAULT_REGION,
        endpoint_url=settings.endpoint_url,
        aws_access_key_id=settings.access_key_id,
        aws_secret_access_key=settings.secret_access_key,
        config=config,
    ) as client:
        yield client


async def _address_of_bucket(client: S3Client, bucket: str) -> str:
    """Return the URL that keys are appended to, by botocore's rules for endpoints."""
    url: str = await client.generate_presigned_url(
        "put_object", Params={"Bucket": bucket, "Key": "k"}
    )
    return url.partition("?")[0].removesuffix("k")


def _prepared() -> tuple[AioSession, ssl.SSLContext]:
    """Do in a thread what reads files: the AWS profile and the root certificates."""
    session = AioSession()
    _ = session.full_config
    tls = ssl.create_default_context()
    tls.load_verify_locations(get_cert_path(True))
    tls.set_alpn_protocols(["http/1.1"])
    return session, tls


def _session_with(tls: ssl.SSLContext) -> type[AIOHTTPSession]:
    """Make the session class whose connections use a ready TLS context.

    aiobotocore 3.7 reads the root certificates on the loop otherwise (its #1469).
    """

    class ReadyTlsSession(AIOHTTPSession):
        _max_pool_connections: int
        _connector_args: dict[str, Any]

        def _create_connector(self, proxy_url: str | None) -> aiohttp.TCPConnector:
            return aiohttp.TCPConnector(
                limit=self._max_pool_connections, ssl=tls, **self._connector_args
            )

    return ReadyTlsSession
