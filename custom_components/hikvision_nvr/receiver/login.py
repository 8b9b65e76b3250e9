"""Commands for encryption and login: AUTH, PBSZ, PROT, CCC, USER, PASS (RFC 4217)."""

import asyncio
import logging

from ..model import Camera
from .dialogue import Command, answer
from .session import Session

_LOGGER = logging.getLogger(__name__)

_HANDSHAKE_TIMEOUT = 20.0
"""Seconds: small cameras need several for a key exchange."""


async def start_tls(session: Session) -> bool:
    """Encrypt the control connection; False when that failed."""
    try:
        await session.control.start_tls(
            session.services.tls.control, _HANDSHAKE_TIMEOUT
        )
    except OSError as err:
        _LOGGER.info("%s: TLS handshake failed: %s", session.name, err)
        session.control.close()
        return False
    session.encrypted = True
    return True


async def auth(session: Session, argument: str) -> bool:
    """Encrypt the control connection."""
    if session.encrypted:
        session.reply(503, "Already encrypted.")
        return True
    if argument.upper() not in ("TLS", "TLS-C", "SSL"):
        session.reply(504, "Use AUTH TLS.")
        return True
    # What follows in the same segment could be taken for a command that came
    # encrypted (the class of CVE-2011-0411).
    if session.control.has_unread:
        _LOGGER.warning(
            "Dropped a connection from %s: it sent commands in clear after AUTH",
            session.peer,
        )
        session.control.abort()
        return False
    session.reply(234, "Proceed with TLS.")
    if not await start_tls(session):
        return False
    session.start_over(asyncio.get_running_loop().time())
    return True


async def pbsz(session: Session, argument: str) -> bool:
    """Accept the protection buffer size, always 0 with TLS."""
    if not session.encrypted:
        session.reply(503, "Use AUTH TLS first.")
        return True
    session.reply(200, "PBSZ=0")
    return True


async def prot(session: Session, argument: str) -> bool:
    """Set the protection of data connections: only Private will do."""
    if not session.encrypted:
        session.reply(503, "Use AUTH TLS first.")
    elif argument.upper() == "P":
        session.protected = True
        session.reply(200, "Data connections are encrypted.")
    elif argument.upper() == "C":
        session.reply(534, "Data connections must be encrypted: use PROT P.")
    else:
        session.reply(536, "Use PROT P.")
    return True


async def user(session: Session, argument: str) -> bool:
    """Note the user name; the reply does not tell whether it exists."""
    if not _may_log_in(session):
        session.reply(530, "Encryption is required: use AUTH TLS first.")
    elif session.camera is not None:
        session.reply(503, "Already logged in.")
    else:
        session.username = argument
        session.reply(331, "Please specify the password.")
    return True


async def pass_(session: Session, argument: str) -> bool:
    """Check the password."""
    if not _may_log_in(session):
        session.reply(530, "Encryption is required: use AUTH TLS first.")
        return True
    if session.camera is not None:
        session.reply(230, "Already logged in.")
        return True
    if session.username is None:
        session.reply(503, "Use USER first.")
        return True
    services, loop = session.services, asyncio.get_running_loop()
    answer_at = loop.time() + services.limits.refusal_time
    username, session.username = session.username, None
    camera = await services.accounts.check(
        username, argument, peer=session.peer, encrypted=session.encrypted
    )
    if camera is not None:
        return _welcome(session, camera)
    services.guard.wrong_password(session.peer)
    await asyncio.sleep(answer_at - loop.time())
    session.failed_logins += 1
    _LOGGER.warning("Refused a login from %s", session.peer)
    if session.failed_logins >= services.limits.failed_logins:
        session.reply(421, "Too many failed logins.")
        return False
    session.reply(530, "Login incorrect.")
    return True


def _welcome(session: Session, camera: Camera) -> bool:
    if not session.services.guard.enter(session.peer, camera.id):
        _LOGGER.warning("%s: too many connections", camera.name)
        session.reply(421, "Too many connections for this account.")
        return False
    session.log_in(camera)
    session.services.deliveries.seen(camera)
    session.reply(230, "Login successful.")
    return True


def _may_log_in(session: Session) -> bool:
    return session.encrypted or session.services.accounts.may_be_plain(session.peer)


COMMANDS: dict[str, Command] = {
    "auth": auth,
    "ccc": answer(534, "The control connection stays encrypted."),
    "pass": pass_,
    "pbsz": pbsz,
    "prot": prot,
    "user": user,
}
