"""A Hikvision camera as the receiver sees it: it uploads pictures by FTPS."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, tzinfo
from ftplib import FTP_TLS, error_perm
from io import BytesIO
import ssl
import time

from .scene import Scene

MOTION = "MOTION_DETECTION"
LINE_CROSSING = "LINE_DETECTION"
TIMING = "TIMING"
"""A picture on a schedule, without a detection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadAccount:
    """Where a camera uploads to, and as whom."""

    host: str
    port: int
    username: str
    password: str


def hikvision_name(
    address: str, when: datetime, event: str, *, channel: int = 1
) -> str:
    """Name a picture as the firmware does: address, channel, local time, event."""
    stamp = f"{when:%Y%m%d%H%M%S}{when.microsecond // 1000:03}"
    return f"{address}_{channel:02}_{stamp}_{event}.jpg"


@contextmanager
def ftps_session(account: UploadAccount) -> Iterator[FTP_TLS]:
    """Log in as cameras do: explicit TLS, no check of the certificate, PROT P."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with FTP_TLS(context=context, timeout=15) as ftp:
        ftp.connect(account.host, account.port)
        ftp.login(account.username, account.password)
        ftp.prot_p()
        yield ftp


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedCamera:
    """One camera. ``address`` is only what it writes into its file names."""

    name: str
    scene: Scene
    address: str
    account: UploadAccount
    time_zone: tzinfo

    def detect(
        self,
        event: str = MOTION,
        *,
        pictures: int = 3,
        interval: float = 0.8,
        wait: Callable[[float], object] = time.sleep,
    ) -> list[tuple[str, bytes]]:
        """Upload the pictures of one detection; returns their names and bytes."""
        sent = []
        with ftps_session(self.account) as ftp:
            self._enter_folder(ftp)
            for number in range(pictures):
                if number:
                    wait(interval)
                now = datetime.now(self.time_zone)
                progress = None if event == TIMING else 0.3 + 0.15 * number
                name = hikvision_name(self.address, now, event)
                content = self.scene.snapshot(now, progress)
                ftp.storbinary(f"STOR {name}", BytesIO(content))
                sent.append((name, content))
        return sent

    def _enter_folder(self, ftp: FTP_TLS) -> None:
        """Make the folder of this camera if it is missing, as firmware does."""
        # It may be there from the last upload.
        with suppress(error_perm):
            ftp.mkd(self.name)
        ftp.cwd(self.name)
