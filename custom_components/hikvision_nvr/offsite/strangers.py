"""Captures in the bucket that the catalogue does not know.

Another program put them there, or this recorder did before its catalogue was lost. In
the catalogue they are shown and counted. They are no evidence of this recorder: no
manifest lists what it has not received.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote
import uuid

from ..model import Capture, Describe, DetectionType
from .bucket import DEFAULT_CLASS, Bucket, StoredObject
from .concurrency import for_each
from .keys import ObjectKind, with_suffix
from .transfer import SUFFIX_LENGTH

if TYPE_CHECKING:
    from ..store import Store

_HEADS_AT_ONCE: Final = 16
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


class Strangers:
    """Finds such objects, and adds them to the catalogue on request."""

    def __init__(self, bucket: Bucket, store: Store, describe: Describe) -> None:
        """``describe`` reads the names of files."""
        self._bucket = bucket
        self._store = store
        self._describe = describe

    async def among(
        self, camera: str, day: date, objects: Iterable[StoredObject]
    ) -> list[StoredObject]:
        """Return those of a day's listed objects that no capture stands for."""
        found = [entry for entry in objects if self._is_capture(entry)]
        if not found:
            return []
        # Read after the listing: what was uploaded meanwhile is known by now.
        known: set[str] = set()
        for capture in await self._store.captures.all_on(camera, day):
            if capture.object_key is not None:
                known.add(capture.object_key)
            elif capture.uploaded is None or capture.archive_key is not None:
                # On its way, or left over by an archive that was broken off.
                key = self._bucket.layout.capture_key(capture.relative_path)
                known |= {key, with_suffix(key, capture.sha256[:SUFFIX_LENGTH])}
        return [entry for entry in found if entry.key not in known]

    async def adopt(self, objects: Iterable[StoredObject]) -> set[str]:
        """Add objects to the catalogue; return the keys that it knows now."""
        found: list[Capture] = []

        async def look(entry: StoredObject) -> None:
            stored = await self._bucket.head(entry.key)
            if stored is not None:
                # Some services tell the class in a listing only, some by HEAD only.
                told = {stored.storage_class, entry.storage_class} - {DEFAULT_CLASS}
                found.append(self._capture(stored, min(told, default=DEFAULT_CLASS)))

        await for_each(objects, look, at_once=_HEADS_AT_ONCE)
        adopted = await self._store.bucket.adopt(found)
        if adopted:
            self._store.changed()
        return adopted

    def _is_capture(self, entry: StoredObject) -> bool:
        place = self._bucket.layout.parse(entry.key)
        return place is not None and place.kind is ObjectKind.CAPTURE

    def _capture(self, stored: StoredObject, storage_class: str) -> Capture:
        """Make a capture of what an object, its metadata and its name say."""
        place = self._bucket.layout.parse(stored.key)
        assert place is not None
        assert place.day is not None
        told = {name: unquote(text) for name, text in stored.metadata.items()}
        modified = stored.modified
        with suppress(KeyError, ValueError, OverflowError):
            modified = datetime.fromtimestamp(float(told["mtime"]), UTC)
        sighting = self._describe(place.camera, place.name, modified)
        event_time, type_ = sighting.event_time, sighting.type
        with suppress(KeyError, ValueError):
            event_time = _aware(told["event-time"])
        with suppress(KeyError, ValueError):
            type_ = DetectionType(told["event-type"])
        return Capture(
            id=uuid.uuid4().hex,
            camera=place.camera,
            day=place.day,
            name=place.name,
            size=stored.size,
            sha256=_sha256(told),
            kind=sighting.kind,
            type=type_,
            raw_type=sighting.raw_type,
            channel=told.get("channel", sighting.channel),
            event_time=event_time,
            arrived=stored.modified,
            detection_id=None,
            complete=None,
            width=None,
            height=None,
            name_time=None,
            object_key=stored.key,
            storage_class=storage_class,
            uploaded=stored.modified,
            archive_key=None,
            local=False,
        )


def _aware(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time without its zone")
    return moment.astimezone(UTC)


def _sha256(told: Mapping[str, str]) -> str:
    """Return what the object says is its hash, nothing if it does not."""
    text = told.get("sha256", "")
    return text if _SHA256.fullmatch(text) else ""
