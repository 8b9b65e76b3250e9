"""Sends uploads to S3: the requests that there are a hundred thousand of.

botocore spends several milliseconds on each request, more than all the rest of an
upload. HeadObject, PutObject and UploadPart, what sorting and archiving do with each
file, CopyObject and GetObject, and the listings are therefore built here; everything
else, and whatever the service redirects, goes through botocore.
"""

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from hashlib import sha256
from html import unescape
from http import HTTPStatus
import re
import ssl
from typing import Any, Final
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from . import pace
from .bandwidth import Bandwidth
from .http import MOST_BODY, Answer, BadAnswerError, Connections
from .list_answer import MOST_LISTING, ListAnswer, parse_listing
from .signature import Signer, encoded_path, query_string

USER_AGENT: Final = "hikvision_nvr"
ATTEMPTS: Final = 3
STALL_SECONDS: Final = 60.0
"""Without a byte sent or received; a slow line is no stall."""
_WATCH_SECONDS: Final = 1.0
"""A watch that was set so lately is not set again for each piece of a body."""
CHUNK: Final = 256 * 1024
"""Bytes handed over at a time: a snapshot goes in one."""
LARGE: Final = 1024 * 1024
LARGE_AT_ONCE: Final = 4
"""Bodies of more than 1 MiB in memory at a time, however many workers there are."""

