"""Cameras: the live picture over RTSP, and a still one at any time."""

import asyncio
import time
from typing import override

import av
from homeassistant.components.camera import Camera, CameraEntityFeature
from homeassistant.components.stream import (
    CONF_RTSP_TRANSPORT,
    CONF_USE_WALLCLOCK_AS_TIMESTAMPS,
)
from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .const import (
    CONF_BRAND,
    CONF_HAS_SUB,
    CONF_HTTP_PORT,
    CONF_LIVE_STREAM,
    LIVE_MAIN,
    LIVE_SUB,
    LOGGER,
)
from .coordinator import RecorderCoordinator, RecorderEntry
from .entity import MAKERS, CameraEntity
from .errors import RecorderError
from .files import async_read_capture, mime_type
from .model import RecordingState
from .recording.still import decode_key_frame, grab_still
from .settings import camera_rtsp_url

PARALLEL_UPDATES = 0

GRAB_TIMEOUT = 8
"""Seconds for a frame: less than the 10 that Home Assistant waits for a picture."""

KEY_FRAME_AGE = 30
"""Seconds after which a picture of the recording is not what the camera sees now."""

GRAB_AGAIN_AFTER = 10
GRAB_AGAIN_AFTER_FAILURE = 60
"""Seconds: a camera that is off must not keep one of the worker threads busy."""


async def async_setup_entry(
    hass: HomeAssistant,
    entry: RecorderEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the camera entity of each camera."""
    coordinator = entry.runtime_data
    for camera_id, camera in coordinator.cameras.items():
        async_add_entities(
            [RecorderCamera(coordinator, camera)], config_subentry_id=camera_id
        )
        if camera.data.get(CONF_HAS_SUB):
            async_add_entities(
                [MainStreamCamera(coordinator, camera)], config_subentry_id=camera_id
            )


class StreamCamera(CameraEntity, Camera):
    """A stream of a camera, and stills."""

    _key: str
    _attr_supported_features = CameraEntityFeature.STREAM

    def __init__(
        self, coordinator: RecorderCoordinator, camera: ConfigSubentry
    ) -> None:
        """Initialize with stream options that Hikvision's streams need."""
        CameraEntity.__init__(self, coordinator, camera, self._key)
        Camera.__init__(self)
        self._attr_brand = MAKERS.get(camera.data[CONF_BRAND])
        self._rtsp_url = camera_rtsp_url(camera, stream=self._stream_number(camera))
        self._has_device = CONF_HTTP_PORT in camera.data
        # Over UDP frames tear on busy networks, and some firmware sends packets
        # without decoding times.
        self.stream_options[CONF_RTSP_TRANSPORT] = "tcp"
        self.stream_options[CONF_USE_WALLCLOCK_AS_TIMESTAMPS] = True
        self._grab_lock = asyncio.Lock()
        self._grab_again = 0.0
        self._grabbed: bytes | None = None
        self._answers = True

    @override
    async def async_added_to_hass(self) -> None:
        """Follow whether the camera is recorded."""
        await super().async_added_to_hass()
        self.async_on_remove(self.coordinator.async_add_listener(self._async_recorded))

    @callback
    def _async_recorded(self) -> None:
        """Tell when the recording has begun or ended."""
        status = self.coordinator.data.recordings.get(self.camera_id)
        recording = status is not None and status.state is RecordingState.RECORDING
        if recording != self._attr_is_recording:
            self._attr_is_recording = recording
            self.async_write_ha_state()

    def _stream_number(self, camera: ConfigSubentry) -> int:
        """Return 1 for the main stream, 2 for the sub stream."""
        raise NotImplementedError

    @override
    async def stream_source(self) -> str:
        """Return the address of the stream, credentials included."""
        return self._rtsp_url

    @override
    async def async_camera_image(
        self, width: int | None = None, height: int | None = None
    ) -> bytes | None:
        """Return a picture from the device, else a frame, else the last snapshot.

        A frame is taken of a stream that somebody watches, or that is recorded. Only a camera that has
        not delivered any snapshot yet is asked for its stream.
        """
        return (
            await self._async_device_picture()
            or await self._async_frame(width, height)
            or await self._async_key_frame()
            or await self._async_last_snapshot()
            or await self._async_grab()
        )

    async def _async_device_picture(self) -> bytes | None:
        """Return a picture that the device makes now, None where it cannot."""
        status = self.coordinator.device_status(self.camera_id)
        if not self._has_device or not status.reachable or status.error is not None:
            return None
        engine = self.coordinator.engine
        try:
            device = engine.devices.of(self.camera_id)
            return await engine.run(device.picture(self.camera_id))
        except RecorderError as err:
            LOGGER.debug("%s: no picture from the device: %s", self.entity_id, err)
            return None

    async def _async_frame(self, width: int | None, height: int | None) -> bytes | None:
        """Return a frame of the stream, None when nobody watches it."""
        if (stream := self.stream) and stream.available and stream.outputs():
            return await stream.async_get_image(width=width, height=height)
        return None

    async def _async_key_frame(self) -> bytes | None:
        """Return the last key picture of a stream that is recorded, unless it is old."""
        frame = self.coordinator.engine.recording.key_frame(self.camera_id)
        if frame is None or time.monotonic() - frame.arrived > KEY_FRAME_AGE:
            return None
        try:
            return await self.hass.async_add_executor_job(decode_key_frame, frame)
        except av.FFmpegError as err:
            LOGGER.debug("%s: no picture of the recording: %s", self.entity_id, err)
            return None

    async def _async_last_snapshot(self) -> bytes | None:
        """Return the last snapshot, None when there is none to show."""
        snapshot = await self.coordinator.async_last_snapshot(self._folder)
        if snapshot and mime_type(snapshot.name) == self.content_type:
            return await async_read_capture(self.coordinator, snapshot)
        return None

    async def _async_grab(self) -> bytes | None:
        """Return a frame straight from the camera, or the one from moments ago."""
        async with self._grab_lock:
            if time.monotonic() < self._grab_again:
                return self._grabbed
            try:
                self._grabbed = await self.hass.async_add_executor_job(
                    lambda: grab_still(self._rtsp_url, timeout=GRAB_TIMEOUT)
                )
            except (OSError, av.FFmpegError) as err:
                self._grabbed = None
                self._grab_again = time.monotonic() + GRAB_AGAIN_AFTER_FAILURE
                if self._answers:
                    # The error's own text holds the address with its password.
                    LOGGER.info(
                        "%s does not give a picture over RTSP: %s",
                        self.entity_id,
                        err.strerror or type(err).__name__,
                    )
                self._answers = False
            else:
                self._grab_again = time.monotonic() + GRAB_AGAIN_AFTER
                if not self._answers:
                    LOGGER.info("%s gives pictures over RTSP again", self.entity_id)
                self._answers = True
            return self._grabbed


class RecorderCamera(StreamCamera):
    """A camera: its live picture is of the stream that its owner has chosen.

    The sub stream is enough for a dashboard, and devices have few main ones to give.
    """

    _attr_name = None
    _key = "camera"

    @override
    def _stream_number(self, camera: ConfigSubentry) -> int:
        data = camera.data
        live = data.get(CONF_LIVE_STREAM, LIVE_MAIN)
        return 2 if live == LIVE_SUB and data.get(CONF_HAS_SUB) else 1


class MainStreamCamera(StreamCamera):
    """A camera's main stream, whichever the live view shows."""

    _attr_entity_registry_enabled_default = False
    _attr_translation_key = "main_stream"
    _key = "main_stream"

    @override
    def _stream_number(self, camera: ConfigSubentry) -> int:
        return 1
