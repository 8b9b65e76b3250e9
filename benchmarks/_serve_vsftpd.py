"""vsftpd with TLS on both connections: writes its configuration and becomes it.

The cameras log in as its anonymous user, who may upload here: that needs no account
and no PAM file on this machine, and is less work for vsftpd than a real login.
"""

import os
import pwd
import sys

from benchmarks._accounts import HOST
from benchmarks._foreign_server import free_port, serve
from benchmarks._serve_arguments import (
    ServeArguments,
    read_arguments,
)

_NOBODY = "nobody"
_UPLOADERS = (_NOBODY, "daemon", "bin")
"""Accounts that every system has; the one in use must have a home."""
_UPLOADS = "uploads"
"""The anonymous user's own folder may not be writable, but one in it."""


def _configuration(arguments: ServeArguments, port: int) -> dict[str, str]:
    first, last = arguments.passive_ports
    home, empty = arguments.folder / "home", arguments.folder / "empty"
    (home / _UPLOADS).mkdir(parents=True)
    empty.mkdir(mode=0o555)
    user = next(
        user for user in map(pwd.getpwnam, _UPLOADERS) if os.path.isdir(user.pw_dir)
    )
    os.chown(home / _UPLOADS, user.pw_uid, user.pw_gid)
    # Everyone may pass: the user has lost root's rights when it comes here.
    for parent in (arguments.folder, *arguments.folder.parents):
        if parent.stat().st_uid == os.getuid() and not parent.stat().st_mode & 0o001:
            parent.chmod(parent.stat().st_mode | 0o011)
    return {
        "listen": "YES",
        "listen_ipv6": "NO",
        "listen_address": HOST,
        "listen_port": str(port),
        "background": "NO",
        "max_clients": "0",
        "max_per_ip": "0",
        "local_enable": "NO",
        "anonymous_enable": "YES",
        "anon_root": str(home),
        "ftp_username": user.pw_name,
        "nopriv_user": _NOBODY,
        "secure_chroot_dir": str(empty),
        "write_enable": "YES",
        "anon_upload_enable": "YES",
        "xferlog_enable": "NO",
        "seccomp_sandbox": "NO",
        "isolate": "NO",
        "isolate_network": "NO",
        "pasv_enable": "YES",
        "pasv_min_port": str(first),
        "pasv_max_port": str(last),
        "ssl_enable": "YES",
        "allow_anon_ssl": "YES",
        "force_anon_logins_ssl": "YES",
        "force_anon_data_ssl": "YES",
        "require_ssl_reuse": "NO",
        "rsa_cert_file": str(arguments.certificate),
        "rsa_private_key_file": str(arguments.private_key),
        "ssl_ciphers": "HIGH",
    }


def main() -> None:
    """Serve until the benchmark has enough."""
    binary = sys.argv.pop(1)
    arguments = read_arguments()
    port = free_port()
    file = arguments.folder / "vsftpd.conf"
    settings = _configuration(arguments, port)
    file.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
    serve("vsftpd", [binary, str(file)], os.environ, port)


if __name__ == "__main__":
    main()
