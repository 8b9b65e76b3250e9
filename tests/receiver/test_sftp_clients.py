"""Programs that speak SFTP: OpenSSH's, lftp, curl, and the receiver run alone."""

from pathlib import Path
import random
import shutil
import subprocess

import pytest

from custom_components.hikvision_nvr.model import SftpSettings

from .conftest import HOST, JPEG, PASSWORD, USERNAME, MakeSite, Site, a_camera, run
from .process import kept_by_process, receiver_process
from .sftp import hang_up, put, sftp_login
from .test_real_clients import NAME, PLACE, call

CLIP = random.Random(3).randbytes(5 << 20)
HALF = len(CLIP) // 2

needs_openssh = pytest.mark.skipif(
    shutil.which("sftp") is None, reason="OpenSSH's client is not installed"
)
needs_lftp = pytest.mark.skipif(
    shutil.which("lftp") is None or shutil.which("ssh") is None,
    reason="lftp or OpenSSH's client is not installed",
)


def _curl_knows_sftp() -> bool:
    if shutil.which("curl") is None:
        return False
    said = subprocess.run(
        ["curl", "--version"], capture_output=True, text=True, check=False
    )
    return " sftp " in said.stdout


needs_curl = pytest.mark.skipif(
    not _curl_knows_sftp(), reason="curl is not installed or knows no SFTP"
)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / NAME
    path.write_bytes(JPEG)
    return path


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    path.write_bytes(CLIP)
    return path


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """Return the private key with which OpenSSH's client logs in."""
    path = tmp_path / "key"
    call("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path))
    return path


def openssh(site: Site, key: Path, script: str, *options: str) -> str:
    """Run commands of OpenSSH's sftp; the first that fails ends it (blocking)."""
    batch = key.with_name("batch")
    batch.write_text(script)
    return call(
        "sftp",
        "-q",
        *("-F", "none"),
        *("-b", str(batch)),
        *("-i", str(key)),
        *("-o", "StrictHostKeyChecking=no"),
        *("-o", "UserKnownHostsFile=/dev/null"),
        *options,
        *("-P", str(site.sftp_port)),
        f"{USERNAME}@{HOST}",
    )


@needs_openssh
@pytest.mark.parametrize(
    "options",
    [
        (),
        ("-c", "aes128-gcm@openssh.com"),
        ("-B", "4000"),
        ("-R", "1"),
        ("-o", "RekeyLimit=1M"),
        ("-c", "aes128-gcm@openssh.com", "-o", "RekeyLimit=1M"),
        ("-C",),
    ],
    ids=lambda options: " ".join(options) or "as it is",
)
async def test_openssh(
    make_site: MakeSite,
    sftp: SftpSettings,
    picture: Path,
    clip: Path,
    key: Path,
    options: tuple[str, ...],
) -> None:
    public = key.with_suffix(".pub").read_text()
    site = await make_site(a_camera(public_key=public), sftp=sftp)
    said = await run(
        lambda: openssh(
            site,
            key,
            f"mkdir cam\ncd cam\nput {picture}\nput {clip} clip.tmp\n"
            "rename clip.tmp clip.mp4\nchmod 644 clip.mp4\nls -l\npwd\n",
            *options,
        )
    )
    assert f"{len(CLIP)}" in said
    assert "Remote working directory: /cam" in said
    files = site.files()
    assert files.pop(PLACE) == JPEG
    assert list(files.values()) == [CLIP]


@needs_openssh
async def test_openssh_keeps_times_and_resumes(
    make_site: MakeSite, sftp: SftpSettings, clip: Path, key: Path
) -> None:
    public = key.with_suffix(".pub").read_text()
    site = await make_site(a_camera(public_key=public), sftp=sftp)
    clip.write_bytes(CLIP[:HALF])
    await run(lambda: openssh(site, key, f"put -p {clip} clip.mp4\n"))
    clip.write_bytes(CLIP)
    await run(lambda: openssh(site, key, f"reput {clip} clip.mp4\n"))
    assert site.store.path(site.captures[-1]).read_bytes() == CLIP


@needs_openssh
async def test_openssh_that_is_killed_leaves_nothing(
    make_site: MakeSite, sftp: SftpSettings, tmp_path: Path, key: Path
) -> None:
    """A picture that is whole, and more behind it that never comes."""
    public = key.with_suffix(".pub").read_text()
    site = await make_site(a_camera(public_key=public), sftp=sftp)
    big = tmp_path / "big.jpg"
    with big.open("wb") as file:
        file.write(JPEG)
        file.truncate(2 << 30)
    batch = tmp_path / "batch"
    batch.write_text(f"put {big} {NAME}\n")

    def attempt() -> None:
        client = subprocess.Popen(
            [
                "sftp",
                *("-q", "-F", "none", "-b", str(batch), "-i", str(key)),
                *("-o", "StrictHostKeyChecking=no"),
                *("-o", "UserKnownHostsFile=/dev/null"),
                *("-P", str(site.sftp_port), f"{USERNAME}@{HOST}"),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            incoming = site.root / ".incoming"
            while not any(part.stat().st_size > 8 << 20 for part in incoming.iterdir()):
                assert client.poll() is None
        finally:
            client.kill()
            client.wait()
        while any(incoming.iterdir()):
            pass

    await run(attempt)
    assert site.files() == {}
    assert site.captures == []
    assert site.detections == []


def lftp(site: Site, script: str) -> str:
    return call(
        "lftp",
        "--norc",
        "-e",
        "set sftp:auto-confirm true; set net:max-retries 1; set net:timeout 10;"
        " set cmd:fail-exit true;"
        " set sftp:connect-program 'ssh -a -x -F none -o UserKnownHostsFile=/dev/null';"
        f" open -u {USERNAME},{PASSWORD} -p {site.sftp_port} sftp://{HOST};"
        f" {script}; exit",
    )


@needs_lftp
async def test_lftp_puts_lists_and_mirrors(
    sftp_site: Site, picture: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "sd-card"
    folder.mkdir()
    for shot in range(6):
        path = folder / f"10.0.0.9_01_2025111812000{shot}000.jpg"
        path.write_bytes(JPEG + bytes([shot]))
    listing = await run(
        lambda: lftp(
            sftp_site,
            f"mkdir -p a/b; cd a/b; put {picture}; ls; cls -s;"
            f" mirror --reverse --parallel=3 {folder} /sd",
        )
    )
    assert NAME in listing
    expected = {PLACE: JPEG} | {
        f"front/2025-11-18/{path.name}": path.read_bytes() for path in folder.iterdir()
    }
    assert sftp_site.files() == expected


@needs_lftp
async def test_lftp_resumes(sftp_site: Site, clip: Path) -> None:
    clip.write_bytes(CLIP[:HALF])
    await run(lambda: lftp(sftp_site, f"put {clip}"))
    clip.write_bytes(CLIP)
    await run(lambda: lftp(sftp_site, f"put -c {clip}"))
    assert sftp_site.store.path(sftp_site.captures[-1]).read_bytes() == CLIP


def curl(site: Site, *options: str) -> str:
    return call(
        "curl",
        "--silent",
        "--show-error",
        "--insecure",
        *("--user", f"{USERNAME}:{PASSWORD}"),
        *options,
    )


@needs_curl
async def test_curl(sftp_site: Site, picture: Path) -> None:
    url = f"sftp://{HOST}:{sftp_site.sftp_port}/new/folder/"
    await run(
        lambda: curl(sftp_site, "--ftp-create-dirs", "--upload-file", str(picture), url)
    )
    assert sftp_site.files() == {PLACE: JPEG}
    listing = await run(lambda: curl(sftp_site, url))
    assert NAME in listing


@needs_curl
async def test_curl_resumes(sftp_site: Site, clip: Path) -> None:
    url = f"sftp://{HOST}:{sftp_site.sftp_port}/clip.mp4"
    clip.write_bytes(CLIP[:HALF])
    await run(lambda: curl(sftp_site, "--upload-file", str(clip), url))
    clip.write_bytes(CLIP)
    await run(
        lambda: curl(sftp_site, "--continue-at", "-", "--upload-file", str(clip), url)
    )
    assert sftp_site.store.path(sftp_site.captures[-1]).read_bytes() == CLIP


@needs_curl
async def test_curl_that_knows_the_host_key(sftp_site: Site, picture: Path) -> None:
    """The fingerprint that Home Assistant shows is the one that a program checks."""
    key = next(
        key
        for key in sftp_site.receiver.status().host_keys
        if key.startswith("SHA256:")
    )
    url = f"sftp://{HOST}:{sftp_site.sftp_port}/"
    options = ("--upload-file", str(picture), url)
    await run(
        lambda: call(
            "curl",
            "--silent",
            "--show-error",
            *("--user", f"{USERNAME}:{PASSWORD}"),
            *("--hostpubsha256", key.removeprefix("SHA256:")),
            *options,
        )
    )
    assert sftp_site.files() == {PLACE: JPEG}


def test_receiver_that_serves_sftp_alone(tmp_path: Path) -> None:
    folder = tmp_path / "receiver"
    with receiver_process(folder, "--no-ftps", "--sftp-port", "0") as receiver:
        client = sftp_login(receiver.sftp_port)
        put(client, NAME, JPEG)
        hang_up(client)
        assert receiver.stop() == 0
    assert "Traceback" not in "".join(receiver.said)
    found = kept_by_process(folder)
    found.check()
    assert list(found.files) == [PLACE]
