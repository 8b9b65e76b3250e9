"""The demo's simulated cameras: their clips, streams and uploads."""

import asyncio
from collections.abc import Callable
from datetime import datetime
import json
from pathlib import Path
import random
import threading
from zoneinfo import ZoneInfo

from tests.simulators.camera import (
    LINE_CROSSING,
    MOTION,
    TIMING,
    SimulatedCamera,
    UploadAccount,
)
from tests.simulators.clip import clip_name, make_clip
from tests.simulators.device import SimulatedDevice
from tests.simulators.device_profiles import FTPS
from tests.simulators.discovery import Answerer, sadp_reply
from tests.simulators.scene import Scene
from tests.simulators.stream import (
    RtspServer,
    StreamError,
    StreamSettings,
    gstreamer_python,
)

from .plan import CameraPlan, Layout, Plan
from .ports import HOST
from .progress import say, warn

HOW_TO_INSTALL_GSTREAMER = """\
There is no live video: GStreamer's RTSP server was not found. Everything else works.
  Debian, Ubuntu: apt-get install python3-gi gir1.2-gst-rtsp-server-1.0 \\
    gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad
  macOS:          brew install gstreamer pygobject3"""

# Mostly motion, as in life.
ALERTS = {MOTION: "VMD", LINE_CROSSING: "linedetection"}
SADP_PORT = 37020
EVENTS = (MOTION, MOTION, MOTION, LINE_CROSSING, MOTION, LINE_CROSSING, TIMING)


def _stream_settings(camera: CameraPlan, clip: Path) -> StreamSettings:
    """Return where a camera's stream is."""
    return StreamSettings(
        host=HOST,
        port=camera.rtsp_port,
        username=camera.rtsp_username,
        password=camera.rtsp_password,
        channel=camera.channel,
        clip=clip,
    )


class DemoCameras:
    """All simulated cameras."""

    def __init__(self, plan: Plan, layout: Layout, time_zone: str) -> None:
        """Prepare; nothing runs yet."""
        self._plan = plan
        self._layout = layout
        self._scenes = [Scene(camera.name, camera.view) for camera in plan.cameras]
        self._clips = [layout.clips / clip_name(camera.view) for camera in plan.cameras]
        self._streams: list[RtspServer] = []
        self._stopping = threading.Event()
        self._uploads: list[threading.Thread] = []
        self._time_zone = ZoneInfo(time_zone)
        self._devices = [
            SimulatedDevice(
                FTPS,
                name=camera.name,
                serial=camera.serial,
                mac=camera.mac,
                username=camera.rtsp_username,
                password=camera.rtsp_password,
                host=HOST,
                port=camera.http_port,
                address=camera.address,
                heartbeat=5,
                picture=self._picture(scene),
            )
            for camera, scene in zip(plan.cameras, self._scenes, strict=True)
        ]
        self._sadp = Answerer(
            port=SADP_PORT,
            replies=[
                sadp_reply(
                    address=HOST,
                    port=camera.http_port,
                    serial=camera.serial,
                    mac=camera.mac,
                    model=FTPS.model,
                )
                for camera in plan.cameras
            ],
        )

    @property
    def urls(self) -> list[str]:
        """The addresses of the streams, empty without GStreamer."""
        return [
            _stream_settings(camera, clip).url
            for camera, clip, _ in zip(
                self._plan.cameras, self._clips, self._streams, strict=False
            )
        ]

    @property
    def pids(self) -> list[int]:
        """The process ids of the RTSP servers."""
        return [stream.pid for stream in self._streams]

    async def start_streams(self) -> None:
        """Serve the clips over RTSP; make them first, which takes a while once."""
        if (python := await asyncio.to_thread(gstreamer_python)) is None:
            warn(HOW_TO_INSTALL_GSTREAMER)
            return
        for camera, scene, clip in zip(
            self._plan.cameras, self._scenes, self._clips, strict=True
        ):
            if not clip.exists():
                await asyncio.to_thread(make_clip, scene, clip, self._stopping.is_set)
            log = self._layout.state / f"rtsp-{camera.view}.log"
            try:
                stream = await asyncio.to_thread(
                    RtspServer, python, _stream_settings(camera, clip), log
                )
            except StreamError as error:
                warn(f"No live video of {camera.name}: {error}")
                return
            self._streams.append(stream)

    def _picture(self, scene: Scene) -> Callable[[], bytes]:
        """Return what takes a picture of a scene now."""
        return lambda: scene.snapshot(datetime.now(self._time_zone), None)

    def start_devices(self) -> None:
        """Let the cameras answer, with the settings that they had at the last end."""
        for device, settings in zip(self._devices, self._settings(), strict=True):
            if settings.exists():
                device.documents |= json.loads(settings.read_text())
            device.start()
        self._sadp.__enter__()

    def save(self) -> None:
        """Keep the settings of the cameras, as flash memory does."""
        for device, settings in zip(self._devices, self._settings(), strict=True):
            settings.touch(mode=0o600)
            settings.write_text(json.dumps(device.documents))

    def forget(self) -> None:
        """Let the cameras be as they come out of the box."""
        for settings in self._settings():
            settings.unlink(missing_ok=True)

    def accounts(self) -> list[dict[str, str]]:
        """Return the upload accounts that the recorder has given to the cameras."""
        return [
            {
                "name": device.name,
                "username": device.delivery()["userName"],
                "password": device.delivery()["password"],
            }
            for device in self._devices
        ]

    def _settings(self) -> list[Path]:
        return [
            self._layout.state / f"device-{camera.view}.json"
            for camera in self._plan.cameras
        ]

    def start_uploads(self) -> None:
        """Let every camera detect something now and then, each at its own pace."""
        for number, (device, scene) in enumerate(
            zip(self._devices, self._scenes, strict=True)
        ):
            delivery = device.delivery()
            camera = SimulatedCamera(
                name=device.name,
                scene=scene,
                address=device.address,
                account=UploadAccount(
                    host=HOST,
                    port=self._plan.ftp_port,
                    username=delivery["userName"],
                    password=delivery["password"],
                ),
                time_zone=self._time_zone,
            )
            thread = threading.Thread(
                target=self._upload_now_and_then,
                args=(device, camera, 1 + 6 * number),
                name=f"camera {camera.name}",
                daemon=True,
            )
            thread.start()
            self._uploads.append(thread)

    def _upload_now_and_then(
        self, device: SimulatedDevice, camera: SimulatedCamera, pause: float
    ) -> None:
        """Upload until the demo stops."""
        choices = random.Random(camera.name)
        first = True
        while not self._stopping.wait(pause):
            event = MOTION if first else choices.choice(EVENTS)
            first = False
            pictures = 1 if event == TIMING else choices.choice((2, 3))
            if event in ALERTS:
                # Told at once; the pictures follow.
                device.send_event(ALERTS[event])
            try:
                sent = camera.detect(event, pictures=pictures, wait=self._stopping.wait)
            # The receiver may be restarting; a camera tries again, too.
            except (OSError, EOFError) as error:
                if not self._stopping.is_set():
                    warn(f"{camera.name} could not upload: {error}")
            else:
                say(f"{camera.name}: {event}, {len(sent)} picture(s) uploaded")
            pause = choices.uniform(20, 40)

    async def stop(self) -> None:
        """End the uploads and the streams."""
        self._stopping.set()
        await asyncio.gather(
            *(asyncio.to_thread(thread.join, 3) for thread in self._uploads),
            *(asyncio.to_thread(stream.stop) for stream in self._streams),
            *(asyncio.to_thread(device.stop) for device in self._devices),
        )
        await asyncio.to_thread(self._sadp.__exit__)
