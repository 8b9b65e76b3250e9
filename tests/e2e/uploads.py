"""Real pictures with real Hikvision names, and independent clients that upload them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from io import BytesIO
from itertools import count
from pathlib import Path
import subprocess
from typing import Any
from zoneinfo import ZoneInfo

from tests.simulators.camera import (
    MOTION,
    UploadAccount,
    ftps_session,
    hikvision_name,
)
from tests.simulators.scene import Scene

ADDRESS = "192.0.2.64"
_SCENES = {
    "Front door": Scene("Front door", "front_door"),
    "Driveway": Scene("Driveway", "driveway"),
}
# Far enough apart to be detections of their own.
_STEP = timedelta(minutes=2)
_moments = count()


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as a camera took it."""

    name: str
    content: bytes
    taken: datetime

    @property
    def sha256(self) -> str:
        """Return its fingerprint."""
        return sha256(self.content).hexdigest()

    def key(self, camera: str) -> str:
        """Return where it belongs in the bucket."""
        return f"{camera}/{self.taken:%Y-%m-%d}/{self.name}"


@dataclass(frozen=True, slots=True)
class Uploader:
    """One camera's side of the demo: its clock, its scene and its upload account."""

    camera: str
    account: UploadAccount
    time_zone: ZoneInfo
    started: datetime

    @classmethod
    def of(cls, endpoints: dict[str, Any], camera: str, time_zone: str) -> Uploader:
        """Make the uploader of one of the demo's cameras."""
        ftp = endpoints["ftp"]
        account = next(found for found in ftp["cameras"] if found["name"] == camera)
        zone = ZoneInfo(time_zone)
        return cls(
            camera,
            UploadAccount(
                host=ftp["host"],
                port=ftp["port"],
                username=account["username"],
                password=account["password"],
            ),
            zone,
            datetime.now(zone),
        )

    def picture(self, event: str = MOTION, taken: datetime | None = None) -> Picture:
        """Take a picture, two minutes after the one before unless told when."""
        if taken is None:
            taken = self.started - timedelta(hours=2) + _STEP * next(_moments)
        taken = taken.replace(microsecond=taken.microsecond // 1000 * 1000)
        content = _SCENES[self.camera].snapshot(taken, 0.4)
        return Picture(hikvision_name(ADDRESS, taken, event), content, taken)

    def by_ftplib(self, *pictures: Picture, folder: str = "") -> None:
        """Upload with Python's own client, all in one session."""
        with ftps_session(self.account) as ftp:
            if folder:
                ftp.mkd(folder)
                ftp.cwd(folder)
            for picture in pictures:
                answer = ftp.storbinary(
                    f"STOR {picture.name}", BytesIO(picture.content)
                )
                assert answer.startswith("226"), answer

    def by_curl(self, picture: Picture, folder: Path, *options: str) -> int:
        """Upload with curl, into a folder as cameras make them; returns its exit code."""
        file = folder / picture.name
        file.write_bytes(picture.content)
        account = self.account
        return subprocess.run(
            [
                *("curl", "--silent", "--show-error", "--max-time", "30"),
                *(options or ("--ssl-reqd", "--insecure", "--ftp-create-dirs")),
                *("--user", f"{account.username}:{account.password}"),
                *("--upload-file", file),
                f"ftp://{account.host}:{account.port}/IPCamera/{picture.name}",
            ],
            check=False,
        ).returncode
