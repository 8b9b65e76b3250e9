"""H.264 out of RTP payloads (RFC 6184): single units, STAP-A and FU-A.

These are all that the packetization modes 0 and 1 have (section 6.2 and 6.3); mode 2 is
not taken.
"""

from typing import override

from .access_units import AccessUnits

_STAP_A, _FU_A = 24, 28


class H264Units(AccessUnits):
    """Access units of H.264."""

    @override
    def unpack(self, payload: memoryview) -> None:
        """Take a payload apart (RFC 6184, section 5.4)."""
        indicator = payload[0]
        kind = indicator & 31
        if kind == _FU_A:
            if len(payload) < 3:
                self.damage()
                return
            header = payload[1]
            if header & 0x80:
                # Section 5.8: the unit's own header is spread over both.
                self.begin(bytes((indicator & 0xE0 | header & 31,)), payload[2:])
                if header & 0x40:
                    self.go_on(payload[:0], last=True)
            else:
                self.go_on(payload[2:], last=bool(header & 0x40))
        elif kind == _STAP_A:
            # RFC 6184, section 5.7.1.
            self.split(payload[1:])
        elif 0 < kind < _STAP_A:
            self.add(bytes(payload))
        else:
            self.damage()

    @override
    def is_picture(self, unit: bytes) -> bool:
        """Tell whether a unit is a slice (ITU-T H.264, table 7-1)."""
        return 1 <= unit[0] & 31 <= 5

    @override
    def is_first(self, unit: bytes) -> bool:
        """Tell whether a slice begins with the first macroblock (H.264, 7.3.3)."""
        # An Exp-Golomb code of zero is a single one bit. Data partitions B and C have
        # other fields there.
        return unit[0] & 31 in {3, 4} or len(unit) < 2 or unit[1] >= 0x80
