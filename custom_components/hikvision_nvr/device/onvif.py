"""Where a camera of any brand has its stream, by ONVIF (Media Service, version 1).

Only asked for: nothing is changed on the camera.
"""

import asyncio
from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
import hashlib
import re
import secrets
from typing import Final
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape

import aiohttp
from yarl import URL

from ..errors import DeviceAuthError, DeviceError, DeviceOfflineError, NotADeviceError
from . import xml
from .client import TIMEOUT, read_bounded

DEVICE_SERVICE = "/onvif/device_service"
USUAL_PORTS: Final = (80, 8000, 8080, 8899, 2020)
"""Where cameras have the service: most, then Reolink, Uniview, Xiongmai, TP-Link."""
LOOK_TIME: Final = 3.0
"""Seconds in which a service must answer for the first time; all are asked at once."""

_SOAP = "http://www.w3.org/2003/05/soap-envelope"
_DEVICE = "http://www.onvif.org/ver10/device/wsdl"
_MEDIA = "http://www.onvif.org/ver10/media/wsdl"
_SCHEMA = "http://www.onvif.org/ver10/schema"
_SECURITY = (
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
)
_UTILITY = (
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
)
_DIGEST = (
    "http://docs.oasis-open.org/wss/2004/01/"
    "oasis-200401-wss-username-token-profile-1.0#PasswordDigest"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamAddress:
    """Where a stream is: the RTSP port, and path and query without the first slash."""

    port: int
    path: str


async def find_stream(
    host: str, service: str | int | None, username: str, password: str
) -> StreamAddress:
    """Return where the main stream of a camera is. Raises DeviceError.

    ``service`` is the address of its ONVIF service as discovery tells it, or its port;
    without it the usual ports are asked. Who answers there is found out without a
    login. The password is then sent as a digest, to one service only (WS-Security
    UsernameToken Profile 1.0).
    """
    async with aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=TIMEOUT),
        cookie_jar=aiohttp.DummyCookieJar(),
    ) as session:
        cameras = [
            _Camera(session, url, username, password)
            for url in _services(host, service)
        ]
        return await (await _first_to_answer(cameras)).find_stream()


def _services(host: str, service: str | int | None) -> list[URL]:
    """Return the addresses at which a camera may have its device service."""
    if isinstance(service, str):
        url = URL(service)
        # Its certificate could not be checked: what speaks HTTP is looked for then.
        if url.scheme == "http" and url.host == host:
            return [URL.build(scheme="http", host=host, port=url.port, path=url.path)]
        service = None
    ports = USUAL_PORTS if service is None else (service,)
    return [
        URL.build(scheme="http", host=host, port=port, path=DEVICE_SERVICE)
        for port in ports
    ]


async def _first_to_answer(cameras: list[_Camera]) -> _Camera:
    """Return the first in this order that speaks ONVIF. Raises DeviceError."""
    answers = await asyncio.gather(
        *(camera.look() for camera in cameras), return_exceptions=True
    )
    errors: list[BaseException] = []
    for camera, error in zip(cameras, answers, strict=True):
        if error is None:
            return camera
        errors.append(error)
    # Something that answers says more than where nobody is.
    errors.sort(key=lambda error: isinstance(error, DeviceOfflineError))
    raise errors[0]


