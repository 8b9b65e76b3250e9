"""An upload on its way from a camera into the store, whichever protocol brings it."""

from datetime import UTC, datetime
from typing import Protocol

from ..model import Camera, Limits
from ..store import Store, upload_name
from ..store.incoming import IncomingFile
from .session import Deliveries
from .virtual_tree import DeliveredFile, VirtualTree


class UnusableNameError(Exception):
    """No file can have this name."""


class NoSuchPartError(Exception):
    """The part that the camera wants to go on from is not here."""


class TooLargeError(Exception):
    """The file is larger than the receiver takes."""


class GapError(Exception):
    """Bytes in the middle of the file never came."""


class TooSlowError(TimeoutError):
    """The bytes come too slowly."""


class Reception(Protocol):
    """What uploads need of a receiver."""

    @property
    def store(self) -> Store:
        """Where the bytes go."""

    @property
    def deliveries(self) -> Deliveries:
        """Who takes the files that are whole."""

    @property
    def limits(self) -> Limits:
        """What a camera may do."""


class Upload:
    """Takes the bytes of one file. Each ends with ``finish`` or ``discard``."""

    def __init__(
        self,
        reception: Reception,
        camera: Camera,
        tree: VirtualTree,
        path: str,
    ) -> None:
        """Take a file that the camera calls ``path``. Raises UnusableNameError."""
        try:
            upload_name(path)
        except ValueError as err:
            raise UnusableNameError from err
        self._reception = reception
        self._camera = camera
        self._tree = tree
        self._path = path
        self._incoming: IncomingFile | None = None

    @property
    def size(self) -> int:
        """Where the file ends by now, in bytes."""
        return 0 if self._incoming is None else self._incoming.size

    def check_part(self, size: int) -> None:
        """Check that ``size`` bytes of this file are here to go on from.

        Raises NoSuchPartError.
        """
        known = self._tree.file(self._path)
        if size and (known is None or known.capture_id is None or known.size < size):
            raise NoSuchPartError

    async def begin(self, restart_at: int = 0) -> None:
        """Begin empty, or with the first bytes of what was delivered before.

        Raises NoSuchPartError, and StorageError when they cannot be read.
        """
        self.check_part(restart_at)
        store = self._reception.store
        known = self._tree.file(self._path)
        if restart_at and known is not None and known.capture_id is not None:
            self._incoming = await store.resume(known.capture_id, restart_at)
        else:
            self._incoming = store.receive()

    async def write(self, data: bytes) -> None:
        """Take the next bytes. Raises StorageError, TooLargeError."""
        assert self._incoming is not None
        if self._incoming.size + len(data) > self._reception.limits.file_size:
            raise TooLargeError
        await self._incoming.write(data)

    async def write_at(self, offset: int, data: bytes) -> None:
        """Take bytes for any place in the file.

        Raises StorageError, TooLargeError.
        """
        assert self._incoming is not None
        if offset + len(data) > self._reception.limits.file_size:
            raise TooLargeError
        await self._incoming.write_at(offset, data)

    async def finish(self) -> bool:
        """Hand the file on; it is safe when this returns. False for an empty one.

        Raises StorageError, GapError; nothing of the file is left then.
        """
        incoming, self._incoming = self._incoming, None
        assert incoming is not None
        deliveries = self._reception.deliveries
        if not incoming.size or incoming.has_gaps:
            await incoming.discard()
            if incoming.size:
                raise GapError
            deliveries.seen(self._camera)
            return False
        capture = await deliveries.take(self._camera, self._path, incoming)
        self._tree.add_file(
            self._path,
            DeliveredFile(
                incoming.size,
                datetime.now(UTC),
                None if capture is None else capture.id,
            ),
        )
        return True

    async def discard(self) -> None:
        """Forget what has come; nothing is left of it. Idempotent."""
        incoming, self._incoming = self._incoming, None
        if incoming is not None:
            await incoming.discard()


class Pace:
    """Tells when bytes come too slowly.

    Measured span by span: a slow start does not condemn what follows.
    """

    def __init__(self, limits: Limits, now: float) -> None:
        """Begin the first span; times are those of the event loop."""
        self._span = limits.stall_time
        self._minimum_rate = limits.minimum_rate
        self._began = now
        self._received = 0

    def count(self, size: int, now: float) -> None:
        """Note that so many bytes came. Raises TooSlowError at the end of a span."""
        self._received += size
        if (elapsed := now - self._began) >= self._span:
            if self._received < self._minimum_rate * elapsed:
                raise TooSlowError("too slow")
            self._began, self._received = now, 0


async def rename(
    deliveries: Deliveries,
    camera: Camera,
    tree: VirtualTree,
    path: str,
    new_path: str,
) -> bool:
    """Rename a file that the camera has delivered. False when there is none.

    A file that came under a temporary name gets its final one in the store as well,
    and becomes a detection now. Any other keeps there the name it arrived under.
    Raises UnusableNameError, StorageError.
    """
    file = tree.file(path)
    if file is None:
        return False
    try:
        upload_name(new_path)
    except ValueError as err:
        raise UnusableNameError from err
    if file.capture_id is not None:
        await deliveries.rename(camera, file.capture_id, new_path)
    tree.rename(path, new_path)
    return True
