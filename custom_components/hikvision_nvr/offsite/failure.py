"""Turns what botocore raises into errors that an owner can act on."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Final

import aiohttp
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError as BotoConnectionError,
    EndpointConnectionError,
    HTTPClientError,
    ParamValidationError,
    SSLError,
)

from ..errors import (
    BucketNotFoundError,
    ClockSkewError,
    OffsiteAccessDeniedError,
    OffsiteAuthError,
    OffsiteError,
    OffsiteQuotaError,
    OffsiteUnreachableError,
)
from ..model import S3Settings

_CODES: Final[dict[type[OffsiteError], frozenset[str]]] = {
    OffsiteAuthError: frozenset(
        {
            "InvalidAccessKeyId",
            "SignatureDoesNotMatch",
            "InvalidToken",
            "ExpiredToken",
            "InvalidSecurity",
            "InvalidClientTokenId",
            "UnrecognizedClientException",
            "401",
            "Unauthorized",
        }
    ),
    OffsiteAccessDeniedError: frozenset(
        {"AccessDenied", "AllAccessDisabled", "403", "Forbidden"}
    ),
    # AWS; Ceph RGW; MinIO; HTTP 507 (RFC 4918, 11.5) and 402 of others.
    OffsiteQuotaError: frozenset(
        {
            "AccountProblem",
            "NotSignedUp",
            "QuotaExceeded",
            "ServiceQuotaExceeded",
            "StorageQuotaExceeded",
            "XMinioAdminBucketQuotaExceeded",
            "XMinioStorageFull",
            "InsufficientStorage",
            "402",
            "507",
        }
    ),
    BucketNotFoundError: frozenset(
        {
            "NoSuchBucket",
            "InvalidBucketName",
            "PermanentRedirect",
            "TemporaryRedirect",
            "AuthorizationHeaderMalformed",
            "IllegalLocationConstraintException",
            "301",
            "307",
        }
    ),
    ClockSkewError: frozenset({"RequestTimeTooSkewed", "RequestExpired"}),
    OffsiteUnreachableError: frozenset(
        {
            "SlowDown",
            "ServiceUnavailable",
            "RequestTimeout",
            "RequestTimeoutException",
            "Throttling",
            "ThrottlingException",
            "TooManyRequests",
            "429",
            "502",
            "503",
            "504",
        }
    ),
}
_CLASS_OF_CODE: Final = {
    code: error for error, codes in _CODES.items() for code in codes
}
_NOT_FOUND: Final = frozenset({"404", "NoSuchKey", "NotFound"})
_TEXTS: Final[dict[type[OffsiteError], str]] = {
    OffsiteAuthError: "{service} refuses the access key of bucket {bucket}",
    OffsiteAccessDeniedError: "The access key may not do this in bucket {bucket}",
    OffsiteQuotaError: "{service} has no room left for bucket {bucket}",
    BucketNotFoundError: "Bucket {bucket} is not at {service} in this region",
    ClockSkewError: "The clock differs too much from that of {service}",
    OffsiteUnreachableError: "{service} does not answer",
    OffsiteError: "{service} refused a request for bucket {bucket}",
}


def code_of(error: ClientError) -> str:
    """Return the S3 error code, or the HTTP status of an answer without a body."""
    return str(error.response.get("Error", {}).get("Code", ""))


def status_of(error: ClientError) -> int:
    """Return the HTTP status of an error, 0 when it is not known."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def is_not_found(error: ClientError) -> bool:
    """Whether an object does not exist (a HEAD answers so for a bucket as well)."""
    return code_of(error) in _NOT_FOUND


def is_precondition_failed(error: ClientError) -> bool:
    """Whether If-Match or If-None-Match did not hold."""
    return status_of(error) == HTTPStatus.PRECONDITION_FAILED or code_of(error) in {
        "PreconditionFailed",
        "412",
    }


def is_conflict(error: ClientError) -> bool:
    """Whether another write to the same key was under way: try again."""
    return status_of(error) == HTTPStatus.CONFLICT


def offsite_error(error: Exception, settings: S3Settings) -> OffsiteError:
    """Return the error of ours that says what went wrong, without any credential."""
    if isinstance(error, OffsiteError):
        return error
    kind = kind_of(error)
    service = settings.endpoint_url or "AWS S3"
    text = _TEXTS[kind].format(service=_without_login(service), bucket=settings.bucket)
    return kind(
        f"{text}: {_detail(error)}",
        bucket=settings.bucket,
        service=_without_login(service),
        detail=_detail(error),
    )


@contextmanager
def readable_errors(settings: S3Settings) -> Iterator[None]:
    """Let only OffsiteError and its kin out of a block that talks to S3."""
    try:
        yield
    except (
        ClientError,
        BotoCoreError,
        aiohttp.ClientError,
        TimeoutError,
        ConnectionError,
        ValueError,
    ) as error:
        raise offsite_error(error, settings) from error


def kind_of(error: Exception) -> type[OffsiteError]:
    """Return the class of ours that an exception belongs to."""
    if isinstance(error, ClientError):
        code = code_of(error)
        if code in _NOT_FOUND:
            return BucketNotFoundError if _about_bucket(error) else OffsiteError
        by_status = _CLASS_OF_CODE.get(str(status_of(error)), OffsiteError)
        return _CLASS_OF_CODE.get(code, by_status)
    if isinstance(error, ParamValidationError):
        return BucketNotFoundError if "bucket" in str(error).lower() else OffsiteError
    if isinstance(
        error,
        BotoConnectionError
        | EndpointConnectionError
        | SSLError
        | HTTPClientError
        | aiohttp.ClientError
        | TimeoutError
        | ConnectionError,
    ):
        return OffsiteUnreachableError
    if isinstance(error, ValueError):
        # botocore raises it for an endpoint that is no URL.
        return OffsiteUnreachableError
    return OffsiteError


def _about_bucket(error: ClientError) -> bool:
    return error.operation_name in {"HeadBucket", "ListObjectsV2", "PutObject"}


def _detail(error: Exception) -> str:
    if isinstance(error, ClientError):
        return f"{error.operation_name} {code_of(error)}".rstrip()
    if isinstance(error, ValueError):
        return "the address of the service is not valid"
    if isinstance(error, ParamValidationError):
        return "the request is not valid"
    return type(error).__name__


def _without_login(address: str) -> str:
    """Drop ``user:password@``, which a pasted address may hold."""
    scheme, separator, rest = address.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}" if separator else scheme
