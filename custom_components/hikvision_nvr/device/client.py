"""Hikvision's web service, ISAPI: requests, bounds, and what refusals mean.

One client talks to one device with one account. Certificates of cameras are
self-signed and name no address, so a chain cannot be checked: the certificate that a
device showed when it was added is remembered, and with HTTPS no other is accepted.
Redirects are not followed, because they could lead the login anywhere.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
import hashlib
import ssl
import time
from typing import Final
from xml.etree.ElementTree import Element

import aiohttp
from yarl import URL

from ..errors import (
    DeviceAnswerError,
    DeviceAuthError,
    DeviceCertificateError,
    DeviceError,
    DeviceForbiddenError,
    DeviceLockedError,
    DeviceOfflineError,
    DeviceUnsupportedError,
    DeviceWantsHttpsError,
    NotADeviceError,
)
from ..model import DeviceLogin
from . import xml
from .digest import Digest

TIMEOUT: Final = 10.0
"""Seconds for a whole answer."""
CONNECT_TIMEOUT: Final = 5.0
MAX_PICTURE: Final = 16 << 20
"""Bytes. A picture of 12 megapixels takes about 4 MiB."""
LOCK_TIME: Final = 1800.0
"""Seconds that a device locks an account if it does not say for how long."""
_BUSY: Final = 2
"""How many requests a device gets at the same time; more makes old ones stumble."""
_TRIES: Final = 3
_PAUSE: Final = 0.5
"""Seconds before a request is repeated that a device was too busy for."""


class _BusyError(DeviceError):
    """The device has no time now."""


class IsapiClient:
    """Asks one device. Every method raises DeviceError."""

    def __init__(self, login: DeviceLogin) -> None:
        """Prepare; nothing is sent yet. Belongs to one event loop."""
        self.login = login
        scheme = "http" if login.fingerprint is None else "https"
        self._base = URL.build(scheme=scheme, host=login.host, port=login.port)
        self._ssl: aiohttp.Fingerprint | bool = True
        if login.fingerprint is not None:
            self._ssl = aiohttp.Fingerprint(bytes.fromhex(login.fingerprint))
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=TIMEOUT, connect=CONNECT_TIMEOUT),
            middlewares=(Digest(login.username, login.password),),
            # What one device sets as a cookie is of no use and could be any size.
            cookie_jar=aiohttp.DummyCookieJar(),
            max_line_size=8190,
        )
        self._busy = asyncio.Semaphore(_BUSY)
        self._refused: DeviceAuthError | DeviceLockedError | None = None
        self._locked_until = 0.0

    async def close(self) -> None:
        """End all connections."""
        await self._session.close()

    async def get(self, path: str) -> Element:
        """Return the document at a path."""
        return await self._document("GET", path)

    async def get_if_supported(self, path: str) -> Element | None:
        """Return the document at a path, None where the device has none."""
        try:
            return await self.get(path)
        except DeviceUnsupportedError, DeviceForbiddenError:
            return None

    async def put(self, path: str, document: Element | bytes) -> Element:
        """Replace the document at a path and return the device's answer."""
        return await self._document("PUT", path, document)

    async def post(self, path: str, document: Element) -> Element:
        """Send a document and return the device's answer."""
        return await self._document("POST", path, document)

    async def picture(self, path: str) -> bytes:
        """Return the JPEG at a path."""
        content = await self._content("GET", path, limit=MAX_PICTURE)
        if not content.startswith(b"\xff\xd8"):
            raise DeviceAnswerError(f"{self.login.host} did not send a picture")
        return content

    @asynccontextmanager
    async def open(self, path: str) -> AsyncIterator[aiohttp.ClientResponse]:
        """Open an answer that does not end. Whoever reads it watches the time."""
        self._check_refused()
        try:
            async with self._session.get(
                self._base.joinpath(path.lstrip("/")),
                ssl=self._ssl,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(
                    total=None, connect=CONNECT_TIMEOUT, sock_read=None
                ),
            ) as response:
                if response.status != 200:
                    self._refuse(response, await read_bounded(response, xml.MAX_SIZE))
                yield response
        except (aiohttp.ClientError, TimeoutError, OSError) as err:
            raise self._failure(err) from err

    async def _document(
        self, method: str, path: str, document: Element | bytes | None = None
    ) -> Element:
        if isinstance(document, Element):
            document = xml.serialize(document)
        content = await self._content(method, path, body=document)
        if method == "PUT" and not content.strip():
            # Some firmware has nothing to say when all is well.
            return Element("ResponseStatus")
        try:
            root = xml.parse(content)
        except xml.XmlError as err:
            if is_web_page(content):
                raise self._not_a_device() from err
            raise DeviceAnswerError(
                f"{self.login.host} sent an unusable answer to {path}: {err}"
            ) from err
        if xml.local_name(root).lower() == "html":
            raise self._not_a_device()
        if xml.local_name(root) == "ResponseStatus":
            self._check_status(root, path)
        return root

    async def _content(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        limit: int = xml.MAX_SIZE,
    ) -> bytes:
        """Send a request, again while the device is busy, and return its answer."""
        async with self._busy:
            for attempt in range(_TRIES):
                self._check_refused()
                try:
                    return await self._send(method, path, body, limit)
                except _BusyError:
                    await asyncio.sleep(_PAUSE * (attempt + 1))
                except (aiohttp.ClientError, TimeoutError, OSError) as err:
                    # A connection that was kept open may have been closed by now.
                    if (
                        isinstance(err, aiohttp.ServerDisconnectedError)
                        and method == "GET"
                        and attempt == 0
                    ):
                        continue
                    raise self._failure(err) from err
        raise DeviceOfflineError(
            f"{self.login.host} is too busy to answer", host=self.login.host
        )

    async def _send(
        self, method: str, path: str, body: bytes | None, limit: int
    ) -> bytes:
        headers = {"Content-Type": "application/xml"} if body is not None else {}
        async with self._session.request(
            method,
            self._base.joinpath(path.lstrip("/")),
            data=body,
            headers=headers,
            ssl=self._ssl,
            allow_redirects=False,
        ) as response:
            content = await read_bounded(response, limit)
            if response.status not in (200, 201):
                self._refuse(response, content)
            return content

    def _refuse(self, response: aiohttp.ClientResponse, content: bytes) -> None:
        """Raise what a status other than success means."""
        host, status = self.login.host, response.status
        if 300 <= status < 400:
            if response.headers.get("Location", "").startswith("https://"):
                raise DeviceWantsHttpsError(f"{host} answers by HTTPS only", host=host)
            raise self._not_a_device()
        try:
            root = xml.parse(content)
        except xml.XmlError:
            root = None
        if status == 401:
            self._note_refusal(root)
            self._check_refused()
        if status == 503 or (
            # Busy and "device error", which passes as well.
            root is not None and xml.text(root, "statusCode") in ("2", "3")
        ):
            raise _BusyError(f"{host} is busy", host=host)
        if root is not None:
            self._check_status(root, str(response.url.path))
        if status == 403:
            raise DeviceForbiddenError(
                f"The account may not use {response.url.path} on {host}", host=host
            )
        if status in (404, 405, 501):
            raise DeviceUnsupportedError(
                f"{host} does not have {response.url.path}", host=host
            )
        raise DeviceError(f"{host} answered {status} to {response.url.path}", host=host)

    def _note_refusal(self, answer: Element | None) -> None:
        """Remember that the login was refused: each further try could lock it."""
        host = self.login.host
        if answer is not None:
            locked = xml.find_anywhere(answer, "lockStatus")
            unlock = xml.find_anywhere(answer, "unlockTime")
            if locked is not None and (locked.text or "").strip().lower() == "lock":
                try:
                    seconds = float((unlock.text or "") if unlock is not None else "")
                except ValueError:
                    seconds = LOCK_TIME
                seconds = min(max(seconds, 1.0), 24 * 3600.0)
                self._locked_until = time.monotonic() + seconds
                self._refused = DeviceLockedError(
                    f"{host} has locked the account",
                    host=host,
                    minutes=str(max(1, round(seconds / 60))),
                )
                return
        self._refused = DeviceAuthError(
            f"{host} refuses the user name or the password", host=host
        )

    def _check_refused(self) -> None:
        """Raise the refusal that still stands, without asking the device again."""
        if isinstance(self._refused, DeviceLockedError) and (
            time.monotonic() >= self._locked_until
        ):
            self._refused = None
        if self._refused is not None:
            raise self._refused

    def _check_status(self, root: Element, path: str) -> None:
        """Raise what a ResponseStatus says, unless it says OK (1) or reboot (7)."""
        host = self.login.host
        code = xml.text(root, "statusCode")
        if code in ("", "1", "7"):
            return
        detail = xml.text(root, "subStatusCode") or xml.text(root, "statusString")
        lowered = detail.lower()
        if "notsupport" in lowered or "methodnotallowed" in lowered:
            raise DeviceUnsupportedError(f"{host} does not have {path}", host=host)
        if "privilege" in lowered or "permission" in lowered:
            raise DeviceForbiddenError(
                f"The account may not use {path} on {host}", host=host
            )
        raise DeviceError(f"{host} refused {path}: {detail or code}", host=host)

    def _failure(self, error: BaseException) -> DeviceError:
        """Return what a failed connection means."""
        host = self.login.host
        if isinstance(error, aiohttp.ServerFingerprintMismatch):
            return DeviceCertificateError(
                f"{host} shows another certificate than before", host=host
            )
        if isinstance(error, aiohttp.ClientPayloadError):
            return DeviceAnswerError(f"The answer of {host} was cut off", host=host)
        if isinstance(error, aiohttp.ClientResponseError):
            return self._not_a_device()
        return DeviceOfflineError(f"{host} does not answer", host=host)

    def _not_a_device(self) -> NotADeviceError:
        return NotADeviceError(
            f"What answers at {self.login.host} is no Hikvision device",
            host=self.login.host,
        )


