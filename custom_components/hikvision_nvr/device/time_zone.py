"""Time zones as devices write them."""

from importlib import resources
from pathlib import Path
import re
from zoneinfo import TZPATH, ZoneInfo

_RULE = re.compile(
    r"(?:[A-Za-z]+|<[^>]+>)(?P<offset>[+-]?\d{1,2}(?::\d\d)*)"
    r"(?:(?:[A-Za-z]+|<[^>]+>)(?P<summer>[+-]?\d{1,2}(?::\d\d)*)?"
    r",(?P<begin>M[\d.]+)(?:/(?P<begin_time>[+-]?\d{1,3}(?::\d\d)*))?"
    r",(?P<end>M[\d.]+)(?:/(?P<end_time>[+-]?\d{1,3}(?::\d\d)*))?)?"
)


def device_time_zone(zone: ZoneInfo) -> str | None:
    """Return a zone as ISAPI writes it (blocking: reads the zone's file).

    For example ``CST-1:00:00DST01:00:00,M3.5.0/02:00:00,M10.5.0/03:00:00``: POSIX in
    other clothes, with how much the clock is put forward after DST. None for a zone
    that cannot be said in this way.
    """
    rule = _posix_rule(zone.key)
    found = None if rule is None else _RULE.fullmatch(rule)
    if found is None:
        return None
    offset = _seconds(found["offset"])
    hours, rest = divmod(abs(offset), 3600)
    sign = "-" if offset < 0 else "+"
    text = f"CST{sign}{hours}:{rest // 60:02}:{rest % 60:02}"
    if found["begin"] is None:
        return text
    summer = offset - 3600 if found["summer"] is None else _seconds(found["summer"])
    times = [_seconds(found[name] or "2") for name in ("begin_time", "end_time")]
    if summer >= offset or not all(0 <= time < 24 * 3600 for time in times):
        # Devices know neither a winter time nor changes on another day.
        return None
    begin, end = (_clock(time) for time in times)
    return (
        f"{text}DST{_clock(offset - summer)},{found['begin']}/{begin},"
        f"{found['end']}/{end}"
    )


def _posix_rule(key: str) -> str | None:
    """Return the rule at the end of a zone's file (RFC 9636, section 3.3)."""
    for folder in TZPATH:
        path = Path(folder, key)
        if path.is_file():
            return _footer(path.read_bytes())
    try:
        package, _, name = f"tzdata.zoneinfo.{key.replace('/', '.')}".rpartition(".")
        return _footer(resources.files(package).joinpath(name).read_bytes())
    except FileNotFoundError, ModuleNotFoundError, ValueError:
        return None


def _footer(content: bytes) -> str | None:
    lines = content.rsplit(b"\n", 2)
    return lines[1].decode("ascii", "replace") if len(lines) == 3 else None


def _seconds(text: str) -> int:
    sign = -1 if text.startswith("-") else 1
    hours, minutes, seconds, *_ = [
        *(int(part) for part in text.lstrip("+-").split(":")),
        0,
        0,
    ]
    return sign * (hours * 3600 + minutes * 60 + seconds)


def _clock(seconds: int) -> str:
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
