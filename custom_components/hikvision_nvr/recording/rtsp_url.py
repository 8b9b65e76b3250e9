"""RTSP addresses of cameras."""

from urllib.parse import quote


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
    have any character.
    """
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    login = ""
    if username:
        login = f"{quote(username, safe='')}:{quote(password, safe='')}@"
    path = path.lstrip("/") or f"Streaming/Channels/{channel}{stream:02}"
    return f"rtsp://{login}{host}:{port}/{path}"
