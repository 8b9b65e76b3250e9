"""RTSP addresses of cameras."""

from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

_ENCRYPTED = 322


def rtsp_url(
    host: str,
    port: int,
    username: str,
    password: str,
    channel: int,
    *,
    stream: int = 1,
    path: str = "",
) -> str:
    """Return a camera's stream URL (RFC 2326, RFC 3986).

    ``stream`` 1 is the main stream, 2 the sub stream, by Hikvision's paths. Another
    brand has ``path`` (and query), whichever the stream. User name and password may
    have any character. Port 322 is that of RTSP over TLS (RFC 7826, section 22.14).
    """
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    login = ""
    if username:
        login = f"{quote(username, safe='')}:{quote(password, safe='')}@"
    path = path.lstrip("/") or f"Streaming/Channels/{channel}{stream:02}"
    scheme = "rtsps" if port == _ENCRYPTED else "rtsp"
    return f"{scheme}://{login}{host}:{port}/{path}"


def replay_url(url: str, channel: int, start: datetime, end: datetime) -> str:
    """Return where a Hikvision device replays its own recording of a time.

    ``url`` is the stream's, for host and account. The times are as the device writes
    them, which may be its local time; not all firmware ends at ``end``.
    """
    parts = urlsplit(url)
    begin, until = (f"{one.astimezone(UTC):%Y%m%dT%H%M%SZ}" for one in (start, end))
    return (
        f"{parts.scheme}://{parts.netloc}/Streaming/tracks/{channel}01"
        f"?starttime={begin}&endtime={until}"
    )
