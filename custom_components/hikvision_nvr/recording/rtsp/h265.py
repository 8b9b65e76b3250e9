"""H.265 out of RTP payloads (RFC 7798): single units, AP and FU, without DONL fields."""

from typing import override

from .access_units import AccessUnits

_AGGREGATION, _FRAGMENT = 48, 49


class H265Units(AccessUnits):
    """Access units of H.265."""

    @override
    def unpack(self, payload: memoryview) -> None:
        """Take a payload apart (RFC 7798, section 4.4)."""
        if len(payload) < 3:
            self.damage()
            return
        kind = payload[0] >> 1 & 63
        if kind == _FRAGMENT:
            header = payload[2]
            if header & 0x80:
                # Section 4.4.3: the type of the unit is in the fragment's header.
                head = bytes((payload[0] & 0x81 | (header & 63) << 1, payload[1]))
                self.begin(head, payload[3:])
                if header & 0x40:
                    self.go_on(payload[:0], last=True)
            else:
                self.go_on(payload[3:], last=bool(header & 0x40))
        elif kind == _AGGREGATION:
            # RFC 7798, section 4.4.2.
            self.split(payload[2:])
        elif kind < _AGGREGATION:
            self.add(bytes(payload))
        else:
            self.damage()

    @override
    def is_picture(self, unit: bytes) -> bool:
        """Tell whether a unit is a slice segment (ITU-T H.265, table 7-1)."""
        return unit[0] >> 1 & 63 < 32

    @override
    def is_first(self, unit: bytes) -> bool:
        """Tell first_slice_segment_in_pic_flag (H.265, 7.3.6.1)."""
        return len(unit) < 3 or unit[2] >= 0x80
