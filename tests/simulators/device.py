"""A Hikvision camera or recorder as the network sees it: ISAPI over real sockets.

It logs clients in by digest, keeps its settings as the documents that it was given,
sends its events as an endless answer, and delivers to the server that it was told.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
import ftplib
import hashlib
from io import BytesIO
from pathlib import Path
import re
import secrets
import ssl
import threading
from typing import Self
import xml.etree.ElementTree as ET

from aiohttp import web

from .camera import hikvision_name
from .device_profiles import Misbehaviour, Profile
from .device_recordings import PATH as SEARCH_PATH, DeviceRecordings
from .web_server import web_server

HOST = "127.0.0.1"
PICTURE = bytes.fromhex(
    "ffd8ffe000104a46494600010100000100010000ffdb004300"
    + "08" * 64
    + "ffc0000b080001000101011100ffc4001f0000010501010101010100000000000000000102030405"
    "060708090a0bffda0008010100003f00d2cf20ffd9"
)
BOUNDARY = "boundary"
_TRIGGERS = "/ISAPI/Event/triggers"


@dataclass(slots=True, kw_only=True)
class Upload:
    """What a device delivered, or why it could not."""

    name: str
    error: str = ""


@dataclass(slots=True, kw_only=True, eq=False)
class _Stream:
    """A client that listens to events."""

    queue: asyncio.Queue[bytes | None] = field(default_factory=asyncio.Queue)


class SimulatedDevice:
    """One device with its web server. ``start`` and ``stop`` from any thread."""

    def __init__(
        self,
        profile: Profile,
        *,
        name: str = "Front door",
        serial: str = "DS-2CD2146G2-ISU20220101AAWRJ00000001",
        mac: str = "bc:ad:28:00:00:01",
        username: str = "admin",
        password: str = "Pa:ss@1/#",
        host: str = HOST,
        port: int = 0,
        address: str = "192.0.2.64",
        certificate: Path | None = None,
        heartbeat: float = 0.2,
        picture: Callable[[], bytes] = lambda: PICTURE,
    ) -> None:
        """Prepare; nothing listens yet. ``address`` is what it writes into names."""
        self.profile = profile
        self.name = name
        self.serial = serial
        self.mac = mac
        self.username = username
        self.password = password
        self.host = host
        self.port = port
        self.address = address
        self.heartbeat = heartbeat
        self.misbehaviour = profile.misbehaviour
        self.clock_offset = timedelta()
        self.tells_zone = True
        self.activated = True
        self.refused_paths: set[str] = set()
        """PUT there is refused."""
        self.cut_paths: set[str] = set()
        """PUT there is taken, and the connection lost before it is confirmed."""
        self.lost_paths: set[str] = set()
        """The connection is lost before a PUT there is taken."""
        self.forbidden_paths: set[str] = set()
        """The account may not use these."""
        self.requests: list[tuple[str, str]] = []
        self.failed_logins = 0
        self.reboots = 0
        self.uploads: list[Upload] = []
        self.recordings: DeviceRecordings | None = None
        """What its memory card has; None is a device without one."""
        self.documents = self._documents()
        self.writes: list[str] = []
        self.test_delivers = True
        self._certificate = certificate
        self._picture = picture
        self._nonces: set[str] = set()
        self._streams: set[_Stream] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._ending: asyncio.Event | None = None
        self._ready = threading.Event()
        self._changed = threading.Condition()
        self._listening = True

    # --- its life ----------------------------------------------------------------

    def start(self) -> None:
        """Listen."""
        self._ready.clear()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(10), "the device does not listen"

    def stop(self) -> None:
        """Vanish from the network."""
        if self._thread is None or self._loop is None or self._ending is None:
            return
        self._loop.call_soon_threadsafe(self._ending.set)
        self._thread.join(10)
        self._thread = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ending = asyncio.Event()
        application = web.Application(client_max_size=1 << 20)
        application.router.add_route("*", "/{path:.*}", self._answer)
        context = None
        if self._certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self._certificate)
        async with web_server(application, self.host, self.port, context) as self.port:
            self._ready.set()
            await self._ending.wait()
            self.drop_streams()

    def drop_streams(self) -> None:
        """Close every event stream, as a reboot does."""
        assert self._loop is not None

        def drop() -> None:
            for stream in self._streams:
                stream.queue.put_nowait(None)

        self._loop.call_soon_threadsafe(drop)

    @property
    def listeners(self) -> int:
        """How many clients listen to events now."""
        return len(self._streams)

    def wait_for(self, condition: Callable[[], bool], seconds: float = 10) -> None:
        """Wait until something that requests change is so."""
        with self._changed:
            assert self._changed.wait_for(condition, seconds), "it did not happen"

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()

    # --- its events --------------------------------------------------------------

    def send_event(
        self,
        event: str = "VMD",
        *,
        state: str = "active",
        channel: int = 1,
        region: str | None = None,
        plate: str | None = None,
        extra: str = "",
    ) -> None:
        """Tell every listener of an event."""
        self.send_part(
            self.event_xml(
                event,
                state=state,
                channel=channel,
                region=region,
                plate=plate,
                extra=extra,
            )
        )

    def event_xml(
        self,
        event: str,
        *,
        state: str = "active",
        channel: int = 1,
        region: str | None = None,
        plate: str | None = None,
        extra: str = "",
    ) -> bytes:
        """Return the document of an event."""
        regions = (
            f"<DetectionRegionList><DetectionRegionEntry><regionID>{region}</regionID>"
            "</DetectionRegionEntry></DetectionRegionList>"
            if region
            else ""
        )
        if plate:
            regions += f"<ANPR><licensePlate>{plate}</licensePlate></ANPR>"
        return (
            f'<EventNotificationAlert version="2.0" xmlns="{self.profile.namespace}">'
            f"<ipAddress>{self.address}</ipAddress><portNo>80</portNo>"
            f"<protocol>HTTP</protocol><macAddress>{self.mac}</macAddress>"
            f"<channelID>{channel}</channelID><dateTime>{self.now().isoformat()}</dateTime>"
            f"<activePostCount>1</activePostCount><eventType>{event}</eventType>"
            f"<eventState>{state}</eventState><eventDescription>alarm</eventDescription>"
            f"{regions}{extra}</EventNotificationAlert>"
        ).encode()

    def send_part(self, content: bytes, kind: str = "application/xml") -> None:
        """Send any part to every listener."""
        part = (
            f"--{BOUNDARY}\r\nContent-Type: {kind}\r\n"
            f"Content-Length: {len(content)}\r\n\r\n"
        ).encode() + content
        self.send_raw(part + b"\r\n")

    def send_raw(self, content: bytes) -> None:
        """Send bytes to every listener."""
        assert self._loop is not None

        def send() -> None:
            for stream in self._streams:
                stream.queue.put_nowait(content)

        self._loop.call_soon_threadsafe(send)

    def now(self) -> datetime:
        """Tell the time by the device's clock."""
        return datetime.now(timezone(timedelta(hours=1))) + self.clock_offset

    # --- its deliveries ----------------------------------------------------------

    def delivery(self) -> dict[str, str]:
        """Return where and how it delivers, by the names of ISAPI."""
        root = ET.fromstring(self.documents["/ISAPI/System/Network/ftp/1"])
        return {
            one.tag.rpartition("}")[2]: one.text or ""
            for one in root.iter()
            if one.text
        }

    def deliver(self, name: str, content: bytes) -> Upload:
        """Deliver a file as it was told to; remembers how that went."""
        upload = Upload(name=name)
        assert self._loop is not None
        # In a thread of its own, which has the device's place in the network.
        delivered = asyncio.run_coroutine_threadsafe(
            asyncio.to_thread(self._deliver, self.delivery(), name, content),
            self._loop,
        )
        try:
            delivered.result(60)
        except (OSError, ftplib.Error, EOFError) as err:
            upload.error = str(err) or type(err).__name__
        self.uploads.append(upload)
        self._notify()
        return upload

    def detect(self, event: str = "MOTION_DETECTION", *, channel: int = 1) -> Upload:
        """Deliver a picture of an event."""
        name = hikvision_name(self.address, self.now(), event, channel=channel)
        return self.deliver(name, self._picture())

    def _deliver(self, target: dict[str, str], name: str, content: bytes) -> None:
        host, port = target["ipAddress"], int(target["portNo"])
        if target.get("uploadProtocolType", "FTP").upper() == "SFTP":
            _deliver_by_sftp(host, port, target, name, content)
            return
        if target.get("useSSL") == "true":
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            with ftplib.FTP_TLS(context=context, timeout=10) as ftps:
                ftps.connect(host, port)
                ftps.login(target["userName"], target["password"])
                ftps.prot_p()
                ftps.storbinary(f"STOR {name}", BytesIO(content))
            return
        with ftplib.FTP(timeout=10) as ftp:
            ftp.connect(host, port)
            ftp.login(target["userName"], target["password"])
            ftp.storbinary(f"STOR {name}", BytesIO(content))

    # --- its web server ----------------------------------------------------------

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        path = "/" + request.match_info["path"]
        refused = self._check_login(request)
        if refused is not None:
            return refused
        self.requests.append((request.method, path))
        self._notify()
        if path in self.forbidden_paths:
            return self._status(403, 4, "Invalid Operation", "lowPrivilege")
        if path == "/simulator/event":
            # Not of any device: how another process makes it see something.
            self.send_event(request.query["event"])
            return web.Response()
        if path == "/simulator/deliver":
            # The same for an upload.
            upload = await asyncio.to_thread(self.detect)
            return self._xml(f"<Upload>{'' if upload.error else 'delivered'}</Upload>")
        if path.endswith("alertStream"):
            return await self._stream(request)
        if self.misbehaviour is not Misbehaviour.NONE:
            bad = await self._misbehave(request, path)
            if bad is not None:
                return bad
        if path.endswith("/picture"):
            return web.Response(body=self._picture(), content_type="image/jpeg")
        if request.method == "PUT":
            return await self._put(request, path)
        if request.method == "POST" and path == "/ISAPI/System/Network/ftp/test":
            return await self._test(request)
        if path == SEARCH_PATH and self.recordings is not None:
            return await self.recordings.answer(request, self.profile.namespace)
        if request.method == "GET" and path in self.documents:
            if path == "/ISAPI/System/time":
                self._tell_time()
            return self._xml(self.documents[path])
        return self._status(404, 4, "Invalid Operation", "notSupport")

    def _check_login(self, request: web.Request) -> web.Response | None:
        header = request.headers.get("Authorization", "")
        if self.profile.locks_after and self.failed_logins >= self.profile.locks_after:
            return self._unauthorized(locked=True)
        if header.startswith("Digest "):
            fields = {
                key: quoted or plain
                for key, quoted, plain in re.findall(
                    r'(\w+)=(?:"((?:[^"\\]|\\.)*)"|([^,\s]+))', header
                )
            }
            if fields.get("nonce") in self._nonces:
                if self._proves(fields, request.method):
                    self.failed_logins = 0
                    return None
                self.failed_logins += 1
                self._notify()
        elif header:
            raise AssertionError("the password was told in clear")
        return self._unauthorized()

    def _proves(self, fields: dict[str, str], method: str) -> bool:
        algorithm = fields.get("algorithm", "MD5").upper()
        if algorithm not in self.profile.algorithms:
            return False
        function = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}[algorithm]

        def digest(text: str) -> str:
            return function(text.encode()).hexdigest()

        username = fields["username"].replace('\\"', '"').replace("\\\\", "\\")
        first = digest(f"{username}:{fields['realm']}:{self.password}")
        second = digest(f"{method}:{fields['uri']}")
        proof = digest(
            f"{first}:{fields['nonce']}:{fields['nc']}:{fields['cnonce']}"
            f":{fields['qop']}:{second}"
        )
        return username == self.username and secrets.compare_digest(
            proof, fields["response"]
        )

    def _unauthorized(self, *, locked: bool = False) -> web.Response:
        body = (
            f'<userCheck xmlns="{self.profile.namespace}"><statusValue>401</statusValue>'
            "<statusString>Unauthorized</statusString>"
            f"<lockStatus>{'lock' if locked else 'unlock'}</lockStatus>"
            f"<unlockTime>{1800 if locked else 0}</unlockTime></userCheck>"
        )
        response = web.Response(status=401, text=body, content_type="application/xml")
        nonce = secrets.token_hex(16)
        self._nonces.add(nonce)
        if self.profile.offers_basic:
            response.headers.add("WWW-Authenticate", 'Basic realm="IP Camera"')
        for algorithm in self.profile.algorithms:
            algorithm_field = "" if algorithm == "MD5" else f", algorithm={algorithm}"
            response.headers.add(
                "WWW-Authenticate",
                f'Digest qop="auth", realm="IP Camera({self.serial[-5:]})", '
                f'nonce="{nonce}", stale="FALSE"{algorithm_field}',
            )
        return response

    async def _misbehave(
        self, request: web.Request, path: str
    ) -> web.StreamResponse | None:
        good = self.documents.get(path, "<a/>").encode()
        match self.misbehaviour:
            case Misbehaviour.SLOW:
                response = web.StreamResponse(headers={"Content-Length": "1000"})
                await response.prepare(request)
                await response.write(good[:10])
                assert self._ending is not None
                await self._ending.wait()
                return response
            case Misbehaviour.TRUNCATED:
                response = web.StreamResponse(
                    headers={"Content-Length": str(len(good))}
                )
                await response.prepare(request)
                await response.write(good[: len(good) // 2])
                assert request.transport is not None
                request.transport.close()
                return response
            case Misbehaviour.WRONG_CONTENT_TYPE:
                if path in self.documents and request.method == "GET":
                    return web.Response(body=good, content_type="image/jpeg")
            case Misbehaviour.WEB_PAGE:
                return web.Response(
                    text="<!DOCTYPE html><html><body>Hello</body></html>",
                    content_type="text/html",
                )
            case Misbehaviour.REDIRECT:
                raise web.HTTPFound(f"https://{request.host}{path}")
            case Misbehaviour.ELSEWHERE:
                raise web.HTTPFound("/ISAPI/System/time")
            case Misbehaviour.ENDLESS:
                response = web.StreamResponse()
                await response.prepare(request)
                try:
                    await response.write(b"<DeviceInfo>")
                    while True:
                        await response.write(b"<a></a>" * 4096)
                except ConnectionError:
                    return response
            case Misbehaviour.ENTITIES:
                return web.Response(
                    text='<!DOCTYPE a [<!ENTITY b "bbbbbbbb">]><DeviceInfo>&b;</DeviceInfo>',
                    content_type="application/xml",
                )
            case Misbehaviour.BUSY:
                if len(self.requests) % 2:
                    return self._status(503, 2, "Device Busy", "deviceBusy")
        return None

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(
            headers={"Content-Type": f"multipart/mixed; boundary={BOUNDARY}"}
        )
        await response.prepare(request)
        stream = _Stream()
        self._streams.add(stream)
        self._notify()
        try:
            while True:
                try:
                    async with asyncio.timeout(self.heartbeat):
                        content = await stream.queue.get()
                except TimeoutError:
                    if self.heartbeat < 60:
                        beat = self.event_xml("videoloss", state="inactive")
                        await response.write(
                            (
                                f"--{BOUNDARY}\r\nContent-Type: application/xml; "
                                f'charset="UTF-8"\r\nContent-Length: {len(beat)}\r\n\r\n'
                            ).encode()
                            + beat
                            + b"\r\n"
                        )
                    continue
                if content is None:
                    break
                await response.write(content)
        except ConnectionError:
            pass
        finally:
            self._streams.discard(stream)
            self._notify()
        if request.transport is not None:
            request.transport.close()
        return response

    async def _put(self, request: web.Request, path: str) -> web.Response:
        body = (await request.read()).decode()
        if path == "/ISAPI/System/reboot":
            self.reboots += 1
            self.drop_streams()
            return self._status(200, 7, "Reboot Required", "rebootRequired")
        if path not in self.documents:
            return self._status(404, 4, "Invalid Operation", "notSupport")
        if path in self.refused_paths:
            return self._status(400, 6, "Invalid Content", "badParameters")
        if path in self.lost_paths:
            return self._hang_up(request)
        root = ET.fromstring(body)
        if path.startswith("/ISAPI/System/Network/ftp"):
            self._keep_password(path, root)
        self.documents[path] = ET.tostring(root, encoding="unicode")
        if path.startswith(f"{_TRIGGERS}/"):
            self._list_trigger(root)
        self.writes.append(path)
        self._notify()
        if path in self.cut_paths:
            return self._hang_up(request)
        return self._status(200, 1, "OK", "ok")

    @staticmethod
    def _hang_up(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    def _list_trigger(self, changed: ET.Element) -> None:
        """Show a trigger's change in the list of all, too."""
        listed = ET.fromstring(self.documents[_TRIGGERS])
        name = f"{{{self.profile.namespace}}}id"
        for group in listed.iter(f"{{{self.profile.namespace}}}EventTriggerList"):
            for number, one in enumerate(group):
                if one.findtext(name) == changed.findtext(name):
                    group[number] = changed
        self.documents[_TRIGGERS] = ET.tostring(listed, encoding="unicode")

    def _keep_password(self, path: str, root: ET.Element) -> None:
        """A device keeps the password that it has when it is given none."""
        if any(one.tag.endswith("}password") for one in root.iter()):
            return
        namespace = root.tag.rpartition("}")[0] + "}"
        old = ET.fromstring(self.documents[path]).find(f"{namespace}password")
        if old is not None:
            ET.SubElement(root, f"{namespace}password").text = old.text

    async def _test(self, request: web.Request) -> web.Response:
        if not self.profile.ftp_test:
            return self._status(404, 4, "Invalid Operation", "notSupport")
        root = ET.fromstring(await request.read())
        target = {
            one.tag.rpartition("}")[2]: one.text or ""
            for one in root.iter()
            if one.text
        }
        error = ""
        if self.test_delivers:
            try:
                await asyncio.to_thread(self._deliver, target, "test.txt", b"test")
            except (OSError, ftplib.Error, EOFError) as err:
                error = str(err) or type(err).__name__
        return self._xml(
            f'<FTPTestResult xmlns="{self.profile.namespace}">'
            f"<errorCode>{9 if error else 0}</errorCode>"
            f"<errorDescription>{'failed' if error else 'ok'}</errorDescription>"
            "</FTPTestResult>"
        )

    def _tell_time(self) -> None:
        root = ET.fromstring(self.documents["/ISAPI/System/time"])
        namespace = f"{{{self.profile.namespace}}}"
        told = self.now().replace(microsecond=0)
        local = root.find(f"{namespace}localTime")
        assert local is not None
        local.text = (
            told if self.tells_zone else told.replace(tzinfo=None)
        ).isoformat()
        ET.register_namespace("", self.profile.namespace)
        self.documents["/ISAPI/System/time"] = ET.tostring(root, encoding="unicode")

    def _xml(self, text: str) -> web.Response:
        # Passwords are never told.
        text = re.sub(r"<((?:\w+:)?password)>[^<]*</\1>", "", text)
        return web.Response(
            text=f'<?xml version="1.0" encoding="UTF-8"?>\n{text}',
            content_type="application/xml",
        )

    def _status(self, http: int, code: int, word: str, detail: str) -> web.Response:
        return web.Response(
            status=http,
            text=f'<ResponseStatus xmlns="{self.profile.namespace}">'
            f"<statusCode>{code}</statusCode><statusString>{word}</statusString>"
            f"<subStatusCode>{detail}</subStatusCode></ResponseStatus>",
            content_type="application/xml",
        )

    # --- its documents -----------------------------------------------------------

    def _documents(self) -> dict[str, str]:
        profile = self.profile
        ns = f'version="2.0" xmlns="{profile.namespace}"'
        documents = {
            "/ISAPI/System/deviceInfo": (
                f"<DeviceInfo {ns}><deviceName>{self.name}</deviceName>"
                f"<deviceID>88</deviceID><model>{profile.model}</model>"
                f"<serialNumber>{self.serial}</serialNumber>"
                f"<macAddress>{self.mac}</macAddress>"
                f"<firmwareVersion>{profile.firmware}</firmwareVersion>"
                "<firmwareReleasedDate>build 220112</firmwareReleasedDate>"
                f"<deviceType>{profile.kind}</deviceType></DeviceInfo>"
            ),
            "/ISAPI/System/capabilities": self._capabilities(ns),
            "/ISAPI/System/time": (
                f"<Time {ns}><timeMode>manual</timeMode>"
                "<localTime>2026-11-22T12:00:00+01:00</localTime>"
                "<timeZone>CST-8:00:00</timeZone><vendorField>kept</vendorField></Time>"
            ),
            "/ISAPI/System/time/ntpServers/1": (
                f"<NTPServer {ns}><id>1</id>"
                "<addressingFormatType>hostname</addressingFormatType>"
                "<hostName>time.example</hostName><portNo>123</portNo>"
                "<synchronizeInterval>1440</synchronizeInterval></NTPServer>"
            ),
            "/ISAPI/ContentMgmt/Storage": (
                f"<storage {ns}><hddList><hdd><id>1</id><hddName>hdd1</hddName>"
                "<status>ok</status><capacity>119000</capacity></hdd></hddList></storage>"
            ),
            "/ISAPI/Event/notification/httpHosts": (
                f"<HttpHostNotificationList {ns}><HttpHostNotification><id>1</id>"
                "<ipAddress>192.0.2.99</ipAddress></HttpHostNotification>"
                "</HttpHostNotificationList>"
            ),
            "/ISAPI/System/reboot": "",
        }
        streams = "".join(
            f"<StreamingChannel><id>{channel}{stream:02}</id></StreamingChannel>"
            for channel in range(1, profile.channels + 1)
            for stream in (1, 2)
        )
        documents["/ISAPI/Streaming/channels"] = (
            f"<StreamingChannelList {ns}>{streams}</StreamingChannelList>"
        )
        if profile.is_recorder:
            proxies = "".join(
                f"<InputProxyChannel><id>{number}</id><name>Camera {number:02}</name>"
                "</InputProxyChannel>"
                for number in range(1, profile.channels + 1)
            )
            documents["/ISAPI/ContentMgmt/InputProxy/channels"] = (
                f"<InputProxyChannelList {ns}>{proxies}</InputProxyChannelList>"
            )
        else:
            documents["/ISAPI/System/Video/inputs/channels"] = (
                f"<VideoInputChannelList {ns}><VideoInputChannel><id>1</id>"
                "<name>Camera 01</name></VideoInputChannel></VideoInputChannelList>"
            )
        if profile.protocols:
            documents |= self._delivery_documents(ns)
        documents |= self._event_documents(ns)
        return documents

    def _capabilities(self, ns: str) -> str:
        profile = self.profile
        test = (
            ""
            if profile.ftp_test is None
            else f"<TestCap><isSupportFTPTest>{str(profile.ftp_test).lower()}"
            "</isSupportFTPTest></TestCap>"
        )
        ftp = str(bool(profile.protocols)).lower()
        return (
            f"<DeviceCap {ns}><SysCap><isSupportDst>true</isSupportDst></SysCap>"
            f"<NetworkCap><isSupportFtp>{ftp}</isSupportFtp></NetworkCap>{test}</DeviceCap>"
        )

    def _delivery_documents(self, ns: str) -> dict[str, str]:
        profile = self.profile
        fields = (
            "<id>1</id><enabled>false</enabled>"
            "<addressingFormatType>ipaddress</addressingFormatType>"
            "<ipAddress>0.0.0.0</ipAddress><portNo>21</portNo><userName/>"
            "<annoyftp>false</annoyftp><uploadPicture>false</uploadPicture>"
            "<uploadPath><pathDepth>0</pathDepth><topDirNameRule>devName</topDirNameRule>"
            "<topDirName/></uploadPath><vendorField>kept</vendorField>"
        )
        options = ""
        if "SFTP" in profile.protocols:
            fields += "<uploadProtocolType>FTP</uploadProtocolType>"
            listed = ",".join(profile.protocols)
            options += f'<uploadProtocolType opt="{listed}">FTP</uploadProtocolType>'
        if profile.ftps:
            fields += "<useSSL>false</useSSL>"
            options += '<useSSL opt="true,false">false</useSSL>'
        documents = {
            "/ISAPI/System/Network/ftp": (
                f"<FTPNotificationList {ns}><FTPNotification>{fields}</FTPNotification>"
                "</FTPNotificationList>"
            ),
            "/ISAPI/System/Network/ftp/1": (
                f"<FTPNotification {ns}>{fields}</FTPNotification>"
            ),
        }
        if profile.ftp_test is not None:
            documents["/ISAPI/System/Network/ftp/capabilities"] = (
                f"<FTPNotificationList {ns}><FTPNotification>{options}"
                "</FTPNotification></FTPNotificationList>"
            )
        return documents

    def _event_documents(self, ns: str) -> dict[str, str]:
        documents: dict[str, str] = {}
        triggers = ""
        for channel in range(1, self.profile.channels + 1):
            for event in self.profile.events:
                fields = (
                    f"<id>{event}-{channel}</id><eventType>{event}</eventType>"
                    "<eventDescription>event</eventDescription>"
                    f"<videoInputChannelID>{channel}</videoInputChannelID>"
                    "<EventTriggerNotificationList><EventTriggerNotification>"
                    "<id>center</id><notificationMethod>center</notificationMethod>"
                    "<notificationRecurrence>beginning</notificationRecurrence>"
                    "</EventTriggerNotification></EventTriggerNotificationList>"
                )
                triggers += f"<EventTrigger>{fields}</EventTrigger>"
                documents[f"/ISAPI/Event/triggers/{event}-{channel}"] = (
                    f"<EventTrigger {ns}>{fields}</EventTrigger>"
                )
            documents |= {
                f"/ISAPI/System/Video/inputs/channels/{channel}/motionDetection": (
                    f"<MotionDetection {ns}><enabled>true</enabled>"
                    "<samplingInterval>2</samplingInterval></MotionDetection>"
                ),
                f"/ISAPI/Snapshot/channels/{channel}": (
                    f"<SnapshotChannel {ns}><id>{channel}</id>"
                    "<timingCapture><enabled>false</enabled></timingCapture>"
                    "<eventCapture><enabled>false</enabled><compress>"
                    "<pictureCodecType>JPEG</pictureCodecType><quality>80</quality>"
                    "<captureInterval>5000</captureInterval>"
                    "<captureNumber>1</captureNumber></compress></eventCapture>"
                    "</SnapshotChannel>"
                ),
                f"/ISAPI/Event/schedules/motionDetections/VMD_video{channel}": (
                    f"<Schedule {ns}><id>VMD_video{channel}</id><eventType>VMD</eventType>"
                    "<TimeBlockList><TimeBlock><dayOfWeek>1</dayOfWeek><TimeRange>"
                    "<beginTime>08:00</beginTime><endTime>18:00</endTime></TimeRange>"
                    "</TimeBlock></TimeBlockList></Schedule>"
                ),
            }
        documents["/ISAPI/Event/triggers"] = (
            f"<EventNotification {ns}><EventTriggerList>{triggers}</EventTriggerList>"
            "</EventNotification>"
        )
        return documents


def _deliver_by_sftp(
    host: str, port: int, target: dict[str, str], name: str, content: bytes
) -> None:
    """Deliver by SFTP, without a check of the host's key, as cameras do."""
    import asyncssh

    async def deliver() -> None:
        async with (
            asyncssh.connect(
                host,
                port,
                username=target["userName"],
                password=target["password"],
                known_hosts=None,
            ) as connection,
            connection.start_sftp_client() as client,
            client.open(name, "wb") as file,
        ):
            await file.write(content)

    try:
        asyncio.run(deliver())
    except asyncssh.Error as err:
        raise OSError(str(err)) from err
