"""Reads the bits of parameter sets."""


class BitReader:
    """Reads bits and Exp-Golomb codes (ITU-T H.264, 9.1) from a unit's payload.

    All methods raise ValueError at the end of the data.
    """

    def __init__(self, unit: bytes) -> None:
        """Read a unit; its emulation prevention bytes (7.4.1) are left out."""
        payload = unit.replace(b"\x00\x00\x03", b"\x00\x00")
        self._value = int.from_bytes(payload)
        self._left = len(payload) * 8

    def bits(self, count: int) -> int:
        """Return the next bits as a number."""
        if count > self._left:
            raise ValueError("The parameter set is too short")
        self._left -= count
        return self._value >> self._left & ((1 << count) - 1)

    def flag(self) -> bool:
        """Return the next bit."""
        return self.bits(1) == 1

    def unsigned(self) -> int:
        """Return an unsigned Exp-Golomb code, ue(v)."""
        zeros = 0
        while not self.flag():
            zeros += 1
            if zeros > 32:
                raise ValueError("A code of the parameter set is too long")
        return (1 << zeros) - 1 + self.bits(zeros)

    def signed(self) -> int:
        """Return a signed Exp-Golomb code, se(v)."""
        code = self.unsigned()
        return (code + 1) // 2 if code % 2 else -(code // 2)
