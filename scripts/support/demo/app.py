"""Starts everything in order, keeps it running, and ends it in the opposite order."""

import asyncio
from contextlib import AsyncExitStack, suppress
import fcntl
import json
import os
import signal
from typing import TextIO
import webbrowser

import boto3

from tests.simulators.s3_server import S3Server

from . import dashboard, endpoints, integration, onboarding
from .api import Api, until
from .cameras import DemoCameras
from .configuration import write_configuration
from .failure import DemoError
from .options import Options
from .plan import (
    ACCESS_KEY_ID,
    BUCKET,
    PASSWORD,
    REGION,
    SECRET_ACCESS_KEY,
    USERNAME,
    Layout,
    make_plan,
)
from .ports import HOST
from .process import HomeAssistantProcess
from .progress import say, step

START_SECONDS = 120


async def run(options: Options) -> None:
    """Run the demo until it is told to end."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    demo = asyncio.create_task(Demo(options).run())
    told_to_end = asyncio.create_task(stop.wait())
    await asyncio.wait((demo, told_to_end), return_when=asyncio.FIRST_COMPLETED)
    told_to_end.cancel()
    if not demo.done():
        say("Ending the demo …")
        # Wherever it is, in the middle of its set-up too, this makes it clean up.
        demo.cancel()
    with suppress(asyncio.CancelledError):
        await demo


def _lock(layout: Layout) -> TextIO:
    """Keep a second demo out of the same folder; the lock goes with the process."""
    file = layout.lock.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise DemoError(
            f"A demo runs in {layout.state} already. End it, or use another --state."
        ) from None
    return file


class Demo:
    """One run of the demo."""

    def __init__(self, options: Options) -> None:
        """Lock the folder and decide everything."""
        self._options = options
        self._layout = Layout(options.state)
        self._locked = _lock(self._layout)
        self._plan = make_plan(options, self._layout)
        self._known_token = endpoints.known_token(self._layout.endpoints)
        # Whoever finds one of these can rely on it.
        for leftover in (self._layout.endpoints, self._layout.pids, self._layout.log):
            leftover.unlink(missing_ok=True)
        self._cameras: DemoCameras | None = None
        self._home_assistant = HomeAssistantProcess(
            self._layout.config, self._layout.log, self._note_pids
        )

    def _note_pids(self, home_assistant: int) -> None:
        """Write down what runs, so that a test can do it harm."""
        content = {
            "demo": os.getpid(),
            "home_assistant": home_assistant,
            "rtsp": self._cameras.pids if self._cameras else [],
        }
        endpoints.write(self._layout.pids, content)

    async def run(self) -> None:
        """Set up, then watch until cancelled."""
        async with AsyncExitStack() as ending:
            ending.callback(self._locked.close)
            ending.callback(self._layout.pids.unlink, missing_ok=True)
            with step("Starting the S3 service"):
                s3 = await asyncio.to_thread(_start_s3, self._plan.s3_port)
            ending.push_async_callback(asyncio.to_thread, s3.stop)
            with step("Drawing what the cameras look at"):
                time_zone = write_configuration(
                    self._layout,
                    self._plan,
                    self._options.root / "custom_components" / integration.DOMAIN,
                    self._options.package,
                )
                self._cameras = await asyncio.to_thread(
                    DemoCameras, self._plan, self._layout, time_zone
                )
            ending.push_async_callback(self._stop_processes)
            await asyncio.to_thread(self._cameras.start_devices)
            await self._home_assistant.start()
            setting_up = asyncio.create_task(self._set_up(s3.endpoint_url))
            ended = asyncio.create_task(self._home_assistant.ended())
            try:
                await asyncio.wait(
                    (setting_up, ended), return_when=asyncio.FIRST_COMPLETED
                )
                if not setting_up.done():
                    raise DemoError(
                        "Home Assistant ended instead of starting.\n"
                        f"{self._home_assistant.last_words()}"
                    )
                path = await setting_up
            finally:
                setting_up.cancel()
                ended.cancel()
            self._tell(path)
            if not self._options.quiet:
                self._cameras.start_uploads()
            await self._home_assistant.watch()

    async def _stop_processes(self) -> None:
        """End Home Assistant and the cameras, both at the same time."""
        assert self._cameras is not None
        await asyncio.gather(self._cameras.stop(), self._home_assistant.stop())

    async def _set_up(self, s3_url: str) -> str:
        """Bring everything to the state that the user sees; returns the path to it."""
        layout, plan = self._layout, self._plan
        assert self._cameras is not None
        async with AsyncExitStack() as ending:
            api = await ending.enter_async_context(Api(plan.url))
            streams = asyncio.create_task(self._cameras.start_streams())
            ending.callback(streams.cancel)

            async def answers() -> bool:
                if self._home_assistant.is_in_recovery:
                    words = self._home_assistant.last_words()
                    raise DemoError(f"Home Assistant could not start.\n{words}")
                return await api.answers()

            with step("Starting Home Assistant"):
                await until("Home Assistant to answer", answers, START_SECONDS)
                token = await onboarding.log_in(api, self._known_token)
                await until("Home Assistant to start", api.is_running, START_SECONDS)
            with step("Starting the cameras' live video (drawn once, then kept)"):
                await streams
            await self._set_up_integration(api, s3_url)
            with step("Laying out the dashboard"):
                live = bool(self._cameras.pids)
                path = await dashboard.provision(api, plan, live=live)
        assert self._home_assistant.pid is not None
        self._note_pids(self._home_assistant.pid)
        endpoints.write(
            layout.endpoints,
            endpoints.endpoints(
                plan,
                token,
                s3_url,
                self._cameras.urls,
                self._cameras.accounts(),
            ),
        )
        return path

    async def _set_up_integration(self, api: Api, s3_url: str) -> None:
        """Set the integration up, or wait for what an earlier start set up."""
        done = self._layout.state / "integration.json"
        wanted = self._plan.integration
        existing = await integration.entries(api)
        if existing and done.exists() and json.loads(done.read_text()) == wanted:
            with step("Waiting for the recorder"):
                await integration.loaded(api, existing[0]["entry_id"])
            return
        done.unlink(missing_ok=True)
        assert self._cameras is not None
        with step("Setting up the recorder, finding and setting up its cameras"):
            await integration.remove_all(api)
            entry_id = await integration.set_up(api, self._plan, s3_url)
            await integration.loaded(api, entry_id)
            await asyncio.to_thread(self._cameras.save)
            await until("Home Assistant to save", self._is_saved, 30)
        endpoints.write(done, wanted)

    async def _is_saved(self) -> bool:
        """Tell whether the set-up is on the disk; it is written with a delay."""
        storage = self._layout.config / ".storage"
        try:
            saved = (storage / "core.config_entries").read_text()
            users = (storage / "auth").read_text()
        except FileNotFoundError:
            return False
        return onboarding.TOKEN_NAME in users and all(
            camera.serial in saved for camera in self._plan.cameras
        )

    def _tell(self, path: str) -> None:
        """Print where to go and what to try."""
        url = f"{self._plan.url}{path}"
        uploads = (
            "upload nothing by themselves (--quiet)"
            if self._options.quiet
            else "detect something every 20 to 40 seconds"
        )
        assert self._cameras is not None
        camera, account = self._plan.cameras[0], self._cameras.accounts()[0]
        say(f"""
