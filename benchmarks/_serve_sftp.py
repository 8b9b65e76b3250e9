"""Our receiver serving SFTP alone, with its store, without Home Assistant.

Its first argument is the file of the public key with which every camera logs in.
"""

from dataclasses import replace
from operator import attrgetter
import os
from pathlib import Path
import sys

from benchmarks._receiver_alone import serve  # isort: skip

from benchmarks._recorder import engine_settings
from benchmarks._serve_arguments import read_arguments
from custom_components.hikvision_nvr.model import SftpSettings


def main() -> None:
    """Serve until the benchmark has enough."""
    public_key = Path(sys.argv.pop(1)).read_text().strip()
    arguments = read_arguments()
    if not arguments.sync:
        # The peer does not sync, so a comparison needs us without it.
        os.fsync = lambda fd: None
    settings = engine_settings(
        arguments.folder,
        cameras=arguments.cameras,
        certificate=arguments.certificate,
        private_key=arguments.private_key,
        passive_ports=arguments.passive_ports,
    )
    sftp = SftpSettings(port=0, host_keys=arguments.folder / "state")
    serve(
        replace(
            settings,
            receiver=replace(settings.receiver, port=None, sftp=sftp),
            cameras=tuple(
                replace(camera, public_key=public_key) for camera in settings.cameras
            ),
        ),
        attrgetter("sftp_port"),
    )


if __name__ == "__main__":
    main()
