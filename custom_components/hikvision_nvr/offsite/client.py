"""The S3 client: one per recorder, made without a blocking call on the loop."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
import ssl
from typing import TYPE_CHECKING, Any, Final

from aiobotocore.config import AioConfig
from aiobotocore.httpsession import AIOHTTPSession
from aiobotocore.session import AioSession
import aiohttp
from botocore.httpsession import get_cert_path

from ..model import S3Settings
from .failure import readable_errors

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client

DEFAULT_REGION: Final = "us-east-1"
CONNECTIONS: Final = 32
CONNECT_SECONDS: Final = 10
READ_SECONDS: Final = 60


@asynccontextmanager
async def s3_client(settings: S3Settings) -> AsyncIterator[S3Client]:
    """Give a client for the settings; raises OffsiteError when they make no sense.

    It does not connect: the first request does.
    """
    session, tls = await asyncio.to_thread(_prepared)
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
        user_agent_extra="hikvision_nvr",
    )
    with readable_errors(settings):
        context = session.create_client(
            "s3",
            region_name=settings.region or DEFAULT_REGION,
            endpoint_url=settings.endpoint_url,
            aws_access_key_id=settings.access_key_id,
            aws_secret_access_key=settings.secret_access_key,
            config=config,
        )
        client = await context.__aenter__()
    try:
        yield client
    finally:
        await context.__aexit__(None, None, None)


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
