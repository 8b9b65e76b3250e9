"""Who may look at what: addresses that cannot be guessed, for some hours.

Players ask for playlists and files without any header of ours, and pictures by the
hundred: one address for all of them needs no signature each. Whoever comes with one
that is over gets 404, and no ban as a wrong signature would bring.
"""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
import secrets
import time

from homeassistant.core import callback

from .const import DOMAIN
from .recording import FilmFile

VALIDITY = 12 * 3600.0
"""Seconds: as long as somebody may leave a page with a player open."""
_DOWNLOADS = 20
"""An index of a quarter of an hour is some megabytes."""

_FOOTAGE_URL = f"/api/{DOMAIN}/footage/{{entry_id}}/{{token}}"
PLAYLIST_URL = f"{_FOOTAGE_URL}/{{playlist:index|media}}.m3u8"
SEGMENT_URL = f"{_FOOTAGE_URL}/{{segment_id:[0-9]+}}.mp4"
DOWNLOAD_URL = f"/api/{DOMAIN}/download/{{entry_id}}/{{token}}.mp4"
_THUMBNAILS_URL = f"/api/{DOMAIN}/thumbnail/{{entry_id}}/{{token}}/"
THUMBNAIL_URL = f"{_THUMBNAILS_URL}{{capture_id:[^/]+}}"
FRAME_URL = f"{_THUMBNAILS_URL}footage/{{segment_id:[0-9]+}}"


@dataclass(frozen=True, slots=True)
class Playback:
    """Footage that somebody was given an address of."""

    folder: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Download:
    """Footage that somebody was given as one file, under a name."""

    file: FilmFile
    name: str


class Tokens[T]:
    """What has an address now, the newest ``most`` of it."""

    def __init__(self, most: int = 1000) -> None:
        """Know no token yet."""
        self._most = most
        self._known: OrderedDict[str, tuple[float, T]] = OrderedDict()

    @callback
    def async_add(self, value: T) -> str:
        """Return a token that stands for a value."""
        token = secrets.token_urlsafe(24)
        self._known[token] = (time.monotonic() + VALIDITY, value)
        while len(self._known) > self._most:
            self._known.popitem(last=False)
        return token

    @callback
    def async_find(self, token: str) -> T | None:
        """Return the value of a token, None when it is over or was never given."""
        until, value = self._known.get(token, (0.0, None))
        return value if until > time.monotonic() else None


class Playbacks(Tokens[Playback]):
    """The footage that has an address now."""

    def __init__(self, entry_id: str) -> None:
        """Give addresses of this recorder's footage."""
        super().__init__()
        self._entry_id = entry_id

    @callback
    def async_url(self, playback: Playback) -> str:
        """Return an address for this footage."""
        token = self.async_add(playback)
        return f"{_FOOTAGE_URL.format(entry_id=self._entry_id, token=token)}/index.m3u8"


class Downloads(Tokens[Download]):
    """The footage that is offered as a file now."""

    def __init__(self, entry_id: str) -> None:
        """Give addresses of this recorder's footage."""
        super().__init__(_DOWNLOADS)
        self._entry_id = entry_id

    @callback
    def async_url(self, download: Download) -> str:
        """Return an address for this file."""
        token = self.async_add(download)
        return DOWNLOAD_URL.format(entry_id=self._entry_id, token=token)


class ThumbnailAccess(Tokens[str]):
    """The cameras whose small pictures somebody may see.

    A camera keeps its token for half of the time that it is valid, so that browsers
    find in their caches what they have seen.
    """

    def __init__(self, entry_id: str) -> None:
        """Give addresses of this recorder's thumbnails."""
        super().__init__()
        self._entry_id = entry_id
        self._newest: dict[str, tuple[float, str]] = {}

    @callback
    def async_url(self, folder: str) -> str:
        """Return the address below which a camera's thumbnails are."""
        renewed, token = self._newest.get(folder, (0.0, ""))
        now = time.monotonic()
        if not token or now > renewed:
            token = self.async_add(folder)
            self._newest[folder] = (now + VALIDITY / 2, token)
        return _THUMBNAILS_URL.format(entry_id=self._entry_id, token=token)
