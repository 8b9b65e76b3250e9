"""Where a camera of any brand has its stream, by ONVIF (Media Service, version 1).

Only asked for: nothing is changed on the camera.
"""

from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
import hashlib
import re
import secrets
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape

import aiohttp
from yarl import URL

from ..errors import DeviceAuthError, DeviceError, DeviceOfflineError, NotADeviceError
from . import xml
from .client import TIMEOUT, read_bounded

DEVICE_SERVICE = "/onvif/device_service"

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
    host: str, port: int, username: str, password: str
) -> StreamAddress:
    """Return where the main stream of a camera is. Raises DeviceError.

    The password is sent as a digest (WS-Security UsernameToken Profile 1.0).
    """
    async with aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=TIMEOUT),
        cookie_jar=aiohttp.DummyCookieJar(),
    ) as session:
        camera = _Camera(session, host, port, username, password)
        return await camera.find_stream()


class _Camera:
    def __init__(
        self,
        session: aiohttp.ClientSession,
        host: str,
        port: int,
        username: str,
        password: str,
    ) -> None:
        self._session = session
        self._base = URL.build(scheme="http", host=host, port=port)
        self._host = host
        self._username = username
        self._password = password
        self._ahead = 0.0

    async def find_stream(self) -> StreamAddress:
        device = self._base.with_path(DEVICE_SERVICE)
        time = await self._ask(
            device, f'<GetSystemDateAndTime xmlns="{_DEVICE}"/>', login=False
        )
        self._note_clock(time)
        capabilities = await self._ask(
            device,
            f'<GetCapabilities xmlns="{_DEVICE}"><Category>Media</Category>'
            "</GetCapabilities>",
        )
        # A camera behind a router tells an address that only it understands.
        told = URL(_found(capabilities, "XAddr") or "/onvif/Media")
        media = self._base.with_path(told.path or "/onvif/Media")
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
