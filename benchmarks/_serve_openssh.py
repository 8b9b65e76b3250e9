"""OpenSSH's server from Debian: writes its configuration and becomes it.

Its arguments are the folder of the unpacked packages and the file of the public key
with which everybody logs in. As root it separates privileges, as an installed one
does; the user and the folder that it needs for that exist in its own view of the file
system only.
"""

import os
from pathlib import Path
import subprocess
import sys

from benchmarks._accounts import HOST
from benchmarks._foreign_server import free_port, serve
from benchmarks._serve_arguments import read_arguments

_AS_ROOT = """
set -eu
mount -t tmpfs -o mode=0755 tmpfs /run
mkdir /run/sshd
mount --bind "$1" /etc/passwd
shift
exec "$@"
"""


def _configuration(folder: Path, packages: Path, public_key: Path, port: int) -> Path:
    key = folder.parent / "host_key"
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True
    )
    settings = {
        "ListenAddress": HOST,
        "Port": str(port),
        "HostKey": str(key),
        "AuthorizedKeysFile": str(public_key),
        "PermitRootLogin": "yes",
        "PasswordAuthentication": "no",
        "StrictModes": "no",
        "PidFile": "none",
        "MaxStartups": "200",
        "LogLevel": "ERROR",
        "Subsystem": f"sftp {packages}/usr/lib/openssh/sftp-server",
    }
    file = folder.parent / "sshd_config"
    file.write_text("".join(f"{key} {value}\n" for key, value in settings.items()))
    return file


def _command(folder: Path, packages: Path, configuration: Path) -> list[str]:
    command = [
        f"{packages}/usr/sbin/sshd",
        *("-D", "-e", "-f", str(configuration)),
    ]
    if os.geteuid() != 0:
        return command
    users = folder.parent / "passwd"
    known = Path("/etc/passwd").read_text()
    if not any(line.startswith("sshd:") for line in known.splitlines()):
        known += "sshd:x:65500:65534::/run/sshd:/usr/sbin/nologin\n"
    users.write_text(known)
    return ["unshare", "-m", "sh", "-c", _AS_ROOT, "sh", str(users), *command]


def main() -> None:
    """Serve until the benchmark has enough."""
    packages, public_key = Path(sys.argv.pop(1)), Path(sys.argv.pop(1))
    arguments = read_arguments()
    port = free_port()
    configuration = _configuration(arguments.folder, packages, public_key, port)
    libraries = next(packages.rglob("libwrap.so.0")).parent
    serve(
        "OpenSSH's server",
        _command(arguments.folder, packages, configuration),
        os.environ | {"LD_LIBRARY_PATH": str(libraries)},
        port,
    )


if __name__ == "__main__":
    main()
