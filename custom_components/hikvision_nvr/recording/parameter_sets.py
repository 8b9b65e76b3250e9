"""What the parameter sets of a video stream say, and how an MP4 file holds them.

Sources: ITU-T H.264 and H.265, 7.3.2; ISO/IEC 14496-15, 5.3.3 (avcC) and 8.3.3 (hvcC);
RFC 6381 and ISO/IEC 14496-15, annex E, for the names of codecs.
"""

from collections.abc import Iterable
from dataclasses import dataclass
import struct
from typing import Self

from ..model import VideoCodec
from ..store.mp4 import box
from .bits import BitReader

_H264_SPS, _H264_PPS = 7, 8
_H265_VPS, _H265_SPS, _H265_PPS = 32, 33, 34
_H264_WITH_CHROMA = (100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135)


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoDescription:
    """What a player must know of a video stream. Width and height are pixels.

    ``name`` is the codec as browsers call it, ``entry`` the name of the sample entry
    and ``configuration`` the box that holds the parameter sets.
    """

    width: int
    height: int
    name: str
    entry: bytes
    configuration: bytes


class ParameterSets:
    """The parameter sets of a stream, which may change while it runs."""

    def __init__(self, codec: VideoCodec) -> None:
        """Know none yet."""
        self.codec = codec
        self._sets: dict[tuple[int, int], bytes] = {}

    @property
    def units(self) -> tuple[bytes, ...]:
        """The sets themselves, in the order in which a decoder wants them."""
        return tuple(unit for _, unit in sorted(self._sets.items()))

    def update(self, units: Iterable[bytes]) -> bool:
        """Take parameter sets; return whether that changed anything."""
        changed = False
        for unit in units:
            try:
                key = self._key(unit)
            except ValueError:
                continue
            if self._sets.get(key) != unit:
                self._sets[key] = unit
                changed = True
        return changed

    def describe(self) -> VideoDescription | None:
        """Return what they say, None while one is missing or cannot be read."""
        try:
            if self.codec is VideoCodec.H264:
                return self._describe_h264()
            return self._describe_h265()
        except ValueError:
            return None

    def _key(self, unit: bytes) -> tuple[int, int]:
        """Return a set's type and its number: a new one replaces the old one."""
        if self.codec is VideoCodec.H264:
            kind = unit[0] & 31
            if kind == _H264_SPS:
                if len(unit) < 5:
                    raise ValueError("The parameter set is too short")
                return kind, BitReader(unit[4:20]).unsigned()
            return kind, BitReader(unit[1:16]).unsigned()
        kind = unit[0] >> 1 & 63
        if kind == _H265_PPS:
            return kind, BitReader(unit[2:16]).unsigned()
        # One VPS and one SPS at a time: cameras have no layers.
        return kind, 0

    def _of(self, kind: int) -> list[bytes]:
        found = [unit for (one, _), unit in sorted(self._sets.items()) if one == kind]
        if not found:
            raise ValueError("A parameter set is missing")
        return found

    def _describe_h264(self) -> VideoDescription:
        sps, pps = self._of(_H264_SPS), self._of(_H264_PPS)
        known = _H264Sequence.read(sps[0])
        content = [
            bytes((1, *sps[0][1:4], 0xFF, 0xE0 | len(sps))),
            *(struct.pack(">H", len(unit)) + unit for unit in sps),
            bytes((len(pps),)),
            *(struct.pack(">H", len(unit)) + unit for unit in pps),
        ]
        if sps[0][1] in (100, 110, 122, 144):
            content.append(
                bytes(
                    (
                        0xFC | known.chroma,
                        0xF8 | known.luma_depth - 8,
                        0xF8 | known.chroma_depth - 8,
                        0,
                    )
                )
            )
        return VideoDescription(
            width=known.width,
            height=known.height,
            name=f"avc1.{sps[0][1:4].hex().upper()}",
            entry=b"avc1",
            configuration=box(b"avcC", *content),
        )

    def _describe_h265(self) -> VideoDescription:
        groups = [(kind, self._of(kind)) for kind in (_H265_VPS, _H265_SPS, _H265_PPS)]
        known = _H265Sequence.read(groups[1][1][0])
        content = [
            b"\x01",
            known.profile,
            struct.pack(
                ">HBBBB",
                0xF000,
                0xFC,
                0xFC | known.chroma,
                0xF8 | known.luma_depth - 8,
                0xF8 | known.chroma_depth - 8,
            ),
            # No constant frame rate; the number of layers; lengths of four bytes.
            struct.pack(">HB", 0, known.layers << 3 | known.nested << 2 | 3),
            bytes((len(groups),)),
        ]
        for kind, units in groups:
            content.append(struct.pack(">BH", 0x80 | kind, len(units)))
            content.extend(struct.pack(">H", len(unit)) + unit for unit in units)
        return VideoDescription(
            width=known.width,
            height=known.height,
            name=_h265_name(known.profile),
            entry=b"hvc1",
            configuration=box(b"hvcC", *content),
        )


