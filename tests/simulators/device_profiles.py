"""Devices to simulate: what each kind says of itself and can do.

The shapes are those of recordings that were published; names and numbers are made up.
"""

from dataclasses import dataclass
from enum import StrEnum

VER20 = "http://www.hikvision.com/ver20/XMLSchema"
ISAPI_ORG = "http://www.isapi.org/ver20/XMLSchema"
STD_CGI = "http://www.std-cgi.com/ver20/XMLSchema"


class Misbehaviour(StrEnum):
    """What a bad device does with each answer."""

    NONE = "none"
    SLOW = "slow"
    """Never finishes."""
    TRUNCATED = "truncated"
    """Closes in the middle."""
    WRONG_CONTENT_TYPE = "wrong_content_type"
    """Good XML, said to be a picture."""
    WEB_PAGE = "web_page"
    ENDLESS = "endless"
    """XML without an end."""
    ENTITIES = "entities"
    """A small document that would become a huge one."""
    REDIRECT = "redirect"
    """Sends everybody to its HTTPS page."""
    ELSEWHERE = "elsewhere"
    """Sends everybody to another page."""
    BUSY = "busy"
    """503 to every second request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What a device is. ``protocols`` are those of its deliveries."""

    model: str = "DS-2CD2146G2-ISU"
    kind: str = "IPCamera"
    firmware: str = "V5.7.3"
    namespace: str = ISAPI_ORG
    algorithms: tuple[str, ...] = ("MD5",)
    offers_basic: bool = True
    protocols: tuple[str, ...] = ("FTP",)
    ftps: bool = False
    ftp_test: bool | None = True
    """None leaves the ability out of the capabilities."""
    channels: int = 1
    locks_after: int | None = None
    misbehaviour: Misbehaviour = Misbehaviour.NONE
    events: tuple[str, ...] = ("VMD", "linedetection", "fielddetection")
    https: bool = False

    @property
    def is_recorder(self) -> bool:
        """Whether it records other cameras."""
        return self.kind == "NVR"


PLAIN_FTP = Profile()
SFTP = Profile(model="DS-2CD2387G2-LU", firmware="V5.8.1", protocols=("FTP", "SFTP"))
FTPS = Profile(model="DS-2TD2117-6", firmware="V5.5.30", ftps=True)
SHA256 = Profile(
    model="DS-2CD2346G2-I",
    firmware="V5.8.0",
    algorithms=("SHA-256",),
    offers_basic=False,
)
OLD = Profile(
    model="DS-2CD2032-I",
    firmware="V5.2.0",
    namespace=VER20,
    ftp_test=None,
    events=("VMD",),
)
RECORDER = Profile(
    model="DS-7608NXI-I2",
    kind="NVR",
    firmware="V4.62.210",
    protocols=(),
    ftp_test=None,
    channels=8,
    namespace=ISAPI_ORG,
)
LOCKING = Profile(model="DS-2CD2143G2-I", locks_after=5)
BAD = Profile(model="DS-2CD1021-I", misbehaviour=Misbehaviour.TRUNCATED)
