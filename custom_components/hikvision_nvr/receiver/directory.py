"""Commands on the virtual tree: CWD, MKD, PWD, SIZE, LIST and their kin."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import PurePosixPath

from .data_connection import DataConnection
from .session import Session
from .transfer import DATA_TIMEOUT, start_data_transfer
from .virtual_tree import UploadedFile

type Line = Callable[[PurePosixPath, UploadedFile | None], str]


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


async def refuse_change(session: Session, argument: str) -> bool:
    """Refuse to remove or rename: what has arrived stays as it arrived."""
    session.reply(550, "Permission denied.")
    return True


async def size(session: Session, argument: str) -> bool:
    """Tell the size of a file of this session (RFC 3659)."""
    file = session.tree.file(session.tree.resolve(session.directory, argument))
    if file is None:
        session.reply(550, "No such file.")
    else:
        session.reply(213, str(file.size))
    return True


async def mdtm(session: Session, argument: str) -> bool:
    """Tell when a file of this session arrived (RFC 3659)."""
    file = session.tree.file(session.tree.resolve(session.directory, argument))
    if file is None:
        session.reply(550, "No such file.")
    else:
        session.reply(213, _timestamp(file.arrived))
    return True


async def list_(session: Session, argument: str) -> bool:
    """List a folder as ``ls -l`` does, without owners."""
    return _send_listing(session, _without_options(argument), _ls_line)


async def nlst(session: Session, argument: str) -> bool:
    """List the names in a folder."""
    return _send_listing(
        session, _without_options(argument), lambda path, _file: path.name
    )


async def mlsd(session: Session, argument: str) -> bool:
    """List a folder for machines (RFC 3659)."""
    return _send_listing(session, argument, _mlsd_line)


def _send_listing(session: Session, argument: str, line: Line) -> bool:
    path = session.tree.resolve(session.directory, argument)
    listing = "".join(
        f"{line(entry, file)}\r\n" for entry, file in session.tree.children(path)
    )

    async def send(data: DataConnection) -> None:
        await data.send(listing.encode(), DATA_TIMEOUT)
        session.reply(226, "Directory sent.")

    start_data_transfer(session, send)
    return True


def _ls_line(path: PurePosixPath, file: UploadedFile | None) -> str:
    moment = datetime.now(UTC) if file is None else file.arrived
    mode, length = ("drwx------", 0) if file is None else ("-rw-------", file.size)
    return f"{mode} 1 ftp ftp {length:>12} {moment:%b %d %H:%M} {path.name}"


def _mlsd_line(path: PurePosixPath, file: UploadedFile | None) -> str:
    if file is None:
        return f"type=dir; {path.name}"
    return f"type=file;size={file.size};modify={_timestamp(file.arrived)}; {path.name}"


def _without_options(argument: str) -> str:
    return " ".join(word for word in argument.split(" ") if not word.startswith("-"))


def _timestamp(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y%m%d%H%M%S}"


def _quoted(path: PurePosixPath) -> str:
    return '"' + str(path).replace('"', '""') + '"'


COMMANDS = {
    "cdup": cdup,
    "cwd": cwd,
    "dele": refuse_change,
    "list": list_,
    "mdtm": mdtm,
    "mkd": mkd,
    "mlsd": mlsd,
    "nlst": nlst,
    "pwd": pwd,
    "rmd": refuse_change,
    "rnfr": refuse_change,
    "size": size,
    "xcup": cdup,
    "xcwd": cwd,
    "xmkd": mkd,
    "xpwd": pwd,
    "xrmd": refuse_change,
}
