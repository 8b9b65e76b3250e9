"""Captures as rows of the catalogue, and back."""

from datetime import UTC, date, datetime, timedelta
import sqlite3

from ..model import Capture, CaptureKind, DetectionType

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_us(moment: datetime) -> int:
    """Return microseconds since 1970 UTC of an aware time."""
    return (moment - _EPOCH) // _MICROSECOND


def from_us(us: int) -> datetime:
    """Return the UTC time of microseconds since 1970."""
    return _EPOCH + us * _MICROSECOND


def insert_capture(connection: sqlite3.Connection, capture: Capture) -> None:
    """Add a capture. Raises sqlite3.IntegrityError when its path is taken."""
    connection.execute(
        "INSERT INTO captures (id, camera, day, name, size, sha256, md5, kind, type,"
        " raw_type, channel, event_us, arrived_us, detection_id)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            capture.id,
            capture.camera,
            capture.day.isoformat(),
            capture.name,
            capture.size,
            capture.sha256,
            capture.md5,
            capture.kind,
            capture.type,
            capture.raw_type,
            capture.channel,
            to_us(capture.event_time),
            to_us(capture.arrived),
            capture.detection_id,
        ),
    )


def to_capture(row: sqlite3.Row) -> Capture:
    """Return the capture of a row with all columns of ``captures``."""
    return Capture(
        id=row["id"],
        camera=row["camera"],
        day=date.fromisoformat(row["day"]),
        name=row["name"],
        size=row["size"],
        sha256=row["sha256"],
        md5=row["md5"],
        kind=CaptureKind(row["kind"]),
        type=DetectionType(row["type"]) if row["type"] else None,
        raw_type=row["raw_type"],
        channel=row["channel"],
        event_time=from_us(row["event_us"]),
        arrived=from_us(row["arrived_us"]),
        detection_id=row["detection_id"],
        object_key=row["object_key"],
        uploaded=from_us(row["uploaded_us"]) if row["uploaded_us"] else None,
    )
