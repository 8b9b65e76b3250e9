"""Programs that speak FTP, and the dialogues that cameras are known to have."""

import ftplib
import io
from pathlib import Path
import shutil
import socket
import subprocess

import pytest

from custom_components.hikvision_nvr.model import Security

from .conftest import (
    HOST,
    JPEG,
    PASSWORD,
    USERNAME,
    MakeSite,
    Site,
    a_camera,
    client_context,
    login,
    run,
)

NAME = "10.55.48.12_01_20251119124208101_MOTION_DETECTION.jpg"
PLACE = f"front/2025-11-19/{NAME}"


def call(*command: str) -> str:
    """Run a program and return what it says; an error is the test's (blocking)."""
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / NAME
    path.write_bytes(JPEG)
    return path


@pytest.mark.parametrize("version", ["--tlsv1.3", "--tls-max=1.2"])
async def test_curl(site: Site, picture: Path, version: str) -> None:
    option, _, value = version.partition("=")
    await run(
        lambda: call(
            "curl",
            "--silent",
            "--show-error",
            "--ssl-reqd",
            "--insecure",
            *([option, value] if value else [option]),
            *("--user", f"{USERNAME}:{PASSWORD}"),
            "--ftp-create-dirs",
            *("--upload-file", str(picture)),
            f"ftp://{HOST}:{site.port}/new/folder/",
        )
    )
    assert site.files() == {PLACE: JPEG}


async def test_curl_without_tls_is_refused(site: Site, picture: Path) -> None:
    done = await run(
        lambda: subprocess.run(
            [
                "curl",
                "--silent",
                *("--user", f"{USERNAME}:{PASSWORD}"),
                *("--upload-file", str(picture)),
                f"ftp://{HOST}:{site.port}/",
            ],
            timeout=60,
            check=False,
        )
    )
    assert done.returncode == 67
    assert site.files() == {}


def lftp(site: Site, script: str) -> str:
    return call(
        "lftp",
        "--norc",
        "-e",
        "set ftp:ssl-force true; set ftp:ssl-protect-data true;"
        " set ssl:verify-certificate no; set net:max-retries 1; set net:timeout 10;"
        " set cmd:fail-exit true;"
        f" open -u {USERNAME},{PASSWORD} -p {site.port} ftp://{HOST};"
        f" {script}; exit",
    )


async def test_lftp_puts_and_lists(site: Site, picture: Path) -> None:
    listing = await run(
        lambda: lftp(site, f"mkdir -p a/b; cd a/b; put {picture}; ls; cls -s")
    )
    assert site.files() == {PLACE: JPEG}
    assert NAME in listing


async def test_lftp_mirrors_a_folder(site: Site, tmp_path: Path) -> None:
    folder = tmp_path / "sd-card"
    for day in ("2025-11-18", "2025-11-19"):
        for shot in range(3):
            path = (
                folder / day / f"10.0.0.9_01_{day.replace('-', '')}12000{shot}000.jpg"
            )
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(JPEG + bytes([shot]))
    await run(lambda: lftp(site, f"mirror --reverse --parallel=2 {folder} /sd"))
    expected = {
        f"front/{path.parent.name}/{path.name}": path.read_bytes()
        for path in folder.rglob("*.jpg")
    }
    assert site.files() == expected


async def test_busybox_ftpput_without_mkd(make_site: MakeSite, picture: Path) -> None:
    """Yi cameras with a free firmware: deep path, no MKD, no TLS."""
    site = await make_site(a_camera(security=Security.PLAIN, address=HOST))
    busybox = shutil.which("busybox")
    assert busybox is not None
    await run(
        lambda: call(
            busybox,
            "ftpput",
            *("-u", USERNAME, "-p", PASSWORD, "-P", str(site.port)),
            HOST,
            f"yi/2025Y11M19D12H/{NAME}",
            str(picture),
        )
    )
    assert site.files() == {PLACE: JPEG}


def dialogue(client: ftplib.FTP_TLS, *exchanges: tuple[str, str]) -> None:
    """Send commands and check the code of each reply."""
    for command, code in exchanges:
        client.putcmd(command)
        reply = client.getmultiline()
        assert reply.startswith(code), f"{command}: {reply}"


def deliver(client: ftplib.FTP_TLS, command: str) -> None:
    """Upload as cameras do that prepare the connection themselves."""
    client.putcmd("PASV")
    host, port = ftplib.parse227(client.getmultiline())
    connection = socket.create_connection((host, port), timeout=20)
    client.putcmd(command)
    assert client.getmultiline().startswith("150")
    data = client_context().wrap_socket(connection)
    data.sendall(JPEG)
    data.unwrap().close()
    assert client.getmultiline().startswith("226")


async def test_dahua_allocates_and_looks_for_its_marker(site: Site) -> None:
    """ALLO answered with 202 sends the camera into an endless reconnect."""

    def attempt() -> None:
        client = login(site.port)
        dialogue(
            client,
            ("CWD /", "250"),
            ("PWD", "257"),
            ("CWD /ENTRADA", "250"),
            ("TYPE I", "200"),
            ("PWD", "257"),
            ("CWD /", "250"),
            ("size /ENTRADA/DVRWorkDirectory", "550"),
            ("MKD /ENTRADA/2025-11-19", "257"),
            (f"ALLO {len(JPEG)}", "200"),
        )
        path = "/ENTRADA/2025-11-19/001/jpg/13/28/"
        for folder in ("001", "001/jpg", "001/jpg/13", "001/jpg/13/28"):
            dialogue(client, (f"MKD /ENTRADA/2025-11-19/{folder}", "257"))
        deliver(client, f"STOR {path}47[M][0@0][0].jpg")
        client.quit()

    await run(attempt)
    assert list(site.files().values()) == [JPEG]
    assert len(site.detections) == 1


async def test_reolink_tests_and_delivers(site: Site) -> None:
    def attempt() -> None:
        client = login(site.port)
        dialogue(
            client,
            ("CWD //camera_test20190222080904", "250"),
            ("CWD camera_test20190222080904", "250"),
            ("MKD camera_test20190222080904", "257"),
            ("RMD camera_test20190222080904", "550"),
            ("CWD /", "250"),
            ("MKD 2025", "257"),
            ("CWD 2025", "250"),
        )
        deliver(client, "STOR garage-01_00_20251119182654.jpg")
        client.quit()

    await run(attempt)
    assert list(site.files()) == ["front/2025-11-19/garage-01_00_20251119182654.jpg"]


async def test_hikvision_makes_its_folders_each_time(site: Site) -> None:
    def attempt() -> None:
        for shot in range(2):
            client = login(site.port)
            dialogue(
                client,
                ("TYPE I", "200"),
                ("CWD storage", "250"),
                ("MKD CAM-EXT-001", "257"),
                ("CWD CAM-EXT-001", "250"),
            )
            deliver(client, f"STOR {NAME.replace('101_', f'10{shot}_')}")
            client.quit()

    await run(attempt)
    assert len(site.files()) == 2
    assert len(site.detections) == 1


async def test_tvt_writes_backslashes(site: Site) -> None:
    client = await run(lambda: login(site.port))
    await run(
        lambda: client.storbinary(
            f"STOR \\001122334455\\VFD\\2025-11-19\\14\\{NAME}", io.BytesIO(JPEG)
        )
    )
    assert site.files() == {PLACE: JPEG}
    await run(client.quit)
