"""Signs requests to S3 (AWS Signature Version 4).

Source: Amazon S3 API reference, "Signature Calculations for the Authorization Header:
Transferring Payload in a Single Chunk". The body's SHA-256 is part of what is signed,
so that a service that checks signatures checks the bytes as well.
"""

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
import hmac
from typing import Final
from urllib.parse import quote

_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_UNRESERVED: Final = "-_.~"


class Signer:
    """Holds an access key and signs with it; it never shows the secret."""

    def __init__(self, access_key_id: str, secret_access_key: str, region: str) -> None:
        """Sign for the S3 service of a region."""
        self._access_key_id = access_key_id
        self._secret = f"AWS4{secret_access_key}".encode()
        self._region = region
        self._key_of_day = ("", b"")

    def signed(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body_sha256: str,
        now: datetime,
    ) -> dict[str, str]:
        """Return ``headers`` with those that prove who sends the request.

        ``path`` is encoded, ``query`` and ``headers`` are not; the headers' names are
        in lower case and ``host`` is among them. ``body_sha256`` is hexadecimal.
        """
        moment = f"{now:%Y%m%dT%H%M%SZ}"
        day = moment[:8]
        complete = {
            **headers,
            "x-amz-content-sha256": body_sha256,
            "x-amz-date": moment,
        }
        names = sorted(complete)
        signed_names = ";".join(names)
        request = "\n".join(
            (
                method,
                path,
                query_string(query),
                *(f"{name}:{complete[name].strip()}" for name in names),
                "",
                signed_names,
                body_sha256,
            )
        )
        scope = f"{day}/{self._region}/s3/aws4_request"
        text = "\n".join(
            (_ALGORITHM, moment, scope, sha256(request.encode()).hexdigest())
        )
        signature = _mac(self._key(day), text).hex()
        complete["authorization"] = (
            f"{_ALGORITHM} Credential={self._access_key_id}/{scope},"
            f"SignedHeaders={signed_names},Signature={signature}"
        )
        return complete

    def _key(self, day: str) -> bytes:
        known, key = self._key_of_day
        if known != day:
            key = self._secret
            for part in (day, self._region, "s3", "aws4_request"):
                key = _mac(key, part)
            self._key_of_day = (day, key)
        return key


def encoded_path(path: str) -> str:
    """Return a path as it is signed and sent: once encoded, slashes left alone."""
    return quote(path, safe=f"/{_UNRESERVED}")


def query_string(query: Mapping[str, str]) -> str:
    """Return a query as it is signed and sent: encoded and sorted."""
    return "&".join(
        f"{quote(name, safe=_UNRESERVED)}={quote(value, safe=_UNRESERVED)}"
        for name, value in sorted(query.items())
    )


def _mac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
