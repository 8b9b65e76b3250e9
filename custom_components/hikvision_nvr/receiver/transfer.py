"""Commands that move data: STOR, APPE, STOU, REST, ABOR (RFC 959, RFC 3659)."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
import logging

from ..errors import StorageError
from ..model import Limits
from .data_connection import DataConnection
from .data_source import DataSource
from .session import Session
from .upload import NoSuchPartError, Pace, TooLargeError, UnusableNameError, Upload

_LOGGER = logging.getLogger(__name__)


async def stor(session: Session, argument: str) -> bool:
    """Take a file, or its rest after REST. 226 means that it is safe on the disk."""
    restart_at, session.restart_at = session.restart_at, 0
    path = session.tree.resolve(session.directory, argument)
    _start_upload(session, path, restart_at)
    return True


async def appe(session: Session, argument: str) -> bool:
    """Take the rest of a file that was delivered in part, or a whole one."""
    session.restart_at = 0
    path = session.tree.resolve(session.directory, argument)
    file = session.tree.file(path)
    _start_upload(session, path, 0 if file is None else file.size)
    return True


async def stou(session: Session, argument: str) -> bool:
    """Take a file under a name that we make."""
    session.restart_at = 0
    name = f"{datetime.now(UTC):upload-%Y%m%d%H%M%S%f}.dat"
    path = session.tree.resolve(session.directory, name)
    _start_upload(session, path, 0, f"FILE: {name}")
    return True


async def rest(session: Session, argument: str) -> bool:
    """Note where the next STOR begins."""
    if argument.isascii() and argument.isdigit() and len(argument) < 16:
        session.restart_at = int(argument)
        session.reply(350, f"Starting at {session.restart_at}.")
    else:
        session.reply(501, "REST needs a number of bytes.")
    return True


async def abor(session: Session, argument: str) -> bool:
    """End the transfer that runs."""
    if session.transfer is not None:
        session.transfer.cancel()
        await session.transfer_done()
    session.set_data_source(None)
    session.reply(226, "No transfer is running.")
    return True


def start_data_transfer(
    session: Session,
    work: Callable[[DataConnection], Awaitable[None]],
    announcement: str = "Ready for data.",
) -> None:
    """Run ``work``, which replies itself, on the data connection that was prepared."""
    if not session.may_move_data:
        session.reply(522, "Data connections must be encrypted: use PBSZ 0, PROT P.")
        return
    source = session.take_data_source()
    if source is None:
        session.reply(425, "Use PASV or EPSV first.")
        return
    session.reply(150, announcement)
    session.start_transfer(_transfer(session, source, work))


def _start_upload(
    session: Session,
    path: str,
    restart_at: int,
    announcement: str = "Ready for data.",
) -> None:
    camera = session.camera
    assert camera is not None
    try:
        upload = Upload(session.services, camera, session.tree, path)
        upload.check_part(restart_at)
    except UnusableNameError:
        session.reply(553, "The file needs a name.")
        return
    except NoSuchPartError:
        session.reply(554, "There is no such part to go on from.")
        return

    async def receive(data: DataConnection) -> None:
        try:
            await upload.begin(restart_at)
            await _read_all(data, upload, session.services.limits)
        except BaseException:
            await upload.discard()
            raise
        if await upload.finish():
            session.reply(226, "Transfer complete.")
        else:
            session.reply(226, "Nothing was sent, nothing was stored.")

    start_data_transfer(session, receive, announcement)


async def _transfer(
    session: Session,
    source: DataSource,
    work: Callable[[DataConnection], Awaitable[None]],
) -> None:
    data = None
    try:
        try:
            data = await source.accept(session.services.limits.accept_time)
        except TimeoutError:
            session.reply(425, "No data connection was made.")
            return
        await work(data)
    except (OSError, TimeoutError) as err:
        _LOGGER.info("%s: transfer broken off: %s", session.name, err)
        session.reply(426, "The transfer was broken off.")
    except StorageError as err:
        _LOGGER.error("%s: transfer failed: %s", session.name, err)
        session.reply(452, "The file cannot be stored.")
    except NoSuchPartError:
        # Another connection of the camera has sent the file anew meanwhile.
        session.reply(554, "There is no such part to go on from.")
    except TooLargeError:
        _LOGGER.warning("%s: refused a file that is too large", session.name)
        session.reply(552, "The file is too large.")
    except Exception:
        _LOGGER.exception("%s: transfer failed", session.name)
        session.reply(451, "The transfer failed.")
    except BaseException:
        session.reply(426, "The transfer was aborted.")
        raise
    finally:
        source.close()
        if data is not None:
            data.close()


async def _read_all(data: DataConnection, upload: Upload, limits: Limits) -> None:
    loop = asyncio.get_running_loop()
    pace = Pace(limits, loop.time())
    while block := await data.read(limits.stall_time):
        await upload.write(block)
        pace.count(len(block), loop.time())


COMMANDS = {
    "abor": abor,
    "appe": appe,
    "rest": rest,
    "stor": stor,
    "stou": stou,
}
