"""Between the engine's thread and Home Assistant's entities."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator

from .const import (
    CONF_FOLDER,
    DOMAIN,
    EVENT_DETECTION,
    LOGGER,
    SUBENTRY_CAMERA,
)
from .errors import OffsiteAuthError
from .issues import RecorderIssues
from .media_id import CaptureId
from .model import Capture, CaptureKind, Detection, RecorderStatus

if TYPE_CHECKING:
    from .engine import Engine

type RecorderEntry = ConfigEntry[RecorderCoordinator]
type Listener[T] = Callable[[T], None]


class RecorderCoordinator(DataUpdateCoordinator[RecorderStatus]):
    """Brings what the engine reports to Home Assistant's loop and its entities.

    ``data`` is the recorder's status, None until the engine's first report.
    """

    config_entry: RecorderEntry
    engine: Engine

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
        self.issues = RecorderIssues(hass, entry, self.cameras)
        self._detection_listeners: dict[str, list[Listener[Detection]]] = {}
        self._capture_listeners: dict[str, list[Listener[Capture]]] = {}
        self._last_snapshots: dict[str, Capture | None] = {}
        # A camera may deliver before its entities exist: what it sends waits here.
        self._held: list[Callable[[], None]] | None = []

    # The engine calls these three on its own thread.

    def on_detection(self, detection: Detection) -> None:
        """Take a detection over to Home Assistant's loop."""
        self._hop(partial(self._async_detection, detection))

    def on_capture(self, capture: Capture) -> None:
        """Take a stored capture over to Home Assistant's loop."""
        self._hop(partial(self._async_capture, capture))

    def on_status(self, status: RecorderStatus) -> None:
        """Take the recorder's status over to Home Assistant's loop."""
        self.hass.loop.call_soon_threadsafe(self._async_status, status)

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

    def media_id(self, capture_id: str) -> str:
        """Return the media source id of a capture."""
        return CaptureId(self.config_entry.entry_id, capture_id).media_id

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
    def _async_capture(self, capture: Capture) -> None:
        """Tell the camera's entities."""
        if is_picture(capture):
            self._last_snapshots[capture.camera] = capture
        for listener in tuple(self._capture_listeners.get(capture.camera, ())):
            listener(capture)

    @callback
    def _async_status(self, status: RecorderStatus) -> None:
        """Update the sensors, and tell the owner what only the owner can help."""
        refused = OffsiteAuthError.key
        were_refused = self.data is not None and self.data.offsite_error == refused
        self.async_set_updated_data(status)
        self.issues.async_status(status)
        if status.offsite_error == refused and not were_refused:
            self.async_start_reauth()

    @callback
    def _async_fire(self, detection: Detection) -> None:
        """Put a detection on Home Assistant's event bus."""
        entry_id = self.config_entry.entry_id
        camera = self.cameras[detection.camera_id]
        device = dr.async_get(self.hass).async_get_device_by_identifier(
            (DOMAIN, camera.subentry_id), entry_id
        )
        self.hass.bus.async_fire(
            EVENT_DETECTION,
            {
                "entry_id": entry_id,
                "device_id": device.id if device else None,
                "camera": camera.title,
                "camera_folder": camera.data[CONF_FOLDER],
                "type": detection.type.value,
                "raw_type": detection.raw_type,
                "channel": detection.channel,
                "plate": detection.plate,
                "event_time": detection.event_time.isoformat(),
                "arrived": detection.arrived.isoformat(),
                "file": detection.file_name,
                "capture_id": detection.capture_id,
                "media_id": self.media_id(detection.capture_id),
            },
        )


def is_picture(capture: Capture) -> bool:
    """Return True for a snapshot that is worth showing: one that was not cut off."""
    return capture.kind is CaptureKind.SNAPSHOT and capture.complete is not False


def _add[T](listeners: list[Listener[T]], listener: Listener[T]) -> CALLBACK_TYPE:
    """Add a listener and return what removes it again."""
    listeners.append(listener)
    return partial(listeners.remove, listener)
