"""OpenSSH's server from Debian: writes its configuration and becomes it.

Its arguments are the folder of the unpacked packages and the file of the public key
with which everybody logs in. As root it separates privileges, as an installed one
does; the user and the folder that it needs for that exist in its own view of the file
system only.
"""

import ctypes
import os
from pathlib import Path
import signal
import socket
import subprocess
import sys
import threading

from benchmarks._accounts import HOST
from benchmarks._serve_arguments import read_arguments, say, wait_for_end

_PR_SET_CHILD_SUBREAPER = 36
"""Of prctl(2): children of a session that has ended become ours, and so their cost."""

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
    with socket.create_server((HOST, 0)) as probe:
        port = probe.getsockname()[1]
    configuration = _configuration(arguments.folder, packages, public_key, port)
    libraries = next(packages.rglob("libwrap.so.0")).parent
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
    command = _command(arguments.folder, packages, configuration)
    process = os.posix_spawnp(
        command[0], command, os.environ | {"LD_LIBRARY_PATH": str(libraries)}
    )
    ended = threading.Event()
    threading.Thread(target=_reap, args=(process, ended), daemon=True).start()
    while not ended.wait(0.05):
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) == 0:
                break
    else:
        sys.exit("OpenSSH's server ended at once")
    say({"port": port})
    wait_for_end()
    if not ended.is_set():
        os.kill(process, signal.SIGTERM)
        ended.wait(5)


def _reap(process: int, ended: threading.Event) -> None:
    """Wait for the server, and for the children that it leaves to others."""
    while os.waitpid(-1, 0)[0] != process:
        pass
    ended.set()


if __name__ == "__main__":
    main()
