"""What an attacker in the house's network tries first."""

from ftplib import FTP, FTP_TLS, error_perm
from io import BytesIO
from pathlib import Path
import ssl

import pytest

from .bucket import Bucket
from .conftest import CameraUnderTest
from .demo import Demo
from .home_assistant import HomeAssistant

CURL_LOGIN_DENIED = 67


def _unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def test_plain_text_login_is_refused(front_door: CameraUnderTest) -> None:
    """The right password in clear text does not get in."""
    account = front_door.uploader.account
    with FTP(timeout=15) as ftp:
        ftp.connect(account.host, account.port)
        with pytest.raises(error_perm, match=r"^530"):
            ftp.login(account.username, account.password)


def test_plain_text_login_is_refused_to_curl(
    front_door: CameraUnderTest, tmp_path: Path
) -> None:
    """Nor does it for curl."""
    uploader = front_door.uploader
    code = uploader.by_curl(uploader.picture(), tmp_path, "--ftp-create-dirs")
    assert code == CURL_LOGIN_DENIED


@pytest.mark.parametrize(
    ("username", "password"),
    [("front_door", "wrong"), ("nobody", "Fr0nt-door-7421"), ("front_door", "")],
)
def test_wrong_login_is_refused(
    front_door: CameraUnderTest, username: str, password: str
) -> None:
    """A wrong password and an unknown name get the same answer."""
    account = front_door.uploader.account
    with FTP_TLS(context=_unverified(), timeout=15) as ftp:
        ftp.connect(account.host, account.port)
        with pytest.raises(error_perm, match=r"^530"):
            ftp.login(username, password)


@pytest.mark.parametrize(
    "path",
    [
        "../../../../{name}",
        "/../../{name}",
        "..\\..\\{name}",
        "/etc/{name}",
        "../driveway/{name}",
    ],
)
def test_path_stays_inside(
    path: str,
    demo: Demo,
    home_assistant: HomeAssistant,
    bucket: Bucket,
    front_door: CameraUnderTest,
) -> None:
    """Wherever a path points to, the file ends up in its camera's folder, or nowhere."""
    uploader = front_door.uploader
    picture = uploader.picture()
    account = uploader.account
    with (
        home_assistant.listen() as events,
        FTP_TLS(context=_unverified(), timeout=15) as ftp,
    ):
        ftp.connect(account.host, account.port)
        ftp.login(account.username, account.password)
        ftp.prot_p()
        target = path.format(name=picture.name)
        answer = ftp.storbinary(f"STOR {target}", BytesIO(picture.content))
        assert answer.startswith("226")
        assert events.detection_of(picture.name)["camera"] == "Front door"
    assert bucket.wait_for(picture.key("Front door")) == picture.sha256
    found = list(demo.state.rglob(f"*{picture.name}"))
    root = demo.state / "config" / "media" / "hikvision_nvr"
    assert found == [root / picture.key("Front door")]
    assert not Path("/etc", picture.name).exists()
    assert not Path("/", picture.name).exists()


def test_secrets_are_not_logged(demo: Demo) -> None:
    """Neither passwords nor keys are in Home Assistant's log, or in an entity."""
    found = demo.endpoints
    secrets = [camera["password"] for camera in found["ftp"]["cameras"]]
    secrets += [found["s3"]["secret_access_key"], "Pa:ss@1/#", "Pa%3Ass%401%2F%23"]
    home_assistant = HomeAssistant(found["ha"]["url"], found["ha"]["token"])
    shown = home_assistant.get("/api/states").text
    for secret in secrets:
        assert secret not in demo.log
        assert secret not in shown