class _Camera:
    def __init__(
        self,
        session: aiohttp.ClientSession,
        service: URL,
        username: str,
        password: str,
    ) -> None:
        self._session = session
        self._service = service
        self._host = str(service.host)
        self._username = username
        self._password = password
        self._ahead = 0.0

    async def look(self) -> None:
        """Find out whether it is there, and what it thinks the time is."""
        try:
            async with asyncio.timeout(LOOK_TIME):
                answer = await self._ask(
                    self._service,
                    f'<GetSystemDateAndTime xmlns="{_DEVICE}"/>',
                    login=False,
                )
        except TimeoutError as err:
            raise DeviceOfflineError(
                f"{self._host} does not answer by ONVIF", host=self._host
            ) from err
        except DeviceAuthError:
            # Some ask for a login even here.
            return
        self._note_clock(answer)

    async def find_stream(self) -> StreamAddress:
        """Return where its main stream is. Raises DeviceError."""
        capabilities = await self._ask(
            self._service,
            f'<GetCapabilities xmlns="{_DEVICE}"><Category>Media</Category>'
            "</GetCapabilities>",
        )
        # A camera behind a router tells an address that only it understands.
        told = URL(_found(capabilities, "XAddr") or "/onvif/Media")
        media = self._service.with_path(told.path or "/onvif/Media")
        profiles = await self._ask(media, f'<GetProfiles xmlns="{_MEDIA}"/>')
        first = xml.find_anywhere(profiles, "Profiles")
        token = "" if first is None else first.get("token", "")
        answer = await self._ask(
            media,
            f'<GetStreamUri xmlns="{_MEDIA}"><StreamSetup>'
            f'<Stream xmlns="{_SCHEMA}">RTP-Unicast</Stream>'
            f'<Transport xmlns="{_SCHEMA}"><Protocol>RTSP</Protocol></Transport>'
            f"</StreamSetup><ProfileToken>{escape(token)}</ProfileToken>"
            "</GetStreamUri>",
        )
        try:
            url = URL(_found(answer, "Uri"))
        except ValueError as err:
            raise self._not_a_camera() from err
        if url.scheme != "rtsp":
            raise self._not_a_camera()
        return StreamAddress(port=url.port or 554, path=url.raw_path_qs.lstrip("/"))

    async def _ask(self, url: URL, body: str, *, login: bool = True) -> Element:
        header = self._login() if login else ""
        envelope = (
            f'<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="{_SOAP}">'
            f"<s:Header>{header}</s:Header><s:Body>{body}</s:Body></s:Envelope>"
        )
        try:
            async with self._session.post(
                url,
                data=envelope.encode(),
                headers={"Content-Type": "application/soap+xml; charset=utf-8"},
                allow_redirects=False,
            ) as response:
                content = await read_bounded(response, xml.MAX_SIZE)
        except (aiohttp.ClientError, TimeoutError, OSError) as err:
            raise DeviceOfflineError(
                f"{self._host} does not answer by ONVIF", host=self._host
            ) from err
        try:
            root = xml.parse(content)
        except xml.XmlError as err:
            raise self._not_a_camera() from err
        if response.status == 401 or b"NotAuthorized" in content:
            raise DeviceAuthError(
                f"{self._host} refuses the user name or the password", host=self._host
            )
        if xml.local_name(root) != "Envelope":
            raise self._not_a_camera()
        if xml.find_anywhere(root, "Fault") is not None:
            reason = _found(root, "Text") or "a fault"
            raise DeviceError(f"{self._host} answered: {reason}", host=self._host)
        return root

    def _login(self) -> str:
        if not self._username:
            return ""
        nonce = secrets.token_bytes(16)
        now = datetime.fromtimestamp(datetime.now(UTC).timestamp() + self._ahead, UTC)
        created = now.strftime("%Y-%m-%dT%H:%M:%SZ")
        digest = hashlib.sha1(
            nonce + created.encode() + self._password.encode(), usedforsecurity=False
        ).digest()
        return (
            f'<Security xmlns="{_SECURITY}"><UsernameToken>'
            f"<Username>{escape(self._username)}</Username>"
            f'<Password Type="{_DIGEST}">{b64encode(digest).decode()}</Password>'
            f"<Nonce>{b64encode(nonce).decode()}</Nonce>"
            f'<Created xmlns="{_UTILITY}">{created}</Created>'
            "</UsernameToken></Security>"
        )

    def _note_clock(self, answer: Element) -> None:
        """Remember how wrong the camera's clock is: it checks the time of a login."""
        utc = xml.find_anywhere(answer, "UTCDateTime")
        if utc is None:
            return
        parts = [
            xml.text(utc, *path)
            for path in (
                ("Date", "Year"),
                ("Date", "Month"),
                ("Date", "Day"),
                ("Time", "Hour"),
                ("Time", "Minute"),
                ("Time", "Second"),
            )
        ]
        if all(re.fullmatch(r"\d{1,4}", part) for part in parts):
            year, month, day, hour, minute, second = map(int, parts)
            try:
                told = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
            except ValueError:
                return
            self._ahead = told.timestamp() - datetime.now(UTC).timestamp()

    def _not_a_camera(self) -> NotADeviceError:
        return NotADeviceError(
            f"What answers at {self._host} does not speak ONVIF", host=self._host
        )


def _found(root: Element, name: str) -> str:
    element = xml.find_anywhere(root, name)
    return "" if element is None else (element.text or "").strip()