def is_web_page(content: bytes) -> bool:
    """Return True for something that browsers show."""
    head = content[:512].lstrip().lower()
    return head.startswith((b"<!doctype html", b"<html")) or b"<html" in head


async def read_fingerprint(host: str, port: int) -> str:
    """Return the SHA-256 of the certificate that a host shows, without logging in.

    Raises DeviceOfflineError when there is no TLS at this address.
    """

    def context() -> ssl.SSLContext:
        unchecked = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        unchecked.check_hostname = False
        unchecked.verify_mode = ssl.CERT_NONE
        return unchecked

    try:
        async with asyncio.timeout(CONNECT_TIMEOUT):
            _, writer = await asyncio.open_connection(
                host, port, ssl=await asyncio.to_thread(context)
            )
    except (OSError, TimeoutError) as err:
        raise DeviceOfflineError(f"{host} does not answer by HTTPS", host=host) from err
    try:
        certificate = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    finally:
        writer.transport.abort()
    return hashlib.sha256(certificate).hexdigest()


async def read_bounded(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """Read an answer that must not be larger than ``limit`` bytes."""
    blocks: list[bytes] = []
    size = 0
    async for block in response.content.iter_any():
        size += len(block)
        if size > limit:
            response.close()
            raise DeviceAnswerError(
                f"The answer of {response.url.host} is too large",
                host=str(response.url.host),
            )
        blocks.append(block)
    return b"".join(blocks)
