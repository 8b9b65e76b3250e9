"""Commands that need only an answer: FEAT, TYPE, NOOP and what cameras try besides."""

from .session import Session

_FEATURES = (
    "Extensions supported:",
    " AUTH TLS",
    " EPRT",
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


async def feat(session: Session, argument: str) -> bool:
    """List what this server can do (RFC 2389)."""
    session.reply(211, *_FEATURES)
    return True


async def opts(session: Session, argument: str) -> bool:
    """Accept UTF-8, which is on anyway (RFC 2640)."""
    if argument.upper().split() in (["UTF8"], ["UTF8", "ON"]):
        session.reply(200, "UTF8 is on.")
    else:
        session.reply(501, "Option not understood.")
    return True


async def syst(session: Session, argument: str) -> bool:
    """Name the system in the one way that every client understands."""
    session.reply(215, "UNIX Type: L8")
    return True


async def type_(session: Session, argument: str) -> bool:
    """Accept every type: the bytes are kept as they come.

    A camera that forgets binary mode, or asks for ASCII, still delivers whole files.
    """
    if argument.upper().split(" ")[0] in ("A", "E", "I", "L"):
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


async def accept(session: Session, argument: str) -> bool:
    """Say yes to what changes nothing here.

    ALLO must be answered 200: a reply of 202, which RFC 959 allows, sends Dahua
    cameras into an endless loop.
    """
    session.reply(200, "OK.")
    return True


async def help_(session: Session, argument: str) -> bool:
    """Say that help is elsewhere."""
    session.reply(214, "See the documentation of hikvision_nvr.")
    return True


async def stat(session: Session, argument: str) -> bool:
    """Tell the state without any secret."""
    session.reply(211, "Receiver is ready.")
    return True


async def quit_(session: Session, argument: str) -> bool:
    """End the session."""
    session.reply(221, "Goodbye.")
    return False


async def gone(session: Session, argument: str) -> bool:
    """End the session of a client that has closed the connection."""
    return False


async def too_long(session: Session, argument: str) -> bool:
    """End the session of a client that sends no line."""
    session.reply(500, "Line too long.")
    return False


async def timed_out(session: Session, argument: str) -> bool:
    """End the session of a client that says nothing."""
    session.reply(421, "Timeout.")
    return False


async def unknown(session: Session, argument: str) -> bool:
    """Answer a command that there is not."""
    session.reply(502, "Command not implemented.")
    return True


async def login_first(session: Session, argument: str) -> bool:
    """Answer a command that needs a login."""
    if session.encrypted or session.services.accounts.may_be_plain(session.peer):
        session.reply(530, "Please login with USER and PASS.")
    else:
        session.reply(530, "Encryption is required: use AUTH TLS first.")
    return True


COMMANDS = {
    "allo": accept,
    "feat": feat,
    "help": help_,
    "mode": mode,
    "noop": accept,
    "opts": opts,
    "quit": quit_,
    "site": accept,
    "stat": stat,
    "stru": stru,
    "syst": syst,
    "type": type_,
}
