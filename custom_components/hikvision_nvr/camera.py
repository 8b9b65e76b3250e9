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
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .const import CONF_BRAND, LOGGER
from .coordinator import RecorderCoordinator, RecorderEntry
from .entity import MAKERS, CameraEntity
from .files import async_read_capture, mime_type
from .recording.still import grab_still
from .settings import camera_rtsp_url

PARALLEL_UPDATES = 0

GRAB_TIMEOUT = 8
"""Seconds for a frame: less than the 10 that Home Assistant waits for a picture."""

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


class RecorderCamera(CameraEntity, Camera):
    """A camera's main stream."""

    _attr_name = None
    _attr_supported_features = CameraEntityFeature.STREAM

    def __init__(
        self, coordinator: RecorderCoordinator, camera: ConfigSubentry
    ) -> None:
        """Initialize with stream options that Hikvision's streams need."""
        CameraEntity.__init__(self, coordinator, camera, "camera")
        Camera.__init__(self)
        self._attr_brand = MAKERS.get(camera.data[CONF_BRAND])
        self._rtsp_url = camera_rtsp_url(camera)
        # Over UDP frames tear on busy networks, and some firmware sends packets
        # without decoding times.
        self.stream_options[CONF_RTSP_TRANSPORT] = "tcp"
        self.stream_options[CONF_USE_WALLCLOCK_AS_TIMESTAMPS] = True
        self._grab_lock = asyncio.Lock()
        self._grab_again = 0.0
        self._grabbed: bytes | None = None
        self._answers = True

    @override
    async def stream_source(self) -> str:
        """Return the address of the stream, credentials included."""
        return self._rtsp_url

    @override
    async def async_camera_image(
        self, width: int | None = None, height: int | None = None
    ) -> bytes | None:
        """Return a frame of the stream when somebody watches, else the last snapshot.

        Only a camera that has not delivered any snapshot yet is asked for a frame.
        """
        return (
            await self._async_frame(width, height)
            or await self._async_last_snapshot()
            or await self._async_grab()
        )

    async def _async_frame(self, width: int | None, height: int | None) -> bytes | None:
        """Return a frame of the stream, None when nobody watches it."""
        if (stream := self.stream) and stream.available and stream.outputs():
            return await stream.async_get_image(width=width, height=height)
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
