"""Makes detections of sightings: all files of one incident are one detection."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
import uuid

from .model import Camera, Detection, DetectionType, Sighting

_LONGEST = timedelta(seconds=60)
"""After this an incident that goes on is told again."""


@dataclass(slots=True)
class _Incident:
    detection: Detection
    first_event: datetime
    last_event: datetime
    last_arrival: datetime

    def includes(
        self, event_time: datetime, arrived: datetime, window: timedelta
    ) -> bool:
        # A file that is sent again, however late, tells of nothing new.
        if self.first_event <= event_time <= self.last_event:
            return True
        return (
            arrived <= self.last_arrival + window
            and self.first_event - window <= event_time <= self.last_event + window
            and event_time <= self.first_event + max(window, _LONGEST)
        )


class Detections:
    """Groups sightings per camera and type, and tells of each new detection once."""

    def __init__(self, on_detection: Callable[[Detection], None]) -> None:
        """Call ``on_detection`` for each new detection."""
        self._on_detection = on_detection
        self._latest: dict[tuple[str, DetectionType], _Incident] = {}

    def observe(
        self,
        camera: Camera,
        sighting: Sighting,
        *,
        arrived: datetime,
        file_name: str,
        capture_id: str,
    ) -> Detection | None:
        """Return the detection that a file belongs to; None for a scheduled picture.

        A file belongs to an incident when it comes within the camera's burst window
        after the incident's last file.
        """
        if sighting.type is None:
            return None
        key = (camera.id, sighting.type)
        incident = self._latest.get(key)
        if incident is not None and incident.includes(
            sighting.event_time, arrived, camera.burst_window
        ):
            incident.first_event = min(incident.first_event, sighting.event_time)
            incident.last_event = max(incident.last_event, sighting.event_time)
            incident.last_arrival = arrived
            return incident.detection
        detection = Detection(
            id=uuid.uuid4().hex,
            camera_id=camera.id,
            type=sighting.type,
            raw_type=sighting.raw_type,
            channel=sighting.channel,
            plate=sighting.plate,
            event_time=sighting.event_time,
            arrived=arrived,
            file_name=file_name,
            capture_id=capture_id,
        )
        self._latest[key] = _Incident(
            detection, sighting.event_time, sighting.event_time, arrived
        )
        self._on_detection(detection)
        return detection
