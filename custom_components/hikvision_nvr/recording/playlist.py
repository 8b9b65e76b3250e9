"""HLS playlists (RFC 8216) over segments as they are on the disk, by byte range."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from ..store.mp4 import TIMESCALE, Fragment
from ..store.segment import Segment

_ENTRY = 6 * TIMESCALE
"""What a player loads at once: short enough to seek fast, long enough to be few."""
_LONGEST_ENTRY = 4 * _ENTRY
"""After which an entry ends even where no key frame begins the next one."""
GAP_US = 500_000
"""Between two segments; less is only the drift of clocks."""

type Footage = tuple[Segment, list[Fragment]]


@dataclass(frozen=True, slots=True)
class Piece:
    """Which time a part of a playlist shows; ``offset`` is its place in it (seconds)."""

    start: datetime
    end: datetime
    offset: float


def stretches(footage: Iterable[Footage]) -> list[list[Footage]]:
    """Cut footage wherever its codec or its set of tracks changes.

    Players end up in an endless loop where a track comes or goes within one playlist.
    """
    found: list[list[Footage]] = []
    for one in footage:
        if found and found[-1][-1][0].tracks == one[0].tracks:
            found[-1].append(one)
        else:
            found.append([one])
    return found


def media_playlist(
    footage: Iterable[Footage],
    start: datetime,
    end: datetime,
    url: Callable[[Segment], str],
) -> str:
    """Return the playlist of footage of one kind, between two times.

    Each file begins at 0 on its own clock, so each is a discontinuity to players;
    gaps are told as date ranges, and collapse on the player's own timeline.
    """
    lines: list[str] = []
    longest = 0
    before: Segment | None = None
    for segment, fragments in footage:
        entries = _entries(segment, fragments, chosen(segment, fragments, start, end))
        if not entries:
            continue
        if before is not None:
            if segment.info.start_us - before.end_us > GAP_US:
                lines.append(_gap(before.end, segment.start))
            lines.append("#EXT-X-DISCONTINUITY")
        before = segment
        name = url(segment)
        lines.append(f'#EXT-X-MAP:URI="{name}",BYTERANGE="{segment.init_size}@0"')
        lines.append(f"#EXT-X-PROGRAM-DATE-TIME:{_at(segment, entries[0][2])}")
        for offset, following, first, last in entries:
            ticks = last - first
            longest = max(longest, ticks)
            lines.append(
                f"#EXTINF:{ticks / TIMESCALE:.6f},\n"
                f"#EXT-X-BYTERANGE:{following - offset}@{offset}\n{name}"
            )
    head = [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        f"#EXT-X-TARGETDURATION:{max(1, ceil(longest / TIMESCALE))}",
        "#EXT-X-PLAYLIST-TYPE:VOD",
    ]
    return "\n".join([*head, *lines, "#EXT-X-ENDLIST", ""])


def pieces(footage: Iterable[Footage], start: datetime, end: datetime) -> list[Piece]:
    """Return which time is where in the playlist of the same footage and times."""
    found: list[Piece] = []
    offset = 0
    for segment, fragments in footage:
        wanted = chosen(segment, fragments, start, end)
        if not wanted:
            continue
        begin, until = fragments[wanted.start].start, segment.ticks
        if wanted.stop < len(fragments):
            until = fragments[wanted.stop].start
        found.append(
            Piece(
                segment.start + timedelta(seconds=begin / TIMESCALE),
                segment.start + timedelta(seconds=until / TIMESCALE),
                offset / TIMESCALE,
            )
        )
        offset += until - begin
    return found


def master_playlist(codecs: Iterable[str], url: str) -> str:
    """Return a playlist that says which codecs a player must know.

    A player that does not know them then says so, instead of trying for ever. With
    one variant only, Home Assistant's own player would not play at all.
    """
    names = ",".join(codecs)
    variants = [
        f'#EXT-X-STREAM-INF:BANDWIDTH={bandwidth},CODECS="{names}"\n{url}'
        for bandwidth in (8_000_000, 8_000_001)
    ]
    return "\n".join(["#EXTM3U", "#EXT-X-VERSION:7", *variants, ""])


def chosen(
    segment: Segment, fragments: list[Fragment], start: datetime, end: datetime
) -> range:
    """Return which fragments a time needs: from the key frame before it on."""
    begin = (start - segment.start).total_seconds() * TIMESCALE
    until = (end - segment.start).total_seconds() * TIMESCALE
    first, last = 0, len(fragments)
    if begin > 0:
        for number, fragment in enumerate(fragments):
            if fragment.start > begin:
                break
            if fragment.key:
                first = number
    while last > first and fragments[last - 1].start >= until:
        last -= 1
    return range(first, last)


def _entries(
    segment: Segment, fragments: list[Fragment], wanted: range
) -> list[tuple[int, int, int, int]]:
    """Return what a player loads at once: offsets and ticks, first and last."""
    if not wanted:
        return []
    entries: list[tuple[int, int, int, int]] = []
    offset, begin, _ = fragments[wanted.start]
    for following, start, key in fragments[wanted.start + 1 : wanted.stop]:
        ticks = start - begin
        if ticks >= _LONGEST_ENTRY or (key and ticks >= _ENTRY):
            entries.append((offset, following, begin, start))
            offset, begin = following, start
    last, end = segment.size, segment.ticks
    if wanted.stop < len(fragments):
        last, end, _ = fragments[wanted.stop]
    entries.append((offset, last, begin, end))
    return entries


def _at(segment: Segment, ticks: int) -> str:
    at = segment.start.timestamp() + ticks / TIMESCALE
    moment = datetime.fromtimestamp(at, segment.start.tzinfo)
    return moment.isoformat(timespec="milliseconds")


def _gap(begin: datetime, end: datetime) -> str:
    seconds = (end - begin).total_seconds()
    return (
        f'#EXT-X-DATERANGE:ID="gap-{begin.timestamp():.0f}",CLASS="gap",'
        f'START-DATE="{begin.isoformat(timespec="milliseconds")}",'
        f"DURATION={seconds:.3f}"
    )