The demo runs.

  Home Assistant   {url}
  user, password   {USERNAME}, {PASSWORD}

  The two simulated cameras {uploads}.
  Play a camera yourself, with any JPEG:
    curl --ssl-reqd --insecure --user '{account["username"]}:{account["password"]}' \\
      --upload-file picture.jpg \\
      ftp://{HOST}:{self._plan.ftp_port}/{camera.address}_01_$(date +%Y%m%d%H%M%S)000_MOTION_DETECTION.jpg

  All addresses and accounts: {self._layout.endpoints}
  Home Assistant's log:       {self._layout.log}
  End the demo with Ctrl-C.
""")
        if not self._options.headless and _has_display():
            webbrowser.open(url)


def _has_display() -> bool:
    """Tell whether a browser would have a place to appear."""
    wayland, x11 = os.environ.get("WAYLAND_DISPLAY"), os.environ.get("DISPLAY")
    return os.uname().sysname == "Darwin" or bool(wayland or x11)


def _start_s3(port: int) -> S3Server:
    """Start the S3 service and make the bucket."""
    server = S3Server(HOST, port)
    client = boto3.client(
        "s3",
        endpoint_url=server.endpoint_url,
        region_name=REGION,
        aws_access_key_id=ACCESS_KEY_ID,
        aws_secret_access_key=SECRET_ACCESS_KEY,
    )
    client.create_bucket(Bucket=BUCKET)
    return server
