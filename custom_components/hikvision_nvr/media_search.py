"""Finds captures by what somebody types: a camera, a type, a day, a number plate."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
import re

from homeassistant.components.media_source import BrowseMediaSource
from homeassistant.util import dt as dt_util

from .const import CONF_FOLDER
from .coordinator import RecorderCoordinator
from .media_id import CameraId, DayId, MediaId, Scheduled, SectionId
from .media_tree import MediaTree, Texts, day_bounds
from .model import Capture, DetectionType
from .store.timeline import EventFilter, Place, TimelineEvent

MOST_FOUND = 200
_DAY = re.compile(r"\b(\d{4})-(\d{1,2})-(\d{1,2})\b")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a text asks for."""

    cameras: frozenset[str] | None
    type: DetectionType | None
    day: date | None
    plate: str


def understand(text: str, cameras: dict[str, str], texts: Texts) -> Wanted:
    """Read a text; ``cameras`` are folders by the names of their cameras.

    What is neither a camera nor a type nor a day is a number plate or a part of one.
    """
    rest = f" {text.casefold()} "
    day = None
    if (match := _DAY.search(rest)) is not None:
        try:
            day = date(*(int(number) for number in match.groups()))
        except ValueError:
            day = None
        else:
            rest = rest.replace(match[0], " ")
    kinds = {texts.type(kind).casefold(): kind for kind in DetectionType}
    kinds |= {kind.value.replace("_", " "): kind for kind in DetectionType}
    kinds |= {kind.value: kind for kind in DetectionType}
    kind, rest = _take(rest, kinds)
    by_name = {name.casefold(): found for name, found in cameras.items()}
    camera, rest = _take(rest, by_name)
    return Wanted(
        None if camera is None else frozenset({camera}),
        kind,
        day,
        "".join(filter(str.isalnum, rest)),
    )


def _take[T](text: str, names: Mapping[str, T]) -> tuple[T | None, str]:
    """Return what the longest name in a text stands for, and the text without it."""
    for name in sorted(names, key=len, reverse=True):
        if name and f" {name} " in text:
            return names[name], text.replace(f" {name} ", " ", 1)
    return None, text


async def async_search(
    recorder: RecorderCoordinator,
    media_id: MediaId,
    text: str,
    tree: MediaTree,
    texts: Texts,
) -> list[tuple[datetime, BrowseMediaSource]]:
    """Return the newest captures that are meant, below an identifier.

    Raises RecorderError.
    """
    folders = {
        camera.title: camera.data[CONF_FOLDER] for camera in recorder.cameras.values()
    }
    wanted = understand(text, folders, texts)
    below = set(folders.values()) if wanted.cameras is None else set(wanted.cameras)
    kind, days = wanted.type, [] if wanted.day is None else [wanted.day]
    match media_id:
        case CameraId() | SectionId():
            below &= {media_id.folder}
        case DayId():
            below &= {media_id.folder}
            days.append(media_id.day)
            if isinstance(media_id.type, DetectionType):
                if kind not in (None, media_id.type):
                    return []
                kind = media_id.type
            elif isinstance(media_id.type, Scheduled):
                return []
    bounds = [day_bounds(day) for day in days]
    start = max((begin for begin, _ in bounds), default=None)
    end = min((until for _, until in bounds), default=None)
    if isinstance(media_id, DayId) and media_id.hour is not None and start is not None:
        begin = day_bounds(media_id.day)[0] + timedelta(hours=media_id.hour)
        start = max(start, begin)
        end = min(end or start, begin + timedelta(hours=1))
    engine = recorder.engine
    events = await engine.run(
        engine.store.timeline.events(
            sorted(below),
            EventFilter(start=start, end=end, type=kind, plate=wanted.plate or None),
            limit=MOST_FOUND,
            newest_first=True,
        )
    )
    ids = [one.capture_id for one in events if one.place is not Place.GONE]
    captures = await engine.run(
        engine.store.captures.get_many([one for one in ids if one is not None])
    )
    return [
        (one.time, tree.capture(capture, _title(one, capture, tree, texts)))
        for one in events
        if (capture := captures.get(one.capture_id or "")) is not None
    ]


def _title(
    event: TimelineEvent, capture: Capture, tree: MediaTree, texts: Texts
) -> str:
    return " ".join(
        filter(
            None,
            (
                f"{dt_util.as_local(event.time):%Y-%m-%d %H:%M:%S}",
                tree.camera_name(capture.camera),
                texts.type(event.type),
                event.plate,
            ),
        )
    )
