"""What is well and what is not, told from the recorder's status at a moment."""

from datetime import datetime, timedelta

from .model import RecorderStatus

STALLED_AFTER = timedelta(minutes=30)
"""Longer than S3 services are usually away, and than most clips take."""
UNPROTECTED_AFTER = timedelta(minutes=5)
"""A capture is offsite within seconds; what waits for longer is a risk."""


def is_upload_stalled(status: RecorderStatus, started: datetime, now: datetime) -> bool:
    """Return True when captures wait and none has got offsite for a while.

    ``started`` is when the recorder began: what waited while it was off has had no
    chance yet.
    """
    if status.backlog is None or status.backlog.oldest is None:
        return False
    since = max(status.backlog.oldest, status.last_upload or started, started)
    return now - since >= STALLED_AFTER


def is_offsite_protected(status: RecorderStatus, now: datetime) -> bool | None:
    """Return whether all but the newest captures are offsite; None without S3."""
    if status.backlog is None:
        return None
    if status.uploads is not None and status.uploads.quarantined:
        return False
    oldest = status.backlog.oldest
    return oldest is None or now - oldest < UNPROTECTED_AFTER


def is_storage_low(status: RecorderStatus) -> bool:
    """Return True when the disk has too little room, and not by the owner's wish."""
    return status.storage_pressure is not None
