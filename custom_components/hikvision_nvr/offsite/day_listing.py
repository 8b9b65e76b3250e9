"""Lists the captures of a day; the first can be read before the last is known."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date
from typing import Final, Self

from .bucket import Bucket, StoredObject
from .keys import ObjectKind

FIRST_PAGE: Final = 100
"""Keys; each further page may have more, up to what the service allows."""


class DayListing:
    """The captures of a day, as far as they are listed, in the order of their keys.

    Use it with ``async with``: the listing goes on by itself. What it cannot list is
    raised as botocore raises it, after what was listed before.
    """

    def __init__(self, bucket: Bucket, camera: str, day: date) -> None:
        """List nothing yet."""
        self._bucket = bucket
        self._folder = bucket.layout.day_folder(camera, day)
        self._found: list[StoredObject] = []
        self._grown = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.size = 0
        """Bytes of what is listed so far."""

    async def __aenter__(self) -> Self:
        """Begin."""
        self._task = asyncio.create_task(self._list())
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def batches(self, most: int) -> AsyncIterator[list[StoredObject]]:
        """Yield captures from the first one on, up to so many together.

        A batch is whatever is listed by then, so that nobody waits for a full one.
        """
        position = 0
        while await self._has(position):
            batch = self._found[position : position + most]
            position += len(batch)
            yield batch

    async def any(self) -> bool:
        """Whether there is a capture."""
        return await self._has(0)

    async def all(self) -> list[StoredObject]:
        """Return all captures."""
        while await self._has(len(self._found)):
            pass
        return self._found

    async def _has(self, position: int) -> bool:
        """Return whether there is a capture at a position, once that is known."""
        assert self._task is not None
        while len(self._found) <= position:
            if self._task.done():
                self._task.result()
                return False
            await self._grown.wait()
        return True

    async def _list(self) -> None:
        try:
            async for page in self._bucket.pages(self._folder, first=FIRST_PAGE):
                captures = [entry for entry in page.objects if self._is_capture(entry)]
                self._found += captures
                self.size += sum(capture.size for capture in captures)
                self._wake()
        finally:
            self._wake()

    def _wake(self) -> None:
        grown, self._grown = self._grown, asyncio.Event()
        grown.set()

    def _is_capture(self, entry: StoredObject) -> bool:
        place = self._bucket.layout.parse(entry.key)
        return place is not None and place.kind is ObjectKind.CAPTURE
