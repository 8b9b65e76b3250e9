"""One SFTP session: packets in, replies out, in the order in which they come."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
import logging
from typing import override

import asyncssh

from ..upload import TooSlowError
from . import wire
from .files import MAX_PACKET, Files
from .wire import MalformedError, Packet, Request, Status

_LOGGER = logging.getLogger(__name__)

_PAUSE_ABOVE = 512 << 10
"""Bytes received but not yet carried out, at which the camera is made to wait."""
_LENGTH = 4
_SHORTEST = 5
"""Bytes of a packet with nothing but its type and number."""


class Packets:
    """Cuts packets out of the bytes of a channel, without copying those of files."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._pieces: deque[bytes] = deque()
        self._size = 0
        self._length: int | None = None

    @property
    def size(self) -> int:
        """Bytes that wait."""
        return self._size

    @property
    def any_whole(self) -> bool:
        """Whether a whole packet is among them, or a length that says otherwise."""
        return self._length is not None and (
            self._size >= self._length or self._is_malformed
        )

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        self._pieces.append(data)
        self._size += len(data)
        if self._length is None:
            self._read_length()

    def take(self) -> Iterator[Packet]:
        """Yield the packets that are whole.

        Raises MalformedError when one is announced that is too long or empty.
        """
        while self.any_whole:
            assert self._length is not None
            if self._is_malformed:
                raise MalformedError(f"A packet of {self._length} bytes")
            packet = Packet(self._cut(self._length))
            self._length = None
            self._read_length()
            yield packet

    @property
    def _is_malformed(self) -> bool:
        return self._length is not None and not _SHORTEST <= self._length <= MAX_PACKET

    def _read_length(self) -> None:
        if self._size >= _LENGTH:
            self._length = int.from_bytes(b"".join(self._cut(_LENGTH)))

    def _cut(self, size: int) -> list[bytes]:
        self._size -= size
        cut = []
        while size:
            piece = self._pieces.popleft()
            if len(piece) > size:
                self._pieces.appendleft(piece[size:])
                piece = piece[:size]
            cut.append(piece)
            size -= len(piece)
        return cut


class SftpSession(asyncssh.SSHServerSession[bytes]):
    """Carries out what a client asks on one channel.

    A file is complete when the client closes its handle, and only then: a channel that
    ends before leaves nothing of it.
    """

    def __init__(
        self,
        files: Files,
        on_data: Callable[[int], None],
        on_end: Callable[[SftpSession], None],
    ) -> None:
        """Work on these files. ``on_data`` hears how many bytes have come."""
        self._files = files
        self._on_data = on_data
        self._on_end = on_end
        self._packets = Packets()
        self._paused = False
        self._ended = False
        self._waiting: asyncio.Future[None] | None = None
        self._discarding = False
        self._channel: asyncssh.SSHServerChannel[bytes] | None = None
        self.work: asyncio.Task[None] | None = None

    @override
    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        self._channel = chan

    @override
    def subsystem_requested(self, subsystem: str) -> bool:
        return subsystem == "sftp" and self.work is None

    @override
    def session_started(self) -> None:
        self.work = asyncio.create_task(self._serve())
        # Whatever becomes of it: one that is stopped early never gets to its own end.
        self.work.add_done_callback(lambda _: self._on_end(self))

    @override
    def data_received(self, data: bytes, datatype: asyncssh.DataType) -> None:
        self._on_data(len(data))
        if datatype is not None or self._ended:
            return
        self._packets.feed(data)
        if self._packets.any_whole:
            self._wake()
        if self._packets.size > _PAUSE_ABOVE and not self._paused:
            assert self._channel is not None
            self._paused = True
            self._channel.pause_reading()

    @override
    def eof_received(self) -> bool:
        self._end()
        # What came before the end is still to be answered.
        return True

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._channel = None
        self._end()
        if self.work is None:
            self._on_end(self)

    def stop(self) -> None:
        """Carry out nothing more; what was never closed is discarded all the same."""
        if self.work is not None and not self._discarding:
            self.work.cancel()

    @property
    def was_opened(self) -> bool:
        """Whether the session has a channel, or had one and still works."""
        return self._channel is not None or self.work is not None

    @property
    def is_busy(self) -> bool:
        """Whether a request is being carried out: the client waits for us."""
        return self.work is not None and self._waiting is None

    @property
    def has_uploads(self) -> bool:
        """Whether a file is on its way."""
        return self._files.has_uploads

    def _end(self) -> None:
        self._ended = True
        self._wake()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    async def _serve(self) -> None:
        try:
            await self._converse()
        except (MalformedError, TooSlowError) as err:
            _LOGGER.warning("%s: SFTP session ended: %s", self._files.name, err)
        except Exception:
            _LOGGER.exception("%s: SFTP session failed", self._files.name)
        finally:
            # Whatever is open now was never closed by the camera.
            self._discarding = True
            await self._files.discard()
            if self._channel is not None:
                self._channel.exit(0)

    async def _converse(self) -> None:
        answered_version = False
        while True:
            replies: list[bytes] = []
            for packet in self._packets.take():
                if not answered_version:
                    if packet.kind != Request.INIT:
                        raise MalformedError("The session does not begin with INIT")
                    answered_version = True
                    replies.append(wire.version(self._files.extensions))
                    continue
                if packet.kind != Request.WRITE and replies:
                    # Others may take long: whoever waits for these must not.
                    self._send(replies)
                replies.append(await self._answer(packet))
            self._send(replies)
            if self._paused and self._channel is not None:
                self._paused = False
                self._channel.resume_reading()
            if not await self._more():
                return

    async def _answer(self, packet: Packet) -> bytes:
        try:
            return await self._files.answer(packet)
        except MalformedError as err:
            return wire.status(packet.request, Status.BAD_MESSAGE, str(err))

    async def _more(self) -> bool:
        """Wait for the next packet. False at the end, when there is none."""
        while not self._packets.any_whole:
            if self._ended:
                return False
            self._waiting = asyncio.get_running_loop().create_future()
            try:
                await self._waiting
            finally:
                self._waiting = None
        return True

    def _send(self, replies: list[bytes]) -> None:
        """Send replies in one go: a client waits for many at once."""
        if replies and self._channel is not None and not self._channel.is_closing():
            self._channel.write(b"".join(replies))
        replies.clear()
