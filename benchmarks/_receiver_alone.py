"""Our receiver with its store, alone in a process, without the engine's other rooms."""

import asyncio
from collections.abc import Callable

# The package of an integration imports Home Assistant, its rooms do not.
import benchmarks._without_home_assistant  # noqa: F401  # isort: skip

from benchmarks._serve_arguments import say, wait_for_end
from custom_components.hikvision_nvr.camera_activity import CameraActivity
from custom_components.hikvision_nvr.intake import Intake
from custom_components.hikvision_nvr.model import Detection, EngineSettings
from custom_components.hikvision_nvr.receiver import Receiver
from custom_components.hikvision_nvr.store import Store


def serve(
    settings: EngineSettings,
    port: Callable[[Receiver], int],
    on_detection: Callable[[Detection], None] = lambda detection: None,
) -> None:
    """Say which ``port`` is served, and serve until the benchmark has enough."""
    asyncio.run(_serve(settings, port, on_detection))


async def _serve(
    settings: EngineSettings,
    port: Callable[[Receiver], int],
    on_detection: Callable[[Detection], None],
) -> None:
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
        on_detection=on_detection,
        on_capture=lambda capture: None,
    )
    receiver = Receiver(settings.receiver, settings.cameras, store, intake)
    await store.open()
    await receiver.start()
    say({"port": port(receiver)})
    await asyncio.to_thread(wait_for_end)
    await receiver.stop()
    await intake.drain()
    await store.close()
