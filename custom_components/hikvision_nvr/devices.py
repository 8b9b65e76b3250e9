"""The cameras' devices while the recorder runs: state, events, and what they are told.

Cameras with the same web service share one device: one client, one event stream, one
poll. A refused password is not tried again until there is another one.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
import logging
import random
from typing import Any, Final

from .camera_activity import CameraActivity
from .detections import Incident
from .device import (
    Backups,
    Description,
    Intent,
    Intents,
    IsapiClient,
    Plan,
    Wanted,
    describe,
)
from .device.alert_stream import listen
from .device.describe import (
    motion_detection_path,
    read_clock_offset,
    read_info,
    read_motion_detection,
    read_storage,
    read_triggers,
    read_upload_abilities,
    triggers_of,
    uploads,
)
from .device.provisioning import (
    account_first,
    account_written,
    make_plan,
    put_back,
    set_linkage,
    set_motion_detection,
    test_delivery,
    write,
)
from .errors import (
    DeviceAuthError,
    DeviceError,
    DeviceLockedError,
    DeviceOfflineError,
    DeviceUnsupportedError,
    ProvisioningError,
    RecorderError,
)
from .intake import Intake
from .model import (
    Camera,
    Capture,
    DetectionType,
    DeviceEvent,
    DeviceLogin,
    DeviceStatus,
)
from .receiver import Receiver

_LOGGER = logging.getLogger(__name__)

POLL_INTERVAL: Final = 60.0
"""Seconds between two looks at a device."""
SETTINGS_EVERY: Final = 10
"""Its settings change rarely: they are looked at with every so many polls."""
FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 60.0
"""Seconds before a lost event stream is opened again, doubled each time."""
DELIVERY_TIME: Final = 30.0
"""Seconds that a device's test may take to arrive."""
_MOST_PICTURES: Final = 4
"""That are held at the same time until it is clear whether an upload follows."""


class Devices:
    """All devices of a recorder."""

    def __init__(
        self,
        cameras: Iterable[Camera],
        intake: Intake,
        receiver: Receiver,
        activity: CameraActivity,
        backups: Backups,
        intents: Intents,
        on_change: Callable[[], None],
    ) -> None:
        """Prepare; ``on_change`` hears of each change of ``statuses``."""
        self._intake = intake
        self._receiver = receiver
        self._backups = backups
        self._intents = intents
        self._devices: dict[str, Device] = {}
        shared: dict[DeviceLogin, list[Camera]] = {}
        for camera in cameras:
            if camera.device is not None:
                shared.setdefault(camera.device, []).append(camera)
        for login, own in shared.items():
            device = Device(login, own, intake, activity, on_change)
            self._devices |= dict.fromkeys((camera.id for camera in own), device)

    async def start(self) -> None:
        """Begin to look at the devices."""
        for device in set(self._devices.values()):
            device.start()

    async def stop(self) -> None:
        """End all connections."""
        await asyncio.gather(*(device.stop() for device in set(self._devices.values())))

    def statuses(self) -> dict[str, DeviceStatus]:
        """Return what is known of each camera's device, by the camera's id."""
        return {
            camera_id: device.status(camera_id)
            for camera_id, device in self._devices.items()
        }

    def of(self, camera_id: str) -> Device:
        """Return a camera's device. Raises DeviceUnsupportedError without one."""
        device = self._devices.get(camera_id)
        if device is None:
            raise DeviceUnsupportedError("The camera has no device", host="–")
        return device

    # For the engine's ``run``; all raise DeviceError.

    async def look(self, login: DeviceLogin) -> Description:
        """Return what a device is that is not added yet."""
        client = IsapiClient(login)
        try:
            return await describe(client)
        finally:
            await client.close()

    async def plan(
        self, login: DeviceLogin, channel: int, wanted: Wanted, now: datetime
    ) -> Plan:
        """Return what would be written to a device, without writing anything."""
        client = IsapiClient(login)
        try:
            return await make_plan(client, channel, wanted, now=now)
        finally:
            await client.close()

    async def provision(
        self, camera: Camera, plan: Plan, note: Mapping[str, Any]
    ) -> bool:
        """Write a plan to a camera's device and let it deliver a test.

        The camera's account works from now on. Returns whether an upload was seen;
        False also where the device has no test of its own. Raises ProvisioningError
        when a document was refused, in which case the others are as before.

        ``note`` is kept with the plan from before the first document is written: it
        says what to keep here of the camera. Forget it when that is safe, and when
        the camera shall not be set up after all.
        """
        intent = Intent(
            folder=camera.folder,
            edits=plan.edits,
            target=plan.wanted.target,
            note=note,
        )
        await asyncio.to_thread(self._intents.keep, intent)
        return await self._carry_out(camera, intent)

    async def finish(self, camera: Camera, intent: Intent) -> bool:
        """Write what a power cut or a lost connection has left undone.

        Which documents the device has is not known, so it gets all of them again,
        the account first. Raises what ``provision`` raises.
        """
        assert camera.device is not None
        client = IsapiClient(camera.device)
        try:
            # A device that cannot be asked now is no device that refuses.
            await read_info(client)
        finally:
            await client.close()
        return await self._carry_out(
            camera, replace(intent, edits=account_first(intent.edits))
        )

    async def _carry_out(self, camera: Camera, intent: Intent) -> bool:
        assert camera.device is not None
        self._receiver.admit(camera)
        self._intake.admit(camera)
        client = IsapiClient(camera.device)
        try:
            await asyncio.to_thread(self._backups.keep, camera.folder, intent.edits)
            try:
                await write(client, intent.edits)
                seen = await self._test(camera, client, intent)
            except ProvisioningError as err:
                if not isinstance(err.__cause__, DeviceOfflineError):
                    # Refused, and never to be accepted: only the account may stay.
                    await self._settle(
                        intent,
                        keep=account_written(intent.edits, err.placeholders["path"]),
                    )
                raise
            except DeviceError:
                # Everything is written, but it does not answer to the test.
                await self._settle(intent, keep=True)
                raise
            await self._settle(intent, keep=True)
            return seen
        finally:
            await client.close()

    async def _test(self, camera: Camera, client: IsapiClient, intent: Intent) -> bool:
        """Let the device deliver; returns whether anything has arrived."""
        with self._intake.expect(camera) as delivered:
            try:
                await test_delivery(client, intent.target)
            except DeviceUnsupportedError:
                return False
            with suppress(TimeoutError):
                async with asyncio.timeout(DELIVERY_TIME):
                    await delivered
            return delivered.done() and not delivered.cancelled()

    async def _settle(self, intent: Intent, *, keep: bool) -> None:
        """Note that the device is done with; ``keep`` what belongs to its account."""
        if keep:
            await asyncio.to_thread(self._intents.keep, replace(intent, edits=()))
        else:
            await asyncio.to_thread(self._intents.forget, intent.folder)

    async def intent(self, folder: str) -> Intent | None:
        """Return what is not known yet to be kept on both sides."""
        return await asyncio.to_thread(self._intents.get, folder)

    async def forget_intent(self, folder: str) -> None:
        """Forget what was intended with a camera: it is kept on both sides."""
        await asyncio.to_thread(self._intents.forget, folder)

    async def put_back(self, camera: Camera) -> list[str]:
        """Write a device's documents as they were before the first provisioning.

        Returns the paths at which that failed.
        """
        assert camera.device is not None
        edits = await asyncio.to_thread(self._backups.edits, camera.folder)
        client = IsapiClient(camera.device)
        try:
            left = await put_back(client, edits)
        finally:
            await client.close()
        if not left:
            await asyncio.to_thread(self._backups.forget, camera.folder)
            await asyncio.to_thread(self._intents.forget, camera.folder)
        return left

    async def dismiss(self, camera: Camera) -> None:
        """Take back that a camera's account works: it is not set up after all."""
        self._receiver.dismiss(camera)


