"""Commands that prepare a data connection: PASV, EPSV, PORT, EPRT (RFC 959, RFC 2428)."""

import logging

from .addresses import parse_address
from .data_source import ActiveConnection, PassiveListener
from .session import Session

_LOGGER = logging.getLogger(__name__)

_FIRST_PORT = 1024
"""A server that connects to lower ports can be made to attack services."""


async def pasv(session: Session, argument: str) -> bool:
    """Open a passive port for IPv4."""
    address = session.services.external_address or session.local
    if ":" in address:
        session.reply(425, "Use EPSV with IPv6.")
    elif listener := _listen(session):
        numbers = ",".join((*address.split("."), *map(str, divmod(listener.port, 256))))
        session.reply(227, f"Entering Passive Mode ({numbers}).")
    return True


async def epsv(session: Session, argument: str) -> bool:
    """Open a passive port for any protocol."""
    if argument.upper() == "ALL":
        session.reply(200, "EPSV ALL accepted.")
    elif listener := _listen(session):
        session.reply(229, f"Entering Extended Passive Mode (|||{listener.port}|).")
    return True


async def port(session: Session, argument: str) -> bool:
    """Note where to connect to: host and port as six numbers."""
    numbers = argument.split(",")
    try:
        *host, high, low = (_byte(number) for number in numbers)
    except ValueError:
        session.reply(501, "PORT needs six numbers.")
        return True
    if len(host) != 4:
        session.reply(501, "PORT needs six numbers.")
        return True
    return _prepare_active(session, ".".join(map(str, host)), high * 256 + low)


async def eprt(session: Session, argument: str) -> bool:
    """Note where to connect to: ``|protocol|address|port|``."""
    parts = argument.split(argument[:1] or "|")
    if len(parts) != 5 or not (parts[3].isascii() and parts[3].isdigit()):
        session.reply(501, "EPRT needs |protocol|address|port|.")
        return True
    return _prepare_active(session, parts[2], int(parts[3]))


def _prepare_active(session: Session, host: str, number: int) -> bool:
    assert session.camera is not None
    session.set_data_source(None)
    if not session.camera.active_mode:
        session.reply(502, "Active mode is off for this camera: use PASV or EPSV.")
        return True
    try:
        is_peer = parse_address(host) == parse_address(session.peer)
    except ValueError:
        is_peer = False
    # Never to a third host: that is the FTP bounce attack (CVE-1999-0017).
    if not is_peer or not _FIRST_PORT <= number <= 65535:
        _LOGGER.warning("%s: refused to connect to a foreign address", session.name)
        session.reply(501, "Only your own address and ports above 1023 are allowed.")
        return True
    if _is_secure(session):
        session.set_data_source(
            ActiveConnection(session.peer, number, session.local, session.data_tls)
        )
        session.reply(200, "Ready to connect.")
    return True


def _listen(session: Session) -> PassiveListener | None:
    session.set_data_source(None)
    if not _is_secure(session):
        return None
    try:
        listener = session.services.ports.listen(
            session.local, session.peer, session.data_tls
        )
    except OSError as err:
        _LOGGER.warning("%s: no passive port: %s", session.name, err)
        session.reply(425, "No port is free.")
        return None
    session.set_data_source(listener)
    return listener


def _is_secure(session: Session) -> bool:
    if not session.may_move_data:
        session.reply(522, "Data connections must be encrypted: use PBSZ 0, PROT P.")
    return session.may_move_data


def _byte(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) < 256):
        raise ValueError(text)
    return int(text)


COMMANDS = {
    "eprt": eprt,
    "epsv": epsv,
    "pasv": pasv,
    "port": port,
}
