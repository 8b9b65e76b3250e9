"""Makes detections of sightings and device events: one for each incident.

A camera tells of an incident by the files it uploads, its device by its event stream,
and often both: whichever comes first is told, and the first file becomes its picture.
"""

from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
import uuid

from .model import Camera, Detection, DetectionType, Sighting

_LONGEST = timedelta(seconds=60)
"""After this an incident that goes on is told again."""
_RESENT = timedelta(minutes=10)
"""So long a camera's own times tell that a file belongs to an incident. When its clock
restarts they come again."""
_REMEMBERED = 250
"""Incidents of a camera, each of some 900 bytes: one that could not deliver for hours
brings it all."""


@dataclass(slots=True)
class _Span:
    """From when to when an incident has been seen, by one clock."""

    first: datetime
    last: datetime

    def extend(self, time: datetime) -> None:
        """Let the incident have been seen at this time, too."""
        self.first = min(self.first, time)
        self.last = max(self.last, time)

    def includes(self, time: datetime, window: timedelta, *, in_turn: bool) -> bool:
        """Tell whether what was seen then belongs to the incident.

        ``in_turn`` is whether it came when the incident's others did.
        """
        # A file that is sent again, however late, tells of nothing new.
        if self.first <= time <= self.last:
            return True
        return (
            in_turn
            and self.first - window <= time <= self.last + window
            and time <= self.first + max(window, _LONGEST)
        )


@dataclass(slots=True)
class Incident:
    """An incident so far. Its detection gains what was not known at first."""

    detection: Detection
    last_arrival: datetime
    seen: _Span
    named: _Span | None
    """By the camera's own clock: what that is wrong by may be learned on the way."""
    noted: tuple[str | None, str | None] | None = None
    """Plate and region as the catalogue has been told them, None if it was not yet."""

    def takes(self, sighting: Sighting, arrived: datetime, window: timedelta) -> bool:
        """Take something that was seen, if it belongs to this incident."""
        # Nor does one tell of anything new that should have come with the others.
        late = arrived > sighting.event_time + window
        in_turn = late or arrived <= self.last_arrival + window
        takes = self.seen.includes(sighting.event_time, window, in_turn=in_turn)
        if takes:
            self.seen.extend(sighting.event_time)
        if (named := sighting.name_time) is not None:
            if self.named is None:
                self.named = _Span(named, named) if takes else None
            elif arrived <= self.last_arrival + _RESENT and self.named.includes(
                named, window, in_turn=in_turn
            ):
                self.named.extend(named)
                takes = True
        if takes:
            self.last_arrival = arrived
        return takes


class Detections:
    """Groups sightings per camera and type, and tells of each new detection once."""

    def __init__(
        self,
        on_detection: Callable[[Detection], None],
        on_goes_on: Callable[[Detection], None] = lambda _detection: None,
        on_picture: Callable[[Detection], None] = lambda _detection: None,
    ) -> None:
        """Call ``on_detection`` for each new detection.

        ``on_goes_on`` hears each time a device says that it is not over,
        ``on_picture`` when one that was told without a file gets its first.
        """
        self._on_detection = on_detection
        self._on_goes_on = on_goes_on
        self._on_picture = on_picture
        self._known: defaultdict[str, deque[Incident]] = defaultdict(
            lambda: deque(maxlen=_REMEMBERED)
        )

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
        after what was last heard of the incident.
        """
        if sighting.type is None:
            return None
        incident, new = self._incident(
            camera, sighting, sighting.type, arrived, file_name, capture_id
        )
        if not new:
            self.add_picture(incident, file_name, capture_id, plate=sighting.plate)
        return incident.detection

    def hear(
        self,
        camera: Camera,
        sighting: Sighting,
        kind: DetectionType,
        *,
        arrived: datetime,
        region: str | None,
    ) -> tuple[Incident, bool]:
        """Return the incident that a device event belongs to, and whether it is new."""
        incident, new = self._incident(
            camera, sighting, kind, arrived, None, None, region
        )
        if not new:
            known = incident.detection
            incident.detection = replace(
                known,
                plate=known.plate or sighting.plate,
                region=known.region or region,
            )
            self._on_goes_on(incident.detection)
        return incident, new

    def add_picture(
        self,
        incident: Incident,
        file_name: str,
        capture_id: str,
        *,
        plate: str | None = None,
    ) -> None:
        """Give an incident its picture, if it has none yet."""
        known = incident.detection
        if known.capture_id is None:
            incident.detection = replace(
                known,
                file_name=file_name,
                capture_id=capture_id,
                plate=known.plate or plate,
            )
            self._on_picture(incident.detection)

    def _incident(
        self,
        camera: Camera,
        sighting: Sighting,
        kind: DetectionType,
        arrived: datetime,
        file_name: str | None,
        capture_id: str | None,
        region: str | None = None,
    ) -> tuple[Incident, bool]:
        known = self._known[camera.id]
        for incident in reversed(known):
            if incident.detection.type == kind and incident.takes(
                sighting, arrived, camera.burst_window
            ):
                return incident, False
        detection = Detection(
            id=uuid.uuid4().hex,
            camera_id=camera.id,
            type=kind,
            raw_type=sighting.raw_type,
            channel=sighting.channel,
            plate=sighting.plate,
            event_time=sighting.event_time,
            arrived=arrived,
            file_name=file_name,
            capture_id=capture_id,
            region=region,
        )
        named = sighting.name_time
        incident = Incident(
            detection,
            last_arrival=arrived,
            seen=_Span(sighting.event_time, sighting.event_time),
            named=None if named is None else _Span(named, named),
        )
        known.append(incident)
        self._on_detection(detection)
        return incident, True
