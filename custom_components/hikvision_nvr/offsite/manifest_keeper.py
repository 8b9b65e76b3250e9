"""Writes manifests in the background, soon after days are over."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
import logging
from typing import Final

from ..errors import OffsiteError
from .manifest_writer import ManifestWriter

CHECK_SECONDS: Final = 900.0
"""Between two looks into the catalogue; the bucket is asked only when there is work."""
FIRST_SECONDS: Final = 60.0
"""Before the first look: what was waiting is uploaded first, and listed with its day."""

_LOGGER = logging.getLogger(__package__)


class ManifestKeeper:
    """Looks now and then whether a day is over."""

    def __init__(
        self, writer: ManifestWriter, usable: Callable[[], Awaitable[None]]
    ) -> None:
        """Let this writer do the work, once ``usable`` says that S3 can be used."""
        self._writer = writer
        self._usable = usable
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look."""
        self._task = asyncio.create_task(self._run(), name="offsite manifests")

    async def stop(self) -> None:
        """Stop; what was not finished is found at the next start."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _run(self) -> None:
        pause = FIRST_SECONDS
        while True:
            await asyncio.sleep(pause)
            pause = CHECK_SECONDS
            await self._usable()
            try:
                await self._writer.write_due()
            except OffsiteError as error:
                _LOGGER.debug("Manifests wait for S3: %s", error)
            except Exception:
                _LOGGER.exception("Manifests could not be written and will be later")
