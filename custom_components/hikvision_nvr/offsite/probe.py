"""Tries out a bucket before the owner's settings are accepted."""

from hashlib import md5
import logging
import uuid

from botocore.exceptions import ClientError

from ..errors import OffsiteError
from ..model import S3Settings
from .bucket import Bucket, content_md5
from .capabilities import Capabilities
from .client import open_bucket
from .discovery import discover
from .failure import code_of, is_not_found, offsite_error, readable_errors

_LOGGER = logging.getLogger(__package__)


async def probe_bucket(settings: S3Settings) -> Capabilities:
    """Write, read and delete small objects; return what the service can do.

    Raises OffsiteAuthError, OffsiteAccessDeniedError, BucketNotFoundError,
    ClockSkewError, OffsiteQuotaError, OffsiteUnreachableError, or OffsiteError for
    anything else.
    """
    with readable_errors(settings):
        async with open_bucket(settings) as bucket:
            refusal = await _refusal_of_head(bucket)
            await _round_trip(bucket)
            if refusal is not None:
                raise offsite_error(refusal, settings)
            return await discover(bucket)


async def _refusal_of_head(bucket: Bucket) -> ClientError | None:
    """Ask for the bucket; return the refusal if it does not tell its reason.

    The answer to a HEAD has no body: 403 may be a wrong key or a missing permission,
    400 may be anything. The requests that follow tell.
    """
    try:
        await bucket.client.head_bucket(Bucket=bucket.name)
    except ClientError as error:
        if is_not_found(error):
            raise
        _LOGGER.debug("HeadBucket answered %s", code_of(error))
        return error
    return None


async def _round_trip(bucket: Bucket) -> None:
    # Always the same name: a key that may not delete leaves one object, not many.
    key = bucket.layout.reserved_key("probe")
    content = uuid.uuid4().hex.encode()
    digest = md5(content, usedforsecurity=False).digest()
    await bucket.client.put_object(
        Bucket=bucket.name, Key=key, Body=content, ContentMD5=content_md5(digest)
    )
    answer = await bucket.client.get_object(Bucket=bucket.name, Key=key)
    read = await answer["Body"].read()
    await bucket.forget(key)
    if read != content:
        raise OffsiteError(f"Bucket {bucket.name} gave back other bytes than written")
