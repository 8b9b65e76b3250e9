"""Checks of what the owner enters, before anything is saved.

Those marked as blocking belong into the executor.
"""

from collections.abc import Collection
import errno
from ipaddress import ip_address
from itertools import count
from pathlib import Path
import re
import socket

from homeassistant.util.network import is_ip_address, is_ipv4_address

from .receiver.passwords import MAX_PASSWORD_LENGTH

MIN_PASSWORD_LENGTH = 8

_USERNAME = re.compile(r"[A-Za-z0-9._-]{1,32}")
_PASSWORD = re.compile(rf"[!-~]{{{MIN_PASSWORD_LENGTH},{MAX_PASSWORD_LENGTH}}}")
_NOT_IN_USERNAME = re.compile(r"[^a-z0-9._-]+")


class PortNotPermittedError(Exception):
    """Only the administrator of this machine may use the port."""


class AddressNotHereError(Exception):
    """The address is none of this machine's."""


class PortTakenError(Exception):
    """Another program listens on the port."""


def check_port(address: str, port: int) -> None:
    """Check that the receiver can listen there (blocking). Port 0 means any.

    Raises PortTakenError, PortNotPermittedError or AddressNotHereError.
    """
    wanted = ip_address(address or "0.0.0.0")  # noqa: S104
    family = socket.AF_INET6 if wanted.version == 6 else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As the receiver does: connections that have just ended do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((str(wanted), port))
            probe.listen(1)
        except PermissionError as err:
            raise PortNotPermittedError from err
        except OSError as err:
            if err.errno == errno.EADDRINUSE:
                raise PortTakenError from err
            raise AddressNotHereError from err


def overlaps(first: str, second: str) -> bool:
    """Return True when one folder is, or is inside, the other (blocking)."""
    one, other = Path(first).resolve(), Path(second).resolve()
    return one.is_relative_to(other) or other.is_relative_to(one)


def is_listen_address(address: str) -> bool:
    """Return True for an IP address, or nothing, which means every address."""
    return not address or is_ip_address(address)


def is_external_address(address: str) -> bool:
    """Return True for an address that PASV can tell, or nothing, which means ours."""
    return not address or is_ipv4_address(address)


def is_upload_username(username: str) -> bool:
    """Return True for a user name that any camera can be given."""
    return _USERNAME.fullmatch(username) is not None


def is_upload_password(password: str) -> bool:
    """Return True for a password that any camera can be given."""
    return _PASSWORD.fullmatch(password) is not None


def suggest_username(folder: str, taken: Collection[str]) -> str:
    """Return a user name that resembles a camera's folder and is not taken."""
    name = _NOT_IN_USERNAME.sub("-", folder.lower()).strip("-")[:28] or "camera"
    candidates = (f"{name}-{number}" if number else name for number in count())
    return next(candidate for candidate in candidates if candidate not in taken)
