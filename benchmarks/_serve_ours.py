"""Our engine with its receiver, alone in a process, without Home Assistant."""

import os
import time

# The package of an integration imports Home Assistant, its rooms do not.
import benchmarks._without_home_assistant  # noqa: F401  # isort: skip

from benchmarks._recorder import engine_settings
from benchmarks._serve_arguments import read_arguments, say, wait_for_end
from custom_components.hikvision_nvr.engine import Engine
from custom_components.hikvision_nvr.model import (
    Capture,
    Detection,
    JobEnd,
    RecorderStatus,
)


class _Listener:
    """Notes when it was told of a file, by the clock that the client uses too."""

    def __init__(self) -> None:
        self.detected: dict[str, float] = {}

    def on_detection(self, detection: Detection) -> None:
        self.detected[detection.file_name] = time.monotonic()

    def on_capture(self, capture: Capture) -> None:
        pass

    def on_status(self, status: RecorderStatus) -> None:
        pass

    def on_detection_goes_on(self, detection: Detection) -> None:
        """Nothing to do: only devices tell this."""

    def on_detection_picture(self, detection: Detection) -> None:
        """Nothing to do: only devices tell of detections without a file."""

    def on_job_end(self, end: JobEnd) -> None:
        pass


def main() -> None:
    """Serve until the benchmark has enough."""
    arguments = read_arguments()
    if not arguments.sync:
        # The peers do not sync, so a comparison needs us without it.
        os.fsync = lambda fd: None
    listener = _Listener()
    engine = Engine(
        engine_settings(
            arguments.folder,
            cameras=arguments.cameras,
            certificate=arguments.certificate,
            private_key=arguments.private_key,
            passive_ports=arguments.passive_ports,
        ),
        listener,
    )
    engine.start()
    say({"port": engine.receiver.port})
    wait_for_end()
    engine.stop()
    say({"detected": listener.detected})


if __name__ == "__main__":
    main()
