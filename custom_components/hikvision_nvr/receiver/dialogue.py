"""Commands that need only an answer: FEAT, TYPE, NOOP and what cameras try besides."""

from collections.abc import Awaitable, Callable

from .session import Session

type Command = Callable[[Session, str], Awaitable[bool]]
"""Carries out a command; False ends the session."""

_FEATURES = (
    "Extensions supported:",
    " AUTH TLS",
    " EPSV",
    " MDTM",
    " MLST type*;size*;modify*;",
    " PASV",
    " PBSZ",
    " PROT",
    " REST STREAM",
    " SIZE",
    " UTF8",
    "End",
)


def answer(code: int, *lines: str, ends: bool = False) -> Command:
    """Return a command that always gives the same reply, and may end the session."""

    async def command(session: Session, argument: str) -> bool:
        session.reply(code, *lines)
        return not ends

    return command


async def opts(session: Session, argument: str) -> bool:
    """Accept UTF-8, which is on anyway (RFC 2640)."""
    if argument.upper().split() in (["UTF8"], ["UTF8", "ON"]):
        session.reply(200, "UTF8 is on.")
    else:
        session.reply(501, "Option not understood.")
    return True


async def type_(session: Session, argument: str) -> bool:
    """Accept every type: the bytes are kept as they come.

    A camera that forgets binary mode, or asks for ASCII, still delivers whole files.
    """
    # Also "L8" and "L 8", which mean the same to us.
    if argument.upper()[:1] in ("A", "E", "I", "L"):
        session.reply(200, f"Type set to {argument.upper()}.")
    else:
        session.reply(504, "Unknown type.")
    return True


async def mode(session: Session, argument: str) -> bool:
    """Accept stream mode."""
    session.reply(*((200, "OK.") if argument.upper() == "S" else (504, "Use MODE S.")))
    return True


async def stru(session: Session, argument: str) -> bool:
    """Accept file structure."""
    session.reply(*((200, "OK.") if argument.upper() == "F" else (504, "Use STRU F.")))
    return True


async def gone(session: Session, argument: str) -> bool:
    """End the session of a client that has closed the connection."""
    return False


async def login_first(session: Session, argument: str) -> bool:
    """Answer a command that needs a login."""
    if session.encrypted or session.services.accounts.may_be_plain(session.peer):
        session.reply(530, "Please login with USER and PASS.")
    else:
        session.reply(530, "Encryption is required: use AUTH TLS first.")
    return True


too_long = answer(500, "Line too long.", ends=True)
timed_out = answer(421, "Timeout.", ends=True)
unknown = answer(502, "Command not implemented.")
_accept = answer(200, "OK.")

COMMANDS: dict[str, Command] = {
    # RFC 959 allows 202 too, but that sends Dahua cameras into an endless loop.
    "allo": _accept,
    "feat": answer(211, *_FEATURES),
    "help": answer(214, "See the documentation of hikvision_nvr."),
    "mode": mode,
    "noop": _accept,
    "opts": opts,
    "quit": answer(221, "Goodbye.", ends=True),
    "site": _accept,
    "stat": answer(211, "Receiver is ready."),
    "stru": stru,
    "syst": answer(215, "UNIX Type: L8"),
    "type": type_,
}
