"""What the catalogue knows of a camera's time: detections, coverage, holds, totals.

Every question is answered from an index or from totals that triggers keep, and gives
what comes next a page at a time: a camera may have thousands of detections a day.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from enum import StrEnum
import sqlite3

from ..model import CaptureKind, DetectionType
from .catalogue import Catalogue
from .rows import from_us, plate_key, to_us
from .segments import LONGEST_SEGMENT_US

JOINED_US = 1_000_000
"""Footage with less between it is shown as one."""
_QUARTER_US = 900_000_000
_FIRST_US = -(1 << 62)
_LAST_US = 1 << 62

type Span = tuple[datetime, datetime]


class Place(StrEnum):
    """Where the best picture of a detection is."""

    LOCAL = "local"
    OFFSITE = "offsite"
    ARCHIVED = "archived"
    GONE = "gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEvent:
    """A detection with its best picture.

    ``capture_id`` is None when it never had any. ``name`` and ``kind`` are those of
    the capture, None when there is none or it is gone. ``held`` tells whether the
    detection's time is protected.
    """

    id: str
    camera: str
    type: DetectionType
    time: datetime
    plate: str | None
    region: str | None
    capture_id: str | None
    name: str | None
    kind: CaptureKind | None
    complete: bool | None
    place: Place
    held: bool

    @property
    def cursor(self) -> Cursor:
        """What the next page goes on from."""
        return Cursor(to_us(self.time), self.id)


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place among detections: the time of one (microseconds) and its id."""

    event_us: int
    detection_id: str

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Read what ``str`` has written. Raises ValueError."""
        moment, _, detection_id = text.partition("-")
        event_us = int(moment, 36)
        if not 0 <= event_us < _LAST_US:
            raise ValueError(f"Not a cursor: {text!r}")
        return cls(event_us, detection_id)

    def __str__(self) -> str:
        """Return a text for others to hand back."""
        digits, rest = "", self.event_us
        while rest:
            rest, digit = divmod(rest, 36)
            digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
        return f"{digits or '0'}-{self.detection_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """Which detections are wanted: of a time, a type, a plate or a part of one."""

    start: datetime | None = None
    end: datetime | None = None
    type: DetectionType | None = None
    plate: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DayTotal:
    """What there is of a day: detections, and seconds of footage."""

    day: date
    events: int
    recorded: int


class Timeline:
    """Questions about what happened when."""

    def __init__(self, catalogue: Catalogue) -> None:
        """Ask this catalogue."""
        self._catalogue = catalogue

    async def events(
        self,
        cameras: Collection[str],
        wanted: EventFilter,
        *,
        limit: int,
        newest_first: bool = False,
        after: Cursor | None = None,
        offset: int = 0,
    ) -> list[TimelineEvent]:
        """Return the next detections of some cameras in the order of time."""

        def work(connection: sqlite3.Connection) -> list[TimelineEvent]:
            found: list[sqlite3.Row] = []
            for camera in cameras:
                sql, values = events_query(
                    camera, wanted, newest_first=newest_first, after=after
                )
                found += connection.execute(
                    f"{sql} LIMIT ? OFFSET ?",
                    # Of one camera the index skips; of several all are merged first.
                    (*values, limit, offset)
                    if len(cameras) == 1
                    else (*values, limit + offset, 0),
                )
            if len(cameras) > 1:
                found.sort(
                    key=lambda row: (row["event_us"], row["id"]), reverse=newest_first
                )
                found = found[offset : offset + limit]
            holds = _Holds(connection, found)
            return [_event(row, holds) for row in found]

        return await self._catalogue.read(work)

    async def event(self, detection_id: str) -> TimelineEvent | None:
        """Return one detection, or None."""

        def work(connection: sqlite3.Connection) -> TimelineEvent | None:
            rows = connection.execute(
                f"{_COLUMNS} FROM detections d {_PICTURE} WHERE d.id = ?",
                (detection_id,),
            ).fetchall()
            holds = _Holds(connection, rows)
            return _event(rows[0], holds) if rows else None

        return await self._catalogue.read(work)

    async def counts(
        self, camera: str, spans: Sequence[Span]
    ) -> list[dict[DetectionType, int]]:
        """Return how many detections of each type there are in each of these times."""

        def work(connection: sqlite3.Connection) -> list[dict[DetectionType, int]]:
            return [
                {
                    kind: count
                    for kind in DetectionType
                    if (count := _count(connection, camera, kind, start, end))
                }
                for start, end in spans
            ]

        return await self._catalogue.read(work)

    async def coverage(self, camera: str, start: datetime, end: datetime) -> list[Span]:
        """Return when there is footage within a time, neighbours joined."""
        start_us, end_us = to_us(start), to_us(end)

        def work(connection: sqlite3.Connection) -> list[Span]:
            rows = connection.execute(
                "SELECT start_us, end_us FROM segments WHERE camera = ?"
                " AND start_us > ? AND start_us < ? AND end_us > ? ORDER BY start_us",
                (camera, start_us - LONGEST_SEGMENT_US, end_us, start_us),
            )
            return _joined(rows, start_us, end_us, JOINED_US)

        return await self._catalogue.read(work)

    async def holds(self, camera: str, start: datetime, end: datetime) -> list[Span]:
        """Return which parts of a time are protected."""
        start_us, end_us = to_us(start), to_us(end)

        def work(connection: sqlite3.Connection) -> list[Span]:
            rows = connection.execute(
                "SELECT start_us, end_us FROM holds WHERE camera = ?"
                " AND start_us < ? AND end_us > ? ORDER BY start_us",
                (camera, end_us, start_us),
            )
            return _joined(rows, start_us, end_us, 0)

        return await self._catalogue.read(work)

    async def goes_on(self, camera: str, end: datetime) -> datetime | None:
        """Return from when on there is footage after a time, or None."""
        end_us = to_us(end)

        def work(connection: sqlite3.Connection) -> datetime | None:
            row = connection.execute(
                "SELECT start_us FROM segments WHERE camera = ?"
                " AND start_us > ? AND end_us > ? ORDER BY start_us LIMIT 1",
                (camera, end_us - LONGEST_SEGMENT_US, end_us),
            ).fetchone()
            return None if row is None else from_us(max(end_us, row["start_us"]))

        return await self._catalogue.read(work)

    async def days(
        self, camera: str, first: date, last: date, time_zone: tzinfo
    ) -> list[DayTotal]:
        """Return the days of which there is anything, oldest first.

        A segment that goes on past midnight counts for both days.
        """

        def work(connection: sqlite3.Connection) -> list[DayTotal]:
            known = connection.execute(
                "SELECT min(low), max(high) FROM ("
                "SELECT min(event_us) AS low, max(event_us) AS high FROM detections"
                " WHERE camera = ?1 UNION ALL"
                " SELECT min(start_us), max(end_us) FROM segments WHERE camera = ?1)",
                (camera,),
            ).fetchone()
            found: list[DayTotal] = []
            if known[0] is None:
                return found
            day = max(first, from_us(known[0]).astimezone(time_zone).date())
            until = min(last, from_us(known[1]).astimezone(time_zone).date())
            begin = midnight_us(day, time_zone)
            before = _past(connection, camera, begin)
            while day <= until:
                end = midnight_us(day + timedelta(days=1), time_zone)
                beyond = _past(connection, camera, end)
                recorded = (
                    _recorded(connection, camera, begin, end) + before - beyond
                ) // 1_000_000
                events = _count_all(connection, camera, begin, end)
                if events or recorded:
                    found.append(DayTotal(day=day, events=events, recorded=recorded))
                day, begin, before = day + timedelta(days=1), end, beyond
            return found

        return await self._catalogue.read(work)


def midnight_us(day: date, time_zone: tzinfo) -> int:
    """Return when a day begins, in microseconds since 1970 UTC."""
    return to_us(datetime.combine(day, time.min, time_zone))


_COLUMNS = (
    "SELECT d.id, d.camera, d.type, d.event_us, d.plate, d.region, d.capture_id,"
    " c.id AS found, c.name, c.kind, c.complete, c.local,"
    " c.object_key IS NOT NULL AS offsite, c.archive_key IS NOT NULL AS archived"
)
_PICTURE = "LEFT JOIN captures c ON c.id = d.capture_id"


def events_query(
    camera: str, wanted: EventFilter, *, newest_first: bool, after: Cursor | None
) -> tuple[str, tuple[str | int, ...]]:
    """Return the statement for detections of a camera in order, and its values."""
    first = _FIRST_US if wanted.start is None else to_us(wanted.start)
    last = _LAST_US if wanted.end is None else to_us(wanted.end)
    sign, order = (">", "ASC") if not newest_first else ("<", "DESC")
    # A row of a table without row ids is fetched before it is known whether it is wanted.
    # Of a plate the index alone tells, and what it does not find costs no more.
    one = "known" if wanted.plate else "d"
    where = f"{one}.camera = ? AND {one}.event_us >= ? AND {one}.event_us < ?"
    values: list[str | int] = [camera, first, last]
    if after is not None:
        if newest_first:
            values[2] = min(last, after.event_us + 1)
        else:
            values[1] = max(first, after.event_us)
        where += f" AND ({one}.event_us, {one}.id) {sign} (?, ?)"
        values += [after.event_us, after.detection_id]
    if wanted.type is not None:
        where += " AND d.type = ?"
        values.append(wanted.type.value)
    if wanted.plate:
        where += " AND known.plate_key IS NOT NULL AND instr(known.plate_key, ?)"
        values.append(plate_key(wanted.plate))
        source = (
            "detections known INDEXED BY detections_plates"
            " CROSS JOIN detections d ON d.id = known.id"
        )
    else:
        # Without statistics SQLite takes any index that has the camera and the time.
        index = "detections_newest" if wanted.type is None else "detections_by_type"
        source = f"detections d INDEXED BY {index}"
    sorting = f"{one}.event_us {order}, {one}.id {order}"
    sql = f"{_COLUMNS} FROM {source} {_PICTURE} WHERE {where} ORDER BY {sorting}"
    return sql, tuple(values)


class _Holds:
    """The protected times of some cameras, as far as detections need them."""

    def __init__(
        self, connection: sqlite3.Connection, rows: Sequence[sqlite3.Row]
    ) -> None:
        self._spans: dict[str, list[tuple[int, int]]] = {}
        for camera in {row["camera"] for row in rows}:
            times = [row["event_us"] for row in rows if row["camera"] == camera]
            self._spans[camera] = [
                (start_us, end_us)
                for start_us, end_us in connection.execute(
                    "SELECT start_us, end_us FROM holds WHERE camera = ?"
                    " AND start_us <= ? AND end_us >= ?",
                    (camera, max(times), min(times)),
                )
            ]

    def include(self, camera: str, event_us: int) -> bool:
        return any(start <= event_us <= end for start, end in self._spans[camera])


def _event(row: sqlite3.Row, holds: _Holds) -> TimelineEvent:
    (
        detection_id,
        camera,
        kind,
        event_us,
        plate,
        region,
        capture_id,
        found,
        name,
        capture_kind,
        complete,
        local,
        offsite,
        archived,
    ) = row
    if found is None:
        place = Place.GONE
    elif local:
        place = Place.LOCAL
    elif offsite:
        place = Place.OFFSITE
    else:
        place = Place.ARCHIVED if archived else Place.GONE
    return TimelineEvent(
        id=detection_id,
        camera=camera,
        type=DetectionType(kind),
        time=from_us(event_us),
        plate=plate,
        region=region,
        capture_id=capture_id,
        name=name,
        kind=None if capture_kind is None else CaptureKind(capture_kind),
        complete=None if complete is None else bool(complete),
        place=place,
        held=holds.include(camera, event_us),
    )


def _joined(
    rows: sqlite3.Cursor, start_us: int, end_us: int, gap_us: int
) -> list[Span]:
    """Join what follows without a gap, and cut it to a time."""
    spans: list[list[int]] = []
    for begin, until in rows:
        if spans and begin - spans[-1][1] <= gap_us:
            spans[-1][1] = max(spans[-1][1], until)
        else:
            spans.append([begin, until])
    return [
        (from_us(max(begin, start_us)), from_us(min(until, end_us)))
        for begin, until in spans
    ]


def _count(
    connection: sqlite3.Connection,
    camera: str,
    kind: DetectionType,
    start: datetime,
    end: datetime,
) -> int:
    (count,) = connection.execute(
        "SELECT count(*) FROM detections WHERE camera = ? AND type = ?"
        " AND event_us >= ? AND event_us < ?",
        (camera, kind.value, to_us(start), to_us(end)),
    ).fetchone()
    return int(count)


def _count_all(
    connection: sqlite3.Connection, camera: str, start_us: int, end_us: int
) -> int:
    (count,) = connection.execute(
        "SELECT count(*) FROM detections WHERE camera = ?"
        " AND event_us >= ? AND event_us < ?",
        (camera, start_us, end_us),
    ).fetchone()
    return int(count)


def _recorded(
    connection: sqlite3.Connection, camera: str, start_us: int, end_us: int
) -> int:
    (us,) = connection.execute(
        "SELECT coalesce(sum(us), 0) FROM recorded_quarters WHERE camera = ?"
        " AND quarter >= ? AND quarter < ?",
        (camera, start_us // _QUARTER_US, end_us // _QUARTER_US),
    ).fetchone()
    return int(us)


def _past(connection: sqlite3.Connection, camera: str, moment_us: int) -> int:
    """Return how much of the segments that begin before a moment lies after it."""
    (us,) = connection.execute(
        "SELECT coalesce(sum(end_us - ?1), 0) FROM segments WHERE camera = ?2"
        " AND start_us > ?3 AND start_us < ?1 AND end_us > ?1",
        (moment_us, camera, moment_us - LONGEST_SEGMENT_US),
    ).fetchone()
    return int(us)
