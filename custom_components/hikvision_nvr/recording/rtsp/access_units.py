"""Access units out of RTP payloads, whatever the codec.

A unit ends with the packet that is marked as its last, or where the timestamp changes.
Nothing but whole units is passed on: with a packet missing, a decoder would smear.
"""

from collections.abc import Callable

MOST_BYTES = 16 << 20
_MOST_UNITS = 4096
"""Of an access unit: what is larger is no picture of a camera."""
_START = b"\x00\x00\x01"
_LOOK = 128
"""Bytes of a unit's beginning in which start codes are looked for."""

type OnAccessUnit = Callable[[list[bytes], int], None]
"""Takes NAL units and their timestamp."""


class AccessUnits:
    """Gathers the NAL units of one access unit after the other."""

    def __init__(self, on_unit: OnAccessUnit) -> None:
        """Pass whole ones on."""
        self._on_unit = on_unit
        self._units: list[bytes] = []
        self._size = 0
        self._fragments: bytearray | None = None
        self._timestamp: int | None = None
        self._picture = False
        self._damaged = False
        # A stream may begin in the middle of a picture.
        self._after_loss = True
        self._ended_at: int | None = None
        self._marked = True
        self.damaged = 0
        """Access units that were dropped."""

    # What a codec says of its payloads and units.

    def unpack(self, payload: memoryview) -> None:
        """Take a payload apart: call ``add``, ``split``, ``begin``, ``go_on`` and ``damage``."""
        raise NotImplementedError

    def is_picture(self, unit: bytes) -> bool:
        """Tell whether a unit is part of a picture."""
        raise NotImplementedError

    def is_first(self, unit: bytes) -> bool:
        """Tell whether a unit of a picture is its first."""
        raise NotImplementedError

    # What a track calls.

    def push(self, payload: memoryview, timestamp: int, marker: bool) -> None:
        """Take a payload."""
        if timestamp != self._timestamp:
            if self._timestamp is not None:
                self._end()
            self._timestamp = timestamp
        self.unpack(payload)
        if marker and self._marked:
            self._end()

    def lost(self) -> None:
        """Packets before the next one are missing."""
        if self._units or self._fragments is not None:
            self._damaged = True
        self._fragments = None
        self._after_loss = True

    # What a codec calls.

    def add(self, unit: bytes) -> None:
        """Take a whole NAL unit."""
        if self._fragments is not None:
            # The last unit has not come to its end.
            self._fragments = None
            self._damaged = True
        self._keep(unit)

    def split(self, payload: memoryview) -> None:
        """Take several units, each after its length in two bytes."""
        at, size = 0, len(payload)
        while at + 2 <= size:
            begin = at + 2
            at = begin + (payload[at] << 8 | payload[at + 1])
            if at > size:
                self.damage()
                return
            if begin < at:
                self.add(bytes(payload[begin:at]))

    def begin(self, head: bytes, payload: memoryview) -> None:
        """Take the first fragment of a unit, after its header."""
        if self._fragments is not None:
            self._damaged = True
        fragments = self._fragments = bytearray(head)
        fragments += payload

    def go_on(self, payload: memoryview, *, last: bool) -> None:
        """Take another fragment."""
        fragments = self._fragments
        if fragments is None:
            self.damage()
            return
        fragments += payload
        if len(fragments) + self._size > MOST_BYTES:
            self._fragments = None
            self.damage()
        elif last:
            self._fragments = None
            self._keep(bytes(fragments))

    def damage(self) -> None:
        """Give up the access unit: some of it cannot be had."""
        self._damaged = True

    def _keep(self, unit: bytes) -> None:
        if unit.find(_START, 0, _LOOK) >= 0:
            # No unit has a start code in it: some firmware sends a byte stream.
            for part in unit.split(_START):
                if part := part.rstrip(b"\x00"):
                    self._keep_one(part)
        else:
            self._keep_one(unit)

    def _keep_one(self, unit: bytes) -> None:
        size = self._size + len(unit)
        if size > MOST_BYTES or len(self._units) == _MOST_UNITS:
            self.damage()
            return
        if not self._picture and self.is_picture(unit):
            self._picture = True
            if not self.is_first(unit):
                if self._after_loss:
                    self._damaged = True
                elif self._timestamp == self._ended_at:
                    # The rest of a picture whose end was marked too early: from now
                    # on the timestamps alone tell.
                    self._marked = False
                    self._damaged = True
            self._after_loss = False
        self._size = size
        self._units.append(unit)

    def _end(self) -> None:
        """End the access unit. One without a picture goes with the next one."""
        if self._fragments is not None:
            self._fragments = None
            self._damaged = True
        if self._damaged:
            self.damaged += 1
        elif not self._picture and len(self._units) < _MOST_UNITS:
            return
        units, timestamp, whole = self._units, self._timestamp, not self._damaged
        self._units, self._size = [], 0
        self._picture = self._damaged = False
        self._ended_at = timestamp
        if whole and units and timestamp is not None:
            self._on_unit(units, timestamp)
