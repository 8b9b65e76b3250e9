"""What a device has recorded itself, on its memory card or disks.

The search is Hikvision's ``ContentMgmt/search`` (ISAPI). Its times end in ``Z``, which
on much firmware means the device's local time all the same: ``read_times`` finds out
which it is by where there is footage, because none can come from the future.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
import uuid
from xml.etree.ElementTree import Element, SubElement

from ..errors import DeviceAnswerError
from . import xml
from .client import IsapiClient
from .describe import device_time, read_clock_offset, utc_offset

SEARCH_PATH: Final = "/ISAPI/ContentMgmt/search"
_PAGE: Final = 40
"""Matches of one answer; recorders give 64 at most, old cameras 40."""
_MOST_PAGES: Final = 100
_SAME: Final = timedelta(seconds=1)
"""Two recordings with less between them follow each other."""
_SLACK: Final = timedelta(minutes=2)
_NAMESPACE: Final = "http://www.isapi.org/ver20/XMLSchema"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRecording:
    """Footage on a device without a hole, by this machine's clock (UTC)."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class DeviceTimes:
    """How a device writes times: ``shift`` is added to what it writes to get UTC."""

    shift: timedelta

    def written(self, moment: datetime) -> datetime:
        """Return a time as the device would write it."""
        return moment.astimezone(UTC) - self.shift

    def read(self, written: datetime) -> datetime:
        """Return when it was what the device has written."""
        return written + self.shift


def track_of(channel: int) -> int:
    """Return the number of a channel's main recording."""
    return channel * 100 + 1


async def read_times(client: IsapiClient, channel: int) -> DeviceTimes:
    """Find out what the device means by its times. Raises DeviceError.

    Written in UTC or in local time, the newest footage seems to be at one of two
    moments, and the later one may be in the future, which it cannot be. Where the last
    hours have no footage at all, local time is the usual meaning.
    """
    offset = await _clock_offset(client)
    zone = await _zone(client)
    if not zone:
        return DeviceTimes(offset)
    in_utc, in_local = DeviceTimes(offset), DeviceTimes(offset - zone)
    now = datetime.now(UTC)
    later, earlier = (in_local, in_utc) if zone > timedelta() else (in_utc, in_local)
    begin, end = earlier.written(now), later.written(now)
    if any(
        until > begin + _SLACK
        for _, until in await _search(client, channel, begin + _SLACK, end + _SLACK)
    ):
        return later
    if await _search(client, channel, begin - abs(zone), begin + _SLACK):
        return earlier
    return in_local


async def find_recordings(
    client: IsapiClient,
    channel: int,
    start: datetime,
    end: datetime,
    times: DeviceTimes,
) -> list[DeviceRecording]:
    """Return what the device has of a time, oldest first. Raises DeviceError."""
    found: list[DeviceRecording] = []
    matches = await _search(client, channel, times.written(start), times.written(end))
    for first, last in sorted(matches):
        begin = max(times.read(first), start)
        until = min(times.read(last), end)
        if until <= begin:
            continue
        if found and begin - found[-1].end <= _SAME:
            begin, until = found[-1].start, max(until, found[-1].end)
            found.pop()
        found.append(DeviceRecording(start=begin, end=until))
    return found


async def _clock_offset(client: IsapiClient) -> timedelta:
    """Return what must be added to the device's clock, in whole seconds.

    It tells the second that has begun, which is half a second ago on average: less
    than two are no difference that can be told from that.
    """
    seconds = (await read_clock_offset(client) or 0.5) - 0.5
    return timedelta(seconds=round(seconds) if abs(seconds) >= 1.5 else 0)


async def _zone(client: IsapiClient) -> timedelta | None:
    """Return how far the device's local time is from UTC, None where it is not told."""
    root = await client.get_if_supported("/ISAPI/System/time")
    if root is None:
        return None
    told = device_time(xml.text(root, "localTime"))
    if told is None:
        return None
    if told.tzinfo is not None:
        return told.utcoffset()
    return utc_offset(xml.text(root, "timeZone"))


async def _search(
    client: IsapiClient, channel: int, start: datetime, end: datetime
) -> list[tuple[datetime, datetime]]:
    """Return begin and end of all matches, as the device writes them."""
    found: set[tuple[datetime, datetime]] = set()
    search_id = str(uuid.uuid4()).upper()
    position = 0
    for _ in range(_MOST_PAGES):
        root = await client.post(
            SEARCH_PATH, _question(search_id, channel, start, end, position)
        )
        if xml.local_name(root) != "CMSearchResult":
            raise DeviceAnswerError(
                f"{client.login.host} sent an unusable answer to {SEARCH_PATH}"
            )
        matches = _matches(root)
        before = len(found)
        found.update(matches)
        # One that ignores the position would send the first page for ever.
        if (
            xml.text(root, "responseStatusStrg").upper() != "MORE"
            or len(found) == before
        ):
            break
        position += len(matches)
    return list(found)


def _question(
    search_id: str, channel: int, start: datetime, end: datetime, position: int
) -> Element:
    root = Element("CMSearchDescription", {"version": "1.0", "xmlns": _NAMESPACE})
    SubElement(root, "searchID").text = search_id
    tracks = SubElement(root, "trackIDList")
    SubElement(tracks, "trackID").text = str(track_of(channel))
    span = SubElement(SubElement(root, "timeSpanList"), "timeSpan")
    SubElement(span, "startTime").text = f"{start:%Y-%m-%dT%H:%M:%SZ}"
    SubElement(span, "endTime").text = f"{end:%Y-%m-%dT%H:%M:%SZ}"
    SubElement(root, "maxResults").text = str(_PAGE)
    # Misspelt in the protocol.
    SubElement(root, "searchResultPostion").text = str(position)
    kinds = SubElement(root, "metadataList")
    SubElement(kinds, "metadataDescriptor").text = "//recordType.meta.std-cgi.com"
    return root


def _matches(root: Element) -> list[tuple[datetime, datetime]]:
    found = []
    matches = xml.find(root, "matchList")
    for item in () if matches is None else xml.children(matches, "searchMatchItem"):
        begin, end = (
            device_time(xml.text(item, "timeSpan", name))
            for name in ("startTime", "endTime")
        )
        if begin is None or end is None:
            continue
        # What zone they say is not to be believed.
        begin, end = begin.replace(tzinfo=UTC), end.replace(tzinfo=UTC)
        if end > begin:
            found.append((begin, end))
    return found
