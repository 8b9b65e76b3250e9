"""What cameras have done lately: when they were seen, tested, and their clocks."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from .clock import CameraClock
from .model import Camera, CameraStatus


class CameraActivity:
    """Notes what each camera does, for its sensors."""

    def __init__(
        self, cameras: Iterable[Camera], on_change: Callable[[], None]
    ) -> None:
        """Watch these cameras. ``on_change`` hears of each change of ``statuses``."""
        self._ids = [camera.id for camera in cameras]
        self._on_change = on_change
        self._seen: dict[str, datetime] = {}
        self._tested: dict[str, datetime] = {}
        self._clocks: defaultdict[str, CameraClock] = defaultdict(CameraClock)

    def seen(self, camera: Camera, when: datetime | None = None) -> None:
        """Note that a camera has logged in or delivered, now if it is not said when."""
        self._seen[camera.id] = when or datetime.now(UTC)
        self._on_change()

    def tested(self, camera: Camera) -> None:
        """Note that a camera has tried its connection."""
        self._tested[camera.id] = datetime.now(UTC)
        self.seen(camera)

    def clock(self, camera: Camera) -> CameraClock:
        """Return the camera's clock."""
        return self._clocks[camera.id]

    def statuses(self) -> dict[str, CameraStatus]:
        """Return what is known of each camera, by its id."""
        return {
            camera_id: CameraStatus(
                last_seen=self._seen.get(camera_id),
                last_test=self._tested.get(camera_id),
                clock_offset=self._clocks[camera_id].offset,
            )
            for camera_id in self._ids
        }