class Device:
    """One web service and the cameras that it knows."""

    def __init__(
        self,
        login: DeviceLogin,
        cameras: list[Camera],
        intake: Intake,
        activity: CameraActivity,
        on_change: Callable[[], None],
    ) -> None:
        """Prepare; nothing is sent yet."""
        self._login = login
        self._cameras = {camera.id: camera for camera in cameras}
        self._listening = {
            camera.channel: camera for camera in cameras if camera.event_stream
        }
        self._intake = intake
        self._activity = activity
        self._on_change = on_change
        self._statuses = {
            camera.id: DeviceStatus(stream=False if camera.event_stream else None)
            for camera in cameras
        }
        self._client: IsapiClient | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._pictures: set[asyncio.Task[None]] = set()
        self._polls = 0
        self._poll_now = asyncio.Event()
        self._reported: str | None = None

    def start(self) -> None:
        """Begin to look and to listen."""
        self._client = IsapiClient(self._login)
        self._tasks.add(asyncio.create_task(self._poll_always()))
        if self._listening:
            self._tasks.add(asyncio.create_task(self._listen_always()))

    async def stop(self) -> None:
        """End everything."""
        tasks = self._tasks | self._pictures
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        if self._client is not None:
            await self._client.close()

    @property
    def client(self) -> IsapiClient:
        """The device's client."""
        if self._client is None:
            raise DeviceOfflineError(
                f"{self._login.host} is not asked", host=self._login.host
            )
        return self._client

    def status(self, camera_id: str) -> DeviceStatus:
        """Return what is known."""
        return self._statuses[camera_id]

    async def picture(self, camera_id: str) -> bytes:
        """Return a picture of now. Raises DeviceError."""
        number = self._cameras[camera_id].channel
        try:
            return await self.client.picture(
                f"/ISAPI/Streaming/channels/{number}01/picture"
            )
        except DeviceOfflineError, DeviceAuthError, DeviceLockedError:
            raise
        except DeviceError:
            # Recorders have the pictures of their cameras elsewhere.
            return await self.client.picture(
                f"/ISAPI/ContentMgmt/StreamingProxy/channels/{number}01/picture"
            )

    async def snapshot(self, camera_id: str) -> Capture:
        """Fetch a picture and keep it. Raises DeviceError and StorageError."""
        content = await self.picture(camera_id)
        return await self._intake.take_picture(
            self._cameras[camera_id], content, datetime.now(UTC)
        )

    async def reboot(self) -> None:
        """Start the device anew. Raises DeviceError."""
        await self.client.put("/ISAPI/System/reboot", b"")

    async def set_motion_detection(self, camera_id: str, *, on: bool) -> None:
        """Turn motion detection on or off. Raises DeviceError."""
        path = motion_detection_path(self._cameras[camera_id].channel)
        await set_motion_detection(self.client, path, on=on)
        self._update(camera_id, motion_detection=on)

    async def set_linkage(
        self, camera_id: str, kind: DetectionType, *, on: bool
    ) -> None:
        """Upload pictures of a type by FTP, or stop that. Raises DeviceError."""
        await set_linkage(self.client, self._cameras[camera_id].channel, kind, on=on)
        known = self._statuses[camera_id].upload_linkage
        self._update(camera_id, upload_linkage={**known, kind: on})

    # --- looking -----------------------------------------------------------------

    async def _poll_always(self) -> None:
        while True:
            self._poll_now.clear()
            try:
                await self._poll()
            except DeviceError as err:
                self._report(err)
            else:
                self._report(None)
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_INTERVAL):
                    await self._poll_now.wait()

    async def _poll(self) -> None:
        client = self.client
        everything = self._polls % SETTINGS_EVERY == 0
        if everything:
            info = await read_info(client)
            for camera_id in self._cameras:
                self._update(camera_id, firmware=info.firmware)
        offset = await read_clock_offset(client)
        storage = await read_storage(client)
        # A connection's delay would change the fraction each time.
        offset = None if offset is None else float(round(offset))
        for camera_id, camera in self._cameras.items():
            self._activity.clock(camera).tell(offset)
            self._update(
                camera_id,
                reachable=True,
                error=None,
                clock_offset=offset,
                storage=storage,
            )
        if everything:
            await self._read_settings(client)
        self._polls += 1

    async def _read_settings(self, client: IsapiClient) -> None:
        triggers = await read_triggers(client)
        able = (await read_upload_abilities(client)).any
        for camera_id, camera in self._cameras.items():
            motion = await read_motion_detection(client, camera.channel)
            linkage = {
                kind: uploads(document)
                for kind, (_, document) in triggers_of(triggers, camera.channel).items()
            }
            self._update(
                camera_id,
                motion_detection=motion,
                upload_linkage=linkage if able else {},
                can_deliver=able,
            )

    def _report(self, error: DeviceError | None) -> None:
        key = None if error is None else error.key
        if error is not None:
            for camera_id in self._cameras:
                self._update(
                    camera_id,
                    reachable=not isinstance(error, DeviceOfflineError),
                    error=key,
                )
            # Another address may have another firmware by then.
            self._polls = 0
        if key != self._reported:
            if error is None:
                _LOGGER.info("%s answers again", self._login.host)
            else:
                _LOGGER.warning("%s", error)
        self._reported = key

    # --- listening ---------------------------------------------------------------

    async def _listen_always(self) -> None:
        pause = FIRST_PAUSE
        while True:
            opened = False

            def on_open() -> None:
                nonlocal opened
                opened = True
                self._set_stream(alive=True)
                if self._reported is not None:
                    self._poll_now.set()

            try:
                await listen(self.client, self._on_event, on_open)
            except DeviceError as err:
                _LOGGER.debug("Event stream: %s", err)
            self._set_stream(alive=False)
            pause = FIRST_PAUSE if opened else min(pause * 2, LONGEST_PAUSE)
            # The poll finds out what is wrong, and says so.
            self._poll_now.set()
            await asyncio.sleep(pause * random.uniform(0.8, 1.2))

    def _set_stream(self, *, alive: bool) -> None:
        for camera in self._listening.values():
            self._update(camera.id, stream=alive)

    def _on_event(self, event: DeviceEvent) -> None:
        camera = self._listening.get(event.channel)
        if camera is None or not event.active:
            return
        incident, new = self._intake.hear(camera, event)
        if new and len(self._pictures) < _MOST_PICTURES:
            task = asyncio.create_task(self._add_picture(camera, incident))
            self._pictures.add(task)
            task.add_done_callback(self._pictures.discard)

    async def _add_picture(self, camera: Camera, incident: Incident) -> None:
        """Fetch a picture at once, and keep it if no upload follows."""
        taken = datetime.now(UTC)
        try:
            content = await self.picture(camera.id)
            if self._statuses[camera.id].can_deliver is not False:
                await asyncio.sleep(camera.burst_window.total_seconds())
            if incident.detection.capture_id is None:
                await self._intake.take_picture(camera, content, taken, incident)
        except RecorderError as err:
            _LOGGER.warning("%s: no picture of a detection: %s", camera.name, err)

    def _update(self, camera_id: str, **changes: object) -> None:
        before = self._statuses[camera_id]
        after = replace(before, **changes)  # type: ignore[arg-type]
        if after != before:
            self._statuses[camera_id] = after
            self._on_change()
