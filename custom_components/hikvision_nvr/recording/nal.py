"""Network abstraction layer units of H.264 (ITU-T H.264, 7.3.1) and H.265 (7.3.1.2)."""

from collections.abc import Iterable
import struct

from ..model import VideoCodec

_START = b"\x00\x00\x01"
_LENGTH = struct.Struct(">I")

_H264_IDR = 5
_H264_SETS = (7, 8)
_H264_DELIMITERS = (9, 10, 11, 12)
"""Access unit delimiter, ends of sequence and stream, filler."""
_H265_FIRST_KEY, _H265_LAST_KEY = 16, 21
_H265_SETS = (32, 33, 34)
_H265_DELIMITERS = (35, 36, 37, 38)
_H264_PICTURES = range(1, 6)
_H265_PICTURES = range(32)


def split_byte_stream(data: bytes) -> list[bytes]:
    """Return the units of a byte stream (Annex B), without their start codes."""
    units: list[bytes] = []
    start = data.find(_START)
    while start >= 0:
        begin = start + 3
        start = data.find(_START, begin)
        unit = data[begin:] if start < 0 else data[begin:start]
        if unit.endswith(b"\x00"):
            # What follows a unit is not part of it: its last byte is never zero.
            unit = unit.rstrip(b"\x00")
        if unit:
            units.append(unit)
    return units


def join_with_lengths(units: Iterable[bytes]) -> bytes:
    """Return units as a sample of an MP4 file has them, each after its length."""
    parts: list[bytes] = []
    for unit in units:
        parts.append(_LENGTH.pack(len(unit)))
        parts.append(unit)
    return b"".join(parts)


class UnitSorter:
    """Tells pictures, key pictures and parameter sets of a codec apart."""

    def __init__(self, codec: VideoCodec) -> None:
        """Know the unit types of this codec."""
        self._h264 = codec is VideoCodec.H264

    def sort(self, units: Iterable[bytes]) -> tuple[list[bytes], list[bytes], bool]:
        """Return what to keep, the parameter sets, and whether it is a key frame.

        Without a picture nothing is kept: such units are no frame.
        """
        keep: list[bytes] = []
        sets: list[bytes] = []
        key = picture = False
        for unit in units:
            if self._h264:
                kind = unit[0] & 31
                is_set, is_delimiter = kind in _H264_SETS, kind in _H264_DELIMITERS
                is_key, is_picture = kind == _H264_IDR, kind in _H264_PICTURES
            else:
                kind = unit[0] >> 1 & 63
                is_set, is_delimiter = kind in _H265_SETS, kind in _H265_DELIMITERS
                is_key = _H265_FIRST_KEY <= kind <= _H265_LAST_KEY
                is_picture = kind in _H265_PICTURES
            if is_set:
                sets.append(unit)
            elif not is_delimiter:
                keep.append(unit)
                key = key or is_key
                picture = picture or is_picture
        return (keep if picture else []), sets, key
