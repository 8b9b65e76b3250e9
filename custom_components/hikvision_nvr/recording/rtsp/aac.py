"""AAC out of RTP payloads (RFC 3640)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

from ..bits import BitReader
from .messages import to_number

FRAME = 1024
"""Samples of a frame of AAC-LC (ISO/IEC 14496-3)."""
_RATES = (
    *(96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000),
    *(22_050, 16_000, 12_000, 11_025, 8_000, 7_350),
)
_MOST_RATE = 48_000
_MOST_CONFIGURATION = 64
_MOST_FRAME = 8 << 10
"""Bytes: 6144 bits for each of some channels (ISO/IEC 14496-3)."""


@dataclass(frozen=True, slots=True)
class AacLayout:
    """How long the fields before each frame are, in bits (RFC 3640, section 4.1)."""

    size: int
    index: int
    delta: int

    @classmethod
    def read(cls, parameters: Mapping[str, str]) -> Self:
        """Read them from a description. Raises ValueError for what is not taken."""
        mode = parameters.get("mode", "").lower()
        usual = {"aac-hbr": (13, 3, 3), "aac-lbr": (6, 2, 2)}.get(mode, (0, 0, 0))
        names = ("sizelength", "indexlength", "indexdeltalength")
        lengths = [
            known if (known := to_number(parameters.get(name, ""))) is not None else one
            for name, one in zip(names, usual, strict=True)
        ]
        others = ("ctsdeltalength", "dtsdeltalength", "streamstateindication")
        if any(to_number(parameters.get(name, "0")) != 0 for name in others):
            raise ValueError("AAC with times of its own is not taken")
        if to_number(parameters.get("randomaccessindication", "0")) != 0:
            raise ValueError("AAC with random access points is not taken")
        if to_number(parameters.get("auxiliarydatasizelength", "0")) != 0:
            raise ValueError("AAC with auxiliary data is not taken")
        if not 0 < lengths[0] <= 16 or max(lengths[1:]) > 16:
            raise ValueError("The fields of the AAC stream cannot be")
        return cls(*lengths)


def parse_configuration(configuration: bytes) -> tuple[int, int]:
    """Return rate and channels of an AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1).

    Raises ValueError for what cannot be recorded.
    """
    if not 2 <= len(configuration) <= _MOST_CONFIGURATION:
        raise ValueError("The AAC stream is not described")
    # A configuration has no emulation prevention: three bytes that look like it are
    # too rare to matter in the first four.
    reader = BitReader(configuration[:5])
    kind = reader.bits(5)
    index = reader.bits(4)
    rate = reader.bits(24) if index == 15 else (*_RATES, 0, 0)[index]
    channels = reader.bits(4)
    if kind not in {2, 5, 29} or not 0 < rate <= _MOST_RATE or not 0 < channels <= 7:
        raise ValueError("The AAC stream is of a kind that cannot be recorded")
    return rate, 8 if channels == 7 else channels


class AacFrames:
    """Frames of AAC."""

    def __init__(
        self, layout: AacLayout, step: int, on_frame: Callable[[bytes, int], None]
    ) -> None:
        """Pass each on with its timestamp; ``step`` is the timestamps' of a frame."""
        self._layout = layout
        self._step = step
        self._on_frame = on_frame
        self._rest: bytearray | None = None
        self._wanted = 0
        self._timestamp = 0
        self.damaged = 0
        """Packets that could not be understood."""

    def push(self, payload: memoryview, timestamp: int, marker: bool) -> None:
        """Take a payload (RFC 3640, section 3.2)."""
        try:
            sizes, begin = self._sizes(payload)
        except ValueError:
            self.damaged += 1
            self._rest = None
            return
        if len(sizes) == 1 and sizes[0] > len(payload) - begin:
            self._go_on(payload[begin:], sizes[0], timestamp)
            return
        self._rest = None
        for number, size in enumerate(sizes):
            frame = bytes(payload[begin : begin + size])
            begin += size
            if len(frame) != size or not size:
                self.damaged += 1
                return
            self._on_frame(frame, timestamp + number * self._step)

    def lost(self) -> None:
        """Packets before the next one are missing."""
        self._rest = None

    def _sizes(self, payload: memoryview) -> tuple[list[int], int]:
        """Return the sizes of the frames, and where they begin. Raises ValueError."""
        if len(payload) < 2:
            raise ValueError("The packet is too short")
        bits = payload[0] << 8 | payload[1]
        begin = 2 + (bits + 7) // 8
        if begin > len(payload):
            raise ValueError("The packet's header is longer than the packet")
        fields = int.from_bytes(payload[2:begin])
        left = (begin - 2) * 8
        layout, sizes = self._layout, list[int]()
        index = layout.index
        while bits >= layout.size + index:
            left -= layout.size
            size = fields >> left & (1 << layout.size) - 1
            left -= index
            if fields >> left & (1 << index) - 1:
                raise ValueError("Interleaved frames are not taken")
            bits -= layout.size + index
            index = layout.delta
            if size > _MOST_FRAME:
                raise ValueError("A frame is too large")
            sizes.append(size)
        return sizes, begin

    def _go_on(self, part: memoryview, size: int, timestamp: int) -> None:
        """Take a fragment of a frame (RFC 3640, section 3.2.3)."""
        if self._rest is None or (size, timestamp) != (self._wanted, self._timestamp):
            self._rest, self._wanted, self._timestamp = bytearray(), size, timestamp
        self._rest += part
        if len(self._rest) == size:
            self._on_frame(bytes(self._rest), timestamp)
            self._rest = None
        elif len(self._rest) > size:
            self.damaged += 1
            self._rest = None
