"""Between the engine's thread and Home Assistant's entities."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from homeassistant.components.persistent_notification import (
    async_create as async_create_notification,
)
from homeassistant.config_entries import (
    SOURCE_REAUTH,
    ConfigEntry,
    ConfigFlowContext,
    ConfigSubentry,
)
from homeassistant.const import CONF_HOST
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator
from homeassistant.util import dt as dt_util

from .const import (
    CONF_CAMERA_ID,
    CONF_MAC,
    DOMAIN,
    EVENT_DETECTION,
    EVENT_DETECTION_PICTURE,
    EVENT_JOB,
    EVENT_RESTORE_READY,
    LOGGER,
    SUBENTRY_CAMERA,
)
from .detection_data import async_bus_data
from .device import FoundDevice
from .device_media import DeviceReplays
from .errors import DeviceAuthError, OffsiteAuthError
from .issues import RecorderIssues
from .media_id import CaptureId
from .model import (
    Capture,
    CaptureKind,
    Detection,
    DeviceStatus,
    JobEnd,
    RecorderStatus,
    VideoCodec,
)
from .playback import Downloads, Playbacks, ThumbnailAccess
from .translated import async_common_text

if TYPE_CHECKING:
    from .engine import Engine
    from .thumbnails import Thumbnails

type RecorderEntry = ConfigEntry[RecorderCoordinator]
type Listener[T] = Callable[[T], None]


class RecorderCoordinator(DataUpdateCoordinator[RecorderStatus]):
    """Brings what the engine reports to Home Assistant's loop and its entities.

    ``data`` is the recorder's status, None until the engine's first report.
    """

    config_entry: RecorderEntry
    engine: Engine
    thumbnails: Thumbnails

    def __init__(self, hass: HomeAssistant, entry: RecorderEntry) -> None:
        """Initialize without an interval: the engine pushes."""
        super().__init__(
            hass,
            LOGGER,
            config_entry=entry,
            name=entry.title,
            # Equal reports write no state.
            always_update=False,
        )
        self.cameras = {
            camera.subentry_id: camera
            for camera in entry.get_subentries_of_type(SUBENTRY_CAMERA)
        }
        self.reloading = False
        self.started = dt_util.utcnow()
        self.playbacks = Playbacks(entry.entry_id)
        self.downloads = Downloads(entry.entry_id)
        self.thumbnail_access = ThumbnailAccess(entry.entry_id)
        self.replays = DeviceReplays(hass, entry)
        self.issues = RecorderIssues(hass, entry, self.cameras, self._video_codec)
        self._detection_listeners: dict[str, list[Listener[Detection]]] = {}
        self.found: list[FoundDevice] = []
        self._goes_on_listeners: dict[str, list[Listener[Detection]]] = {}
        self._picture_listeners: dict[str, list[Listener[Detection]]] = {}
        self._capture_listeners: dict[str, list[Listener[Capture]]] = {}
        self._last_snapshots: dict[str, Capture | None] = {}
        # A camera may deliver before its entities exist: what it sends waits here.
        self._held: list[Callable[[], None]] | None = []

    # The engine calls these on its own thread.

    def on_detection(self, detection: Detection) -> None:
        """Take a detection over to Home Assistant's loop."""
        self._hop(partial(self._async_detection, detection))

    def on_detection_goes_on(self, detection: Detection) -> None:
        """Take over that something is not over yet."""
        self._hop(partial(self._async_goes_on, detection))

    def on_detection_picture(self, detection: Detection) -> None:
        """Take over that a detection has got its picture."""
        self._hop(partial(self._async_picture, detection))

    def on_capture(self, capture: Capture) -> None:
        """Take a stored capture over to Home Assistant's loop."""
        self._hop(partial(self._async_capture, capture))

    def on_status(self, status: RecorderStatus) -> None:
        """Take the recorder's status over to Home Assistant's loop."""
        self.hass.loop.call_soon_threadsafe(self._async_status, status)

    def on_job_end(self, end: JobEnd) -> None:
        """Take the end of a job over to Home Assistant's loop."""
        self._hop(partial(self._async_job_end, end))

    @callback
    def async_release(self) -> None:
        """Deliver what arrived while the entities were being added."""
        held, self._held = self._held or [], None
        for deliver in held:
            deliver()

    @callback
    def async_listen_detections(
        self, camera_id: str, listener: Listener[Detection]
    ) -> CALLBACK_TYPE:
        """Call the listener with each detection of a camera until told otherwise."""
        return _add(self._detection_listeners.setdefault(camera_id, []), listener)

    @callback
    def async_listen_goes_on(
        self, camera_id: str, listener: Listener[Detection]
    ) -> CALLBACK_TYPE:
        """Call the listener each time a device says that a detection is not over."""
        return _add(self._goes_on_listeners.setdefault(camera_id, []), listener)

    @callback
    def async_listen_pictures(
        self, camera_id: str, listener: Listener[Detection]
    ) -> CALLBACK_TYPE:
        """Call the listener when a detection told without a file gets its first."""
        return _add(self._picture_listeners.setdefault(camera_id, []), listener)

    def connections(self, camera: ConfigSubentry) -> set[tuple[str, str]]:
        """Return the hardware address of a camera that shares it with no other."""
        mac = camera.data.get(CONF_MAC)
        shared = sum(one.data.get(CONF_MAC) == mac for one in self.cameras.values())
        return {(dr.CONNECTION_NETWORK_MAC, mac)} if mac and shared == 1 else set()

    @callback
    def async_update_firmware(self, status: RecorderStatus) -> None:
        """Show on the camera's page which firmware its device has."""
        registry = dr.async_get(self.hass)
        for camera_id, known in status.devices.items():
            device = registry.async_get_device_by_identifier(
                (DOMAIN, camera_id), self.config_entry.entry_id
            )
            if device and known.firmware and device.sw_version != known.firmware:
                registry.async_update_device(device.id, sw_version=known.firmware)

    def device_status(self, camera_id: str) -> DeviceStatus:
        """Return what is known of a camera's device."""
        known = None if self.data is None else self.data.devices.get(camera_id)
        return known or DeviceStatus()

    @callback
    def async_listen_captures(
        self, folder: str, listener: Listener[Capture]
    ) -> CALLBACK_TYPE:
        """Call the listener with each capture in a camera's folder."""
        return _add(self._capture_listeners.setdefault(folder, []), listener)

    async def async_last_snapshot(self, folder: str) -> Capture | None:
        """Return the snapshot that came last from a camera, None before the first."""
        if folder not in self._last_snapshots:
            found = await self.engine.run(
                self.engine.store.captures.latest_snapshot(folder)
            )
            # One that arrived while the store was asked is newer.
            self._last_snapshots.setdefault(folder, found)
        return self._last_snapshots[folder]

    @callback
    def async_start_reauth(self) -> None:
        """Ask the owner for new S3 keys. Once is enough: a second call does nothing."""
        self.config_entry.async_start_reauth(self.hass)

    async def async_lift_ban(self, address: str) -> None:
        """Let an address connect again. Raises NotRunningError."""
        await self.engine.run(self.engine.lift_ban(address))

    async def async_retry_uploads(self) -> None:
        """Try again to upload what was put aside. Raises RecorderError."""
        if self.engine.offsite is not None:
            await self.engine.run(self.engine.offsite.retry())

    def media_id(self, capture_id: str) -> str:
        """Return the media source id of a capture."""
        return CaptureId(self.config_entry.entry_id, capture_id).media_id

    def _video_codec(self, camera_id: str) -> VideoCodec | None:
        """Return the codec of a camera that is recorded, None before its first frame."""
        key_frame = self.engine.recording.key_frame(camera_id)
        return None if key_frame is None else key_frame.codec

    def _hop(self, deliver: Callable[[], None]) -> None:
        """Run on Home Assistant's loop, from another thread."""
        self.hass.loop.call_soon_threadsafe(self._async_deliver, deliver)

    @callback
    def _async_deliver(self, deliver: Callable[[], None]) -> None:
        """Deliver now, or once the entities are there."""
        if self._held is None:
            deliver()
        else:
            self._held.append(deliver)

    @callback
    def _async_detection(self, detection: Detection) -> None:
        """Tell the camera's entities first, so that automations find them updated."""
        for listener in tuple(self._detection_listeners.get(detection.camera_id, ())):
            listener(detection)
        self._async_fire(detection)

    @callback
    def _async_goes_on(self, detection: Detection) -> None:
        """Tell the camera's entities."""
        for listener in tuple(self._goes_on_listeners.get(detection.camera_id, ())):
            listener(detection)

    @callback
    def _async_picture(self, detection: Detection) -> None:
        """Tell the camera's entities first, then the bus."""
        for listener in tuple(self._picture_listeners.get(detection.camera_id, ())):
            listener(detection)
        self._async_fire(detection, EVENT_DETECTION_PICTURE)

    @callback
    def _async_capture(self, capture: Capture) -> None:
        """Tell the camera's entities."""
        if is_picture(capture):
            self._last_snapshots[capture.camera] = capture
        for listener in tuple(self._capture_listeners.get(capture.camera, ())):
            listener(capture)

    @callback
    def _async_job_end(self, end: JobEnd) -> None:
        """Put the end of a job on Home Assistant's event bus."""
        self.hass.bus.async_fire(
            EVENT_JOB,
            {
                "entry_id": self.config_entry.entry_id,
                "job_id": end.id,
                "kind": end.kind,
                "state": end.state.value,
                "error": end.error,
                "result": None if end.result is None else dict(end.result),
            },
        )
        if end.result is not None and end.result.get("ready"):
            self.hass.bus.async_fire(
                EVENT_RESTORE_READY,
                {
                    "entry_id": self.config_entry.entry_id,
                    "job_id": end.id,
                    **end.result,
                },
            )
            self.config_entry.async_create_task(
                self.hass,
                self._async_notify_restored(end.id, end.result),
                "restore notification",
            )

    async def _async_notify_restored(
        self, job_id: str, result: Mapping[str, Any]
    ) -> None:
        """Tell the owner, who may have waited for hours."""
        title = await async_common_text(self.hass, "restored_title")
        message = await async_common_text(self.hass, "restored_message")
        async_create_notification(
            self.hass,
            message.format(
                camera=result["camera"],
                date=result["date"],
                extracted=result["extracted"],
            ),
            title,
            f"{DOMAIN}_{job_id}",
        )

    @callback
    def _async_status(self, status: RecorderStatus) -> None:
        """Update the sensors, and tell the owner what only the owner can help."""
        refused = OffsiteAuthError.key
        were_refused = self.data is not None and self.data.offsite_error == refused
        self.async_set_updated_data(status)
        self.issues.async_status(status)
        if status.offsite_error == refused and not were_refused:
            self.async_start_reauth()
        self.async_update_firmware(status)
        for camera_id, device in status.devices.items():
            if device.error == DeviceAuthError.key and camera_id in self.cameras:
                self._async_start_camera_reauth(self.cameras[camera_id])

    @callback
    def _async_start_camera_reauth(self, camera: ConfigSubentry) -> None:
        """Ask the owner for a camera's new password, once for each device."""
        host = camera.data[CONF_HOST]
        waiting = self.hass.config_entries.flow.async_progress_by_handler(
            DOMAIN, match_context={"source": SOURCE_REAUTH}
        )
        if any(flow["context"].get("unique_id") == host for flow in waiting):
            return
        self.hass.async_create_task(
            self.hass.config_entries.flow.async_init(
                DOMAIN,
                context=ConfigFlowContext(
                    source=SOURCE_REAUTH,
                    entry_id=self.config_entry.entry_id,
                    unique_id=host,
                    title_placeholders={"name": camera.title},
                ),
                data={CONF_CAMERA_ID: camera.subentry_id},
            ),
            "camera reauthentication",
            eager_start=True,
        )

    @callback
    def _async_fire(self, detection: Detection, event: str = EVENT_DETECTION) -> None:
        """Put a detection on Home Assistant's event bus."""
        self.hass.bus.async_fire(
            event,
            async_bus_data(
                self.hass,
                self.config_entry.entry_id,
                self.cameras[detection.camera_id],
                detection,
            ),
        )


def is_picture(capture: Capture) -> bool:
    """Return True for a snapshot that is worth showing: one that was not cut off."""
    return capture.kind is CaptureKind.SNAPSHOT and capture.complete is not False


def _add[T](listeners: list[Listener[T]], listener: Listener[T]) -> CALLBACK_TYPE:
    """Add a listener and return what removes it again."""
    listeners.append(listener)
    return partial(listeners.remove, listener)
