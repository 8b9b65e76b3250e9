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


def plate_key(plate: str) -> str:
    """Return a number plate as it is compared: capital letters and digits only."""
    return "".join(filter(str.isalnum, plate)).upper()


def insert_capture(connection: sqlite3.Connection, capture: Capture) -> None:
    """Add a capture. Raises sqlite3.IntegrityError when its path is taken."""
    values = _values(capture)
    connection.execute(
        f"INSERT INTO captures ({', '.join(values)})"
        f" VALUES ({', '.join(f':{column}' for column in values)})",
        values,
    )


def update_capture(connection: sqlite3.Connection, capture: Capture) -> None:
    """Change a capture. Raises sqlite3.IntegrityError when its path is taken."""
    values = _values(capture)
    connection.execute(
        f"UPDATE captures SET {', '.join(f'{column} = :{column}' for column in values)}"
        ", manifest = NULL WHERE id = :id",
        values,
    )


def delete_capture(capture_id: str, connection: sqlite3.Connection) -> None:
    """Forget a capture and its place in the upload queue."""
    connection.execute("DELETE FROM captures WHERE id = ?", (capture_id,))


def _values(capture: Capture) -> dict[str, str | int | None]:
    return {
        "id": capture.id,
        "camera": capture.camera,
        "day": capture.day.isoformat(),
        "name": capture.name,
        "size": capture.size,
        "sha256": capture.sha256,
        "kind": capture.kind,
        "type": capture.type,
        "raw_type": capture.raw_type,
        "channel": capture.channel,
        "event_us": to_us(capture.event_time),
        "name_us": None if capture.name_time is None else to_us(capture.name_time),
        "arrived_us": to_us(capture.arrived),
        "detection_id": capture.detection_id,
        "complete": capture.complete,
        "width": capture.width,
        "height": capture.height,
        "plate": capture.plate,
        "object_key": capture.object_key,
        "storage_class": capture.storage_class,
        "uploaded_us": None if capture.uploaded is None else to_us(capture.uploaded),
    }


def to_capture(row: sqlite3.Row) -> Capture:
    """Return the capture of a row with all columns of ``captures``."""
    return Capture(
        id=row["id"],
        camera=row["camera"],
        day=date.fromisoformat(row["day"]),
        name=row["name"],
        size=row["size"],
        sha256=row["sha256"],
        kind=CaptureKind(row["kind"]),
        type=DetectionType(row["type"]) if row["type"] else None,
        raw_type=row["raw_type"],
        channel=row["channel"],
        event_time=from_us(row["event_us"]),
        arrived=from_us(row["arrived_us"]),
        detection_id=row["detection_id"],
        complete=None if row["complete"] is None else bool(row["complete"]),
        width=row["width"],
        height=row["height"],
        name_time=_from_us_or_none(row["name_us"]),
        object_key=row["object_key"],
        storage_class=row["storage_class"],
        uploaded=_from_us_or_none(row["uploaded_us"]),
        archive_key=row["archive_key"],
        local=bool(row["local"]),
        plate=row["plate"],
    )


def _from_us_or_none(us: int | None) -> datetime | None:
    return None if us is None else from_us(us)
