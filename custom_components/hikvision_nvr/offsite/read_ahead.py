"""Reads what goes into an archive ahead of its packing, in order."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Final, Self

from ..model import Capture
from .archive_source import (
    SMALL_SIZE,
    Content,
    OpenSource,
    SourceFailedError,
    open_source,
    read_source,
)
from .bucket import Bucket, StoredObject
from .concurrency import OneThread
from .local_source import LocalSource, read_local
from .packing import pack

if TYPE_CHECKING:
    from ..store import Store

READS_AT_ONCE: Final = 16
MOST_AHEAD: Final = 8 << 20
"""Bytes; small objects could otherwise be 32 MiB together."""

type Known = tuple[StoredObject, Capture | None]
type _Ahead = tuple[StoredObject, Capture | None, asyncio.Task[Content] | None]


class ReadAhead:
    """Reads small objects ahead, in order, and opens a large one when it is its turn."""

    def __init__(
        self,
        bucket: Bucket,
        store: Store,
        sources: AsyncIterator[list[StoredObject]],
        thread: OneThread,
        name_of: Callable[[StoredObject], str],
    ) -> None:
        """Read ``sources``, which come some at a time, and pack them in ``thread``."""
        self._bucket = bucket
        self._store = store
        self._sources = sources
        self._thread = thread
        self._name_of = name_of
        self._batch: Iterator[Known] = iter(())
        self._next: asyncio.Task[list[Known] | None] | None = None
        self._window: deque[_Ahead] = deque()

    async def __aenter__(self) -> Self:
        """Begin."""
        self._next = asyncio.create_task(self._known())
        return self

    async def __aexit__(self, *_: object) -> None:
        """Leave everything that was begun."""
        tasks: list[asyncio.Task[object]] = [
            task for *_, task in self._window if task is not None
        ]
        if self._next is not None:
            tasks.append(self._next)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def __aiter__(self) -> Self:
        """Yield each source with what was read of it, or with why it was not."""
        return self

    async def __anext__(
        self,
    ) -> tuple[StoredObject, Content | OpenSource | LocalSource | SourceFailedError]:
        """Return the next source; an error of one of them does not end it."""
        await self._fill()
        if not self._window:
            raise StopAsyncIteration
        source, capture, task = self._window.popleft()
        try:
            if task is None:
                local = await self._read_local(source, capture)
                return source, local or await open_source(self._bucket, source)
            return source, await task
        except SourceFailedError as error:
            return source, error

    @property
    def _is_full(self) -> bool:
        ahead = sum(source.size for source, _, task in self._window if task is not None)
        return len(self._window) >= READS_AT_ONCE or ahead >= MOST_AHEAD

    async def _fill(self) -> None:
        """Begin to read what is known; wait for more only if nothing is."""
        while not self._is_full:
            known = next(self._batch, None)
            if known is not None:
                self._window.append(self._begun(*known))
            elif self._next is None or (self._window and not self._next.done()):
                return
            elif (batch := await self._next) is None:
                self._next = None
            else:
                self._batch = iter(batch)
                self._next = asyncio.create_task(self._known())

    async def _known(self) -> list[Known] | None:
        """Return the next sources with what the catalogue knows of them."""
        batch = await anext(self._sources, None)
        if batch is None:
            return None
        captures: Mapping[str, Capture] = await self._store.captures.of_objects(
            [source.key for source in batch]
        )
        return [(source, captures.get(source.key)) for source in batch]

    def _begun(self, source: StoredObject, capture: Capture | None) -> _Ahead:
        task = None
        if source.size <= SMALL_SIZE:
            task = asyncio.create_task(self._read_small(source, capture))
        return source, capture, task

    async def _read_small(
        self, source: StoredObject, capture: Capture | None
    ) -> Content:
        local = await self._read_local(source, capture)
        if isinstance(local, Content):
            return local
        return await read_source(
            self._bucket, source, self._thread, partial(pack, self._name_of(source))
        )

    async def _read_local(
        self, source: StoredObject, capture: Capture | None
    ) -> Content | LocalSource | None:
        packing = partial(pack, self._name_of(source))
        return await read_local(self._store, source, capture, self._thread, packing)
