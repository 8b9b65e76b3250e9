"""Logging in at a device: HTTP Digest (RFC 7616) with MD5 or SHA-256.

aiohttp has a middleware for this. It is not used because it reads only the first of
several challenges, while devices send one for each algorithm and one for Basic.
Basic is never answered: it would tell the password to anybody who listens.
"""

from collections.abc import Callable, Mapping
import hashlib
import re
import secrets

from aiohttp import ClientHandlerType, ClientRequest, ClientResponse, hdrs

_PARAMETER = re.compile(r'([A-Za-z0-9_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_ALGORITHMS: Mapping[str, Callable[..., hashlib._Hash]] = {
    "SHA-256": hashlib.sha256,
    "SHA256": hashlib.sha256,
    "MD5": hashlib.md5,
}
"""The strongest first."""


class Digest:
    """Answers a device's challenges, and remembers the last for the next request."""

    def __init__(self, username: str, password: str) -> None:
        """Log in with these."""
        self._username = username
        self._password = password
        self._challenge: dict[str, str] | None = None
        self._count = 0

    async def __call__(
        self, request: ClientRequest, send: ClientHandlerType
    ) -> ClientResponse:
        """Send a request of a client session, once more when a login is asked for."""
        used = self._challenge
        if used is not None:
            request.headers[hdrs.AUTHORIZATION] = self._answer(request)
        response = await send(request)
        if response.status != 401:
            return response
        challenge = strongest(response.headers.getall(hdrs.WWW_AUTHENTICATE, ()))
        if challenge is None:
            return response
        if used is not None and challenge["nonce"] == used["nonce"]:
            # Not an expired nonce: the password itself is refused.
            return response
        response.release()
        self._challenge, self._count = challenge, 0
        request.headers[hdrs.AUTHORIZATION] = self._answer(request)
        return await send(request)

    def _answer(self, request: ClientRequest) -> str:
        assert self._challenge is not None
        self._count += 1
        return authorization(
            self._challenge,
            username=self._username,
            password=self._password,
            method=request.method,
            target=request.url.raw_path_qs,
            count=self._count,
            client_nonce=secrets.token_hex(8),
        )


def strongest(headers: tuple[str, ...] | list[str]) -> dict[str, str] | None:
    """Return the challenge with the best algorithm, None when none can be answered."""
    found: dict[str, dict[str, str]] = {}
    for header in filter(_is_text, headers):
        # One header may hold several challenges (RFC 9110, section 11.6.1).
        for part in re.split(r",?\s*(?=\bDigest\s|\bBasic\b)", header):
            scheme, _, rest = part.strip().partition(" ")
            if scheme.lower() != "digest":
                continue
            challenge = {
                key.lower(): re.sub(r"\\(.)", r"\1", quoted) if quoted else plain
                for key, quoted, plain in _PARAMETER.findall(rest)
            }
            offered = {one.strip() for one in challenge.get("qop", "auth").split(",")}
            algorithm = challenge.get("algorithm", "MD5").upper()
            if challenge.get("nonce") and "auth" in offered:
                found.setdefault(algorithm, challenge)
    return next((found[name] for name in _ALGORITHMS if name in found), None)


def authorization(
    challenge: Mapping[str, str],
    *,
    username: str,
    password: str,
    method: str,
    target: str,
    count: int,
    client_nonce: str,
) -> str:
    """Return the value of the Authorization header (RFC 7616, section 3.4)."""
    algorithm = challenge.get("algorithm", "MD5")
    function = _ALGORITHMS[algorithm.upper()]

    def digest(*parts: str) -> str:
        return function(":".join(parts).encode()).hexdigest()

    realm, nonce = challenge.get("realm", ""), challenge["nonce"]
    secret = digest(username, realm, password)
    action = digest(method, target)
    fields = {
        "username": _quoted(username),
        "realm": _quoted(realm),
        "nonce": _quoted(nonce),
        "uri": _quoted(target),
    }
    if "algorithm" in challenge:
        fields["algorithm"] = algorithm
    if "qop" in challenge:
        number = f"{count:08x}"
        proof = digest(secret, nonce, number, client_nonce, "auth", action)
        fields |= {"qop": "auth", "nc": number, "cnonce": _quoted(client_nonce)}
    else:
        proof = digest(secret, nonce, action)
    fields["response"] = _quoted(proof)
    if "opaque" in challenge:
        fields["opaque"] = _quoted(challenge["opaque"])
    return "Digest " + ", ".join(f"{key}={value}" for key, value in fields.items())


def _is_text(header: str) -> bool:
    """Tell whether a header can be sent back: other bytes than UTF-8 cannot."""
    try:
        header.encode()
    except UnicodeEncodeError:
        return False
    return True


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
