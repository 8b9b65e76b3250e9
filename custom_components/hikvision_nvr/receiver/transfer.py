"""Commands that move data: PASV, EPSV, STOR, APPE, ABOR (RFC 959, RFC 2428)."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
import logging
from pathlib import PurePosixPath

from ..errors import StorageError
from ..model import Camera
from ..store import upload_name
from .data_connection import DataConnection, PassiveListener
from .session import Session, printable
from .virtual_tree import UploadedFile

_LOGGER = logging.getLogger(__name__)

DATA_TIMEOUT = 60.0
"""Seconds without a byte after which a transfer is given up."""
_ACCEPT_TIMEOUT = 30.0
"""Seconds from the command to its data connection."""


async def pasv(session: Session, argument: str) -> bool:
    """Open a passive port for IPv4."""
    if ":" in session.local:
        session.reply(425, "Use EPSV with IPv6.")
    elif listener := await _listen(session):
        address = session.local.replace(".", ",")
        high, low = divmod(listener.port, 256)
        session.reply(227, f"Entering Passive Mode ({address},{high},{low}).")
    return True


async def epsv(session: Session, argument: str) -> bool:
    """Open a passive port for any protocol (RFC 2428)."""
    if argument.upper() == "ALL":
        session.reply(200, "EPSV ALL accepted.")
    elif listener := await _listen(session):
        session.reply(229, f"Entering Extended Passive Mode (|||{listener.port}|).")
    return True


async def stor(session: Session, argument: str) -> bool:
    """Take a file. The reply 226 means that it is safe on the disk."""
    camera = session.camera
    assert camera is not None
    path = session.tree.resolve(session.directory, argument)
    try:
        upload_name(str(path))
    except ValueError:
        session.reply(553, "The file needs a name.")
        return True

    async def receive(data: DataConnection) -> None:
        await _receive(session, camera, path, data)

    start_data_transfer(session, receive)
    return True


async def abor(session: Session, argument: str) -> bool:
    """End the transfer that runs."""
    if session.transfer is not None:
        session.transfer.cancel()
        await session.transfer_done()
    session.set_listener(None)
    session.reply(226, "No transfer is running.")
    return True


async def rest(session: Session, argument: str) -> bool:
    """Accept a start at the beginning only."""
    if argument.strip() == "0":
        session.reply(350, "Starting at 0.")
    else:
        session.reply(504, "Transfers start at 0.")
    return True


def start_data_transfer(
    session: Session, work: Callable[[DataConnection], Awaitable[None]]
) -> None:
    """Run ``work``, which replies itself, on the data connection that was prepared."""
    if not session.protected:
        session.reply(522, "Data connections must be encrypted: use PBSZ 0, PROT P.")
        return
    listener = session.take_listener()
    if listener is None:
        session.reply(425, "Use PASV or EPSV first.")
        return
    session.reply(150, "Ready for data.")
    session.start_transfer(_transfer(session, listener, work))


async def _transfer(
    session: Session,
    listener: PassiveListener,
    work: Callable[[DataConnection], Awaitable[None]],
) -> None:
    data = None
    try:
        try:
            data = await listener.accept(_ACCEPT_TIMEOUT)
        except TimeoutError:
            session.reply(425, "No data connection was made.")
            return
        await work(data)
    except (OSError, TimeoutError) as err:
        _LOGGER.info("%s: transfer broken off: %s", session.name, err)
        session.reply(426, "The transfer was broken off.")
    except Exception:
        _LOGGER.exception("%s: transfer failed", session.name)
        session.reply(451, "The transfer failed.")
    except BaseException:
        session.reply(426, "The transfer was aborted.")
        raise
    finally:
        listener.close()
        if data is not None:
            data.close()


async def _receive(
    session: Session, camera: Camera, path: PurePosixPath, data: DataConnection
) -> None:
    incoming = session.services.store.receive()
    try:
        while block := await data.read(DATA_TIMEOUT):
            await incoming.write(block)
        if not incoming.size:
            await incoming.discard()
            session.reply(226, "Nothing was sent, nothing was stored.")
            return
    except StorageError as err:
        await incoming.discard()
        _refuse(session, path, err)
        return
    except BaseException:
        await incoming.discard()
        raise
    try:
        capture = await session.services.take(camera, str(path), incoming)
    except StorageError as err:
        _refuse(session, path, err)
        return
    session.tree.add_file(path, UploadedFile(capture.size, datetime.now(UTC)))
    session.reply(226, "Transfer complete.")


def _refuse(session: Session, path: PurePosixPath, error: StorageError) -> None:
    _LOGGER.error(
        "%s: %s was not stored: %s", session.name, printable(str(path)), error
    )
    session.reply(452, "The file cannot be stored.")


async def _listen(session: Session) -> PassiveListener | None:
    session.set_listener(None)
    if not session.protected:
        session.reply(522, "Data connections must be encrypted: use PBSZ 0, PROT P.")
        return None
    try:
        listener = await session.services.ports.listen(
            session.local, session.peer, session.services.data_tls
        )
    except OSError as err:
        _LOGGER.warning("%s: no passive port: %s", session.name, err)
        session.reply(425, "No port is free.")
        return None
    session.set_listener(listener)
    return listener


COMMANDS = {
    "abor": abor,
    "appe": stor,
    "epsv": epsv,
    "pasv": pasv,
    "rest": rest,
    "stor": stor,
}
