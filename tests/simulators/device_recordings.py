"""What a simulated device has on its memory card, as its search tells it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
import xml.etree.ElementTree as ET

from aiohttp import web

PATH = "/ISAPI/ContentMgmt/search"


@dataclass(slots=True, kw_only=True)
class DeviceRecordings:
    """Recordings by track, and the habits of the firmware.

    Times are real ones. ``shift`` is added to them before they are written with a Z:
    the zone, on firmware that writes local time, and what its clock is wrong by.
    """

    tracks: dict[str, list[tuple[datetime, datetime]]] = field(default_factory=dict)
    shift: timedelta = timedelta()
    page: int = 40
    ignores_position: bool = False
    questions: list[dict[str, str]] = field(default_factory=list)
    running: int = 0
    most_at_once: int = 0

    def add(self, track: int, start: datetime, end: datetime) -> None:
        self.tracks.setdefault(str(track), []).append((start, end))

    async def answer(self, request: web.Request, namespace: str) -> web.Response:
        """Answer one search."""
        self.running += 1
        self.most_at_once = max(self.most_at_once, self.running)
        try:
            question = ET.fromstring(await request.read())
        finally:
            self.running -= 1
        asked = {
            one.tag.rpartition("}")[2]: (one.text or "").strip()
            for one in question.iter()
        }
        self.questions.append(asked)
        start, end = (
            datetime.fromisoformat(asked[name]).replace(tzinfo=UTC)
            for name in ("startTime", "endTime")
        )
        written = [
            (begin + self.shift, until + self.shift)
            for begin, until in sorted(self.tracks.get(asked["trackID"], ()))
        ]
        found = [one for one in written if one[0] < end and one[1] > start]
        position = 0 if self.ignores_position else int(asked["searchResultPostion"])
        some = found[position : position + min(self.page, int(asked["maxResults"]))]
        more = position + len(some) < len(found)
        word = "MORE" if more else "OK" if some else "NO MATCHES"
        items = "".join(
            "<searchMatchItem><sourceID>{00000000-0000-0000-0000-000000000000}</sourceID>"
            f"<trackID>{asked['trackID']}</trackID><timeSpan>"
            f"<startTime>{begin:%Y-%m-%dT%H:%M:%SZ}</startTime>"
            f"<endTime>{until:%Y-%m-%dT%H:%M:%SZ}</endTime></timeSpan>"
            "<mediaSegmentDescriptor><contentType>video</contentType>"
            "<codecType>H.264-BP</codecType><playbackURI>rtsp://198.51.100.1/Streaming/"
            f"tracks/{asked['trackID']}/?starttime={begin:%Y%m%dT%H%M%SZ}&amp;"
            f"endtime={until:%Y%m%dT%H%M%SZ}&amp;name=ch01&amp;size=1000"
            "</playbackURI></mediaSegmentDescriptor></searchMatchItem>"
            for begin, until in some
        )
        return web.Response(
            text='<?xml version="1.0" encoding="UTF-8"?>\n'
            f'<CMSearchResult version="2.0" xmlns="{namespace}">'
            f"<searchID>{asked['searchID']}</searchID>"
            "<responseStatus>true</responseStatus>"
            f"<responseStatusStrg>{word}</responseStatusStrg>"
            f"<numOfMatches>{len(some)}</numOfMatches>"
            f"<matchList>{items}</matchList></CMSearchResult>",
            content_type="application/xml",
        )
