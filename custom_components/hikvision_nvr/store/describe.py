"""Makes a capture of a file in its place and of what its name and bytes say."""

from datetime import date, datetime

from ..model import Capture, Sighting
from .content import Content


def describe_capture(
    capture_id: str,
    *,
    camera: str,
    day: date,
    name: str,
    size: int,
    sha256: str,
    sighting: Sighting,
    content: Content,
    arrived: datetime,
    detection_id: str | None = None,
) -> Capture:
    """Return the capture of a file that S3 does not have yet."""
    return Capture(
        id=capture_id,
        camera=camera,
        day=day,
        name=name,
        size=size,
        sha256=sha256,
        kind=sighting.kind,
        type=sighting.type,
        raw_type=sighting.raw_type,
        channel=sighting.channel,
        event_time=sighting.event_time,
        name_time=sighting.name_time,
        arrived=arrived,
        detection_id=detection_id,
        complete=content.complete,
        width=content.width,
        height=content.height,
        plate=sighting.plate,
    )
