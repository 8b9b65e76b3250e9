"""Passwords of upload accounts: made for cameras, kept as hashes, compared safely."""

from base64 import b64decode, b64encode
import hashlib
import hmac
import secrets
import string

MAX_PASSWORD_LENGTH = 16
"""Hikvision cameras have room for 16 bytes (NET_DVR_FTPCFG in the device SDK)."""

_ALPHABET = string.ascii_letters + string.digits
_N, _R, _P = 1 << 14, 8, 1
"""scrypt (RFC 7914): 16 MiB and some 50 ms for each guess."""


def generate_password() -> str:
    """Return a random password that any camera's form accepts."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(MAX_PASSWORD_LENGTH))


def hash_password(password: str) -> str:
    """Return the hash to keep instead of the password (blocking, some 50 ms)."""
    salt = secrets.token_bytes(16)
    digest = _scrypt(password, salt)
    return f"scrypt${b64encode(salt).decode()}${b64encode(digest).decode()}"


def verify_password(password: str, password_hash: str) -> bool:
    """Tell whether a password fits a hash (blocking, some 50 ms)."""
    _, salt, digest = password_hash.split("$")
    return hmac.compare_digest(_scrypt(password, b64decode(salt)), b64decode(digest))


def _scrypt(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=_N, r=_R, p=_P)
