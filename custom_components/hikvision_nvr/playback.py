"""Who may look at which footage: addresses that cannot be guessed, for some hours."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
import secrets
import time

from homeassistant.core import callback

from .const import DOMAIN

VALIDITY = 12 * 3600.0
"""Seconds: as long as somebody may leave a page with a player open."""
_MOST = 1000

_URL = f"/api/{DOMAIN}/footage/{{entry_id}}/{{token}}"
PLAYLIST_URL = f"{_URL}/{{playlist:index|media}}.m3u8"
SEGMENT_URL = f"{_URL}/{{segment_id:[0-9]+}}.mp4"


@dataclass(frozen=True, slots=True)
class Playback:
    """Footage that somebody was given an address of."""

    folder: str
    start: datetime
    end: datetime


class Playbacks:
    """The footage that has an address now.

    A player asks for dozens of ranges in many files; one address for all of them needs
    no signature each. Whoever comes with one that is over gets 404 and no ban.
    """

    def __init__(self, entry_id: str) -> None:
        """Give addresses of this recorder's footage."""
        self._entry_id = entry_id
        self._known: OrderedDict[str, tuple[float, Playback]] = OrderedDict()

    @callback
    def async_url(self, playback: Playback) -> str:
        """Return an address for this footage."""
        token = secrets.token_urlsafe(24)
        self._known[token] = (time.monotonic() + VALIDITY, playback)
        while len(self._known) > _MOST:
            self._known.popitem(last=False)
        return f"{_URL.format(entry_id=self._entry_id, token=token)}/index.m3u8"

    @callback
    def async_find(self, token: str) -> Playback | None:
        """Return the footage of a token, None when it is over or was never given."""
        until, playback = self._known.get(token, (0.0, None))
        return playback if until > time.monotonic() else None
