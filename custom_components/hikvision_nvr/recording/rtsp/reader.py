"""Reads all cameras in one thread, whose loop belongs to nothing else."""

import asyncio
from collections.abc import Callable
import contextlib
import logging
import threading

from ...errors import StreamEndedError, StreamError, StreamNotFoundError
from ..source import Sink
from .address import Address
from .connection import SCRATCH
from .pacing import Pacer
from .session import Session

_LOGGER = logging.getLogger(__name__)
_LOOK_UPS = 1.0
"""Seconds that names which are still looked up may take when the reader stops."""


class RtspReader:
    """The thread and its loop. It begins with the first source."""

    def __init__(self) -> None:
        """Prepare to read."""
        self._lock = threading.Lock()
        self._loop: asyncio.SelectorEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._scratch = bytearray()
        self._pacer = Pacer()

    def source(
        self, url: str, audio: bool, sink: Sink, *, basic: bool = False
    ) -> RtspSource:
        """Return what reads ``url`` into ``sink``; see ``SourceFactory``.

        ``basic`` allows to send the password as it is where a camera wants that.
        """
        return RtspSource(self, url, audio, sink, basic=basic)

    def call(self, work: Callable[[], object], *, begin: bool = False) -> None:
        """Call something in the loop; ``begin`` starts the loop if need be."""
        with self._lock:
            if self._loop is None:
                if not begin:
                    return
                self._loop = asyncio.SelectorEventLoop()
                self._scratch = bytearray(SCRATCH)
                self._pacer = Pacer()
                # A thread that waits for a camera must not keep the process alive.
                self._thread = threading.Thread(
                    target=self._run,
                    args=(self._loop,),
                    name="hikvision_nvr-rtsp",
                    daemon=True,
                )
                self._thread.start()
            self._loop.call_soon_threadsafe(work)

    def session(
        self, address: Address, sink: Sink, *, audio: bool, basic: bool
    ) -> Session:
        """Return a session that shares what all of them can; called in the loop."""
        return Session(
            address, sink, self._scratch, self._pacer, audio=audio, basic=basic
        )

    def stop(self, timeout: float) -> bool:
        """End all that is read and the thread (blocking); False if it is not done."""
        with self._lock:
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is None or thread is None:
            return True
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout)
        return not thread.is_alive()

    @staticmethod
    def _run(loop: asyncio.SelectorEventLoop) -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_forever()
            tasks = asyncio.all_tasks(loop)
            for task in tasks:
                task.cancel()
            if tasks:
                loop.run_until_complete(asyncio.wait(tasks))
            loop.run_until_complete(loop.shutdown_default_executor(_LOOK_UPS))
        finally:
            asyncio.set_event_loop(None)
            loop.close()


class RtspSource:
    """One stream, as the recorder asks for it."""

    def __init__(
        self, reader: RtspReader, url: str, audio: bool, sink: Sink, *, basic: bool
    ) -> None:
        """Read ``url``, which holds the credentials, into ``sink``."""
        self._reader = reader
        self._url = url
        self._audio = audio
        self._sink = sink
        self._basic = basic
        self._stopping = False
        self._task: asyncio.Task[None] | None = None
        self._ended = threading.Event()

    def start(self) -> None:
        """Begin to read; returns at once."""
        self._reader.call(self._begin, begin=True)

    def stop(self) -> None:
        """Ask it to end the session with the camera; returns at once."""
        self._stopping = True
        self._reader.call(self._cancel)

    def join(self, timeout: float) -> bool:
        """Wait for the end of the session (blocking)."""
        return self._ended.wait(timeout)

    def _begin(self) -> None:
        if self._stopping:
            self._ended.set()
            return
        self._task = asyncio.get_running_loop().create_task(self._run())
        self._task.add_done_callback(lambda _: self._ended.set())

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        error: StreamError = StreamEndedError("The camera has ended the stream")
        with contextlib.suppress(asyncio.CancelledError):
            try:
                address = Address.parse(self._url)
            except ValueError as err:
                error = StreamNotFoundError(str(err))
            else:
                error = await self._read(address)
        if not self._stopping:
            self._sink.closed(error)

    async def _read(self, address: Address) -> StreamError:
        session = self._reader.session(
            address, self._sink, audio=self._audio, basic=self._basic
        )
        try:
            await session.run()
        except StreamError as err:
            return err
        except Exception as err:
            # Whatever it is, it costs this stream a new connection and no other one.
            _LOGGER.exception("A stream cannot be read")
            return StreamEndedError(f"The stream cannot be read: {err!r}")
        return StreamEndedError("The camera has ended the stream")
