"""Passwords of upload accounts: made for cameras, kept as hashes, compared safely."""

from base64 import b64decode, b64encode
import hashlib
import hmac
import secrets
import string

MAX_PASSWORD_LENGTH = 16
"""Hikvision cameras have room for 16 bytes (NET_DVR_FTPCFG in the device SDK)."""

_ALPHABET = string.ascii_letters + string.digits
_N, _R, _P = 1 << 13, 8, 2
"""scrypt (RFC 7914): 8 MiB and some 50 ms for each guess."""
_SALT_LENGTH, _DIGEST_LENGTH = 16, 64


def generate_password() -> str:
    """Return a random password that any camera's form accepts."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(MAX_PASSWORD_LENGTH))


def hash_password(password: str) -> str:
    """Return the hash to keep instead of the password (blocking, some 50 ms)."""
    salt = secrets.token_bytes(_SALT_LENGTH)
    return _written(salt, _scrypt(password, salt, _N, _R, _P))


def hash_of_nothing() -> str:
    """Return a hash that no password fits, and that takes as long to find that out."""
    return _written(
        secrets.token_bytes(_SALT_LENGTH), secrets.token_bytes(_DIGEST_LENGTH)
    )


def verify_password(password: str, password_hash: str) -> bool:
    """Tell whether a password fits a hash (blocking, some 50 ms)."""
    _, n, r, p, salt, digest = password_hash.split("$")
    found = _scrypt(password, b64decode(salt), int(n), int(r), int(p))
    return hmac.compare_digest(found, b64decode(digest))


def _written(salt: bytes, digest: bytes) -> str:
    encoded = "$".join(b64encode(part).decode() for part in (salt, digest))
    return f"scrypt${_N}${_R}${_P}${encoded}"


def _scrypt(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(
        password.encode(), salt=salt, n=n, r=r, p=p, dklen=_DIGEST_LENGTH
    )
