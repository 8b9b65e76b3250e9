"""Commands on the virtual tree: CWD, MKD, PWD, SIZE, LIST and their kin."""

from collections.abc import Callable
from datetime import UTC, datetime
import logging

from ..errors import StorageError
from .data_connection import DataConnection
from .dialogue import Command, answer
from .session import Session
from .transfer import start_data_transfer
from .upload import UnusableNameError, rename
from .virtual_tree import DeliveredFile, last_part

_LOGGER = logging.getLogger(__name__)

type Line = Callable[[str, DeliveredFile | None], str]


async def pwd(session: Session, argument: str) -> bool:
    """Tell the current folder."""
    session.reply(257, f"{_quoted(session.directory)} is the current directory.")
    return True


async def cwd(session: Session, argument: str) -> bool:
    """Change the folder; one that does not exist is made."""
    session.directory = session.tree.resolve(session.directory, argument)
    session.tree.make_folder(session.directory)
    session.reply(250, "Directory changed.")
    return True


async def cdup(session: Session, argument: str) -> bool:
    """Change to the parent folder."""
    return await cwd(session, "..")


async def mkd(session: Session, argument: str) -> bool:
    """Make a folder; one that exists is fine."""
    path = session.tree.resolve(session.directory, argument)
    session.tree.make_folder(path)
    session.reply(257, f"{_quoted(path)} created.")
    return True


async def rnfr(session: Session, argument: str) -> bool:
    """Note the file to rename."""
    path = session.tree.resolve(session.directory, argument)
    if session.tree.file(path) is None:
        session.reply(550, "No such file.")
    else:
        session.rename_from = path
        session.reply(350, "Ready for RNTO.")
    return True


async def rnto(session: Session, argument: str) -> bool:
    """Rename a file."""
    old, session.rename_from = session.rename_from, None
    if old is None:
        session.reply(503, "Use RNFR first.")
        return True
    new = session.tree.resolve(session.directory, argument)
    assert session.camera is not None
    try:
        renamed = await rename(
            session.services.deliveries, session.camera, session.tree, old, new
        )
    except UnusableNameError:
        session.reply(553, "The file needs a name.")
    except StorageError as err:
        _LOGGER.error("%s: a file was not renamed: %s", session.name, err)
        session.reply(452, "The file cannot be renamed.")
    else:
        session.reply(*((250, "Renamed.") if renamed else (503, "Use RNFR first.")))
    return True


async def size(session: Session, argument: str) -> bool:
    """Tell the size of a file that this camera has delivered (RFC 3659)."""
    file = session.tree.file(session.tree.resolve(session.directory, argument))
    if file is None:
        session.reply(550, "No such file.")
    else:
        session.reply(213, str(file.size))
    return True


async def mdtm(session: Session, argument: str) -> bool:
    """Tell when a file of this camera arrived (RFC 3659)."""
    file = session.tree.file(session.tree.resolve(session.directory, argument))
    if file is None:
        session.reply(550, "No such file.")
    else:
        session.reply(213, _timestamp(file.arrived))
    return True


async def mlst(session: Session, argument: str) -> bool:
    """Tell the facts of one file or folder for machines (RFC 3659)."""
    path = session.tree.resolve(session.directory, argument)
    if session.tree.has(path):
        facts = _facts(session.tree.file(path))
        session.reply(250, "Facts:", f" {facts} {path}", "End")
    else:
        session.reply(550, "No such file or folder.")
    return True


async def list_(session: Session, argument: str) -> bool:
    """List a folder as ``ls -l`` does, without owners."""
    return _send_listing(session, _without_options(argument), _ls_line)


async def nlst(session: Session, argument: str) -> bool:
    """List the names in a folder."""
    return _send_listing(
        session, _without_options(argument), lambda path, _file: last_part(path)
    )


async def mlsd(session: Session, argument: str) -> bool:
    """List a folder for machines (RFC 3659)."""
    return _send_listing(session, argument, _mlsd_line)


def _send_listing(session: Session, argument: str, line: Line) -> bool:
    path = session.tree.resolve(session.directory, argument)
    file = session.tree.file(path)
    entries = session.tree.children(path) if file is None else [(path, file)]
    listing = "".join(f"{line(entry, file)}\r\n" for entry, file in entries)

    async def send(data: DataConnection) -> None:
        await data.send(listing.encode(), session.services.limits.stall_time)
        session.reply(226, "Directory sent.")

    start_data_transfer(session, send)
    return True


def _ls_line(path: str, file: DeliveredFile | None) -> str:
    moment = datetime.now(UTC) if file is None else file.arrived
    mode, length = ("drwx------", 0) if file is None else ("-rw-------", file.size)
    return f"{mode} 1 ftp ftp {length:>12} {moment:%b %d %H:%M} {last_part(path)}"


def _mlsd_line(path: str, file: DeliveredFile | None) -> str:
    return f"{_facts(file)} {last_part(path)}"


def _facts(file: DeliveredFile | None) -> str:
    if file is None:
        return "type=dir;"
    return f"type=file;size={file.size};modify={_timestamp(file.arrived)};"


def _without_options(argument: str) -> str:
    return " ".join(word for word in argument.split(" ") if not word.startswith("-"))


def _timestamp(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y%m%d%H%M%S}"


def _quoted(path: str) -> str:
    return '"' + path.replace('"', '""') + '"'


# What has arrived stays.
_refuse_removal = answer(550, "Permission denied.")

COMMANDS: dict[str, Command] = {
    "cdup": cdup,
    "cwd": cwd,
    "dele": _refuse_removal,
    "list": list_,
    "mdtm": mdtm,
    "mkd": mkd,
    "mlsd": mlsd,
    "mlst": mlst,
    "nlst": nlst,
    "pwd": pwd,
    "rmd": _refuse_removal,
    "rnfr": rnfr,
    "rnto": rnto,
    "size": size,
    "xcup": cdup,
    "xcwd": cwd,
    "xmkd": mkd,
    "xpwd": pwd,
    "xrmd": _refuse_removal,
}
