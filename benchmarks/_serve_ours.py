"""Our receiver serving FTPS, with its store, without Home Assistant."""

from operator import attrgetter
import os
import time

from benchmarks._receiver_alone import serve  # isort: skip

from benchmarks._recorder import engine_settings
from benchmarks._serve_arguments import read_arguments, say
from custom_components.hikvision_nvr.model import Detection


def main() -> None:
    """Serve until the benchmark has enough."""
    arguments = read_arguments()
    if not arguments.sync:
        # The peers do not sync, so a comparison needs us without it.
        os.fsync = lambda fd: None
    # By the clock that the client uses too.
    detected: dict[str, float] = {}

    def on_detection(detection: Detection) -> None:
        detected[detection.file_name] = time.monotonic()

    settings = engine_settings(
        arguments.folder,
        cameras=arguments.cameras,
        certificate=arguments.certificate,
        private_key=arguments.private_key,
        passive_ports=arguments.passive_ports,
    )
    serve(settings, attrgetter("port"), on_detection)
    say({"detected": detected})


if __name__ == "__main__":
    main()
