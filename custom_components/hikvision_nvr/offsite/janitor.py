"""Aborts uploads in parts that a crash has left behind: they are billed for ever."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
import logging
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from .bucket import Bucket

if TYPE_CHECKING:
    from ..store import UploadQueue

STRAY_AFTER: Final = timedelta(hours=24)
"""Nothing of ours takes so long, and what is to be continued is in the catalogue."""

_LOGGER = logging.getLogger(__package__)


async def abort_strays(
    bucket: Bucket, queue: UploadQueue, *, older_than: timedelta = STRAY_AFTER
) -> int:
    """Abort stray uploads of ours; return how many were too young to judge.

    Ours are those to keys of our layout below our prefix that are not to be continued.
    How old they are is told by the service's clock alone: with this machine's a day
    ahead, one that is under way would be aborted. Raises what botocore raises.
    """
    continued = await queue.begun_ids()
    young = 0
    paginator = bucket.client.get_paginator("list_multipart_uploads")
    async for page in paginator.paginate(
        Bucket=bucket.name, Prefix=bucket.layout.prefix
    ):
        now = _service_time(page)
        for upload in page.get("Uploads", ()):
            key, upload_id = upload["Key"], upload["UploadId"]
            if upload_id in continued or not _is_ours(bucket, key):
                continue
            if now is None or upload["Initiated"] > now - older_than:
                young += 1
                continue
            _LOGGER.info("Aborting an upload to %s that was left behind", key)
            try:
                await bucket.client.abort_multipart_upload(
                    Bucket=bucket.name, Key=key, UploadId=upload_id
                )
            except ClientError as error:
                _LOGGER.debug("Parts of %s cannot be aborted: %s", key, error)
                young += 1
    return young


def _service_time(answer: Mapping[str, Any]) -> datetime | None:
    """Return when the service answered, by its own clock (RFC 9110, section 6.6.1).

    None where it does not say: then nothing is known to be old.
    """
    headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    with suppress(KeyError, ValueError):
        told = parsedate_to_datetime(headers["date"])
        return told if told.tzinfo is not None else None
    return None


def _is_ours(bucket: Bucket, key: str) -> bool:
    return bucket.layout.parse(key) is not None or key.startswith(
        bucket.layout.reserved_key("")
    )
