"""Logging in at a camera: digest (RFC 7616, RFC 2617), Basic (RFC 7617) when allowed.

A camera that offers several ways gets the best of them. A password that it has refused
is not sent again: cameras lock an account after a few.
"""

import base64
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
import hashlib
import re
import secrets

_SCHEME = re.compile(r"\s*(?:,\s*)?([A-Za-z][A-Za-z0-9_-]*)(?:\s+|$)(?!=)")
_PARAMETER = re.compile(
    r'\s*,?\s*([A-Za-z0-9_*-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))'
)
_HASHES: Mapping[str, Callable[..., hashlib._Hash]] = {
    "SHA-256": hashlib.sha256,
    "MD5": hashlib.md5,
}
_STRONGEST = ("SHA-256", "SHA-256-SESS", "MD5", "MD5-SESS")


@dataclass(frozen=True, slots=True)
class Challenge:
    """One way to log in: its scheme in lower case, its parameters by lower-case name."""

    scheme: str
    parameters: Mapping[str, str]

    @property
    def algorithm(self) -> str:
        """The digest's algorithm in capitals; MD5 where nothing is said."""
        name = self.parameters.get("algorithm", "MD5").upper()
        return {"SHA256": "SHA-256", "SHA256-SESS": "SHA-256-SESS"}.get(name, name)

    @property
    def qualities(self) -> list[str]:
        """The offered qualities of protection, empty for RFC 2069's digest."""
        offered = self.parameters.get("qop", "").lower().split(",")
        return [one.strip() for one in offered if one.strip()]

    @property
    def usable(self) -> bool:
        """Whether a digest can be answered."""
        return (
            self.scheme == "digest"
            and "nonce" in self.parameters
            and self.algorithm in _STRONGEST
            and (not self.qualities or "auth" in self.qualities)
        )


def parse_challenges(values: Iterable[str]) -> list[Challenge]:
    """Return the challenges of all WWW-Authenticate headers (RFC 7235, section 4.1).

    One header may hold several, and cameras send several headers.
    """
    found: list[Challenge] = []
    for value in values:
        at = 0
        while scheme := _SCHEME.match(value, at):
            at = scheme.end()
            parameters: dict[str, str] = {}
            while parameter := _PARAMETER.match(value, at):
                at = parameter.end()
                text = parameter[3] or re.sub(r"\\(.)", r"\1", parameter[2] or "")
                parameters.setdefault(parameter[1].lower(), text)
            found.append(Challenge(scheme[1].lower(), parameters))
    return found


class Authentication:
    """Answers the challenges of one connection."""

    def __init__(self, username: str, password: str, *, basic: bool) -> None:
        """Log in with these; ``basic`` allows to send them as they are."""
        self._username = username
        self._password = password
        self._basic = basic
        self._challenge: Challenge | None = None
        self._count = 0
        self._tried = False
        self._accepted = False
        self.only_basic = False
        """Whether the camera wants nothing but the Basic that is not allowed."""

    def challenged(self, values: Iterable[str]) -> bool:
        """Take a 401's challenges; return whether the request may be sent again."""
        if not self._username and not self._password:
            return False
        offered = parse_challenges(values)
        best = min(
            (one for one in offered if one.usable),
            key=lambda one: _STRONGEST.index(one.algorithm),
            default=None,
        )
        basic = next((one for one in offered if one.scheme == "basic"), None)
        if best is None:
            self.only_basic = basic is not None and not self._basic
            best = basic if self._basic else None
        if best is None:
            return False
        if self._tried and not self._is_only_stale(best):
            return False
        self._challenge, self._count = best, 0
        return True

    def accepted(self) -> None:
        """Note that the camera has answered a request without asking for a login."""
        self._accepted = self._tried

    @property
    def proven(self) -> bool:
        """Whether this password has been accepted on this connection."""
        return self._accepted

    def authorization(self, method: str, url: str) -> str | None:
        """Return the Authorization header of a request, None before a challenge."""
        if self._challenge is None:
            return None
        self._tried = True
        if self._challenge.scheme == "basic":
            login = f"{self._username}:{self._password}".encode()
            return f"Basic {base64.b64encode(login).decode()}"
        self._count += 1
        return answer(
            self._challenge,
            self._username,
            self._password,
            method,
            url,
            count=self._count,
            client_nonce=secrets.token_hex(8),
        )

    def _is_only_stale(self, offered: Challenge) -> bool:
        """Tell whether the nonce is what was refused, not the password.

        Some firmware forgets ``stale``: with a password that was right a moment ago, a
        nonce that is not the last one says the same.
        """
        assert self._challenge is not None
        if self._challenge.scheme != "digest":
            return False
        renewed = offered.parameters["nonce"] != self._challenge.parameters["nonce"]
        stale = offered.parameters.get("stale", "").lower() == "true"
        return renewed and (stale or self._accepted)


def answer(
    challenge: Challenge,
    username: str,
    password: str,
    method: str,
    url: str,
    *,
    count: int,
    client_nonce: str,
) -> str:
    """Return a digest for one request (RFC 7616, section 3.4; RFC 2069 without qop)."""
    name = challenge.algorithm
    hashed = _HASHES[name.removesuffix("-SESS")]

    def digest(*parts: str) -> str:
        return hashed(":".join(parts).encode()).hexdigest()

    realm = challenge.parameters.get("realm", "")
    nonce = challenge.parameters["nonce"]
    secret = digest(username, realm, password)
    if name.endswith("-SESS"):
        secret = digest(secret, nonce, client_nonce)
    request = digest(method, url)
    fields = {"username": username, "realm": realm, "nonce": nonce, "uri": url}
    plain: dict[str, str] = {}
    if challenge.qualities:
        plain = {"qop": "auth", "nc": f"{count:08x}"}
        fields["cnonce"] = client_nonce
        fields["response"] = digest(
            secret, nonce, plain["nc"], client_nonce, "auth", request
        )
    else:
        fields["response"] = digest(secret, nonce, request)
        if name.endswith("-SESS"):
            fields["cnonce"] = client_nonce
    if "algorithm" in challenge.parameters:
        plain["algorithm"] = challenge.parameters["algorithm"]
    if "opaque" in challenge.parameters:
        fields["opaque"] = challenge.parameters["opaque"]
    quoted = [f"{key}={_quote(value)}" for key, value in fields.items()]
    return "Digest " + ", ".join(
        quoted + [f"{key}={value}" for key, value in plain.items()]
    )


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