def _h265_name(profile: bytes) -> str:
    space, idc = profile[0] >> 6, profile[0] & 31
    tier = "H" if profile[0] & 0x20 else "L"
    compatibility = int(f"{int.from_bytes(profile[1:5]):032b}"[::-1], 2)
    constraints = profile[5:11].rstrip(b"\x00")
    parts = [
        f"hvc1.{'ABC'[space - 1] if space else ''}{idc}",
        f"{compatibility:X}",
        f"{tier}{profile[11]}",
        *(f"{value:X}" for value in constraints),
    ]
    return ".".join(parts)


@dataclass(frozen=True, slots=True)
class _H264Sequence:
    width: int
    height: int
    chroma: int
    luma_depth: int
    chroma_depth: int

    @classmethod
    def read(cls, unit: bytes) -> Self:
        """Read a sequence parameter set (7.3.2.1.1). Raises ValueError."""
        reader = BitReader(unit[1:])
        profile = reader.bits(8)
        reader.bits(16)
        reader.unsigned()
        chroma, luma_depth, chroma_depth = 1, 8, 8
        if profile in _H264_WITH_CHROMA:
            chroma = reader.unsigned()
            if chroma == 3:
                reader.flag()
            luma_depth, chroma_depth = 8 + reader.unsigned(), 8 + reader.unsigned()
            reader.flag()
            if reader.flag():
                for number in range(8 if chroma != 3 else 12):
                    if reader.flag():
                        _skip_scaling_list(reader, 16 if number < 6 else 64)
        reader.unsigned()
        order = reader.unsigned()
        if order == 0:
            reader.unsigned()
        elif order == 1:
            reader.flag()
            reader.signed()
            reader.signed()
            for _ in range(reader.unsigned()):
                reader.signed()
        reader.unsigned()
        reader.flag()
        width = (reader.unsigned() + 1) * 16
        map_units = reader.unsigned() + 1
        frames_only = reader.flag()
        height = map_units * 16 * (1 if frames_only else 2)
        if not frames_only:
            reader.flag()
        reader.flag()
        if reader.flag():
            across = 1 if chroma in (0, 3) else 2
            down = (2 if chroma == 1 else 1) * (1 if frames_only else 2)
            width -= across * (reader.unsigned() + reader.unsigned())
            height -= down * (reader.unsigned() + reader.unsigned())
        _check_size(width, height)
        return cls(width, height, chroma, luma_depth, chroma_depth)


@dataclass(frozen=True, slots=True)
class _H265Sequence:
    width: int
    height: int
    chroma: int
    luma_depth: int
    chroma_depth: int
    layers: int
    nested: int
    profile: bytes

    @classmethod
    def read(cls, unit: bytes) -> Self:
        """Read a sequence parameter set (7.3.2.2.1). Raises ValueError."""
        reader = BitReader(unit[2:])
        reader.bits(4)
        layers = reader.bits(3) + 1
        nested = reader.bits(1)
        # Profile, compatibility, constraints and level, as hvcC has them, too.
        profile = reader.bits(96).to_bytes(12)
        present = [(reader.flag(), reader.flag()) for _ in range(layers - 1)]
        if layers > 1:
            reader.bits(2 * (8 - (layers - 1)))
        for has_profile, has_level in present:
            reader.bits((88 if has_profile else 0) + (8 if has_level else 0))
        reader.unsigned()
        chroma = reader.unsigned()
        if chroma == 3:
            reader.flag()
        width, height = reader.unsigned(), reader.unsigned()
        if reader.flag():
            across = 2 if chroma in (1, 2) else 1
            down = 2 if chroma == 1 else 1
            width -= across * (reader.unsigned() + reader.unsigned())
            height -= down * (reader.unsigned() + reader.unsigned())
        luma_depth, chroma_depth = 8 + reader.unsigned(), 8 + reader.unsigned()
        _check_size(width, height)
        return cls(
            width, height, chroma, luma_depth, chroma_depth, layers, nested, profile
        )


def _skip_scaling_list(reader: BitReader, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + reader.signed()) % 256
        last = following or last


def _check_size(width: int, height: int) -> None:
    if not (0 < width < 1 << 16 and 0 < height < 1 << 16):
        raise ValueError(f"A picture of {width} x {height} cannot be")
