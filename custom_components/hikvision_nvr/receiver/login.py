"""Commands for encryption and login: AUTH, PBSZ, PROT, CCC, USER, PASS (RFC 4217)."""

import asyncio
import logging

from .session import Session

_LOGGER = logging.getLogger(__name__)

_MAX_FAILED_LOGINS = 3
_FAILED_LOGIN_TIME = 1.0
"""Seconds from PASS to its refusal, whatever the reason is."""
_HANDSHAKE_TIMEOUT = 20.0


async def auth(session: Session, argument: str) -> bool:
    """Encrypt the control connection."""
    if session.encrypted:
        session.reply(503, "Already encrypted.")
        return True
    if argument.upper() not in ("TLS", "TLS-C", "SSL"):
        session.reply(504, "Use AUTH TLS.")
        return True
    writer = session.stream.writer
    if _has_more(session):
        return _refuse_injection(session)
    # In clear and before the handshake: past the queue of replies.
    writer.write(b"234 Proceed with TLS.\r\n")
    await writer.drain()
    if _has_more(session):
        return _refuse_injection(session)
    try:
        async with asyncio.timeout(_HANDSHAKE_TIMEOUT):
            await writer.start_tls(
                session.services.control_tls,
                ssl_handshake_timeout=_HANDSHAKE_TIMEOUT,
                ssl_shutdown_timeout=5,
            )
    except (OSError, TimeoutError) as err:
        _LOGGER.info("%s: TLS handshake failed: %s", session.name, err)
        writer.transport.abort()
        return False
    session.encrypted = True
    session.username = None
    session.sized = session.protected = False
    return True


async def pbsz(session: Session, argument: str) -> bool:
    """Accept the protection buffer size, always 0 with TLS."""
    if not session.encrypted:
        session.reply(503, "Use AUTH TLS first.")
        return True
    session.sized = True
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


async def ccc(session: Session, argument: str) -> bool:
    """Refuse to go back to clear text."""
    session.reply(534, "The control connection stays encrypted.")
    return True


async def user(session: Session, argument: str) -> bool:
    """Note the user name; the reply does not tell whether it exists."""
    if not session.encrypted:
        session.reply(530, "Encryption is required: use AUTH TLS first.")
    elif session.camera is not None:
        session.reply(503, "Already logged in.")
    else:
        session.username = argument
        session.reply(331, "Please specify the password.")
    return True


async def pass_(session: Session, argument: str) -> bool:
    """Check the password."""
    if not session.encrypted:
        session.reply(530, "Encryption is required: use AUTH TLS first.")
        return True
    if session.camera is not None:
        session.reply(230, "Already logged in.")
        return True
    if session.username is None:
        session.reply(503, "Use USER first.")
        return True
    loop = asyncio.get_running_loop()
    answer_at = loop.time() + _FAILED_LOGIN_TIME
    camera = await session.services.accounts.check(session.username, argument)
    session.username = None
    if camera is not None:
        session.camera = camera
        session.reply(230, "Login successful.")
        return True
    await asyncio.sleep(answer_at - loop.time())
    session.failed_logins += 1
    _LOGGER.warning("Refused a login from %s", session.peer)
    if session.failed_logins >= _MAX_FAILED_LOGINS:
        session.reply(421, "Too many failed logins.")
        return False
    session.reply(530, "Login incorrect.")
    return True


def _has_more(session: Session) -> bool:
    """Tell whether bytes in clear follow AUTH.

    What follows in the same segment could be taken for a command that came encrypted
    (the class of CVE-2011-0411). There is no public way to ask a StreamReader.
    """
    return bool(session.stream.reader._buffer)  # type: ignore[attr-defined]


def _refuse_injection(session: Session) -> bool:
    _LOGGER.warning(
        "Dropped a connection from %s: it sent commands in clear after AUTH",
        session.peer,
    )
    session.stream.writer.transport.abort()
    return False


COMMANDS = {
    "auth": auth,
    "ccc": ccc,
    "pass": pass_,
    "pbsz": pbsz,
    "prot": prot,
    "user": user,
}
