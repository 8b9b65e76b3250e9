"""Each way in which a bucket cannot be used has its own error, and leaks no key."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
import socket
import traceback
import uuid

from aiohttp import web
import pytest

from custom_components.hikvision_nvr.errors import (
    BucketNotFoundError,
    ClockSkewError,
    OffsiteAccessDeniedError,
    OffsiteAuthError,
    OffsiteError,
    OffsiteUnreachableError,
)
from custom_components.hikvision_nvr.model import S3Settings
from custom_components.hikvision_nvr.offsite import probe_bucket
from custom_components.hikvision_nvr.offsite.failure import offsite_error

from .conftest import Remote, open_remote, settings_for
from .proxy import S3Proxy
from .servers import SECRET_KEY


@pytest.fixture
def strict(rclone: str) -> S3Settings:
    """A bucket of a service that checks signatures."""
    remote = open_remote(rclone, f"strict-{uuid.uuid4().hex}")
    return settings_for(rclone, remote.name)


def assert_no_secret(error: BaseException) -> None:
    assert SECRET_KEY not in "".join(traceback.format_exception(error))
    assert SECRET_KEY not in repr(error)


async def test_good_settings_pass_and_leave_nothing_behind(
    settings: S3Settings, remote: Remote
) -> None:
    await probe_bucket(replace(settings, prefix="site"))
    assert remote.listed() == []


async def test_good_settings_pass_where_signatures_are_checked(
    strict: S3Settings,
) -> None:
    await probe_bucket(strict)


async def test_probe_runs_in_a_loop_of_its_own(settings: S3Settings) -> None:
    await asyncio.to_thread(asyncio.run, probe_bucket(settings))


async def test_unknown_access_key(strict: S3Settings) -> None:
    with pytest.raises(OffsiteAuthError) as caught:
        await probe_bucket(replace(strict, access_key_id="AKIANOBODY"))
    assert_no_secret(caught.value)


async def test_wrong_secret_key(strict: S3Settings) -> None:
    with pytest.raises(OffsiteAuthError) as caught:
        await probe_bucket(replace(strict, secret_access_key=SECRET_KEY + "x"))
    assert_no_secret(caught.value)


async def test_missing_bucket(settings: S3Settings) -> None:
    with pytest.raises(BucketNotFoundError):
        await probe_bucket(replace(settings, bucket="nobody-made-this"))


@pytest.mark.parametrize("name", ["no", "white space", "UPPER/slash"])
async def test_impossible_bucket_name(settings: S3Settings, name: str) -> None:
    with pytest.raises(BucketNotFoundError):
        await probe_bucket(replace(settings, bucket=name))


async def test_nobody_listens(settings: S3Settings) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(OffsiteUnreachableError) as caught:
            await probe_bucket(replace(settings, endpoint_url=url))
    assert_no_secret(caught.value)


@pytest.mark.parametrize("url", ["not an address", "http://", "ftp//x"])
async def test_address_that_is_none(settings: S3Settings, url: str) -> None:
    with pytest.raises(OffsiteUnreachableError):
        await probe_bucket(replace(settings, endpoint_url=url))


def refusing(
    status: int, code: str, method: str
) -> Callable[[web.Request], Awaitable[web.StreamResponse | None]]:
    async def fault(request: web.Request) -> web.StreamResponse | None:
        if request.method not in {method, "HEAD"}:
            return None
        body = f"<Error><Code>{code}</Code><Message>no</Message></Error>"
        return web.Response(status=status, text=body, content_type="application/xml")

    return fault


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (403, "AccessDenied", OffsiteAccessDeniedError),
        (403, "InvalidAccessKeyId", OffsiteAuthError),
        (403, "SignatureDoesNotMatch", OffsiteAuthError),
        (400, "ExpiredToken", OffsiteAuthError),
        (403, "RequestTimeTooSkewed", ClockSkewError),
        (400, "AuthorizationHeaderMalformed", BucketNotFoundError),
        (503, "ServiceUnavailable", OffsiteUnreachableError),
        (418, "ShortAndStout", OffsiteError),
    ],
)
async def test_refusal_is_named_although_a_head_tells_no_reason(
    proxy: S3Proxy,
    settings: S3Settings,
    status: int,
    code: str,
    expected: type[OffsiteError],
) -> None:
    proxy.fault = refusing(status, code, "PUT")
    with pytest.raises(OffsiteError) as caught:
        await probe_bucket(settings)
    assert type(caught.value) is expected
    assert caught.value.placeholders["bucket"] == settings.bucket


async def test_bucket_that_cannot_be_listed_is_refused(
    proxy: S3Proxy, settings: S3Settings
) -> None:
    proxy.fault = refusing(403, "", "HEAD")
    with pytest.raises(OffsiteAccessDeniedError):
        await probe_bucket(settings)


async def test_bytes_that_come_back_changed_are_noticed(
    proxy: S3Proxy, settings: S3Settings
) -> None:
    async def fault(request: web.Request) -> web.StreamResponse | None:
        if request.method == "GET":
            return web.Response(body=b"something else")
        return None

    proxy.fault = fault
    with pytest.raises(OffsiteError, match="other bytes"):
        await probe_bucket(settings)


def test_login_in_the_address_is_not_shown(settings: S3Settings) -> None:
    address = "http://me:hunter2@127.0.0.1:1"
    error = offsite_error(ValueError(), replace(settings, endpoint_url=address))
    assert "hunter2" not in str(error) + str(error.placeholders)
