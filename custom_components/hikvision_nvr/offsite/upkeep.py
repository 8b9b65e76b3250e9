"""What has to be done in a bucket now and then, apart from uploading."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
import logging
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from ..errors import OffsiteAccessDeniedError, OffsiteError, StorageError
from .bucket import Bucket
from .capabilities import Capabilities
from .discovery import discover
from .failure import kind_of, readable_errors
from .janitor import abort_strays

if TYPE_CHECKING:
    from ..store import Store

KNOWN_FOR: Final = timedelta(days=30)
"""After that a service is asked again what it can do."""
_ROUND: Final = timedelta(days=1)
_LATER: Final = timedelta(hours=1)

_LOGGER = logging.getLogger(__package__)


class Upkeep:
    """Knows what the service can do, and has stray uploads aborted.

    Both happen after a start and then only if there is a reason: nothing is asked of
    S3 while nothing waits.
    """

    def __init__(
        self,
        bucket: Callable[[], Awaitable[Bucket]],
        store: Store,
        usable: Callable[[], Awaitable[None]],
    ) -> None:
        """Work on what ``bucket`` opens once ``usable`` returns."""
        self._bucket = bucket
        self._store = store
        self._usable = usable
        self._task: asyncio.Task[None] | None = None
        self.capabilities: Capabilities | None = None

    def start(self) -> None:
        """Begin in the background."""
        self._task = asyncio.create_task(self._run(), name="offsite upkeep")

    async def stop(self) -> None:
        """Stop at once."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    async def recall(self, bucket: Bucket) -> Capabilities | None:
        """Return what is remembered of a bucket's service."""
        with suppress(ValueError, StorageError):
            text = await self._store.notes.get(_name(bucket))
            if text is not None:
                self.capabilities = Capabilities.from_json(text)
        return self.capabilities

    async def _run(self) -> None:
        while True:
            await self._usable()
            pause = _LATER
            try:
                bucket = await self._bucket()
                with readable_errors(bucket.settings):
                    await self._discover(bucket)
                    pause = await self._sweep(bucket)
            except (OffsiteError, StorageError) as error:
                _LOGGER.debug("The bucket is looked after later: %s", error)
            except Exception:
                _LOGGER.exception("The bucket is looked after later")
            await asyncio.sleep(pause.total_seconds())

    async def _discover(self, bucket: Bucket) -> None:
        known = bucket.capabilities
        if known is not None and datetime.now(UTC) - known.checked < KNOWN_FOR:
            return
        found = await discover(bucket)
        bucket.capabilities = self.capabilities = found
        await self._store.notes.set(_name(bucket), found.to_json())

    async def _sweep(self, bucket: Bucket) -> timedelta:
        """Abort what was left behind; return when to look again."""
        try:
            young = await abort_strays(bucket, self._store.uploads)
        except ClientError as error:
            if kind_of(error) not in {OffsiteError, OffsiteAccessDeniedError}:
                raise
            # The service cannot list them, or the key may not: no use in asking on.
            _LOGGER.info("Uploads that were left behind cannot be listed: %s", error)
            return KNOWN_FOR
        # Only crashes leave something, so that without any a month is soon enough.
        return _ROUND if young else KNOWN_FOR


def _name(bucket: Bucket) -> str:
    where = bucket.settings
    return f"s3_capabilities {where.endpoint_url or 'aws'} {where.bucket}"