_PASSING: Final = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
_FOR_BOTOCORE: Final = frozenset(
    {
        HTTPStatus.MOVED_PERMANENTLY,
        HTTPStatus.TEMPORARY_REDIRECT,
        HTTPStatus.PERMANENT_REDIRECT,
    }
)
_WRONG_REGION: Final = frozenset(
    {"AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}
)
_HEADER_NAMES: Final = {
    "ContentType": "content-type",
    "ContentMD5": "content-md5",
    "IfMatch": "if-match",
    "IfNoneMatch": "if-none-match",
    "CopySource": "x-amz-copy-source",
    "CopySourceIfMatch": "x-amz-copy-source-if-match",
    "StorageClass": "x-amz-storage-class",
    "Tagging": "x-amz-tagging",
    "ChecksumSHA256": "x-amz-checksum-sha256",
    "ObjectLockMode": "x-amz-object-lock-mode",
}
_ANSWER_NAMES: Final = {
    "x-amz-storage-class": "StorageClass",
    "x-amz-server-side-encryption": "ServerSideEncryption",
    "x-amz-server-side-encryption-customer-algorithm": "SSECustomerAlgorithm",
    "x-amz-object-lock-legal-hold": "ObjectLockLegalHoldStatus",
}
_WITH_BODY: Final = frozenset({"GetObject", "ListObjectsV2"})
_NO_BODY: Final = sha256(b"").hexdigest()
HEADERS: Final = frozenset({*_HEADER_NAMES, "Metadata", "ObjectLockRetainUntilDate"})
"""The options of a request that can be sent from here."""


class RedirectedError(Exception):
    """The bucket is elsewhere: botocore finds out where."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """The bytes of a request and their digests."""

    content: bytes | bytearray
    md5: bytes
    sha256: bytes


class Sender:
    """Sends requests over connections of its own, paced and watched for stalls."""

    def __init__(
        self,
        base: str,
        signer: Signer,
        tls: ssl.SSLContext,
        bandwidth: Bandwidth,
    ) -> None:
        """Send to keys below ``base``, the bucket's address with its last slash."""
        self._signer = signer
        parts = urlsplit(base)
        secure = parts.scheme == "https"
        port = parts.port or (443 if secure else 80)
        self._connections = Connections(
            parts.hostname or "", port, tls if secure else None
        )
        self._host = _host_header(parts.scheme, parts.netloc)
        self._path = parts.path
        self._bandwidth = bandwidth
        self._large = asyncio.Semaphore(LARGE_AT_ONCE)
        self._waits_for_consent = True

    def room_for(self, size: int) -> AbstractAsyncContextManager[None]:
        """Return what to hold while a body of this size is in memory."""
        return self._large if size > LARGE else nullcontext()

    async def head(self, key: str) -> dict[str, Any]:
        """Ask about an object; see ``put``."""
        return await self._send("HeadObject", key, None, {}, {})

    async def put(
        self, key: str, body: Body, options: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Put an object. ``options`` and the answer are named as botocore's are.

        Raises ClientError, ConnectionError, TimeoutError, and RedirectedError.
        """
        return await self._send("PutObject", key, body, {}, options)

    async def copy(
        self, bucket: str, source: str, key: str, options: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Copy an object of this bucket; see ``put``."""
        values = {**options, "CopySource": encoded_path(f"/{bucket}/{source}")}
        return await self._send("CopyObject", key, None, {}, values, method="PUT")

    async def get(
        self, key: str, size: int, options: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Read an object of at most so many bytes, in one attempt; see ``put``."""
        return await self._send(
            "GetObject",
            key,
            None,
            {},
            options,
            method="GET",
            most_body=max(size, MOST_BODY),
            attempts=1,
        )

    async def list_page(self, query: Mapping[str, str]) -> ListAnswer:
        """List a page of the bucket; see ``put``. ``query`` is named as S3 does."""
        answer = await self._send(
            "ListObjectsV2",
            None,
            None,
            {"list-type": "2", "encoding-type": "url", **query},
            {},
            method="GET",
            most_body=MOST_LISTING,
        )
        try:
            return await asyncio.to_thread(parse_listing, answer["Body"])
        except ValueError as error:
            raise BadAnswerError(str(error)) from error

    async def put_part(
        self,
        key: str,
        upload_id: str,
        number: int,
        body: Body,
        options: Mapping[str, Any],
    ) -> dict[str, Any]:
        """Put a part of a multipart upload; see ``put``."""
        query = {"partNumber": str(number), "uploadId": upload_id}
        return await self._send("UploadPart", key, body, query, options)

    async def _send(
        self,
        operation: str,
        key: str | None,
        body: Body | None,
        query: Mapping[str, str],
        options: Mapping[str, Any],
        *,
        method: str = "HEAD",
        most_body: int = MOST_BODY,
        attempts: int = ATTEMPTS,
    ) -> dict[str, Any]:
        # Some services take the bucket's address with a slash for that of a key.
        place = self._path.rstrip("/") or "/" if key is None else self._path + key
        path = encoded_path(place)
        target = f"{path}?{query_string(query)}" if query else path
        headers = {"host": self._host, **headers_of(options)}
        digest = _NO_BODY
        content: bytes | bytearray = b""
        if body is not None:
            headers["content-md5"] = base64.b64encode(body.md5).decode()
            digest, method, content = body.sha256.hex(), "PUT", body.content
        attempt = 0
        while True:
            attempt += 1
            signed = self._signer.signed(
                method, path, query, headers, digest, datetime.now(UTC)
            )
            try:
                return await self._attempt(
                    operation, method, target, signed, content, most_body
                )
            except TimeoutError, ConnectionError:
                if attempt == attempts:
                    raise
            except ClientError as error:
                status = error.response["ResponseMetadata"]["HTTPStatusCode"]
                if attempt == attempts or status not in _PASSING:
                    raise
            await asyncio.sleep(pace.request_seconds(attempt))

    async def _attempt(
        self,
        operation: str,
        method: str,
        target: str,
        headers: Mapping[str, str],
        content: bytes | bytearray,
        most_body: int,
    ) -> dict[str, Any]:
        # A large body is not sent to a service that has refused it already.
        asks = self._waits_for_consent and len(content) > LARGE
        extra = "expect: 100-continue\r\n" if asks else ""
        if method == "PUT":
            extra += f"content-length: {len(content)}\r\n"
        head = (
            f"{method} {target} HTTP/1.1\r\n{_fields(headers)}"
            f"user-agent: {USER_AGENT}\r\n{extra}\r\n"
        )
        sending = _Sending(content, self._bandwidth)
        try:
            async with asyncio.timeout(STALL_SECONDS) as sending.watch:
                answer = await self._connections.request(
                    head.encode(),
                    bodiless=method == "HEAD",
                    chunks=sending.chunks if content else None,
                    asks=asks,
                    most_body=most_body,
                )
        except TimeoutError:
            if asks and not sending.begun:
                # Some services never answer "Expect: 100-continue" (RFC 9110, 10.1.1).
                self._waits_for_consent = False
            raise
        return _read(operation, answer)

    async def close(self) -> None:
        """Close all connections."""
        await self._connections.close()


class _Sending:
    """A body on its way: in pieces, as the bandwidth allows, watched for stalls."""

    def __init__(self, content: bytes | bytearray, bandwidth: Bandwidth) -> None:
        self._content = content
        self._bandwidth = bandwidth
        self.watch: asyncio.Timeout | None = None
        self._watched = asyncio.get_running_loop().time()
        self.begun = False

    async def chunks(self) -> AsyncIterator[memoryview]:
        """Yield the body; whoever sends it asks for more when there is room for it."""
        self.begun = True
        view = memoryview(self._content)
        for start in range(0, len(view), CHUNK):
            chunk = view[start : start + CHUNK]
            await self._bandwidth.take(len(chunk))
            self._go_on()
            yield chunk
        self._go_on()

    def _go_on(self) -> None:
        assert self.watch is not None
        now = asyncio.get_running_loop().time()
        if now - self._watched > min(_WATCH_SECONDS, STALL_SECONDS / 4):
            self._watched = now
            self.watch.reschedule(now + STALL_SECONDS)


def headers_of(options: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers of a request's options, which are named as botocore's are."""
    headers: dict[str, str] = {}
    for name, value in options.items():
        if name == "Metadata":
            headers |= {f"x-amz-meta-{key}": text for key, text in value.items()}
        elif name == "ObjectLockRetainUntilDate":
            headers["x-amz-object-lock-retain-until-date"] = (
                f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
            )
        else:
            headers[_HEADER_NAMES[name]] = value
    return headers


def _host_header(scheme: str, netloc: str) -> str:
    default = ":443" if scheme == "https" else ":80"
    return netloc.rpartition("@")[2].removesuffix(default)


def _fields(headers: Mapping[str, str]) -> str:
    """Return headers as they are sent; raises ValueError for what would be two."""
    text = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    if text.count("\n") != len(headers) or text.count("\r") != len(headers):
        raise ValueError("a header has a line break")
    return text


def _read(operation: str, answer: Answer) -> dict[str, Any]:
    """Return an answer as botocore would; raises ClientError and RedirectedError."""
    if operation in _WITH_BODY and answer.status == HTTPStatus.OK:
        return {**_as_botocore(answer.headers), "Body": answer.body}
    text = answer.body.decode(errors="replace")
    # A copy that takes long is begun with 200 and may then end with an error.
    if answer.status == HTTPStatus.OK and "<Error>" not in text:
        found = _as_botocore(answer.headers)
        if operation == "CopyObject":
            found["ETag"] = unescape(_tag(text, "ETag"))
        return found
    code = _tag(text, "Code") or str(answer.status)
    if answer.status in _FOR_BOTOCORE or code in _WRONG_REGION:
        raise RedirectedError
    refusal: Any = {
        "Error": {"Code": code, "Message": _tag(text, "Message")},
        "ResponseMetadata": {"HTTPStatusCode": answer.status},
    }
    raise ClientError(refusal, operation)


def _as_botocore(headers: Mapping[str, str]) -> dict[str, Any]:
    """Return the headers of a good answer under botocore's names."""
    found: dict[str, Any] = {
        name: headers[header]
        for header, name in _ANSWER_NAMES.items()
        if header in headers
    }
    found["ETag"] = headers.get("etag", "")
    found["ContentLength"] = int(headers.get("content-length", 0))
    if (until := headers.get("x-amz-object-lock-retain-until-date")) is not None:
        found["ObjectLockRetainUntilDate"] = datetime.fromisoformat(until)
    if "last-modified" in headers:
        found["LastModified"] = parsedate_to_datetime(headers["last-modified"])
    prefix = "x-amz-meta-"
    found["Metadata"] = {
        name.removeprefix(prefix): value
        for name, value in headers.items()
        if name.startswith(prefix)
    }
    return found


def _tag(text: str, name: str) -> str:
    found = re.search(rf"<{name}>([^<]*)</{name}>", text)
    return found[1] if found else ""
