"""The keys by which a camera recognises the receiver (RFC 4251, section 4.1).

They are made once and kept: a camera that has seen them refuses others.
"""

from dataclasses import dataclass
import os
from pathlib import Path
import stat

import asyncssh

from ...errors import HostKeyError
from ...private_file import write_private

_RSA_BITS = 3072
_FILES = {
    "ssh-ed25519": "ssh_host_ed25519_key",
    # Firmware that has not learnt Ed25519 (RFC 8709, of 2020).
    "ssh-rsa": "ssh_host_rsa_key",
}


@dataclass(frozen=True, slots=True)
class HostKeys:
    """The private keys, the best one first."""

    keys: tuple[asyncssh.SSHKey, ...]

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """What cameras and programs show of the keys, such as ``SHA256:...``."""
        return tuple(key.get_fingerprint() for key in self.keys)


def load_host_keys(folder: Path) -> HostKeys:
    """Return the keys in a folder, made when they are missing (blocking).

    Raises HostKeyError when a key cannot be read or written: another one in its place
    would look to each camera like an attack.
    """
    return HostKeys(
        tuple(_load(folder / name, algorithm) for algorithm, name in _FILES.items())
    )


def _load(path: Path, algorithm: str) -> asyncssh.SSHKey:
    try:
        if not path.exists():
            write_private(path, _generate(algorithm).export_private_key())
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            # Perhaps restored from a backup that knows no modes.
            os.chmod(path, 0o600)
        return asyncssh.read_private_key(path)
    except (OSError, asyncssh.KeyImportError) as err:
        raise HostKeyError(
            f"The SSH host key {path} cannot be used: {err}",
            path=str(path),
            error=str(err),
        ) from err


def _generate(algorithm: str) -> asyncssh.SSHKey:
    if algorithm == "ssh-rsa":
        return asyncssh.generate_private_key(algorithm, key_size=_RSA_BITS)
    return asyncssh.generate_private_key(algorithm)
