"""Our receiver serving SFTP alone, with its store, without Home Assistant.

Its first argument is the file of the public key with which every camera logs in.
"""

import asyncio
from dataclasses import replace
import os
from pathlib import Path
import sys

# The package of an integration imports Home Assistant, its rooms do not.
import benchmarks._without_home_assistant  # noqa: F401  # isort: skip

from benchmarks._recorder import engine_settings
from benchmarks._serve_arguments import read_arguments, say, wait_for_end
from custom_components.hikvision_nvr.camera_activity import CameraActivity
from custom_components.hikvision_nvr.intake import Intake
from custom_components.hikvision_nvr.model import EngineSettings, SftpSettings
from custom_components.hikvision_nvr.receiver import Receiver
from custom_components.hikvision_nvr.store import Store


async def _serve(settings: EngineSettings) -> None:
    store = Store(
        settings.storage_root,
        settings.state_folder / "catalogue.sqlite",
        time_zone=settings.time_zone,
        offsite=False,
    )
    intake = Intake(
        store,
        settings.cameras,
        CameraActivity(settings.cameras, store.changed),
        time_zone=settings.time_zone,
        on_detection=lambda detection: None,
        on_capture=lambda capture: None,
    )
    receiver = Receiver(settings.receiver, settings.cameras, store, intake)
    await store.open()
    await receiver.start()
    say({"port": receiver.sftp_port})
    await asyncio.to_thread(wait_for_end)
    await receiver.stop()
    await intake.drain()
    await store.close()


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
    asyncio.run(
        _serve(
            replace(
                settings,
                receiver=replace(settings.receiver, port=None, sftp=sftp),
                cameras=tuple(
                    replace(camera, public_key=public_key)
                    for camera in settings.cameras
                ),
            )
        )
    )


if __name__ == "__main__":
    main()
